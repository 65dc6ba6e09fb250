"""What certificate a gateway shows at its CLS port: a ClientHello, its answer, and away.

A gateway wants our certificate before a handshake ends, and may not know it yet. So its own is read off the wire,
where TLS 1.2 sends it in clear. It proves nothing: it is only compared with what the owner was told elsewhere.
"""

import asyncio
import ssl

from .certificates import CURVES
from .model import Endpoint
from .peek import Peek

_OPENSSL = {"secp256r1": "prime256v1"}
_MOST = 65536


async def glance(
    where: Endpoint, within: float, *, name: str | None = None, first: str = ""
) -> bytes | None:
    """Return the certificate (DER) that is shown; None: none, or nobody answers.

    One curve after the other is offered, `first` before the others; each attempt takes at most
    `within` seconds. `name` is sent as server name.
    """
    for curve in sorted(CURVES, key=lambda curve: curve != first):
        try:
            async with asyncio.timeout(within):
                streams = await asyncio.open_connection(where.host, where.port)
        except OSError:
            return None
        try:
            async with asyncio.timeout(within):
                shown = await _shown(*streams, _context(curve), name)
        except OSError, ssl.SSLError:
            shown = None
        finally:
            streams[1].transport.abort()
        if shown is not None:
            return shown
    return None


async def _shown(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    context: ssl.SSLContext,
    name: str | None,
) -> bytes | None:
    incoming, outgoing, peek = ssl.MemoryBIO(), ssl.MemoryBIO(), Peek()
    handshake = context.wrap_bio(incoming, outgoing, server_hostname=name)
    while peek.leaf is None:
        try:
            handshake.do_handshake()
        except ssl.SSLWantReadError:
            writer.write(outgoing.read())
        else:
            return None
        data = await reader.read(_MOST)
        if not data:
            return None
        peek.feed(data)
        incoming.write(data)
    return peek.leaf


def _context(curve: str) -> ssl.SSLContext:
    """Nothing but a greeting is sent over this, so nobody is to be trusted."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    made.minimum_version = made.maximum_version = ssl.TLSVersion.TLSv1_2
    made.set_ecdh_curve(_OPENSSL.get(curve, curve))
    return made
