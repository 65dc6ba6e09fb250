"""Bills: by hand, beside a second computation, and what holds for all of them."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from hypothesis import given, strategies as st
import pytest

from custom_components.smgw.tariff.bill import Period, check_taf1, taf2
from custom_components.smgw.tariff.errors import PeriodInvalid, ProfileIncomplete
from custom_components.smgw.tariff.model import Tariff
from custom_components.smgw.tariff.peaks import highest, of_day, quarter_hours
from custom_components.smgw.tariff.windows import Window, tariff

from . import slow

BERLIN = ZoneInfo("Europe/Berlin")
QUARTER = timedelta(minutes=15)
FIRST, LAST = date(2026, 1, 1), date(2026, 12, 31)


def steady(period: Period, per_slot: str = "0.1") -> dict[datetime, Decimal]:
    """Return readings that grow evenly, from 1000 on."""
    values, moment, value = {}, period.start, Decimal(1000)
    while moment <= period.end:
        values[moment] = value
        moment, value = moment + QUARTER, value + Decimal(per_slot)
    return values


def uneven(period: Period) -> dict[datetime, Decimal]:
    """Return readings that grow by another amount in each slot."""
    values, moment, value, number = {}, period.start, Decimal("123.4567"), 0
    while moment <= period.end:
        values[moment] = value
        number += 1
        moment += QUARTER
        value += Decimal(number * number % 977) / 10000
    return values


def two_stages() -> Tariff:
    """Return a tariff that is cheap (2) from 22:00 to 06:00."""
    night = Window(stage=2, start=time(22), end=time(6))
    return tariff("HT/NT", {1: "HT", 2: "NT"}, 1, [night], first=FIRST, last=LAST)


def three_stages() -> Tariff:
    """Return grid fees as after § 14a, module 3: two quarters have three levels."""
    windows = [
        Window(stage=2, start=a, end=b, first=start, last=end)
        for start, end in (
            (date(2026, 1, 1), date(2026, 3, 31)),
            (date(2026, 10, 1), date(2026, 12, 31)),
        )
        for a, b in ((time(17), time(20, 15)),)
    ] + [
        Window(stage=3, start=time(0), end=time(5, 30), first=start, last=end)
        for start, end in (
            (date(2026, 1, 1), date(2026, 3, 31)),
            (date(2026, 10, 1), date(2026, 12, 31)),
        )
    ]
    names = {1: "ST", 2: "HT", 3: "NT"}
    return tariff("Module 3", names, 1, windows, first=FIRST, last=LAST)


def table(stages: Tariff, period: Period) -> dict[str, dict[str, int]]:
    """Return the table for the slow computation, of the window's definition alone."""
    found = {}
    day = period.first
    while day <= period.last:
        if stages.name == "HT/NT":
            found[f"{day}"] = {"00:00": 2, "06:00": 1, "22:00": 2}
        elif day.month in (4, 5, 6, 7, 8, 9):
            found[f"{day}"] = {"00:00": 1}
        else:
            found[f"{day}"] = {"00:00": 3, "05:30": 1, "17:00": 2, "20:15": 1}
        day += timedelta(days=1)
    return found


@pytest.mark.parametrize(
    ("day", "slots", "night"),
    [
        (date(2026, 1, 15), 96, 32),
        # 02:00 to 03:00 is missing, and there twice: both are night
        (date(2026, 3, 29), 92, 28),
        (date(2026, 10, 25), 100, 36),
    ],
)
def test_a_day_by_hand(day: date, slots: int, night: int) -> None:
    """Eight hours of night: 22:00 to 24:00 and 00:00 to 06:00."""
    period = Period(first=day, last=day)
    bill = taf2(steady(period), period, two_stages())

    assert bill.slots == slots
    assert bill.unusable == 0
    assert bill.total == Decimal("0.1") * slots
    assert bill.energy == {
        1: Decimal("0.1") * (slots - night),
        2: Decimal("0.1") * night,
        63: 0,
    }


def test_a_gap_by_hand() -> None:
    """Three readings are missing in the night: four slots' energy belongs to no stage."""
    period = Period(first=date(2026, 1, 15), last=date(2026, 1, 15))
    values = steady(period)
    for quarter in (2, 3, 4):
        del values[period.start + quarter * QUARTER]
    bill = taf2(values, period, two_stages())

    assert bill.energy == {1: Decimal("6.4"), 2: Decimal("2.8"), 63: Decimal("0.4")}
    assert bill.unusable == 4
    assert sum(bill.energy.values()) == bill.total == Decimal("9.6")
    assert bill.days[0].energy == bill.energy
    assert bill.cost({1: Decimal(30), 2: Decimal(20), 63: Decimal(25)}) == 258


