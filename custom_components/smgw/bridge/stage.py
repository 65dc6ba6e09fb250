"""How things stand, and what happens, as Home Assistant shows it.

Each command has one context of its own. The event `smgw_command` is the first to carry it, so that
the logbook names the participant beside everything that follows from the command.
"""

from asyncio import Handle
from bisect import insort
from collections import OrderedDict
from collections.abc import Callable, Mapping
from enum import IntEnum
from operator import itemgetter
from typing import Any, override

from homeassistant.core import CALLBACK_TYPE, Context, HomeAssistant, callback

from ..const_control import (
    ATTR_PARTICIPANT_ID,
    ATTR_REASON,
    ATTR_START,
    ATTR_TRANSACTION_ID,
    ATTR_TYPE,
    ATTR_UNTIL,
    EVENT_COMMAND,
)
from ..control import ports
from ..control.picture import Event, EventKind, Picture
from ..control.ports import Because
from ..control.record import Key
from .wording import described

_MOST_CONTEXTS = 500
CONTACT = frozenset({EventKind.CONTACT_LOST, EventKind.CONTACT_REGAINED})

type Details = Callable[[Event], Mapping[str, Any]]
type EventListener = Callable[[Event, Mapping[str, Any], Context], None]


class Turn(IntEnum):
    """Who shows a new picture before whom: what a flag wakes finds the values there."""

    VALUE = 0
    """What commands are about."""
    FLAG = 1
    """That there is such a value."""
    REST = 2
    """What tells about commands."""


class Stage(ports.Publisher):
    """Implements the port."""

    def __init__(self, hass: HomeAssistant, details: Details) -> None:
        """`details` says who and what an event is about, in the home's own names."""
        self._hass = hass
        self._details = details
        self.picture = Picture()
        self._contexts: OrderedDict[Key, Context] = OrderedDict()
        self._ended: Key | None = None
        self._viewers: list[tuple[Turn, Callable[[], None]]] = []
        self._listeners: list[EventListener] = []
        self._told: list[tuple[Event, Mapping[str, Any], Context]] = []
        self._soon: Handle | None = None

    # The port.

    @override
    def publish(self, picture: Picture) -> None:
        """Show the whole picture, behind what is announced together with it."""
        self.picture = picture
        self.show()

    @override
    def announce(self, event: Event) -> None:
        """Tell what happened, once."""
        if event.kind in CONTACT:
            return
        context, key = Context(), None
        if event.transaction_id is not None:
            key = event.participant_id, event.transaction_id
            context = self.context(key)
        data = {
            ATTR_TYPE: event.kind.value,
            ATTR_PARTICIPANT_ID: event.participant_id,
            ATTR_TRANSACTION_ID: event.transaction_id,
            ATTR_REASON: None if event.reason is None else event.reason.value,
            **described(event.body),
            **self._span(key),
            **self._details(event),
        }
        data = {name: value for name, value in data.items() if value is not None}
        self._hass.bus.async_fire(EVENT_COMMAND, data, context=context)
        self._told.append((event, data, context))
        if event.kind is EventKind.ENDED:
            self._ended = key

    @override
    def flush(self) -> None:
        """Show what waits to be shown, then tell the listeners."""
        told, self._told = self._told, []
        try:
            if self._soon is not None:
                self._soon.cancel()
                self._show()
        finally:
            for facts in told:
                for listener in list(self._listeners):
                    listener(*facts)

    # For entities.

    @callback
    def async_view(
        self, viewer: Callable[[], None], turn: Turn = Turn.REST
    ) -> CALLBACK_TYPE:
        """Call back whenever the picture has changed; in turn, and within one in the order they came."""
        entry = turn, viewer
        insort(self._viewers, entry, key=itemgetter(0))
        return lambda: self._viewers.remove(entry)

    @callback
    def async_listen(self, listener: EventListener) -> CALLBACK_TYPE:
        """Call back with what happens to commands."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    @callback
    def show(self) -> None:
        """Let all viewers look again, in a moment."""
        if self._soon is None:
            self._soon = self._hass.loop.call_soon(self._show)

    # Contexts.

    def adopt(self, key: Key, context: Context) -> None:
        """Let a command have the context of the action it was given by."""
        self._contexts[key] = context

    def context(self, key: Key) -> Context:
        """Return a command's context."""
        if key not in self._contexts:
            self._contexts[key] = Context()
            while len(self._contexts) > _MOST_CONTEXTS:
                self._contexts.popitem(last=False)
        self._contexts.move_to_end(key)
        return self._contexts[key]

    def context_of(self, because: Because) -> Context:
        """Return the context for a write: of its command, or of the limit it serves."""
        if because.participant_id is not None and because.transaction_id is not None:
            return self.context((because.participant_id, because.transaction_id))
        if because.why == "limit":
            limit = because.direction and self.picture.limits.get(because.direction)
            if limit and limit.transaction_id is not None:
                return self.context((limit.participant_id, limit.transaction_id))
        elif self._ended is not None:
            return self.context(self._ended)
        return Context()

    # Inside.

    @callback
    def _show(self) -> None:
        self._soon = None
        for _, viewer in list(self._viewers):
            viewer()

    def _span(self, key: Key | None) -> dict[str, Any]:
        for line in self.picture.commands:
            if (line.participant_id, line.transaction_id) == key:
                until = None if line.until is None else line.until.isoformat()
                return {ATTR_START: line.start.isoformat(), ATTR_UNTIL: until}
        return {}
