"""Spans of time, beside plain sets of hours; and estimates, beside a plain count."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given, strategies as st

from custom_components.smgw.coverage import joined, missing, without
from custom_components.smgw.han.history import Span
from custom_components.smgw.progress import Speed, end_of

BEGIN = datetime(2026, 3, 28, tzinfo=UTC)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)

spans = st.builds(
    lambda start, length: Span(BEGIN + start * HOUR, BEGIN + (start + length) * HOUR),
    st.integers(0, 40),
    st.integers(0, 12),
)


def hours(*covered: Span) -> set[datetime]:
    """Return the hours of spans, by their ends."""
    ends = (BEGIN + number * HOUR for number in range(60))
    return {end for end in ends if any(end in span for span in covered)}


@given(st.lists(spans))
def test_joined(some: list[Span]) -> None:
    """The same hours, by time, and no span touches another."""
    found = joined(some)
    assert hours(*found) == hours(*some)
    assert list(found) == sorted(found)
    assert all(one.end < two.start for one, two in pairwise(found))
    assert all(span.start < span.end for span in found)


@given(st.lists(spans), spans)
def test_without(some: list[Span], gone: Span) -> None:
    """What is gone is gone, and nothing else."""
    assert hours(*without(some, gone)) == hours(*some) - hours(gone)


@given(st.lists(spans), spans)
def test_missing(some: list[Span], within: Span) -> None:
    """What is wanted and not there."""
    assert hours(*missing(joined(some), within)) == hours(within) - hours(*some)


def test_nothing_is_known_of_the_speed() -> None:
    """Before a slice was measured there is no estimate."""
    assert Speed().needed(HOUR) is None


def test_speed() -> None:
    """As long as the slices so far took, for as much again."""
    speed = Speed()
    speed.measured(2 * MINUTE, 24 * HOUR)
    speed.measured(4 * MINUTE, 24 * HOUR)
    assert speed.needed(72 * HOUR) == 9 * MINUTE


@given(
    needed=st.integers(0, 300),
    open_for=st.integers(0, 12),
    ride=st.integers(1, 12),
    known=st.integers(1, 8),
)
def test_end(needed: int, open_for: int, ride: int, known: int) -> None:
    """Work goes on minute by minute, in the sessions that there are."""
    now = BEGIN
    polls = [now + (15 * number) * MINUTE for number in range(1, known + 1)]
    if known == 1:
        # The distance of one poll is that to now.
        assert polls[0] - now == 15 * MINUTE
    left, moment = needed, now
    while left:
        begun = (moment - now) // (15 * MINUTE)
        within = (moment - now) - begun * 15 * MINUTE
        if within < (open_for if begun == 0 else ride) * MINUTE:
            left -= 1
        moment += MINUTE
    found = end_of(now, needed * MINUTE, now + open_for * MINUTE, polls, ride * MINUTE)
    assert found == moment