@pytest.mark.parametrize("stages", [two_stages(), three_stages()], ids=lambda t: t.name)
@pytest.mark.parametrize(
    "period",
    [
        Period(first=FIRST, last=LAST),
        Period(first=date(2026, 3, 1), last=date(2026, 3, 31)),
        Period(first=date(2026, 9, 30), last=date(2026, 10, 1)),
        Period(first=date(2026, 10, 25), last=date(2026, 10, 25)),
    ],
    ids=lambda p: f"{p.first}",
)
@pytest.mark.parametrize("holes", [0, 7])
def test_beside_a_second_computation(
    stages: Tariff, period: Period, holes: int
) -> None:
    """A year and its odd days, with and without gaps."""
    values = uneven(period)
    if holes:
        for number, moment in enumerate(list(values)[1:-1]):
            if number % 53 < holes:
                del values[moment]
    bill = taf2(values, period, stages)
    after = period.last + timedelta(days=1)
    expected = slow.bill(values, f"{period.first}", f"{after}", table(stages, period))

    assert {n: e for n, e in bill.energy.items() if e} == {
        n: e for n, e in expected.items() if e
    }
    assert sum(bill.energy.values()) == bill.total


@given(
    missing=st.sets(st.integers(1, 95)),
    steps=st.lists(st.integers(0, 50), min_size=96, max_size=96),
)
def test_the_registers_add_up(missing: set[int], steps: list[int]) -> None:
    """Whatever is missing between start and end, nothing is lost or made up."""
    period = Period(first=date(2026, 5, 4), last=date(2026, 5, 4))
    values, value = {period.start: Decimal(0)}, 0
    for number, step in enumerate(steps, 1):
        value += step
        if number not in missing:
            values[period.start + number * QUARTER] = Decimal(value)
    bill = taf2(values, period, two_stages())

    assert sum(bill.energy.values()) == bill.total == value
    assert all(energy >= 0 for energy in bill.energy.values())
    touched = {n for m in missing for n in (m, m + 1)}
    assert bill.unusable == len(touched)


@pytest.mark.parametrize("border", ["start", "end"])
def test_without_a_border_there_is_no_bill(border: str) -> None:
    """Nothing is estimated."""
    period = Period(first=date(2026, 5, 1), last=date(2026, 5, 31))
    values = steady(period)
    del values[getattr(period, border)]

    with pytest.raises(ProfileIncomplete):
        taf2(values, period, two_stages())


@pytest.mark.parametrize(
    ("first", "last", "good"),
    [
        (date(2026, 5, 1), date(2026, 5, 31), True),
        (date(2026, 1, 1), date(2026, 2, 28), True),
        (date(2026, 10, 1), date(2026, 12, 31), True),
        (date(2026, 1, 1), date(2026, 12, 31), True),
        (date(2026, 1, 1), date(2026, 4, 30), False),
        (date(2026, 1, 2), date(2026, 2, 1), False),
        (date(2026, 1, 1), date(2026, 1, 30), False),
    ],
)
def test_periods_of_taf1(first: date, last: date, good: bool) -> None:
    """One, two, three, six or twelve whole months."""
    period = Period(first=first, last=last)
    if good:
        check_taf1(period)
    else:
        with pytest.raises(PeriodInvalid):
            check_taf1(period)


def test_a_period_has_a_day() -> None:
    """At least one."""
    with pytest.raises(PeriodInvalid):
        Period(first=LAST, last=FIRST)


def test_peaks() -> None:
    """Highest power, last quarter hour, a day; a gap has none of them."""
    day = date(2026, 10, 25)
    period = Period(first=day, last=day)
    values: Mapping[datetime, Decimal] = steady(period)
    noon = datetime(2026, 10, 25, 12, tzinfo=UTC)
    bumped = {t: v + (t > noon) for t, v in values.items()}
    best = highest(bumped)

    assert best is not None
    assert best.end == noon + QUARTER
    assert best.energy == Decimal("1.1")
    assert best.power == Decimal("4.4")
    assert of_day(bumped, day) == 11
    assert of_day(bumped, day + timedelta(days=1)) is None
    assert len(quarter_hours(bumped)) == 100
    del bumped[noon + QUARTER]
    assert len(quarter_hours(bumped)) == 98
    best = highest(bumped)
    assert best is not None
    assert best.energy == Decimal("0.1")
    assert highest({}) is None
