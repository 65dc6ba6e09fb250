"""Entries of earlier versions are brought to the present form."""

from collections.abc import Mapping
from typing import Any

from homeassistant.core import HomeAssistant

from .cls.identity import Identity
from .const import CONF_CERTIFICATE
from .const_cls import CONF_IDENTITIES, CONF_KEY, SUBENTRY_PARTICIPANT
from .keyring import async_keyring
from .models import SmgwConfigEntry

VERSION = 1
MINOR_VERSION = 2


async def async_migrate(hass: HomeAssistant, entry: SmgwConfigEntry) -> bool:
    """Bring an entry to the present form; False: it is of a later version. Raises KeysNotKept.

    1.2: private keys of tunnels lie in a file of their own. Stopped in between, it is done again.
    """
    if entry.version > VERSION:
        return False
    if entry.minor_version >= MINOR_VERSION:
        return True
    participants = list(entry.get_subentries_of_type(SUBENTRY_PARTICIPANT))
    keys = [key for one in participants for key in _identities(one.data)]
    if keys:
        keyring = await async_keyring(hass, entry.unique_id or "")
        await keyring.async_keep(keys)
    for participant in participants:
        hass.config_entries.async_update_subentry(
            entry, participant, data=_without_keys(participant.data)
        )
    hass.config_entries.async_update_entry(entry, minor_version=MINOR_VERSION)
    return True


def _identities(data: Mapping[str, Any]) -> list[Identity]:
    return [
        Identity(certificate=stored[CONF_CERTIFICATE], key=stored[CONF_KEY])
        for stored in data[CONF_IDENTITIES]
        if CONF_KEY in stored
    ]


def _without_keys(data: Mapping[str, Any]) -> dict[str, Any]:
    certificates = [
        {CONF_CERTIFICATE: stored[CONF_CERTIFICATE]} for stored in data[CONF_IDENTITIES]
    ]
    return {**data, CONF_IDENTITIES: certificates}
