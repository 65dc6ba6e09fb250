"""The history table: range, order, pages, summer time, truth."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from simulator.clock import BERLIN
from simulator.ppc import PpcGateway

from .client import HanClient, column
from .conftest import HOUSE, NOW, STAIRS


def local(text: str, fold: int = 0) -> datetime:
    """Return a Berlin wall time as an aware time."""
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN, fold=fold)


def test_today(client: HanClient, gateway: PpcGateway) -> None:
    """A date alone covers that day; newest first; each value is the truth."""
    reply = client.values(STAIRS, "2026-05-12", "2026-05-12")
    stamps, values = column(reply, "timestamp"), column(reply, "wert")
    assert len(stamps) == 41
    assert stamps == sorted(stamps, reverse=True)
    assert stamps[-1].startswith("2026-05-12 00:00:0")
    assert "Von 2026-05-12 bis 2026-05-12, Seite 1" in reply.content
    for stamp, value in zip(stamps, values, strict=True):
        captured = local(stamp)
        assert gateway.true_register(STAIRS, "1-0:1.8.0", captured) == Decimal(value)
        nominal = captured.replace(second=0)
        assert gateway.true_register(STAIRS, "1-0:1.8.0", nominal) == Decimal(value)


def test_range_is_inclusive(client: HanClient) -> None:
    """Both ends count, to the second."""
    stamp = column(client.profile(STAIRS), "timestamp")[0]
    reply = client.values(STAIRS, stamp, stamp)
    assert column(reply, "timestamp") == [stamp]


def test_end_of_day(client: HanClient) -> None:
    """The last quarter hour is stamped on the next day."""
    reply = client.values(STAIRS, "2026-05-10 00:15:00", "2026-05-11 00:15:00")
    stamps = column(reply, "timestamp")
    assert stamps[0].startswith("2026-05-11 00:00:0")
    assert len(stamps) == 96


@pytest.mark.parametrize(
    ("day", "rows"), [("2025-10-26", 100), ("2026-03-29", 92), ("2026-03-28", 96)]
)
def test_days_of_summer_time(client: HanClient, day: str, rows: int) -> None:
    """92, 96 or 100 quarter hours of four registers."""
    reply = client.values(HOUSE, day, day)
    assert len(column(reply, "timestamp")) == rows * 4


def test_both_passes_of_the_october_hour(
    client: HanClient, gateway: PpcGateway
) -> None:
    """The hour comes twice, its second pass above the first."""
    reply = client.values(STAIRS, "2025-10-26 01:50:00", "2025-10-26 03:10:00")
    stamps, values = column(reply, "timestamp"), column(reply, "wert")
    assert [s[11:16] for s in stamps] == [
        *("03:00", "02:45", "02:30", "02:15", "02:00"),
        *("02:45", "02:30", "02:15", "02:00"),
    ]
    numbers = [Decimal(value) for value in values]
    assert numbers == sorted(numbers, reverse=True)
    first, second = local(stamps[8]), local(stamps[4], fold=1)
    assert second.timestamp() - first.timestamp() > 59 * 60
    assert gateway.true_register(STAIRS, "1-0:1.8.0", first) == numbers[8]
    assert gateway.true_register(STAIRS, "1-0:1.8.0", second) == numbers[4]


def test_pages(client: HanClient, gateway: PpcGateway) -> None:
    """Page 2 is asked with the mid of page 1; together they are all rows."""
    gateway.faults.add("small_pages", rows=30)
    reply = client.values(STAIRS, "2026-05-11", "2026-05-11")
    stamps = column(reply, "timestamp")
    number = 1
    while reply.page.texts("table_metervalues_button_nextpage"):
        number += 1
        mid = reply.page.named("mid")[-1]
        reply = client.post(
            "showMeterValues",
            mid=mid,
            from_="2026-05-11",
            to="2026-05-11",
            page=str(number),
        )
        assert f"Seite {number}" in reply.content
        stamps += column(reply, "timestamp")
    assert number == 4
    assert len(stamps) == len(set(stamps)) == 96


@pytest.mark.parametrize("changed", [False, True])
def test_pages_cut_readings(
    client: HanClient, gateway: PpcGateway, *, changed: bool
) -> None:
    """A page may end inside a reading of four registers; nothing is lost."""
    if changed:
        gateway.scenario.meters.duplicate_rows(HOUSE, "1-0:9.9.9")
    whole = column(client.values(HOUSE, "2026-05-11", "2026-05-11"), "wert")
    gateway.faults.add("small_pages", rows=50)
    parts: list[str] = []
    for page in range(1, 9):
        reply = client.values(HOUSE, "2026-05-11", "2026-05-11", page=str(page))
        parts += column(reply, "wert")
    assert parts == whole
    assert len(whole) == 96 * 4


def test_a_whole_day_is_one_page(client: HanClient) -> None:
    """Observed: 100 timestamps of several registers come without paging."""
    reply = client.values(HOUSE, "2025-10-26", "2025-10-26")
    assert not reply.page.texts("table_metervalues_button_nextpage")


def test_nothing_there(client: HanClient) -> None:
    """Future, before the history, reversed."""
    for begin, end in (
        ("2026-05-13", "2026-05-14"),
        ("2020-01-01", "2020-01-02"),
        ("2026-05-12", "2026-05-11"),
    ):
        reply = client.values(STAIRS, begin, end)
        assert reply.content == "Keine Zählerdaten vorhanden"
        assert "Keine Z&auml;hlerdaten vorhanden" in reply.text


@pytest.mark.parametrize(
    ("begin", "end", "field"),
    [
        ("1970-01-01", "2026-05-12", "von"),
        ("1999-12-31", "2026-05-12", "von"),
        ("12.05.2026", "2026-05-12", "von"),
        ("2026-02-30", "2026-05-12", "von"),
        ("2026-05-12 25:00:00", "2026-05-12", "von"),
        ("2026-05-12T00:00:00", "2026-05-12", "von"),
        ("2026-05-12", "", "bis"),
    ],
)
def test_bad_dates(client: HanClient, begin: str, end: str, field: str) -> None:
    """The page names the field."""
    reply = client.values(STAIRS, begin, end)
    assert reply.content == f"Ungültige Zeitangabe '{field} (Datum)'"


def test_bad_page(client: HanClient) -> None:
    """A page that is no number, and one past the end."""
    for page, phrase in (("x", "Parameterfehler"), ("0", "Parameterfehler")):
        reply = client.values(STAIRS, "2026-05-11", "2026-05-11", page=page)
        assert reply.content == phrase
    reply = client.values(STAIRS, "2026-05-11", "2026-05-11", page="9")
    assert reply.content == "Keine Zählerdaten vorhanden"


def test_list_mid_finds_nothing(client: HanClient) -> None:
    """Current firmware: the list's mid answers "no data" on value queries."""
    mid = client.meters()[STAIRS]
    dates = {"from_": "2026-05-12", "to": "2026-05-12"}
    reply = client.post("showMeterValues", mid=mid, **dates)
    assert reply.content == "Keine Zählerdaten vorhanden"


