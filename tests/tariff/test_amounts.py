"""Amounts by hand: steps, days of another length, corrections, and what nobody knows."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import given, strategies as st
import pytest

from custom_components.smgw.tariff.amounts import (
    Amount,
    Plan,
    Point,
    Unpriced,
    amount,
    plan,
)
from custom_components.smgw.tariff.errors import TariffInvalid
from custom_components.smgw.tariff.prices import Factor, Price, Rates
from custom_components.smgw.tariff.windows import Window

BERLIN = ZoneInfo("Europe/Berlin")
HOUR = timedelta(hours=1)
D = Decimal
NIGHT = Window(stage=1, start=time(22), end=time(6))
STEPS = Rates.of_prices(
    [
        Price(
            begin=date(2026, 1, 1),
            standard=D("0.40"),
            windows=(NIGHT, Window(stage=2, start=time(17, 30), end=time(18, 15))),
            prices=(D("0.20"), D("0.60")),
        )
    ]
)


def at(text: str) -> datetime:
    """Return a German wall time as UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN).astimezone(UTC)


def point(text: str, register: str, ahead: str = "0") -> Point:
    """Return what a register showed; it counts from 100 on, or from `ahead`."""
    return Point(at(text), D(register), D(register) - 100 - D(ahead))


def test_one_price() -> None:
    """0.3 kWh at 0.40, and 0.3 kWh at 0.20, up to the last digit."""
    day = amount(
        point("2026-05-04T12:00", "100.1"),
        point("2026-05-04T13:00", "100.4"),
        STEPS,
        {},
    )
    night = amount(
        point("2026-05-04T23:00", "100.1"),
        point("2026-05-05T00:00", "100.4"),
        STEPS,
        {},
    )
    assert (day, night) == (D("0.12"), D("0.06"))


def test_a_step_within_the_hour() -> None:
    """17:00 to 17:30 at 0.40, then at 0.60: the reading of 17:30 tells, others do not."""
    before, after = (
        point("2026-05-04T17:00", "100.0"),
        point("2026-05-04T18:00", "101.0"),
    )
    known = {at("2026-05-04T17:30"): D("100.7"), at("2026-05-04T17:45"): D("100.8")}
    # 0.7 x 0.40 + 0.3 x 0.60
    assert amount(before, after, STEPS, known) == D("0.46")
    assert amount(before, after, STEPS, {}) is Unpriced.UNKNOWN
    wrong = {at("2026-05-04T17:30"): D("99.9")}
    assert amount(before, after, STEPS, wrong) is Unpriced.UNKNOWN


def test_a_gap() -> None:
    """Within one price it is no matter; over a step only a reading there helps."""
    morning = point("2026-05-04T07:00", "100")
    assert amount(morning, point("2026-05-04T16:00", "103"), STEPS, {}) == D("1.2")
    night = point("2026-05-04T05:00", "98")
    assert amount(night, morning, STEPS, {}) is Unpriced.UNKNOWN
    six = {at("2026-05-04T06:00"): D("98.5")}
    # 0.5 x 0.20 + 1.5 x 0.40
    assert amount(night, morning, STEPS, six) == D("0.7")


def test_another_meter_in_between() -> None:
    """The totals go on; readings of one meter cannot divide what two have counted."""
    before = point("2026-05-04T17:00", "100")
    same = point("2026-05-04T16:00", "99")
    # The new one has counted 5, of which the totals show 1.
    after = Point(at("2026-05-04T18:00"), D(5), before.total + 1)
    assert amount(before, after, STEPS, {at("2026-05-04T17:30"): D(3)}) is (
        Unpriced.UNKNOWN
    )
    exchanged = Point(before.time, D(2), same.total + 1)
    assert amount(same, exchanged, STEPS, {}) == D("0.4")


@pytest.mark.parametrize(
    ("day", "hours", "night"),
    [("2026-03-29", 23, 7), ("2026-10-25", 25, 9), ("2026-05-04", 24, 8)],
)
def test_days_of_another_length(day: str, hours: int, night: int) -> None:
    """The night of the wall clock has 7 hours in March and 9 in October."""
    midnight = at(f"{day}T00:00")
    points = [Point(midnight + n * HOUR, D(n), D(n)) for n in range(hours + 1)]
    quarters = {midnight + n * HOUR / 4: D(n) / 4 for n in range(1, 4 * hours)}
    done = plan(points, [], midnight, STEPS, quarters)
    assert len(done.rows) == hours
    # 17:30 to 18:15 costs 0.60.
    other = hours - night - D("0.75")
    assert done.rows[-1].total == night * D("0.20") + other * D("0.40") + D("0.45")
    assert done.unknown == ()


def test_a_price_holds_from_its_day_on() -> None:
    """A later one from midnight on; before the first one nothing has a price."""
    rates = Rates.of_prices(
        [
            Price(begin=date(2026, 5, 2), standard=D("0.5")),
            Price(begin=date(2026, 5, 1), standard=D("0.3")),
        ]
    )
    hours = [at("2026-04-30T23:00") + n * HOUR for n in range(27)]
    points = [Point(hour, D(n), D(n)) for n, hour in enumerate(hours)]
    done = plan(points, [], hours[0], rates, {})
    assert done.rows[0].time == at("2026-05-01T01:00")
    assert [row.amount for row in done.rows] == [D("0.3")] * 24 + [D("0.5")]
    assert done.rows[-1].total == 24 * D("0.3") + D("0.5")


