"""Whether the home is limited, and whether a participant can be heard."""

from collections.abc import Iterator
from functools import partial
from typing import Any, override

from homeassistant.components.binary_sensor import (
    BinarySensorEntity,
    BinarySensorEntityDescription,
)
from homeassistant.components.binary_sensor.const import BinarySensorDeviceClass
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .bridge.room import ControlRoom
from .bridge.stage import Turn
from .const_control import ATTR_PARTICIPANT, ATTR_REASON, limited_key
from .control.model import Direction
from .control.record import Key
from .control_entity import (
    Addition,
    DirectionEntity,
    ParticipantEntity,
    async_follow_setup,
    of_participants,
)
from .models import SmgwConfigEntry

PARALLEL_UPDATES = 0

CONNECTION = BinarySensorEntityDescription(
    key="connection",
    translation_key="connection",
    device_class=BinarySensorDeviceClass.CONNECTIVITY,
    entity_category=EntityCategory.DIAGNOSTIC,
)


def _limited(direction: Direction) -> BinarySensorEntityDescription:
    return BinarySensorEntityDescription(
        key=limited_key(direction), translation_key=f"{direction}_limited"
    )


async def async_setup_entry(
    hass: HomeAssistant,
    entry: SmgwConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the binary sensors."""
    async_follow_setup(entry, async_add_entities, _sensors)


def _sensors(room: ControlRoom) -> Iterator[Addition]:
    for direction in Direction:
        if room.setup.limits(direction):
            description = _limited(direction)
            yield Addition(
                key=description.key,
                make=partial(LimitedSensor, room, description, direction),
            )
    yield from of_participants(room, ConnectionSensor, CONNECTION)


class LimitedSensor(DirectionEntity, BinarySensorEntity):
    """Whether the home has to keep a limit in a direction."""

    _turn = Turn.FLAG

    @property
    @override
    def is_on(self) -> bool:
        """Return whether it is limited."""
        return self._shown is not None

    @property
    @override
    def extra_state_attributes(self) -> dict[str, Any]:
        """Say by whom."""
        name = None if self._shown is None else self.room.name(self._shown)
        return {ATTR_PARTICIPANT: name}

    @override
    def _look(self) -> tuple[Any, Key | None]:
        limit = self.room.picture.limits.get(self._direction)
        if limit is None:
            return None, None
        whose = limit.whose
        return limit.participant_id, whose if isinstance(whose, tuple) else None


class ConnectionSensor(ParticipantEntity, BinarySensorEntity):
    """Whether a participant can be heard."""

    @property
    @override
    def is_on(self) -> bool:
        """Return whether it can."""
        return bool(self._shown and self._shown[0])

    @property
    @override
    def extra_state_attributes(self) -> dict[str, Any]:
        """Say where the tunnel stands, and why it is not up."""
        return {} if self._shown is None else self._shown[1]

    @override
    def _look(self) -> tuple[Any, Key | None]:
        connected = self.room.connected(self.participant_id)
        channel = self.room.channels.get(self.participant_id)
        facts: dict[str, Any] = {}
        if channel is not None:
            reason = None if channel.reason is None else str(channel.reason)
            facts = {
                "tunnel": str(channel.phase),
                ATTR_REASON: reason,
                "next_try": channel.next_try,
            }
        return (connected, facts), None
