"""Repair issues: each is there exactly as long as the data say so."""

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir

from .const import CONF_LOGIN, DOMAIN
from .models import SmgwConfigEntry
from .symptoms import KINDS, Found, Situation


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """An issue that is to be there."""

    key: str
    placeholders: Mapping[str, str]
    severity: ir.IssueSeverity
    fixable: bool = False
    about: Mapping[str, str] = field(default_factory=dict)
    """What of the entry it is about, for its fix flow; its values tell issues of one key apart."""


@callback
def async_sync(
    hass: HomeAssistant, entry: SmgwConfigEntry, situation: Situation
) -> None:
    """Create the issues of the readings that hold now and delete the others."""
    shown = [
        Shown(
            key=kind.key,
            placeholders=found.placeholders,
            severity=kind.severity,
            fixable=kind.fixable,
            about=_about(found),
        )
        for kind in KINDS
        for found in kind.find(situation)
    ]
    async_show(hass, entry, {kind.key for kind in KINDS}, shown)


def _about(found: Found) -> dict[str, str]:
    about = {CONF_LOGIN: found.login.subentry_id} if found.login else {}
    named = {"contract": found.contract, "meter": found.meter}
    return about | {name: value for name, value in named.items() if value}


@callback
def async_show(
    hass: HomeAssistant,
    entry: SmgwConfigEntry,
    keys: Container[str],
    shown: Iterable[Shown],
) -> None:
    """Create what is to be there, and delete all others of these keys."""
    holding: set[str] = set()
    for issue in shown:
        issue_id = "_".join((issue.key, entry.entry_id, *issue.about.values()))
        holding.add(issue_id)
        ir.async_create_issue(
            hass,
            DOMAIN,
            issue_id,
            data={"entry_id": entry.entry_id, **issue.about},
            is_fixable=issue.fixable,
            severity=issue.severity,
            translation_key=issue.key,
            translation_placeholders={
                "gateway_id": entry.unique_id or "",
                **issue.placeholders,
            },
        )
    for issue_id, known in _of(hass, entry):
        if known.translation_key in keys and issue_id not in holding:
            ir.async_delete_issue(hass, DOMAIN, issue_id)


@callback
def async_clear(hass: HomeAssistant, entry: SmgwConfigEntry) -> None:
    """Delete all issues of an entry."""
    for issue_id, _ in _of(hass, entry):
        ir.async_delete_issue(hass, DOMAIN, issue_id)


def _of(hass: HomeAssistant, entry: SmgwConfigEntry) -> list[tuple[str, ir.IssueEntry]]:
    return [
        (issue_id, issue)
        for (domain, issue_id), issue in ir.async_get(hass).issues.items()
        if domain == DOMAIN and entry.entry_id in issue_id
    ]
