"""What all entities share: their device, their unique id, when they are available."""

from collections.abc import Callable, Collection, Iterable
from typing import override

from homeassistant.core import callback
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.device_registry import DeviceInfo
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.helpers.entity import EntityDescription
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.update_coordinator import CoordinatorEntity

from . import devices
from .const import DOMAIN, SIGNAL_LOGINS, meter_identifier
from .coordinator import SmgwCoordinator
from .han.model import Meter
from .models import SmgwConfigEntry

# Makers of meters by their FLAG letters; others are shown by the letters.
_MAKERS = {
    "APA": "Apator",
    "DZG": "DZG Metering",
    "EBZ": "eBZ",
    "ELS": "Elster",
    "EMH": "EMH metering",
    "ESY": "EasyMeter",
    "HYD": "Diehl Metering",
    "ISK": "Iskraemeco",
    "ITR": "Itron",
    "KAM": "Kamstrup",
    "LGZ": "Landis+Gyr",
}


def gateway_device(coordinator: SmgwCoordinator) -> DeviceInfo:
    """Return the gateway's device, which the entry has registered."""
    return DeviceInfo(identifiers={(DOMAIN, coordinator.gateway_id)})


def meter_device(coordinator: SmgwCoordinator, meter: Meter) -> DeviceInfo:
    """Return a meter's device, reached through the gateway's."""
    return DeviceInfo(
        identifiers={
            (DOMAIN, meter_identifier(coordinator.gateway_id, meter.meter_id))
        },
        manufacturer=_MAKERS.get(meter.maker or "", meter.maker),
        serial_number=meter.meter_id,
        translation_key=f"meter_{meter.medium}",
        translation_placeholders={"meter": meter.meter_id},
        via_device_id=dr.async_get_device_id_by_identifier(
            coordinator.hass,
            (DOMAIN, coordinator.gateway_id),
            config_entry_id=coordinator.config_entry.entry_id,
        ),
    )


class GatewayEntity(CoordinatorEntity[SmgwCoordinator]):
    """An entity of the gateway itself."""

    _attr_has_entity_name = True

    def __init__(
        self, coordinator: SmgwCoordinator, description: EntityDescription
    ) -> None:
        """Attach to the gateway's device, which the entry has registered."""
        super().__init__(coordinator)
        self.entity_description = description
        self._attr_unique_id = f"{coordinator.gateway_id}_{description.key}"
        self._attr_device_info = gateway_device(coordinator)


@callback
def async_while_read(
    entry: SmgwConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
    make: Callable[[], Iterable[GatewayEntity]],
    keys: Collection[str],
) -> None:
    """Have entities of the gateway for as long as there is a login to read it with.

    A gateway may be there for CLS only: what readings fill could never have a value.
    `keys` are those of all descriptions; what an earlier run has left is removed as well.
    """
    coordinator = entry.runtime_data.coordinator
    unique_ids = {f"{coordinator.gateway_id}_{key}" for key in keys}
    shown = False

    @callback
    def follow() -> None:
        nonlocal shown
        was, shown = shown, len(coordinator.logins) > 0
        if not shown:
            devices.async_forget_entities(coordinator.hass, entry, unique_ids)
        elif not was:
            async_add_entities(make())

    follow()
    signal = SIGNAL_LOGINS.format(entry.entry_id)
    entry.async_on_unload(async_dispatcher_connect(coordinator.hass, signal, follow))


class MeterEntity(CoordinatorEntity[SmgwCoordinator]):
    """An entity of a meter behind the gateway."""

    _attr_has_entity_name = True

    def __init__(
        self, coordinator: SmgwCoordinator, meter: Meter, description: EntityDescription
    ) -> None:
        """Attach to the meter's device, reached through the gateway's."""
        super().__init__(coordinator)
        self.entity_description = description
        self._meter_id = meter.meter_id
        # What the state was last written from: a meter that was not read is the same.
        self._written: tuple[bool, Meter | None] = (False, None)
        identifier = meter_identifier(coordinator.gateway_id, meter.meter_id)
        self._attr_unique_id = f"{identifier}_{description.key}"
        self._attr_device_info = meter_device(coordinator, meter)

    @override
    async def async_added_to_hass(self) -> None:
        """Note what the first state is written from."""
        await super().async_added_to_hass()
        self._note_written()

    @callback
    @override
    def _handle_coordinator_update(self) -> None:
        """Write what is new: where accounts take turns, most meters were not read."""
        if self._note_written():
            super()._handle_coordinator_update()

    def _note_written(self) -> bool:
        """Note what the state is written from; say whether it is something else."""
        (available, meter), self._written = self._written, self._source
        return self._written[0] != available or self._written[1] is not meter

    @property
    def _source(self) -> tuple[bool, Meter | None]:
        return self.available, self._meter

    @property
    @override
    def available(self) -> bool:
        """Return whether the last poll succeeded and saw the meter."""
        return super().available and self._meter is not None

    @property
    def _meter(self) -> Meter | None:
        return self.coordinator.data.meters.get(self._meter_id)
