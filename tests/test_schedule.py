"""When to read next, as arithmetic."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from custom_components.smgw.schedule import (
    LONGEST_DELAY,
    SHORTEST_DELAY,
    delay,
    is_due,
    next_reading,
)

BERLIN = ZoneInfo("Europe/Berlin")
DELAY = timedelta(seconds=75)


def at(text: str, fold: int = 0) -> datetime:
    """Return a Berlin time."""
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN, fold=fold)


@pytest.mark.parametrize(
    ("now", "minutes", "expected"),
    [
        ("2026-11-20 10:07:00", 15, "2026-11-20 10:16:15"),
        # at the slot itself, before its delay has passed, it is still to come
        ("2026-11-20 10:15:00", 15, "2026-11-20 10:16:15"),
        ("2026-11-20 10:16:15", 15, "2026-11-20 10:31:15"),
        ("2026-11-20 23:59:00", 15, "2026-11-21 00:01:15"),
        ("2026-11-20 10:07:00", 60, "2026-11-20 11:01:15"),
        ("2026-11-20 00:01:00", 1440, "2026-11-20 00:01:15"),
        ("2026-11-20 00:02:00", 1440, "2026-11-21 00:01:15"),
        # 20 minutes divide the day, but are no quarter hours
        ("2026-11-20 10:07:00", 20, "2026-11-20 10:31:15"),
        # 25 minutes do not divide the day: two quarter hours
        ("2026-11-20 10:07:00", 25, "2026-11-20 10:31:15"),
        ("2026-11-20 10:31:15", 25, "2026-11-20 11:01:15"),
        # below a quarter hour the slots are the interval's own
        ("2026-11-20 10:07:00", 5, "2026-11-20 10:11:15"),
        ("2026-11-20 10:11:15", 5, "2026-11-20 10:16:15"),
        ("2026-11-20 10:07:20", 1, "2026-11-20 10:08:15"),
        # the days of the time change keep their slots
        ("2026-03-29 01:50:00", 15, "2026-03-29 03:01:15"),
        ("2026-10-24 10:00:00", 1440, "2026-10-25 00:01:15"),
        ("2026-10-25 10:00:00", 1440, "2026-10-26 00:01:15"),
    ],
)
def test_next_reading(now: str, minutes: int, expected: str) -> None:
    """The slot after now, and the delay behind it."""
    assert next_reading(at(now), timedelta(minutes=minutes), DELAY) == at(expected)


@pytest.mark.parametrize("fold", [0, 1])
def test_next_reading_in_the_doubled_hour(fold: int) -> None:
    """Both passes of the October hour have their four readings."""
    now = at("2026-10-25 02:16:15", fold)
    due = next_reading(now, timedelta(minutes=15), DELAY)
    assert due.timestamp() - now.timestamp() == 900


def test_always_ahead() -> None:
    """From any second of both change days, the next reading lies ahead, but not far."""
    for day in ("2026-03-29", "2026-10-25", "2026-06-01"):
        start = at(f"{day} 00:00:00").timestamp()
        for second in range(0, 26 * 3600, 37):
            now = datetime.fromtimestamp(start + second, BERLIN)
            for minutes in (1, 7, 15, 20, 60, 100):
                interval = timedelta(minutes=minutes)
                wait = next_reading(now, interval, DELAY).timestamp() - now.timestamp()
                assert 0 < wait <= max(minutes, 15) * 60 + 900 + 3600


def gateways(count: int) -> list[str]:
    """Return numbers of gateways of one delivery."""
    return [f"EPPC02{number:08}" for number in range(count)]


def test_delays_are_spread() -> None:
    """A street of gateways is read all over the half minute after the slot."""
    delays = [delay(gateway, timedelta(minutes=15)) for gateway in gateways(300)]
    assert all(SHORTEST_DELAY <= found <= LONGEST_DELAY for found in delays)
    assert max(delays) - min(delays) > timedelta(seconds=25)
    assert len(set(delays)) > 250


def test_short_intervals_are_not_aligned() -> None:
    """There is nothing to wait for: each gateway has its own place in the minute."""
    minute = timedelta(minutes=1)
    delays = [delay(gateway, minute) for gateway in gateways(300)]
    assert all(timedelta(0) <= found < minute for found in delays)
    assert max(delays) - min(delays) > timedelta(seconds=50)


def test_each_gateway_keeps_its_delay() -> None:
    """Drawn anew, two readings could come nearer than their interval."""
    start = at("2026-11-20 00:00:00")
    for minutes in (1, 5, 15, 60):
        interval = timedelta(minutes=minutes)
        own = delay("EPPC0210123456", interval)
        one = next_reading(start, interval, own)
        assert next_reading(one, interval, own) - one == interval


def test_due() -> None:
    """A session is due when the last one lies far enough back."""
    now, floor = at("2026-11-20 10:00:00"), timedelta(minutes=15)
    assert is_due(now, None, floor)
    assert is_due(now, now - timedelta(minutes=14), floor)
    assert not is_due(now, now - timedelta(minutes=12), floor)
    minute = timedelta(minutes=1)
    assert is_due(now, now - timedelta(seconds=55), minute)
    assert not is_due(now, now - timedelta(seconds=45), minute)
