"""From the rows of a PPC page to readings one can rely on.

Strict where the pages are lenient: a row becomes a reading only if its validity,
time, value, unit and OBIS code all say so, and if it does not contradict what the
same register said before. Everything else is skipped with a reason.
"""

from collections.abc import Container, Mapping
from contextlib import suppress
from datetime import datetime, timedelta

from . import ids
from .localtime import CLOCK_SLACK, UndecidableTime, candidates, decide, nearest
from .model import Meter, Reading, Register, Skipped
from .obis import Obis
from .ppc_pages import MeterProfile, ValueRow
from .units import Unit, parse_unit

# Certified gateways exist since 2018; they keep readings for at most 24 months.
_EARLIEST = datetime.fromisoformat("2017-01-01T00:00:00+00:00")


class _Unusable(Exception):
    """A row that cannot become a reading."""


class Readings:
    """Turns rows into readings; remembers the newest of each register."""

    def __init__(self) -> None:
        """Start knowing nothing."""
        self._known: dict[str, dict[str, Reading]] = {}

    def keep_only(self, meter_ids: Container[str]) -> None:
        """Forget meters that are gone."""
        self._known = {m: known for m, known in self._known.items() if m in meter_ids}

    def meter(
        self,
        meter_id: str,
        logical_name: str,
        profile: MeterProfile,
        now: datetime,
        skipped: list[Skipped],
    ) -> Meter:
        """Return a meter with its valid readings; add the others to `skipped`."""
        readings = self._choose(meter_id, profile, now, skipped)
        self._known.setdefault(meter_id, {}).update(readings)
        return Meter(
            meter_id=meter_id,
            logical_name=logical_name,
            medium=ids.medium(meter_id),
            maker=ids.maker(meter_id),
            address=profile.address,
            capture_interval=profile.capture_interval,
            readings=readings,
        )

    def _choose(
        self,
        meter_id: str,
        profile: MeterProfile,
        now: datetime,
        skipped: list[Skipped],
    ) -> dict[str, Reading]:
        known = self._known.get(meter_id, {})
        changed = _changed(profile, known)
        found: dict[str, list[Reading]] = {}
        chosen: dict[str, Reading] = {}

        def skip(code: str, err: _Unusable) -> None:
            skipped.append(Skipped(where=f"{meter_id} {code}", reason=str(err)))

        for row in profile.rows:
            try:
                reading = _reading(meter_id, row, now, known, changed)
            except _Unusable as err:
                skip(row.obis[:30], err)
            else:
                found.setdefault(str(reading.register.obis), []).append(reading)
        for code, readings in found.items():
            try:
                reading = _newest(readings)
                _check_against(known.get(code), reading)
            except _Unusable as err:
                skip(code, err)
            else:
                chosen[code] = reading
        return chosen


def berlin_clock(
    clock: str | None, last_sync: str | None, now: datetime
) -> tuple[datetime | None, datetime | None]:
    """Return the footer's two times in UTC; None for what cannot be decided.

    The clock runs, so it is the candidate nearest to `now`; a synchronisation lies
    in the past of that clock.
    """
    shown = synced = None
    with suppress(UndecidableTime):
        shown = nearest(candidates(clock or ""), now)
    with suppress(UndecidableTime):
        moments = candidates(last_sync or "")
        past = [m for m in moments if m <= (shown or now) + CLOCK_SLACK]
        synced = past[0] if len(past) == 1 else None
    return shown, synced


def _reading(
    meter_id: str,
    row: ValueRow,
    now: datetime,
    known: Mapping[str, Reading],
    changed: Container[str],
) -> Reading:
    """Return the reading of a row. Raises `_Unusable` with the reason."""
    if row.validity != "valid":
        raise _Unusable(row.validity if row.validity != "unknown" else "no_validity")
    if (obis := Obis.parse(row.obis)) is None:
        raise _Unusable("unknown_obis")
    if row.value is None:
        raise _Unusable("no_value")
    unit = parse_unit(row.unit)
    if unit is None or (unit is Unit.NONE and obis.counts_up):
        # A ratio has no unit; a meter reading without one is half a reading.
        raise _Unusable("unknown_unit")
    before = known.get(str(obis))
    try:
        capture_time = decide(
            candidates(row.timestamp),
            now=now,
            not_before=before.capture_time if before else None,
            changed=row.timestamp in changed,
        )
    except UndecidableTime as err:
        raise _Unusable(err.reason) from err
    if capture_time > now + timedelta(hours=1):
        raise _Unusable("in_the_future")
    if capture_time < _EARLIEST:
        raise _Unusable("too_old")
    return Reading(
        register=Register(meter_id=meter_id, obis=obis, unit=unit, name=row.name[:80]),
        value=row.value,
        capture_time=capture_time,
        signature=row.signature,
    )


def _changed(profile: MeterProfile, known: Mapping[str, Reading]) -> set[str]:
    """Return the stamps under which some register no longer shows what it showed.

    Rows with one stamp are one capture, so one register speaks for the others.
    """
    return {
        row.timestamp
        for row in profile.rows
        if row.value is not None
        and (before := known.get(str(Obis.parse(row.obis)))) is not None
        and row.value != before.value
    }


def _check_against(before: Reading | None, reading: Reading) -> None:
    """Refuse what contradicts the reading seen last. Raises `_Unusable`."""
    if before is None:
        return
    if reading.capture_time < before.capture_time:
        raise _Unusable("older_than_before")
    if not reading.register.obis.counts_up:
        return
    if reading.register.unit is not before.register.unit:
        raise _Unusable("unit_changed")
    # Home Assistant would take a lower value for a new meter and count it anew.
    if reading.value < before.value:
        raise _Unusable("went_backwards")


def _newest(readings: list[Reading]) -> Reading:
    """Return the newest of the rows of one register, in whatever order they stand.

    Raises `_Unusable` if the newest rows do not say the same.
    """
    newest = max(reading.capture_time for reading in readings)
    first, *others = (r for r in readings if r.capture_time == newest)
    said = (first.value, first.register.unit)
    if any((other.value, other.register.unit) != said for other in others):
        raise _Unusable("contradiction")
    return first
