"""What one poll asks of a Theben, and what it tells."""

from collections.abc import Generator
from datetime import timedelta

import pytest

from simulator.clock import SimClock
from simulator.theben import ThebenGateway

from .helpers import START, Reader, truths

STAIRWELL, HOUSE = "1ESY0060178981", "1EMH0012345678"
GAS, WATER, HEAT = "7ELS0045678901", "8HYD0056789012", "6KAM0067890123"


@pytest.fixture
def gateway(socket_enabled: None, clock: SimClock) -> Generator[ThebenGateway]:
    """A gateway with meters of four media and contracts of all kinds."""
    with ThebenGateway(clock=clock) as running:
        yield running


async def test_snapshot(reader: Reader, gateway: ThebenGateway) -> None:
    """Gateway, meters, and both directions, whatever usage point they are in."""
    await reader.driver.check()
    snapshot = await reader.read()
    assert snapshot.gateway.gateway_id == gateway.gateway_id
    assert snapshot.gateway.firmware == gateway.firmware
    assert snapshot.gateway.clock == START
    assert {m: list(v.readings) for m, v in snapshot.meters.items()} == {
        STAIRWELL: ["1-0:1.8.0"],
        HOUSE: ["1-0:1.8.0", "1-0:2.8.0"],
        GAS: ["7-0:3.0.0"],
        WATER: ["8-0:1.0.0"],
        HEAT: ["6-0:1.0.0"],
    }
    assert snapshot.skipped == ()
    truths(snapshot, gateway)
    last = snapshot.meters[HOUSE].last_capture
    assert last is not None
    assert START - last < timedelta(minutes=1)
