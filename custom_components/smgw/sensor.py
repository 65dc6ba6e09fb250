"""Sensors: one per register, and what gateway and meter say of themselves."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import override

from homeassistant.components.sensor import (
    SensorDeviceClass,
    SensorEntity,
    SensorEntityDescription,
    SensorStateClass,
)
from homeassistant.const import EntityCategory, UnitOfTime
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .certificate_sensor import async_follow_certificates
from .contract_sensor import async_follow_contracts
from .control_sensor import async_follow_control
from .coordinator import SmgwCoordinator
from .entity import GatewayEntity, MeterEntity, async_while_read
from .han.model import Gateway, Meter, Register
from .han.status import GatewayState, Quality
from .history_sensor import HISTORY, HistorySensor
from .models import SmgwConfigEntry
from .peak_sensor import async_add_peaks
from .registers import describe
from .schedule import MINUTE

PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class GatewaySensorDescription(SensorEntityDescription):
    """A fact of the gateway; it is there once the gateway tells it, if not always."""

    value_fn: Callable[[Gateway], str | int | datetime | None]
    always: bool = True


@dataclass(frozen=True, kw_only=True)
class MeterSensorDescription(SensorEntityDescription):
    """A fact of a meter; it is there once the gateway tells it, if not always."""

    value_fn: Callable[[Meter], str | datetime | None]
    always: bool = True


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
        key="clock_offset",
        translation_key="clock_offset",
        device_class=SensorDeviceClass.DURATION,
        state_class=SensorStateClass.MEASUREMENT,
        native_unit_of_measurement=UnitOfTime.SECONDS,
        entity_category=EntityCategory.DIAGNOSTIC,
        # Where it matters there is a repair issue.
        entity_registry_enabled_default=False,
        value_fn=lambda gateway: (
            None
            if gateway.clock_offset is None
            else round(gateway.clock_offset.total_seconds())
        ),
    ),
    GatewaySensorDescription(
        key="last_sync",
        translation_key="last_sync",
        device_class=SensorDeviceClass.TIMESTAMP,
        entity_category=EntityCategory.DIAGNOSTIC,
        value_fn=lambda gateway: gateway.last_sync,
    ),
    GatewaySensorDescription(
        key="state",
        translation_key="gateway_state",
        device_class=SensorDeviceClass.ENUM,
        options=list(GatewayState),
        entity_category=EntityCategory.DIAGNOSTIC,
        value_fn=lambda gateway: gateway.state,
        always=False,
    ),
)
INTERVAL = SensorEntityDescription(
    key="interval",
    translation_key="interval",
    device_class=SensorDeviceClass.DURATION,
    native_unit_of_measurement=UnitOfTime.MINUTES,
    entity_category=EntityCategory.DIAGNOSTIC,
)
METER_SENSORS = (
    MeterSensorDescription(
        key="last_reading",
        translation_key="last_reading",
        device_class=SensorDeviceClass.TIMESTAMP,
        entity_category=EntityCategory.DIAGNOSTIC,
        value_fn=lambda meter: meter.last_capture,
    ),
    MeterSensorDescription(
        key="reading_status",
        translation_key="reading_status",
        device_class=SensorDeviceClass.ENUM,
        options=[quality.name.lower() for quality in Quality],
        entity_category=EntityCategory.DIAGNOSTIC,
        value_fn=lambda meter: (
            None if meter.quality is None else meter.quality.name.lower()
        ),
        always=False,
    ),
)

type _Key = tuple[str | None, str]
"""Meter id, none for the gateway, and key of the description."""


async def async_setup_entry(
    hass: HomeAssistant,
    entry: SmgwConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the gateway's sensors, and each meter's and register's once it is seen."""
    coordinator = entry.runtime_data.coordinator
    known: set[_Key] = set()

    @callback
    def add_new() -> None:
        # What has gone with a login, or was deleted, would come back as new.
        known.intersection_update(_lasting(coordinator))
        new = {key: sensor for key, sensor in _sensors(coordinator) if key not in known}
        known.update(new)
        async_add_entities(sensor() for sensor in new.values())

    async_while_read(
        entry,
        async_add_entities,
        lambda: _of_readings(entry),
        {fact.key for fact in (*GATEWAY_SENSORS, INTERVAL, HISTORY)},
    )
    add_new()
    entry.async_on_unload(coordinator.async_add_listener(add_new))
    async_follow_certificates(hass, entry, async_add_entities)
    async_follow_contracts(entry, async_add_entities)
    async_add_peaks(entry, async_add_entities)
    async_follow_control(entry, async_add_entities)


