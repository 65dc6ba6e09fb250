"""Let a backup of Home Assistant hold whole ledgers."""

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant

from .const import DOMAIN
from .control.ledger import Ledger


async def async_pre_backup(hass: HomeAssistant) -> None:
    """Keep the files unchanged while they are copied; commands go on."""
    for ledger in _ledgers(hass):
        await ledger.steady(on=True)


async def async_post_backup(hass: HomeAssistant) -> None:
    """Go on as usual."""
    for ledger in _ledgers(hass):
        await ledger.steady(on=False)


def _ledgers(hass: HomeAssistant) -> list[Ledger]:
    return [
        room.ledger
        for entry in hass.config_entries.async_entries(DOMAIN)
        if entry.state is ConfigEntryState.LOADED
        and (room := entry.runtime_data.control) is not None
    ]
