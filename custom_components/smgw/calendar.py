"""What participants have ordered for now and later, as a calendar."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, override

from homeassistant.components.calendar import (
    CalendarEntity,
    CalendarEntityDescription,
    CalendarEvent,
)
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.util import dt as dt_util

from .bridge.room import ControlRoom
from .bridge.setup import OWNER
from .const_control import ORDERS_KEY
from .control.command import SetItem, SetLimit, SetSchedule, Slot
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


@dataclass(frozen=True, slots=True)
class _Order:
    """What one event is about; the event itself is made only if somebody sees it."""

    line: Line
    start: datetime
    slot: Slot | None = None
    """Of a schedule."""

    def end(self, now: datetime) -> datetime:
        """Return when it ends."""
        if self.slot is not None:
            return self.slot.end
        return self.line.until or max(now, self.start) + _OPEN_ENDED


class OrdersCalendar(ControlEntity, CalendarEntity):
    """Commands that are open: scheduled ones and those that hold now."""

    def __init__(self, room: ControlRoom, texts: Texts) -> None:
        """Attach to the gateway's device."""
        super().__init__(room, CALENDAR)
        self._texts = texts
        self._next: tuple[_Order, CalendarEvent] | None = None
        """Asked for several times for each state that is written."""

    @property
    @override
    def event(self) -> CalendarEvent | None:
        """Return what holds now, or comes next."""
        now = dt_util.utcnow()
        ahead = [order for order in self._orders() if order.end(now) > now]
        order = min(ahead, key=lambda order: order.start, default=None)
        if order is None:
            return None
        if self._next is not None:
            known, event = self._next
            same = known == order and event.summary == self._said(order)
            if same and event.end_datetime_local > now:
                return event
        event = self._event(order, now)
        self._next = order, event
        return event

    @override
    async def async_get_events(
        self, hass: HomeAssistant, start_date: datetime, end_date: datetime
    ) -> list[CalendarEvent]:
        """Return what is open in a span of time."""
        now = dt_util.utcnow()
        found = [
            order
            for order in self._orders()
            if order.start < end_date and order.end(now) > start_date
        ]
        found.sort(key=lambda order: order.start)
        return [self._event(order, now) for order in found]

    @override
    def _look(self) -> tuple[Any, Key | None]:
        return self.room.picture.commands, None

    def _orders(self) -> Iterator[_Order]:
        for line in self.room.picture.commands:
            if line.participant_id == OWNER:
                continue
            if isinstance(line.body, SetSchedule):
                for slot in line.body.slots:
                    yield _Order(line, slot.start, slot)
            elif isinstance(line.body, SetLimit | SetItem):
                yield _Order(line, line.start)

    def _event(self, order: _Order, now: datetime) -> CalendarEvent:
        return CalendarEvent(
            start=dt_util.as_local(order.start),
            end=dt_util.as_local(order.end(now)),
            summary=self._said(order),
            uid=f"{order.line.transaction_id}-{order.start:%Y%m%dT%H%M%S}",
        )

    def _said(self, order: _Order) -> str:
        line = order.line
        who = self.room.name(line.participant_id) or line.participant_id
        match line.body:
            case SetItem(item_id=item_id, value=value, unit=unit):
                item = self.room.home.items().get(item_id)
                name = item_id if item is None else item.name
                shown = self._texts.value(value, unit)
                return self._texts.say("order_item", who=who, item=name, value=shown)
            case SetLimit(direction=direction, watts=watts, percent=percent):
                limit = f"{percent} %" if watts is None else f"{watts:f} W"
            case SetSchedule(direction=direction):
                assert order.slot is not None
                limit = f"{order.slot.value:f} W"
            case _:
                raise TypeError(line.body)
        return self._texts.say(f"order_{direction}", who=who, limit=limit)
