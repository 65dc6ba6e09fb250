"""The sensor that shows how far the import of the history has come."""

from collections.abc import Mapping
from typing import Any, override

from homeassistant.components.sensor import (
    SensorDeviceClass,
    SensorEntity,
    SensorEntityDescription,
)
from homeassistant.const import EntityCategory

from .coordinator import SmgwCoordinator
from .entity import GatewayEntity
from .importer import Importer
from .progress import State

HISTORY = SensorEntityDescription(
    key="history_import",
    translation_key="history_import",
    device_class=SensorDeviceClass.ENUM,
    options=list(State),
    entity_category=EntityCategory.DIAGNOSTIC,
)


class HistorySensor(GatewayEntity, SensorEntity):
    """What the import of the history is doing."""

    _unrecorded_attributes = frozenset(
        {
            *("reached", "oldest", "registers_done", "registers", "estimated_end"),
            *("error", "signature", "signature_checked"),
        }
    )

    def __init__(self, coordinator: SmgwCoordinator, importer: Importer) -> None:
        """Take whose progress it shows."""
        super().__init__(coordinator, HISTORY)
        self._importer = importer

    @override
    async def async_added_to_hass(self) -> None:
        """Follow each slice."""
        await super().async_added_to_hass()
        self.async_on_remove(
            self._importer.async_listen(self._handle_coordinator_update)
        )

    @property
    @override
    def available(self) -> bool:
        """Say so whether readings work or not."""
        return True

    @property
    @override
    def native_value(self) -> State:
        """Return the state."""
        return self._importer.progress.state

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, Any]:
        """Return how far it has come; times are UTC."""
        progress = self._importer.progress
        return {
            "reached": progress.reached,
            "oldest": progress.oldest,
            "registers_done": progress.done,
            "registers": progress.registers,
            "estimated_end": progress.end,
            "error": progress.error,
            **self._signature,
        }

    @property
    def _signature(self) -> Mapping[str, Any]:
        """Return what was said of the last signed export; nothing where none is signed."""
        seals = self.coordinator.memory.seals
        if seals.verdict is None:
            return {}
        return {"signature": seals.verdict, "signature_checked": seals.at}
