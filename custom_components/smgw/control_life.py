"""The control side comes and goes with the entry, if there is anything to control."""

from datetime import datetime, timedelta
from functools import partial

from homeassistant.const import Platform
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.dispatcher import async_dispatcher_send
from homeassistant.helpers.event import async_call_later
from homeassistant.util import dt as dt_util

from . import control_symptoms
from .bridge.room import ControlRoom
from .bridge.setup import ControlSetup
from .const import DOMAIN, LOGGER
from .const_control import (
    ORDERS_KEY,
    PRICE_KEY,
    SIGNAL_CONTROL,
    device_identifier,
    limit_keys,
)
from .control.errors import LedgerError, LedgerTooNew
from .control.model import Direction
from .coordinator import SmgwCoordinator
from .keyring import async_keyring
from .models import SmgwConfigEntry

PLATFORMS = (
    Platform.BINARY_SENSOR,
    Platform.CALENDAR,
    Platform.SWITCH,
)
"""Only there when something is controlled; events and sensors have a platform anyhow."""
_TRY_AGAIN = timedelta(minutes=5)


async def async_begin(
    hass: HomeAssistant, entry: SmgwConfigEntry, coordinator: SmgwCoordinator
) -> ControlRoom | None:
    """Take up limits and commands again; None if there is nothing to control, or no ledger."""
    setup = ControlSetup.of(entry)
    await _forget_keys(hass, entry, setup)
    _forget_entities(hass, entry, setup)
    if setup.empty:
        _show_issues(hass, entry, None)
        return None
    try:
        room = await ControlRoom.async_begin(hass, entry, coordinator)
    except LedgerError as err:
        LOGGER.error("Nothing is controlled without a ledger: %s", err)
        _show_issues(hass, entry, err.key)
        if not isinstance(err, LedgerTooNew):
            reload = partial(_reload, hass, entry)
            entry.async_on_unload(async_call_later(hass, _TRY_AGAIN, reload))
        return None
    # It would be closed with the entry; a set-up that fails later unloads nothing.
    entry.async_on_unload(room.async_close)
    control_symptoms.async_follow(hass, entry, room)
    return room


async def async_changed(hass: HomeAssistant, entry: SmgwConfigEntry) -> None:
    """Take over what the owner has changed; the first and the last one to control reload the entry."""
    room, setup = entry.runtime_data.control, ControlSetup.of(entry)
    await _forget_keys(hass, entry, setup)
    if room is None or setup.empty:
        if room is not None or not setup.empty:
            hass.config_entries.async_schedule_reload(entry.entry_id)
        return
    if room.setup == setup:
        return
    try:
        await room.async_settings_changed()
    except LedgerError as err:
        # What was revoked must not go on: without a ledger nothing does.
        LOGGER.error("Changed settings are not in the ledger: %s", err)
        hass.config_entries.async_schedule_reload(entry.entry_id)
        return
    _forget_entities(hass, entry, setup)
    async_dispatcher_send(hass, SIGNAL_CONTROL.format(entry.entry_id))


@callback
def _show_issues(
    hass: HomeAssistant, entry: SmgwConfigEntry, closed: str | None
) -> None:
    """Show what there is to say where nothing is controlled."""
    situation = control_symptoms.Situation(closed=closed, now=dt_util.utcnow())
    control_symptoms.async_sync(hass, entry, situation)


@callback
def _reload(hass: HomeAssistant, entry: SmgwConfigEntry, _: datetime) -> None:
    hass.config_entries.async_schedule_reload(entry.entry_id)


async def _forget_keys(
    hass: HomeAssistant, entry: SmgwConfigEntry, setup: ControlSetup
) -> None:
    """Remove private keys of tunnels that are no longer set up."""
    keyring = await async_keyring(hass, entry.unique_id or "")
    keyring.async_follow(
        identity.certificate
        for participant in setup.participants
        for identity in participant.channel.identities
    )


@callback
def _forget_entities(
    hass: HomeAssistant, entry: SmgwConfigEntry, setup: ControlSetup
) -> None:
    """Remove what the gateway's device shows of things that are no longer set up."""
    gone = [] if setup.prices else [(Platform.SENSOR, PRICE_KEY)]
    if setup.empty:
        gone.append((Platform.CALENDAR, ORDERS_KEY))
    for direction in Direction:
        if not setup.limits(direction):
            gone += limit_keys(direction)
        elif not setup.supervised(direction):
            gone += limit_keys(direction)[2:3]
    registry = er.async_get(hass)
    for platform, key in gone:
        unique_id = device_identifier(entry.unique_id or "", key)
        if found := registry.async_get_entity_id(platform, DOMAIN, unique_id):
            registry.async_remove(found)
