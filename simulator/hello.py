"""Look at a TLS ClientHello before OpenSSL sees it (RFC 5246, 5746, 8446)."""

import asyncio
import socket

HANDSHAKE_FAILURE = b"\x15\x03\x03\x00\x02\x02\x28"  # a fatal alert, number 40
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
    hello = record[5:]
    if record[:1] != b"\x16" or hello[:1] != b"\x01":
        return False
    rest = hello[4 + 2 + 32 :]  # header, version, random
    _, rest = _vector(rest, 1)  # session id
    suites, rest = _vector(rest, 2)
    _, rest = _vector(rest, 1)  # compression
    extensions, _ = _vector(rest, 2)
    if any(suites[i : i + 2] == _SCSV for i in range(0, len(suites), 2)):
        return True
    while len(extensions) >= 4:
        if int.from_bytes(extensions[:2]) == _RENEGOTIATION_INFO:
            return True
        _, extensions = _vector(extensions[2:], 2)
    return False


async def refuse(sock: socket.socket) -> None:
    """Take the hello, answer with a fatal handshake_failure, close."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(5):
            await loop.sock_recv(sock, _LONGEST)
            await loop.sock_sendall(sock, HANDSHAKE_FAILURE)
    finally:
        sock.close()


def _vector(data: bytes, width: int) -> tuple[bytes, bytes]:
    """Split off a vector whose length stands in its first bytes."""
    end = width + int.from_bytes(data[:width])
    return data[width:end], data[end:]
