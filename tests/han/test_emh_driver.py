"""What one poll asks of an EMH, and what it tells."""

from collections.abc import Generator
from datetime import timedelta

import pytest

from custom_components.smgw.han import emh, errors
from custom_components.smgw.han.errors import SmgwError
from custom_components.smgw.han.model import Skipped
from custom_components.smgw.han.units import Unit
from simulator.clock import SimClock
from simulator.emh import SCENARIOS, Account, EmhGateway

from .helpers import HOUSE, STAIRWELL, START, Reader, transport_to, truths
from .hostile import CHALLENGE, hostile, ok

TOTALS = ["1-0:1.8.0", "1-0:1.8.1", "1-0:1.8.2", "1-0:2.8.0"]
REGISTERS = {
    STAIRWELL: ["1-0:1.8.0"],
    HOUSE: TOTALS,
    "7ELS0045678901": ["7-0:3.0.0"],
    "8HYD0056789012": ["8-0:1.0.0"],
    "6KAM0067890123": ["6-0:1.0.0"],
}


@pytest.fixture
def gateway(socket_enabled: None, clock: SimClock) -> Generator[EmhGateway]:
    """A gateway with meters of four media."""
    with EmhGateway(clock=clock) as running:
        yield running


async def test_snapshot(reader: Reader, gateway: EmhGateway) -> None:
    """Gateway and meters as they are."""
    snapshot = await reader.read()
    assert snapshot.gateway.gateway_id == gateway.gateway_id
    assert snapshot.gateway.firmware == gateway.firmware
    assert snapshot.gateway.clock == START
    assert {m: list(v.readings) for m, v in snapshot.meters.items()} == REGISTERS
    assert snapshot.skipped == ()
    truths(snapshot, gateway)
    reading = snapshot.meters[HOUSE].readings["1-0:1.8.0"]
    assert reading.target_time == START.replace(minute=0)
    assert reading.signature is None
    assert snapshot.meters[HOUSE].logical_name == "1emh0012345678.sm"


async def test_requests(reader: Reader, gateway: EmhGateway) -> None:
    """A challenge, the list, the gateway, and one for each meter: on one connection."""
    for count in (1, 2, 3):
        snapshot = await reader.read()
        assert reader.actions == [
            ("origin", 401),
            ("origin", 200),
            ("systeminformations", 200),
            *[("extended", 200)] * 5,
        ]
        assert snapshot.requests == 8
        assert gateway.logins == gateway.connections == count
        assert gateway.most_connections == 1


@pytest.mark.parametrize("scenario", ["one", "two", "feed_in", "taf10", "house"])
@pytest.mark.parametrize("live", [False, True])
async def test_scenarios(
    socket_enabled: None, clock: SimClock, scenario: str, live: bool
) -> None:
    """One register, export only, sixteen values, several media."""
    with EmhGateway(clock=clock, scenario=SCENARIOS[scenario]()) as gateway:
        if live:
            gateway.faults.add("live_values")
        reader = Reader(gateway)
        for _ in range(3):
            snapshot = await reader.read()
            assert snapshot.skipped == ()
            assert all(meter.readings for meter in snapshot.meters.values())
            truths(snapshot, gateway)
            clock.advance(timedelta(seconds=61))


async def test_live_values(reader: Reader, gateway: EmhGateway) -> None:
    """Power (signed), voltage, current, frequency and angles of this second."""
    gateway.faults.add("live_values")
    house = (await reader.read()).meters[HOUSE]
    assert house.last_capture == START
    assert {r.register.unit for r in house.readings.values()} == {
        *(Unit.KILOWATT_HOUR, Unit.WATT, Unit.VOLT, Unit.AMPERE),
        *(Unit.HERTZ, Unit.DEGREE),
    }
    assert len(house.readings) == 4 + 16


VARIANTS = [
    *("status_14", "meter_status", "ptb_warning", "signatures", "gzip", "mdns_off"),
    *("months_kept", "month_404", "current_refused", "periods_late"),
    *("contracts_expired", "no_contracts", "overwhelmed", "idle_close"),
]


@pytest.mark.parametrize("variant", VARIANTS)
async def test_variants(reader: Reader, gateway: EmhGateway, variant: str) -> None:
    """Every configuration is read right; contracts do not matter."""
    gateway.faults.add(variant)
    for _ in range(3):
        snapshot = await reader.read()
        assert {m: list(v.readings) for m, v in snapshot.meters.items()} == REGISTERS
        assert snapshot.skipped == ()
        truths(snapshot, gateway)
        assert snapshot.gateway.clock == gateway.clock.now()
        gateway.clock.advance(timedelta(minutes=15))


async def test_only_totals(reader: Reader, gateway: EmhGateway) -> None:
    """Many operators show no more."""
    gateway.faults.add("only_totals")
    house = (await reader.read()).meters[HOUSE]
    assert list(house.readings) == ["1-0:1.8.0", "1-0:2.8.0"]


