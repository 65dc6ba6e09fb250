"""What holds for every list of a gateway's history, however odd: hypothesis tries."""

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given, settings, strategies as st

from custom_components.smgw.han import (
    emh_contracts,
    emh_log,
    emh_rows,
    theben_contracts,
    theben_log,
    theben_pages,
    theben_rows,
)
from custom_components.smgw.han.errors import PageUnreadable
from custom_components.smgw.han.history import ProfileRow, Span
from custom_components.smgw.han.model import Register
from custom_components.smgw.han.obis import Obis
from custom_components.smgw.han.profiles import ProfileBuilder
from custom_components.smgw.han.units import Unit

from .helpers import HOUSE, START
from .test_json_properties import (
    ANY,
    CONTAINER,
    METER,
    POINT_INFO,
    READINGS,
    USER_INFO,
    mutated,
)

SPAN = Span(START - timedelta(hours=1), START)
TRUE = {Decimal("4123.4567"), Decimal("8.123"), Decimal("232.5"), Decimal("0.0066")}
TRUE_CONTAINER = TRUE - {Decimal("0.0066")}
LOG: Any = {
    "log": {
        "entries": [
            {
                "index": "412",
                "time": "2026-11-20T09:01:10Z",
                "level": "1",
                "outcome": "0",
                "message": "Beispieltext",
                "vendor-id": "BSI",
                "event-id": "16001",
                "event-sub-id": "0",
            }
        ]
    }
}
MONTH_LOG: Any = [
    {
        "level": "info",
        "outcome": "erfolgreich",
        "recordnumber": 41,
        "text": "Beispiel",
        "timestamp": "2026-11-20T10:01:10+01:00",
    }
]
CONTRACT: Any = {
    "capture_period": 900,
    "metering_point_id": "DE1",
    "sensor_domains": [METER],
    "taf_type": "TAF-1",
    "validity_start": 1748815200,
    "validity_end": 0,
}
PERIODS: Any = [
    {"start": "2026-11-01T00:01:00+01:00", "end": "2026-12-01T00:00:00+01:00"}
]
DAILY: Any = [
    {
        "0100010800ff": "4123.4567 kWh",
        "timestamp_act": "2026-11-20T00:00:03+01:00",
        "timestamp_nom": "2026-11-20T00:00:00+01:00",
        "status": "a000000020003800",
    }
]


def profile_values(found: list[tuple[Register, list[ProfileRow]]]) -> set[Decimal]:
    """Return the usable values of the profiles made of these rows."""
    values = set()
    for register, rows in found:
        builder = ProfileBuilder(register)
        builder.add(rows)
        builder.add(rows)
        profile = builder.build(SPAN, [])
        targets = [row.target_time for row in profile.rows]
        assert targets == sorted(set(targets))
        assert all(target in SPAN for target in targets)
        values |= {row.value for row in profile.rows if row.usable and row.value}
        assert all(value.is_finite() for value in values)
    return values


def theben(user_info: Any, point_info: Any, answer: Any) -> set[Decimal]:
    """Read answers in every way the session does."""
    values: set[Decimal] = set()
    for contract in theben_contracts.contracts(user_info, START):
        theben_contracts.overlaps(contract, SPAN.start, SPAN.end)
        f"{contract}".encode()
    for point in theben_pages.usage_points(user_info).values():
        for database in ("origin", "derived"):
            point = replace(point, channels=theben_pages.channels(point_info, database))
            theben_rows.derived(answer, point, None, [])
        point = replace(point, channels=theben_pages.channels(point_info))
        found, skipped = theben_rows.profile(answer, point, HOUSE)
        values |= profile_values(found)
        f"{skipped}".encode()
    return values


def emh(answer: Any) -> set[Decimal]:
    """Read a month in every way the session does."""
    emh_rows.derived(answer, HOUSE)
    found, skipped = emh_rows.profiles(answer, HOUSE)
    f"{skipped}".encode()
    return profile_values(list(found.values()))


