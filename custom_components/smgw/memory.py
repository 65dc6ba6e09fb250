"""What is known of a gateway beyond its entry: how to log in, when not to, what was read."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.storage import Store
from homeassistant.util import dt as dt_util
from homeassistant.util.hass_dict import HassKey

from .budget import Budget
from .const import DOMAIN, LOGGER, LONGEST_INTERVAL
from .han.errors import (
    ClientCertificateRefused,
    ClientCertificateUnknown,
    ClientKeyUnusable,
    LoginDropped,
    LoginRefused,
    SmgwError,
    SmgwLoginError,
    WrongPassword,
)
from .han.evidence import Evidence
from .han.model import Account, ClientCertificate, Snapshot
from .history_notes import HistoryNotes
from .log_notes import LogNotes
from .notes import LoginNotes
from .schedule import QUARTER
from .seal_notes import SealNotes
from .stored import as_json, of_json
from .succession import Successions

_VERSION = 1
# What was read longer ago is not shown any more.
_KEPT = 2 * LONGEST_INTERVAL
# Gateways lock themselves for minutes.
_LONGEST_REST = LONGEST_INTERVAL
_REFUSALS = {
    kind.key: kind
    for kind in (
        ClientCertificateRefused,
        ClientCertificateUnknown,
        ClientKeyUnusable,
        LoginDropped,
        LoginRefused,
    )
}
_MEMORIES: HassKey[dict[str, GatewayMemory]] = HassKey(DOMAIN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A time until which the gateway wants to be left alone, and why."""

    until: datetime
    key: str
    """Translation key of the reason."""
    placeholders: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """What the last reading failed with, if it was the gateway's failure."""

    key: str
    """Translation key of the failure."""
    placeholders: Mapping[str, str]
    count: int
    """Failures in a row."""
    since: datetime
    """When the first of them was."""
    sent: bool
    """Whether the last one has cost the gateway a session."""
    until: datetime
    """When it is tried again by itself."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What the last good session of an account saw."""

    at: datetime
    """When the session was opened."""
    snapshot: Snapshot


