"""The page that could not be read is kept, redacted; no other page is."""

from collections.abc import Generator
from datetime import timedelta
from typing import Any

import pytest

from custom_components.smgw.han.address import Address
from custom_components.smgw.han.driver import Driver, vendor_of
from custom_components.smgw.han.errors import SmgwError
from custom_components.smgw.han.evidence import Evidence
from custom_components.smgw.han.model import Credentials
from custom_components.smgw.han.transport import Transport
from simulator.clock import SimClock
from simulator.emh import EmhGateway
from simulator.ppc import PpcGateway
from simulator.theben import ThebenGateway

from .helpers import QUICK, Simulated


@pytest.fixture
def evidence(clock: SimClock) -> Evidence:
    """Evidence at the simulated time."""
    return Evidence(clock.now)


def driver_of(gateway: Simulated, evidence: Evidence) -> Driver:
    """Return a driver that keeps evidence."""
    transport = Transport(
        Address(gateway.host, gateway.port),
        gateway.gateway_id,
        gateway.certificate_der,
        QUICK,
        evidence=evidence,
    )
    vendor = vendor_of(gateway.gateway_id)
    return vendor.driver(transport, {}, gateway.clock.now)


async def read(gateway: Simulated, evidence: Evidence) -> SmgwError | None:
    """Read once; return the error, if there is one."""
    account = Credentials(user=gateway.user, password=gateway.password)
    try:
        await driver_of(gateway, evidence).read_latest(account)
    except SmgwError as err:
        return err
    return None


def secrets(gateway: Simulated) -> list[str]:
    """Return what must not be in any dump."""
    meters = ("1esy0060178981", "1emh0012345678", "7els0045678901")
    return [gateway.user, gateway.password, gateway.gateway_id, gateway.host, *meters]


@pytest.fixture(params=[PpcGateway, ThebenGateway, EmhGateway])
def box(
    request: pytest.FixtureRequest, socket_enabled: None, clock: SimClock
) -> Generator[Any]:
    """A simulated gateway of each maker."""
    with request.param(clock=clock) as running:
        yield running


async def test_good_session(box: Any, evidence: Evidence) -> None:
    """Nothing is kept of pages that could be read, nor of a refused login."""
    assert await read(box, evidence) is None
    box.password = "wrong"
    assert await read(box, evidence) is not None
    assert evidence.exhibits == ()


@pytest.mark.parametrize("fault", ["garbage_body", "truncated", "other_web_server"])
async def test_unreadable(box: Any, evidence: Evidence, fault: str) -> None:
    """The page is kept, without a trace of it in the error."""
    box.faults.add(fault)
    error = await read(box, evidence)
    assert error is not None
    (exhibit,) = evidence.exhibits
    assert exhibit.cause == f"{error.key}: {error.detail}"
    assert exhibit.at == box.clock.now()
    for secret in secrets(box):
        assert secret.lower() not in exhibit.page.lower()
    assert exhibit.page not in f"{error} {error!r} {vars(error)}"


async def test_the_page_not_the_farewell(
    socket_enabled: None, clock: SimClock, evidence: Evidence
) -> None:
    """A session that ends in an odd page is closed first; that page is another one."""
    with PpcGateway(clock=clock) as gateway:
        gateway.faults.add("truncated", action="showMeterProfile")
        await read(gateway, evidence)
        assert gateway.open_sessions == 0
    (exhibit,) = evidence.exhibits
    assert "abgemeldet" not in exhibit.page
    assert 'name="menu"' in exhibit.page


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({"obis_text": "no code"}, "unknown_obis"),
        ({"wert": "many"}, "no_value"),
    ],
)
async def test_odd_rows(
    box: Any, evidence: Evidence, change: dict[str, str], cause: str
) -> None:
    """The session is a good one, but a row of it nobody understood."""
    box.override("1emh0012345678", "1-0:1.8.0", **change)
    assert await read(box, evidence) is None
    (exhibit,) = evidence.exhibits
    assert exhibit.cause == cause
    for secret in secrets(box):
        assert secret.lower() not in exhibit.page.lower()


async def test_odd_unit(box: Any, evidence: Evidence) -> None:
    """A unit nobody knows, as text or as code."""
    if "unit" in box.fault_table:
        box.faults.add("unit", code=99)
    else:
        box.override("1emh0012345678", "1-0:1.8.0", einheit="furlong")
    assert await read(box, evidence) is None
    assert [exhibit.cause for exhibit in evidence.exhibits] == ["unknown_unit"]


async def test_what_a_meter_does_is_not_odd(box: Any, evidence: Evidence) -> None:
    """A value that is marked as invalid is written as it should be."""
    box.faults.add("not_valid")
    assert await read(box, evidence) is None
    assert evidence.exhibits == ()


def test_how_much_is_kept(clock: SimClock, evidence: Evidence) -> None:
    """The page of a cause for an hour, and three causes, the newest."""
    start = clock.now()
    evidence.keep("a", b"<p>1</p>")
    clock.set(start + timedelta(minutes=59))
    evidence.keep("a", b"<p>22</p>")
    assert [(e.at, e.page) for e in evidence.exhibits] == [(start, "\n<p>9</p>")]
    clock.set(start + timedelta(minutes=60))
    evidence.keep("a", b"<p>22</p>")
    assert [e.page for e in evidence.exhibits] == ["\n<p>99</p>"]
    for cause in "bcad":
        evidence.keep(cause, b"<p>")
    assert [e.cause for e in evidence.exhibits] == ["c", "a", "d"]
