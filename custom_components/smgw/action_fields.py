"""What actions are told: which meter of which gateway, and from when to when."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import probatio

from homeassistant.const import ATTR_CONFIG_ENTRY_ID, ATTR_DEVICE_ID
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import config_validation as cv, device_registry as dr
from homeassistant.helpers.service import async_get_config_entry
from homeassistant.util import dt as dt_util

from .const import DOMAIN, meter_identifier
from .coordinator import SmgwCoordinator
from .failures import for_owner
from .han.history import Span
from .han.obis import Obis
from .han.slots import QUARTER
from .logins import Login
from .models import SmgwConfigEntry

ATTR_START = "start"
ATTR_END = "end"
ATTR_REGISTER = "register"
ATTR_LOGIN = "login"

METER = {probatio.Required(ATTR_DEVICE_ID): str}
GATEWAY = {probatio.Required(ATTR_CONFIG_ENTRY_ID): str}
FROM_TO = {
    probatio.Required(ATTR_START): cv.datetime,
    probatio.Optional(ATTR_END): cv.datetime,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The meter that an action means."""

    entry: SmgwConfigEntry
    meter_id: str

    @property
    def coordinator(self) -> SmgwCoordinator:
        """Return who reads its gateway."""
        return self.entry.runtime_data.coordinator


@callback
def async_meter(hass: HomeAssistant, device_id: str) -> Target:
    """Return the meter of a device. Raises `ServiceValidationError`."""
    device = dr.async_get(hass).async_get(device_id)
    entry_id = device.config_entry_id if device else None
    if device and entry_id:
        entry = hass.config_entries.async_get_entry(entry_id)
        if entry and entry.domain == DOMAIN:
            gateway_id = entry.unique_id or ""
            for domain, identifier in device.identifiers:
                meter_id = identifier.removeprefix(meter_identifier(gateway_id, ""))
                if domain == DOMAIN and meter_id != identifier:
                    # Home Assistant says it if the entry is not loaded.
                    entry = async_get_config_entry(hass, DOMAIN, entry_id)
                    return Target(entry=entry, meter_id=meter_id)
    raise ServiceValidationError(
        translation_domain=DOMAIN, translation_key="not_a_meter"
    )


def span_of(data: Mapping[str, Any], longest: timedelta) -> Span:
    """Return the span that an action asks for, its end on a quarter hour.

    Times without a zone are those of the home. Raises `ServiceValidationError`.
    """
    now = dt_util.utcnow()
    start = as_utc(data[ATTR_START])
    end = min(as_utc(data[ATTR_END]) if ATTR_END in data else now, now)
    seconds = end.timestamp()
    end = dt_util.utc_from_timestamp(seconds - seconds % QUARTER.total_seconds())
    if start >= end:
        raise ServiceValidationError(
            translation_domain=DOMAIN, translation_key="span_empty"
        )
    if end - start > longest:
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="span_too_long",
            translation_placeholders={"days": str(longest.days)},
        )
    return Span(start, end)


def as_utc(moment: datetime) -> datetime:
    """Return a moment (UTC); without a zone it is the home's."""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt_util.get_default_time_zone())
    return dt_util.as_utc(moment)


def register_of(data: Mapping[str, Any]) -> str | None:
    """Return the code of the register that an action asks for; None for all.

    Raises `ServiceValidationError`.
    """
    if ATTR_REGISTER not in data:
        return None
    obis = Obis.parse(data[ATTR_REGISTER])
    if obis is None:
        raise ServiceValidationError(
            translation_domain=DOMAIN, translation_key="register_unreadable"
        )
    return str(obis)


@callback
def login_for(target: Target) -> Login:
    """Return the account that sees a meter, one that works if there is one.

    Raises `HomeAssistantError`.
    """
    logins = target.coordinator.logins
    seeing = [
        login
        for login in logins
        if any(meter_id == target.meter_id for meter_id, _ in login.notes.registers)
    ]
    return _usable(seeing or list(logins))


@callback
def login_named(coordinator: SmgwCoordinator, name: str | None) -> Login:
    """Return the account of a name; without one the first that works.

    Raises `HomeAssistantError`.
    """
    logins = list(coordinator.logins)
    if name is not None:
        logins = [login for login in logins if login.title == name]
        if not logins:
            raise ServiceValidationError(
                translation_domain=DOMAIN,
                translation_key="no_such_login",
                translation_placeholders={
                    "logins": ", ".join(login.title for login in coordinator.logins)
                },
            )
    return _usable(logins)


def _usable(logins: list[Login]) -> Login:
    usable = [login for login in logins if not login.refused]
    if usable:
        return max(usable, key=lambda login: login.works)
    for login in logins:
        if login.error:
            raise for_owner(login.error)
    raise HomeAssistantError(
        translation_domain=DOMAIN, translation_key="no_login_to_use"
    )
