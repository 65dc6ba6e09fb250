"""What the entities of the control side share: they follow the picture, each change with its cause."""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, override

from homeassistant.core import Context, callback
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.device_registry import DeviceEntryType, DeviceInfo
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.helpers.entity import Entity, EntityDescription
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .bridge.room import ControlRoom
from .bridge.stage import Turn
from .const import DOMAIN
from .const_control import SIGNAL_CONTROL, device_identifier
from .control.model import Direction
from .control.record import Key
from .models import SmgwConfigEntry
from .participants import ParticipantConfig


class ControlEntity(Entity):
    """Shows a part of the picture."""

    _attr_has_entity_name = True
    _attr_should_poll = False
    _turn = Turn.REST

    def __init__(self, room: ControlRoom, description: EntityDescription) -> None:
        """Attach to the gateway's device."""
        self.entity_description = description
        self.room = room
        self._attr_unique_id = f"{room.gateway_id}_{description.key}"
        self._attr_device_info = DeviceInfo(identifiers={(DOMAIN, room.gateway_id)})
        self._shown: Any = None
        self._cause: Key | None = None

    @override
    async def async_added_to_hass(self) -> None:
        """Follow the picture."""
        await super().async_added_to_hass()
        self._shown, self._cause = self._look()
        self.async_on_remove(self.room.stage.async_view(self._see, self._turn))

    @abstractmethod
    def _look(self) -> tuple[Any, Key | None]:
        """Return what is to be shown now, and the command behind it."""

    @callback
    def _see(self) -> None:
        """Show what has changed, with the context of the command that did it or has ended."""
        before, known = self._shown, self._cause
        self._shown, self._cause = self._look()
        if self._shown == before:
            return
        changed = self._cause != known
        if context := self._cause_of_change(
            (self._cause or known) if changed else None
        ):
            self.async_set_context(context)
        self.async_write_ha_state()

    def _cause_of_change(self, key: Key | None) -> Context | None:
        """Return the context of a change: of the command that did it or has ended."""
        return None if key is None else self.room.stage.context(key)


class DirectionEntity(ControlEntity):
    """Shows what holds in one direction, on the gateway's device."""

    def __init__(
        self,
        room: ControlRoom,
        description: EntityDescription,
        direction: Direction,
    ) -> None:
        """Attach to the gateway's device."""
        super().__init__(room, description)
        self._direction = direction


class OwnedEntity(ControlEntity):
    """An entity on the device of a participant or a CLS switch."""

    def __init__(
        self,
        room: ControlRoom,
        description: EntityDescription,
        subentry_id: str,
        device: DeviceInfo,
    ) -> None:
        """Attach to a device of the subentry's own, reached through the gateway's."""
        super().__init__(room, description)
        identifier = device_identifier(room.gateway_id, subentry_id)
        self._attr_unique_id = f"{identifier}_{description.key}"
        self._attr_device_info = DeviceInfo(
            **device,
            identifiers={(DOMAIN, identifier)},
            via_device_id=dr.async_get_device_id_by_identifier(
                room.hass,
                (DOMAIN, room.gateway_id),
                config_entry_id=room.entry.entry_id,
            ),
        )


class ParticipantEntity(OwnedEntity):
    """An entity of a participant."""

    def __init__(
        self,
        room: ControlRoom,
        description: EntityDescription,
        participant: ParticipantConfig,
    ) -> None:
        """Attach to the participant's device."""
        super().__init__(
            room,
            description,
            participant.participant_id,
            DeviceInfo(
                name=participant.name,
                model="External market participant",
                entry_type=DeviceEntryType.SERVICE,
            ),
        )
        self.participant_id = participant.participant_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Addition:
    """An entity that is to be there."""

    key: str
    """Unique within the platform."""
    make: Callable[[], Entity]
    subentry_id: str | None = None
    """Whose device it is on; None: the gateway's."""


def of_participants(
    room: ControlRoom, kind: type[ParticipantEntity], description: EntityDescription
) -> Iterator[Addition]:
    """Yield an entity of a kind for each participant."""
    for participant in room.setup.participants:
        yield Addition(
            key=f"{participant.participant_id}_{description.key}",
            make=partial(kind, room, description, participant),
            subentry_id=participant.participant_id,
        )


@callback
def async_follow_setup(
    entry: SmgwConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
    wanted: Callable[[ControlRoom], Iterable[Addition]],
) -> None:
    """Add what is wanted, now and whenever the owner has changed something.

    Nothing for an entry that controls nothing.
    """
    if (room := entry.runtime_data.control) is None:
        return
    known: set[str] = set()

    @callback
    def add_new() -> None:
        there = {addition.key: addition for addition in wanted(room)}
        known.intersection_update(there)
        new = [addition for key, addition in there.items() if key not in known]
        known.update(there)
        for addition in new:
            async_add_entities(
                [addition.make()], config_subentry_id=addition.subentry_id
            )

    add_new()
    entry.async_on_unload(
        async_dispatcher_connect(
            room.hass, SIGNAL_CONTROL.format(entry.entry_id), add_new
        )
    )
