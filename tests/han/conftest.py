"""A simulated gateway and a driver that reads it, both at the same injected time."""

from collections.abc import Generator

from hypothesis import settings
import pytest

from simulator.clock import SimClock
from simulator.ppc import SCENARIOS, PpcGateway

from .helpers import START, Reader, Simulated

# How long an example takes says nothing on a busy machine.
settings.register_profile("han", deadline=None)
settings.load_profile("han")


@pytest.fixture
def clock() -> SimClock:
    """The gateway's clock and ours."""
    return SimClock(START)


@pytest.fixture
def gateway(socket_enabled: None, clock: SimClock) -> Generator[Simulated]:
    """A gateway with two electricity meters, the second with four registers.

    Modules about other makers have a fixture of their own.
    """
    with PpcGateway(clock=clock, scenario=SCENARIOS["two"]()) as running:
        yield running


@pytest.fixture
def reader(gateway: Simulated) -> Reader:
    """A driver of this gateway."""
    return Reader(gateway)
