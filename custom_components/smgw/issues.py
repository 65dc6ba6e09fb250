"""Repair issues: each is there exactly as long as the data say so."""

from collections.abc import Iterator, Mapping
from datetime import timedelta

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir
from homeassistant.util import dt as dt_util

from .const import CONF_LOGIN, DOMAIN
from .han.errors import CertificateChanged, SmgwError
from .models import GatewayConfig, SmgwConfigEntry

LOGIN_FAILED = "login_failed"
CERTIFICATE_CHANGED = "certificate_changed"
CERTIFICATE_EXPIRING = "certificate_expiring"
CERTIFICATE_EXPIRED = "certificate_expired"
_KINDS = (CERTIFICATE_CHANGED, CERTIFICATE_EXPIRING, CERTIFICATE_EXPIRED)

_AHEAD = timedelta(days=30)


@callback
def async_sync(
    hass: HomeAssistant, entry: SmgwConfigEntry, error: SmgwError | None
) -> None:
    """Create the issues that hold now and delete the others; `error` is the poll's."""
    config = GatewayConfig.of(entry)
    certificate = config.pinned()
    valid_until = dt_util.as_local(certificate.not_after).date().isoformat()
    holding = set(_holding(error, certificate.not_after - dt_util.utcnow()))
    for kind in _KINDS:
        if kind in holding:
            ir.async_create_issue(
                hass,
                DOMAIN,
                f"{kind}_{entry.entry_id}",
                data={"entry_id": entry.entry_id},
                is_fixable=kind == CERTIFICATE_CHANGED,
                severity=ir.IssueSeverity.ERROR
                if kind == CERTIFICATE_CHANGED
                else ir.IssueSeverity.WARNING,
                translation_key=kind,
                translation_placeholders={
                    "gateway_id": config.gateway_id,
                    "valid_until": valid_until,
                },
            )
        else:
            ir.async_delete_issue(hass, DOMAIN, f"{kind}_{entry.entry_id}")


@callback
def async_sync_logins(
    hass: HomeAssistant, entry: SmgwConfigEntry, failing: Mapping[str, str]
) -> None:
    """Have an issue for each login that fails while others work: id to title."""
    prefix = f"{LOGIN_FAILED}_{entry.entry_id}_"
    for domain, issue_id in list(ir.async_get(hass).issues):
        stale = issue_id.startswith(prefix) and issue_id[len(prefix) :] not in failing
        if domain == DOMAIN and stale:
            ir.async_delete_issue(hass, DOMAIN, issue_id)
    for login_id, title in failing.items():
        ir.async_create_issue(
            hass,
            DOMAIN,
            f"{prefix}{login_id}",
            data={"entry_id": entry.entry_id, CONF_LOGIN: login_id},
            is_fixable=True,
            severity=ir.IssueSeverity.ERROR,
            translation_key=LOGIN_FAILED,
            translation_placeholders={
                "gateway_id": entry.unique_id or "",
                "login": title,
            },
        )


@callback
def async_clear(hass: HomeAssistant, entry: SmgwConfigEntry) -> None:
    """Delete all issues of an entry."""
    async_sync_logins(hass, entry, {})
    for kind in _KINDS:
        ir.async_delete_issue(hass, DOMAIN, f"{kind}_{entry.entry_id}")


def _holding(error: SmgwError | None, validity: timedelta) -> Iterator[str]:
    if isinstance(error, CertificateChanged):
        yield CERTIFICATE_CHANGED
    if validity <= timedelta(0):
        yield CERTIFICATE_EXPIRED
    elif validity <= _AHEAD:
        yield CERTIFICATE_EXPIRING
