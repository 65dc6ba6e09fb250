"""A simulated gateway in late October, and Home Assistant's clock with it."""

from collections.abc import Generator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
import os

from freezegun.api import FrozenDateTimeFactory
import pytest

from custom_components.smgw.han import transport
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
from simulator.clock import SimClock, real_seconds
from simulator.emh import EmhGateway
from simulator.ppc import PpcGateway
from simulator.theben import ThebenGateway
from tests.ha.conftest import berlin, custom_integration, timeline  # noqa: F401

from .home import ACCOUNTS, Gateway, Home

# Five days before the clocks go back.
START = datetime(2026, 10, 20, 9, 7, tzinfo=UTC)
# Between two readings of an account.
MINUTES = int(os.environ.get("SMGW_SOAK_MINUTES", "90"))


@pytest.fixture
def clock(freezer: FrozenDateTimeFactory) -> SimClock:
    """The gateway's clock; Home Assistant's stands at the same time."""
    freezer.move_to(START)
    return SimClock(START)


@pytest.fixture(params=[PpcGateway, ThebenGateway, EmhGateway])
def gateway(
    request: pytest.FixtureRequest, socket_enabled: None, clock: SimClock
) -> Generator[Gateway]:
    """A simulated gateway of each maker, with an account for a part of the house each."""
    with request.param(clock=clock, users=ACCOUNTS) as running:
        yield running


@dataclass
class Patience:
    """The client's limits, seconds (`transport.Timeouts`), which can be made short.

    Nothing must fail because the machine is busy, and hanging gateways need no minute.
    """

    short: bool = False

    @property
    def connect(self) -> float:
        """Return the limit for a connection."""
        return 0.3 if self.short else 30

    @property
    def answer(self) -> float:
        """Return the limit for an answer."""
        return 0.5 if self.short else 30

    farewell = connect


@pytest.fixture
def patience(
    hass: HomeAssistant, clock: SimClock, monkeypatch: pytest.MonkeyPatch
) -> Patience:
    """The limits of the client, which run although the calendar stands.

    The loop's time goes on with the real one and jumps with the calendar.
    """
    limits, begin = Patience(), real_seconds()

    def loop_time() -> float:
        return dt_util.utcnow().timestamp() + real_seconds() - begin

    monkeypatch.setattr(hass.loop, "time", loop_time)
    monkeypatch.setattr(transport, "TIMEOUTS", limits)
    return limits


@pytest.fixture
def home(hass: HomeAssistant, gateway: Gateway) -> Home:
    """The gateway's entry."""
    # its bookkeeping of tracebacks costs more than all that it watches
    hass.loop.set_debug(False)
    return Home(hass, gateway, timedelta(minutes=MINUTES))
