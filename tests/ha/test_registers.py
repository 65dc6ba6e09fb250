"""What each register is called, in both languages, and what Home Assistant takes it for."""

import pytest

from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from simulator.clock import SimClock
from simulator.emh import EmhGateway
from simulator.meters import RegisterSpec
from simulator.ppc import PpcGateway
from simulator.scenario import one_meter

from .conftest import Timeline, make_entry, set_up
from .test_sensor import NEXT_SLOT

# OBIS code, unit, English and German name, device class, state class, enabled.
type Row = tuple[str, str, str, str, str | None, str, bool]

UP, TOTAL, NOW = "total_increasing", "total", "measurement"
ELECTRICITY: tuple[Row, ...] = (
    ("1.8.0", "kWh", "Grid import", "Netzbezug", "energy", UP, True),
    ("2.8.0", "kWh", "Grid export", "Netzeinspeisung", "energy", UP, True),
    ("1.8.2", "kWh", "Grid import tariff 2", "Netzbezug Tarif 2", "energy", UP, True),
    (
        *("1.8.63", "kWh", "Grid import, error register"),
        *("Netzbezug, Fehlerregister", "energy", UP, False),
    ),
    (
        *("2.8.63", "kWh", "Grid export, error register"),
        *("Netzeinspeisung, Fehlerregister", "energy", UP, False),
    ),
    ("21.8.0", "kWh", "Grid import L1", "Netzbezug L1", "energy", UP, False),
    ("62.8.0", "kWh", "Grid export L3", "Netzeinspeisung L3", "energy", UP, False),
    (
        *("15.8.0", "kWh", "Energy, import and export added"),
        *("Energie, Bezug und Einspeisung addiert", "energy", UP, False),
    ),
    ("16.8.0", "kWh", "Energy balance", "Energiesaldo", "energy", TOTAL, False),
    (
        *("3.8.0", "kvarh", "Reactive energy import", "Blindenergie Bezug"),
        *("reactive_energy", UP, False),
    ),
    (
        *("4.8.0", "varh", "Reactive energy export", "Blindenergie Einspeisung"),
        *("reactive_energy", UP, False),
    ),
    (
        *("3.8.1", "kvarh", "Reactive energy import tariff 1"),
        *("Blindenergie Bezug Tarif 1", "reactive_energy", UP, False),
    ),
    (
        *("5.8.0", "kvarh", "Reactive energy quadrant 1", "Blindenergie Quadrant 1"),
        *("reactive_energy", UP, False),
    ),
    (
        *("9.8.0", "kVAh", "Apparent energy import", "Scheinenergie Bezug"),
        *(None, UP, False),
    ),
    ("16.7.0", "W", "Power", "Leistung", "power", NOW, True),
    ("1.7.0", "kW", "Power import", "Leistung Bezug", "power", NOW, True),
    (
        *("15.7.0", "W", "Power, import and export added"),
        *("Leistung, Bezug und Einspeisung addiert", "power", NOW, False),
    ),
    ("41.7.0", "W", "Power import L2", "Leistung Bezug L2", "power", NOW, False),
    ("42.7.0", "W", "Power export L2", "Leistung Einspeisung L2", "power", NOW, False),
    ("76.7.0", "W", "Power L3", "Leistung L3", "power", NOW, False),
    (
        *("3.7.0", "var", "Reactive power import", "Blindleistung Bezug"),
        *("reactive_power", NOW, False),
    ),
    (
        *("64.7.0", "var", "Reactive power export L3", "Blindleistung Einspeisung L3"),
        *("reactive_power", NOW, False),
    ),
    (
        *("9.7.0", "VA", "Apparent power import", "Scheinleistung Bezug"),
        *("apparent_power", NOW, False),
    ),
    (
        *("29.7.0", "VA", "Apparent power L1", "Scheinleistung L1"),
        *("apparent_power", NOW, False),
    ),
    ("13.7.0", "", "Power factor", "Leistungsfaktor", "power_factor", NOW, False),
    (
        *("53.7.0", "", "Power factor L2", "Leistungsfaktor L2"),
        *("power_factor", NOW, False),
    ),
    ("31.7.0", "A", "Current L1", "Strom L1", "current", NOW, False),
    ("91.7.0", "A", "Current N", "Strom N", "current", NOW, False),
    ("72.7.0", "V", "Voltage L3", "Spannung L3", "voltage", NOW, False),
    ("14.7.0", "Hz", "Frequency", "Frequenz", "frequency", NOW, False),
    (
        *("81.7.1", "°", "Voltage angle L2 to L1", "Spannungswinkel L2 zu L1"),
        *(None, "measurement_angle", False),
    ),
    (
        *("81.7.15", "°", "Current angle L2", "Stromwinkel L2"),
        *(None, "measurement_angle", False),
    ),
    # Not in the table: a plain register, with what its unit tells.
    ("81.7.9", "°", "81.7.9", "81.7.9", None, "measurement_angle", False),
    ("99.8.0", "kWh", "99.8.0", "99.8.0", "energy", UP, False),
    ("101.7.0", "W", "101.7.0", "101.7.0", "power", NOW, False),
    ("1.6.0", "kW", "1.6.0", "1.6.0", "power", NOW, False),
)
OTHERS: tuple[tuple[str, Row], ...] = (
    (
        "7xyz0000000001",
        (
            *("7-0:3.1.0", "m³", "Gas volume, corrected"),
            *("Gasvolumen, temperaturkompensiert", "gas", UP, True),
        ),
    ),
    (
        "8xyz0000000001",
        ("8-0:1.0.0", "m³", "Cold water", "Kaltwasser", "water", UP, True),
    ),
    (
        "9xyz0000000001",
        ("9-0:1.0.0", "m³", "Hot water", "Warmwasser", "water", UP, True),
    ),
    (
        "6xyz0000000001",
        ("6-0:1.0.0", "MJ", "Heat", "Wärme", "energy", UP, True),
    ),
    (
        "6xyz0000000002",
        ("6-0:2.0.0", "m³", "6-0:2.0.0", "6-0:2.0.0", "volume", UP, False),
    ),
    (
        "5xyz0000000001",
        ("5-0:1.0.0", "kWh", "Cooling", "Kälte", "energy", UP, True),
    ),
    (
        "4xyz0000000001",
        (
            *("4-0:1.0.0", "", "Heat cost units", "Heizkosteneinheiten"),
            *(None, UP, True),
        ),
    ),
)


