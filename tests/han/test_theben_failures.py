"""What can go wrong with a Theben, and what each failure is called."""

from collections.abc import Generator
from datetime import timedelta
from decimal import Decimal
import json

import pytest

from custom_components.smgw.han import errors
from custom_components.smgw.han.errors import SmgwError
from custom_components.smgw.han.model import Skipped
from simulator.clock import SimClock
from simulator.theben import SCENARIOS, ThebenGateway

from .helpers import STAIRWELL, Reader, truths
from .hostile import CHALLENGE, hostile, ok


@pytest.fixture
def gateway(socket_enabled: None, clock: SimClock) -> Generator[ThebenGateway]:
    """A gateway with contracts of all kinds."""
    with ThebenGateway(clock=clock) as running:
        yield running


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("old_xml_api", errors.OldInterface),
        ("no_meters", errors.NoMeterAssigned),
        ("no_contracts", errors.NoMeterAssigned),
        ("contracts_expired", errors.ContractsEnded),
        ("han_off", errors.TlsFailed),
    ],
)
async def test_each_failure_has_its_class(
    reader: Reader, gateway: ThebenGateway, fault: str, error: type[SmgwError]
) -> None:
    """What only a Theben does."""
    gateway.faults.add(fault)
    for _ in range(2):
        await reader.fails(error)
    gateway.faults.clear()
    truths(await reader.read(), gateway)


async def test_contracts_end(socket_enabled: None, clock: SimClock) -> None:
    """Contracts that end while we read are told once no value is fresh."""
    with ThebenGateway(clock=clock, scenario=SCENARIOS["one"]()) as gateway:
        reader = Reader(gateway)
        truths(await reader.read(), gateway)
        gateway.faults.add("contracts_expired", days=0)
        ends: list[type[SmgwError] | None] = []
        for _ in range(6):
            clock.advance(timedelta(minutes=30))
            try:
                truths(await reader.read(), gateway)
            except SmgwError as err:
                ends.append(type(err))
            else:
                ends.append(None)
        assert ends == [None, None, *[errors.ContractsEnded] * 4]


def redirect(location: str) -> bytes:
    """Return a redirect."""
    head = f"HTTP/1.1 307 No\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"
    return head.encode("latin-1")


@pytest.mark.parametrize(
    ("location", "error"),
    [
        ("", errors.NotAGateway),
        ("/", errors.NotAGateway),
        ("http://[", errors.NotAGateway),
        ("https://192.0.2.1/smgw/m2m/x.sm/json", errors.NotAGateway),
        ("https://127.0.0.1:1/smgw/m2m/x.sm/json", errors.NotAGateway),
        ("http://HOST/smgw/m2m/x.sm/json", errors.NotAGateway),
        ("//192.0.2.1/smgw/m2m/x.sm/json", errors.NotAGateway),
        ("https://evil@HOST/smgw/m2m/x.sm/json", errors.NotAGateway),
        ("/smgw/m2m/../../x/json", errors.NotAGateway),
        ("/smgw/m2m/x.sm/json?a=b", errors.NotAGateway),
        ("/smgw/m2m/a/b/json", errors.NotAGateway),
        ("/smgw/m2m/x.sm/getdata", errors.OldInterface),
        ("https://HOST/smgw/m2m/x.sm/getdata", errors.OldInterface),
    ],
)
async def test_redirects(
    socket_enabled: None, location: str, error: type[SmgwError]
) -> None:
    """The login follows no redirect but to the path of its own gateway."""
    place = ""
    with hostile(lambda n, _: [CHALLENGE if n == 1 else redirect(place)]) as server:
        place = location.replace("HOST", str(server.address))
        with pytest.raises(SmgwError) as caught:
            await server.read(server.driver("THE"))
        assert type(caught.value) is error
    assert len(server.received) == 2


PLACE = "/smgw/m2m/x.sm/json"
INFO = b'{"method": "smgw-info", "smgw-info": {"smgw-id": "eppc0210123456"}}'
POINT = b'{"user-info": {"usage-points": [{"usage-point-id": "p"}]}}'
NOT_FOUND = b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"
REFUSED = b"HTTP/1.1 400 No\r\nContent-Length: 0\r\n\r\n"


