"""Theben: usage points, lists of values, the consumer log."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from simulator.clock import BERLIN
from simulator.scenario import GAS, GRID_STATE
from simulator.theben import SCENARIOS, ThebenGateway

from .box_client import ThebenClient, check, utc
from .conftest import HOUSE, NOW, STAIRS, StartTheben, Talk

SLOT = NOW - timedelta(minutes=7)
QUARTER = timedelta(minutes=15)


@pytest.fixture
def gateway(start_theben: StartTheben) -> ThebenGateway:
    """Return a running gateway."""
    return start_theben()


@pytest.fixture
def client(gateway: ThebenGateway, talk: Talk) -> ThebenClient:
    """Return a client."""
    made: ThebenClient = talk(gateway)
    return made


def test_usage_points(client: ThebenClient) -> None:
    """States, TAFs, directions, keys of a usage point."""
    points = client.points()
    states = {point["taf-state"] for point in points}
    assert states == {"running", "archive", "ready"}
    assert {point["taf-number"] for point in points} == {"1", "2", "6", "7", "14"}
    for point in points:
        number = int(point["taf-number"])
        assert point["usage-point-id"].startswith(f"01005e3180{0x20 + number:02x}.")
        assert point["usage-point-id"].endswith(".sm")
        assert len(point["metering-point-id"]) == 33
        assert set(point) == {
            *("billing-Periods", "capture-time", "delivery-id", "end-time", "meter"),
            *("metering-point-id", "on-demand-profile-configured", "start-time"),
            *("taf-number", "taf-state", "usage-point-id", "usage-point-name"),
        }
    ids = [point["usage-point-id"] for point in points]
    assert len(ids) == len(set(ids))
    names = {point["usage-point-name"] for point in points}
    assert {"TAF7_OCT_B+E_BEZUG", "TAF7_OCT_B+E_EINSP"} <= names
    archived = next(p for p in points if p["taf-state"] == "archive")
    assert archived["end-time"] < utc(NOW)
    assert any(p["end-time"] == "" for p in points)


def test_periods(client: ThebenClient) -> None:
    """Billing periods meet; local midnight, written in UTC."""
    for point in client.points():
        periods = point["billing-Periods"]
        for before, after in pairwise(periods):
            assert before["end-time"] == after["start-time"]
        for period in periods:
            at = datetime.fromisoformat(period["start-time"]).astimezone(BERLIN)
            assert (at.hour, at.day) == (0, 1)


def test_directions(client: ThebenClient, gateway: ThebenGateway) -> None:
    """Each direction has a usage point; both are true."""
    for name, obis in (("BEZUG", "0100010800ff"), ("EINSP", "0100020800ff")):
        values = client.values(client.point(HOUSE, name=name), last_reading=True)
        assert [value.obis for value in values] == [obis]
        check(gateway, HOUSE, values)


@pytest.mark.parametrize("last", [True, "true", "True"])
def test_last_reading(client: ThebenClient, last: Any) -> None:
    """A bool or the text; everything but null is text."""
    answer = client.read(
        "readings",
        usage_point_id=client.point(STAIRS),
        database="origin",
        last_reading=last,
    )
    assert answer["records"] == "1"
    ((channel,), (row,)) = answer["channels"], answer["channels"][0]["readings"]
    assert channel["obis"] == "0100010800ff"
    assert row == {
        "capture-time": row["capture-time"],
        "cosem-status": "a000000020003800",
        "meter-status": "20003800",
        "owner-number": f"{STAIRS}.sm",
        "signature": None,
        "smgw-status": "a0000000",
        "target-time": utc(SLOT),
        "value": "2457540",
    }


def test_window(client: ThebenClient, gateway: ThebenGateway) -> None:
    """Fromtime is exclusive, totime inclusive, by target time."""
    values = client.history(STAIRS, SLOT - 4 * QUARTER, SLOT)
    assert [v.target for v in values] == [SLOT - QUARTER * n for n in (3, 2, 1, 0)]
    check(gateway, STAIRS, values)
    assert client.history(STAIRS, SLOT, SLOT + timedelta(seconds=59)) == []


def test_31_days(client: ThebenClient, gateway: ThebenGateway) -> None:
    """31 days pass, a second more does not; gaps have no rows."""
    point = client.point(STAIRS)
    begin = SLOT - timedelta(days=31)
    values = client.values(point, fromtime=utc(begin), totime=utc(SLOT))
    meter = gateway.scenario.meters[STAIRS]
    slots = [SLOT - QUARTER * n for n in range(31 * 96)]
    there = [at for at in reversed(slots) if meter.validity(at) != "3"]
    assert [value.target for value in values] == there
    invalid = [v.target for v in values if v.status.startswith("a0020000")]
    assert invalid == [at for at in there if meter.validity(at) == "2"]
    check(gateway, STAIRS, values)
    reply = client.call(
        "readings",
        usage_point_id=point,
        database="origin",
        fromtime=utc(begin - timedelta(seconds=1)),
        totime=utc(SLOT),
    )
    assert reply.status == 400


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"usage_point_id": "nothing", "last_reading": True},
        {"database": "nothing", "last_reading": True},
        {"database": "derived", "last_reading": True},
        {"database": None, "last_reading": True},
        {"fromtime": "2026-05-12T00:00:00Z"},
        {"fromtime": "2026-05-12T00:00:00", "totime": "2026-05-12T01:00:00Z"},
        {"fromtime": "2026-05-12T02:00:00Z", "totime": "2026-05-12T01:00:00Z"},
        {"fromtime": "today", "totime": "tomorrow"},
        {"last_reading": True, "channels": ["0100010800ff"]},
        {"last_reading": True, "channels": 5},
    ],
)
def test_bad_parameters(client: ThebenClient, asked: dict[str, Any]) -> None:
    """400 with a text."""
    whole = {"usage_point_id": client.point(STAIRS), "database": "origin", **asked}
    reply = client.call("readings", **whole)
    assert reply.status == 400
    assert reply.body


def test_channel_filter(client: ThebenClient) -> None:
    """Only the channels asked for."""
    asked = {"usage_point_id": client.point(HOUSE, "2"), "database": "derived"}
    one = [{"channel": "0100010802ff"}]
    found = client.read("readings", **asked, last_reading=True, channels=one)
    assert [channel["obis"] for channel in found["channels"]] == ["0100010802ff"]


def test_databases(client: ThebenClient, gateway: ThebenGateway) -> None:
    """Derived values at period limits, tariff switches, day values."""
    month = datetime(2026, 4, 30, 22, tzinfo=UTC)
    (value,) = client.values(client.point(HOUSE, "1"), "derived", last_reading=True)
    assert value.target == month
    assert value.owner != f"{HOUSE}.sm"
    values = client.values(client.point(HOUSE, "2"), "derived", last_reading=True)
    assert [v.obis for v in values] == ["0100010801ff", "0100010802ff", "010001083fff"]
    assert values[-1].number == 0
    check(gateway, HOUSE, [value, *values[:2]])
    begin = NOW - timedelta(days=3)
    window = {"fromtime": utc(begin), "totime": utc(NOW)}
    switched = client.values(client.point(HOUSE, "2"), "calculated", **window)
    hours = {value.target.astimezone(BERLIN).hour for value in switched}
    assert hours <= {6, 22}
    check(gateway, HOUSE, [v for v in switched if v.obis != "010001083fff"])
    daily = client.values(client.point(HOUSE, name="BEZUG"), "daily", **window)
    assert {value.target.astimezone(BERLIN).hour for value in daily} == {0}
    assert len(daily) in {2, 3}


def test_not_kept(start_theben: StartTheben, talk: Talk) -> None:
    """TAF 10: no history, but a newest value of all sixteen registers."""
    gateway = start_theben(scenario=SCENARIOS["taf10"]())
    client = talk(gateway)
    point = client.point(GRID_STATE.id, "10")
    values = client.values(point, last_reading=True)
    assert len(values) == 16
    check(gateway, GRID_STATE.id, values)
    window = {"fromtime": utc(NOW - timedelta(days=1)), "totime": utc(NOW)}
    assert client.values(point, **window) == []
    units = {value.obis: value.unit for value in values}
    assert units["0100200700ff"] == 35
    assert units["01001f0700ff"] == 33
    assert units["01000e0700ff"] == 44
    assert units["0100510701ff"] == 8
    assert units["0100100700ff"] == 27


def test_gas(client: ThebenClient, gateway: ThebenGateway) -> None:
    """Volume with its own unit and scaler, each hour."""
    values = client.history(GAS.id, NOW - timedelta(hours=5), NOW)
    assert {(value.unit, value.scaler) for value in values} == {(13, -4)}
    assert len(values) == 5
    assert values[-1].number == Decimal("4711.0815")
    check(gateway, GAS.id, values)


def test_meter_exchange(client: ThebenClient, gateway: ThebenGateway) -> None:
    """The list of one usage point holds both meters."""
    before = client.point(STAIRS)
    gateway.exchange_meter(STAIRS, "1esy0060199999")
    gateway.clock.advance(timedelta(minutes=9))
    assert client.point("1esy0060199999") == before
    values = client.values(
        before, fromtime=utc(SLOT - 3 * QUARTER), totime=utc(SLOT + QUARTER)
    )
    owners = [value.owner for value in values]
    assert owners == [f"{STAIRS}.sm"] * 2 + ["1esy0060199999.sm"] * 2
    check(gateway, STAIRS, values[:2])
    check(gateway, "1esy0060199999", values[2:])


def test_profile(client: ThebenClient) -> None:
    """The tariff profile is a signed container in hex, the same each time."""
    asked = {"usage_point_id": client.point(STAIRS)}
    info = client.read("usage-point-info", **asked)
    assert bytes.fromhex(info["taf-profile"])[:1] == b"\x30"
    assert info == client.read("usage-point-info", **asked)
    assert info["emts"] == ["emt1.sm"]
    assert int(info["databases"][0]["records"]) > 15_000
    assert client.call("usage-point-info", usage_point_id="x").status == 400
    reply = client.call("usage-point-info", **asked, database="calculated")
    assert reply.status == 400


def test_log(client: ThebenClient) -> None:
    """Times, indices and counts; the first page of many."""
    entries = client.read("log")["entries"]
    numbers = [int(entry["index"]) for entry in entries]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    begin, end = entries[5]["time"], entries[10]["time"]
    part = client.read("log", fromtime=begin, totime=end)
    assert part["entries"] == entries[5:10]
    assert part["records"] == "5"
    found = client.read("log", fromindex=entries[7]["index"], count="3")
    assert found["entries"] == entries[7:10]
    assert client.read("log", count=2)["entries"] == entries[:2]
    assert all(isinstance(value, str) for value in entries[0].values())
    newest = client.read("log")["entries"][-1]
    assert "angemeldet" in newest["message"]
    assert newest["user-identity"] == "01005e318011.lv-hv-kunde.sm"
    boots = [e for e in entries if e["event-id"] == "19013"]
    assert boots[0]["vendor-id"] == "THE"


@pytest.mark.parametrize(
    "asked",
    [
        {"totime": "2026-05-12T00:00:00Z", "count": 3},
        {"fromindex": 1, "fromtime": "2026-05-12T00:00:00Z"},
        {"count": 1501},
        {"count": "many"},
        {"fromindex": "1" * 5000},
        {"fromtime": "0001-01-01T00:00:00+14:00"},
        {"count": True},
        {"fromindex": -1},
        {"fromtime": "yesterday"},
        {"something": "else"},
    ],
)
def test_bad_log(client: ThebenClient, asked: dict[str, Any]) -> None:
    """Combinations and values that are not allowed."""
    assert client.call("log", **asked).status == 400
