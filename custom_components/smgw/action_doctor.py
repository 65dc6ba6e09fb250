"""The action of the connection doctor, and how its answer is put together."""

from collections.abc import Iterator
from typing import Any

import probatio

from homeassistant.const import ATTR_CONFIG_ENTRY_ID
from homeassistant.core import (
    DOMAIN as HOMEASSISTANT_DOMAIN,
    HomeAssistant,
    ServiceCall,
    ServiceResponse,
    SupportsResponse,
    callback,
)
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers.service import async_register_admin_service
from homeassistant.util import dt as dt_util

from .checkup import Checkup, async_check
from .const import DOMAIN
from .han.doctor import Finding, Outcome
from .models import GatewayConfig, SmgwConfigEntry
from .texts import Texts
from .verdict import Verdict, verdict

SERVICE_CHECK_CONNECTION = "check_connection"
_SCHEMA = probatio.Schema({probatio.Required(ATTR_CONFIG_ENTRY_ID): str})

# What metering operators read.
_LETTERS_IN = "de"


@callback
def async_register(hass: HomeAssistant) -> None:
    """Register the action."""

    async def check_connection(call: ServiceCall) -> ServiceResponse:
        """Let the doctor look at a gateway; its entry need not be loaded."""
        entry = _entry(hass, call.data[ATTR_CONFIG_ENTRY_ID])
        if not GatewayConfig.of(entry).is_read:
            raise ServiceValidationError(
                translation_domain=DOMAIN, translation_key="no_consumer_interface"
            )
        return await _async_report(hass, await async_check(hass, entry))

    async_register_admin_service(
        hass,
        DOMAIN,
        SERVICE_CHECK_CONNECTION,
        check_connection,
        schema=_SCHEMA,
        supports_response=SupportsResponse.ONLY,
    )


def _entry(hass: HomeAssistant, entry_id: str) -> SmgwConfigEntry:
    """Return one of our entries; Home Assistant's own way wants it to be loaded."""
    entry = hass.config_entries.async_get_entry(entry_id)
    if entry is None:
        raise ServiceValidationError(
            translation_domain=HOMEASSISTANT_DOMAIN,
            translation_key="service_config_entry_not_found",
            translation_placeholders={"domain": DOMAIN, "entry_id": entry_id},
        )
    if entry.domain != DOMAIN:
        raise ServiceValidationError(
            translation_domain=HOMEASSISTANT_DOMAIN,
            translation_key="service_config_entry_wrong_domain",
            translation_placeholders={"domain": DOMAIN, "entry_title": entry.title},
        )
    return entry


async def _async_report(hass: HomeAssistant, checkup: Checkup) -> dict[str, Any]:
    """Return a checkup for machines and, in the system's language, for people."""
    texts = await Texts.async_load(hass, hass.config.language)
    found = verdict(checkup)
    report: dict[str, Any] = {
        "gateway_id": checkup.config.gateway_id,
        "checked_at": dt_util.as_local(checkup.at).isoformat(),
        "verdict": found.key,
        "stopped_at": found.step,
        "sentence": _sentence(texts, found),
        "hints": [texts.say(f"doctor_hint_{hint}") for hint in found.hints],
        "notes": list(_notes(texts, checkup)),
        "steps": list(_steps(texts, checkup)),
    }
    if found.letter:
        letters = await Texts.async_load(hass, _LETTERS_IN)
        report["letter"] = _letter(letters, checkup, found)
        if hass.config.language != _LETTERS_IN:
            report["letter_translated"] = _letter(texts, checkup, found)
    return report


def _sentence(texts: Texts, found: Verdict) -> str:
    if found.step is None:
        return texts.say(f"doctor_{found.key}", **found.placeholders)
    step = texts.say(f"doctor_step_{found.step}")
    cause = texts.explain(found.key, found.placeholders)
    if found.login is None:
        return texts.say("doctor_stops", step=step, cause=cause)
    return texts.say("doctor_stops_login", step=step, login=found.login, cause=cause)


def _notes(texts: Texts, checkup: Checkup) -> Iterator[str]:
    """Say what is judged by an earlier session, and why."""
    if checkup.rest:
        yield texts.say("doctor_note_rest", until=checkup.rest)
    if any(login.refused for login in checkup.logins):
        yield texts.say("doctor_note_refused")
    earlier = [login.at for login in checkup.logins if login.at and not login.now]
    if earlier:
        yield texts.say("doctor_note_earlier", oldest=min(earlier))


def _steps(texts: Texts, checkup: Checkup) -> Iterator[dict[str, Any]]:
    for finding in checkup.way:
        yield _step(texts, finding)
    for login in checkup.logins:
        at = login.at and dt_util.as_local(login.at).isoformat()
        for finding in login.findings:
            judged = finding.outcome is not Outcome.SKIPPED
            when = {"session": at} if judged and at else {}
            yield {**_step(texts, finding), "login": login.title, **when}


def _step(texts: Texts, finding: Finding) -> dict[str, Any]:
    step: dict[str, Any] = {
        "step": finding.step,
        "name": texts.say(f"doctor_step_{finding.step}"),
        "outcome": finding.outcome,
    }
    if finding.seconds is not None:
        step["seconds"] = finding.seconds
    if finding.cause:
        step["error"] = finding.cause.key
    return step | dict(finding.facts)


def _letter(texts: Texts, checkup: Checkup, found: Verdict) -> str:
    """Return a letter to the metering operator, to be completed with a name."""
    findings = list(checkup.way)
    for login in checkup.logins:
        if found.login in (None, login.title):
            findings += login.findings
            break
    tried = (
        f"{texts.say(f'doctor_step_{finding.step}')}: {texts.say(f'doctor_{finding.outcome}')}"
        for finding in findings
        if finding.outcome is not Outcome.SKIPPED
    )
    return texts.say(
        "doctor_letter",
        gateway_id=checkup.config.gateway_id,
        time=checkup.at,
        tried=", ".join(tried),
        answer=texts.say(f"doctor_letter_{found.key}", **found.placeholders),
    )
