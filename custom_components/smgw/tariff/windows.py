"""A tariff as its owner writes it down: windows of the day with a stage each.

Made for time-variable tariffs and for the grid fees after § 14a EnWG, module 3: three
levels, which hold in some quarters of the year and differ between operators.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, time, timedelta

from .errors import TariffInvalid
from .model import SLOTS_A_DAY, DayProfile, Stage, Tariff

ALL_DAYS = frozenset(range(7))
_SUNDAY = 6
_DAY = timedelta(days=1)
_LONGEST = timedelta(days=366 * 10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A stretch of the day with a stage; later windows win over earlier ones."""

    stage: int
    start: time
    """On a quarter hour, German wall time."""
    end: time
    """On a quarter hour; 00:00 is the end of the day, before `start` the next morning."""
    weekdays: frozenset[int] = ALL_DAYS
    """Monday is 0; the day on which the window begins."""
    first: date | None = None
    last: date | None = None
    """The days on which it holds, both included."""

    def slots(self) -> range:
        """Return its quarter hours, counted from 00:00 and on into the next day.

        Raises `TariffInvalid`.
        """
        start, end = _slot(self.start), _slot(self.end)
        if not self.weekdays <= ALL_DAYS:
            raise TariffInvalid("weekday")
        if self.first and self.last and self.last < self.first:
            raise TariffInvalid("dates_swapped")
        return range(start, end if end > start else end + SLOTS_A_DAY)

    def begins_on(self, day: date, weekday: int) -> bool:
        """Say whether it begins on a day, which counts as that weekday."""
        return (
            weekday in self.weekdays
            and (self.first is None or self.first <= day)
            and (self.last is None or day <= self.last)
        )


def tariff(
    name: str,
    stages: Mapping[int, str],
    default: int,
    windows: Iterable[Window],
    *,
    first: date,
    last: date,
    holidays: Iterable[date] = (),
) -> Tariff:
    """Return the tariff of windows, worked out for the days from `first` to `last`.

    On `holidays` the windows of Sundays hold. Raises `TariffInvalid`.
    """
    spans = [(window, window.slots()) for window in windows]
    if not timedelta(0) <= last - first <= _LONGEST:
        raise TariffInvalid("dates_swapped")
    sundays = frozenset(holidays)
    ids: dict[tuple[int, ...], int] = {}
    days: dict[date, int] = {}
    for number in range((last - first).days + 1):
        day = first + timedelta(days=number)
        slots = day_slots(day, default, spans, sundays)
        days[day] = ids.setdefault(slots, len(ids) + 1)
    return Tariff(
        name=name,
        stages=tuple(Stage(number=n, name=text) for n, text in stages.items()),
        default=default,
        profiles={number: DayProfile(slots) for slots, number in ids.items()},
        days=days,
    )


def day_slots(
    day: date,
    default: int,
    spans: Iterable[tuple[Window, range]],
    sundays: Collection[date],
) -> tuple[int, ...]:
    """Return the stages of a day's quarter hours; each window comes with its `slots`."""
    slots = [default] * SLOTS_A_DAY
    # A window of the evening before may reach into this day.
    for begin, shift in ((day - _DAY, SLOTS_A_DAY), (day, 0)):
        weekday = _SUNDAY if begin in sundays else begin.weekday()
        for window, span in spans:
            if window.begins_on(begin, weekday):
                for slot in range(span.start - shift, span.stop - shift):
                    if 0 <= slot < SLOTS_A_DAY:
                        slots[slot] = window.stage
    return tuple(slots)


def _slot(moment: time) -> int:
    if moment.minute % 15 or moment.second or moment.microsecond:
        raise TariffInvalid("not_on_quarter_hour", f"{moment}")
    return moment.hour * 4 + moment.minute // 15