def _of_readings(entry: SmgwConfigEntry) -> Iterator[GatewayEntity]:
    """Return what each gateway that is read has from the start."""
    coordinator, history = entry.runtime_data.coordinator, entry.runtime_data.history
    yield IntervalSensor(coordinator, INTERVAL)
    if history:
        yield HistorySensor(coordinator, history.importer)
    for fact in GATEWAY_SENSORS:
        if fact.always:
            yield GatewaySensor(coordinator, fact)


def _lasting(coordinator: SmgwCoordinator) -> set[_Key]:
    """Return the keys of what was there and has not been forgotten."""
    registers = coordinator.logins.registers
    meters = {meter_id for meter_id, _ in registers} | coordinator.data.meters.keys()
    told = GATEWAY_SENSORS if len(coordinator.logins) else ()
    return (
        registers
        | {(None, description.key) for description in told}
        | {
            (meter, description.key)
            for meter in meters
            for description in METER_SENSORS
        }
    )


def _sensors(
    coordinator: SmgwCoordinator,
) -> Iterator[tuple[_Key, Callable[[], SensorEntity]]]:
    """Return what the last session has shown: key, and how to make the sensor."""
    data = coordinator.data
    for fact in GATEWAY_SENSORS if len(coordinator.logins) else ():
        if not fact.always and fact.value_fn(data.gateway) is not None:
            yield (None, fact.key), partial(GatewaySensor, coordinator, fact)
    for meter in data.meters.values():
        for told in METER_SENSORS:
            if told.always or told.value_fn(meter) is not None:
                key = (meter.meter_id, told.key)
                yield key, partial(MeterSensor, coordinator, meter, told)
        for obis, reading in meter.readings.items():
            key = (meter.meter_id, obis)
            yield key, partial(RegisterSensor, coordinator, meter, reading.register)


class GatewaySensor(GatewayEntity, SensorEntity):
    """A fact of the gateway."""

    entity_description: GatewaySensorDescription

    @property
    @override
    def native_value(self) -> str | int | datetime | None:
        """Return what the last session saw."""
        return self.entity_description.value_fn(self.coordinator.data.gateway)


class IntervalSensor(GatewayEntity, SensorEntity):
    """How often each login is read: the owner's wish, as far as the gateway bears it."""

    @property
    @override
    def available(self) -> bool:
        """Say so whether readings work or not."""
        return True

    @property
    @override
    def native_value(self) -> float:
        """Return the present interval in minutes."""
        return round(self.coordinator.each / MINUTE, 1)


class MeterSensor(MeterEntity, SensorEntity):
    """A fact of a meter."""

    entity_description: MeterSensorDescription

    @property
    @override
    def native_value(self) -> str | datetime | None:
        """Return what the last session saw."""
        return self.entity_description.value_fn(self._meter) if self._meter else None


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
        key = (self._meter_id, self._obis)
        return super().available and key in self.coordinator.delivered

    @property
    @override
    def native_value(self) -> Decimal | None:
        """Return the newest valid reading; None if the last session had none."""
        reading = self._meter.readings.get(self._obis) if self._meter else None
        # The unit was fixed when the sensor was made; a number in another is another.
        if reading is None or reading.register.unit is not self._unit:
            return None
        return reading.value
