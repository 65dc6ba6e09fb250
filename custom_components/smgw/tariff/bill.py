"""Recompute a billing period from a load profile, as the transparency software does.

TAF 1: what the meter counted from the period's start to its end. TAF 2: the same by
tariff stages. The energy of a quarter hour is the difference of the readings at its two
ends, and belongs to the stage that holds when it begins. Where one of them is missing
or unusable, the difference to the next usable one belongs to no stage, however many
slots lie between: it goes into the error register 63. (That the whole difference goes
there, even where all its slots have one stage, is our reading: the software counts
per slot, and such a slot has no value.) So the registers always add up to the total.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from .errors import PeriodInvalid, ProfileIncomplete
from .model import BERLIN, ERROR_STAGE, SLOT, Tariff

_TAF1_MONTHS = frozenset({1, 2, 3, 6, 12})
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A billing period in German days, the last one included."""

    first: date
    last: date

    def __post_init__(self) -> None:
        """Raise `PeriodInvalid` for less than a day."""
        if self.last < self.first:
            raise PeriodInvalid("less than a day")

    @property
    def start(self) -> datetime:
        """Return the midnight it begins with (UTC)."""
        return _midnight(self.first)

    @property
    def end(self) -> datetime:
        """Return the midnight it ends with (UTC)."""
        return _midnight(self.last + _DAY)

    @property
    def months(self) -> int | None:
        """Return of how many whole months it is, from the first of one; else None."""
        after = self.last + _DAY
        if self.first.day != 1 or after.day != 1:
            return None
        return (after.year - self.first.year) * 12 + after.month - self.first.month


@dataclass(slots=True, kw_only=True)
class DayBill:
    """One day of a bill, in the register's unit."""

    day: date
    energy: dict[int, Decimal] = field(default_factory=dict)
    """By stage; 63 for what belongs to none."""
    slots: int = 0
    """Quarter hours of the day: 92, 96 or 100."""
    unusable: int = 0
    """Those without an energy of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """What a period comes to, in the register's unit."""

    period: Period
    start_value: Decimal
    end_value: Decimal
    energy: Mapping[int, Decimal]
    """By stage; 63 for what belongs to none."""
    days: tuple[DayBill, ...]

    @property
    def total(self) -> Decimal:
        """Return what the meter counted."""
        return self.end_value - self.start_value

    @property
    def slots(self) -> int:
        """Return the quarter hours of the period."""
        return sum(day.slots for day in self.days)

    @property
    def unusable(self) -> int:
        """Return those without an energy of their own."""
        return sum(day.unusable for day in self.days)

    def cost(self, prices: Mapping[int, Decimal]) -> Decimal:
        """Return the cost by prices per unit and stage; 63 needs one if it has energy.

        Raises `KeyError` for a stage without a price.
        """
        return sum(
            (amount * prices[n] for n, amount in self.energy.items() if amount),
            Decimal(0),
        )


def check_taf1(period: Period) -> None:
    """Raise `PeriodInvalid` for a period that TAF 1 does not know."""
    if period.months not in _TAF1_MONTHS:
        raise PeriodInvalid("not 1, 2, 3, 6 or 12 whole months")


def taf2(values: Mapping[datetime, Decimal], period: Period, tariff: Tariff) -> Bill:
    """Return the bill of a period by the stages of a tariff.

    `values` are the usable readings of one register that counts up, by target time
    (UTC). Raises `ProfileIncomplete` without those at the period's start and end.
    """
    start_value, end_value = _borders(values, period)
    days: dict[date, DayBill] = {}
    energy: dict[int, Decimal] = {stage.number: Decimal(0) for stage in tariff.stages}
    energy[ERROR_STAGE] = Decimal(0)
    before, waiting = start_value, 0
    moment = period.start
    while moment < period.end:
        begin, moment = moment, moment + SLOT
        wall = begin.astimezone(BERLIN).date()
        day = days.setdefault(wall, DayBill(day=wall))
        day.slots += 1
        value = values.get(moment)
        if value is None:
            day.unusable += 1
            waiting += 1
            continue
        stage = None if waiting else tariff.stage_at(begin)
        if stage is None:
            day.unusable += 1
            stage = ERROR_STAGE
        energy[stage] += value - before
        day.energy[stage] = day.energy.get(stage, Decimal(0)) + value - before
        before, waiting = value, 0
    return Bill(
        period=period,
        start_value=start_value,
        end_value=end_value,
        energy=energy,
        days=tuple(days.values()),
    )


def _borders(
    values: Mapping[datetime, Decimal], period: Period
) -> tuple[Decimal, Decimal]:
    try:
        return values[period.start], values[period.end]
    except KeyError:
        raise ProfileIncomplete("no reading at start or end") from None


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=BERLIN).astimezone(UTC)
