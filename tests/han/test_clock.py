"""How far a gateway's clock is off, as far as its answer can tell."""

from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, strategies as st
import pytest

from custom_components.smgw.han.clock import Exchange
from custom_components.smgw.han.driver import vendor_of
from custom_components.smgw.han.model import Credentials
from simulator.clock import SimClock
from simulator.emh import EmhGateway
from simulator.ppc import PpcGateway
from simulator.theben import ThebenGateway

from .helpers import START, transport_to

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@given(
    ahead=st.timedeltas(timedelta(days=-3), timedelta(days=3)),
    before=st.timedeltas(timedelta(0), timedelta(seconds=20)),
    after=st.timedeltas(timedelta(0), timedelta(seconds=20)),
)
def test_never_more_than_it_is(
    ahead: timedelta, before: timedelta, after: timedelta
) -> None:
    """Whole seconds, right but for the time of the exchange and the digits shown."""
    shown = (NOON + ahead).replace(microsecond=0)
    found = Exchange(NOON - before, NOON + after).offset(shown)
    assert found is not None
    assert abs(found) <= abs(ahead) + timedelta(seconds=1)
    assert abs(found - ahead) <= before + after + timedelta(seconds=2)
    assert not found.microseconds


def test_a_slow_answer_is_no_offset() -> None:
    """A clock that is right is right however long the answer took."""
    for seconds in range(16):
        slow = Exchange(NOON, NOON + timedelta(seconds=15))
        assert slow.offset(NOON + timedelta(seconds=seconds)) == timedelta(0)


def test_no_time() -> None:
    """Nothing is said of a clock that was not shown."""
    assert Exchange(NOON, NOON).offset(None) is None


@pytest.fixture(params=[PpcGateway, ThebenGateway, EmhGateway])
def gateway(
    request: pytest.FixtureRequest, socket_enabled: None, clock: SimClock
) -> Generator[Any]:
    """A gateway of each maker."""
    with request.param(clock=clock) as running:
        yield running


@pytest.mark.parametrize("seconds", [-7, 0, 95])
async def test_gateways(gateway: Any, clock: SimClock, seconds: int) -> None:
    """Each maker's clock is compared with ours."""
    driver = vendor_of(gateway.gateway_id).driver(
        transport_to(gateway), {}, lambda: START - timedelta(seconds=seconds)
    )
    account = Credentials(user=gateway.user, password=gateway.password)
    offset = (await driver.read_latest(account)).gateway.clock_offset
    assert offset is not None
    assert abs(offset - timedelta(seconds=seconds)) <= timedelta(seconds=1)
