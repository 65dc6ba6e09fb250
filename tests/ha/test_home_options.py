"""Options of the home under control: what is measured, who carries limits out, the laboratory."""

from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.smgw.control.model import Direction
from custom_components.smgw.control.settings import ExecutorMode
from custom_components.smgw.household import HouseConfig
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import entity_registry as er

from .participants import Flow, suggested

CHARGER, BOILER = "number.charger", "switch.boiler"


@pytest.fixture(autouse=True)
def things(hass: HomeAssistant) -> None:
    """Entities of a home."""
    hass.states.async_set(CHARGER, "16", {"min": 6, "max": 32})
    hass.states.async_set(BOILER, "on")
    hass.states.async_set(
        "sensor.grid", "500", {"device_class": "power", "unit_of_measurement": "W"}
    )


async def to(hass: HomeAssistant, entry: MockConfigEntry, topic: str) -> Flow:
    """Open one topic of the options."""
    flow = await hass.config_entries.options.async_init(entry.entry_id)
    assert flow["type"] is FlowResultType.MENU
    flow = await answer(hass, flow, next_step_id=topic)
    assert (flow["type"], flow["step_id"]) == (FlowResultType.FORM, topic)
    return flow


async def answer(hass: HomeAssistant, flow: Flow, **fields: Any) -> Flow:
    """Fill in the form shown."""
    result: Flow = await hass.config_entries.options.async_configure(
        flow["flow_id"], fields
    )
    await hass.async_block_till_done(wait_background_tasks=True)
    return result


async def test_measured(hass: HomeAssistant, loaded: MockConfigEntry) -> None:
    """One sensor may serve both directions; what others have set stays."""
    hass.config_entries.async_update_entry(loaded, options={"interval": 30})
    entity = er.async_get(hass).async_get_or_create(
        "sensor", "test", "meter", original_device_class="power"
    )
    fields = {
        "source_consumption": entity.entity_id,
        "inverted_consumption": False,
        "source_production": entity.entity_id,
        "inverted_production": True,
        "effect_minutes": 3,
    }
    result = await answer(hass, await to(hass, loaded, "measured"), **fields)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert loaded.options["interval"] == 30
    found = HouseConfig.of(loaded.options)
    assert found.house.measured == set(Direction)
    assert {source.item_id for source in found.sources.values()} == {entity.id}
    assert found.sources[Direction.PRODUCTION].inverted
    assert suggested(await to(hass, loaded, "measured")) == fields
    await answer(
        hass,
        await to(hass, loaded, "measured"),
        inverted_consumption=False,
        inverted_production=False,
        effect_minutes=5,
    )
    assert HouseConfig.of(loaded.options).house.measured == frozenset()


async def test_reading_keeps_the_home(
    hass: HomeAssistant, loaded: MockConfigEntry
) -> None:
    """Another interval changes nothing else."""
    await answer(hass, await to(hass, loaded, "laboratory"), lab=True)
    flow = await hass.config_entries.options.async_init(loaded.entry_id)
    flow = await answer(hass, flow, next_step_id="reading")
    await answer(hass, flow, interval=60, sessions=4)
    assert dict(loaded.options) == {"interval": 60, "lab": True}
    assert suggested(await to(hass, loaded, "laboratory")) == {"lab": True}


async def test_executors(hass: HomeAssistant, loaded: MockConfigEntry) -> None:
    """Added one by one, changed in place, put in order, and forgotten."""
    flow = await to(hass, loaded, "executor")
    await answer(
        hass,
        flow,
        direction="consumption",
        item=CHARGER,
        mode="reduce",
        low=6,
        high=16,
        watts_per_unit=690,
    )
    flow = await to(hass, loaded, "executor")
    await answer(hass, flow, direction="consumption", item=BOILER, mode="switch")
    flow = await to(hass, loaded, "executor")
    await answer(
        hass, flow, direction="consumption", item=CHARGER, mode="follow", high=11
    )
    charger, boiler = HouseConfig.of(loaded.options).house.executors[
        Direction.CONSUMPTION
    ]
    assert (charger.item_id, charger.mode, charger.high) == (
        CHARGER,
        ExecutorMode.FOLLOW,
        11,
    )
    assert (boiler.item_id, boiler.relieved) == (BOILER, False)
    flow = await to(hass, loaded, "executors")
    assert suggested(flow)["executors_consumption"] == [CHARGER, BOILER]
    await answer(hass, flow, executors_consumption=[BOILER, CHARGER])
    found = HouseConfig.of(loaded.options).house.executors
    assert [one.item_id for one in found[Direction.CONSUMPTION]] == [BOILER, CHARGER]
    await answer(
        hass, await to(hass, loaded, "executors"), executors_consumption=[BOILER]
    )
    (left,) = HouseConfig.of(loaded.options).house.executors[Direction.CONSUMPTION]
    assert left.item_id == BOILER


@pytest.mark.parametrize(
    ("fields", "errors"),
    [
        ({"item": "number.gone", "mode": "reduce"}, {"item": "entity_unknown"}),
        ({"item": CHARGER, "mode": "switch"}, {"mode": "wrong_mode"}),
        ({"item": BOILER, "mode": "reduce"}, {"mode": "wrong_mode"}),
        ({"item": CHARGER, "mode": "reduce", "low": -1}, {"low": "below_zero"}),
        (
            {"item": CHARGER, "mode": "reduce", "low": 9, "high": 8},
            {"low": "bounds_crossed"},
        ),
        (
            {"item": CHARGER, "mode": "reduce", "watts_per_unit": 0},
            {"watts_per_unit": "above_zero_needed"},
        ),
        ({"item": CHARGER, "mode": "reduce", "step": 0}, {"step": "above_zero_needed"}),
    ],
)
async def test_executor_errors(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    fields: dict[str, Any],
    errors: dict[str, str],
) -> None:
    """What would lead nowhere is told at its field, and nothing is kept."""
    flow = await to(hass, loaded, "executor")
    flow = await answer(hass, flow, direction="consumption", **fields)
    assert flow["errors"] == errors
    assert loaded.options == {}


async def test_powers(hass: HomeAssistant, loaded: MockConfigEntry) -> None:
    """Nominal powers and minima by direction; what is left out is not there."""
    fields = {
        "nominal_production": 9900,
        "minimum_consumption": 4200,
        "restore_seconds": 600,
        "ramp_seconds": 300,
    }
    await answer(hass, await to(hass, loaded, "powers"), **fields)
    house = HouseConfig.of(loaded.options).house
    assert house.nominal == {Direction.PRODUCTION: 9900}
    assert house.minimum == {Direction.CONSUMPTION: 4200}
    assert house.rules.restore.total_seconds() == 600
    assert house.rules.ramp.total_seconds() == 300
    assert suggested(await to(hass, loaded, "powers")) == fields