class GatewayMemory:
    """Survives reloads and restarts; one per gateway, shared by flows and polls."""

    def __init__(self, hass: HomeAssistant, gateway_id: str) -> None:
        """Start empty; `async_memory` reads what is on disk."""
        self._store = Store[dict[str, Any]](
            hass, _VERSION, f"{DOMAIN}.{gateway_id.lower()}"
        )
        self._written = dt_util.utc_from_timestamp(0)
        self.learned: dict[str, Any] = {}
        """The driver's own notes."""
        self.hold: Hold | None = None
        """What the gateway itself asked for, whoever heard it."""
        self.trouble: Trouble | None = None
        self.budget = Budget(dt_util.utcnow)
        """The sessions of the last hour; every way to the gateway counts in it."""
        self.evidence = Evidence(dt_util.utcnow)
        """The pages that could not be read (of this run)."""
        self._refused: dict[str, str] = {}
        """Accounts the gateway refused, as digests, and the keys of its reasons."""
        self._worked: dict[str, datetime] = {}
        """Accounts that have worked, as digests, and when they did last (UTC)."""
        self.logins: dict[str, LoginNotes] = {}
        """What is known of each login, by its subentry's id."""
        self.history = HistoryNotes()
        """What of its history is recorded."""
        self.successions = Successions()
        """Which meters were put in another's place."""
        self.log = LogNotes()
        """What was seen of the consumer log, and when we were there."""
        self.budget.listener = self._session_opened
        self.down_since: datetime | None = None
        """Since when nothing has answered at the gateway's address (UTC)."""
        self.signer: str | None = None
        """The key (SHA-256, hex) that this gateway's signed exports were first seen with."""
        self.seals = SealNotes()
        """What was found of its signatures."""
        self._seen: dict[str, Seen] = {}
        """What accounts saw last, by their digests."""

    def refusal(self, account: Account) -> SmgwLoginError | None:
        """Return why the gateway refused an account before, maybe in an earlier run."""
        key = self._refused.get(account.digest)
        if not key:
            return None
        by_certificate = isinstance(account, ClientCertificate)
        usual = ClientCertificateRefused if by_certificate else WrongPassword
        return _REFUSALS.get(key, usual)("refused before")

    def refused(self, account: Account, error: SmgwLoginError) -> None:
        """Note that an account was refused; it is not to be tried again by itself."""
        self._refused[account.digest] = error.key

    def seen(self, account: Account) -> Seen | None:
        """Return what an account saw last, maybe in an earlier run; not if it is old."""
        seen = self._seen.get(account.digest)
        # Also of a time to come: then the clock was put back.
        too_old = seen is None or abs(dt_util.utcnow() - seen.at) > _KEPT
        return None if too_old else seen

    def saw(self, account: Account, snapshot: Snapshot, at: datetime) -> None:
        """Note that an account works, and what a session opened at a time has seen."""
        self._refused.pop(account.digest, None)
        self._worked[account.digest] = dt_util.utcnow()
        self._seen[account.digest] = Seen(at, snapshot)
        self.log.since = self.log.since or at
        self.all_is_well()

    def worked(self, account: Account) -> datetime | None:
        """Return when an account last worked (UTC); None if it never did."""
        return self._worked.get(account.digest)

    def keep_only(self, accounts: Iterable[Account]) -> None:
        """Forget accounts that are gone, and what they saw."""
        kept = {account.digest for account in accounts}
        self._refused = {k: v for k, v in self._refused.items() if k in kept}
        self._worked = {k: v for k, v in self._worked.items() if k in kept}
        self._seen = {k: v for k, v in self._seen.items() if k in kept}

    def failed(self, err: SmgwError, *, sent: bool, until: datetime) -> None:
        """Note a failure of the gateway's, and when it is tried again."""
        self.trouble = Trouble(
            key=err.key,
            placeholders=err.placeholders,
            count=self.failures + 1,
            since=self.trouble.since if self.trouble else dt_util.utcnow(),
            sent=sent,
            until=until,
        )

    @property
    def failures(self) -> int:
        """Return how many readings in a row have failed."""
        return self.trouble.count if self.trouble else 0

    @property
    def current_hold(self) -> Hold | None:
        """Return until when no poll is tried, and why; None if one may be.

        A failure that has cost the gateway nothing keeps nobody from trying again.
        """
        holds = [self.hold] if self.hold else []
        if (trouble := self.trouble) and trouble.sent:
            holds.append(
                Hold(
                    until=trouble.until,
                    key=trouble.key,
                    placeholders=trouble.placeholders,
                )
            )
        now = dt_util.utcnow()
        lasting = [hold for hold in holds if hold.until > now]
        return max(lasting, key=lambda hold: hold.until, default=None)

    def all_is_well(self) -> None:
        """Note that the gateway has answered as it should."""
        self.hold = self.trouble = self.down_since = None

    @callback
    def async_save(self, *, rarely: bool = False) -> None:
        """Write to disk in a moment; `rarely`: a quarter hour after the last time.

        A reading each minute should not wear the disk out. A proper end writes anyway.
        """
        due = (self._written + QUARTER - dt_util.utcnow()).total_seconds()
        delay = min(max(due, 1), QUARTER.total_seconds()) if rarely else 1
        self._store.async_delay_save(self._as_dict, delay)

    async def async_keep(self) -> None:
        """Write to disk now; return when it is there."""
        await self._store.async_save(self._as_dict())

    async def async_load(self) -> None:
        """Read what an earlier run learned."""
        data = await self._store.async_load() or {}
        self.learned.update(data.get("learned") or {})
        self._refused.update(data.get("refused") or {})
        for digest, worked in (data.get("worked") or {}).items():
            self._worked[digest] = _moment(worked)
        for login_id, notes in (data.get("logins") or {}).items():
            self.logins[login_id] = LoginNotes.of(notes)
        if history := data.get("history"):
            self.history = HistoryNotes.of(history, dt_util.utcnow())
        if successions := data.get("successions"):
            self.successions = Successions.of(successions)
        self.log = LogNotes.of(data.get("log") or {})
        if down_since := data.get("down_since"):
            self.down_since = _moment(down_since)
        self.signer = data.get("signer")
        self.seals = SealNotes.of(data.get("seals") or {})
        self.budget.restore(map(_moment, data.get("sessions") or ()))
        self._restore_failures(data)
        self._restore_seen(data.get("seen") or {})

    async def async_remove(self) -> None:
        """Delete it from disk."""
        await self._store.async_remove()

    def _session_opened(self, at: datetime) -> None:
        self.log.opened(at)

    def _restore_seen(self, stored: Mapping[str, Any]) -> None:
        """Read what accounts saw last."""
        for account, seen in stored.items():
            try:
                snapshot = of_json(Snapshot, seen["snapshot"])
            except (ValueError, TypeError, KeyError, ArithmeticError) as err:
                # Of a version that knew other fields: it is read anew.
                LOGGER.debug("What was read before cannot be used: %r", err)
            else:
                self._seen[account] = Seen(_moment(seen["at"]), snapshot)

    def _restore_failures(self, data: Mapping[str, Any]) -> None:
        """Read hold and trouble; not those of a clock that was put back since."""
        latest = dt_util.utcnow() + _LONGEST_REST
        if (hold := data.get("hold")) and _moment(hold["until"]) <= latest:
            self.hold = Hold(**{**hold, "until": _moment(hold["until"])})
        if (trouble := data.get("trouble")) and _moment(trouble["until"]) <= latest:
            times = {name: _moment(trouble[name]) for name in ("since", "until")}
            self.trouble = Trouble(**{**trouble, **times})

    def _as_dict(self) -> dict[str, Any]:
        self._written = dt_util.utcnow()
        return {
            "learned": dict(self.learned),
            "refused": dict(self._refused),
            "worked": {k: moment.isoformat() for k, moment in self._worked.items()},
            "logins": {k: notes.as_dict() for k, notes in self.logins.items()},
            "history": self.history.as_dict(),
            "successions": self.successions.as_dict(),
            "log": self.log.as_dict(),
            "down_since": self.down_since and self.down_since.isoformat(),
            "signer": self.signer,
            "seals": self.seals.as_dict(),
            "hold": as_json(self.hold),
            "trouble": as_json(self.trouble),
            "sessions": [session.isoformat() for session in self.budget.sessions],
            "seen": {
                account: {"at": seen.at.isoformat(), "snapshot": as_json(seen.snapshot)}
                for account, seen in self._seen.items()
            },
        }


def _moment(text: str) -> datetime:
    return dt_util.parse_datetime(text, raise_on_error=True)


async def async_memory(hass: HomeAssistant, gateway_id: str) -> GatewayMemory:
    """Return the memory of a gateway."""
    memories = hass.data.setdefault(_MEMORIES, {})
    if gateway_id not in memories:
        memory = GatewayMemory(hass, gateway_id)
        await memory.async_load()
        # Another caller may have been faster while the disk was read.
        memories.setdefault(gateway_id, memory)
    return memories[gateway_id]


async def async_forget(hass: HomeAssistant, gateway_id: str) -> None:
    """Remove what is known of a gateway, on disk as well.

    What must not happen to it soon stays known until Home Assistant stops: whoever
    adds it anew finds it as locked, and as often read, as it is.
    """
    memory = await async_memory(hass, gateway_id)
    await memory.async_remove()
    successor = GatewayMemory(hass, gateway_id)
    successor.hold, successor.budget = memory.hold, memory.budget
    hass.data[_MEMORIES][gateway_id] = successor
