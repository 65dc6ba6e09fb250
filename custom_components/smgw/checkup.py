"""A check of one gateway by the connection doctor, whether its entry is loaded or not.

The way to the gateway is walked at once. A login costs a session: it is made only if
a poll could make it now, and counts as one; else the last session is judged.
"""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from ipaddress import ip_interface

import ifaddr

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util

from . import failures
from .attempt import async_driver
from .budget import Kind
from .han.doctor import Cause, Doctor, Finding, Interface, failure, judge
from .han.driver import VENDORS
from .han.errors import SmgwError, SmgwLoginError
from .han.model import Account
from .han.transport import Timeouts
from .logins import OWN_FAILURES, Login, Logins
from .memory import GatewayMemory, async_memory
from .models import GatewayConfig, SmgwConfigEntry

# For diagnostics: people wait for the download.
_QUICK = Timeouts(connect=3, answer=5, farewell=1)
_PATIENCE = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginCheckup:
    """What is known of one account."""

    title: str
    account: Account
    at: datetime | None
    """When its last session was opened (UTC); None if that is not known."""
    now: bool
    """Whether that was this checkup's doing."""
    refused: bool
    """Whether it waits for its account to be entered anew."""
    findings: list[Finding]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkup:
    """What the doctor found."""

    config: GatewayConfig
    at: datetime
    own: list[Interface]
    """The addresses of this host."""
    way: list[Finding]
    logins: list[LoginCheckup] = field(default_factory=list)
    rest: datetime | None = None
    """Until when no login may be made (UTC)."""


def own_addresses() -> list[Interface]:
    """Return the addresses of this host with their subnets.

    Asked anew each time: Home Assistant's own list is that of its start, and the
    owner may just have added the address that was missing.
    """
    return [
        ip_interface(f"{ip.ip[0] if ip.is_IPv6 else ip.ip}/{ip.network_prefix}")
        for adapter in ifaddr.get_adapters()
        for ip in adapter.ips
    ]


async def async_check(hass: HomeAssistant, entry: SmgwConfigEntry) -> Checkup:
    """Walk all steps, with a login if one may be made now."""
    checkup = await _async_walk(hass, entry, None, None)
    if failure(checkup.way):
        return checkup
    return await _async_with_sessions(hass, entry, checkup, log_in=True)


async def async_look(hass: HomeAssistant, entry: SmgwConfigEntry) -> Checkup:
    """Walk the way in a few seconds; judge the last sessions, and open none."""
    checkup = await _async_walk(hass, entry, _QUICK, _PATIENCE)
    return await _async_with_sessions(hass, entry, checkup, log_in=False)


async def _async_walk(
    hass: HomeAssistant,
    entry: SmgwConfigEntry,
    timeouts: Timeouts | None,
    patience: float | None,
) -> Checkup:
    config = GatewayConfig.of(entry)
    memory = await async_memory(hass, config.gateway_id)
    transport = config.transport(None, memory.evidence, timeouts)
    driver = VENDORS[config.vendor].driver(transport, memory.learned, dt_util.utcnow)
    own = own_addresses()
    doctor = Doctor(transport, config.pinned(), driver, own, patience=patience)
    return Checkup(config=config, at=dt_util.utcnow(), own=own, way=await doctor.walk())


async def _async_with_sessions(
    hass: HomeAssistant, entry: SmgwConfigEntry, checkup: Checkup, *, log_in: bool
) -> Checkup:
    memory = await async_memory(hass, checkup.config.gateway_id)
    logins = _logins(entry, memory)
    before = {login.subentry_id: login.last_session for login in logins}
    rest = _rest(memory)
    if log_in and rest is None:
        if entry.state is ConfigEntryState.LOADED:
            await entry.runtime_data.coordinator.async_refresh()
        else:
            await _async_log_in(hass, checkup.config, logins, memory)
            if entry.state is ConfigEntryState.SETUP_RETRY and not memory.trouble:
                # What was just read is kept: the set-up needs no session of its own.
                hass.config_entries.async_schedule_reload(entry.entry_id)
    latest = max(logins, key=_last_session, default=None)
    hold = memory.current_hold
    return replace(
        checkup,
        logins=[
            LoginCheckup(
                title=login.title,
                account=login.credentials,
                at=login.last_session
                or (memory.budget.last if login is latest else None),
                now=login.last_session != before[login.subentry_id],
                refused=login.refused,
                findings=judge(
                    login.last_session,
                    login.snapshot,
                    _cause(login, memory if login is latest else None),
                    login.notes.patience,
                ),
            )
            for login in logins
        ],
        rest=hold.until if hold else rest,
    )


def _logins(entry: SmgwConfigEntry, memory: GatewayMemory) -> Logins:
    """Return the accounts of an entry with all that is known of their last sessions."""
    if entry.state is ConfigEntryState.LOADED:
        return entry.runtime_data.coordinator.logins
    logins = Logins(entry, memory.logins)
    for login in logins:
        login.error = memory.refusal(login.credentials)
        if seen := memory.seen(login.credentials):
            login.snapshot, login.last_session = seen.snapshot, seen.at
    return logins


def _rest(memory: GatewayMemory) -> datetime | None:
    """Return until when no login may be made; None if one may."""
    if hold := memory.current_hold:
        return hold.until
    if memory.budget.may(Kind.POLL):
        return None
    return memory.budget.not_before(Kind.POLL)


async def _async_log_in(
    hass: HomeAssistant, config: GatewayConfig, logins: Logins, memory: GatewayMemory
) -> None:
    """Open one session for an entry that is not loaded.

    What it teaches is noted as after a poll.
    """
    waiting = [login for login in logins if not login.refused]
    login = min(waiting, key=_last_session, default=None)
    if login is None:
        return
    driver = await async_driver(hass, config)
    last, begun = memory.budget.last, dt_util.utcnow()
    login.last_session = begun
    try:
        login.snapshot = await driver.read_latest(login.credentials)
    except OWN_FAILURES as err:
        login.error = err
        if isinstance(err, SmgwLoginError):
            memory.refused(login.credentials, err)
    except SmgwError as err:
        memory.hold = failures.hold_of(err) or memory.hold
        sent = memory.budget.last is not last
        memory.failed(err, sent=sent, until=begun + memory.budget.allowance.floor)
    else:
        memory.saw(login.credentials, login.snapshot, begun)
    finally:
        memory.async_save()


def _last_session(login: Login) -> datetime:
    return login.last_session or datetime.min.replace(tzinfo=UTC)


def _cause(login: Login, memory: GatewayMemory | None) -> Cause | None:
    """Return why a login's last session failed.

    `memory` is given for the login that was read last: a failure of the gateway was in
    its session.
    """
    if login.error:
        return Cause.of(login.error)
    if memory is None:
        return None
    if lock := failures.lock_of(memory.hold):
        return Cause.of(lock)
    if failed := memory.trouble or memory.current_hold:
        return Cause(key=failed.key, placeholders=failed.placeholders)
    return None
