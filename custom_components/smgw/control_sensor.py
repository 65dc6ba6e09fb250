"""Sensors of the control side: limits, until when, state machines, the price now, last contacts."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, override

from homeassistant.components.sensor import (
    SensorDeviceClass,
    SensorEntity,
    SensorEntityDescription,
    SensorStateClass,
)
from homeassistant.const import EntityCategory, UnitOfPower
from homeassistant.core import CALLBACK_TYPE, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.event import async_track_point_in_utc_time
from homeassistant.util import dt as dt_util

from .bridge.prices import PriceTable, price_table
from .bridge.room import ControlRoom
from .bridge.stage import Turn
from .const_control import ATTR_PARTICIPANT, ATTR_TRANSACTION_ID, PRICE_KEY, limit_key
from .control.limitation import LimitState
from .control.model import Direction
from .control.picture import HouseLimit, Supervision
from .control.record import Key
from .control_entity import (
    Addition,
    ControlEntity,
    DirectionEntity,
    ParticipantEntity,
    async_follow_setup,
    of_participants,
)
from .models import SmgwConfigEntry

# The state that says most about the home, where several participants are supervised.
_WEIGHT = (
    LimitState.FAILSAFE,
    LimitState.LIMITED,
    LimitState.INIT,
    LimitState.CONTROLLED,
    LimitState.AUTONOMOUS,
)
_COARSE = timedelta(minutes=5)
LAST_CONTACT = SensorEntityDescription(
    key="last_contact",
    translation_key="last_contact",
    device_class=SensorDeviceClass.TIMESTAMP,
    entity_category=EntityCategory.DIAGNOSTIC,
)
PRICE = SensorEntityDescription(
    key=PRICE_KEY,
    translation_key="price",
    state_class=SensorStateClass.MEASUREMENT,
    suggested_display_precision=4,
)


@dataclass(frozen=True, kw_only=True)
class LimitSensorDescription(SensorEntityDescription):
    """A fact of the limit that applies in a direction."""

    direction: Direction
    value_fn: Callable[[HouseLimit], Decimal | datetime | None]


def _descriptions(direction: Direction) -> Iterator[LimitSensorDescription]:
    key = limit_key(direction)
    yield LimitSensorDescription(
        key=key,
        translation_key=f"{direction}_limit",
        direction=direction,
        device_class=SensorDeviceClass.POWER,
        native_unit_of_measurement=UnitOfPower.WATT,
        suggested_display_precision=0,
        value_fn=lambda limit: limit.watts,
    )
    yield LimitSensorDescription(
        key=f"{key}_until",
        translation_key=f"{direction}_limit_until",
        direction=direction,
        device_class=SensorDeviceClass.TIMESTAMP,
        value_fn=lambda limit: limit.until,
    )


def _state(direction: Direction) -> SensorEntityDescription:
    return SensorEntityDescription(
        key=f"{limit_key(direction)}_state",
        translation_key=f"{direction}_limit_state",
        device_class=SensorDeviceClass.ENUM,
        options=list(LimitState),
        entity_category=EntityCategory.DIAGNOSTIC,
    )


@callback
def async_follow_control(
    entry: SmgwConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the sensors of the control side, if there is one."""
    async_follow_setup(entry, async_add_entities, _sensors)


def _sensors(room: ControlRoom) -> Iterator[Addition]:
    for direction in Direction:
        if not room.setup.limits(direction):
            continue
        for description in _descriptions(direction):
            yield Addition(
                key=description.key, make=partial(LimitSensor, room, description)
            )
        state = _state(direction)
        if room.setup.supervised(direction):
            yield Addition(
                key=state.key, make=partial(LimitStateSensor, room, state, direction)
            )
    if room.setup.prices:
        yield Addition(key=PRICE.key, make=partial(PriceSensor, room, PRICE))
    yield from of_participants(room, LastContactSensor, LAST_CONTACT)


