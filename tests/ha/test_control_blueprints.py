"""The automation blueprints: valid for Home Assistant, and they do what they promise."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
import shutil
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_capture_events,
    async_mock_service,
)
from pytest_homeassistant_custom_component.test_util.aiohttp import AiohttpClientMocker
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.smgw.control.command import Release, SetPrices, Slot
from homeassistant.components.automation.config import AUTOMATION_BLUEPRINT_SCHEMA
from homeassistant.components.blueprint.models import Blueprint
from homeassistant.const import EVENT_HOMEASSISTANT_STARTED
from homeassistant.core import CoreState, HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util, yaml as yaml_util

from .conftest import Timeline, set_up
from .control_home import (
    GRID,
    SUPPLIER,
    entity,
    grid,
    hours,
    limit,
    order,
    room_of,
    settle,
    supplier,
    with_subentries,
)

FOLDER = Path(__file__).resolve().parents[2] / "blueprints" / "automation" / "smgw"
BLUEPRINTS = sorted(FOLDER.glob("*.yaml"))
DIM, CHEAP = "dim_on_grid_limit.yaml", "cheapest_hours.yaml"


@pytest.mark.parametrize("file", BLUEPRINTS, ids=lambda file: file.stem)
def test_valid(file: Path) -> None:
    """Home Assistant takes it, and it says where it comes from."""
    blueprint = Blueprint(
        yaml_util.load_yaml_dict(file),
        expected_domain="automation",
        schema=AUTOMATION_BLUEPRINT_SCHEMA,
    )
    assert blueprint.validate() is None
    url = blueprint.metadata["source_url"]
    assert url.endswith(f"/blueprints/automation/smgw/{file.name}")
    for language in ("README.md", "README.de.md"):
        text = (FOLDER.parents[2] / language).read_text(encoding="utf-8")
        assert file.name in text, language


@pytest.fixture
async def importing(
    hass: HomeAssistant,
    hass_ws_client: WebSocketGenerator,
    aioclient_mock: AiohttpClientMocker,
) -> Callable[[str], Awaitable[None]]:
    """Import a blueprint as the page does: fetched from its address, looked at, saved."""

    async def run(file: str) -> None:
        raw = await hass.async_add_executor_job((FOLDER / file).read_text, "utf-8")
        source = yaml_util.parse_yaml(raw)["blueprint"]["source_url"]
        fetched = source.replace("github.com", "raw.githubusercontent.com")
        aioclient_mock.get(fetched.replace("/blob/", "/"), text=raw)
        client = await hass_ws_client(hass)
        await client.send_json_auto_id({"type": "blueprint/import", "url": source})
        found = await client.receive_json()
        assert found["success"], found
        assert found["result"]["validation_errors"] is None
        assert found["result"]["suggested_filename"] == f"smgw-home/{file[:-5]}"
        await client.send_json_auto_id(
            {
                "type": "blueprint/save",
                "domain": "automation",
                "path": f"smgw/{file}",
                "yaml": found["result"]["raw_data"],
                "source_url": source,
            }
        )
        assert (await client.receive_json())["success"]

    return run


@pytest.mark.parametrize("file", [DIM, CHEAP])
async def test_imported(
    hass: HomeAssistant,
    hass_config_dir: str,
    importing: Callable[[str], Awaitable[None]],
    file: str,
) -> None:
    """Home Assistant's own import takes it from the address that it names."""
    assert await async_setup_component(hass, "automation", {})
    assert await async_setup_component(hass, "blueprint", {})
    await importing(file)
    kept = Path(hass_config_dir, "blueprints", "automation", "smgw", file)
    assert await hass.async_add_executor_job(kept.is_file)


@pytest.fixture
async def home(hass: HomeAssistant, entry: MockConfigEntry) -> MockConfigEntry:
    """A home with a wallbox and a heat pump."""
    wallbox = {"min": 0, "max": 32, "step": 1, "initial": 16}
    helpers = {
        "input_number": {"wallbox": wallbox},
        "input_boolean": {"heat_pump": {"initial": True}, "load": {}},
    }
    for domain, config in helpers.items():
        assert await async_setup_component(hass, domain, {domain: config})
    assert await async_setup_component(hass, "homeassistant", {})
    made = with_subentries(entry, grid(limits={"consumption": {}}), supplier())
    assert await set_up(hass, made)
    return made


async def use(hass: HomeAssistant, file: str, **inputs: Any) -> None:
    """Set an automation up from a blueprint."""
    folder = Path(hass.config.path("blueprints", "automation", "smgw"))
    await hass.async_add_executor_job(shutil.copytree, FOLDER, folder)
    config = {"use_blueprint": {"path": f"smgw/{file}", "input": inputs}}
    assert await async_setup_component(hass, "automation", {"automation": config})
    await hass.async_block_till_done()
    assert [state.state for state in hass.states.async_all("automation")] == ["on"]


def shows(hass: HomeAssistant, entity_id: str) -> str:
    """Return a state."""
    state = hass.states.get(entity_id)
    assert state is not None
    return state.state


