"""Readings that stand still: the gateway is asked whether the contracts have ended."""

from datetime import timedelta

import pytest

from simulator.clock import SimClock
from simulator.ppc import PpcGateway

from .helpers import HOUSE, Reader, truths

LIST, PROFILE = ("tariffform", 200), ("showTariffProfile", 200)


async def contracts_asked(reader: Reader) -> int:
    """Read, and return how many contracts were looked at."""
    reader.gateway.clear_requests()
    await reader.read()
    actions = reader.actions
    assert actions.count(LIST) == actions.count(PROFILE)
    return actions.count(PROFILE)


async def test_fresh_readings_cost_nothing(reader: Reader, clock: SimClock) -> None:
    """As long as values come in, nobody asks for contracts."""
    for _ in range(3):
        assert await contracts_asked(reader) == 0
        clock.advance(timedelta(hours=1))


async def test_all_contracts_ended(
    reader: Reader, gateway: PpcGateway, clock: SimClock
) -> None:
    """Values of the last day before are shown, and why no newer ones come; asked once a day."""
    assert not (await reader.read()).contracts_ended
    clock.advance(timedelta(minutes=30))
    gateway.faults.add("contract_expired", days=0)
    clock.advance(timedelta(hours=3))
    assert await contracts_asked(reader) > 1
    clock.advance(timedelta(minutes=15))
    gateway.clear_requests()
    snapshot = await reader.read()
    assert LIST not in reader.actions
    assert snapshot.contracts_ended
    assert snapshot.meters[HOUSE].readings
    truths(snapshot, gateway)
    clock.advance(timedelta(days=1))
    assert await contracts_asked(reader) > 1
    gateway.faults.clear()
    clock.advance(timedelta(minutes=15))
    assert not (await reader.read()).contracts_ended


async def test_a_contract_that_runs_ends_the_search(
    reader: Reader, gateway: PpcGateway, clock: SimClock
) -> None:
    """The port hangs, but contracts run: not all are looked at."""
    await reader.read()
    gateway.faults.add("han_hang")
    clock.advance(timedelta(hours=3))
    looked = await contracts_asked(reader)
    assert not (await reader.read()).contracts_ended
    gateway.faults.add("contract_expired", days=0)
    clock.advance(timedelta(days=1))
    assert 1 <= looked < await contracts_asked(reader)


@pytest.mark.parametrize(
    ("fault", "params"),
    [
        ("server_error", {"action": "tariffform"}),
        ("drop_mid_answer", {"action": "showTariffProfile"}),
        ("truncated", {"action": "showTariffProfile"}),
        ("no_contracts", {}),
    ],
    ids=str,
)
async def test_contracts_that_cannot_be_read(
    reader: Reader,
    gateway: PpcGateway,
    clock: SimClock,
    fault: str,
    params: dict[str, str],
) -> None:
    """They were only to explain the readings, which are there."""
    before = await reader.read()
    gateway.faults.add("contract_expired", days=0)
    gateway.faults.add(fault, **params)
    clock.advance(timedelta(hours=3))
    snapshot = await reader.read()
    assert not snapshot.contracts_ended
    assert snapshot.meters.keys() == before.meters.keys()
    assert snapshot.meters[HOUSE].readings == before.meters[HOUSE].readings
