"""Seeded load curves in quarter hours, the same for an instant whatever comes.

A curve answers 96 whole numbers for a UTC day: the units (0.0001 of kWh or m3)
that pass in each quarter hour. Shapes follow Europe/Berlin wall time (load) or
the sun (PV), the season, the weekday and a made-up weather.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import accumulate
import math
from random import Random
from threading import RLock
from typing import Protocol

from .clock import BERLIN

SLOTS = 96
SLOT = timedelta(minutes=15)
UNITS = 10_000
_EPOCH = date(1970, 1, 1)


class Curve(Protocol):
    """Energy or volume per quarter hour."""

    def day(self, number: int) -> list[int]:
        """Return the 96 units of a UTC day (days since 1970-01-01)."""
        ...


@dataclass(frozen=True, slots=True)
class Shape:
    """What a curve looks like; the factors need no common scale.

    ``hours`` has one weight for each local hour; ``season`` and ``weekend`` are
    factors; ``spread`` is the noise of a quarter hour, ``weather`` that of a day.
    """

    hours: tuple[float, ...]
    season: Callable[[int], float] = lambda _: 1.0
    weekend: float = 1.0
    spread: float = 0.3
    weather: float = 0.1


def _heating(day_of_year: int) -> float:
    """Return 0.05 in summer up to 2 in mid-January."""
    wave = math.cos((day_of_year - 15) * 2 * math.pi / 365.25)
    return max(0.05, 0.85 + 1.15 * wave)


def _dark(day_of_year: int) -> float:
    """Return more light hours in winter: 0.6 to 1.4."""
    return 1.0 + 0.4 * math.cos((day_of_year - 5) * 2 * math.pi / 365.25)


def _home(day_of_year: int) -> float:
    """Return a household's mild season: 0.85 to 1.15."""
    return 1.0 + 0.15 * math.cos((day_of_year - 20) * 2 * math.pi / 365.25)


_NIGHT = (0.35, 0.3, 0.28, 0.28, 0.3, 0.4)
_DAY = (0.9, 1.3, 1.1, 0.9, 0.9, 1.1, 1.5, 1.2, 0.9, 0.9, 1.0, 1.4)
_EVENING = (2.1, 2.4, 2.2, 1.7, 1.1, 0.6)
SHAPES: dict[str, Shape] = {
    "household": Shape((*_NIGHT, *_DAY, *_EVENING), _home, 1.15, 0.45, 0.12),
    "stairwell": Shape(
        (
            0.5,
            0.3,
            0.2,
            0.2,
            0.3,
            1.0,
            2.0,
            2.0,
            1.0,
            0.6,
            0.5,
            0.6,
            0.7,
            0.6,
            0.6,
            0.8,
            1.2,
            2.0,
            2.5,
            2.4,
            2.0,
            1.6,
            1.2,
            0.8,
        ),
        _dark,
        0.9,
        0.6,
    ),
    "gas": Shape(
        (
            0.5,
            0.4,
            0.4,
            0.4,
            0.6,
            1.4,
            1.8,
            1.6,
            1.2,
            1.0,
            0.9,
            0.9,
            0.9,
            0.9,
            0.9,
            1.0,
            1.1,
            1.3,
            1.4,
            1.3,
            1.2,
            1.0,
            0.8,
            0.6,
        ),
        _heating,
        1.05,
        0.25,
        0.25,
    ),
    "water": Shape(
        (
            0.05,
            0.05,
            0.05,
            0.05,
            0.1,
            0.6,
            2.5,
            3.0,
            2.0,
            1.2,
            0.9,
            0.9,
            1.3,
            1.0,
            0.7,
            0.7,
            0.9,
            1.3,
            1.9,
            2.0,
            1.6,
            1.2,
            0.7,
            0.2,
        ),
        weekend=1.2,
        spread=0.8,
    ),
    "heat": Shape((0.7,) * 5 + (1.4,) * 4 + (1.0,) * 9 + (1.2,) * 6, _heating, 1.0),
}


@cache
def _offset_hours(number: int) -> tuple[int, ...]:
    """Return the local hour of each of a UTC day's quarter hours."""
    first = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=number)
    return tuple(
        (first + timedelta(hours=hour)).astimezone(BERLIN).hour
        for hour in range(24)
        for _ in range(4)
    )


@dataclass(slots=True)
class LoadCurve:
    """A consumption that follows one of ``SHAPES``, ``yearly`` kWh or m3."""

    key: str
    shape: Shape
    yearly: float

    def day(self, number: int) -> list[int]:
        """Return the day's units; each quarter hour has at least one."""
        shape = self.shape
        rng = Random(f"{self.key}:{number}")
        today = _EPOCH + timedelta(days=number)
        scale = self.yearly * UNITS / 365.25 / (4 * sum(shape.hours))
        scale *= shape.season(today.timetuple().tm_yday)
        scale *= 1 + shape.weather * (2 * rng.random() - 1)
        if today.weekday() >= 5:
            scale *= shape.weekend
        low, width = 1 - shape.spread, 2 * shape.spread
        return [
            max(1, int(scale * shape.hours[hour] * (low + width * rng.random())))
            for hour in _offset_hours(number)
        ]


