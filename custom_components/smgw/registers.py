"""The table of registers: what an OBIS code and a unit mean to Home Assistant."""

from homeassistant.components.sensor import (
    SensorDeviceClass,
    SensorEntityDescription,
    SensorStateClass,
)

from .han.model import Register
from .han.obis import Obis
from .han.units import Unit

_CLASSES = {
    Unit.WATT_HOUR: SensorDeviceClass.ENERGY,
    Unit.KILOWATT_HOUR: SensorDeviceClass.ENERGY,
    Unit.MEGAJOULE: SensorDeviceClass.ENERGY,
    Unit.GIGAJOULE: SensorDeviceClass.ENERGY,
    Unit.VAR_HOUR: SensorDeviceClass.REACTIVE_ENERGY,
    Unit.KILOVAR_HOUR: SensorDeviceClass.REACTIVE_ENERGY,
    Unit.WATT: SensorDeviceClass.POWER,
    Unit.KILOWATT: SensorDeviceClass.POWER,
    Unit.VAR: SensorDeviceClass.REACTIVE_POWER,
    Unit.VOLT_AMPERE: SensorDeviceClass.APPARENT_POWER,
    Unit.VOLT: SensorDeviceClass.VOLTAGE,
    Unit.AMPERE: SensorDeviceClass.CURRENT,
    Unit.HERTZ: SensorDeviceClass.FREQUENCY,
}
# A volume is gas or water by the medium of its OBIS code.
_VOLUMES = {
    7: SensorDeviceClass.GAS,
    8: SensorDeviceClass.WATER,
    9: SensorDeviceClass.WATER,
}
_PRECISION: dict[SensorDeviceClass | None, int] = {
    SensorDeviceClass.ENERGY: 3,
    SensorDeviceClass.REACTIVE_ENERGY: 3,
    SensorDeviceClass.GAS: 3,
    SensorDeviceClass.WATER: 3,
    SensorDeviceClass.VOLTAGE: 1,
    SensorDeviceClass.CURRENT: 2,
    SensorDeviceClass.POWER: 0,
    SensorDeviceClass.FREQUENCY: 2,
}
_NAMES = {
    (1, "1.8.0"): "import_total",
    (1, "2.8.0"): "export_total",
    (1, "16.7.0"): "power_total",
    (1, "1.7.0"): "power_import",
    (1, "2.7.0"): "power_export",
    (1, "14.7.0"): "frequency",
    (6, "1.0.0"): "heat_total",
    (7, "3.0.0"): "gas_volume",
    (7, "3.1.0"): "gas_volume_corrected",
    (8, "1.0.0"): "cold_water_total",
    (9, "1.0.0"): "hot_water_total",
}
_TARIFFS = {"1.8": "import_tariff", "2.8": "export_tariff"}
_ERROR_REGISTER = 63
_PHASES = {
    21: ("power_import_phase", "1"),
    41: ("power_import_phase", "2"),
    61: ("power_import_phase", "3"),
    36: ("power_phase", "1"),
    56: ("power_phase", "2"),
    76: ("power_phase", "3"),
    31: ("current_phase", "1"),
    51: ("current_phase", "2"),
    71: ("current_phase", "3"),
    32: ("voltage_phase", "1"),
    52: ("voltage_phase", "2"),
    72: ("voltage_phase", "3"),
}
# What a gateway delivers besides these is there as well, but disabled at first.
_USUAL = frozenset(_NAMES.values()) - {"frequency"} | frozenset(_TARIFFS.values())


def describe(register: Register) -> SensorEntityDescription:
    """Return the sensor of a register; a generic one for an unknown OBIS code."""
    name, placeholders = _name(register.obis)
    device_class = _device_class(register)
    return SensorEntityDescription(
        key=str(register.obis),
        translation_key=name,
        translation_placeholders=placeholders,
        device_class=device_class,
        state_class=_state_class(register),
        native_unit_of_measurement=register.unit.value or None,
        suggested_display_precision=_PRECISION.get(device_class),
        entity_registry_enabled_default=name in _USUAL,
    )


def _name(obis: Obis) -> tuple[str, dict[str, str] | None]:
    """Return translation key and placeholders of a register's name."""
    if name := _NAMES.get((obis.a, obis.register)):
        return name, None
    if obis.a == 1:
        tariff = _TARIFFS.get(f"{obis.c}.{obis.d}")
        if tariff and 0 < obis.e < _ERROR_REGISTER:
            return tariff, {"tariff": str(obis.e)}
        if (phase := _PHASES.get(obis.c)) and (obis.d, obis.e) == (7, 0):
            return phase[0], {"phase": phase[1]}
    return "register", {"obis": str(obis)}


def _state_class(register: Register) -> SensorStateClass:
    """Return how the register behaves; a balance of energies may fall as well."""
    if register.obis.counts_up:
        return SensorStateClass.TOTAL_INCREASING
    if register.unit.is_quantity:
        return SensorStateClass.TOTAL
    return SensorStateClass.MEASUREMENT


def _device_class(register: Register) -> SensorDeviceClass | None:
    if register.unit is Unit.CUBIC_METRE:
        return _VOLUMES.get(register.obis.a)
    return _CLASSES.get(register.unit)