def test_profile_mid_serves(client: HanClient) -> None:
    """The hidden mid of the profile page serves too."""
    mid = client.profile(STAIRS).page.named("mid")[-1]
    dates = {"from_": "2026-05-12", "to": "2026-05-12"}
    reply = client.post("showMeterValues", mid=mid, **dates)
    assert len(column(reply, "wert")) == 41


def test_two_years(gateway: PpcGateway) -> None:
    """Registers rise strictly for two years and stay positive."""
    begin = NOW.replace(minute=0) - timedelta(days=730)
    for meter_id, obis in ((STAIRS, "1-0:1.8.0"), (HOUSE, "1-0:2.8.0")):
        last = Decimal(0)
        for step in range(730 * 96):
            at = begin + timedelta(minutes=15 * step)
            value = gateway.true_register(meter_id, obis, at)
            assert value > last
            last = value


def test_gaps_and_invalid_values(client: HanClient) -> None:
    """History has seeded gaps (3) and invalid values (2), today has none."""
    seen: set[str] = set()
    for month in range(1, 5):
        begin, end = f"2026-{month:02d}-11", f"2026-{month:02d}-20"
        reply = client.values(STAIRS, begin, end)
        valid = column(reply, "istvalide")
        seen |= set(valid)
        for flag, value in zip(valid, column(reply, "wert"), strict=True):
            assert (value == "") == (flag == "3")
    assert seen == {"1", "2", "3"}
    assert set(
        column(client.values(STAIRS, "2026-05-12", "2026-05-12"), "istvalide")
    ) == {"1"}


def test_same_seed_same_history(gateway: PpcGateway) -> None:
    """What passed in an hour does not depend on when the simulator started."""
    other = PpcGateway(seed=1)
    third = PpcGateway(seed=2)
    at = datetime(2026, 1, 20, 17, tzinfo=UTC)

    def hour(box: PpcGateway) -> Decimal:
        return box.true_register(HOUSE, "1-0:1.8.0", at) - box.true_register(
            HOUSE, "1-0:1.8.0", at - timedelta(hours=1)
        )

    assert hour(gateway) == hour(other) != hour(third)
