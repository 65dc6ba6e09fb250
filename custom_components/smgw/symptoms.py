"""The table of repair issues: when each is there, and what its text is told.

Each is found anew from what the last refresh has shown; nothing here remembers. What
has one cause is one issue: a gateway whose clock is wrong is not reported a second
time for the readings that therefore do not come.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain

from homeassistant.helpers.issue_registry import IssueSeverity
from homeassistant.util import dt as dt_util

from .exchanges import Question, questions
from .han.doctor import CLOCK_OFF
from .han.driver import VENDORS
from .han.errors import (
    CertificateChanged,
    ContractsEnded,
    LoginRefused,
    NoMeterAssigned,
    PortalLocked,
    SmgwError,
)
from .han.history import Contract
from .logins import Login, Logins
from .memory import GatewayMemory
from .models import GatewayConfig
from .seal_notes import Broken

CERTIFICATE_CHANGED = "certificate_changed"
LOGIN_FAILED = "login_failed"
SIGNER_CHANGED = "signer_changed"
SUCCESSOR = "successor"

_AHEAD = timedelta(days=30)
_OUTAGE = timedelta(hours=6)
# What ended longer ago the owner knows; gateways keep such contracts for years.
_REMEMBERED = timedelta(days=60)
# Between two contracts may lie some days, until the operator has set up the new one.
_CHANGE = timedelta(days=45)
# Failures of the gateway that have an issue of their own.
_TOLD_ELSEWHERE = {
    kind.key
    for kind in (CertificateChanged, ContractsEnded, NoMeterAssigned, PortalLocked)
}
# What could not be read is tried again within a day.
_TRIED_AGAIN = timedelta(days=2)
# Clock and readings need not have stopped in the same minute.
_TOGETHER = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What is known after a refresh."""

    config: GatewayConfig
    logins: Logins
    memory: GatewayMemory
    error: SmgwError | None
    """Why the refresh failed."""
    now: datetime

    def local(self, moment: datetime) -> str:
        """Return a time as the owner reads it."""
        return local_time(moment, self.now)


@dataclass(frozen=True, slots=True)
class Found:
    """An issue that holds now, of the gateway or of one login."""

    placeholders: Mapping[str, str]
    login: Login | None = None
    contract: str = ""
    """Its logical name, if it is of one contract."""
    meter: str = ""
    """Its id, if it is of one meter."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of issue; `find` says for what it holds now."""

    key: str
    find: Callable[[Situation], Iterator[Found]]
    severity: IssueSeverity = IssueSeverity.WARNING
    fixable: bool = False


def local_time(moment: datetime, now: datetime) -> str:
    """Return a time as the owner reads it; the date only of another day."""
    there, here = dt_util.as_local(moment), dt_util.as_local(now)
    same_day = there.date() == here.date()
    return there.strftime("%H:%M" if same_day else "%Y-%m-%d %H:%M")


def last_worked(login: Login, memory: GatewayMemory) -> datetime | None:
    """Return when an account last worked that is now refused though nothing changed.

    Only where the gateway shows its refusal page: that is how accounts fail that the
    operator has broken (observed with several operators).
    """
    if not isinstance(login.error, LoginRefused):
        return None
    return memory.worked(login.credentials)


def _certificate_changed(now: Situation) -> Iterator[Found]:
    if isinstance(now.error, CertificateChanged):
        yield Found({})


def _certificate_expired(now: Situation) -> Iterator[Found]:
    if not now.config.is_read:
        return
    end = now.config.pinned().not_after
    if end <= now.now:
        yield Found({"valid_until": _day(end)})


def _certificate_expiring(now: Situation) -> Iterator[Found]:
    if not now.config.is_read:
        return
    end = now.config.pinned().not_after
    if now.now < end <= now.now + _AHEAD:
        yield Found({"valid_until": _day(end)})


def _login_certificate_expired(now: Situation) -> Iterator[Found]:
    for login in now.logins:
        if (end := login.valid_until) and end <= now.now:
            yield Found({"login": login.title, "valid_until": _day(end)}, login)


def _login_certificate_expiring(now: Situation) -> Iterator[Found]:
    for login in now.logins:
        if (end := login.valid_until) and now.now < end <= now.now + _AHEAD:
            yield Found({"login": login.title, "valid_until": _day(end)}, login)


def _login_failed(now: Situation) -> Iterator[Found]:
    # Where none works Home Assistant asks for one by itself.
    if now.logins.some_work:
        for login in now.logins:
            if login.refused:
                yield Found({"login": login.title}, login)


def _account_refused(now: Situation) -> Iterator[Found]:
    worked = {
        login.title: when
        for login in now.logins
        if (when := last_worked(login, now.memory))
    }
    if worked and not now.logins.some_work:
        latest = now.local(max(worked.values()))
        yield Found({"login": ", ".join(worked), "worked": latest})


