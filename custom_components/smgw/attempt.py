"""One attempt to log in and read the meters, as flows make it before they save."""

from homeassistant.config_entries import (
    SOURCE_REAUTH,
    ConfigEntryState,
    ConfigSubentry,
    ConfigSubentryData,
)
from homeassistant.core import HomeAssistant, callback
from homeassistant.util import dt as dt_util

from . import failures
from .const import DOMAIN, SUBENTRY_LOGIN
from .han.client_certificate import facts
from .han.driver import VENDORS, Driver
from .han.errors import ClientKeyUnusable, LoginDropped, LoginUnanswered, SmgwError
from .han.model import Account, Credentials
from .memory import async_memory
from .models import GatewayConfig, SmgwConfigEntry, account_data, account_of


async def async_driver(hass: HomeAssistant, config: GatewayConfig) -> Driver:
    """Return a driver that shares what is known of the gateway, and counts sessions."""
    memory = await async_memory(hass, config.gateway_id)
    transport = config.transport(memory.budget, memory.evidence)
    return VENDORS[config.vendor].driver(transport, memory.learned, dt_util.utcnow)


async def async_log_in(
    hass: HomeAssistant, config: GatewayConfig, account: Account
) -> None:
    """Log in and read the meters once. Raises `SmgwError`.

    The owner is waiting, so the budget does not refuse it; but it counts. What was read
    is kept for the entry, which so needs no session of its own.
    """
    driver = await async_driver(hass, config)
    memory = await async_memory(hass, config.gateway_id)
    begun = dt_util.utcnow()
    if lock := failures.lock_of(memory.hold):
        raise lock
    try:
        snapshot = await driver.read_latest(account)
    except LoginUnanswered as err:
        # Whatever worked before, this one has just been typed.
        raise LoginDropped("unanswered") from err
    except SmgwError as err:
        memory.hold = failures.hold_of(err) or memory.hold
        raise
    else:
        # Whatever held the polls back is over with it.
        memory.saw(account, snapshot, begun)
    finally:
        # Nothing is left on disk of a set-up that is given up.
        if hass.config_entries.async_entry_for_domain_unique_id(
            DOMAIN, config.gateway_id
        ):
            memory.async_save()


@callback
def async_keep_login(
    hass: HomeAssistant,
    entry: SmgwConfigEntry,
    login: ConfigSubentry,
    account: Account,
    title: str,
) -> None:
    """Store an account that has just worked, and have it read again.

    The entry hears of a change by itself; but what was refused may work again with
    nothing changed here, and an entry that failed to load hears nothing.
    """
    new = login_subentry(account, title)
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
    entry: SmgwConfigEntry, account: Account, but: str | None = None
) -> bool:
    """Say whether another login of the gateway has this account."""
    return any(
        login.unique_id == _unique_id(account) and login.subentry_id != but
        for login in entry.get_subentries_of_type(SUBENTRY_LOGIN)
    )


def login_subentry(account: Account, title: str) -> ConfigSubentryData:
    """Return a login as the entry keeps it."""
    return ConfigSubentryData(
        data=account_data(account),
        subentry_type=SUBENTRY_LOGIN,
        title=title,
        unique_id=_unique_id(account),
    )


def default_title(account: Account) -> str:
    """Return the title of a login that was given no name."""
    if isinstance(account, Credentials):
        return account.user
    told = facts(account)
    return told.name or told.fingerprint[:11]


def own_title(login: ConfigSubentry) -> str | None:
    """Return the name that the owner gave a login; None if it has none."""
    try:
        usual = default_title(account_of(login.data))
    except ClientKeyUnusable:
        # Damaged in the store, so nobody knows.
        return login.title
    return login.title if login.title != usual else None


def _unique_id(account: Account) -> str:
    return f"{SUBENTRY_LOGIN}_{account.identity}"
