"""The highest quarter hour of readings with gaps, beside trying every way to fill them."""

from itertools import pairwise, product

from hypothesis import given, strategies as st

from custom_components.smgw.tariff.peaks import highest_slot

COUNTS = st.lists(st.none() | st.integers(0, 3), max_size=7).map(
    # Registers count up.
    lambda steps: [
        None if step is None else sum(s or 0 for s in steps[: place + 1])
        for place, step in enumerate(steps)
    ]
)


def fillings(counts: list[int | None]) -> list[list[int]]:
    """Return every way the meter may have counted, between the first and last reading."""
    known = [place for place, count in enumerate(counts) if count is not None]
    inside = counts[known[0] : known[-1] + 1]
    most = inside[-1] or 0
    ways = product(
        *(range(most + 1) if count is None else (count,) for count in inside)
    )
    return [
        list(way) for way in ways if all(one <= other for one, other in pairwise(way))
    ]


@given(COUNTS)
def test_certain_is_certain(counts: list[int | None]) -> None:
    """Without a doubt the highest is the highest whatever happened in the gaps."""
    best, doubts = highest_slot(counts)
    for begin, end in doubts:
        assert counts[begin] is not None
        assert counts[end] is not None
        assert all(count is None for count in counts[begin + 1 : end])
    if best is None:
        return
    energy = (counts[best] or 0) - (counts[best - 1] or 0)
    highest = [max(b - a for a, b in pairwise(way)) for way in fillings(counts)]
    assert (max(highest) == energy) == (not doubts)


def test_the_first_of_equal_ones() -> None:
    """Two are as high: the earlier one."""
    assert highest_slot([0, 2, 3, 5]) == (1, [])


def test_nothing() -> None:
    """No reading, or one, is no quarter hour."""
    assert highest_slot([]) == (None, [])
    assert highest_slot([None, 3, None]) == (None, [])
