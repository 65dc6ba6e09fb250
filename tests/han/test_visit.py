"""One session for both: the newest values, and what the gateway keeps."""

import asyncio
from collections.abc import Generator
from datetime import timedelta
from typing import Any

import pytest

from custom_components.smgw.han.errors import SmgwError, WrongPassword
from custom_components.smgw.han.history import Span
from custom_components.smgw.han.model import Credentials
from custom_components.smgw.han.transport import queue_for
from simulator.clock import SimClock
from simulator.emh import EmhGateway
from simulator.ppc import PpcGateway
from simulator.theben import ThebenGateway

from .helpers import HOUSE, WRONG, Reader, truths
from .test_json_history import BOTH, DAY, SLOT, check, slots


@pytest.fixture(
    params=[PpcGateway, ThebenGateway, EmhGateway], ids=lambda kind: kind.__name__
)
def gateway(
    request: pytest.FixtureRequest, socket_enabled: None, clock: SimClock
) -> Generator[Any]:
    """A gateway of each maker."""
    with request.param(clock=clock) as running:
        yield running


def open_sessions(gateway: Any) -> int:
    """Return how many are open; only a PPC keeps any."""
    return int(getattr(gateway, "open_sessions", 0))


async def test_values_then_history(reader: Reader, gateway: Any) -> None:
    """The snapshot is there while the session is open for more; one login."""
    span = Span(SLOT - DAY, SLOT)
    async with reader.driver.visit(reader.credentials) as visit:
        truths(visit.snapshot, gateway)
        assert visit.snapshot.requests == visit.history.requests
        found = await visit.history.profile(HOUSE, span)
        assert visit.history.requests > visit.snapshot.requests
    for code in BOTH:
        assert [row.target_time for row in found.profiles[code].rows] == slots(span)
        check(found.profiles[code], gateway)
    assert open_sessions(gateway) == 0
    assert len([r for r in gateway.requests if r.status == 401]) == 1


async def test_the_same_snapshot(reader: Reader, gateway: Any) -> None:
    """A visit sees what a reading sees."""
    async with reader.driver.visit(reader.credentials) as visit:
        pass
    assert (await reader.read()).meters == visit.snapshot.meters


async def test_logged_out_whatever_happens(reader: Reader, gateway: Any) -> None:
    """What goes wrong inside is not lost, nor is the session left open."""

    class Ours(Exception):
        pass

    with pytest.raises(Ours):
        async with reader.driver.visit(reader.credentials):
            raise Ours
    assert open_sessions(gateway) == 0
    gateway.faults.add("server_error")
    with pytest.raises(SmgwError):
        async with reader.driver.visit(reader.credentials):
            pytest.fail("no session")
    gateway.faults.clear()
    assert open_sessions(gateway) == 0
    async with reader.driver.visit(reader.credentials) as visit:
        gateway.faults.add("server_error")
        with pytest.raises(SmgwError):
            await visit.history.profile(HOUSE, Span(SLOT - DAY, SLOT))
        gateway.faults.clear()
    assert open_sessions(gateway) == 0


async def test_refused(reader: Reader, gateway: Any) -> None:
    """A wrong password is refused once."""
    wrong = Credentials(user=gateway.user, password=WRONG)
    with pytest.raises(WrongPassword):
        async with reader.driver.visit(wrong):
            pytest.fail("no session")
    assert gateway.failed_logins == 1


async def test_the_queue_knows_who_waits(reader: Reader, gateway: Any) -> None:
    """A session that is open long can see that another one is wanted."""

    queue = queue_for(gateway.gateway_id)
    async with reader.driver.visit(reader.credentials):
        assert queue.waiting == 0
        other = asyncio.create_task(reader.read())
        await asyncio.sleep(0)
        assert queue.waiting == 1
    truths(await other, gateway)
    assert queue.waiting == 0
    assert not queue.locked()


async def test_an_expired_session_is_opened_once_more(
    socket_enabled: None, clock: SimClock
) -> None:
    """Before the values are there; behind them it is the caller's to know."""
    with PpcGateway(clock=clock) as gateway:
        reader = Reader(gateway)
        gateway.faults.add("session_expired_once")
        async with reader.driver.visit(reader.credentials) as visit:
            truths(visit.snapshot, gateway)
        assert gateway.logins == 2
        clock.advance(timedelta(minutes=15))
        async with reader.driver.visit(reader.credentials) as visit:
            gateway.faults.add("session_expired_once")
            with pytest.raises(SmgwError):
                await visit.history.profile(HOUSE, Span(SLOT - DAY, SLOT))
        assert gateway.logins == 3
        assert gateway.open_sessions == 0
