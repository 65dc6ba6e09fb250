"""How long a gateway is left alone after failures, as arithmetic."""

from datetime import timedelta

from hypothesis import given, strategies as st
import pytest

from custom_components.smgw.backoff import wait

QUARTER = timedelta(minutes=15)
MINUTES = st.integers(1, 60).map(lambda minutes: timedelta(minutes=minutes))


@pytest.mark.parametrize(
    ("count", "minutes"), [(1, None), (2, None), (3, 30), (4, 60), (5, 60), (99, 60)]
)
def test_sessions_that_failed(count: int, minutes: int | None) -> None:
    """The next two slots, then longer and longer, at most an hour."""
    expected = minutes and timedelta(minutes=minutes)
    assert wait(count, QUARTER, sent=True, share=0) == expected


@pytest.mark.parametrize(("count", "minutes"), [(1, 5), (2, 10), (3, 15), (99, 15)])
def test_nothing_reached_the_gateway(count: int, minutes: int) -> None:
    """It is looked for more often: that costs nothing."""
    expected = timedelta(minutes=minutes)
    assert wait(count, QUARTER, sent=False, share=0) == expected


@given(
    count=st.integers(1, 10_000),
    floor=MINUTES,
    sent=st.booleans(),
    share=st.floats(0, 1),
)
def test_limits(count: int, floor: timedelta, sent: bool, share: float) -> None:
    """Never below the floor with a session, never for long, and never shorter than before."""
    pause = wait(count, floor, sent=sent, share=share)
    if pause is None:
        assert sent
        assert count <= 2
        return
    assert pause >= (floor if sent else min(floor, timedelta(minutes=5)))
    assert pause <= timedelta(hours=1) * 1.2
    later = wait(count + 1, floor, sent=sent, share=share)
    assert later is not None
    assert later >= pause


@given(floor=MINUTES, sent=st.booleans(), count=st.integers(3, 50))
def test_jitter(floor: timedelta, sent: bool, count: int) -> None:
    """Up to a fifth is chance."""
    shortest = wait(count, floor, sent=sent, share=0)
    longest = wait(count, floor, sent=sent, share=1)
    assert shortest is not None
    assert longest == shortest * 1.2
