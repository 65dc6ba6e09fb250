"""The automation blueprints: valid for Home Assistant, and they do what they promise."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
import shutil
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.smgw.control.command import Release, SetPrices, Slot
from homeassistant.components.automation.config import AUTOMATION_BLUEPRINT_SCHEMA
from homeassistant.components.blueprint.models import Blueprint
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util, yaml as yaml_util

from .conftest import Timeline, set_up
from .control_home import (
    GRID,
    SUPPLIER,
    entity,
    grid,
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