class LimitSensor(ControlEntity, SensorEntity):
    """What the home has to keep in a direction; unknown while nothing is limited."""

    entity_description: LimitSensorDescription
    _turn = Turn.VALUE

    @property
    @override
    def native_value(self) -> Decimal | datetime | None:
        """Return the fact."""
        return None if self._shown is None else self._shown[0]

    @property
    @override
    def extra_state_attributes(self) -> dict[str, Any]:
        """Say whose limit it is; without a command it is the failsafe limit."""
        key: tuple[str | None, str | None] = (
            (None, None) if self._shown is None else self._shown[1]
        )
        name = None if key[0] is None else self.room.name(key[0])
        return {ATTR_PARTICIPANT: name, ATTR_TRANSACTION_ID: key[1]}

    @override
    def _look(self) -> tuple[Any, Key | None]:
        limit = self.room.picture.limits.get(self.entity_description.direction)
        if limit is None:
            return None, None
        value = self.entity_description.value_fn(limit)
        whose = limit.participant_id, limit.transaction_id
        cause = None if limit.transaction_id is None else limit.whose
        return (value, whose), cause if isinstance(cause, tuple) else None


class LimitStateSensor(DirectionEntity, SensorEntity):
    """Where the state machine of a direction stands."""

    @property
    @override
    def native_value(self) -> str | None:
        """Return the state."""
        return None if self._shown is None else str(self._shown)

    @override
    def _look(self) -> tuple[Any, Key | None]:
        picture = self.room.picture
        found: list[Supervision] = [
            supervision
            for (_, direction), supervision in picture.supervision.items()
            if direction is self._direction
        ]
        state = min((s.state for s in found), key=_WEIGHT.index, default=None)
        limit = picture.limits.get(self._direction)
        whose = None if limit is None else limit.whose
        return state, whose if isinstance(whose, tuple) else None


class PriceSensor(ControlEntity, SensorEntity):
    """The price of the present slot, of the table that counts."""

    _table: PriceTable | None = None
    _next: CALLBACK_TYPE | None = None

    @property
    @override
    def native_value(self) -> Decimal | None:
        """Return the price."""
        return None if self._shown is None else self._shown[0]

    @property
    @override
    def native_unit_of_measurement(self) -> str | None:
        """Return the table's unit."""
        return None if self._shown is None else self._shown[1]

    @property
    @override
    def extra_state_attributes(self) -> dict[str, Any]:
        """Say whose prices these are."""
        whose = None if self._table is None else self._table.participant_id
        return {ATTR_PARTICIPANT: None if whose is None else self.room.name(whose)}

    @override
    async def async_will_remove_from_hass(self) -> None:
        """Wait for no slot any more."""
        if self._next:
            self._next()

    @override
    def _look(self) -> tuple[Any, Key | None]:
        now = dt_util.utcnow()
        self._table = price_table(self.room)
        if self._next:
            self._next()
            self._next = None
        if self._table is None:
            return None, None
        if (edge := self._table.next_edge(now)) is not None:
            self._next = async_track_point_in_utc_time(
                self.hass, self._slot_begins, edge
            )
        slot = self._table.at(now)
        price = None if slot is None else slot.value
        return (price, self._table.unit, self._table.participant_id), None

    @callback
    def _slot_begins(self, _: datetime) -> None:
        self._next = None
        self._see()


class LastContactSensor(ParticipantEntity, SensorEntity):
    """When a participant was last heard; while it is there, to some minutes.

    A participant is heard every few seconds: exactly told, it would fill the logbook.
    """

    @property
    @override
    def native_value(self) -> datetime | None:
        """Return the time."""
        return None if self._shown is None else self._shown

    @override
    def _look(self) -> tuple[Any, Key | None]:
        who = self.participant_id
        heard, shown = self.room.last_contact(who), self._shown
        contact = self.room.picture.contacts.get(who)
        there = self.room.connected(who) and (contact is None or contact.present)
        if there and heard and shown and heard - shown < _COARSE:
            return shown, None
        return heard, None
