"""A second, slow way to the bars of a dashboard, made of clock texts and fractions.

It shares nothing with the code under test: it knows readings by the text of the German
wall clock and walks from one to the next.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Europe/Berlin")

type Reading = tuple[str, str]
"""Time as ISO text with offset, register as text."""


def quarter_hours(year: int) -> list[Reading]:
    """Return a year of readings, each quarter hour of the German clock."""
    moment = datetime(year, 1, 1, tzinfo=ZONE).astimezone(UTC)
    end = datetime(year + 1, 1, 1, tzinfo=ZONE).astimezone(UTC)
    counter, number, found = 123_456_789, 0, []
    while moment <= end:
        text = f"{counter // 10_000}.{counter % 10_000:04}"
        found.append((moment.astimezone(ZONE).isoformat(), text))
        number += 1
        counter += number * number % 977
        moment += timedelta(minutes=15)
    return found


def bars(readings: Iterable[Reading]) -> dict[str, Fraction]:
    """Return what the dashboard draws, by the wall time at which a bar begins.

    The bar of the first reading is 0; an hour without a reading has none.
    """
    drawn, before = {}, None
    for text, value in readings:
        if text[14:19] != "00:00":
            continue
        begin = datetime.fromisoformat(text).astimezone(UTC) - timedelta(hours=1)
        now = Fraction(value)
        drawn[begin.astimezone(ZONE).isoformat()] = now - (
            now if before is None else before
        )
        before = now
    return drawn


def days(bars_drawn: dict[str, Fraction]) -> dict[str, tuple[int, Fraction]]:
    """Return number and sum of the bars of each day of the wall clock."""
    found: dict[str, tuple[int, Fraction]] = {}
    for begin, energy in bars_drawn.items():
        count, total = found.get(begin[:10], (0, Fraction(0)))
        found[begin[:10]] = count + 1, total + energy
    return found
