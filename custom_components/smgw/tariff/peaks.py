"""What owners ask of a load profile: last quarter hour, yesterday, highest power."""

from collections.abc import Mapping
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


def of_day(values: Mapping[datetime, Decimal], day: date) -> Decimal | None:
    """Return what was counted on a German day; None without its two midnights."""
    period = Period(first=day, last=day)
    try:
        return values[period.end] - values[period.start]
    except KeyError:
        return None
