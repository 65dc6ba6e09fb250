"""Sensors: what a gateway's registers look like in Home Assistant."""

from datetime import UTC, datetime, timedelta

import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    snapshot_platform,
)
from syrupy.assertion import SnapshotAssertion

from custom_components import smgw
from homeassistant.const import STATE_UNAVAILABLE, STATE_UNKNOWN, Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.entity import Entity
from simulator.clock import SimClock
from simulator.ppc import PpcGateway
from simulator.scenario import grid_state, one_meter

from .conftest import START, Timeline, make_entry, set_up
from .test_coordinator import SETTLED, STAIRWELL

NEXT_SLOT = START.replace(minute=30) + SETTLED
HOUSE = "sensor.electricity_meter_1emh0012345678"


async def test_house(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    entity_registry: er.EntityRegistry,
    snapshot: SnapshotAssertion,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every sensor of the default house: name, class, unit, state."""
    monkeypatch.setattr(smgw, "PLATFORMS", [Platform.SENSOR])
    monkeypatch.setattr(Entity, "entity_registry_enabled_default", True)
    await set_up(hass, entry)
    await snapshot_platform(hass, entity_registry, snapshot, entry.entry_id)


async def test_grid_state_registers(
    hass: HomeAssistant,
    clock: SimClock,
    socket_enabled: None,
    entity_registry: er.EntityRegistry,
    snapshot: SnapshotAssertion,
) -> None:
    """A profile with power, voltage, current, angle: exotic ones wait disabled."""
    with PpcGateway(clock=clock, scenario=grid_state()) as gateway:
        entry = make_entry(gateway)
        await set_up(hass, entry)
        found = {
            item.unique_id.rsplit("_", 1)[1]: (
                item.original_name,
                item.original_device_class,
                item.unit_of_measurement,
                item.disabled_by,
            )
            for item in er.async_entries_for_config_entry(
                entity_registry, entry.entry_id
            )
            if ":" in item.unique_id
        }
    assert found == snapshot


async def test_real_unique_ids(
    hass: HomeAssistant, loaded: MockConfigEntry, entity_registry: er.EntityRegistry
) -> None:
    """Gateway, meter and OBIS code: stable whatever address or entry."""
    assert (
        entity_registry.async_get(STAIRWELL).unique_id
        == "EPPC0210123456_1ESY0060178981_1-0:1.8.0"
    )


async def test_register_and_meter_appear_later(
    hass: HomeAssistant, clock: SimClock, socket_enabled: None, timeline: Timeline
) -> None:
    """What the operator adds to the account is there after the next reading."""
    with PpcGateway(clock=clock, scenario=one_meter()) as gateway:
        await set_up(hass, make_entry(gateway))
        export = STAIRWELL.replace("import", "export")
        gas = "sensor.gas_meter_7abc0000000001_gas_volume"
        assert hass.states.get(export) is None
        gateway.scenario.meters.add_register("1esy0060178981", "1-0:2.8.0")
        gateway.scenario.meters.add_meter("7abc0000000001", ("7-0:3.0.0",))
        await timeline.go_to(NEXT_SLOT)
        assert hass.states.get(export).attributes["device_class"] == "energy"
        assert hass.states.get(gas).attributes["device_class"] == "gas"


async def test_meter_disappears(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
) -> None:
    """A meter that is no longer listed is unavailable, the others go on."""
    gateway.scenario.meters.remove_meter("1emh0012345678")
    await timeline.go_to(NEXT_SLOT)
    assert hass.states.get(f"{HOUSE}_grid_import").state == STATE_UNAVAILABLE
    assert hass.states.get(f"{HOUSE}_last_reading").state == STATE_UNAVAILABLE
    assert hass.states.get(STAIRWELL).state not in (STATE_UNAVAILABLE, STATE_UNKNOWN)


@pytest.mark.parametrize(
    "change",
    [
        {"istvalide": "2"},
        {"istvalide": "3"},
        {"wert": "1e9999"},
        {"wert": "NaN"},
        {"wert": ""},
        {"wert": "0.0000"},
        {"einheit": "Wh"},
        {"einheit": "furlong"},
        {"zeitstempel": "2099-01-01 00:00:00"},
        {"zeitstempel": "1970-01-01 00:00:00"},
        {"zeitstempel": "yesterday"},
        {"obis_text": "nonsense"},
    ],
    ids=str,
)
async def test_an_untrustworthy_row_is_no_value(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
    change: dict[str, str],
) -> None:
    """The register is unknown for this reading; its neighbours are not touched."""
    gateway.override("1emh0012345678", "1-0:1.8.0", **change)
    await timeline.go_to(NEXT_SLOT)
    assert hass.states.get(f"{HOUSE}_grid_import").state == STATE_UNKNOWN
    slot = START.replace(minute=30)
    truth = gateway.true_register("1emh0012345678", "1-0:2.8.0", slot)
    assert hass.states.get(f"{HOUSE}_grid_export").state == str(truth)

    gateway.scenario.meters.clear_overrides()
    await timeline.go_to(NEXT_SLOT + timedelta(minutes=15))
    slot = START.replace(minute=45)
    truth = gateway.true_register("1emh0012345678", "1-0:1.8.0", slot)
    assert hass.states.get(f"{HOUSE}_grid_import").state == str(truth)


async def test_unknown_register(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
    entity_registry: er.EntityRegistry,
) -> None:
    """A code nobody knows becomes a plain sensor that waits disabled."""
    gateway.override("1emh0012345678", "1-0:2.8.0", obis_text="1-0:99.8.0")
    await timeline.go_to(NEXT_SLOT)
    entity_id = entity_registry.async_get_entity_id(
        "sensor", "smgw", "EPPC0210123456_1EMH0012345678_1-0:99.8.0"
    )
    item = entity_registry.async_get(entity_id)
    assert item.original_name == "Register 1-0:99.8.0"
    assert item.original_device_class == "energy"
    assert item.disabled_by is er.RegistryEntryDisabler.INTEGRATION


async def test_october_night(
    hass: HomeAssistant,
    socket_enabled: None,
    timeline: Timeline,
    clock: SimClock,
) -> None:
    """Through the doubled hour every reading gets its true time and value."""
    evening = datetime(2026, 10, 24, 23, 31, 40, tzinfo=UTC)  # 01:31 summer time
    await timeline.go_to(evening)
    with PpcGateway(clock=clock, scenario=one_meter()) as gateway:
        await set_up(hass, make_entry(gateway))
        for quarters in range(1, 13):
            slot = evening.replace(minute=30, second=0) + quarters * timedelta(
                minutes=15
            )
            await timeline.go_to(slot + SETTLED)
            taken = datetime.fromisoformat(
                hass.states.get(
                    "sensor.electricity_meter_1esy0060178981_last_reading"
                ).state
            )
            assert timedelta(0) <= taken - slot <= timedelta(seconds=5)
            truth = gateway.true_register("1esy0060178981", "1-0:1.8.0", slot)
            assert hass.states.get(STAIRWELL).state == str(truth)
