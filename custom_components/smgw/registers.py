"""The table of registers: what an OBIS code and a unit mean to Home Assistant."""

from collections.abc import Mapping

from homeassistant.components.sensor import (
    SensorDeviceClass,
    SensorEntityDescription,
    SensorStateClass,
)
from homeassistant.const import EntityCategory

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
    Unit.KILOVAR: SensorDeviceClass.REACTIVE_POWER,
    Unit.VOLT_AMPERE: SensorDeviceClass.APPARENT_POWER,
    Unit.KILOVOLT_AMPERE: SensorDeviceClass.APPARENT_POWER,
    Unit.VOLT: SensorDeviceClass.VOLTAGE,
    Unit.AMPERE: SensorDeviceClass.CURRENT,
    Unit.HERTZ: SensorDeviceClass.FREQUENCY,
}
# A volume is gas or water by the medium of its OBIS code.
_VOLUMES = {
    5: SensorDeviceClass.VOLUME,
    6: SensorDeviceClass.VOLUME,
    7: SensorDeviceClass.GAS,
    8: SensorDeviceClass.WATER,
    9: SensorDeviceClass.WATER,
}
_PRECISION = {
    Unit.WATT_HOUR: 0,
    Unit.VAR_HOUR: 0,
    Unit.VOLT_AMPERE_HOUR: 0,
    Unit.KILOWATT_HOUR: 3,
    Unit.KILOVAR_HOUR: 3,
    Unit.KILOVOLT_AMPERE_HOUR: 3,
    Unit.MEGAJOULE: 3,
    Unit.GIGAJOULE: 3,
    Unit.CUBIC_METRE: 3,
    Unit.WATT: 0,
    Unit.VAR: 0,
    Unit.VOLT_AMPERE: 0,
    Unit.KILOWATT: 3,
    Unit.KILOVAR: 3,
    Unit.KILOVOLT_AMPERE: 3,
    Unit.VOLT: 1,
    Unit.AMPERE: 2,
    Unit.HERTZ: 2,
    Unit.DEGREE: 1,
}
_NAMES = {
    (1, "1.8.0"): "import_total",
    (1, "2.8.0"): "export_total",
    (1, "3.8.0"): "reactive_import",
    (1, "4.8.0"): "reactive_export",
    (1, "9.8.0"): "apparent_import",
    (1, "10.8.0"): "apparent_export",
    (1, "15.8.0"): "energy_absolute",
    (1, "16.8.0"): "energy_balance",
    (1, "1.7.0"): "power_import",
    (1, "2.7.0"): "power_export",
    (1, "3.7.0"): "reactive_power_import",
    (1, "4.7.0"): "reactive_power_export",
    (1, "9.7.0"): "apparent_power_import",
    (1, "10.7.0"): "apparent_power_export",
    (1, "13.7.0"): "power_factor",
    (1, "14.7.0"): "frequency",
    (1, "15.7.0"): "power_absolute",
    (1, "16.7.0"): "power_total",
    (1, "91.7.0"): "current_neutral",
    (4, "1.0.0"): "heat_cost_total",
    (5, "1.0.0"): "cooling_total",
    (6, "1.0.0"): "heat_total",
    (7, "3.0.0"): "gas_volume",
    (7, "3.1.0"): "gas_volume_corrected",
    (8, "1.0.0"): "cold_water_total",
    (9, "1.0.0"): "hot_water_total",
}
# By C; E is the tariff.
_TARIFFS = {
    1: "import_tariff",
    2: "export_tariff",
    3: "reactive_import_tariff",
    4: "reactive_export_tariff",
}
# What a gateway could not assign to a tariff it counts in this one (TAF 2).
_ERROR_REGISTER = 63
_ERRORS = {1: "import_error", 2: "export_error"}
_QUADRANTS = {5: "1", 6: "2", 7: "3", 8: "4"}
# By C for phase 1; phases 2 and 3 follow in steps of 20 (IEC 62056-61).
_PHASE_ENERGIES = {21: "import_phase", 22: "export_phase"}
_PHASES = {
    21: "power_import_phase",
    22: "power_export_phase",
    23: "reactive_power_import_phase",
    24: "reactive_power_export_phase",
    29: "apparent_power_phase",
    31: "current_phase",
    32: "voltage_phase",
    33: "power_factor_phase",
    36: "power_phase",
}
# 81.7.E: which angle.
_ANGLES = {
    1: ("voltage_angle", "2"),
    2: ("voltage_angle", "3"),
    4: ("current_angle", "1"),
    15: ("current_angle", "2"),
    26: ("current_angle", "3"),
}
# What a gateway delivers besides these is there as well, but disabled at first.
_USUAL = frozenset(
    {
        *("import_total", "export_total", "import_tariff", "export_tariff"),
        *("power_total", "power_import", "power_export"),
        *("heat_total", "cooling_total", "heat_cost_total"),
        *("gas_volume", "gas_volume_corrected"),
        *("cold_water_total", "hot_water_total"),
    }
)


