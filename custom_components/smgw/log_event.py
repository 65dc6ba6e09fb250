"""What the gateway writes into the consumer log, as an event entity."""

from typing import override

from homeassistant.components.event import EventEntity, EventEntityDescription
from homeassistant.const import EntityCategory
from homeassistant.core import callback

from .coordinator import SmgwCoordinator
from .entity import GatewayEntity
from .han.history import LogEntry
from .han.log_kinds import LogKind, kind_of
from .log_errand import LogErrand

CONSUMER_LOG = EventEntityDescription(
    key="consumer_log",
    translation_key="consumer_log",
    event_types=list(LogKind),
    entity_category=EntityCategory.DIAGNOSTIC,
)


class ConsumerLogEvent(GatewayEntity, EventEntity):
    """The newest entry of the consumer log; disabled, nobody reads it."""

    def __init__(self, coordinator: SmgwCoordinator) -> None:
        """Belong to the gateway."""
        super().__init__(coordinator, CONSUMER_LOG)

    @override
    async def async_added_to_hass(self) -> None:
        """Have the log read with the polls."""
        await super().async_added_to_hass()
        errand = LogErrand(self.coordinator, self._happened)
        self.async_on_remove(self.coordinator.errands.async_register(errand))

    @property
    @override
    def available(self) -> bool:
        """Say so whether readings work or not: what has happened stays so."""
        return True

    @callback
    def _happened(self, entry: LogEntry) -> None:
        self._trigger_event(
            kind_of(entry),
            {
                "time": entry.time.isoformat(),
                "number": entry.number,
                "event_id": entry.event_id or None,
                "level": entry.level,
                "success": entry.success,
                "text": entry.text,
            },
        )
        self.async_write_ha_state()
