"""Gateways at IPv6 addresses, and names that have addresses of both families."""

from collections.abc import Generator
from contextlib import closing
import socket

import pytest

from custom_components.smgw.han import probe
from custom_components.smgw.han.address import parse_address
from custom_components.smgw.han.errors import ConnectionRefused
from custom_components.smgw.han.transport import Transport
from simulator.clock import SimClock
from simulator.emh import EmhGateway
from simulator.ppc import PpcGateway
from simulator.theben import ThebenGateway
from simulator.tls import self_signed
from tests.network import Names

from .helpers import QUICK, Simulated, read_at, truths
from .test_tls import get

KINDS = (PpcGateway, ThebenGateway, EmhGateway)


@pytest.fixture(params=KINDS, ids=lambda kind: kind.vendor)
def gateway(
    request: pytest.FixtureRequest, ipv6: None, clock: SimClock
) -> Generator[Simulated]:
    """A gateway of each maker that listens on IPv6 only."""
    with request.param(clock=clock, host="::1") as running:
        yield running


async def test_literal(gateway: Simulated) -> None:
    """Looked at and read: login, cookies and redirects know the address, too."""
    snapshot = await read_at(gateway, f"[::1]:{gateway.port}")
    assert snapshot.meters
    truths(snapshot, gateway)
    assert {r.host for r in gateway.requests} == {f"[::1]:{gateway.port}"}


async def test_longer_spelling(gateway: Simulated) -> None:
    """However an address is spelled, it is the same."""
    truths(await read_at(gateway, f"https://[0:0:0:0::0:1]:{gateway.port}/"), gateway)


@pytest.mark.parametrize(
    "addresses", [["127.0.0.1", "::1"], ["::1", "127.0.0.1"]], ids="-".join
)
async def test_name_where_one_family_listens(
    gateway: Simulated, names: Names, addresses: list[str]
) -> None:
    """Of a name's addresses the one that answers is taken."""
    names["smgw.local"] = addresses
    snapshot = await read_at(gateway, f"smgw.local:{gateway.port}")
    truths(snapshot, gateway)
    assert {r.host for r in gateway.requests} == {f"smgw.local:{gateway.port}"}


async def test_name_where_one_family_is_silent(
    ipv6: None, names: Names, clock: SimClock
) -> None:
    """Packets to the first address vanish: the second one is not waited for long."""
    names["smgw.local"] = ["::1", "127.0.0.1"]
    with closing(socket.socket(socket.AF_INET6)) as full:
        full.bind(("::1", 0))
        full.listen(0)
        where = full.getsockname()
        crowd = [socket.socket(socket.AF_INET6) for _ in range(4)]
        for waiting in crowd:
            waiting.setblocking(False)
            waiting.connect_ex(where)
        try:
            with PpcGateway(clock=clock, port=where[1]) as gateway:
                snapshot = await read_at(gateway, f"smgw.local:{gateway.port}")
                truths(snapshot, gateway)
        finally:
            for waiting in crowd:
                waiting.close()


async def test_name_where_nobody_listens(ipv6: None, names: Names) -> None:
    """Both families refuse: a device lives there, at another port."""
    names["smgw.local"] = ["::1", "127.0.0.1"]
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
    address = parse_address(f"smgw.local:{port}")
    with pytest.raises(ConnectionRefused):
        await probe.look(address, QUICK)
    with pytest.raises(ConnectionRefused):
        await get(Transport(address, "EPPC", self_signed("EPPC").der, QUICK))
