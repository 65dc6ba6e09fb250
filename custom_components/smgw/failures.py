"""The client's errors as Home Assistant's: the only place that maps them."""

from datetime import timedelta

from homeassistant.exceptions import ConfigEntryAuthFailed, HomeAssistantError
from homeassistant.helpers.update_coordinator import UpdateFailed

from .const import DOMAIN
from .han.errors import (
    CertificateChanged,
    ConnectionRefused,
    HostNotFound,
    PortalLocked,
    SmgwConnectionError,
    SmgwError,
    SmgwLoginError,
    TlsFailed,
    Unreachable,
)

# After a failure that cost a session, a retry of the set-up waits this long; the
# gateway suffers from every login and notes it in the consumer log.
_PAUSE = timedelta(minutes=10)
# The countdown ends a little later than it says.
_MARGIN = timedelta(seconds=30)
_NOTHING_SENT = (
    HostNotFound,
    ConnectionRefused,
    Unreachable,
    TlsFailed,
    CertificateChanged,
)


def for_poll(err: SmgwError) -> HomeAssistantError:
    """Return what a failed poll raises."""
    pause = pause_after(err)
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
        retry_after=pause.total_seconds() if isinstance(err, PortalLocked) else None,
    )


def pause_after(err: SmgwError) -> timedelta:
    """Return how long the gateway is left alone after a failure; zero if no matter.

    A refused login waits for a new password, a missing connection costs nothing.
    """
    if isinstance(err, PortalLocked):
        return err.remaining + _MARGIN
    if isinstance(err, SmgwLoginError) or not costs_session(err):
        return timedelta(0)
    return _PAUSE


def is_silence(err: SmgwError) -> bool:
    """Say whether nothing of a gateway's answered, as far as one can tell."""
    return isinstance(err, SmgwConnectionError) and not isinstance(
        err, CertificateChanged
    )


def costs_session(err: SmgwError) -> bool:
    """Say whether a failure came after the gateway may have opened a session."""
    return not isinstance(err, (PortalLocked, *_NOTHING_SENT))
