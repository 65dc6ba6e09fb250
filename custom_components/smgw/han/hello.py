"""Why a gateway refuses every handshake: asked with ClientHellos of our own.

Some firmware (observed with a Sagemcom Dr. Neuhaus SMARTY IQ) refuses a client that
announces secure renegotiation (RFC 5746). OpenSSL always does and has no switch for it,
so Python cannot talk to such a gateway at all; nor can a browser. The alert alone does not
tell, so two hellos are sent that differ in this announcement only. No handshake is
completed, and nothing but the hello is sent.
"""

import asyncio
import secrets

from .address import Address

_HANDSHAKE = b"\x16"
# Cipher suites of TR-03116-3, and the announcement in the shape of one.
_SUITES = (0xC02C, 0xC02B, 0xC024, 0xC023)
_ANNOUNCEMENT = 0x00FF
# P-256, P-384, and Brainpool's 256, 384, 512.
_CURVES = (23, 24, 26, 27, 28)
# ECDSA with SHA-256, 384, 512.
_SIGNATURES = (0x0403, 0x0503, 0x0603)


async def refuses_announcement(address: Address, within: float | None) -> bool:
    """Say whether a gateway goes on with a plain hello, but not with the announcement.

    `within` limits each of at most two connections, in seconds.
    """
    if not await _goes_on(address, within, client_hello(_SUITES)):
        return False
    announcing = client_hello((*_SUITES, _ANNOUNCEMENT))
    return not await _goes_on(address, within, announcing)


async def _goes_on(address: Address, within: float | None, hello: bytes) -> bool:
    """Say whether the answer to a hello is the next step of the handshake."""
    try:
        async with asyncio.timeout(within):
            reader, writer = await asyncio.open_connection(address.host, address.port)
            try:
                writer.write(hello)
                return await reader.read(1) == _HANDSHAKE
            finally:
                writer.transport.abort()
    except OSError:
        return False


def client_hello(suites: tuple[int, ...]) -> bytes:
    """Return a ClientHello of TLS 1.2, as a record (RFC 5246, 8422, 7366, 7627)."""
    extensions = (
        (10, _vector(2, _numbers(_CURVES))),  # supported_groups
        (11, _vector(1, b"\x00")),  # ec_point_formats: uncompressed
        (13, _vector(2, _numbers(_SIGNATURES))),  # signature_algorithms
        (22, b""),  # encrypt_then_mac
        (23, b""),  # extended_master_secret
    )
    body = (
        b"\x03\x03"
        + secrets.token_bytes(32)
        + _vector(1, b"")  # no session to resume
        + _vector(2, _numbers(suites))
        + _vector(1, b"\x00")  # no compression
        + _vector(2, b"".join(_numbers((n,)) + _vector(2, e) for n, e in extensions))
    )
    return _HANDSHAKE + b"\x03\x01" + _vector(2, b"\x01" + _vector(3, body))


def _vector(width: int, content: bytes) -> bytes:
    """Return a vector: its length in `width` bytes, and its content."""
    return len(content).to_bytes(width) + content


def _numbers(values: tuple[int, ...]) -> bytes:
    return b"".join(value.to_bytes(2) for value in values)