@pytest.mark.parametrize("language", ["en", "de"])
async def test_registers(
    hass: HomeAssistant,
    clock: SimClock,
    socket_enabled: None,
    timeline: Timeline,
    entity_registry: er.EntityRegistry,
    language: str,
) -> None:
    """Name, device class, state class, unit, and whether it is there at once."""
    hass.config.language = language
    rows = [("1esy0060178981", (f"1-0:{code}", *rest)) for code, *rest in ELECTRICITY]
    rows += OTHERS
    with PpcGateway(clock=clock, scenario=one_meter()) as gateway:
        meters = gateway.scenario.meters
        for meter, (code, unit, *_) in rows:
            spec = RegisterSpec(code, unit=unit or "kWh")
            if meter not in meters:
                meters.add_meter(meter, (spec,))
            elif code != "1-0:1.8.0":
                meters.add_register(meter, spec)
            gateway.override(meter, code, einheit=unit)
        entry = make_entry(gateway)
        await set_up(hass, entry)
        await timeline.go_to(NEXT_SLOT)
        for meter, (code, unit, english, german, kind, behaviour, enabled) in rows:
            entity_id = entity_registry.async_get_entity_id(
                "sensor", "smgw", f"{gateway.gateway_id}_{meter.upper()}_{code}"
            )
            assert entity_id is not None, code
            item = entity_registry.async_get(entity_id)
            assert item is not None
            name = english if language == "en" else german
            if name in code:
                name = f"Register {code}"
            assert item.original_name == name
            assert (item.original_device_class, item.unit_of_measurement) == (
                kind,
                unit or None,
            ), code
            assert item.capabilities == {"state_class": behaviour}, code
            assert (item.disabled_by is None) == enabled, code
            if enabled:
                assert float(hass.states.get(entity_id).state) >= 0, code


async def test_live_values_have_names(
    hass: HomeAssistant,
    clock: SimClock,
    socket_enabled: None,
    entity_registry: er.EntityRegistry,
) -> None:
    """All that a CASA with live values delivers is known."""
    with EmhGateway(clock=clock, faults=["live_values"]) as gateway:
        entry = make_entry(gateway)
        await set_up(hass, entry)
    items = er.async_entries_for_config_entry(entity_registry, entry.entry_id)
    names = [item.original_name or "" for item in items]
    assert "Voltage angle L3 to L1" in names
    assert not [name for name in names if name.startswith("Register")]
