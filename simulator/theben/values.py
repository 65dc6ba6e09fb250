"""The method ``readings``: lists of values of a usage point."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from simulator.clock import utc_text
from simulator.derived import TARIFF_HOURS, days, derived_registers
from simulator.meters import Register, floor_time
from simulator.readout import Readout, Sample
from simulator.wordings import obis_hex

from .refusals import bad
from .usage import NOT_KEPT, UsagePoint, period_limits

LONGEST = timedelta(days=31)
DATABASES = ("origin", "derived", "calculated", "daily")


@dataclass(frozen=True, slots=True)
class Window:
    """From (exclusive) to (inclusive), aware UTC; None is the newest value."""

    begin: datetime
    end: datetime


def readings(view: Readout, point: UsagePoint, asked: dict[str, Any]) -> dict[str, Any]:
    """Answer ``readings``; RefusedError (400) for bad parameters.

    Decided here: the window is compared with the target time; without
    last-reading both ends are needed; ``records`` counts all readings; a
    channel without readings has an empty list.
    """
    database = _database(point, asked)
    newest = is_true(asked.get("last-reading"))
    window = None if newest else _window(view, asked)
    registers = channels(view, point, database)
    wanted = _wanted(asked)
    if wanted is not None:
        if newest and "filtered_last_empty" in view.faults:
            return {"channels": [], "records": "0"}
        registers = [r for r in registers if obis_hex(r.obis) in wanted]
    if newest and point.taf in NOT_KEPT and "live_refused" in view.faults:
        raise bad("last-reading")
    samples = _samples(view, point, database, registers, window)
    return _answer(view, point, database, registers, samples)


def channels(view: Readout, point: UsagePoint, database: str) -> list[Register]:
    """Return the registers of a list; TAF 2 derives its tariffs from x.8.0."""
    if database != "origin":
        return derived_registers(view, point.meter, point.taf, point.obis)
    own = view.registers(point.meter, point.obis)
    if point.taf != 2:
        return own
    totals = {f"{r.obis.rpartition('.')[0]}.0" for r in own}
    return [r for r in point.meter.registers if r.obis in totals]


def count(view: Readout, point: UsagePoint, database: str) -> int:
    """Return how many readings a list holds (of origin: about)."""
    if point.taf in NOT_KEPT:
        return 0
    begin, end = _life(view, point)
    if database == "origin":
        seconds = (end - begin).total_seconds()
        slots = max(0, int(seconds) // point.meter.interval)
    else:
        slots = sum(1 for _ in _targets(view, point, database, begin, end))
    return slots * len(channels(view, point, database))


def is_true(value: object) -> bool:
    """Tell whether a parameter is true: a bool, or the text (observed)."""
    return value is True or (isinstance(value, str) and value.lower() == "true")


def moment(value: object, name: str) -> datetime:
    """Parse a time parameter; it needs a zone."""
    try:
        at = datetime.fromisoformat(str(value))
        if at.tzinfo is None:
            raise bad(name)
        return at.astimezone(UTC)
    except ValueError, OverflowError:
        raise bad(name) from None


def _database(point: UsagePoint, asked: dict[str, Any]) -> str:
    database = asked.get("database")
    if database not in DATABASES or database not in point.databases:
        raise bad("database")
    return str(database)


def _window(view: Readout, asked: dict[str, Any]) -> Window:
    window = Window(
        moment(asked.get("fromtime"), "fromtime"), moment(asked.get("totime"), "totime")
    )
    length = window.end - window.begin
    if length < timedelta(0):
        raise bad("totime")
    if length > LONGEST and "any_window" not in view.faults:
        raise bad("more than 31 days")
    return window


def _wanted(asked: dict[str, Any]) -> set[str] | None:
    listed = asked.get("channels")
    if listed is None:
        return None
    try:
        return {str(item["channel"]).partition(".")[0].lower() for item in listed}
    except TypeError, KeyError:
        raise bad("channels") from None


def _life(view: Readout, point: UsagePoint) -> tuple[datetime, datetime]:
    """Return from when to when a usage point can have values."""
    end = view.values_now if point.end is None else min(view.values_now, point.end)
    return max(point.begin, view.oldest(point.meter)).astimezone(UTC), end


def _samples(
    view: Readout,
    point: UsagePoint,
    database: str,
    registers: list[Register],
    window: Window | None,
) -> Iterator[Sample]:
    if point.taf in NOT_KEPT:
        if window is None:
            step = 60 if point.taf == 14 else point.meter.interval
            at = floor_time(view.values_now, step)
            yield from view.samples(point.meter, registers, at, at)
        return
    targets: Iterable[datetime]
    if window is None:
        targets = _newest(view, point, database)
    else:
        targets = _within(view, point, database, window)
    for target in targets:
        yield from view.samples(point.meter, registers, target)


def _newest(view: Readout, point: UsagePoint, database: str) -> list[datetime]:
    begin, end = _life(view, point)
    if database == "origin":
        newest = view.newest(point.meter, end)
        return [] if newest is None or newest < begin else [newest]
    back = timedelta(days=62)
    return list(_targets(view, point, database, end - back, end))[-1:]


def _within(
    view: Readout, point: UsagePoint, database: str, window: Window
) -> Iterator[datetime]:
    if "window_by_capture" not in view.faults:
        yield from _targets(view, point, database, window.begin, window.end)
        return
    more = timedelta(minutes=5)
    for target in _targets(view, point, database, window.begin - more, window.end):
        if window.begin < point.meter.captured(target) <= window.end:
            yield target


def _targets(
    view: Readout, point: UsagePoint, database: str, after: datetime, last: datetime
) -> Iterator[datetime]:
    begin, end = _life(view, point)
    # a reading at the very begin belongs to the contract
    after, last = max(after, begin - timedelta(seconds=1)), min(last, end)
    if database == "origin":
        yield from view.targets(point.meter, after, last)
        return
    for at in _limits(view, point, database, after, last):
        if view.present(point.meter, at) and point.meter.captured(at) <= view.now:
            yield at


def _limits(
    view: Readout, point: UsagePoint, database: str, after: datetime, last: datetime
) -> Iterable[datetime]:
    match database:
        case "daily":
            return days(after, last, 6 if point.meter.medium == "7" else 0)
        case "calculated":
            times = (days(after, last, hour) for hour in TARIFF_HOURS)
            return sorted(at for each in times for at in each)
        case _:
            return period_limits(view, after, last)


def _answer(
    view: Readout,
    point: UsagePoint,
    database: str,
    registers: list[Register],
    samples: Iterable[Sample],
) -> dict[str, Any]:
    found: dict[str, list[dict[str, Any]]] = {obis_hex(r.obis): [] for r in registers}
    for sample in samples:
        own = database == "origin"
        owner = f"{sample.meter.id}.sm" if own else point.owner
        found.setdefault(sample.obis, []).append(_reading(view, sample, owner))
    limit = view.faults.get("incomplete")
    cut = False
    if limit is not None:
        most = int(limit["readings"])
        cut = any(len(rows) > most for rows in found.values())
        found = {obis: rows[:most] for obis, rows in found.items()}
    tail = f".{point.meter.id}.sm" if database == "origin" else f".{point.owner}"
    suffix = tail if {"obis_suffix", "interface_120"} & set(view.faults) else ""
    answer: dict[str, Any] = {
        "channels": [
            {"obis": obis + suffix, "readings": rows} for obis, rows in found.items()
        ],
        "records": str(sum(map(len, found.values()))),
    }
    if limit is not None:
        answer["incomplete"] = "true" if cut else "false"
    return answer


def _reading(view: Readout, sample: Sample, owner: str) -> dict[str, Any]:
    captured = sample.captured
    if fault := view.faults.get("capture_early"):
        captured = sample.target - timedelta(seconds=float(fault["seconds"]))
    return {
        "capture-time": sample.stamp or utc_text(captured),
        "cosem-status": sample.status,
        "meter-status": sample.status[8:],
        "owner-number": owner,
        "signature": sample.signature if "signatures" in view.faults else None,
        "smgw-status": sample.status[:8],
        "target-time": utc_text(sample.target),
        "value": sample.value,
    }
