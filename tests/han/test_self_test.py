"""The self-test of the gateways that have one: started once, and nothing after it."""

from collections.abc import Generator
from datetime import timedelta
from typing import Any

import pytest

from custom_components.smgw.han import errors
from custom_components.smgw.han.driver import SelfTesting
from custom_components.smgw.han.errors import SmgwError
from simulator.clock import SimClock
from simulator.emh import EmhGateway
from simulator.ppc import PpcGateway
from simulator.theben import ThebenGateway

from .helpers import IMPATIENT, START, WRONG, Reader, truths

pytestmark = pytest.mark.usefixtures("socket_enabled")
OUTAGE = {PpcGateway: "selftest_outage", ThebenGateway: "self_test_outage"}
ASKED = {PpcGateway: "selftest", ThebenGateway: "self-test"}


@pytest.fixture(params=OUTAGE, ids=lambda kind: kind.vendor)
def gateway(request: pytest.FixtureRequest) -> Generator[Any]:
    """A gateway with a self-test."""
    with request.param(clock=SimClock(START)) as running:
        running.faults.add(OUTAGE[request.param], seconds=120)
        yield running


@pytest.fixture
def reader(gateway: Any) -> Reader:
    """A driver for it."""
    return Reader(gateway)


async def start(reader: Reader, password: str | None = None) -> None:
    """Start the self-test."""
    assert isinstance(reader.driver, SelfTesting)
    credentials = reader.credentials
    if password is not None:
        credentials = type(credentials)(user=credentials.user, password=password)
    await reader.driver.self_test(credentials)


@pytest.mark.parametrize("warm", [False, True])
async def test_away_and_back(reader: Reader, gateway: Any, warm: bool) -> None:
    """The last request is the self-test; then the gateway is away, and well again."""
    if warm:
        await reader.read()
    await start(reader)
    assert gateway.requests[-1].action == ASKED[type(gateway)]
    assert gateway.requests[-1].status == 200
    await reader.fails(errors.TlsFailed)
    gateway.clock.advance(timedelta(seconds=121))
    truths(await reader.read(), gateway)
    assert getattr(gateway, "open_sessions", 0) == 0
    assert gateway.failed_logins == 0


async def test_wrong_password(reader: Reader, gateway: Any) -> None:
    """It is not started, and tried once."""
    with pytest.raises(errors.WrongPassword):
        await start(reader, WRONG)
    assert gateway.failed_logins == 1
    assert ASKED[type(gateway)] not in [r.action for r in gateway.requests]


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("tls_close", errors.TlsFailed),
        ("server_error", errors.GatewayFault),
        ("busy", errors.GatewayBusy),
    ],
)
async def test_failures(
    reader: Reader, gateway: Any, fault: str, error: type[SmgwError]
) -> None:
    """At the door, or of the request itself, with a session that is closed."""
    gateway.faults.add(fault)
    with pytest.raises(error):
        await start(reader)
    gateway.faults.discard(fault)
    if fault != "tls_close":
        gateway.faults.add(fault, action=ASKED[type(gateway)])
        with pytest.raises(error):
            await start(reader)
        gateway.faults.discard(fault)
    # the simulated gateway has begun all the same
    gateway.clock.advance(timedelta(seconds=121))
    assert getattr(gateway, "open_sessions", 0) == 0
    truths(await reader.read(), gateway)


async def test_gone_before_the_answer(reader: Reader, gateway: Any) -> None:
    """A connection that ends upon the request is the restart."""
    gateway.faults.add("drop_before_answer", action=ASKED[type(gateway)])
    await start(reader)


async def test_silence(gateway: Any) -> None:
    """No answer at all is told."""
    reader = Reader(gateway, IMPATIENT)
    gateway.faults.add("slow", action=ASKED[type(gateway)], seconds=4)
    with pytest.raises(errors.AnswerTimeout):
        await start(reader)


async def test_theben_locks_itself() -> None:
    """Ten minutes between two, and none while one is running."""
    with ThebenGateway(clock=SimClock(START)) as gateway:
        reader = Reader(gateway)
        gateway.faults.add("self_test_running")
        with pytest.raises(errors.SelfTestLocked) as caught:
            await start(reader)
        assert caught.value.placeholders == {"minutes": "10"}
        gateway.faults.clear()
        await start(reader)
        gateway.clock.advance(timedelta(minutes=9))
        with pytest.raises(errors.SelfTestLocked):
            await start(reader)
        gateway.clock.advance(timedelta(minutes=1, seconds=1))
        await start(reader)
        truths(await reader.read(), gateway)
        assert gateway.failed_logins == 0


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("session_expired_once", errors.SessionExpired),
        ("session_in_use", errors.SessionInUse),
        ("portal_error", errors.LoginRefused),
        ("locked", errors.PortalLocked),
    ],
)
async def test_ppc_refuses(fault: str, error: type[SmgwError]) -> None:
    """A page that says no is a no, and the session is closed."""
    with PpcGateway(clock=SimClock(START)) as gateway:
        reader = Reader(gateway)
        params = {"action": "selftest"} if fault == "session_expired_once" else {}
        gateway.faults.add(fault, **params)
        with pytest.raises(error):
            await start(reader)
        assert gateway.open_sessions == 0
        gateway.faults.clear()
        truths(await reader.read(), gateway)


async def test_ppc_of_an_old_generation() -> None:
    """Without cookies as well."""
    with PpcGateway(clock=SimClock(START)) as gateway:
        gateway.faults.add("v1_sessionid")
        reader = Reader(gateway)
        await start(reader)
        assert gateway.requests[-1].action == "selftest"


def test_emh_has_none() -> None:
    """Nothing is known of one."""
    with EmhGateway(clock=SimClock(START)) as gateway:
        assert not isinstance(Reader(gateway).driver, SelfTesting)
