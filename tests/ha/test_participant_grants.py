"""What a participant may do: device, entity, limits, prices; what can never be granted."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.smgw.const import DOMAIN
from custom_components.smgw.control.limitation import AfterFailsafe
from custom_components.smgw.control.model import (
    Access,
    Direction,
    ItemGrant,
    LimitGrant,
    PriceGrant,
    ThingGrant,
)
from custom_components.smgw.participants import ParticipantConfig
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import InvalidData
from homeassistant.helpers import device_registry as dr, entity_registry as er

from .participants import Flow, add, answer, change, choose, only, save, to_grants

BOILER = "switch.boiler"
CHARGER = "number.charger"


@pytest.fixture
def boiler(hass: HomeAssistant) -> er.RegistryEntry:
    """A switch that is registered."""
    entity = er.async_get(hass).async_get_or_create(
        "switch", "test", "boiler", suggested_object_id="boiler"
    )
    hass.states.async_set(BOILER, "off", {"friendly_name": "Boiler"})
    return entity


@pytest.fixture(autouse=True)
def things(hass: HomeAssistant) -> None:
    """Entities of a home."""
    hass.states.async_set(CHARGER, "16", {"min": 6, "max": 32, "step": 1})
    hass.states.async_set("sensor.power", "500", {"unit_of_measurement": "W"})
    hass.states.async_set("cover.garage", "open", {"device_class": "garage"})
    hass.states.async_set("valve.gas", "open", {"device_class": "gas"})
    hass.states.async_set("cover.blind", "open", {"supported_features": 3})


def grants(entry: MockConfigEntry) -> tuple[Any, ...]:
    """Return what is granted."""
    return ParticipantConfig.of(only(entry)).grants


async def to_item(hass: HomeAssistant, entry: MockConfigEntry) -> Flow:
    """Open the form of a single entity."""
    flow = await choose(hass, await to_grants(hass, entry), "grant_item")
    assert flow["step_id"] == "grant_item"
    return flow


def assert_told(words: list[str]) -> None:
    """Assert that the grants of the next test are told in words."""
    assert len(words) == 6
    assert words[0] == "- Pump, the whole device: read; only with an end"
    assert words[1] == "- Boiler (switch.boiler): read and set; also without an end"
    assert "6 … 16.5" in words[2]
    assert "90 min" in words[2]
    assert "4200 W in silence" in words[3]


async def test_all_kinds(
    hass: HomeAssistant, loaded: MockConfigEntry, boiler: er.RegistryEntry
) -> None:
    """Each grant is told in words before it is kept."""
    device = dr.async_get(hass).async_get_or_create(
        config_entry_id=loaded.entry_id, identifiers={("test", "pump")}, name="Pump"
    )
    flow = await choose(hass, await to_grants(hass, loaded), "grant_thing")
    flow = await answer(hass, flow, thing=device.id, access="read")
    flow = await choose(hass, flow, "grant_item")
    flow = await answer(hass, flow, item=BOILER, access="write", open_ended=True)
    flow = await choose(hass, flow, "grant_item")
    flow = await answer(
        hass, flow, item=CHARGER, access="write", low=6, high=16.5, longest=90
    )
    flow = await choose(hass, flow, "grant_limit")
    flow = await answer(
        hass,
        flow,
        direction="consumption",
        low=1000,
        failsafe=4200,
        failsafe_hours=3,
        after_failsafe="keep",
    )
    flow = await choose(hass, flow, "grant_limit")
    flow = await answer(hass, flow, direction="production", open_ended=False)
    flow = await choose(hass, flow, "grant_prices")
    flow = await answer(hass, flow, prices=True)
    assert_told(flow["description_placeholders"]["grants"].splitlines())
    await save(hass, flow)

    thing, switch, charger, consumption, production, prices = grants(loaded)
    assert thing == ThingGrant(thing_id=device.id)
    assert switch == ItemGrant(item_id=boiler.id, access=Access.WRITE, open_ended=True)
    assert charger == ItemGrant(
        item_id=CHARGER,
        access=Access.WRITE,
        low=Decimal(6),
        high=Decimal("16.5"),
        longest=timedelta(minutes=90),
    )
    assert consumption.low == 1000
    assert consumption.open_ended
    assert consumption.failsafe.watts == 4200
    assert consumption.failsafe.minimum == timedelta(hours=3)
    assert consumption.failsafe.after is AfterFailsafe.KEEP
    assert production == LimitGrant(direction=Direction.PRODUCTION)
    assert prices == PriceGrant()


@pytest.mark.parametrize(
    ("fields", "errors"),
    [
        ({"item": "switch.gone"}, {"item": "entity_unknown"}),
        ({"item": "cover.garage"}, {"item": "entity_forbidden"}),
        ({"item": "valve.gas"}, {"item": "entity_forbidden"}),
        ({"item": "sensor.power", "access": "write"}, {"access": "entity_read_only"}),
        ({"item": CHARGER, "low": 10, "high": 8}, {"low": "bounds_crossed"}),
        ({"item": CHARGER, "low": 5}, {"low": "bounds_too_wide"}),
        ({"item": CHARGER, "high": 33}, {"high": "bounds_too_wide"}),
        ({"item": "cover.blind", "high": 50}, {"high": "no_bounds"}),
    ],
)
async def test_item_errors(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    fields: dict[str, Any],
    errors: dict[str, str],
) -> None:
    """What cannot be granted is told at its field."""
    flow = await answer(
        hass, await to_item(hass, loaded), **{"access": "read", **fields}
    )
    assert flow["errors"] == errors
    if "bounds_too_wide" in errors.values():
        told = flow["description_placeholders"]
        assert (told["low"], told["high"]) == ("6", "32")


@pytest.mark.parametrize("domain", ["lock", "button", "script", "automation", "scene"])
async def test_never(hass: HomeAssistant, loaded: MockConfigEntry, domain: str) -> None:
    """Some kinds are not even taken by the form."""
    hass.states.async_set(f"{domain}.door", "on")
    flow = await to_item(hass, loaded)
    with pytest.raises(InvalidData):
        await answer(hass, flow, item=f"{domain}.door", access="read")


async def test_own_entities_are_read_only(
    hass: HomeAssistant, loaded: MockConfigEntry
) -> None:
    """A participant who set a switch of ours would pass for the owner."""
    entity = er.async_get(hass).async_get_or_create("switch", DOMAIN, "boiler")
    hass.states.async_set(entity.entity_id, "off")
    flow = await to_item(hass, loaded)
    flow = await answer(hass, flow, item=entity.entity_id, access="write")
    assert flow["errors"] == {"access": "entity_read_only"}
    flow = await answer(hass, flow, item=entity.entity_id, access="read")
    assert flow["step_id"] == "grants"


async def test_gone_device(hass: HomeAssistant, loaded: MockConfigEntry) -> None:
    """A device that was deleted meanwhile."""
    flow = await choose(hass, await to_grants(hass, loaded), "grant_thing")
    flow = await answer(hass, flow, thing="0123", access="read")
    assert flow["errors"] == {"thing": "device_unknown"}


async def test_change_and_take_back(
    hass: HomeAssistant, loaded: MockConfigEntry, boiler: er.RegistryEntry
) -> None:
    """A second grant of the same takes the place of the first; any can be taken back."""
    added = await add(hass, loaded)
    for access in ("read", "write"):
        flow = await change(hass, loaded, added.subentry_id)
        flow = await choose(hass, flow, "grant_item")
        await save(hass, await answer(hass, flow, item=BOILER, access=access))
        (found,) = grants(loaded)
        assert found.access == access
    flow = await choose(
        hass, await change(hass, loaded, added.subentry_id), "grant_limit"
    )
    flow = await answer(hass, flow, direction="consumption")
    flow = await choose(hass, flow, "grant_prices")
    flow = await answer(hass, flow, prices=True)
    await save(hass, flow)
    assert len(grants(loaded)) == 3
    flow = await change(hass, loaded, added.subentry_id)
    flow = await choose(hass, flow, "grant_remove")
    await save(
        hass,
        await answer(hass, flow, grants=["limits consumption", f"items {boiler.id}"]),
    )
    assert grants(loaded) == (PriceGrant(),)
    flow = await change(hass, loaded, added.subentry_id)
    flow = await choose(hass, flow, "grant_remove")
    await save(hass, await answer(hass, flow, grants=["prices"]))
    assert grants(loaded) == ()
