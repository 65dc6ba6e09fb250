"""The first steps towards a gateway, each testing the next thing only.

TCP, TLS and certificate are here and need no account. What follows (HTTP, login,
meters) is the driver's.
"""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address
import socket

from . import transport
from .address import Address
from .certificate import GatewayCertificate, read_certificate
from .driver import answers_like_a_gateway, vendor_of
from .emh import realm
from .errors import (
    HostNotFound,
    NotAGateway,
    SmgwError,
    UnnamedGateway,
    Unreachable,
    UnsupportedVendor,
)
from .failures import typed_failures
from .tls import fetch_certificate, open_tcp


async def look_for(
    addresses: Iterable[Address], timeouts: transport.Timeouts | None = None
) -> tuple[Address, GatewayCertificate]:
    """Return the first of several addresses where a gateway answers, and its certificate.

    They are tried one after the other, as `look` does. Raises `UnsupportedVendor`;
    `NotAGateway` if something else answers at one of them; or why the last one failed.
    """
    failure: SmgwError = Unreachable("no address to try")
    for address in addresses:
        try:
            return address, await look(address, timeouts)
        except UnsupportedVendor:
            raise
        except SmgwError as err:
            if not isinstance(failure, NotAGateway):
                failure = err
    raise failure


async def look(
    address: Address,
    timeouts: transport.Timeouts | None = None,
    known_as: str | None = None,
) -> GatewayCertificate:
    """Return the certificate of the gateway at an address.

    Sends nothing, except where the certificate names no gateway: then requests without
    any credentials, because some gateways tell their id as realm of the challenge, and
    to see that it is a gateway at all. Such a one passes for the gateway it is
    `known_as`, if any.

    Raises the children of `SmgwConnectionError`, `NotAGateway` if the certificate
    names no gateway (`UnnamedGateway` where one seems to answer nevertheless),
    `UnsupportedVendor` if there is no driver for it.
    """
    limits = timeouts or transport.TIMEOUTS
    der = await fetch_certificate(address, limits.connect)
    try:
        certificate = read_certificate(der)
    except NotAGateway:
        way = transport.Transport(address, str(address), der, limits)
        told = None
        with suppress(SmgwError):
            told = await realm(way)
        if told is None:
            if not await answers_like_a_gateway(way, known_as):
                raise
            if known_as is None:
                raise UnnamedGateway(der) from None
            told = known_as
        certificate = read_certificate(der, told)
    vendor_of(certificate.gateway_id)
    return certificate


async def resolve(address: Address, within: float) -> list[IPv4Address | IPv6Address]:
    """Return the IP addresses of a host. Raises `HostNotFound`."""
    loop = asyncio.get_running_loop()
    with typed_failures(address.zone):
        try:
            async with asyncio.timeout(within):
                found = await loop.getaddrinfo(
                    address.host, address.port, type=socket.SOCK_STREAM
                )
        except TimeoutError as err:
            raise HostNotFound("no answer from the name server in time") from err
    return [ip_address(where[0]) for *_, where in found]


async def reach(address: Address, within: float) -> None:
    """Open a TCP connection and hang up without a word.

    Raises `HostNotFound`, `ConnectionRefused`, `Unreachable`.
    """
    (await open_tcp(address, within)).transport.abort()
