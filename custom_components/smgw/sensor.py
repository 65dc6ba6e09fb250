"""Sensors: one per register, and what gateway and meter say of themselves."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import override

from homeassistant.components.sensor import (
    SensorDeviceClass,
    SensorEntity,
    SensorEntityDescription,
)
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import SmgwCoordinator
from .entity import GatewayEntity, MeterEntity
from .han.model import Gateway, Meter, Register
from .models import SmgwConfigEntry
from .registers import describe

PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class GatewaySensorDescription(SensorEntityDescription):
    """A fact of the gateway."""

    value_fn: Callable[[Gateway], str | datetime | None]


GATEWAY_SENSORS = (
    GatewaySensorDescription(
        key="firmware",
        translation_key="firmware",
        entity_category=EntityCategory.DIAGNOSTIC,
        value_fn=lambda gateway: gateway.firmware,
    ),
    GatewaySensorDescription(
        key="clock",
        translation_key="clock",
        device_class=SensorDeviceClass.TIMESTAMP,
        entity_category=EntityCategory.DIAGNOSTIC,
        value_fn=lambda gateway: gateway.clock,
    ),
    GatewaySensorDescription(
        key="last_sync",
        translation_key="last_sync",
        device_class=SensorDeviceClass.TIMESTAMP,
        entity_category=EntityCategory.DIAGNOSTIC,
        value_fn=lambda gateway: gateway.last_sync,
    ),
)
LAST_READING = SensorEntityDescription(
    key="last_reading",
    translation_key="last_reading",
    device_class=SensorDeviceClass.TIMESTAMP,
    entity_category=EntityCategory.DIAGNOSTIC,
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: SmgwConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the gateway's sensors, and each meter's and register's once it is seen."""
    coordinator = entry.runtime_data.coordinator
    async_add_entities(
        GatewaySensor(coordinator, description) for description in GATEWAY_SENSORS
    )
    known: set[tuple[str, str | None]] = set()

    @callback
    def add_new() -> None:
        new: list[SensorEntity] = []
        meters = coordinator.data.meters
        # What has gone with a login would come back as new.
        delivered = coordinator.logins.registers
        present = {meter_id for meter_id, _ in delivered} | meters.keys()
        known.intersection_update(
            delivered | {(meter_id, None) for meter_id in present}
        )
        for meter in meters.values():
            if (meter.meter_id, None) not in known:
                known.add((meter.meter_id, None))
                new.append(LastReadingSensor(coordinator, meter, LAST_READING))
            for obis, reading in meter.readings.items():
                if (meter.meter_id, obis) not in known:
                    known.add((meter.meter_id, obis))
                    new.append(RegisterSensor(coordinator, meter, reading.register))
        async_add_entities(new)

    add_new()
    entry.async_on_unload(coordinator.async_add_listener(add_new))


class GatewaySensor(GatewayEntity, SensorEntity):
    """A fact of the gateway."""

    entity_description: GatewaySensorDescription

    @property
    @override
    def native_value(self) -> str | datetime | None:
        """Return what the last session saw."""
        return self.entity_description.value_fn(self.coordinator.data.gateway)


class LastReadingSensor(MeterEntity, SensorEntity):
    """When the meter's newest reading was taken."""

    @property
    @override
    def native_value(self) -> datetime | None:
        """Return the newest capture time of all registers."""
        return self._meter.last_capture if self._meter else None


class RegisterSensor(MeterEntity, SensorEntity):
    """A register of a meter."""

    def __init__(
        self, coordinator: SmgwCoordinator, meter: Meter, register: Register
    ) -> None:
        """Take name, class and unit from the table of registers."""
        super().__init__(coordinator, meter, describe(register))
        self._obis = str(register.obis)
        self._unit = register.unit

    @property
    @override
    def available(self) -> bool:
        """Return whether a login that delivers the register works."""
        return super().available and self.coordinator.logins.deliver(
            self._meter_id, self._obis
        )

    @property
    @override
    def native_value(self) -> Decimal | None:
        """Return the newest valid reading; None if the last session had none."""
        reading = self._meter.readings.get(self._obis) if self._meter else None
        # The unit was fixed when the sensor was made; a number in another is another.
        if reading is None or reading.register.unit is not self._unit:
            return None
        return reading.value
