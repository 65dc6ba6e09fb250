"""What participants have ordered for now and later, as a calendar."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any, override

from homeassistant.components.calendar import (
    CalendarEntity,
    CalendarEntityDescription,
    CalendarEvent,
)
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.util import dt as dt_util

from .bridge.room import ControlRoom
from .bridge.setup import OWNER
from .const_control import ORDERS_KEY
from .control.command import SetItem, SetLimit, SetSchedule
from .control.picture import Line
from .control.record import Key
from .control_entity import Addition, ControlEntity, async_follow_setup
from .models import SmgwConfigEntry
from .texts import Texts

PARALLEL_UPDATES = 0

CALENDAR = CalendarEntityDescription(key=ORDERS_KEY, translation_key="orders")
# A calendar knows no events without an end.
_OPEN_ENDED = timedelta(days=1)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: SmgwConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the calendar."""
    if entry.runtime_data.control is not None:
        texts = await Texts.async_load(hass, hass.config.language)
        async_follow_setup(entry, async_add_entities, partial(_calendar, texts))


def _calendar(texts: Texts, room: ControlRoom) -> Iterator[Addition]:
    yield Addition(key=CALENDAR.key, make=partial(OrdersCalendar, room, texts))


class OrdersCalendar(ControlEntity, CalendarEntity):
    """Commands that are open: scheduled ones and those that hold now."""

    def __init__(self, room: ControlRoom, texts: Texts) -> None:
        """Attach to the gateway's device."""
        super().__init__(room, CALENDAR)
        self._texts = texts

    @property
    @override
    def event(self) -> CalendarEvent | None:
        """Return what holds now, or comes next."""
        now = dt_util.utcnow()
        ahead = [event for event in self._events(now) if event.end > now]
        return min(ahead, key=lambda event: event.start, default=None)

    @override
    async def async_get_events(
        self, hass: HomeAssistant, start_date: datetime, end_date: datetime
    ) -> list[CalendarEvent]:
        """Return what is open in a span of time."""
        found = (
            event
            for event in self._events(dt_util.utcnow())
            if event.start < end_date and event.end > start_date
        )
        return sorted(found, key=lambda event: event.start)

    @override
    def _look(self) -> tuple[Any, Key | None]:
        return self.room.picture.commands, None

    @callback
    def _events(self, now: datetime) -> Iterator[CalendarEvent]:
        for line in self.room.picture.commands:
            if line.participant_id != OWNER:
                yield from self._of(line, now)

    def _of(self, line: Line, now: datetime) -> Iterator[CalendarEvent]:
        who = self.room.name(line.participant_id) or line.participant_id
        until = line.until or max(now, line.start) + _OPEN_ENDED
        match line.body:
            case SetLimit(direction=direction, watts=watts, percent=percent):
                limit = f"{percent} %" if watts is None else f"{watts:f} W"
                said = self._texts.say(f"order_{direction}", who=who, limit=limit)
                yield self._event(line, line.start, until, said)
            case SetSchedule(direction=direction, slots=slots):
                for slot in slots:
                    limit = f"{slot.value:f} W"
                    said = self._texts.say(f"order_{direction}", who=who, limit=limit)
                    yield self._event(line, slot.start, slot.end, said)
            case SetItem(item_id=item_id, value=value, unit=unit):
                item = self.room.home.items().get(item_id)
                name = item_id if item is None else item.name
                shown = self._texts.value(value, unit)
                said = self._texts.say("order_item", who=who, item=name, value=shown)
                yield self._event(line, line.start, until, said)

    def _event(
        self, line: Line, start: datetime, end: datetime, said: str
    ) -> CalendarEvent:
        return CalendarEvent(
            start=dt_util.as_local(start),
            end=dt_util.as_local(end),
            summary=said,
            uid=f"{line.transaction_id}-{start:%Y%m%dT%H%M%S}",
        )