async def test_dimmed(hass: HomeAssistant, home: MockConfigEntry) -> None:
    """The wallbox gets what is left of the limit, the heat pump stops; then both go on."""
    await use(
        hass,
        DIM,
        limit=entity(hass, "sensor", "consumption_limit", home.unique_id or ""),
        wallbox="input_number.wallbox",
        heat_pump=["input_boolean.heat_pump"],
    )
    for watts, amperes in ((9000, "12.0"), (4200, "0.0"), (20000, "16.0")):
        await order(hass, home, GRID, limit(watts))
        await settle(hass, home)
        assert shows(hass, "input_number.wallbox") == amperes
        assert shows(hass, "input_boolean.heat_pump") == "off"
    await order(hass, home, GRID, limit(5000))
    await order(hass, home, GRID, Release(), until=None)
    await settle(hass, home)
    assert shows(hass, "input_number.wallbox") == "16.0"
    assert shows(hass, "input_boolean.heat_pump") == "on"


async def dimming(hass: HomeAssistant, home: MockConfigEntry, **inputs: Any) -> str:
    """Use the blueprint that dims; return the sensor it follows."""
    sensor = entity(hass, "sensor", "consumption_limit", home.unique_id or "")
    devices = {
        "wallbox": "input_number.wallbox",
        "heat_pump": ["input_boolean.heat_pump"],
    }
    await use(hass, DIM, limit=sensor, **{**devices, **inputs})
    return sensor


async def test_dimmed_until_its_end(
    hass: HomeAssistant, home: MockConfigEntry, timeline: Timeline
) -> None:
    """When the limit's time is over, both go on."""
    await dimming(hass, home)
    await order(hass, home, GRID, limit(9000), until=hours(0.5))
    await settle(hass, home)
    assert shows(hass, "input_number.wallbox") == "12.0"
    await timeline.pass_by(minutes=29)
    assert shows(hass, "input_number.wallbox") == "12.0"
    await timeline.pass_by(minutes=1, seconds=1)
    assert shows(hass, "input_number.wallbox") == "16.0"
    assert shows(hass, "input_boolean.heat_pump") == "on"


