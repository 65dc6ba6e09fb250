"""The client's errors as Home Assistant's: the only place that maps them."""

from datetime import timedelta

from homeassistant.exceptions import ConfigEntryAuthFailed, HomeAssistantError
from homeassistant.helpers.update_coordinator import UpdateFailed
from homeassistant.util import dt as dt_util

from .const import DOMAIN
from .han.errors import (
    CertificateChanged,
    GatewayBusy,
    PortalLocked,
    SmgwConnectionError,
    SmgwError,
    SmgwLoginError,
)
from .memory import Hold

# The countdown ends a little later than it says.
_MARGIN = timedelta(seconds=30)


def for_poll(err: SmgwError) -> HomeAssistantError:
    """Return what a failed poll raises."""
    if isinstance(err, SmgwLoginError):
        return ConfigEntryAuthFailed(
            translation_domain=DOMAIN,
            translation_key=err.key,
            translation_placeholders=err.placeholders,
        )
    return UpdateFailed(
        translation_domain=DOMAIN,
        translation_key=err.key,
        translation_placeholders=err.placeholders,
    )


def for_owner(err: SmgwError) -> HomeAssistantError:
    """Return what something raises that the owner has asked for."""
    return HomeAssistantError(
        translation_domain=DOMAIN,
        translation_key=err.key,
        translation_placeholders=err.placeholders,
    )


def lock_of(hold: Hold | None) -> PortalLocked | None:
    """Return the lock-out that a hold stands for, while it lasts."""
    if hold is None or hold.key != PortalLocked.key:
        return None
    remaining = hold.until - _MARGIN - dt_util.utcnow()
    return PortalLocked(remaining) if remaining > timedelta(0) else None


def hold_of(err: SmgwError) -> Hold | None:
    """Return how long the gateway itself wants to be left alone, if it says so."""
    if isinstance(err, PortalLocked):
        pause = err.remaining + _MARGIN
    elif isinstance(err, GatewayBusy):
        pause = err.pause
    else:
        return None
    until = dt_util.utcnow() + pause
    return Hold(until=until, key=err.key, placeholders=err.placeholders)


def is_silence(err: SmgwError) -> bool:
    """Say whether nothing of a gateway's answered, as far as one can tell."""
    return isinstance(err, SmgwConnectionError) and not isinstance(
        err, CertificateChanged
    )