@pytest.mark.parametrize(
    ("answers", "error"),
    [
        ([NOT_FOUND], errors.PageUnreadable),
        ([REFUSED], errors.PageUnreadable),
        ([ok(b"[]")], errors.PageUnreadable),
        ([ok(b"{}")], errors.PageUnreadable),
        ([ok(b'{"method": "log"}')], errors.PageUnreadable),
        ([ok(INFO.replace(b"eppc02", b"eppc03"))], errors.WrongGateway),
        ([ok(INFO), ok(b"{}")], errors.NoMeterAssigned),
        ([ok(INFO), NOT_FOUND], errors.PageUnreadable),
        ([ok(INFO), ok(POINT), REFUSED], errors.PageUnreadable),
        ([ok(INFO), ok(POINT), ok(b"{}"), ok(b'"x"')], errors.PageUnreadable),
    ],
)
async def test_odd_answers(
    socket_enabled: None, answers: list[bytes], error: type[SmgwError]
) -> None:
    """After the login: whatever comes has a name."""
    script = [CHALLENGE, redirect(PLACE), *answers]
    with hostile(lambda n, _: [script[n - 1]]) as server:
        with pytest.raises(SmgwError) as caught:
            await server.read(server.driver("THE"))
        assert isinstance(caught.value, error)
        assert caught.value.key == error.key
    assert len(server.received) == len(script)


async def test_usage_point_without_registers(socket_enabled: None) -> None:
    """One that does not tell its registers is asked about again in an hour."""
    two = (
        b'{"user-info": {"usage-points": [{"usage-point-id": "p"}, '
        b'{"usage-point-id": "q", "meter": [{"meter-id": "1esy0060178981"}]}]}}'
    )
    script = [CHALLENGE, redirect(PLACE), ok(INFO), ok(two), REFUSED, ok(b"{}")]
    script += [ok(b"{}")] * 2
    with hostile(lambda n, _: [script[n - 1]]) as server:
        snapshot = await server.read(server.driver("THE"))
    assert list(snapshot.meters) == ["1ESY0060178981"]
    assert snapshot.gateway.firmware is None
    assert snapshot.gateway.clock is None


def values(owner: str, *raw: str) -> bytes:
    """Return an answer with readings of a meter, all of one time."""
    reading = {
        "capture-time": "2026-11-20T09:00:03Z",
        "cosem-status": "a000000020003800",
        "owner-number": owner,
    }
    readings = [{**reading, "value": value} for value in raw or ("41234567",)]
    channels = [{"obis": "0100010800ff", "readings": readings}]
    return ok(json.dumps({"readings": {"channels": channels}}).encode())


def contract() -> list[bytes]:
    """Return the answers about one usage point of one register."""
    meter = {"meter-id": "1esy0060178981"}
    point = {"usage-point-id": "p", "taf-state": "running", "meter": [meter]}
    points = {"user-info": {"usage-points": [point]}}
    channel = {"obis": "0100010800ff", "scaler": "-1", "unit": "30"}
    database = {"database": "origin", "channels": [channel]}
    info = {"usage-point-info": {"databases": [database]}}
    return [ok(json.dumps(answer).encode()) for answer in (points, info)]


async def test_contradiction(socket_enabled: None) -> None:
    """Two values of one register and one time: neither is believed."""
    both = values("1esy0060178981.sm", "41234567", "41234568")
    script = [CHALLENGE, redirect(PLACE), ok(INFO), *contract(), both]
    with hostile(lambda n, _: [script[n - 1]]) as server:
        snapshot = await server.read(server.driver("THE"))
    assert snapshot.meters[STAIRWELL].readings == {}
    assert [skipped.reason for skipped in snapshot.skipped] == ["contradiction"]


async def test_readings_of_another_meter(socket_enabled: None) -> None:
    """After an exchange the newest values may be the old meter's: left out, once asked."""
    contracts = contract()
    own, other = values("1esy0060178981.sm"), values("1xyz0060178981.sm")
    script = [CHALLENGE, redirect(PLACE), ok(INFO), *contracts, own]
    script += [CHALLENGE, ok(INFO), other, *contracts, other]
    script += [CHALLENGE, ok(INFO), other]
    with hostile(lambda n, _: [script[n - 1]]) as server:
        driver = server.driver("THE")
        snapshot = await server.read(driver)
        reading = snapshot.meters[STAIRWELL].readings["1-0:1.8.0"]
        assert reading.value == Decimal("4123.4567")
        for _ in range(2):
            snapshot = await server.read(driver)
            assert snapshot.meters[STAIRWELL].readings == {}
            assert len(snapshot.meters) == 1
            assert snapshot.skipped == (
                Skipped(where="1XYZ0060178981 1-0:1.8.0", reason="other_meter"),
            )
    assert len(server.received) == len(script)


async def test_owner_that_is_no_meter(socket_enabled: None) -> None:
    """A reading of something that cannot be a meter."""
    point = {"usage-point-id": "p", "taf-state": "running"}
    points = ok(json.dumps({"user-info": {"usage-points": [point]}}).encode())
    script = [CHALLENGE, redirect(PLACE), ok(INFO), points, ok(b"{}"), values("../x")]
    with hostile(lambda n, _: [script[n - 1]]) as server:
        snapshot = await server.read(server.driver("THE"))
    assert snapshot.meters == {}
    assert [skipped.reason for skipped in snapshot.skipped] == ["strange_meter_id"]