@cache
def _sun(day_of_year: int) -> tuple[float, ...]:
    """Return the sine of the sun's height per quarter hour, 51 N 10 E, UTC."""
    tilt = math.radians(-23.44 * math.cos((day_of_year + 10) * 2 * math.pi / 365.25))
    latitude = math.radians(51)
    heights = []
    for slot in range(SLOTS):
        hour = math.radians((slot * 15 + 7.5) / 4 + 10 - 180)
        height = math.sin(latitude) * math.sin(tilt)
        height += math.cos(latitude) * math.cos(tilt) * math.cos(hour)
        heights.append(max(0.0, height))
    return tuple(heights)


@dataclass(slots=True)
class SunCurve:
    """What a PV plant makes, ``yearly`` kWh, by sun height and weather."""

    key: str
    yearly: float

    def day(self, number: int) -> list[int]:
        """Return the day's units; nothing at night."""
        rng = Random(f"{self.key}:{number}")
        today = _EPOCH + timedelta(days=number)
        clear = 0.15 + 0.85 * rng.random()
        wild = 0.1 + 0.5 * (1 - clear)
        scale = self.yearly * UNITS * clear / 3820
        return [
            int(scale * height**1.15 * (1 - wild + 2 * wild * rng.random()))
            if height
            else 0
            for height in _sun(today.timetuple().tm_yday)
        ]


@dataclass(slots=True)
class NetCurve:
    """One direction at the grid: consumption minus production, or the reverse."""

    use: Curve
    make: Curve
    feed_in: bool

    def day(self, number: int) -> list[int]:
        """Return the day's units; each quarter hour has at least one."""
        sign = -1 if self.feed_in else 1
        pairs = zip(self.use.day(number), self.make.day(number), strict=True)
        return [max(1, sign * (use - make)) for use, make in pairs]


@dataclass(slots=True)
class TariffCurve:
    """The part of a curve in tariff 1 (06-22 h local) or tariff 2 (the rest)."""

    base: Curve
    step: int

    def day(self, number: int) -> list[int]:
        """Return the day's units; zero while the other tariff is on."""
        hours = _offset_hours(number)
        return [
            units if (6 <= hour < 22) == (self.step == 1) else 0
            for units, hour in zip(self.base.day(number), hours, strict=True)
        ]


@dataclass(slots=True)
class Counter:
    """A register: the running sum of a curve, known at one instant.

    ``anchor`` is aware; ``start`` is the register there in units of 0.0001.
    Inside a quarter hour the register rests for the first five seconds and
    then rises evenly, so that a value captured 1-5 s late equals the register
    at its target time.
    """

    curve: Curve
    anchor: datetime
    start: int
    _days: dict[int, list[int]] = field(default_factory=dict)
    _begin: dict[int, int] = field(default_factory=dict)
    _first: int = 0
    _last: int = 0
    _lock: RLock = field(default_factory=RLock)

    def at(self, when: datetime) -> int:
        """Return the register in units at an aware time, never below zero."""
        with self._lock:
            number, inside = self._inside(when)
            return max(0, self._day_begin(number) + inside)

    def _inside(self, when: datetime) -> tuple[int, int]:
        number, seconds = divmod(when.timestamp(), 86_400)
        slot, rest = divmod(seconds, 900)
        sums = self._sums(int(number))
        before, after = sums[int(slot)], sums[int(slot) + 1]
        part = max(0.0, (rest - 5) / 895)
        return int(number), before + int((after - before) * part)

    def _sums(self, number: int) -> list[int]:
        sums = self._days.get(number)
        if sums is None:
            sums = [0, *accumulate(self.curve.day(number))]
            self._days[number] = sums
        return sums

    def _day_begin(self, number: int) -> int:
        begin = self._begin
        if not begin:
            day, inside = self._inside(self.anchor)
            begin[day] = self.start - inside
            self._first = self._last = day
        while self._last < number:
            day = self._last
            begin[day + 1] = begin[day] + self._sums(day)[-1]
            self._last += 1
        while self._first > number:
            day = self._first - 1
            begin[day] = begin[day + 1] - self._sums(day)[-1]
            self._first = day
        return begin[number]


@dataclass(slots=True)
class Gauge:
    """An instantaneous value around ``middle``, new each ``step`` seconds.

    With a ``counter`` the value follows that register's power in the quarter
    hour, less that of ``minus``: ``middle`` is then the factor from kW.
    """

    key: str
    middle: float
    spread: float
    counter: Counter | None = None
    step: int = 900
    minus: Counter | None = None

    def at(self, when: datetime) -> int:
        """Return the value in units of 0.0001 at an aware time."""
        slot = int(when.timestamp() // self.step)
        noise = self.spread * (2 * Random(f"{self.key}:{slot}").random() - 1)
        if self.counter is None:
            return round((self.middle + noise) * UNITS)
        begin = datetime.fromtimestamp(when.timestamp() // 900 * 900, UTC)
        used = self.counter.at(begin + SLOT) - self.counter.at(begin)
        if self.minus is not None:
            used -= self.minus.at(begin + SLOT) - self.minus.at(begin)
        return round(used * 4 * self.middle * (1 + noise))
