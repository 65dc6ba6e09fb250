"""Repair issues: each is there exactly as long as the data say so."""

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir

from .const import CONF_LOGIN, DOMAIN
from .models import SmgwConfigEntry
from .symptoms import KINDS, Situation


@callback
def async_sync(
    hass: HomeAssistant, entry: SmgwConfigEntry, situation: Situation
) -> None:
    """Create the issues that hold now and delete the others."""
    holding: set[str] = set()
    for kind in KINDS:
        for found in kind.find(situation):
            data: dict[str, str | int | float | None] = {"entry_id": entry.entry_id}
            issue_id = f"{kind.key}_{entry.entry_id}"
            if found.login:
                data[CONF_LOGIN] = found.login.subentry_id
                issue_id = f"{issue_id}_{found.login.subentry_id}"
            holding.add(issue_id)
            ir.async_create_issue(
                hass,
                DOMAIN,
                issue_id,
                data=data,
                is_fixable=kind.fixable,
                severity=kind.severity,
                translation_key=kind.key,
                translation_placeholders={
                    "gateway_id": situation.config.gateway_id,
                    **found.placeholders,
                },
            )
    _delete(hass, entry, holding)


@callback
def async_clear(hass: HomeAssistant, entry: SmgwConfigEntry) -> None:
    """Delete all issues of an entry."""
    _delete(hass, entry, set())


def _delete(hass: HomeAssistant, entry: SmgwConfigEntry, but: set[str]) -> None:
    for domain, issue_id in list(ir.async_get(hass).issues):
        if domain == DOMAIN and entry.entry_id in issue_id and issue_id not in but:
            ir.async_delete_issue(hass, DOMAIN, issue_id)
