"""The first steps towards a gateway, each testing the next thing only.

TCP, TLS and certificate are here and need no account. What follows (HTTP, login,
meters) is the driver's.
"""

from . import transport
from .address import Address
from .certificate import GatewayCertificate, read_certificate
from .driver import vendor_of
from .tls import fetch_certificate


async def look(
    address: Address, timeouts: transport.Timeouts | None = None
) -> GatewayCertificate:
    """Return the certificate of the gateway at an address. Sends nothing.

    Raises the children of `SmgwConnectionError`, `NotAGateway` if the certificate
    names no gateway, `UnsupportedVendor` if there is no driver for it.
    """
    within = (timeouts or transport.TIMEOUTS).connect
    certificate = read_certificate(await fetch_certificate(address, within))
    vendor_of(certificate.gateway_id)
    return certificate