def test_holidays_are_sundays() -> None:
    """1 May 2026 is a Friday."""
    sunday = Window(stage=1, start=time(0), end=time(0), weekdays=frozenset({6}))
    price = Price(
        begin=date(2026, 1, 1),
        standard=D(2),
        windows=(sunday,),
        prices=(D(1),),
        holidays=frozenset({date(2026, 5, 1)}),
    )
    rates = Rates.of_prices([price])
    days = ("2026-05-01", "2026-05-02", "2026-05-03")
    assert [rates.at(at(f"{day}T12:00")) for day in days] == [D(1), D(2), D(1)]


def test_windows_stand_on_quarter_hours() -> None:
    """Others are refused when they are entered."""
    with pytest.raises(TariffInvalid):
        Price(
            begin=date(2026, 1, 1),
            standard=D(1),
            windows=(Window(stage=1, start=time(6, 10), end=time(7)),),
            prices=(D(2),),
        )


def test_gas() -> None:
    """12.34 m³ x 0.9512 x 11.2 = 131.4634496 kWh, at 0.1123 = 14.763345390 EUR."""
    factors = [
        Factor(begin=date(2026, 1, 1), value=D("0.9512") * D("11.2")),
        Factor(begin=date(2026, 6, 1), value=D("0.95") * D(11)),
    ]
    price = Price(begin=date(2025, 1, 1), standard=D("0.1123"), per_energy=True)
    before, after = (
        point("2026-05-04T12:00", "100"),
        point("2026-05-04T13:00", "112.34"),
    )
    in_kwh, in_money = Rates.of_factors(factors), Rates.of_prices([price], factors)
    assert amount(before, after, in_kwh, {}) == D("131.463449600")
    assert amount(before, after, in_money, {}) == D("14.763345390")
    earlier = point("2025-12-31T12:00", "100"), point("2025-12-31T13:00", "101")
    assert amount(*earlier, in_money, {}) is Unpriced.NO_RATE


HOURS = [at("2026-05-04T00:00") + n * HOUR for n in range(1, 60)]
FIXED = Rates.of_prices([Price(begin=date(2026, 1, 1), standard=D("0.3333333333"))])


def points_of(values: dict[int, int]) -> list[Point]:
    """Return points by the number of their hour."""
    return [Point(HOURS[n], D(v), D(v)) for n, v in sorted(values.items())]


def apply(stored: list[Amount], done: Plan) -> list[Amount]:
    """Do to stored rows what a plan says, as the recorder does."""
    rows = {
        row.time: row._replace(total=row.total + done.lift)
        if done.lift_from and row.time >= done.lift_from
        else row
        for row in stored
    }
    rows |= {row.time: row for row in done.rows}
    return [rows[key] for key in sorted(rows)]


@given(
    st.lists(
        st.dictionaries(st.integers(0, 58), st.integers(0, 9), min_size=1), min_size=1
    )
)
def test_any_pieces_in_any_order(pieces: list[dict[int, int]]) -> None:
    """What comes later, before, between, or corrected: in the end it is as if at once."""
    counted: dict[int, int] = {}
    stored: list[Amount] = []
    for piece in pieces:
        counted |= {n: 1000 * n + v for n, v in piece.items()}
        first, last = HOURS[min(piece)], HOURS[max(piece)]
        points = points_of(counted)
        behind = next((one.time for one in points if one.time > last), last)
        done = plan(points, stored, first, FIXED, {}, last=behind)
        stored = apply(stored, done)
        again = plan(points, stored, first, FIXED, {}, last=behind)
        assert (again.rows, again.lift) == ((), 0)
    assert stored == list(plan(points_of(counted), [], HOURS[0], FIXED, {}).rows)
    total = D(0)
    for (before, after), row in zip(pairwise(points_of(counted)), stored, strict=True):
        exact = (after.total - before.total) * D("0.3333333333")
        assert abs(row.amount - exact) <= D("0.0000000005")
        total += row.amount
        assert row.total == total


def test_what_has_no_price_any_more_stays() -> None:
    """It is the past; what comes behind it goes on from there."""
    points = points_of({0: 0, 1: 1, 2: 2})
    stored = [Amount(HOURS[1], D(7), D(7))]
    later = Rates.of_prices([Price(begin=date(2027, 1, 1), standard=D(1))])
    assert plan(points, stored, HOURS[0], later, {}).rows == ()
    done = plan(points, stored, HOURS[2], FIXED, {})
    assert done.rows == (Amount(HOURS[2], D("0.333333333"), D("7.333333333")),)


def test_nobody_knows() -> None:
    """A stored amount is kept while its price holds; another price has none of it."""
    points = [point("2026-05-04T17:00", "100"), point("2026-05-04T18:00", "101")]
    six = points[1].time
    stored = [Amount(six, D("0.46"), D("0.46"))]
    first = points[0].time
    kept = plan(points, stored, first, STEPS, {})
    assert (kept.rows, kept.unknown) == ((), ((first, six),))
    gone = plan(points, stored, first, STEPS, {}, changed=at("2026-05-04T00:00"))
    assert gone.rows == (Amount(six, D(0), D(0)),)
    before = plan(points, stored, first, STEPS, {}, changed=at("2026-05-05T00:00"))
    assert before.rows == ()
    assert plan(points, [], first, STEPS, {}).rows == ()
