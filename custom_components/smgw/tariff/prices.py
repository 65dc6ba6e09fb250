"""Prices and conversion factors that hold from a day on: what a unit counts in each slot.

A gas meter counts cubic metres; the energy billed is volume x state number
(Zustandszahl) x calorific value (Brennwert), as the gas bill has them (DVGW G 685).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from .model import BERLIN, SLOTS_A_DAY
from .windows import Window, day_slots

type DayRates = tuple[Decimal, ...]
"""By quarter hours of the German wall clock, from 00:00 on."""

_STANDARD = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What a unit costs, or is paid for, from a day on."""

    begin: date
    """From 00:00 of this day, German wall time, until the next price begins."""
    standard: Decimal
    """Per unit, outside of all windows."""
    windows: tuple[Window, ...] = ()
    """Their stages count from 1 on; later ones win over earlier ones."""
    prices: tuple[Decimal, ...] = ()
    """Of the windows, one each."""
    holidays: frozenset[date] = field(default_factory=frozenset)
    """Days that count as Sundays."""
    per_energy: bool = False
    """Say whether the unit is a kWh where the meter counts something else."""

    def __post_init__(self) -> None:
        """Raise `TariffInvalid` for a window that is none."""
        for window in self.windows:
            window.slots()

    def of_day(self, day: date) -> DayRates:
        """Return the prices of a day."""
        spans = [(window, window.slots()) for window in self.windows]
        by_stage = (self.standard, *self.prices)
        return tuple(
            by_stage[stage] for stage in day_slots(day, _STANDARD, spans, self.holidays)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Factor:
    """From the meter's unit to kWh, from a day on."""

    begin: date
    value: Decimal


class Rates:
    """What one unit of a register counts, by time."""

    def __init__(self, of_day: Callable[[date], DayRates | None]) -> None:
        """Take what holds on a day; None if nothing does."""
        self._of_day = of_day
        self._known: dict[date, DayRates | None] = {}

    def at(self, slot: datetime) -> Decimal | None:
        """Return what holds in the quarter hour that begins at a moment (aware)."""
        wall = slot.astimezone(BERLIN)
        day = wall.date()
        if day not in self._known:
            self._known[day] = self._of_day(day)
        rates = self._known[day]
        return None if rates is None else rates[wall.hour * 4 + wall.minute // 15]

    @classmethod
    def of_prices(
        cls, prices: Iterable[Price], factors: Iterable[Factor] = ()
    ) -> Rates:
        """Return the rates of prices; those per kWh go through the factors."""
        in_order, to_energy = _by_begin(prices), _by_begin(factors)

        def of_day(day: date) -> DayRates | None:
            if (price := _valid(in_order, day)) is None:
                return None
            if not price.per_energy:
                return price.of_day(day)
            if (factor := _valid(to_energy, day)) is None:
                return None
            return tuple(rate * factor.value for rate in price.of_day(day))

        return cls(of_day)

    @classmethod
    def of_factors(cls, factors: Iterable[Factor]) -> Rates:
        """Return the rates of factors alone."""
        in_order = _by_begin(factors)

        def of_day(day: date) -> DayRates | None:
            factor = _valid(in_order, day)
            return None if factor is None else (factor.value,) * SLOTS_A_DAY

        return cls(of_day)


def _by_begin[T: (Price, Factor)](entries: Iterable[T]) -> list[T]:
    return sorted(entries, key=lambda entry: entry.begin)


def _valid[T: (Price, Factor)](entries: list[T], day: date) -> T | None:
    """Return the entry that holds on a day: the last one that has begun."""
    return next((one for one in reversed(entries) if one.begin <= day), None)
