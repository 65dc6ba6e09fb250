"""One attempt to log in and read the meters, as flows make it before they save."""

from collections.abc import Mapping
from typing import Any

from homeassistant.config_entries import (
    SOURCE_REAUTH,
    ConfigEntryState,
    ConfigSubentry,
    ConfigSubentryData,
)
from homeassistant.const import CONF_PASSWORD, CONF_USERNAME
from homeassistant.core import HomeAssistant, callback
from homeassistant.util import dt as dt_util

from . import failures
from .const import SUBENTRY_LOGIN
from .han.driver import VENDORS, Driver
from .han.errors import SmgwError
from .han.model import Credentials
from .memory import async_memory
from .models import GatewayConfig, SmgwConfigEntry


async def async_driver(hass: HomeAssistant, config: GatewayConfig) -> Driver:
    """Return a driver that shares what is known of the gateway, and counts sessions."""
    memory = await async_memory(hass, config.gateway_id)
    transport = config.transport(memory.budget, memory.evidence)
    return VENDORS[config.vendor].driver(transport, memory.learned, dt_util.utcnow)


async def async_try_login(
    hass: HomeAssistant, config: GatewayConfig, account: Mapping[str, Any]
) -> SmgwError | None:
    """Log in and read the meters once. Return what went wrong.

    The owner is waiting, so the budget does not refuse it; but it counts. What was read
    is kept for the entry, which so needs no session of its own.
    """
    driver = await async_driver(hass, config)
    memory = await async_memory(hass, config.gateway_id)
    credentials = Credentials(
        user=account[CONF_USERNAME], password=account[CONF_PASSWORD]
    )
    begun = dt_util.utcnow()
    if lock := failures.lock_of(memory.hold):
        return lock
    try:
        snapshot = await driver.read_latest(credentials)
    except SmgwError as err:
        memory.hold = failures.hold_of(err) or memory.hold
        return err
    # Whatever held the polls back is over with it.
    memory.saw(credentials, snapshot, begun)
    return None


@callback
def async_keep_login(
    hass: HomeAssistant,
    entry: SmgwConfigEntry,
    login: ConfigSubentry,
    account: Mapping[str, Any],
    title: str,
) -> None:
    """Store an account that has just worked, and have it read again.

    The entry hears of a change by itself; but what was refused may work again with
    nothing changed here, and an entry that failed to load hears nothing.
    """
    new = login_subentry(account)
    loaded = entry.state is ConfigEntryState.LOADED
    hass.config_entries.async_update_subentry(
        entry, login, data=new["data"], title=title, unique_id=new["unique_id"]
    )
    if loaded:
        entry.runtime_data.coordinator.async_renew(login.subentry_id)
    else:
        hass.config_entries.async_schedule_reload(entry.entry_id)


@callback
def async_end_reauth(hass: HomeAssistant, entry: SmgwConfigEntry) -> None:
    """Ask no more for a login: the owner has just entered one elsewhere."""
    for flow in list(entry.async_get_active_flows(hass, {SOURCE_REAUTH})):
        hass.config_entries.flow.async_abort(flow["flow_id"])


def account_taken(
    entry: SmgwConfigEntry, account: Mapping[str, Any], but: str | None = None
) -> bool:
    """Say whether another login of the gateway has this account."""
    unique_id = login_subentry(account)["unique_id"]
    return any(
        login.unique_id == unique_id and login.subentry_id != but
        for login in entry.get_subentries_of_type(SUBENTRY_LOGIN)
    )


def login_subentry(account: Mapping[str, Any]) -> ConfigSubentryData:
    """Return a login as the entry keeps it."""
    user = account[CONF_USERNAME]
    return ConfigSubentryData(
        data={CONF_USERNAME: user, CONF_PASSWORD: account[CONF_PASSWORD]},
        subentry_type=SUBENTRY_LOGIN,
        title=user,
        unique_id=f"{SUBENTRY_LOGIN}_{user}",
    )