def describe(register: Register) -> SensorEntityDescription:
    """Return the sensor of a register; a generic one for an unknown OBIS code."""
    name, placeholders = _name(register.obis)
    in_doubt = name in _ERRORS.values()
    return SensorEntityDescription(
        key=str(register.obis),
        translation_key=name,
        translation_placeholders=placeholders,
        device_class=_device_class(register, name),
        state_class=_state_class(register),
        native_unit_of_measurement=register.unit.value or None,
        suggested_display_precision=_PRECISION.get(register.unit),
        entity_category=EntityCategory.DIAGNOSTIC if in_doubt else None,
        entity_registry_enabled_default=name in _USUAL,
    )


def _name(obis: Obis) -> tuple[str, dict[str, str] | None]:
    """Return translation key and placeholders of a register's name."""
    if name := _NAMES.get((obis.a, obis.register)):
        return name, None
    if obis.a == 1 and obis.d == 8:
        found = _energy(obis)
    elif obis.a == 1 and obis.d == 7:
        found = _momentary(obis)
    else:
        found = None
    return found or ("register", {"obis": str(obis)})


def _energy(obis: Obis) -> tuple[str, dict[str, str] | None] | None:
    """Return the name of an energy of a tariff, a quadrant or a phase."""
    if obis.e == _ERROR_REGISTER and obis.c in _ERRORS:
        return _ERRORS[obis.c], None
    if obis.c in _TARIFFS and 0 < obis.e < _ERROR_REGISTER:
        return _TARIFFS[obis.c], {"tariff": str(obis.e)}
    if obis.e == 0 and obis.c in _QUADRANTS:
        return "reactive_quadrant", {"quadrant": _QUADRANTS[obis.c]}
    return _of_phase(obis, _PHASE_ENERGIES)


def _momentary(obis: Obis) -> tuple[str, dict[str, str] | None] | None:
    """Return the name of an angle, or of what is measured at a phase."""
    if obis.c == 81 and obis.e in _ANGLES:
        name, phase = _ANGLES[obis.e]
        return name, {"phase": phase}
    return _of_phase(obis, _PHASES)


def _of_phase(
    obis: Obis, names: Mapping[int, str]
) -> tuple[str, dict[str, str] | None] | None:
    phase, first = divmod(obis.c - 21, 20)
    name = names.get(first + 21)
    if obis.e or name is None or phase not in range(3):
        return None
    return name, {"phase": str(phase + 1)}


def _state_class(register: Register) -> SensorStateClass:
    """Return how the register behaves; a balance of energies may fall as well."""
    if register.obis.counts_up:
        return SensorStateClass.TOTAL_INCREASING
    if register.unit.is_quantity:
        return SensorStateClass.TOTAL
    if register.unit is Unit.DEGREE:
        return SensorStateClass.MEASUREMENT_ANGLE
    return SensorStateClass.MEASUREMENT


def _device_class(register: Register, name: str) -> SensorDeviceClass | None:
    if register.unit is Unit.CUBIC_METRE:
        return _VOLUMES.get(register.obis.a)
    if register.unit is Unit.NONE and name in ("power_factor", "power_factor_phase"):
        return SensorDeviceClass.POWER_FACTOR
    return _CLASSES.get(register.unit)
