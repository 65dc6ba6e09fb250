"""Gateways that refuse every handshake: which of them do for OpenSSL's announcement."""

from collections.abc import Generator

import pytest

from custom_components.smgw.han import probe
from custom_components.smgw.han.address import Address
from custom_components.smgw.han.errors import (
    RenegotiationRefused,
    SmgwConnectionError,
    TlsFailed,
)
from custom_components.smgw.han.hello import refuses_announcement
from simulator.emh import EmhGateway
from simulator.ppc import PpcGateway
from simulator.theben import ThebenGateway
from simulator.tls import CURVES

from .helpers import IMPATIENT, QUICK, Simulated, transport_to
from .test_tls import address_of, get, plain_server

ANNOUNCED = "refuse_renegotiation_info"


@pytest.fixture(
    params=(PpcGateway, ThebenGateway, EmhGateway), ids=lambda kind: kind.vendor
)
def gateway(
    request: pytest.FixtureRequest, socket_enabled: None
) -> Generator[Simulated]:
    """A gateway of each maker."""
    with request.param() as running:
        yield running


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (ANNOUNCED, RenegotiationRefused),
        ("refuse_tls", TlsFailed),
        ("tls_close", TlsFailed),
    ],
)
async def test_told_apart(
    gateway: Simulated, fault: str, error: type[SmgwConnectionError]
) -> None:
    """By the look and by a session, whatever the alert; and no request is sent."""
    gateway.faults.add(fault)
    for step in (
        probe.look(Address(gateway.host, gateway.port), QUICK),
        get(transport_to(gateway)),
    ):
        with pytest.raises(SmgwConnectionError) as caught:
            await step
        assert type(caught.value) is error
    assert gateway.requests == []
    gateway.faults.clear()
    assert (await probe.look(Address(gateway.host, gateway.port), QUICK)).gateway_id


@pytest.mark.parametrize("curve", CURVES)
async def test_every_curve(socket_enabled: None, curve: str) -> None:
    """The question is understood by gateways of any curve."""
    with PpcGateway(curve=curve, max_tls12=True) as gateway:
        assert not await refuses_announcement(address_of(gateway), 5)
        gateway.faults.add(ANNOUNCED)
        assert await refuses_announcement(address_of(gateway), 5)
        with pytest.raises(RenegotiationRefused):
            await probe.look(address_of(gateway), QUICK)


async def test_once_it_has_worked(gateway: Simulated) -> None:
    """A firmware that begins to refuse is found out in the next session."""
    transport = transport_to(gateway)
    await get(transport)
    gateway.faults.add(ANNOUNCED)
    with pytest.raises(RenegotiationRefused):
        await get(transport)
    gateway.faults.clear()
    await get(transport)


async def test_no_tls_at_all(socket_enabled: None) -> None:
    """A server of something else, and one that says nothing."""
    with plain_server() as address:
        assert not await refuses_announcement(address, 5)
    with PpcGateway() as gateway:
        gateway.faults.add("hang_tcp")
        assert not await refuses_announcement(address_of(gateway), IMPATIENT.connect)
        with pytest.raises(TlsFailed) as caught:
            await probe.look(address_of(gateway), IMPATIENT)
        assert type(caught.value) is TlsFailed


async def test_gone_in_between(gateway: Simulated) -> None:
    """What cannot be asked any more is not claimed."""
    gateway.stop()
    assert not await refuses_announcement(Address(gateway.host, gateway.port), 5)
