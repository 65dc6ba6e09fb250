"""What is known of a gateway beyond its entry: how to log in, and when not to."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.storage import Store
from homeassistant.util import dt as dt_util
from homeassistant.util.hass_dict import HassKey

from .const import DOMAIN
from .han.errors import (
    ClientCertificateRefused,
    ClientCertificateUnknown,
    ClientKeyUnusable,
    LoginDropped,
    LoginRefused,
    SmgwLoginError,
    WrongPassword,
)
from .han.model import Account, ClientCertificate
from .notes import LoginNotes

_VERSION = 1
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


@dataclass(frozen=True, slots=True)
class Hold:
    """A time until which the gateway is left alone, and why."""

    until: datetime
    key: str
    """Translation key of the failure."""
    placeholders: Mapping[str, str]


class GatewayMemory:
    """Survives reloads and restarts; one per gateway, shared by flows and polls."""

    def __init__(self, hass: HomeAssistant, gateway_id: str) -> None:
        """Start empty; `async_memory` reads what is on disk."""
        self._store = Store[dict[str, Any]](
            hass, _VERSION, f"{DOMAIN}.{gateway_id.lower()}"
        )
        self.learned: dict[str, Any] = {}
        """The driver's own notes."""
        self.hold: Hold | None = None
        self._refused: dict[str, str] = {}
        """Accounts the gateway refused, as digests, and the keys of its reasons."""
        self._worked: dict[str, datetime] = {}
        """Accounts that have worked, as digests, and when they did last (UTC)."""
        self.logins: dict[str, LoginNotes] = {}
        """What is known of each login, by its subentry's id."""
        self.down_since: datetime | None = None
        """Since when nothing has answered at the gateway's address (UTC)."""

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

    def accepted(self, account: Account) -> None:
        """Note that an account works."""
        self._refused.pop(account.digest, None)
        self._worked[account.digest] = dt_util.utcnow()
        self.down_since = None

    def worked(self, account: Account) -> datetime | None:
        """Return when an account last worked (UTC); None if it never did."""
        return self._worked.get(account.digest)

    def keep_only(self, accounts: Iterable[Account]) -> None:
        """Forget the digests of accounts that are gone."""
        kept = {account.digest for account in accounts}
        self._refused = {k: v for k, v in self._refused.items() if k in kept}
        self._worked = {k: v for k, v in self._worked.items() if k in kept}

    @property
    def current_hold(self) -> Hold | None:
        """Return the hold if it still lasts."""
        if self.hold is None or self.hold.until <= dt_util.utcnow():
            return None
        return self.hold

    @callback
    def async_save(self) -> None:
        """Write to disk in a moment."""
        self._store.async_delay_save(self._as_dict, 1)

    async def async_load(self) -> None:
        """Read what an earlier run learned."""
        data = await self._store.async_load() or {}
        self.learned.update(data.get("learned") or {})
        self._refused.update(data.get("refused") or {})
        for digest, worked in (data.get("worked") or {}).items():
            self._worked[digest] = _moment(worked)
        for login_id, notes in (data.get("logins") or {}).items():
            self.logins[login_id] = LoginNotes.of(notes)
        if down_since := data.get("down_since"):
            self.down_since = _moment(down_since)
        if hold := data.get("hold"):
            self.hold = Hold(_moment(hold["until"]), hold["key"], hold["placeholders"])

    async def async_remove(self) -> None:
        """Delete it from disk."""
        await self._store.async_remove()

    def _as_dict(self) -> dict[str, Any]:
        hold = self.hold and {
            "until": self.hold.until.isoformat(),
            "key": self.hold.key,
            "placeholders": dict(self.hold.placeholders),
        }
        return {
            "learned": dict(self.learned),
            "refused": dict(self._refused),
            "worked": {k: moment.isoformat() for k, moment in self._worked.items()},
            "logins": {k: notes.as_dict() for k, notes in self.logins.items()},
            "down_since": self.down_since and self.down_since.isoformat(),
            "hold": hold,
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
    """Remove what is known of a gateway, on disk as well."""
    await (await async_memory(hass, gateway_id)).async_remove()
    hass.data[_MEMORIES].pop(gateway_id, None)
