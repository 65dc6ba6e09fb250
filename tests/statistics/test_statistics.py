"""Rows of statistics: by hand, beside a second computation, in any order."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

from hypothesis import given, strategies as st
import pytest

from custom_components.smgw.han.history import ProfileRow
from custom_components.smgw.han.model import Meter, Reading, Register
from custom_components.smgw.han.obis import Obis
from custom_components.smgw.han.status import Quality
from custom_components.smgw.han.units import Unit
from custom_components.smgw.statistics import (
    HOUR,
    Beginning,
    Measure,
    Readings,
    Row,
    as_data,
    measure,
    metadata,
    of_meter,
    of_profile,
    offset_of,
    plan,
    rows_of,
    statistic_id,
)
from homeassistant.components.recorder.statistics import (
    STATISTIC_UNIT_TO_UNIT_CONVERTER,
    valid_statistic_id,
)

from . import slow

KWH = Measure("kWh", "energy")
NOON = datetime(2026, 6, 1, 10, tzinfo=UTC)
METER = "1EMH0012345678"


class Statistic:
    """What a recorder keeps: rows by start, overwritten and lifted as it does."""

    def __init__(self) -> None:
        """Start with none."""
        self.rows: dict[datetime, Row] = {}
        # Of each row's meter, which its owner knows.
        self.offsets: dict[datetime, Decimal] = {}

    def take(self, readings: Readings, offset: Decimal = Decimal(0)) -> None:
        """Import readings of a meter."""
        beginning = None
        if self.rows:
            oldest = self.rows[min(self.rows)]
            beginning = oldest.beginning(self.offsets[oldest.start])
        planned = plan(readings, beginning, offset)
        for start, row in self.rows.items():
            self.rows[start] = row._replace(sum=row.sum + planned.lift)
        for row in planned.rows:
            self.rows[row.start] = row
            self.offsets[row.start] = offset

    @property
    def bars(self) -> dict[datetime, Fraction]:
        """Return what the dashboard draws: the first bar is the first sum."""
        drawn, before = {}, Fraction(0)
        for start in sorted(self.rows):
            now = Fraction(self.rows[start].sum)
            drawn[start], before = now - before, now
        return drawn


def profile(readings: Iterable[slow.Reading]) -> list[ProfileRow]:
    """Return rows as a driver delivers them."""
    return [row(datetime.fromisoformat(at).astimezone(UTC), v) for at, v in readings]


def row(
    target: datetime, value: str | None, quality: Quality | None = Quality.GOOD
) -> ProfileRow:
    """Return one row, captured three seconds behind its slot."""
    return ProfileRow(
        target,
        target + timedelta(seconds=3),
        None if value is None else Decimal(value),
        quality,
        "",
        None,
    )


def by_wall_clock(bars: Mapping[datetime, Fraction]) -> dict[str, Fraction]:
    """Return bars by wall time."""
    return {start.astimezone(slow.ZONE).isoformat(): bar for start, bar in bars.items()}


def reading(
    code: str,
    unit: Unit,
    taken: datetime,
    value: str = "1.5",
    *,
    target: datetime | None = None,
    quality: Quality | None = None,
) -> Reading:
    """Return a reading of a poll."""
    obis = Obis.parse(code)
    assert obis
    register = Register(meter_id=METER, obis=obis, unit=unit, name="")
    return Reading(
        register=register,
        value=Decimal(value),
        capture_time=taken,
        target_time=target,
        quality=quality,
    )


def meter(*readings: Reading, interval: timedelta | None = None) -> Meter:
    """Return a meter with readings."""
    found = {str(one.register.obis): one for one in readings}
    return Meter.of(f"{METER}.sm", METER, found, capture_interval=interval)


def test_by_hand() -> None:
    """What is read at 15:00 ends the row of 14:00; the first one has the sum 0."""
    rows = [
        row(NOON, "1000.5"),
        row(NOON + timedelta(minutes=15), "1000.7"),
        row(NOON + HOUR, "1001.75"),
        row(NOON + 2 * HOUR, "1003"),
    ]
    planned = plan(of_profile(rows, KWH), None)
    assert planned.lift == 0
    assert as_data(planned.rows) == [
        {"start": NOON - HOUR, "state": 1000.5, "sum": 0.0},
        {"start": NOON, "state": 1001.75, "sum": 1.25},
        {"start": NOON + HOUR, "state": 1003.0, "sum": 2.5},
    ]


@pytest.mark.parametrize("year", [2026, 2028])
def test_a_year(year: int) -> None:
    """Each bar and each day of a year is right, those of 23 and 25 hours included."""
    readings = slow.quarter_hours(year)
    statistic = Statistic()
    statistic.take(of_profile(profile(readings), KWH))
    drawn = by_wall_clock(statistic.bars)
    assert drawn == slow.bars(readings)
    at_midnight = {at[:10]: Fraction(v) for at, v in readings if at[11:16] == "00:00"}
    days = slow.days(drawn)
    counts = set()
    for (day, begin), (_, end) in pairwise(at_midnight.items()):
        count, total = days[day]
        assert total == end - begin, day
        counts.add(count)
    assert counts == {23, 24, 25}


@pytest.mark.parametrize(
    "bad",
    [
        row(NOON + HOUR, None, None),
        row(NOON + HOUR, "9999", Quality.SUBSTITUTE),
        row(NOON + HOUR, "9999", Quality.FATAL),
        row(NOON + HOUR + timedelta(seconds=20), "9999"),
        row(NOON + HOUR + timedelta(microseconds=1), "9999"),
        row(NOON + timedelta(minutes=45), "9999"),
    ],
)
def test_gap(bad: ProfileRow) -> None:
    """An hour without a reading to count with has no row; the next has its energy."""
    rows = [row(NOON, "10"), bad, row(NOON + 2 * HOUR, "13", Quality.WARNING)]
    statistic = Statistic()
    statistic.take(of_profile(rows, KWH))
    assert statistic.bars == {NOON - HOUR: 0, NOON + HOUR: 3}


def test_changed_value() -> None:
    """A correction overwrites its row; only the two bars at it change."""
    hours = {NOON + number * HOUR: Decimal(number) for number in range(5)}
    statistic = Statistic()
    statistic.take(hours)
    statistic.take({NOON + 2 * HOUR: Decimal("2.4")})
    assert list(statistic.bars.values()) == [
        *(0, 1, Fraction("1.4"), Fraction("0.6"), 1)
    ]


def test_changed_first_value() -> None:
    """The oldest row keeps the sum 0."""
    statistic = Statistic()
    statistic.take({NOON: Decimal(5), NOON + HOUR: Decimal(7)})
    statistic.take({NOON: Decimal(6)})
    assert list(statistic.bars.values()) == [0, 1]


def test_history_behind_a_poll() -> None:
    """What is imported before the first row makes no step, nor a bar below 0."""
    statistic = Statistic()
    statistic.take({NOON: Decimal(500)})
    statistic.take({NOON + HOUR: Decimal(501)})
    statistic.take({NOON - 2 * HOUR: Decimal(490), NOON - HOUR: Decimal(495)})
    assert list(statistic.bars.values()) == [0, 5, 5, 1]
    assert [statistic.rows[start].sum for start in sorted(statistic.rows)] == [
        *(0, 5, 10, 11)
    ]


@pytest.mark.parametrize("new_first", [False, True])
def test_exchange(new_first: bool) -> None:
    """A new meter continues the sum; its state is its own."""
    old = {NOON + number * HOUR: Decimal(8000 + number) for number in range(4)}
    # Exchanged at 13:30: the old one showed 8003.6, the new one began with 0.2.
    offset = offset_of(Decimal("8003.6"), Decimal("0.2"))
    new = {NOON + number * HOUR: Decimal(number - 3) for number in range(4, 7)}
    statistic = Statistic()
    parts = [(old, Decimal(0)), (new, offset)]
    for readings, its_offset in reversed(parts) if new_first else parts:
        statistic.take(readings, its_offset)
    bars = statistic.bars
    assert list(bars.values()) == [0, 1, 1, 1, Fraction("1.4"), 1, 1]
    assert statistic.rows[max(statistic.rows)].state == 3
    # The old one's history arrives later, and once more.
    statistic.take({NOON - HOUR: Decimal(7990)} | old)
    assert list(statistic.bars.values())[1:] == [10, *list(bars.values())[1:]]


def test_second_exchange() -> None:
    """Offsets add up."""
    first = offset_of(Decimal(8000), Decimal(0))
    second = offset_of(Decimal(50), Decimal(10), first)
    statistic = Statistic()
    statistic.take({NOON: Decimal(7999)})
    statistic.take({NOON + HOUR: Decimal(49)}, first)
    statistic.take({NOON + 2 * HOUR: Decimal(12)}, second)
    assert list(statistic.bars.values()) == [0, 50, 3]


@given(
    values=st.lists(st.none() | st.integers(0, 10**7), min_size=1, max_size=40),
    pieces=st.lists(
        st.tuples(st.integers(0, 40), st.integers(1, 40), st.booleans()), max_size=8
    ),
)
def test_any_slices_in_any_order(
    values: list[int | None], pieces: list[tuple[int, int, bool]]
) -> None:
    """The rows are those of one import of everything, however they came in."""
    total, readings = 0, {}
    for number, step in enumerate(values):
        if step is not None:
            total += step
            readings[NOON + number * HOUR] = Decimal(total).scaleb(-4)
    at_once, piecewise = Statistic(), Statistic()
    at_once.take(readings)
    for start, length, wrong in pieces:
        begin, end = NOON + start * HOUR, NOON + (start + length) * HOUR
        # Values that are corrected later, in some.
        piecewise.take(
            {at: v + wrong * 7 for at, v in readings.items() if begin <= at < end}
        )
    half = NOON + len(values) // 2 * HOUR
    piecewise.take({at: value for at, value in readings.items() if at >= half})
    piecewise.take({at: value for at, value in readings.items() if at < half})
    assert piecewise.rows == at_once.rows
    for start in at_once.rows:
        assert at_once.rows[start].sum >= 0


@given(st.decimals("0", "999999999", places=4), st.decimals("0", "99999999", places=4))
def test_base_survives_the_recorder(register: Decimal, counted: Decimal) -> None:
    """The base is in the last row, to the digit, though the recorder keeps floats."""
    (kept,) = rows_of({NOON: register}, register - counted)
    (data,) = as_data([kept])
    found = Row.stored(data["start"].timestamp(), data["state"], data["sum"])
    assert found == kept
    assert found.base() == register - counted
    assert found.beginning() == Beginning(NOON - HOUR, register - counted)


@pytest.mark.parametrize(
    ("code", "unit", "recorded", "as_unit"),
    [
        ("1-0:1.8.0", Unit.WATT_HOUR, "0.0015", "kWh"),
        ("1-0:2.8.1", Unit.KILOWATT_HOUR, "1.5", "kWh"),
        ("1-0:5.8.0", Unit.KILOVAR_HOUR, "1.5", "kvarh"),
        ("1-0:3.8.0", Unit.VAR_HOUR, "0.0015", "kvarh"),
        ("1-0:9.8.0", Unit.VOLT_AMPERE_HOUR, "0.0015", "kVAh"),
        ("7-0:3.0.0", Unit.CUBIC_METRE, "1.5", "m³"),
        ("8-0:1.0.0", Unit.CUBIC_METRE, "1.5", "m³"),
        ("6-0:1.0.0", Unit.GIGAJOULE, "1500", "MJ"),
        ("6-0:1.0.0", Unit.KILOWATT_HOUR, "1.5", "kWh"),
        ("4-0:1.0.0", Unit.NONE, "1.5", None),
    ],
)
def test_units(code: str, unit: Unit, recorded: str, as_unit: str | None) -> None:
    """What counts up is recorded in one unit per quantity, which the recorder knows."""
    ((register, found, readings),) = of_meter(meter(reading(code, unit, NOON)))
    assert readings == {NOON: Decimal(recorded)}
    told = metadata(statistic_id("EPPC0210123456", register), "a name", found)
    assert valid_statistic_id(told["statistic_id"])
    assert told["unit_of_measurement"] == as_unit
    known = STATISTIC_UNIT_TO_UNIT_CONVERTER.get(as_unit) if as_unit else None
    assert told["unit_class"] == (known.UNIT_CLASS if known else None)


@pytest.mark.parametrize(
    ("code", "unit"),
    [
        ("1-0:16.8.0", Unit.KILOWATT_HOUR),
        ("1-0:1.7.0", Unit.WATT),
        ("1-0:32.7.0", Unit.VOLT),
        ("1-0:1.8.0", Unit.WATT),
    ],
)
def test_not_recorded(code: str, unit: Unit) -> None:
    """What may fall, or is no amount, is not recorded."""
    one = reading(code, unit, NOON)
    assert measure(one.register) is None
    assert not list(of_meter(meter(one)))


@pytest.mark.parametrize(
    ("one", "interval", "hour"),
    [
        (reading("1-0:1.8.0", Unit.WATT_HOUR, NOON + timedelta(seconds=9)), None, True),
        (
            reading("1-0:1.8.0", Unit.WATT_HOUR, NOON + timedelta(seconds=10)),
            None,
            False,
        ),
        (
            reading("7-0:3.0.0", Unit.CUBIC_METRE, NOON + timedelta(seconds=30)),
            HOUR,
            True,
        ),
        (
            reading("7-0:3.0.0", Unit.CUBIC_METRE, NOON + timedelta(minutes=5)),
            timedelta(days=1),
            False,
        ),
        (
            reading(
                "1-0:1.8.0", Unit.WATT_HOUR, NOON + timedelta(seconds=50), target=NOON
            ),
            None,
            True,
        ),
        (
            reading("1-0:1.8.0", Unit.WATT_HOUR, NOON, quality=Quality.SUBSTITUTE),
            None,
            False,
        ),
    ],
)
def test_slot_of_a_poll(one: Reading, interval: timedelta | None, hour: bool) -> None:
    """A stamp belongs to a slot within 1 % of the interval; the target time decides."""
    found = [at for *_, seen in of_meter(meter(one, interval=interval)) for at in seen]
    assert found == ([NOON] if hour else [])


def test_statistic_id() -> None:
    """The id names gateway, meter and register."""
    one = reading("1-0:1.8.0", Unit.WATT_HOUR, NOON).register
    expected = "smgw:eppc0210123456_1emh0012345678_1_0_1_8_0"
    assert statistic_id("EPPC0210123456", one) == expected
