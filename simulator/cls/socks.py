"""The server's side of SOCKS5 (RFC 1928), spoken inside the HAN's TLS."""

from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv4Address, IPv6Address

from simulator.tunnel.stream import Stream

_VERSION = 5
_NO_LOGIN = 0
_NONE_FITS = 0xFF
_CONNECT = 1


class Reply(IntEnum):
    """RFC 1928, section 6."""

    OK = 0
    FAILURE = 1
    NOT_ALLOWED = 2
    NET_UNREACHABLE = 3
    HOST_UNREACHABLE = 4
    REFUSED = 5
    TTL = 6
    COMMAND = 7
    ADDRESS_TYPE = 8


class SocksError(Exception):
    """The client broke the protocol; ``reply`` is to be sent, None: nothing."""

    def __init__(self, text: str, reply: Reply | None = None) -> None:
        """Keep both."""
        super().__init__(text)
        self.reply = reply


@dataclass(frozen=True, slots=True)
class Request:
    """A CONNECT: name or address as it was written, and port."""

    host: str
    port: int


class Reader:
    """Bytes of a stream in pieces of a wanted size; the rest is kept."""

    def __init__(self, stream: Stream) -> None:
        """Read from a stream."""
        self._stream = stream
        self.rest = b""

    async def take(self, size: int) -> bytes:
        """Return exactly so many bytes."""
        while len(self.rest) < size:
            more = await self._stream.read()
            if not more:
                raise SocksError("ended in the middle of SOCKS")
            self.rest += more
        taken, self.rest = self.rest[:size], self.rest[size:]
        return taken


async def greeting(reader: Reader) -> int:
    """Read the client's methods; return the one to answer, 255 if none fits."""
    version, count = await reader.take(2)
    if version != _VERSION:
        raise SocksError(f"SOCKS version {version}")
    methods = await reader.take(count)
    return _NO_LOGIN if _NO_LOGIN in methods else _NONE_FITS


async def request(reader: Reader) -> Request:
    """Read the request; SocksError with the reply for one that is not CONNECT."""
    version, command, _, kind = await reader.take(4)
    if version != _VERSION:
        raise SocksError(f"SOCKS version {version}", Reply.FAILURE)
    match kind:
        case 1:
            host = str(IPv4Address(await reader.take(4)))
        case 3:
            size = (await reader.take(1))[0]
            host = (await reader.take(size)).decode("ascii", "replace")
        case 4:
            host = str(IPv6Address(await reader.take(16)))
        case _:
            raise SocksError(f"address type {kind}", Reply.ADDRESS_TYPE)
    port = int.from_bytes(await reader.take(2))
    if command != _CONNECT:
        raise SocksError(f"command {command}", Reply.COMMAND)
    return Request(host, port)


def choice(method: int, version: int = _VERSION) -> bytes:
    """Return the answer to a greeting."""
    return bytes([version, method])


def answer(code: int, bound: str = "ipv4") -> bytes:
    """Return a reply; its bound address says nothing, in one of three forms."""
    address = {
        "ipv4": b"\x01" + bytes(4),
        "name": b"\x03\x07gateway",
        "ipv6": b"\x04" + bytes(16),
    }[bound]
    return bytes([_VERSION, code, 0]) + address + bytes(2)
