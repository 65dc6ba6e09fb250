"""Silence upon a login to a gateway that talks JSON: chance, or a refusal."""

from collections.abc import Generator
from dataclasses import replace

import pytest

from custom_components.smgw.han import errors
from simulator.box import BoxGateway
from simulator.clock import SimClock
from simulator.emh import EmhGateway
from simulator.theben import ThebenGateway

from .helpers import QUICK, WRONG, Reader, truths
from .hostile import CHALLENGE, hostile


@pytest.fixture(params=[ThebenGateway, EmhGateway], ids=["theben", "emh"])
def gateway(
    socket_enabled: None, clock: SimClock, request: pytest.FixtureRequest
) -> Generator[BoxGateway]:
    """A gateway of each maker."""
    with request.param(clock=clock) as running:
        yield running


async def test_refused_by_silence(gateway: BoxGateway) -> None:
    """A hanging login does not hang us; where one has worked, it is forgiven once."""
    gateway.faults.add("refuse_by_hang")
    reader = Reader(gateway, replace(QUICK, answer=0.4))
    await reader.fails(errors.LoginDropped, wrong=True)
    assert gateway.failed_logins == 1
    gateway.faults.clear()
    await Reader(gateway, memory=reader.memory).read()
    gateway.faults.add("refuse_by_hang")
    for failed, error in ((2, errors.LoginUnanswered), (3, errors.LoginDropped)):
        await reader.fails(error, wrong=True)
        assert gateway.failed_logins == failed


@pytest.mark.parametrize("refusal", ["refuse_by_drop", "refuse_by_empty_body"])
async def test_silence_twice_in_a_row(
    reader: Reader, gateway: BoxGateway, refusal: str
) -> None:
    """Of one account, whoever else logs in meanwhile; a good login begins anew."""
    await reader.read()
    gateway.faults.add(refusal)
    for _ in range(2):
        await reader.fails(errors.LoginUnanswered, wrong=True)
        truths(await reader.read(), gateway)
        again = Reader(gateway, memory=reader.memory)
        await again.fails(errors.LoginDropped, wrong=True)
        right = gateway.users[gateway.user]
        gateway.users[gateway.user] = replace(right, password=WRONG)
        truths(await reader.read_wrong(), gateway)
        gateway.users[gateway.user] = right
    assert gateway.failed_logins == 4


async def test_forgotten_silence(reader: Reader, gateway: BoxGateway) -> None:
    """What is kept of the accounts that got no answer does not grow."""
    await reader.read()
    gateway.faults.add("refuse_by_drop")
    for number in range(20):
        with pytest.raises(errors.LoginUnanswered):
            await reader.read_as(gateway.user, f"wrong {number}")
    assert len(reader.memory["logins_unanswered"]) == 10
    assert WRONG not in str(reader.memory)


async def test_silence_after_the_challenge(reader: Reader, gateway: BoxGateway) -> None:
    """Looks like a refusal, until a login has worked."""
    gateway.faults.add("drop_mid_answer")
    await reader.fails(errors.LoginDropped)
    gateway.faults.clear()
    await reader.read()
    for fault in ("drop_mid_answer", "empty_body"):
        gateway.faults.add(fault)
        await reader.fails(errors.LoginUnanswered)
        gateway.faults.clear()
        truths(await reader.read(), gateway)
    assert gateway.failed_logins == 0


async def test_cut_in_the_answer_to_the_login(socket_enabled: None) -> None:
    """An answer that has begun is no silence, however often it is cut."""
    cut = b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"
    memory: dict[str, object] = {"digest": {"MD5": "MD5"}}
    for _ in range(2):
        with (
            hostile(lambda n, _: [CHALLENGE if n == 1 else cut]) as server,
            pytest.raises(errors.ConnectionCut) as caught,
        ):
            await server.read(server.driver("EMH", memory))
        assert type(caught.value) is errors.ConnectionCut
    assert memory == {"digest": {"MD5": "MD5"}}