def _gateway_locked(now: Situation) -> Iterator[Found]:
    hold = now.memory.hold
    if hold and hold.key == PortalLocked.key and hold.until > now.now:
        yield Found({"until": now.local(hold.until)})


def _contracts_ended(now: Situation) -> Iterator[Found]:
    for login in now.logins:
        snapshot = login.snapshot if login.works else None
        if isinstance(login.error, ContractsEnded) or (
            snapshot and snapshot.contracts_ended
        ):
            yield Found({"login": login.title}, login)


def _no_meter(now: Situation) -> Iterator[Found]:
    for login in now.logins:
        if isinstance(login.error, NoMeterAssigned):
            yield Found({"login": login.title}, login)


def _no_register(now: Situation) -> Iterator[Found]:
    if not _clock_is_wrong(now):
        for login in now.logins:
            if login.works and login.notes.barren and not _has_no_contract(login):
                yield Found({"login": login.title}, login)


def _clock_stands(now: Situation) -> Iterator[Found]:
    gateway = now.logins.gateway
    if now.logins.clock_stands and gateway and gateway.clock:
        yield Found({"shown": now.local(gateway.clock)})


def _clock_off(now: Situation) -> Iterator[Found]:
    if _clock_is_wrong(now) and not now.logins.clock_stands:
        gateway = now.logins.gateway
        offset = gateway.clock_offset if gateway else None
        minutes = round((offset or timedelta(0)) / timedelta(minutes=1))
        yield Found({"minutes": f"{minutes:+}"})


def _readings_stale(now: Situation) -> Iterator[Found]:
    newest = _all_stale(now)
    if newest and not _set_before(now, newest):
        yield Found({"newest": now.local(newest)})


def _port_hangs(now: Situation) -> Iterator[Found]:
    newest = _all_stale(now)
    if newest and (synced := _set_before(now, newest)):
        yield Found({"newest": now.local(newest), "synced": now.local(synced)})


def _login_stale(now: Situation) -> Iterator[Found]:
    if not _clock_is_wrong(now) and not _all_stale(now):
        for login in _stale(now):
            newest = now.local(login.notes.newest or now.now)
            yield Found({"login": login.title, "newest": newest}, login)


def _contract_expiring(now: Situation) -> Iterator[Found]:
    for contract in _contracts_alone(now):
        end = contract.valid_until
        if end and now.now < end <= now.now + _AHEAD:
            told = {
                "contract": contract.name or contract.logical_name,
                "use_case": _use_case(contract),
                "valid_until": _day(end),
            }
            yield Found(told, contract=contract.logical_name)


def _contract_expired(now: Situation) -> Iterator[Found]:
    for contract in _contracts_alone(now):
        end = contract.valid_until
        if end and now.now - _REMEMBERED <= end <= now.now:
            told = {
                "contract": contract.name or contract.logical_name,
                "use_case": _use_case(contract),
                "valid_until": _day(end),
            }
            yield Found(told, contract=contract.logical_name)


def _history_broken(now: Situation) -> Iterator[Found]:
    for meter_id, broken in _broken(now):
        if meter_id:
            told = {
                "meter": meter_id,
                "start": now.local(broken.span.start),
                "end": now.local(broken.span.end),
            }
            yield Found(told, meter=meter_id)


def _log_broken(now: Situation) -> Iterator[Found]:
    for what, broken in _broken(now):
        if not what:
            yield Found({"seen": now.local(broken.at)})


def _broken(now: Situation) -> Iterator[tuple[str, Broken]]:
    """Yield what is broken, as far as it was tried again lately."""
    for what, broken in now.memory.seals.broken.items():
        if now.now - broken.at <= _TRIED_AGAIN:
            yield what, broken


def _signer_changed(now: Situation) -> Iterator[Found]:
    if other := now.memory.seals.other:
        yield Found({"signer": other.subject, "since": now.local(other.at)})


def _outage(now: Situation) -> Iterator[Found]:
    if since := _long_ago(now.memory.down_since, now):
        yield Found({"since": now.local(since)})


def _polled_often(now: Situation) -> Iterator[Found]:
    chosen = now.memory.budget.allowance.per_hour
    usual = VENDORS[now.config.vendor].per_hour
    if chosen is not None and usual is not None and chosen > usual:
        yield Found({"chosen": str(chosen), "usual": str(usual)})


def _successor(now: Situation) -> Iterator[Found]:
    for question in questions(now.logins, now.memory):
        told = {
            "meter": question.meter_id,
            "first": now.local(question.first),
            "vanished": vanished_list(question, now.now),
        }
        yield Found(told, meter=question.meter_id)


def vanished_list(question: Question, now: datetime) -> str:
    """Return the meters that a question is about, with their last readings, as a list."""
    return "\n".join(
        f"- {one.meter_id} ({local_time(one.newest, now)})" for one in question.vanished
    )


