"""CLS switches: set by participants and by the owner, used by automations."""

from collections.abc import Iterator
from typing import Any, override

from homeassistant.components.switch import SwitchEntity, SwitchEntityDescription
from homeassistant.const import STATE_OFF, STATE_ON
from homeassistant.core import Context, HomeAssistant
from homeassistant.helpers.device_registry import DeviceInfo
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.restore_state import RestoreEntity

from .bridge.room import ControlRoom
from .bridge.setup import OWNER
from .bridge.stage import Turn
from .const_control import (
    ATTR_PARTICIPANT,
    ATTR_SET_BY,
    ATTR_TRANSACTION_ID,
    ATTR_UNTIL,
    SWITCH_KEY,
)
from .control.picture import Hold
from .control.record import Key
from .control_entity import Addition, OwnedEntity, async_follow_setup
from .control_failures import check
from .models import SmgwConfigEntry
from .switches import SwitchConfig

PARALLEL_UPDATES = 0

# The device is the switch: the entity has its name.
CLS_SWITCH = SwitchEntityDescription(
    key=SWITCH_KEY, translation_key="cls_switch", name=None
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: SmgwConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the CLS switches."""
    async_follow_setup(entry, async_add_entities, _switches)


def _switches(room: ControlRoom) -> Iterator[Addition]:
    for switch in room.setup.switches:
        yield Addition(
            key=switch.switch_id,
            make=lambda switch=switch: ClsSwitch(room, switch),  # type: ignore[misc]
            subentry_id=switch.switch_id,
        )


class ClsSwitch(OwnedEntity, SwitchEntity, RestoreEntity):
    """One CLS switch."""

    _turn = Turn.VALUE

    def __init__(self, room: ControlRoom, switch: SwitchConfig) -> None:
        """Attach to a device of its own."""
        super().__init__(
            room,
            CLS_SWITCH,
            switch.switch_id,
            DeviceInfo(name=switch.name, model="CLS switch"),
        )
        self.switch_id = switch.switch_id

    @override
    async def async_added_to_hass(self) -> None:
        """Follow the picture; what nothing holds and nothing drives is as it was left."""
        last = await self.async_get_last_state()
        if last is not None and last.state in (STATE_ON, STATE_OFF):
            self.room.home.was_left(self.switch_id, last.state == STATE_ON)
        await super().async_added_to_hass()

    @property
    @override
    def available(self) -> bool:
        """Be there unless the entity it drives is not."""
        return self._shown is None or self._shown[0] is not None

    @property
    @override
    def is_on(self) -> bool | None:
        """Return what the driven entity shows, or what was ordered last."""
        return None if self._shown is None else self._shown[0]

    @property
    @override
    def extra_state_attributes(self) -> dict[str, Any]:
        """Say by whom it is set, and until when."""
        hold: Hold | None = None if self._shown is None else self._shown[1]
        if hold is None:
            return {ATTR_SET_BY: None, ATTR_UNTIL: None}
        by_owner = hold.participant_id == OWNER
        return {
            ATTR_SET_BY: OWNER if by_owner else ATTR_PARTICIPANT,
            ATTR_PARTICIPANT: self.room.name(hold.participant_id),
            ATTR_UNTIL: hold.until,
            ATTR_TRANSACTION_ID: hold.transaction_id,
        }

    @override
    async def async_turn_on(self, **kwargs: Any) -> None:
        """Turn it on by the owner's hand."""
        await self._set(True)

    @override
    async def async_turn_off(self, **kwargs: Any) -> None:
        """Turn it off by the owner's hand."""
        await self._set(False)

    @override
    def _look(self) -> tuple[Any, Key | None]:
        hold = self.room.picture.items.get(self.switch_id)
        key = None if hold is None else (hold.participant_id, hold.transaction_id)
        reading = self.room.home.read(self.switch_id)
        return (None if reading is None else bool(reading.value), hold), key

    @override
    def _cause_of_change(self, key: Key | None) -> Context | None:
        # What the driven entity does has a context already: its own action's, or somebody's finger.
        switch = self.room.setup.switch(self.switch_id)
        entity_id = None if switch is None else self.room.home.driven(switch)
        state = None if entity_id is None else self.hass.states.get(entity_id)
        return super()._cause_of_change(key) if state is None else state.context

    async def _set(self, value: bool) -> None:
        ordered = await self.room.async_set(self.switch_id, value, self._context)
        check(self.room, ordered, self.switch_id)