async def test_signature(reader: Reader, gateway: EmhGateway) -> None:
    """A signature is passed on as delivered."""
    gateway.faults.add("signatures")
    reading = (await reader.read()).meters[HOUSE].readings["1-0:1.8.0"]
    assert reading.signature is not None
    assert len(reading.signature) == 128


async def test_scaler_changes(socket_enabled: None, clock: SimClock) -> None:
    """The scaler stands beside each value."""
    with EmhGateway(clock=clock, scenario=SCENARIOS["two"]()) as gateway:
        reader = Reader(gateway)
        for scaler in (-3, -2, -1, -3):
            gateway.faults.add("scaler", value=scaler)
            snapshot = await reader.read()
            assert snapshot.skipped == ()
            truths(snapshot, gateway)
            clock.advance(timedelta(minutes=15))


@pytest.mark.parametrize("digits", [14, 16])
@pytest.mark.parametrize(
    ("fault", "reasons"),
    [
        ("not_valid", {"invalid"}),
        ("clock_invalid", {"invalid"}),
        ("fatal_status", {"invalid"}),
        ("no_values", set()),
        ("unit", {"unknown_unit"}),
    ],
)
async def test_no_valid_values(
    reader: Reader, gateway: EmhGateway, fault: str, reasons: set[str], digits: int
) -> None:
    """What is not valid never becomes a reading, however long the status is."""
    gateway.faults.add(fault)
    if digits == 14:
        gateway.faults.add("status_14")
    snapshot = await reader.read()
    assert list(snapshot.meters) == list(REGISTERS)
    assert not any(meter.readings for meter in snapshot.meters.values())
    assert {skipped.reason for skipped in snapshot.skipped} == reasons


async def test_no_meters(reader: Reader, gateway: EmhGateway) -> None:
    """Nothing assigned."""
    gateway.faults.add("no_meters")
    with pytest.raises(errors.NoMeterAssigned):
        await reader.read()


async def test_meter_exchange(reader: Reader, gateway: EmhGateway) -> None:
    """The list tells at once: the old meter is gone, the new one is there."""
    await reader.read()
    gateway.faults.add("meter_exchange", meter="1emh0012345678", new="1emh0099999999")
    for _ in range(3):
        snapshot = await reader.read()
        assert HOUSE not in snapshot.meters
        assert "1EMH0099999999" in snapshot.meters
        truths(snapshot, gateway)
        gateway.clock.advance(timedelta(minutes=15))
    assert list(snapshot.meters["1EMH0099999999"].readings) == TOTALS


@pytest.mark.parametrize("fault", ["stale_values", "clock_stands", "gap"])
async def test_old_values(reader: Reader, gateway: EmhGateway, fault: str) -> None:
    """Old values are true ones, with their age."""
    gateway.faults.add(fault)
    gateway.clock.advance(timedelta(hours=3))
    snapshot = await reader.read()
    truths(snapshot, gateway)
    assert {m: list(v.readings) for m, v in snapshot.meters.items()} == REGISTERS
    expected = START if fault == "clock_stands" else gateway.clock.now()
    assert snapshot.gateway.clock == expected


@pytest.mark.parametrize("slots", [92, 100])
async def test_change_of_daylight_saving(
    reader: Reader, gateway: EmhGateway, slots: int
) -> None:
    """Times carry their offset: the hour that comes twice does not matter."""
    gateway.faults.add("dst_day", slots=slots)
    truths(await reader.read(), gateway)


async def test_clock_is_wrong(reader: Reader, gateway: EmhGateway) -> None:
    """Told as it is."""
    gateway.faults.add("clock_skew", seconds=-3600)
    assert (await reader.read()).gateway.clock == START - timedelta(hours=1)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"wert": "1e9999"}, "no_value"),
        ({"wert": ""}, "no_value"),
        ({"obis_text": "0100ff"}, "unknown_obis"),
        ({"einheit": "kWh"}, "unknown_unit"),
    ],
)
async def test_bad_values_are_skipped(
    reader: Reader, gateway: EmhGateway, change: dict[str, str], reason: str
) -> None:
    """One bad value costs nothing but itself."""
    gateway.override("1emh0012345678", "1-0:2.8.0", **change)
    snapshot = await reader.read()
    assert list(snapshot.meters[HOUSE].readings) == TOTALS[:3]
    assert {skipped.reason for skipped in snapshot.skipped} == {reason}
    truths(snapshot, gateway)


async def test_logins_that_see_parts(socket_enabled: None, clock: SimClock) -> None:
    """Each account sees its own."""
    users = {
        "zwei": Account("pw", meters=("1esy0060178981",)),
        "drei": Account("pw", obis=("1-0:2.8.0",), meters=("1emh0012345678",)),
    }
    with EmhGateway(clock=clock, users=users) as gateway:
        reader = Reader(gateway)
        for _ in range(2):
            assert len((await reader.read()).meters) == 5
            assert list((await reader.read_as("zwei", "pw")).meters) == [STAIRWELL]
            house = (await reader.read_as("drei", "pw")).meters[HOUSE]
            assert list(house.readings) == ["1-0:2.8.0"]


