"""Berlin wall time turned into UTC, with the hour that comes twice."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, strategies as st
import pytest

from custom_components.smgw.han.localtime import (
    UndecidableTime,
    candidates,
    decide,
    nearest,
)

FIRST = datetime(2026, 10, 25, 0, 30, 2, tzinfo=UTC)
SECOND = FIRST + timedelta(hours=1)
BOTH = (FIRST, SECOND)
QUARTER = timedelta(minutes=15)


@pytest.mark.parametrize(
    ("text", "moments"),
    [
        ("2026-01-15 10:00:02", (datetime(2026, 1, 15, 9, 0, 2, tzinfo=UTC),)),
        ("2026-07-15 10:00:02", (datetime(2026, 7, 15, 8, 0, 2, tzinfo=UTC),)),
        (" 2026-07-15 00:00:01 ", (datetime(2026, 7, 14, 22, 0, 1, tzinfo=UTC),)),
        ("2026-01-15 24:00:00", (datetime(2026, 1, 15, 23, tzinfo=UTC),)),
        ("2026-10-25 01:59:59", (FIRST - timedelta(minutes=30, seconds=3),)),
        ("2026-10-25 02:30:02", BOTH),
        ("2026-10-25 03:00:00", (datetime(2026, 10, 25, 2, tzinfo=UTC),)),
        ("2026-03-29 01:59:59", (datetime(2026, 3, 29, 0, 59, 59, tzinfo=UTC),)),
        ("2026-03-29 03:00:00", (datetime(2026, 3, 29, 1, tzinfo=UTC),)),
    ],
)
def test_candidates(text: str, moments: tuple[datetime, ...]) -> None:
    """A stamp stands for one moment, or for both passes of the October hour."""
    assert candidates(text) == moments


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no_time"),
        ("2026-01-15", "no_time"),
        ("2026-01-15T10:00:02", "no_time"),
        ("2026-01-15 10:00:02Z", "no_time"),
        ("15.01.2026 10:00:02", "no_time"),
        ("2026-02-30 10:00:02", "no_time"),
        ("2026-01-15 10:00:60", "no_time"),
        ("0000-01-15 10:00:00", "no_time"),
        ("0001-01-01 00:00:00", "no_time"),
        ("２０２６-01-15 10:00:02", "no_time"),
        ("2026-03-29 02:00:00", "nonexistent_time"),
        ("2026-03-29 02:59:59", "nonexistent_time"),
    ],
)
def test_no_moment(text: str, reason: str) -> None:
    """What is no time, or was skipped in spring, is refused with the reason."""
    with pytest.raises(UndecidableTime) as caught:
        candidates(text)
    assert caught.value.reason == reason


@pytest.mark.parametrize("offset", [-10_000, 0, 10_000])
def test_one_candidate_needs_no_clock(offset: int) -> None:
    """The only moment is the moment, whatever our clock says."""
    assert decide((FIRST,), now=FIRST + timedelta(days=offset)) == FIRST


@pytest.mark.parametrize(
    ("now", "not_before", "changed", "decided"),
    [
        # the second pass has not come yet; a clock may be five minutes off
        (FIRST + QUARTER, None, False, FIRST),
        (SECOND - timedelta(minutes=6), None, False, FIRST),
        # in the second pass only what was seen before tells
        (SECOND - timedelta(minutes=4), None, False, None),
        (SECOND + QUARTER, None, False, None),
        (SECOND + QUARTER, FIRST - QUARTER, False, None),
        (SECOND + QUARTER, FIRST + QUARTER, False, SECOND),
        (SECOND + QUARTER, SECOND - QUARTER, True, SECOND),
        # the same stamp again: known already, unless a register moved on
        (SECOND + QUARTER, FIRST, False, FIRST),
        (SECOND + QUARTER, FIRST, True, SECOND),
        (SECOND + QUARTER, SECOND, False, SECOND),
        # neither pass fits
        (SECOND + QUARTER, SECOND, True, None),
        (SECOND + QUARTER, SECOND + QUARTER, False, None),
        (FIRST - timedelta(hours=1), None, False, None),
        # hours later nothing but the last reading can tell either
        (SECOND + timedelta(hours=9), None, False, None),
        (SECOND + timedelta(hours=9), SECOND - QUARTER, False, SECOND),
    ],
)
def test_decide_between_two(
    now: datetime, not_before: datetime | None, changed: bool, decided: datetime | None
) -> None:
    """Our clock and the register's growth decide, or nobody does."""

    def decision() -> datetime:
        return decide(BOTH, now=now, not_before=not_before, changed=changed)

    if decided is not None:
        assert decision() == decided
    else:
        with pytest.raises(UndecidableTime, match="ambiguous_time"):
            decision()


@pytest.mark.parametrize(
    ("moments", "now", "chosen"),
    [
        ((FIRST,), SECOND + timedelta(days=1), FIRST),
        (BOTH, FIRST + timedelta(minutes=1), FIRST),
        (BOTH, SECOND - timedelta(minutes=1), SECOND),
        (BOTH, FIRST + timedelta(minutes=30), None),
        (BOTH, FIRST + timedelta(minutes=28), None),
        (BOTH, FIRST + timedelta(minutes=27), FIRST),
        (BOTH, SECOND + timedelta(days=1), SECOND),
    ],
)
def test_nearest(
    moments: tuple[datetime, ...], now: datetime, chosen: datetime | None
) -> None:
    """A running clock shows the pass nearer to ours, if one is."""
    assert nearest(moments, now) == chosen


@given(st.datetimes(datetime(2000, 1, 1), datetime(2060, 1, 1)))
def test_round_trip(naive: datetime) -> None:
    """Every moment is among the candidates of the wall time it shows."""
    moment = naive.replace(tzinfo=UTC, microsecond=0)
    wall = moment.astimezone(ZoneInfo("Europe/Berlin"))
    assert moment in candidates(wall.strftime("%Y-%m-%d %H:%M:%S"))


@given(st.text() | st.from_regex(r"\A\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\Z"))
def test_anything(text: str) -> None:
    """Any text is one or two moments in order, or refused."""
    try:
        moments = candidates(text)
    except UndecidableTime:
        return
    assert 1 <= len(moments) <= 2
    assert moments == tuple(sorted(moments))
