"""A refused login: the entry asks for the account, and goes on with it."""

from pytest_homeassistant_custom_component.common import MockConfigEntry

from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import CONF_PASSWORD
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from simulator.ppc import PpcGateway
from simulator.ppc.view import Account

from .conftest import set_up
from .test_config_flow import choose, submit


async def test_reauth(
    hass: HomeAssistant, loaded: MockConfigEntry, gateway: PpcGateway
) -> None:
    """A new password is tried once, stored in the login, and used at once."""
    flow = await loaded.start_reauth_flow(hass)
    assert (flow["type"], flow["step_id"]) == (FlowResultType.MENU, "reauth_confirm")
    assert flow["description_placeholders"]["login"] == gateway.user
    flow = await choose(hass, flow)
    gateway.users[gateway.user] = Account("new password")

    flow = await submit(hass, flow, username=gateway.user, password="mistyped")
    assert flow["errors"] == {"base": "wrong_password"}

    logins = gateway.logins
    result = await submit(hass, flow, username=gateway.user, password="new password")
    assert (result["type"], result["reason"]) == (
        FlowResultType.ABORT,
        "reauth_successful",
    )
    await hass.async_block_till_done(wait_background_tasks=True)
    (login,) = loaded.subentries.values()
    assert login.data[CONF_PASSWORD] == "new password"
    # what the attempt has read is shown: no second login for it
    assert gateway.logins == logins + 1
    assert loaded.state is ConfigEntryState.LOADED


async def test_reauth_after_failed_start(
    hass: HomeAssistant, entry: MockConfigEntry, gateway: PpcGateway
) -> None:
    """A start with a wrong password asks for the right one and then loads."""
    right = gateway.password
    gateway.users[gateway.user] = Account("changed by the operator")
    assert not await set_up(hass, entry)
    assert entry.state is ConfigEntryState.SETUP_ERROR
    assert gateway.failed_logins == 1
    (flow,) = hass.config_entries.flow.async_progress()
    assert flow["step_id"] == "reauth_confirm"

    gateway.users[gateway.user] = Account(right)
    flow = await submit(hass, flow, next_step_id="login")
    result = await submit(hass, flow, username=gateway.user, password=right)
    assert result["reason"] == "reauth_successful"
    await hass.async_block_till_done(wait_background_tasks=True)
    assert entry.state is ConfigEntryState.LOADED
