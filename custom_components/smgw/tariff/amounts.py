"""From meter readings and rates to amounts, row by row: money, or kWh of gas.

An amount belongs to what was counted between two readings. Within it one rate has to
hold, or there have to be readings where it changes: nothing is divided by guess.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from enum import Enum
from itertools import pairwise
from typing import NamedTuple

from .model import SLOT
from .prices import Rates

# An amount is rounded to a billionth, so that sums are exact as floats, too, and the
# same in whatever order and pieces the rows came.
DIGITS = 9
_UNIT = Decimal(1).scaleb(-DIGITS)

type Readings = Mapping[datetime, Decimal]
"""A register by target time (UTC)."""


class Unpriced(Enum):
    """Why something has no amount."""

    NO_RATE = "no_rate"
    """Nothing holds at that time."""
    UNKNOWN = "unknown"
    """Several rates hold in it, and nobody knows how much was counted at which."""


class Point(NamedTuple):
    """What a register had counted at a time."""

    time: datetime
    """UTC."""
    register: Decimal
    total: Decimal
    """Since some beginning; goes on where a meter is exchanged."""


class Amount(NamedTuple):
    """A row of amounts."""

    time: datetime
    """The end of what it is for (UTC)."""
    amount: Decimal
    total: Decimal
    """All amounts until then."""


class Plan(NamedTuple):
    """What is to be done to the stored amounts, in this order."""

    lift: Decimal
    """What is to be added to all totals from `lift_from` on."""
    lift_from: datetime | None
    rows: tuple[Amount, ...]
    """To be stored; they overwrite what is there."""
    unknown: tuple[tuple[datetime, datetime], ...]
    """Begin and end of what has no amount because nobody knows."""


def amount(
    before: Point, after: Point, rates: Rates, readings: Readings
) -> Decimal | Unpriced:
    """Return the amount of what was counted between two points.

    `readings` are those of the register in between, as far as they are known.
    """
    counted = after.total - before.total
    found = _runs(before.time, after.time, rates)
    if len(found) == 1:
        rate = found[0][1]
        return Unpriced.NO_RATE if rate is None else _rounded(counted * rate)
    if after.register - before.register != counted:
        # Another meter in between: the readings do not belong to both.
        return Unpriced.UNKNOWN
    total, register = Decimal(0), before.register
    for end, rate in found:
        reading = after.register if end == after.time else readings.get(end)
        if reading is None or not register <= reading <= after.register:
            return Unpriced.UNKNOWN
        total += (reading - register) * (rate or 0)
        register = reading
    return _rounded(total)


def _runs(
    start: datetime, end: datetime, rates: Rates
) -> list[tuple[datetime, Decimal | None]]:
    """Return where each rate between two times ends, and the rate."""
    found: list[tuple[datetime, Decimal | None]] = []
    slot = start
    while slot < end:
        rate = rates.at(slot)
        slot = min(slot + SLOT, end)
        if found and found[-1][1] == rate:
            found[-1] = (slot, rate)
        else:
            found.append((slot, rate))
    return found


def plan(
    points: Sequence[Point],
    stored: Sequence[Amount],
    first: datetime,
    rates: Rates,
    readings: Readings,
    changed: datetime | None = None,
    last: datetime | None = None,
) -> Plan:
    """Return how the stored amounts become right from `first` on, up to `last`.

    `points` and `stored` by time; of both, one before `first` where there is one, and
    of `stored` the first one behind `last`. Where no rate holds, stored amounts stay:
    they are the past. Where nobody knows, they stay as well, unless the rates have
    changed since (from `changed` on): then they become 0.
    """
    end = last or max(
        (one.time for group in (points, stored) for one in group), default=first
    )
    known = {one.time: one for one in stored}
    at = bisect_left(stored, first, key=lambda one: one.time)
    behind = bisect_right(stored, end, key=lambda one: one.time)
    total = stored[at - 1].total if at else Decimal(0)
    rows: list[Amount] = []
    unknown = []
    computed = dict(_amounts(points, first, end, rates, readings))
    before = {after.time: one.time for one, after in pairwise(points)}
    for time in sorted({one.time for one in stored[at:behind]} | computed.keys()):
        old, found = known.get(time), computed.get(time, Unpriced.NO_RATE)
        if found is Unpriced.UNKNOWN:
            unknown.append((before[time], time))
        if isinstance(found, Unpriced):
            if old is None:
                continue
            stale = changed is not None and time > changed
            gone = found is Unpriced.UNKNOWN and stale
            found = Decimal(0) if gone else old.amount
        total += found
        if old != (row := Amount(time, found, total)):
            rows.append(row)
    lift, lift_from = Decimal(0), None
    if behind < len(stored):
        tail = stored[behind]
        lift, lift_from = total - (tail.total - tail.amount), tail.time
    return Plan(lift, lift_from, tuple(rows), tuple(unknown))


def _amounts(
    points: Sequence[Point],
    first: datetime,
    end: datetime,
    rates: Rates,
    readings: Readings,
) -> Iterator[tuple[datetime, Decimal | Unpriced]]:
    """Return the amounts by the time of their end; the first point alone has none."""
    for before, after in pairwise(points):
        if first <= after.time <= end:
            yield after.time, amount(before, after, rates, readings)


def _rounded(value: Decimal) -> Decimal:
    return value.quantize(_UNIT)


def stored_amount(time: datetime, amount_read: float, total: float) -> Amount:
    """Take a row as a database of floats keeps it."""
    return Amount(time, _short(amount_read), _short(total))


def _short(value: float) -> Decimal:
    return Decimal(repr(round(value, DIGITS))).quantize(_UNIT)
