"""What is known of a gateway beyond its entry: how to log in, and when not to."""

from collections.abc import Mapping
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
        if hold := data.get("hold"):
            until = dt_util.parse_datetime(hold["until"], raise_on_error=True)
            self.hold = Hold(until, hold["key"], hold["placeholders"])

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
            "hold": hold,
        }


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
