"""Private keys of tunnels: in a file of Home Assistant's storage that only its own user may read (mode 0600).

What is stored with a participant is its certificate; the key belongs to it by the digest
of its text.
"""

from collections.abc import Iterable
from hashlib import sha256

from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.storage import Store
from homeassistant.util.hass_dict import HassKey

from .cls.identity import Identity
from .const import DOMAIN

_VERSION = 1
# Seconds: the entries, which do not name a key any more, are on disk by then.
_PATIENCE = 30
_KEYRINGS: HassKey[dict[str, Keyring]] = HassKey(f"{DOMAIN}_keys")


class KeysNotKept(HomeAssistantError):
    """The keys are not on disk, so nothing may rely on them."""


class Keyring:
    """The keys of one gateway's tunnels."""

    def __init__(self, hass: HomeAssistant, gateway_id: str) -> None:
        """Start empty; `async_keyring` reads what is on disk."""
        self._hass = hass
        self._name = f"{DOMAIN}.{gateway_id.lower()}.keys"
        self._store = self._new_store()
        self._keys: dict[str, str] = {}
        self._awaited: set[str] = set()
        """Keys whose participant is being saved."""

    async def async_load(self) -> None:
        """Read what is on disk."""
        self._keys = await self._store.async_load() or {}

    def key(self, certificate: str) -> str | None:
        """Return the private key (PEM) of a certificate of ours, as it is stored; None: it is not here."""
        return self._keys.get(_digest(certificate))

    async def async_keep(self, identities: Iterable[Identity]) -> None:
        """Have keys on disk when this returns. Raises KeysNotKept.

        They stay if `async_follow` hears of their participants until Home Assistant starts again.
        """
        new = {_digest(one.certificate): one.key for one in identities}
        self._awaited |= new.keys()
        self._keys |= new
        await self._store.async_save(dict(self._keys))
        # Home Assistant's helper only logs that it could not write.
        try:
            written = await self._new_store().async_load() or {}
        except HomeAssistantError:
            written = {}
        if not new.items() <= written.items():
            raise KeysNotKept

    @callback
    def async_follow(self, certificates: Iterable[str]) -> None:
        """Forget the keys of all other certificates: their participants are gone, or have a new one."""
        used = {_digest(certificate) for certificate in certificates}
        self._awaited -= used
        gone = self._keys.keys() - used - self._awaited
        if not gone:
            return
        for digest in gone:
            del self._keys[digest]
        self._store.async_delay_save(lambda: dict(self._keys), _PATIENCE)

    async def async_remove(self) -> None:
        """Forget all, on disk as well."""
        self._keys = {}
        await self._store.async_remove()

    def _new_store(self) -> Store[dict[str, str]]:
        return Store(self._hass, _VERSION, self._name, private=True, atomic_writes=True)


async def async_keyring(hass: HomeAssistant, gateway_id: str) -> Keyring:
    """Return the keys of a gateway's tunnels."""
    keyrings = hass.data.setdefault(_KEYRINGS, {})
    if gateway_id not in keyrings:
        keyring = Keyring(hass, gateway_id)
        await keyring.async_load()
        # Another caller may have been faster while the disk was read.
        keyrings.setdefault(gateway_id, keyring)
    return keyrings[gateway_id]


async def async_forget_keys(hass: HomeAssistant, gateway_id: str) -> None:
    """Remove the keys of a gateway's tunnels."""
    keyring = await async_keyring(hass, gateway_id)
    del hass.data[_KEYRINGS][gateway_id]
    await keyring.async_remove()


def _digest(certificate: str) -> str:
    return sha256(certificate.encode()).hexdigest()
