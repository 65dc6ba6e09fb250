"""What a simulated gateway says by mDNS, heard by another program's library."""

from collections.abc import Callable
import socket

import ifaddr
from ifaddr import get_adapters
import pytest
from zeroconf import IPVersion, Zeroconf

from simulator.announce import announce
from simulator.emh import EmhGateway
from tests.network import INTERFACE, LAN, LINK_LOCAL

KIND = "_http._tcp.local."


@pytest.fixture
def real_adapters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Show the network as it is: Home Assistant's test plugin makes one up."""
    monkeypatch.setattr(ifaddr, "get_adapters", get_adapters)


@pytest.mark.usefixtures("namespace", "ipv6", "real_adapters")
@pytest.mark.parametrize(
    ("host", "ears", "version"),
    [
        (LAN, lambda: LAN, IPVersion.V4Only),
        (LINK_LOCAL, lambda: socket.if_nametoindex(INTERFACE), IPVersion.V6Only),
    ],
    ids=["IPv4", "link-local"],
)
def test_heard(host: str, ears: Callable[[], str | int], version: IPVersion) -> None:
    """Name, address and port, until the gateway says good-bye."""
    listener = Zeroconf(interfaces=[ears()], ip_version=version)
    try:
        with EmhGateway(host=host) as gateway:
            said = gateway.announcement
            assert said is not None
            with announce(said):
                heard = listener.get_service_info(KIND, said.name, 5000)
                assert heard is not None
                assert heard.port == gateway.port
                assert heard.server == "smgw.local."
                (address,) = heard.parsed_addresses()
                assert address == host.partition("%")[0]
            assert listener.get_service_info(KIND, said.name, 1500) is None
    finally:
        listener.close()
