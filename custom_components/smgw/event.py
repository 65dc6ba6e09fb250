"""What happens to a participant's commands, as an event entity; and the consumer log's."""

from collections.abc import Iterator, Mapping
from typing import Any, override

from homeassistant.components.event import EventEntity, EventEntityDescription
from homeassistant.const import ATTR_DEVICE_ID, ATTR_ENTITY_ID
from homeassistant.core import Context, HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .bridge.room import ControlRoom
from .bridge.stage import CONTACT
from .const_control import (
    ATTR_CONFIG_ENTRY,
    ATTR_PARTICIPANT,
    ATTR_PARTICIPANT_ID,
    ATTR_TYPE,
)
from .control.picture import Event, EventKind
from .control.record import Key
from .control_entity import (
    Addition,
    ParticipantEntity,
    async_follow_setup,
    of_participants,
)
from .entity import async_while_read
from .log_event import CONSUMER_LOG, ConsumerLogEvent
from .models import SmgwConfigEntry

PARALLEL_UPDATES = 0

COMMANDS = EventEntityDescription(
    key="commands",
    translation_key="commands",
    event_types=[kind.value for kind in EventKind if kind not in CONTACT],
)
# The entity itself says whose they are, and what happened.
_KNOWN = {
    ATTR_CONFIG_ENTRY,
    ATTR_DEVICE_ID,
    ATTR_PARTICIPANT,
    ATTR_PARTICIPANT_ID,
    ATTR_TYPE,
}


async def async_setup_entry(
    hass: HomeAssistant,
    entry: SmgwConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add one for the consumer log, and one for each participant."""
    coordinator = entry.runtime_data.coordinator
    async_while_read(
        entry,
        async_add_entities,
        lambda: [ConsumerLogEvent(coordinator)],
        {CONSUMER_LOG.key},
    )
    async_follow_setup(entry, async_add_entities, _events)


def _events(room: ControlRoom) -> Iterator[Addition]:
    return of_participants(room, CommandEvent, COMMANDS)


class CommandEvent(ParticipantEntity, EventEntity):
    """What happened last to a command of a participant."""

    @override
    async def async_added_to_hass(self) -> None:
        """Follow what happens."""
        await super().async_added_to_hass()
        self.async_on_remove(self.room.stage.async_listen(self._happened))

    @override
    def _look(self) -> tuple[Any, Key | None]:
        return None, None

    @callback
    def _happened(
        self, event: Event, data: Mapping[str, Any], context: Context
    ) -> None:
        if event.participant_id != self.participant_id:
            return
        facts = {name: value for name, value in data.items() if name not in _KNOWN}
        if ATTR_ENTITY_ID in facts:
            # As an attribute of a state this name would make it a group.
            facts["about"] = facts.pop(ATTR_ENTITY_ID)
        self._trigger_event(event.kind.value, facts)
        self.async_set_context(context)
        self.async_write_ha_state()
