"""An apartment house: an account for each flat, whose meters are read in their turn."""

from collections.abc import Generator
from datetime import datetime, timedelta

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.smgw.const import DOMAIN
from homeassistant.const import STATE_UNAVAILABLE
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from simulator.apartments import accounts, apartments
from simulator.clock import SimClock
from simulator.ppc import PpcGateway

from .conftest import START, Timeline, entry_with, set_up
from .test_coordinator import SETTLED

FLATS = 3
QUARTER = timedelta(minutes=15)


@pytest.fixture
def gateway(socket_enabled: None, clock: SimClock) -> Generator[PpcGateway]:
    """The house's gateway."""
    scenario, users = apartments(FLATS), accounts(FLATS)
    with PpcGateway(clock=clock, scenario=scenario, users=users) as running:
        yield running


@pytest.fixture
async def house(hass: HomeAssistant, gateway: PpcGateway) -> MockConfigEntry:
    """The loaded entry with every flat's account."""
    entry = entry_with(
        gateway,
        {user: account.password for user, account in accounts(FLATS).items()},
    )
    await set_up(hass, entry)
    return entry


def imports(hass: HomeAssistant, gateway: PpcGateway) -> dict[str, str]:
    """Return the import sensors by meter."""
    found = {}
    for meter in gateway.scenario.meters:
        unique_id = f"{gateway.gateway_id}_{meter.id.upper()}_1-0:1.8.0"
        entity_id = er.async_get(hass).async_get_entity_id("sensor", DOMAIN, unique_id)
        assert entity_id is not None
        found[meter.id] = entity_id
    return found


async def test_all_meters(
    hass: HomeAssistant, house: MockConfigEntry, gateway: PpcGateway
) -> None:
    """Each shows what it has counted."""
    sensors = imports(hass, gateway)
    assert len(sensors) == 5 * FLATS
    for meter, entity_id in sensors.items():
        truth = gateway.true_register(meter, "1-0:1.8.0", START.replace(minute=0))
        assert hass.states.get(entity_id).state == str(truth)


async def test_only_what_was_read_is_written(
    hass: HomeAssistant,
    house: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
) -> None:
    """A flat's turn writes its own meters; the states of the others stay as they are."""
    sensors = imports(hass, gateway)

    def reported() -> dict[str, datetime]:
        return {m: hass.states.get(e).last_reported for m, e in sensors.items()}

    written: list[str] = []
    for quarters in range(1, 9):
        before = reported()
        await timeline.go_to(START.replace(minute=0) + quarters * QUARTER + SETTLED)
        changed = [m for m, at in reported().items() if at != before[m]]
        assert len(changed) in (0, 5)
        written += changed
    assert set(written[:15]) == set(sensors)


async def test_a_fault_is_everybodys(
    hass: HomeAssistant,
    house: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
) -> None:
    """Nobody's values are shown while the gateway fails, and all are back with it."""
    sensors = imports(hass, gateway)
    gateway.faults.add("server_error")
    await timeline.go_to(START.replace(hour=10, minute=15) + SETTLED)
    states = {hass.states.get(entity_id).state for entity_id in sensors.values()}
    assert states == {STATE_UNAVAILABLE}
    gateway.faults.clear()
    await timeline.go_to(START.replace(hour=10, minute=30) + SETTLED)
    states = {hass.states.get(entity_id).state for entity_id in sensors.values()}
    assert STATE_UNAVAILABLE not in states
