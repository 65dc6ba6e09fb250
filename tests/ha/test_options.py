"""What the owner may choose."""

from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.smgw.const import CONF_INTERVAL
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from simulator.ppc import PpcGateway


async def test_options(
    hass: HomeAssistant, loaded: MockConfigEntry, gateway: PpcGateway
) -> None:
    """The interval has the maker's floor, explained; a day is possible."""
    flow = await hass.config_entries.options.async_init(loaded.entry_id)
    assert (flow["type"], flow["step_id"]) == (FlowResultType.FORM, "init")
    flow = await hass.config_entries.options.async_configure(
        flow["flow_id"], {CONF_INTERVAL: 5}
    )
    assert flow["errors"] == {CONF_INTERVAL: "interval_too_short"}
    assert flow["description_placeholders"] == {"floor": "15"}

    gateway.clear_requests()
    result = await hass.config_entries.options.async_configure(
        flow["flow_id"], {CONF_INTERVAL: 1440}
    )
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert loaded.options == {CONF_INTERVAL: 1440}
    await hass.async_block_till_done(wait_background_tasks=True)
    # taken over without a reload, so without another session
    assert gateway.requests == []
    assert loaded.state is ConfigEntryState.LOADED
