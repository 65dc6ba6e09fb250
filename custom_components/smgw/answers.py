"""What actions answer: plain values, times of the home with their offset."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from homeassistant.util import dt as dt_util

from .billing import Checked, StageBill
from .han.history import LogEntry, Profile, ProfileRow, Span
from .han.log_kinds import kind_of
from .han.model import Register
from .readout import gaps, unusable
from .registers import describe
from .seals import Seal
from .texts import Texts


def moment(when: datetime | None) -> str | None:
    """Return a time of the home with its offset."""
    return dt_util.as_local(when).isoformat() if when else None


def number(value: Decimal | None) -> float | None:
    """Return a value as JSON knows it; its shortest spelling has the same digits."""
    return None if value is None else float(value)


def span(of: Span) -> dict[str, Any]:
    """Return a span's ends."""
    return {"start": moment(of.start), "end": moment(of.end)}


def register_name(register: Register, texts: Texts) -> str:
    """Return what the register's sensor is called."""
    sensor = describe(register)
    return texts.sensor(
        sensor.translation_key or "", sensor.translation_placeholders or {}
    )


def profile(
    found: Profile, of: Span, texts: Texts, *, signatures: bool
) -> dict[str, Any]:
    """Return a load profile; the row at the span's start is for the first difference."""
    before: ProfileRow | None = None
    rows = []
    shown = tuple(row for row in found.rows if row.target_time in of)
    for row in found.rows:
        if row.target_time in of:
            rows.append(_row(row, before, found, signatures=signatures))
        before = row
    return {
        "register": str(found.register.obis),
        "name": register_name(found.register, texts),
        "unit": found.register.unit.value,
        "period_minutes": int(found.period.total_seconds() // 60),
        "missing": gaps(found, of),
        "unusable": unusable(shown),
        "rows": rows,
    }


def _row(
    row: ProfileRow, before: ProfileRow | None, of: Profile, *, signatures: bool
) -> dict[str, Any]:
    start = row.target_time - of.period
    energy = None
    if before and before.target_time == start and before.usable and row.usable:
        energy = _difference(row.value, before.value)
    answer: dict[str, Any] = {
        "start": moment(start),
        "end": moment(row.target_time),
        "captured": moment(row.capture_time),
        "value": number(row.value),
        "energy": number(energy),
        "quality": row.quality.name.lower() if row.quality is not None else None,
        "status": row.status,
    }
    if signatures:
        answer["signature"] = row.signature
    return answer


def _difference(last: Decimal | None, first: Decimal | None) -> Decimal | None:
    return None if last is None or first is None else last - first


def seal(found: Seal | None, texts: Texts) -> Mapping[str, Any]:
    """Return what may be said of the signed originals; nothing where there are none."""
    if found is None:
        return {}
    return {
        "seal": {
            "verdict": found.verdict.value,
            "text": texts.say(f"seal_{found.verdict}"),
            "signer": found.signer.subject.rfc4514_string() if found.signer else None,
            "key": found.key or None,
            "first_seen_now": found.first_seen,
        }
    }


def log_entry(entry: LogEntry) -> dict[str, Any]:
    """Return an entry of the consumer log."""
    return {
        "number": entry.number,
        "time": moment(entry.time),
        "level": entry.level.value,
        "success": entry.success,
        "event_id": entry.event_id or None,
        "kind": kind_of(entry).value,
        "text": entry.text,
    }


def bill(
    checked: Checked, of: Profile, tariff: str, texts: Texts, *, daily: bool
) -> dict[str, Any]:
    """Return a bill: the registers by stage, their costs, and what stands beside them."""
    found = checked.bill
    answer: dict[str, Any] = {
        "register": str(of.register.obis),
        "name": register_name(of.register, texts),
        "tariff": tariff,
        "first_day": found.period.first.isoformat(),
        "last_day": found.period.last.isoformat(),
        "unit": checked.unit,
        "start_value": number(found.start_value),
        "end_value": number(found.end_value),
        "total": number(found.total),
        "slots": found.slots,
        "unusable": found.unusable,
        "stages": [_stage(one, texts) for one in checked.stages],
        "cost": number(checked.cost),
        "gateway_total": number(checked.gateway_total),
    }
    if daily:
        answer["days"] = [
            {
                "day": day.day.isoformat(),
                "energy": {str(n): number(day.energy[n]) for n in sorted(day.energy)},
                "slots": day.slots,
                "unusable": day.unusable,
            }
            for day in found.days
        ]
    return answer


def _stage(of: StageBill, texts: Texts) -> dict[str, Any]:
    return {
        "stage": of.number,
        "name": of.name or texts.say("bill_error_stage"),
        "energy": number(of.energy),
        "cost": number(of.cost),
        "gateway": number(of.gateway),
        "difference": number(of.difference),
    }
