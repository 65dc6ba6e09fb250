"""Rows of readings as the gateway keeps them: newest first."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
import hashlib

from simulator.clock import local_text
from simulator.faults import FaultSet
from simulator.meters import Change, Meter, Register, floor_time

from .markup import HOSTILE
from .view import View

WORDS = {"1": "valid", "2": "invalid", "3": "nonexistent"}


@dataclass(frozen=True, slots=True)
class Row:
    """One register value of one reading, as text, before the HTML.

    ``target`` and ``captured`` are aware UTC; ``stamp`` is the local wall time
    shown; ``valid`` 1, 2 or 3; ``units`` the truth in 0.0001 of ``unit``;
    ``raw`` a value that a test put in place of it; ``first`` marks the first
    row of a reading.
    """

    meter: Meter
    register: Register
    target: datetime
    captured: datetime
    valid: str
    units: int
    stamp: str
    value: str
    unit: str
    obis: str
    name: str
    raw: str | None = None
    first: bool = True

    @property
    def signature(self) -> str:
        """Return a made-up hex signature, fixed for the row."""
        seed = f"{self.meter.id}{self.obis}{self.stamp}{self.value}"
        return "3044" + hashlib.sha512(seed.encode()).hexdigest()


def latest(view: View, meter: Meter) -> list[Row]:
    """Return the rows of the newest reading."""
    if "no_values" in view.faults:
        return []
    return list(_reading(view, meter, meter.latest_target(view.values_now)))


class History:
    """The rows captured in a range (aware, inclusive), newest first.

    Rows are made when they are asked for: a page of a long range is cheap.
    """

    def __init__(
        self, view: View, meter: Meter, begin: datetime, end: datetime
    ) -> None:
        """Find the readings of the range."""
        self._view = view
        self._meter = meter
        self._targets = list(_targets(view, meter, begin, end))
        # as many rows for each reading, unless a test or a variant changed that
        even = not view.scenario.meters.changed
        self._even = even and "gap_rows_left_out" not in view.faults
        self._per_reading = len(view.registers(meter))

    def __len__(self) -> int:
        """Return the number of rows (records: time x OBIS)."""
        if self._even:
            return len(self._targets) * self._per_reading
        return len(self.rows())

    def rows(self, first: int = 0, last: int | None = None) -> list[Row]:
        """Return the rows from ``first`` up to, not including, ``last``."""
        targets, skipped = self._targets, 0
        if self._even and last is not None and self._per_reading:
            whole = first // self._per_reading
            targets = targets[whole : last // self._per_reading + 1]
            skipped = whole * self._per_reading
        found = [row for at in targets for row in _reading(self._view, self._meter, at)]
        return found[first - skipped : None if last is None else last - skipped]


def _targets(
    view: View, meter: Meter, begin: datetime, end: datetime
) -> Iterator[datetime]:
    step = timedelta(seconds=meter.interval)
    newest = meter.latest_target(view.values_now)
    if fault := view.faults.get("no_recent_history"):
        newest -= timedelta(hours=float(fault["hours"]))
    target = min(newest, floor_time(end, meter.interval))
    oldest = max(meter.since, begin - step)
    while target >= oldest:
        if begin <= meter.captured(target) <= end:
            yield target
        target -= step


def _reading(view: View, meter: Meter, target: datetime) -> Iterator[Row]:
    valid = validity(view, meter, target)
    if valid == "3" and "gap_rows_left_out" in view.faults:
        return
    captured = meter.captured(target)
    stamp = local_text(captured)
    first = True
    for register in view.registers(meter):
        change = view.scenario.meters.change(meter.id, register.obis, target)
        units = register.source.at(captured)
        row = Row(
            meter,
            register,
            target,
            captured,
            valid,
            units,
            stamp,
            _value(units, valid, view.faults),
            register.unit,
            register.obis,
            HOSTILE if "hostile_entities" in view.faults else register.name,
            first=first,
        )
        if change is not None:
            row = _changed(row, change)
        for _ in range(change.copies if change else 1):
            yield row
            first = False
            row = replace(row, first=False)


def validity(view: View, meter: Meter, target: datetime) -> str:
    """Return 1, 2 or 3 for a target time, with the faults that are on."""
    number = int(target.timestamp()) // meter.interval
    newest = meter.latest_target(view.values_now)
    for name, code in (("gaps", "3"), ("not_valid", "2")):
        fault = view.faults.get(name)
        if fault and (target == newest or number % int(fault["every"]) == 0):
            return code
    return meter.validity(target)


def _value(units: int, valid: str, faults: FaultSet) -> str:
    if valid == "3":
        return "0.0000" if "gap_rows_zero" in faults else ""
    sign = "-" if units < 0 else ""
    return f"{sign}{abs(units) // 10_000}.{abs(units) % 10_000:04d}"


def _changed(row: Row, change: Change) -> Row:
    return replace(
        row,
        value=row.value if change.wert is None else change.wert,
        raw=change.wert,
        stamp=row.stamp if change.zeitstempel is None else change.zeitstempel,
        valid=row.valid if change.istvalide is None else change.istvalide,
        obis=row.obis if change.obis_text is None else change.obis_text,
        unit=row.unit if change.einheit is None else change.einheit,
        name=row.name if change.name is None else change.name,
    )
