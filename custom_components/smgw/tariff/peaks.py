"""What owners ask of a load profile: last quarter hour, yesterday, highest power."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from .bill import Period
from .model import SLOT

_PER_HOUR = timedelta(hours=1) // SLOT


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarterHour:
    """The energy of one quarter hour, in the register's unit."""

    end: datetime
    energy: Decimal

    @property
    def power(self) -> Decimal:
        """Return the mean power, in the register's unit per hour (kWh: kW)."""
        return self.energy * _PER_HOUR


def quarter_hours(values: Mapping[datetime, Decimal]) -> list[QuarterHour]:
    """Return each quarter hour with both its readings, oldest first.

    `values` are the usable readings of a register by target time (UTC).
    """
    return [
        QuarterHour(end=end, energy=values[end] - values[start])
        for start, end in pairwise(sorted(values))
        if end - start == SLOT
    ]


def highest(values: Mapping[datetime, Decimal]) -> QuarterHour | None:
    """Return the quarter hour of the highest power, the first of equal ones."""
    return max(quarter_hours(values), key=lambda quarter: quarter.energy, default=None)


def highest_slot(
    counts: Sequence[int | None],
) -> tuple[int | None, list[tuple[int, int]]]:
    """Return the highest quarter hour, and where a higher one may hide, by places.

    `counts` are readings slot by slot, None where there is none. A quarter hour is told
    by the place of its end, the first of equal ones; a gap by those of its two ends. A gap
    holds no more than was counted over it: if that is not more than the highest, it is no
    doubt.
    """
    best: int | None = None
    most = -1
    gaps: list[tuple[int, int, int]] = []
    before: tuple[int, int] | None = None
    for place, count in enumerate(counts):
        if count is None:
            continue
        if before is not None:
            energy = count - before[1]
            if place - before[0] > 1:
                gaps.append((before[0], place, energy))
            elif energy > most:
                best, most = place, energy
        before = (place, count)
    return best, [(begin, end) for begin, end, energy in gaps if energy > most]


def of_day(values: Mapping[datetime, Decimal], day: date) -> Decimal | None:
    """Return what was counted on a German day; None without its two midnights."""
    period = Period(first=day, last=day)
    try:
        return values[period.end] - values[period.start]
    except KeyError:
        return None
