"""A CLS switch: added and changed, and what is wrong with it."""

from typing import Any

from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.smgw.const import DOMAIN
from custom_components.smgw.switches import SwitchConfig, switches_of
from homeassistant.config_entries import (
    SOURCE_RECONFIGURE,
    SOURCE_USER,
    ConfigEntryState,
)
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import entity_registry as er

from .participants import Flow, add, answer, suggested


async def begin(
    hass: HomeAssistant, entry: MockConfigEntry, switch: str | None = None
) -> Flow:
    """Open the form for a new switch, or to change one."""
    source = {"source": SOURCE_USER}
    if switch is not None:
        source = {"source": SOURCE_RECONFIGURE, "subentry_id": switch}
    flow: Flow = await hass.config_entries.subentries.async_init(
        (entry.entry_id, "switch"), context=source
    )
    assert (flow["type"], flow["step_id"]) == (FlowResultType.FORM, source["source"])
    return flow


def only(entry: MockConfigEntry) -> SwitchConfig:
    """Return the only switch."""
    (found,) = switches_of(entry)
    return found


async def test_add(hass: HomeAssistant, loaded: MockConfigEntry) -> None:
    """A name is enough: it stands for itself, and nobody but the owner may set it."""
    result = await answer(hass, await begin(hass, loaded), name="Boiler")
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done(wait_background_tasks=True)
    found = only(loaded)
    assert (found.name, found.drives, found.participants) == ("Boiler", None, ())
    assert found.rest is None
    assert loaded.state is ConfigEntryState.LOADED


async def test_all_fields(hass: HomeAssistant, loaded: MockConfigEntry) -> None:
    """What it drives is kept even if it is renamed; what is changed is what was there."""
    participant = await add(hass, loaded)
    registry = er.async_get(hass)
    entity = registry.async_get_or_create("switch", "test", "boiler")
    fields: dict[str, Any] = {
        "name": "Boiler",
        "drives": entity.entity_id,
        "participants": [participant.subentry_id],
        "rest": "off",
        "open_ended": False,
    }
    await answer(hass, await begin(hass, loaded), **fields)
    await hass.async_block_till_done(wait_background_tasks=True)
    found = only(loaded)
    assert found.drives == entity.id
    assert found.participants == (participant.subentry_id,)
    assert (found.rest, found.open_ended) == (False, False)

    registry.async_update_entity(entity.entity_id, new_entity_id="switch.heater")
    flow = await begin(hass, loaded, found.switch_id)
    assert suggested(flow) == {**fields, "drives": "switch.heater"}
    result = await answer(hass, flow, name="Heater", rest="on", open_ended=True)
    assert result["reason"] == "reconfigure_successful"
    await hass.async_block_till_done(wait_background_tasks=True)
    found = only(loaded)
    assert (found.name, found.rest, found.drives) == ("Heater", True, None)
    assert found.participants == ()


async def test_errors(hass: HomeAssistant, loaded: MockConfigEntry) -> None:
    """A name nobody sees, something that is not there, itself."""
    own = er.async_get(hass).async_get_or_create("switch", DOMAIN, "own")
    flow = await begin(hass, loaded)
    for fields, errors in (
        ({"name": " "}, {"name": "invalid_name"}),
        ({"drives": "switch.gone"}, {"drives": "entity_unknown"}),
        ({"drives": own.entity_id}, {"drives": "drives_itself"}),
    ):
        flow = await answer(hass, flow, **{"name": "Boiler", **fields})
        assert flow["errors"] == errors


async def test_deleted_meanwhile(hass: HomeAssistant, loaded: MockConfigEntry) -> None:
    """Nothing is left to change."""
    await answer(hass, await begin(hass, loaded), name="Boiler")
    flow = await begin(hass, loaded, only(loaded).switch_id)
    hass.config_entries.async_remove_subentry(loaded, only(loaded).switch_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    result = await answer(hass, flow, name="Boiler")
    assert result["reason"] == "no_switch"
