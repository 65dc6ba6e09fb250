"""Gateways at link-local IPv6 addresses, which exist on one network interface only."""

from collections.abc import Generator

import pytest

from custom_components.smgw.han import probe
from custom_components.smgw.han.address import parse_address
from custom_components.smgw.han.errors import InterfaceMissing, Unreachable
from custom_components.smgw.han.transport import Transport
from simulator.clock import SimClock
from tests.network import INTERFACE, LINK_LOCAL, OTHER_END, Names

from .helpers import IMPATIENT, QUICK, Simulated, read_at, truths
from .test_ipv6 import KINDS
from .test_tls import get

pytestmark = pytest.mark.usefixtures("namespace", "ipv6")


@pytest.fixture(params=KINDS, ids=lambda kind: kind.vendor)
def gateway(
    request: pytest.FixtureRequest, namespace: None, ipv6: None, clock: SimClock
) -> Generator[Simulated]:
    """A gateway of each maker, at its link-local address."""
    with request.param(clock=clock, host=LINK_LOCAL) as running:
        yield running


@pytest.mark.parametrize("sign", ["%", "%25"])
async def test_read(gateway: Simulated, sign: str) -> None:
    """Looked at and read; the interface is ours alone, the gateway never hears of it."""
    gateway.faults.add("refuse_server_name")
    typed = f"https://[fe80::1{sign}{INTERFACE}]:{gateway.port}"
    snapshot = await read_at(gateway, typed)
    assert snapshot.meters
    truths(snapshot, gateway)
    assert {r.host for r in gateway.requests} == {f"[fe80::1]:{gateway.port}"}
    assert gateway.failed_logins == 0


async def test_name(gateway: Simulated, names: Names) -> None:
    """A name that leads to a link-local address, as mDNS answers."""
    names["smgw.local"] = [LINK_LOCAL]
    truths(await read_at(gateway, f"smgw.local:{gateway.port}"), gateway)


async def test_wrong_interface(gateway: Simulated) -> None:
    """Nobody has the address on the other one."""
    address = parse_address(f"[fe80::1%{OTHER_END}]:{gateway.port}")
    with pytest.raises(Unreachable):
        await probe.look(address, IMPATIENT)
    with pytest.raises(Unreachable):
        await get(Transport(address, "EPPC", gateway.certificate_der, IMPATIENT))


async def test_interface_that_is_gone(gateway: Simulated) -> None:
    """An interface that was unplugged or renamed is named as the reason."""
    address = parse_address(f"[fe80::1%gone0]:{gateway.port}")
    with pytest.raises(InterfaceMissing):
        await probe.look(address, QUICK)
    with pytest.raises(InterfaceMissing):
        await get(Transport(address, "EPPC", gateway.certificate_der, QUICK))
