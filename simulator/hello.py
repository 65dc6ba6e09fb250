"""Look at a TLS ClientHello before OpenSSL sees it (RFC 5246, 5746, 8446)."""

import asyncio
from collections.abc import Callable, Iterator
import socket
import ssl

_SERVER_NAME = 0
_RENEGOTIATION_INFO = 0xFF01
_SCSV = b"\x00\xff"
_LONGEST = 16 * 1024


async def peek_hello(sock: socket.socket, seconds: float = 10) -> bytes:
    """Return the first TLS record without taking it from a non-blocking socket.

    Shorter than its length field says if the client stopped in the middle.
    """
    data = b""
    async with asyncio.timeout(seconds):
        while len(data) < 5 or len(data) < record_length(data):
            before = len(data)
            try:
                data = sock.recv(_LONGEST, socket.MSG_PEEK)
                if not data:
                    break
            except BlockingIOError:
                pass
            if len(data) == before:
                await asyncio.sleep(0.01)
    return data


def record_length(data: bytes) -> int:
    """Return the length of the first record, its header included."""
    return 5 + int.from_bytes(data[3:5])


def offers_renegotiation_info(record: bytes) -> bool:
    """Tell whether a ClientHello has the signal of RFC 5746.

    It is the cipher suite 00ff or the extension ff01; OpenSSL sends one of them
    and cannot be told not to.
    """
    suites, extensions = _offer(record)
    if any(suites[i : i + 2] == _SCSV for i in range(0, len(suites), 2)):
        return True
    return _RENEGOTIATION_INFO in _numbers(extensions)


def names_server(record: bytes) -> bool:
    """Tell whether a ClientHello calls the server by a name (RFC 6066)."""
    return _SERVER_NAME in _numbers(_offer(record)[1])


def server_name(record: bytes) -> str:
    """Return the name that a ClientHello calls the server by, empty without."""
    extensions = _offer(record)[1]
    while len(extensions) >= 4:
        number = int.from_bytes(extensions[:2])
        body, extensions = _vector(extensions[2:], 2)
        if number == _SERVER_NAME:
            return _vector(body[3:], 2)[0].decode("ascii", "replace")
    return ""


HELLO_FAULTS: dict[str, tuple[Callable[[bytes], bool], int]] = {
    "refuse_renegotiation_info": (
        offers_renegotiation_info,
        ssl.ALERT_DESCRIPTION_ILLEGAL_PARAMETER,  # observed with a SMARTY IQ
    ),
    "refuse_tls": (bool, ssl.ALERT_DESCRIPTION_HANDSHAKE_FAILURE),
    "refuse_server_name": (names_server, ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME),
}
"""Faults that depend on what a client offers: whether it does, and the alert it gets."""


async def refuse(sock: socket.socket, alert: int) -> None:
    """Take the hello, answer with a fatal alert, close."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(5):
            await loop.sock_recv(sock, _LONGEST)
            await loop.sock_sendall(sock, b"\x15\x03\x03\x00\x02\x02" + bytes([alert]))
    finally:
        sock.close()


def _offer(record: bytes) -> tuple[bytes, bytes]:
    """Return the cipher suites and extensions of a ClientHello, empty if it is none."""
    hello = record[5:]
    if record[:1] != b"\x16" or hello[:1] != b"\x01":
        return b"", b""
    rest = hello[4 + 2 + 32 :]  # header, version, random
    _, rest = _vector(rest, 1)  # session id
    suites, rest = _vector(rest, 2)
    _, rest = _vector(rest, 1)  # compression
    return suites, _vector(rest, 2)[0]


def _numbers(extensions: bytes) -> Iterator[int]:
    while len(extensions) >= 4:
        yield int.from_bytes(extensions[:2])
        _, extensions = _vector(extensions[2:], 2)


def _vector(data: bytes, width: int) -> tuple[bytes, bytes]:
    """Split off a vector whose length stands in its first bytes."""
    end = width + int.from_bytes(data[:width])
    return data[width:end], data[end:]