def test_unbroken() -> None:
    """The answers themselves; two channels have a value that is marked invalid."""
    assert theben(USER_INFO, POINT_INFO, READINGS) == TRUE - {Decimal("0.0066")}
    assert emh([CONTAINER]) == TRUE_CONTAINER
    (day,) = emh_rows.daily(DAILY, HOUSE)
    assert day.row.value == Decimal("4123.4567")
    contract = emh_contracts.contract(CONTRACT, "x", PERIODS, START)
    assert contract.billing_periods[0].start.minute == 0
    assert contract.taf == 1
    (entry,) = theben_log.entries(LOG)
    assert entry.event_id == "BSI.16001.0"
    (entry,) = emh_log.entries(MONTH_LOG)
    assert entry.success


@given(ANY, ANY, ANY)
def test_any_json(a: Any, b: Any, c: Any) -> None:
    """Whatever shape comes: something or nothing, never a crash."""
    theben(a, b, c)
    emh(a)
    emh_rows.daily(b, HOUSE)
    for answer in (a, b, c):
        f"{theben_log.entries(answer)}{emh_log.entries(answer)}".encode()
    with suppress(PageUnreadable):
        f"{emh_contracts.contract(a, 'x', b, START)}".encode()


@settings(max_examples=200)
@given(mutated(USER_INFO), mutated(POINT_INFO), mutated(READINGS))
def test_mutated_theben(a: Any, b: Any, c: Any) -> None:
    """Each answer broken a little."""
    theben(a, POINT_INFO, READINGS)
    theben(USER_INFO, b, READINGS)
    theben(USER_INFO, POINT_INFO, c)


@settings(max_examples=200)
@given(mutated([CONTAINER]), mutated(DAILY), mutated(CONTRACT), mutated(PERIODS))
def test_mutated_emh(a: Any, b: Any, c: Any, d: Any) -> None:
    """Each answer broken a little."""
    emh(a)
    emh_rows.daily(b, HOUSE)
    with suppress(PageUnreadable):
        f"{emh_contracts.contract(c, 'x', d, START)}".encode()


@given(mutated(LOG), mutated(MONTH_LOG))
def test_mutated_logs(a: Any, b: Any) -> None:
    """Entries, or fewer."""
    f"{theben_log.entries(a)}{emh_log.entries(b)}".encode()


VALUES = st.integers(0, 3)


@given(
    st.lists(
        st.lists(st.tuples(st.integers(-30, 300), VALUES, st.booleans()), max_size=12),
        max_size=3,
    )
)
def test_one_row_per_slot(sources: list[list[tuple[int, int, bool]]]) -> None:
    """Whatever sources say of a slot: one row, none if usable values contradict."""
    register = Register(
        meter_id=HOUSE, obis=Obis(1, 0, 1, 8, 0), unit=Unit.KILOWATT_HOUR, name=""
    )
    builder = ProfileBuilder(register)
    said: dict[int, set[int]] = {}
    for source in sources:
        rows = []
        for quarter, value, good in source:
            time = SPAN.end - timedelta(minutes=7) - timedelta(minutes=15 * quarter)
            said.setdefault(quarter, set()).update({value} if good else ())
            number = Decimal(value) if good else None
            rows.append(ProfileRow(time, time, number, None, "", None))
        builder.add(rows)
    skipped: list[Any] = []
    span = Span(SPAN.end - timedelta(minutes=15 * 100), SPAN.end)
    profile = builder.build(span, skipped)

    expected = {q: v for q, v in said.items() if 0 <= q < 100 and len(v) < 2}
    assert len(profile.rows) == len(expected)
    for row in profile.rows:
        quarter = round((SPAN.end - row.target_time) / timedelta(minutes=15) - 0.4)
        values = expected[quarter]
        assert row.value == (Decimal(values.pop()) if values else None)
