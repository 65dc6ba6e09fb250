"""Which slot a capture stamp belongs to, by the rules of the transparency software."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, strategies as st
import pytest

from custom_components.smgw.han.slots import QUARTER, period_of, slot_of

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def seconds(count: float) -> timedelta:
    """Return a duration."""
    return timedelta(seconds=count)


@pytest.mark.parametrize(
    ("off", "snaps"),
    [(0, True), (3, True), (9, True), (-9, True), (9.5, False), (-10, False)],
)
def test_a_quarter_hour_takes_stamps_within_nine_seconds(
    off: float, snaps: bool
) -> None:
    """One per cent of 900 s, before and after."""
    stamp = NOON + QUARTER + seconds(off)

    assert slot_of(stamp, QUARTER) == (NOON + QUARTER if snaps else stamp)


def test_an_hour_takes_stamps_within_36_seconds() -> None:
    """One per cent of 3600 s."""
    assert slot_of(NOON + seconds(36), HOUR) == NOON
    assert slot_of(NOON - seconds(37), HOUR) == NOON - seconds(37)


@pytest.mark.parametrize(
    "day", [datetime(2026, 3, 29), datetime(2026, 10, 25), datetime(2026, 7, 1)]
)
def test_a_day_begins_at_midnight_in_germany(day: datetime) -> None:
    """Also on the days with 23 and 25 hours."""
    midnight = day.replace(tzinfo=ZoneInfo("Europe/Berlin")).astimezone(UTC)

    assert slot_of(midnight + seconds(5), DAY) == midnight
    assert slot_of(midnight - seconds(70), DAY) == midnight
    assert slot_of(midnight + HOUR, DAY) == midnight + HOUR


def test_the_period_is_the_most_frequent_spacing() -> None:
    """Gaps and capture seconds do not matter."""
    stamps = [NOON + i * QUARTER + seconds(i % 4) for i in range(20)]
    del stamps[5:9]

    assert period_of(reversed(stamps)) == QUARTER
    assert period_of(NOON + i * HOUR for i in range(5)) == HOUR


def test_gaps_alone_tell_no_period() -> None:
    """Too few stamps, or spacings nobody uses."""
    assert period_of([]) is None
    assert period_of([NOON]) is None
    assert period_of([NOON, NOON]) is None
    assert period_of([NOON, NOON + seconds(7000)]) is None


def test_of_two_equally_frequent_periods_the_quarter_hour_is_it() -> None:
    """The usual one, when nothing else decides."""
    stamps = [NOON, NOON + HOUR, NOON + HOUR + QUARTER]

    assert period_of(stamps) == QUARTER


@given(
    stamp=st.datetimes(
        datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)
    ),
    period=st.sampled_from([seconds(60), QUARTER, timedelta(minutes=30), HOUR]),
)
def test_a_stamp_moves_to_the_grid_or_not_at_all(
    stamp: datetime, period: timedelta
) -> None:
    """Whatever the stamp, nothing but a slot of the hour or itself comes out."""
    slot = slot_of(stamp, period)
    hour = stamp.replace(minute=0, second=0, microsecond=0)
    grid = [hour + n * period for n in range(int(HOUR / period) + 1)]
    near = [end for end in grid if abs(end - stamp) <= period / 100]

    assert slot == (near[0] if near else stamp)