def _unreadable(now: Situation) -> Iterator[Found]:
    trouble = now.memory.trouble
    if trouble is None or trouble.key in _TOLD_ELSEWHERE or now.memory.down_since:
        return
    if since := _long_ago(trouble.since, now):
        yield Found({"since": now.local(since)})


KINDS = (
    Kind(CERTIFICATE_CHANGED, _certificate_changed, IssueSeverity.ERROR, fixable=True),
    Kind("certificate_expired", _certificate_expired),
    Kind("certificate_expiring", _certificate_expiring),
    Kind("login_certificate_expired", _login_certificate_expired),
    Kind("login_certificate_expiring", _login_certificate_expiring),
    Kind(LOGIN_FAILED, _login_failed, IssueSeverity.ERROR, fixable=True),
    Kind("account_refused", _account_refused, IssueSeverity.ERROR),
    Kind("gateway_locked", _gateway_locked),
    Kind("contracts_ended", _contracts_ended, IssueSeverity.ERROR),
    Kind("contract_expired", _contract_expired),
    Kind("contract_expiring", _contract_expiring),
    Kind("no_meter", _no_meter, IssueSeverity.ERROR),
    Kind("no_register", _no_register),
    Kind("clock_stands", _clock_stands),
    Kind("clock_off", _clock_off),
    Kind("readings_stale", _readings_stale),
    Kind("port_hangs", _port_hangs, IssueSeverity.ERROR),
    Kind("login_stale", _login_stale),
    Kind("history_broken", _history_broken, IssueSeverity.ERROR),
    Kind("log_broken", _log_broken, IssueSeverity.ERROR),
    Kind(SIGNER_CHANGED, _signer_changed, fixable=True),
    Kind("outage", _outage, IssueSeverity.ERROR),
    Kind("unreadable", _unreadable, IssueSeverity.ERROR),
    Kind("polled_often", _polled_often),
    Kind(SUCCESSOR, _successor, fixable=True),
)


def _day(moment: datetime) -> str:
    return dt_util.as_local(moment).date().isoformat()


def _long_ago(moment: datetime | None, now: Situation) -> datetime | None:
    """Return when a failure began, if it has lasted long enough to be told."""
    return moment if moment and now.now - moment >= _OUTAGE else None


def _use_case(contract: Contract) -> str:
    return f"TAF {contract.taf}" if contract.taf else "TAF ?"


def _contracts_alone(now: Situation) -> Iterator[Contract]:
    """Yield the contracts that no other one continues.

    Not those of a login whose contracts have all ended: that is an issue of its own.
    """
    told = {
        name
        for login in now.logins
        if _has_no_contract(login) or isinstance(login.error, ContractsEnded)
        for name in login.notes.contracts.contracts
    }
    contracts = [seen.contract for seen in now.logins.contracts.values()]
    # An apartment house has hundreds.
    of_meter: dict[str, list[Contract]] = defaultdict(list)
    for contract in contracts:
        for meter_id in contract.meters:
            of_meter[meter_id].append(contract)
    for contract in contracts:
        others = chain.from_iterable(of_meter[meter] for meter in contract.meters)
        if contract.logical_name not in told and not any(
            _continues(other, contract)
            for other in (others if contract.meters else contracts)
        ):
            yield contract


def _continues(other: Contract, contract: Contract) -> bool:
    """Say whether one of the same meters takes the place of one that ends, or did."""
    if contract.valid_until is None or other.taf != contract.taf:
        return False
    lasts = other.valid_until is None or other.valid_until > contract.valid_until
    begins = other.valid_from is None or (
        other.valid_from <= contract.valid_until + _CHANGE
    )
    return lasts and begins


def _clock_is_wrong(now: Situation) -> bool:
    gateway = now.logins.gateway
    offset = gateway.clock_offset if gateway else None
    return now.logins.clock_stands or (offset is not None and abs(offset) > CLOCK_OFF)


def _has_no_contract(login: Login) -> bool:
    return login.snapshot is not None and login.snapshot.contracts_ended


def _stale(now: Situation) -> list[Login]:
    """Return the logins that work, whose readings are too old without known cause."""
    return [
        login
        for login in now.logins
        if login.works and login.notes.overdue and not _has_no_contract(login)
    ]


def _all_stale(now: Situation) -> datetime | None:
    """Return the newest reading of all, if those of every login are too old.

    None as well if the clock is wrong: then it is the cause.
    """
    stale = _stale(now)
    taken = [
        login.notes.newest
        for login in now.logins
        if login.works and login.notes.newest and not _has_no_contract(login)
    ]
    if _clock_is_wrong(now) or len(stale) < len(taken):
        return None
    return max(taken, default=None)


def _set_before(now: Situation, newest: datetime) -> datetime | None:
    """Return when the gateway's clock was set last, if not since the newest reading.

    On a port that hangs both stand still (observed); without a contract, only readings.
    """
    gateway = now.logins.gateway
    synced = gateway.last_sync if gateway else None
    return synced if synced and synced <= newest + _TOGETHER else None
