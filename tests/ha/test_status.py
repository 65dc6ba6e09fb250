"""What gateways say of their values and of themselves, as the owner sees it."""

import json
from pathlib import Path
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components import smgw
from custom_components.smgw.const import DOMAIN
from homeassistant.const import STATE_UNKNOWN
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from simulator.clock import SimClock
from simulator.emh import EmhGateway
from simulator.ppc import PpcGateway
from simulator.theben import ThebenGateway

from .conftest import START, Timeline, enable, make_entry, set_up
from .test_coordinator import SETTLED

SLOT = START.replace(minute=30) + SETTLED
NEXT = START.replace(minute=45) + SETTLED
HOUSE = "1EMH0012345678"
IMPORT = f"{HOUSE}_1-0:2.8.0"
STATUS = f"{HOUSE}_reading_status"


@pytest.fixture
def gateway(box: Any) -> Any:
    """A simulated gateway of each maker."""
    return box


only_theben = pytest.mark.parametrize("box", [ThebenGateway], indirect=True)
json_makers = pytest.mark.parametrize("box", [ThebenGateway, EmhGateway], indirect=True)


def entity_id(hass: HomeAssistant, gateway: Any, key: str) -> str | None:
    """Return the entity of a key behind the gateway's number."""
    unique_id = f"{gateway.gateway_id}_{key}"
    return er.async_get(hass).async_get_entity_id("sensor", DOMAIN, unique_id)


def shown(hass: HomeAssistant, gateway: Any, key: str) -> str:
    """Return what a sensor shows."""
    found = entity_id(hass, gateway, key)
    assert found is not None
    return str(hass.states.get(found).state)


async def test_good(hass: HomeAssistant, gateway: Any, loaded: MockConfigEntry) -> None:
    """Nothing is wrong with the values."""
    assert shown(hass, gateway, STATUS) == "good"


@json_makers
async def test_warning(
    hass: HomeAssistant, gateway: Any, loaded: MockConfigEntry, timeline: Timeline
) -> None:
    """A value with a warning is used, and the warning is shown."""
    gateway.faults.add("ptb_warning")
    await timeline.go_to(SLOT)
    truth = gateway.true_register(HOUSE.lower(), "1-0:2.8.0", START.replace(minute=30))
    assert shown(hass, gateway, IMPORT) == str(truth)
    assert shown(hass, gateway, STATUS) == "warning"
    gateway.faults.clear()
    await timeline.go_to(NEXT)
    assert shown(hass, gateway, STATUS) == "good"


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ("not_valid", "unusable"),
        ("clock_invalid", "unusable"),
        ("fatal_status", "fatal"),
    ],
)
@json_makers
async def test_not_used(
    hass: HomeAssistant,
    gateway: Any,
    loaded: MockConfigEntry,
    timeline: Timeline,
    fault: str,
    status: str,
) -> None:
    """A value that is marked invalid is not shown; why, is."""
    gateway.faults.add(fault)
    await timeline.go_to(SLOT)
    assert shown(hass, gateway, IMPORT) == STATE_UNKNOWN
    assert shown(hass, gateway, STATUS) == status
    gateway.faults.clear()
    await timeline.go_to(NEXT)
    assert shown(hass, gateway, IMPORT) != STATE_UNKNOWN
    assert shown(hass, gateway, STATUS) == "good"


@pytest.mark.parametrize("box", [PpcGateway], indirect=True)
@pytest.mark.parametrize(
    ("validity", "status"), [("2", "unusable"), ("3", STATE_UNKNOWN)]
)
async def test_ppc_validity(
    hass: HomeAssistant,
    gateway: PpcGateway,
    loaded: MockConfigEntry,
    timeline: Timeline,
    validity: str,
    status: str,
) -> None:
    """A PPC page knows valid, invalid and not present."""
    for obis in ("1-0:1.8.0", "1-0:1.8.1", "1-0:1.8.2", "1-0:2.8.0"):
        gateway.override(HOUSE.lower(), obis, istvalide=validity)
    await timeline.go_to(SLOT)
    assert shown(hass, gateway, STATUS) == status
    assert shown(hass, gateway, "1ESY0060178981_reading_status") == "good"


async def test_words_that_say_nothing(
    hass: HomeAssistant, socket_enabled: None, clock: SimClock, timeline: Timeline
) -> None:
    """A meter's half of the maker's own is no alarm; the gateway's half counts."""
    with EmhGateway(
        clock=clock, faults=["status_14", ("meter_status", {"word": "10229100"})]
    ) as gateway:
        await set_up(hass, make_entry(gateway))
        assert shown(hass, gateway, IMPORT) != STATE_UNKNOWN
        assert shown(hass, gateway, STATUS) == "good"


@only_theben
@pytest.mark.parametrize(
    ("fault", "state"),
    [("clock_invalid", "clock_invalid"), ("fatal_status", "fatal_error")],
)
async def test_gateway_state(
    hass: HomeAssistant,
    gateway: ThebenGateway,
    loaded: MockConfigEntry,
    timeline: Timeline,
    fault: str,
    state: str,
) -> None:
    """A Theben says how it is."""
    assert shown(hass, gateway, "state") == "ok"
    gateway.faults.add(fault)
    await timeline.go_to(SLOT)
    assert shown(hass, gateway, "state") == state


@pytest.mark.parametrize("box", [PpcGateway, EmhGateway], indirect=True)
async def test_no_gateway_state(
    hass: HomeAssistant, gateway: Any, loaded: MockConfigEntry
) -> None:
    """The others do not, and have no sensor that never knows anything."""
    assert entity_id(hass, gateway, "state") is None


async def test_clock_offset_waits_disabled(
    hass: HomeAssistant, gateway: Any, loaded: MockConfigEntry
) -> None:
    """Where it matters there is an issue; so it is for those who ask."""
    found = entity_id(hass, gateway, "clock_offset")
    assert found is not None
    assert hass.states.get(found) is None


async def test_clock_offset(
    hass: HomeAssistant,
    gateway: Any,
    clock: SimClock,
    timeline: Timeline,
) -> None:
    """In seconds, positive where the gateway is ahead."""
    enable(hass, f"{gateway.gateway_id}_clock_offset")
    await set_up(hass, make_entry(gateway))
    assert shown(hass, gateway, "clock_offset") == "0"
    await timeline.go_to(SLOT)
    assert shown(hass, gateway, "clock_offset") == "0"
    timeline.jump_alone(NEXT)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert shown(hass, gateway, "clock_offset") in {"-899", "-900"}
    clock.set(NEXT.replace(hour=10, minute=1, second=53))
    timeline.jump_alone(NEXT.replace(hour=10, minute=1))
    await hass.async_block_till_done(wait_background_tasks=True)
    assert shown(hass, gateway, "clock_offset") == "13"


@pytest.mark.parametrize("language", ["en", "de"])
async def test_states_have_names(
    hass: HomeAssistant,
    entity_registry: er.EntityRegistry,
    socket_enabled: None,
    clock: SimClock,
    language: str,
) -> None:
    """Each state that a sensor can have has a text."""
    path = Path(smgw.__file__).parent / "translations" / f"{language}.json"
    texts = json.loads(path.read_text(encoding="utf-8"))["entity"]["sensor"]
    with ThebenGateway(clock=clock) as gateway:
        entry = make_entry(gateway)
        await set_up(hass, entry)
        for item in er.async_entries_for_config_entry(entity_registry, entry.entry_id):
            if options := (item.capabilities or {}).get("options"):
                assert texts[item.translation_key]["state"].keys() == set(options)
