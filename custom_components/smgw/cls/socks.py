"""SOCKS5 as a client, without I/O: RFC 1928, CONNECT only, no login (R1.4).

    we    05 01 00
    it    05 00
    we    05 01 00 <address> <port>
    it    05 00 00 <address> <port>      what follows belongs to the stream

Identity is the client certificate of the TLS around it, so no method but "none" is offered.
"""

from enum import IntEnum
import ipaddress

from .errors import ChannelError
from .model import Endpoint
from .reasons import ChannelReason as Reason

GREETING = bytes((5, 1, 0))
_VERSION, _NO_LOGIN, _NONE_ACCEPTABLE, _CONNECT = 5, 0, 0xFF, 1
_IPV4, _NAME, _IPV6 = 1, 3, 4
_SIZES = {_IPV4: 4, _IPV6: 16}

REPLIES = {
    1: Reason.SOCKS_GENERAL,
    2: Reason.SOCKS_NOT_ALLOWED,
    3: Reason.SOCKS_NET_UNREACHABLE,
    4: Reason.SOCKS_HOST_UNREACHABLE,
    5: Reason.SOCKS_REFUSED,
    6: Reason.SOCKS_TTL,
    7: Reason.SOCKS_COMMAND,
    8: Reason.SOCKS_ADDRESS_TYPE,
}


class _Step(IntEnum):
    METHOD = 0
    REPLY = 1
    DONE = 2


class Connect:
    """One exchange. Send `GREETING` first; then give what comes to `received`."""

    def __init__(self, destination: Endpoint) -> None:
        """Take whom to ask for; the literal is sent as it is, names are never looked up."""
        self._request = request(destination)
        self._step = _Step.METHOD
        self._held = b""

    @property
    def done(self) -> bool:
        """Say whether the way is open."""
        return self._step is _Step.DONE

    @property
    def rest(self) -> bytes:
        """Return what came behind the reply: the first bytes of the stream."""
        return self._held if self.done else b""

    def received(self, data: bytes) -> bytes:
        """Take bytes, in any pieces; return what is to be sent. Raises ChannelError."""
        self._held += data
        answer = b""
        if self._step is _Step.METHOD and len(self._held) >= 2:
            self._method(self._held[0], self._held[1])
            self._held = self._held[2:]
            self._step = _Step.REPLY
            answer = self._request
        if self._step is _Step.REPLY:
            self._reply()
        return answer

    def _method(self, version: int, method: int) -> None:
        if version != _VERSION:
            raise ChannelError(Reason.SOCKS_MALFORMED, f"version {version}")
        if method == _NONE_ACCEPTABLE:
            raise ChannelError(Reason.SOCKS_NO_METHOD)
        if method != _NO_LOGIN:
            raise ChannelError(Reason.SOCKS_MALFORMED, f"method {method}")

    def _reply(self) -> None:
        held = self._held
        if held and held[0] != _VERSION:
            raise ChannelError(Reason.SOCKS_MALFORMED, f"version {held[0]}")
        # A refusal is one as soon as its code is there: not every gateway sends the rest.
        if len(held) >= 2 and held[1]:
            reason = REPLIES.get(held[1], Reason.SOCKS_UNKNOWN)
            raise ChannelError(reason, f"reply {held[1]:02x}")
        if len(held) < 5:
            return
        if held[2]:
            raise ChannelError(Reason.SOCKS_MALFORMED, "reserved byte")
        kind = held[3]
        if kind != _NAME and kind not in _SIZES:
            raise ChannelError(Reason.SOCKS_MALFORMED, f"address type {kind}")
        size = 1 + held[4] if kind == _NAME else _SIZES[kind]
        end = 4 + size + 2
        if len(held) >= end:
            self._held = held[end:]
            self._step = _Step.DONE


def request(destination: Endpoint) -> bytes:
    """Return the CONNECT request for an address."""
    start = bytes((_VERSION, _CONNECT, 0))
    port = destination.port.to_bytes(2)
    try:
        address = ipaddress.ip_address(destination.host)
    except ValueError:
        name = destination.host.encode("ascii")
        return start + bytes((_NAME, len(name))) + name + port
    kind = _IPV4 if address.version == 4 else _IPV6
    return start + bytes((kind,)) + address.packed + port
