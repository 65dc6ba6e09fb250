"""Rows of the lists of readings of a Theben CONEXA. No network."""

from collections.abc import Iterator
from datetime import datetime
from functools import partial

from . import jsonpage
from .dlms import scale_of, times
from .history import BillingPeriod, DerivedRegister, ProfileRow
from .jsonlarge import aside
from .model import Register, Skipped
from .profiles import cached_quality
from .theben_pages import UsagePoint, obis_of, owner_of
from .trust import Unusable

# 31 days of quarter hours of ten registers, with signatures: about 14 MB.
MAX_BODY = 32 * 1024 * 1024
DEPTH = 5
"""Where single readings begin: answer, readings, channels, channel, readings."""

_KEYS = (
    "target-time",
    "capture-time",
    "cosem-status",
    "smgw-status",
    "meter-status",
    "value",
    "signature",
)

type Found = list[tuple[Register, list[ProfileRow]]]


async def profile_aside(
    answer: object, point: UsagePoint, meter_id: str, skipped: list[Skipped]
) -> Found:
    """Return the rows of a meter's registers, read in a worker thread."""
    found, bad = await aside(partial(profile, answer, point, meter_id))
    skipped += bad
    return found


def derived(
    answer: object,
    point: UsagePoint,
    period: BillingPeriod | None,
    skipped: list[Skipped],
) -> tuple[DerivedRegister, ...]:
    """Return the newest row of each derived register, not after the period's end."""
    end = period.end if period else None
    found = []
    for channel in _channels(answer):
        where = f"{point.id[:40]} {jsonpage.text(channel, 'obis')[:12]}"
        try:
            register, rows, bad = _rows(channel, point, "", None)
        except Unusable as err:
            skipped.append(Skipped(where=where, reason=str(err)))
            continue
        skipped += bad
        rows = [row for row in rows if end is None or row.target_time <= end]
        if rows:
            found.append(
                DerivedRegister(
                    register=register,
                    tariff=register.obis.e if register.obis.counts_up else None,
                    row=max(rows, key=lambda row: row.target_time),
                )
            )
    return tuple(found)


def profile(
    answer: object, point: UsagePoint, meter_id: str
) -> tuple[Found, list[Skipped]]:
    """Return the rows of a meter's registers, and what was left out."""
    found: Found = []
    skipped: list[Skipped] = []
    for channel in _channels(answer):
        where = f"{point.id[:40]} {jsonpage.text(channel, 'obis')[:12]}"
        try:
            register, rows, bad = _rows(channel, point, meter_id, meter_id)
        except Unusable as err:
            skipped.append(Skipped(where=where, reason=str(err)))
            continue
        skipped += bad
        if rows:
            found.append((register, rows))
    return found, skipped


def _channels(answer: object) -> Iterator[jsonpage.Record]:
    yield from jsonpage.records(jsonpage.part(answer, "readings"), "channels")


def _rows(
    channel: jsonpage.Record, point: UsagePoint, meter_id: str, only: str | None
) -> tuple[Register, list[ProfileRow], list[Skipped]]:
    """Return the rows of a channel, of one meter `only` or of whatever owner.

    Raises `Unusable` if the register is unknown.
    """
    obis = obis_of(channel)
    if obis is None:
        raise Unusable("unknown_obis")
    owner = meter_id or point.only_meter or ""
    scale = point.scale(owner, str(obis))
    if scale is None:
        raise Unusable("unknown_unit")
    exponent, unit = scale_of(*scale)
    register = Register(meter_id=owner, obis=obis, unit=unit, name=point.name)
    owners: dict[str, str | None] = {}
    rows: list[ProfileRow] = []
    skipped: list[Skipped] = []
    for item in jsonpage.records(channel, "readings"):
        if only is not None:
            shown = jsonpage.text(item, "owner-number")
            if shown not in owners:
                owners[shown] = owner_of(channel, item, point)
            if owners[shown] != only:
                continue
        if (row := _row(item, exponent)) is None:
            skipped.append(Skipped(where=f"{owner} {obis}", reason="no_time"))
        else:
            rows.append(row)
    return register, rows, skipped


def _row(item: jsonpage.Record, exponent: int) -> ProfileRow | None:
    """Return a row; None without a time. What is no number is no value."""
    target_time, capture_time, word, smgw, meter, value, signature = jsonpage.texts(
        item, _KEYS
    )
    target = jsonpage.moment(target_time)
    capture = jsonpage.moment(capture_time)
    time: datetime | None = target or capture
    if time is None:
        return None
    halves = smgw + meter
    return ProfileRow(
        time,
        capture or time,
        times(value, exponent),
        cached_quality(word, halves),
        word or halves,
        signature or None,
    )
