"""From the rows of a PPC page to readings one can rely on.

Strict where the pages are lenient: a row becomes a reading only if its validity,
time, value, unit and OBIS code all say so, and if it is trusted beside the readings
before (`trust`). Everything else is skipped with a reason.
"""

from collections.abc import Container, Iterable, Mapping
from contextlib import suppress
from datetime import datetime

from .localtime import CLOCK_SLACK, UndecidableTime, candidates, decide, nearest
from .model import Meter, Reading, Register, Skipped
from .obis import Obis
from .ppc_pages import MeterProfile, ValueRow
from .status import Quality, worst
from .trust import Trust, Unusable
from .units import parse_unit

# The page tells valid from invalid, no more; what is not present has no quality.
_QUALITIES = {"valid": Quality.GOOD, "invalid": Quality.UNUSABLE}


class Readings:
    """Turns rows into readings; knows the readings before."""

    def __init__(self) -> None:
        """Start knowing nothing."""
        self._trust = Trust()

    def recall(self, meters: Iterable[Meter]) -> None:
        """Take readings of an earlier run as those before."""
        self._trust.recall(meters)

    def keep_only(self, meter_ids: Container[str]) -> None:
        """Forget meters that are gone."""
        self._trust.keep_only(meter_ids)

    def meter(
        self,
        meter_id: str,
        logical_name: str,
        profile: MeterProfile,
        now: datetime,
        skipped: list[Skipped],
    ) -> Meter:
        """Return a meter with its valid readings; add the others to `skipped`."""
        known = self._trust.known(meter_id)
        changed = _changed(profile, known)
        found: list[Reading] = []
        for row in profile.rows:
            try:
                found.append(_reading(meter_id, row, now, known, changed))
            except Unusable as err:
                where = f"{meter_id} {Obis.parse(row.obis) or ''}".strip()
                skipped.append(
                    Skipped(
                        where=where,
                        reason=str(err),
                        quality=err.quality,
                    )
                )
        return Meter.of(
            logical_name,
            meter_id,
            self._trust.choose(meter_id, found, now, skipped),
            address=profile.address,
            capture_interval=profile.capture_interval,
            quality=worst(_QUALITIES.get(row.validity) for row in profile.rows),
        )


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
    """Return the reading of a row. Raises `Unusable` with the reason."""
    if row.validity != "valid":
        raise Unusable(
            row.validity if row.validity != "unknown" else "no_validity",
            _QUALITIES.get(row.validity),
        )
    if (obis := Obis.parse(row.obis)) is None:
        raise Unusable("unknown_obis")
    if row.value is None:
        raise Unusable("no_value")
    if (unit := parse_unit(row.unit)) is None:
        raise Unusable("unknown_unit")
    before = known.get(str(obis))
    try:
        capture_time = decide(
            candidates(row.timestamp),
            now=now,
            not_before=before.capture_time if before else None,
            changed=row.timestamp in changed,
        )
    except UndecidableTime as err:
        raise Unusable(err.reason) from err
    return Reading(
        register=Register(meter_id=meter_id, obis=obis, unit=unit, name=row.name[:80]),
        value=row.value,
        capture_time=capture_time,
        signature=row.signature,
        quality=_QUALITIES["valid"],
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
