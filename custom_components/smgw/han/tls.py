"""TLS towards a gateway: look at its certificate once, then accept no other."""

import asyncio
import ssl

from .address import Address
from .errors import TlsFailed, Unreachable
from .failures import typed_failures

# OpenSSL's X509_V_FLAG_NO_CHECK_TIME, which Python does not name.
_NO_CHECK_TIME = 0x200000


def pinned_context(der: bytes) -> ssl.SSLContext:
    """Return a context that trusts one certificate (DER) and nothing else. Blocks a little.

    The name and the validity do not matter: the owner confirmed these very bytes,
    and an expired certificate that is still the same is no reason to stop reading.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags = ssl.VerifyFlags(
        ssl.VERIFY_X509_PARTIAL_CHAIN | ssl.VERIFY_X509_TRUSTED_FIRST | _NO_CHECK_TIME
    )
    context.load_verify_locations(cadata=der)
    return context


async def fetch_certificate(address: Address, within: float) -> bytes:
    """Return the certificate (DER) a server shows, and hang up without a word.

    TCP and TLS are separate steps of `within` seconds each, so that each failure has
    its own name. Raises the children of `SmgwConnectionError`.
    """
    with typed_failures():
        try:
            async with asyncio.timeout(within):
                _, writer = await asyncio.open_connection(address.host, address.port)
        except TimeoutError as err:
            raise Unreachable("no TCP connection in time") from err
    try:
        async with asyncio.timeout(within):
            await writer.start_tls(_look_only())
        # never None: no cipher without a certificate is offered
        der: bytes = writer.get_extra_info("ssl_object").getpeercert(True)
    except OSError as err:
        raise TlsFailed(type(err).__name__) from err
    finally:
        writer.transport.abort()
    return der


def _look_only() -> ssl.SSLContext:
    """Nobody is trusted yet, so nothing may be sent over this: the owner looks at it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