async def test_realm(gateway: EmhGateway) -> None:
    """The gateway's id, before any login."""
    assert await emh.realm(transport_to(gateway)) == gateway.gateway_id


def challenge(realm: bytes) -> bytes:
    """Return a challenge in some name."""
    return CHALLENGE.replace(b'realm="r"', b"realm=" + realm)


@pytest.mark.parametrize(
    ("realm", "told"),
    [
        (b'"eppc0210123456"', "EPPC0210123456"),
        (b"EPPC0210123456", "EPPC0210123456"),
        (b'"r"', None),
        (b'""', None),
    ],
)
async def test_check(socket_enabled: None, realm: bytes, told: str | None) -> None:
    """This gateway's realm, or one that says nothing."""
    with hostile(lambda *_: [challenge(realm)]) as server:
        assert await emh.realm(server.transport()) == told
        await server.driver("EMH").check()


async def test_check_another(socket_enabled: None) -> None:
    """Another gateway's realm."""
    with (
        hostile(lambda *_: [challenge(b'"eemh0210123456"')]) as server,
        pytest.raises(errors.WrongGateway),
    ):
        await server.driver("EMH").check()


def status(code: int) -> bytes:
    """Return an answer without a body."""
    return f"HTTP/1.1 {code} No\r\nContent-Length: 0\r\n\r\n".encode()


LIST = ok(b'["1esy0060178981", "1emh0012345678", 7, "../x", "1ESY0060178981"]')
SYSTEM = ok(b'{"huid": "eppc0210123456", "firmwareversion": "1 / 2"}')
VALUES = ok(
    b'{"timestamp": "2026-11-20T10:00:03+01:00", "status": "a000000020003800", '
    b'"values": [{"logical_name": "0100010800ff.1emh0012345678.sm", "scaler": -1, '
    b'"unit": 30, "value": "41234567"}, {"logical_name": "0100020800ff.1xyz.sm", '
    b'"scaler": -1, "unit": 30, "value": "1"}]}'
)


@pytest.mark.parametrize(
    ("answers", "error"),
    [
        ([status(404)], errors.PageUnreadable),
        ([ok(b"{}")], errors.PageUnreadable),
        ([ok(b"null")], errors.PageUnreadable),
        ([status(400)], errors.PageUnreadable),
        ([status(405)], errors.PageUnreadable),
        ([status(302)], errors.NotAGateway),
        ([ok(b"[1, null]"), SYSTEM], errors.NoMeterAssigned),
        ([LIST, ok(b'{"huid": "ethe0210123456"}')], errors.WrongGateway),
        ([LIST, SYSTEM, ok(b"[]")], errors.PageUnreadable),
        ([LIST, SYSTEM, status(403)], errors.PageUnreadable),
    ],
)
async def test_odd_answers(
    socket_enabled: None, answers: list[bytes], error: type[SmgwError]
) -> None:
    """After the login: whatever comes has a name."""
    script = [CHALLENGE, *answers]
    with hostile(lambda n, _: [script[n - 1]]) as server:
        with pytest.raises(SmgwError) as caught:
            await server.read(server.driver("EMH"))
        assert caught.value.key == error.key
    assert len(server.received) == len(script)


@pytest.mark.parametrize(
    "system",
    [
        status(404),
        status(400),
        status(500),
        ok(b""),
        ok(b"[]"),
        ok(b'{"huid": 7, "firmwareversion": [], "systemtime": "gestern"}'),
    ],
)
@pytest.mark.parametrize(
    ("first", "reason"), [(404, "meter_gone"), (400, "not_readable")]
)
async def test_little_is_needed(
    socket_enabled: None, system: bytes, first: int, reason: str
) -> None:
    """A gateway that says nothing of itself, and a meter that is gone: the rest is read."""
    script = [CHALLENGE, LIST, system, status(first), VALUES]
    with hostile(lambda n, _: [script[n - 1]]) as server:
        snapshot = await server.read(server.driver("EMH"))
    assert snapshot.gateway.firmware is None
    assert snapshot.gateway.clock is None
    assert list(snapshot.meters) == [HOUSE]
    reading = snapshot.meters[HOUSE].readings["1-0:1.8.0"]
    assert str(reading.value) == "4123.4567"
    assert reading.capture_time == START.replace(minute=0, second=3)
    assert snapshot.skipped == (
        Skipped(where=STAIRWELL, reason=reason),
        Skipped(where=f"{HOUSE} 0100020800ff", reason="other_meter"),
    )


async def test_no_time(socket_enabled: None) -> None:
    """A value of no known time is none."""
    late = VALUES.replace(b"+01:00", b"      ")
    script = [CHALLENGE, ok(b'["1emh0012345678"]'), SYSTEM, late]
    with hostile(lambda n, _: [script[n - 1]]) as server:
        snapshot = await server.read(server.driver("EMH"))
    assert snapshot.meters[HOUSE].readings == {}
    assert {skipped.reason for skipped in snapshot.skipped} == {
        "no_time",
        "other_meter",
    }
