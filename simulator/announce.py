"""Announce a gateway by mDNS, as EMH's do.

Needs the package ``zeroconf``. Nothing else here does, so it is imported only then.
"""

from collections.abc import Iterator
from contextlib import contextmanager
import socket
from typing import Any, Protocol


class Announced(Protocol):
    """What is said: DNS names with a dot at their end, addresses as text."""

    @property
    def type(self) -> str:
        """Return the type of the service."""

    @property
    def name(self) -> str:
        """Return the name of the service, its type behind it."""

    @property
    def server(self) -> str:
        """Return the host's name."""

    @property
    def addresses(self) -> tuple[str, ...]:
        """Return its addresses; an IPv6 one may name an interface."""

    @property
    def port(self) -> int:
        """Return the port."""


@contextmanager
def announce(said: Announced) -> Iterator[None]:
    """Announce on the interfaces that have the addresses, and say good-bye at the end.

    Takes about a second: first it is asked whether somebody else has the name.
    Raises ``ValueError`` without ``zeroconf``, ``OSError`` without a network for it.
    """
    try:
        import zeroconf  # noqa: PLC0415
    except ImportError as err:
        raise ValueError("announcing needs the package zeroconf") from err
    addresses = [address.partition("%")[0] for address in said.addresses]
    service = zeroconf.ServiceInfo(
        said.type,
        said.name,
        port=said.port,
        server=said.server,
        parsed_addresses=addresses,
    )
    ip6 = any(":" in address for address in addresses)
    speaker = zeroconf.Zeroconf(
        interfaces=[_interface(address) for address in said.addresses],
        ip_version=zeroconf.IPVersion.All if ip6 else zeroconf.IPVersion.V4Only,
    )
    try:
        speaker.register_service(service, allow_name_change=True)
        yield
    finally:
        speaker.unregister_all_services()
        speaker.close()


def _interface(address: str) -> Any:
    """Return the address, or the number of the interface it names."""
    _, _, zone = address.partition("%")
    return socket.if_nametoindex(zone) if zone else address