async def test_dimmed_while_nothing_is_known(
    hass: HomeAssistant, home: MockConfigEntry
) -> None:
    """A sensor that is unavailable changes nothing; a reload in the middle neither."""
    sensor = await dimming(hass, home)
    await order(hass, home, GRID, limit(9000))
    await settle(hass, home)
    await hass.config_entries.async_unload(home.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert shows(hass, sensor) == "unavailable"
    assert shows(hass, "input_number.wallbox") == "12.0"
    assert shows(hass, "input_boolean.heat_pump") == "off"
    changes = async_capture_events(hass, "state_changed")
    await hass.config_entries.async_setup(home.entry_id)
    await settle(hass, home)
    assert shows(hass, sensor) == "9000"
    for entity_id in ("input_number.wallbox", "input_boolean.heat_pump"):
        assert not [one for one in changes if one.data["entity_id"] == entity_id]


async def test_dimmed_once_it_is_back(
    hass: HomeAssistant, home: MockConfigEntry, timeline: Timeline
) -> None:
    """A wallbox or a heat pump that was away gets what holds when it returns."""
    box, pump = "number.wallbox", "switch.heat_pump"
    hass.states.async_set(box, "unavailable")
    hass.states.async_set(pump, "unavailable")
    await dimming(hass, home, wallbox=box, heat_pump=[pump])
    await order(hass, home, GRID, limit(9000))
    await settle(hass, home)
    numbers = async_mock_service(hass, "number", "set_value")
    switches = async_mock_service(hass, "homeassistant", "turn_off")
    async_mock_service(hass, "homeassistant", "turn_on")
    hass.states.async_set(box, "16", {"min": 0, "max": 32})
    await hass.async_block_till_done()
    assert [call.data["value"] for call in numbers] == [12]
    hass.states.async_set(pump, "on")
    await hass.async_block_till_done()
    assert switches[-1].data["entity_id"] == [pump]
    # What somebody sets while a limit holds is not fought.
    numbers.clear()
    hass.states.async_set(box, "14", {"min": 0, "max": 32})
    await hass.async_block_till_done()
    assert not numbers
    # Away at the end of the limit, it gets its usual value; away in between, nothing.
    hass.states.async_set(box, "unavailable")
    await timeline.pass_by(minutes=1)
    await order(hass, home, GRID, Release(), until=None)
    await settle(hass, home)
    await timeline.pass_by(minutes=1)
    numbers.clear()
    hass.states.async_set(box, "12", {"min": 0, "max": 32})
    await hass.async_block_till_done()
    assert [call.data["value"] for call in numbers] == [16]
    numbers.clear()
    await timeline.pass_by(minutes=1)
    hass.states.async_set(box, "unavailable")
    await timeline.pass_by(minutes=1)
    hass.states.async_set(box, "8", {"min": 0, "max": 32})
    await hass.async_block_till_done()
    assert not numbers


async def test_a_wallbox_that_cannot_go_so_low(
    hass: HomeAssistant, home: MockConfigEntry
) -> None:
    """It gets the lowest value that it takes, and the heat pump stops all the same."""
    stubborn = {"min": 6, "max": 32, "step": 1, "initial": 16}
    assert await async_setup_component(
        hass, "input_number", {"input_number": {"stubborn": stubborn}}
    )
    hass.states.async_set("input_number.stubborn", "16", {"min": 6, "max": 32})
    calls = async_mock_service(hass, "input_number", "set_value")
    await dimming(hass, home, wallbox="input_number.stubborn")
    await order(hass, home, GRID, limit(4200))
    await settle(hass, home)
    assert [call.data["value"] for call in calls] == [6]
    assert shows(hass, "input_boolean.heat_pump") == "off"


async def test_a_home_without_a_heat_pump(
    hass: HomeAssistant, home: MockConfigEntry
) -> None:
    """The wallbox is dimmed all the same."""
    await dimming(hass, home, heat_pump=[])
    await order(hass, home, GRID, limit(9000))
    await settle(hass, home)
    assert shows(hass, "input_number.wallbox") == "12.0"
    assert shows(hass, "input_boolean.heat_pump") == "on"


async def test_a_wallbox_that_refuses(
    hass: HomeAssistant, home: MockConfigEntry
) -> None:
    """The heat pump stops whatever becomes of the wallbox."""
    calls = async_mock_service(
        hass, "input_number", "set_value", raise_exception=HomeAssistantError("no")
    )
    await dimming(hass, home)
    await order(hass, home, GRID, limit(4200))
    await settle(hass, home)
    assert calls
    assert shows(hass, "input_boolean.heat_pump") == "off"


@pytest.mark.parametrize("limited", [True, False])
async def test_dimmed_after_a_restart(
    hass: HomeAssistant, home: MockConfigEntry, limited: bool
) -> None:
    """What was ordered, or ended, while the automation was away holds once Home Assistant has started."""
    if limited:
        await order(hass, home, GRID, limit(9000))
        await settle(hass, home)
    else:
        await set_number(hass, 12)
    hass.set_state(CoreState.starting)
    await dimming(hass, home)
    hass.set_state(CoreState.running)
    hass.bus.async_fire(EVENT_HOMEASSISTANT_STARTED)
    await settle(hass, home)
    assert shows(hass, "input_number.wallbox") == ("12.0" if limited else "16.0")
    assert shows(hass, "input_boolean.heat_pump") == ("off" if limited else "on")


async def set_number(hass: HomeAssistant, value: float) -> None:
    """Set the wallbox by hand."""
    await hass.services.async_call(
        "input_number",
        "set_value",
        {"entity_id": "input_number.wallbox", "value": value},
        blocking=True,
    )


@pytest.mark.parametrize("expected_lingering_timers", [True])
async def test_no_prices_any_more(
    hass: HomeAssistant,
    home: MockConfigEntry,
    timeline: Timeline,
    expected_lingering_timers: bool,
) -> None:
    """Where the prices cannot be asked for, the load is turned off and does not run on for ever."""
    start = dt_util.utcnow().replace(minute=0)
    slots = (Slot(start=start, end=start + timedelta(hours=12), value=Decimal("0.1")),)
    await use(
        hass,
        CHEAP,
        participant=room_of(home).device_id(SUPPLIER),
        load="input_boolean.load",
        hours=24,
    )
    await order(
        hass, home, SUPPLIER, SetPrices(unit="EUR/kWh", slots=slots), until=None
    )
    await settle(hass, home)
    assert shows(hass, "input_boolean.load") == "on"
    await hass.config_entries.async_unload(home.entry_id)
    await timeline.pass_by(minutes=15)
    await hass.async_block_till_done()
    assert shows(hass, "input_boolean.load") == "off"


@pytest.mark.parametrize("expected_lingering_timers", [True])
async def test_cheapest_hours(
    hass: HomeAssistant,
    home: MockConfigEntry,
    timeline: Timeline,
    expected_lingering_timers: bool,
) -> None:
    """The load runs in the two cheapest hours of the day, and only then."""
    await use(
        hass,
        CHEAP,
        participant=room_of(home).device_id(SUPPLIER),
        load="input_boolean.load",
        hours=2,
    )
    start = dt_util.utcnow().replace(minute=0)
    slots = tuple(
        Slot(
            start=start + timedelta(hours=number),
            end=start + timedelta(hours=number + 1),
            value=Decimal(price),
        )
        for number, price in enumerate(("0.30", "0.10", "0.40", "0.20", "0.25"))
    )
    await order(
        hass, home, SUPPLIER, SetPrices(unit="EUR/kWh", slots=slots), until=None
    )
    await settle(hass, home)
    runs = []
    for number in range(6):
        await timeline.go_to(start + timedelta(hours=number, minutes=15))
        await settle(hass, home)
        runs.append(shows(hass, "input_boolean.load"))
    assert runs == ["off", "on", "off", "on", "off", "off"]
