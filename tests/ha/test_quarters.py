"""The readings of a register by quarter hours: kept exactly, or not at all."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
import json

from hypothesis import given, strategies as st
import pytest

from custom_components.smgw.quarters import Series
from custom_components.smgw.schedule import QUARTER

BEGIN = datetime(2026, 11, 1, tzinfo=UTC)
READINGS = st.dictionaries(
    st.integers(0, 200).map(lambda slot: BEGIN + slot * QUARTER),
    st.decimals(0, 999_999, places=4),
    min_size=1,
)


@given(READINGS, st.randoms(use_true_random=False), st.integers(0, 200))
def test_like_a_dictionary(
    readings: dict[datetime, Decimal], dice: object, slot: int
) -> None:
    """In whatever order they come: what is put in comes out, also from disk."""
    series = Series("kWh")
    moments = list(readings)
    dice.shuffle(moments)  # type: ignore[attr-defined]
    for moment in moments:
        series.put(moment, readings[moment])
    series = Series.of(json.loads(json.dumps(series.as_dict())))
    assert series.since(BEGIN) == readings
    assert series.newest == max(readings)
    start = BEGIN + slot * QUARTER
    rest = {moment: value for moment, value in readings.items() if moment >= start}
    assert series.since(start) == rest
    series.forget(start)
    assert series.since(BEGIN) == rest


@pytest.mark.parametrize(
    ("moment", "value"),
    [
        (BEGIN + timedelta(seconds=1), "1.0000"),
        (BEGIN + timedelta(minutes=10), "1.0000"),
        (BEGIN, "1.00001"),
    ],
)
def test_what_is_no_quarter_hour(moment: datetime, value: str) -> None:
    """Off the grid, or finer than is kept: rather none than another value."""
    series = Series("kWh")
    series.put(moment, Decimal(value))
    assert series.since(BEGIN) == {}


def test_a_corrected_value() -> None:
    """The later one counts, and is a change."""
    series = Series("kWh")
    for value in ("1.0", "1.0", "1.5"):
        series.put(BEGIN, Decimal(value))
    assert series.since(BEGIN) == {BEGIN: Decimal("1.5")}
    assert series.version == 2


def test_a_month_on_disk_is_small() -> None:
    """Differences are stored: five weeks take less than 20 kB."""
    series = Series("kWh")
    for slot in range(36 * 96):
        series.put(BEGIN + slot * QUARTER, Decimal(14_210_000 + 123 * slot) / 10_000)
    assert len(json.dumps(series.as_dict())) < 20_000
