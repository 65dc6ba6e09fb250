"""The first steps towards a gateway, each testing the next thing only.

TCP, TLS and certificate are here and need no account. What follows (HTTP, login,
meters) is the driver's.
"""

from contextlib import suppress

from . import transport
from .address import Address
from .certificate import GatewayCertificate, read_certificate
from .driver import vendor_of
from .emh import realm
from .errors import NotAGateway, SmgwError
from .tls import fetch_certificate


async def look(
    address: Address, timeouts: transport.Timeouts | None = None
) -> GatewayCertificate:
    """Return the certificate of the gateway at an address.

    Sends nothing, except where the certificate names no gateway: then one request without
    any credentials, because some gateways tell their id as realm of the challenge.

    Raises the children of `SmgwConnectionError`, `NotAGateway` if the certificate
    names no gateway, `UnsupportedVendor` if there is no driver for it.
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
            raise
        certificate = read_certificate(der, told)
    vendor_of(certificate.gateway_id)
    return certificate
