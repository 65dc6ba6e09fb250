"""What helps to find a fault, without what tells whose home it is."""

from collections.abc import Mapping
from typing import Any

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant

from .checkup import Checkup, async_look
from .const import CONF_ROOTS, SUBENTRY_LOGIN
from .control_facts import HOME_OPTIONS, control_facts
from .coordinator import SmgwCoordinator
from .han.address import DEFAULT_PORT
from .han.doctor import Finding
from .han.model import ClientCertificate, Meter, Snapshot
from .memory import GatewayMemory, async_memory
from .models import GatewayConfig, SmgwConfigEntry
from .schedule import MINUTE


async def async_get_config_entry_diagnostics(
    hass: HomeAssistant, entry: SmgwConfigEntry
) -> dict[str, Any]:
    """Return facts by name; nothing of the entry is passed on as a whole."""
    config = GatewayConfig.of(entry)
    memory = await async_memory(hass, config.gateway_id)
    facts: dict[str, Any] = {
        "entry": {
            "vendor": config.vendor,
            "usual_port": config.port == DEFAULT_PORT,
            "options": {
                name: value
                for name, value in entry.options.items()
                if name not in HOME_OPTIONS | {CONF_ROOTS}
            },
            "signer_roots": CONF_ROOTS in entry.options,
            "logins": len(list(entry.get_subentries_of_type(SUBENTRY_LOGIN))),
            "failed_with": entry.error_reason_translation_key,
        },
        "memory": _memory(memory),
        "unreadable_pages": _pages(memory),
        "control": control_facts(entry),
    }
    if config.is_read:
        facts |= _doctor(await async_look(hass, entry))
    if entry.state is ConfigEntryState.LOADED:
        coordinator = entry.runtime_data.coordinator
        facts["coordinator"] = _coordinator(coordinator)
        facts["snapshot"] = _snapshot(coordinator.data)
    return facts


def _memory(memory: GatewayMemory) -> dict[str, Any]:
    hold, trouble, budget = memory.hold, memory.trouble, memory.budget
    return {
        "hold": hold and {"until": hold.until.isoformat(), "key": hold.key},
        "trouble": trouble
        and {
            "key": trouble.key,
            "count": trouble.count,
            "sent": trouble.sent,
            "until": trouble.until.isoformat(),
        },
        "budget": {
            "sessions": [session.isoformat() for session in budget.sessions],
            "per_hour": budget.allowance.per_hour,
            "floor_minutes": budget.allowance.floor.total_seconds() / 60,
        },
        "learned": dict(memory.learned),
        "signatures": _signatures(memory),
    }


def _signatures(memory: GatewayMemory) -> dict[str, Any]:
    """Return what was found of signed exports, without keys and names."""
    seals = memory.seals
    return {
        "verdict": seals.verdict,
        "checked": seals.at and seals.at.isoformat(),
        "first_key_known": memory.signer is not None,
        "other_key_since": seals.other and seals.other.at.isoformat(),
        "broken": [
            {
                "of": "values" if what else "log",
                "at": broken.at.isoformat(),
                "start": broken.span.start.isoformat(),
                "end": broken.span.end.isoformat(),
            }
            for what, broken in seals.broken.items()
        ],
    }


def _doctor(checkup: Checkup) -> dict[str, Any]:
    """Return what the doctor found, without addresses and names."""
    return {
        "doctor": [_finding(finding) for finding in checkup.way],
        "logins": {
            f"login {number}": {
                "way": "certificate"
                if isinstance(login.account, ClientCertificate)
                else "password",
                "last_session": login.at and login.at.isoformat(),
                "steps": [_finding(finding) for finding in login.findings],
            }
            for number, login in enumerate(checkup.logins, 1)
        },
    }


def _finding(finding: Finding) -> dict[str, Any]:
    cause = finding.cause
    return {
        "step": finding.step,
        "outcome": finding.outcome,
        "seconds": finding.seconds,
        "error": cause and {"key": cause.key, "detail": cause.detail},
        **finding.facts,
    }


def _pages(memory: GatewayMemory) -> list[dict[str, Any]]:
    """Return the pages that could not be read; they were redacted at once."""
    return [
        {
            "cause": exhibit.cause,
            "at": exhibit.at.isoformat(),
            "page": exhibit.page.splitlines(),
        }
        for exhibit in memory.evidence.exhibits
    ]


def _coordinator(coordinator: SmgwCoordinator) -> dict[str, Any]:
    error = coordinator.last_error
    return {
        "last_update_success": coordinator.last_update_success,
        "interval_minutes": coordinator.pace.interval / MINUTE,
        "each_login_minutes": coordinator.each / MINUTE,
        "live": coordinator.logins.live,
        "last_error": error and {"key": error.key, "detail": error.detail},
    }


def _snapshot(snapshot: Snapshot) -> dict[str, Any]:
    gateway = snapshot.gateway
    offset = gateway.clock_offset
    names = {
        meter_id: f"meter {number}"
        for number, meter_id in enumerate(sorted(snapshot.meters), 1)
    }
    return {
        "maker": gateway.gateway_id[1:4],
        "firmware": gateway.firmware,
        "clock": gateway.clock and gateway.clock.isoformat(),
        "last_sync": gateway.last_sync and gateway.last_sync.isoformat(),
        "clock_offset": None if offset is None else offset.total_seconds(),
        "state": gateway.state,
        "contracts_ended": snapshot.contracts_ended,
        "requests": snapshot.requests,
        "meters": {
            names[meter_id]: _meter(meter)
            for meter_id, meter in snapshot.meters.items()
        },
        "skipped": [
            {"where": _rename(skipped.where, names), "reason": skipped.reason}
            for skipped in snapshot.skipped
        ],
    }


def _meter(meter: Meter) -> dict[str, Any]:
    return {
        "medium": meter.medium,
        "maker": meter.maker,
        "quality": None if meter.quality is None else meter.quality.name,
        "capture_interval": meter.capture_interval
        and meter.capture_interval.total_seconds(),
        "registers": {
            obis: {
                "unit": reading.register.unit,
                "capture_time": reading.capture_time.isoformat(),
                "signed": reading.signature is not None,
            }
            for obis, reading in meter.readings.items()
        },
    }


def _rename(where: str, names: Mapping[str, str]) -> str:
    """Return where a row was, without a meter's number."""
    meter_id, _, row = where.partition(" ")
    return f"{names.get(meter_id, 'a meter')} {row}".strip()
