"""From a TCP connection to a stream that the EMT talks on: TLS, SOCKS, inner TLS, each with its own time limit.

One protocol holds the stream until it is known who gets it, so that no byte is lost in between: the
EMT's first bytes may come in the same record as the SOCKS reply.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
import socket
import ssl
from typing import cast, override

from . import alerts, socks, tls
from .certificates import Facts
from .errors import ChannelError
from .identity import Identity
from .model import Endpoint, InnerTls
from .reasons import ChannelReason

TCP_SECONDS, TLS_SECONDS, SOCKS_SECONDS = 10.0, 15.0, 10.0
CLOSE_SECONDS = 2.0
_MOST_HELD = 64 * 1024
_NEXT_ADDRESS = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """A stream that is open, and what is known of the other end."""

    transport: asyncio.Transport
    gate: Gate
    own: Facts
    outer: Facts
    inner: Facts | None = None

    def hand_over(self, protocol: asyncio.Protocol) -> None:
        """Give the stream to who serves it. Raises ChannelError if it has ended meanwhile."""
        if self.gate.lost or self.transport.is_closing():
            raise ChannelError(ChannelReason.CLOSED_BY_PEER)
        self.transport.set_protocol(protocol)
        protocol.connection_made(self.transport)
        if held := self.gate.take():
            protocol.data_received(held)
        self.transport.resume_reading()


class Gate(asyncio.Protocol):
    """Holds what comes, until somebody takes the stream over."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._held = b""
        self._connect: socks.Connect | None = None
        self._opened: asyncio.Future[None] | None = None
        self._transport: asyncio.Transport | None = None
        self.lost = False

    async def connect(
        self, transport: asyncio.Transport, destination: Endpoint
    ) -> None:
        """Ask the gateway for the EMT. Raises ChannelError."""
        self._transport = transport
        self._opened = asyncio.get_running_loop().create_future()
        self._connect = socks.Connect(destination)
        transport.write(socks.GREETING)
        if held := self.take():
            self.data_received(held)
        try:
            async with asyncio.timeout(SOCKS_SECONDS):
                await self._opened
        except TimeoutError:
            raise ChannelError(ChannelReason.SOCKS_TIMEOUT) from None
        finally:
            self._connect = None

    def take(self) -> bytes:
        """Return what came, and forget it."""
        held, self._held = self._held, b""
        return held

    @override
    def data_received(self, data: bytes) -> None:
        """Take bytes."""
        if self._connect is None:
            self._held += data
            if len(self._held) > _MOST_HELD and self._transport is not None:
                self._transport.pause_reading()
            return
        assert self._transport is not None
        assert self._opened is not None
        try:
            self._transport.write(self._connect.received(data))
        except ChannelError as err:
            self._connect = None
            if not self._opened.done():
                self._opened.set_exception(err)
            return
        if self._connect.done:
            self._held, self._connect = self._connect.rest, None
            if not self._opened.done():
                self._opened.set_result(None)

    @override
    def connection_lost(self, exc: BaseException | None) -> None:
        """Note it."""
        self.lost = True
        if self._opened is not None and not self._opened.done():
            self._opened.set_exception(ChannelError(ChannelReason.SOCKS_CUT))


async def dial(
    gateway: Endpoint,
    context: ssl.SSLContext,
    own: Identity,
    *,
    server_name: str | None = None,
    destination: Endpoint | None = None,
) -> Stream:
    """Return a stream to the EMT: named by SOCKS (`destination`), or by the TLS server name. Raises ChannelError."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(TCP_SECONDS):
            raw, gate = await loop.create_connection(
                Gate,
                gateway.host,
                gateway.port,
                happy_eyeballs_delay=_NEXT_ADDRESS,
            )
    except OSError as err:
        raise alerts.of_connection(err) from err
    opened: asyncio.Transport = raw
    try:
        keep_alive(raw)
        opened = await start_tls(raw, gate, context, server_name=server_name)
        outer = tls.facts_of(opened)
        if destination is not None:
            await gate.connect(opened, destination)
    except BaseException:
        opened.abort()
        raise
    return Stream(transport=opened, gate=gate, own=own.facts, outer=outer)


async def inner_tls(
    stream: Stream,
    own: Identity,
    inner: InnerTls,
    now: Callable[[], datetime],
) -> Stream:
    """Return the stream inside a stream, after the EMT has shown its certificate. Raises ChannelError."""
    loop = asyncio.get_running_loop()
    gate = Gate()
    try:
        context = await loop.run_in_executor(
            None, lambda: tls.context(own, inner.peers, now, server=True)
        )
        begun = asyncio.ensure_future(
            start_tls(stream.transport, gate, context, server=True)
        )
        # One round for `start_tls` to take the transport, one for it to be told; then, before anything
        # else can be read, it gets what came before it.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        _feed(stream.transport.get_protocol(), stream.gate)
        transport = await begun
    except ChannelError as err:
        stream.transport.abort()
        raise alerts.of_inner(err) from err
    except BaseException:
        stream.transport.abort()
        raise
    return Stream(
        transport=transport,
        gate=gate,
        own=stream.own,
        outer=stream.outer,
        inner=tls.facts_of(transport),
    )


def keep_alive(transport: asyncio.BaseTransport) -> None:
    """Have the kernel ask now and then whether the other end is still there."""
    sock = transport.get_extra_info("socket")
    if sock is None:
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (
        ("TCP_KEEPIDLE", 60),
        ("TCP_KEEPINTVL", 20),
        ("TCP_KEEPCNT", 3),
    ):
        if (option := getattr(socket, name, None)) is not None:
            sock.setsockopt(socket.IPPROTO_TCP, option, value)


async def start_tls(
    transport: asyncio.Transport,
    gate: Gate,
    context: ssl.SSLContext,
    *,
    server: bool = False,
    server_name: str | None = None,
) -> asyncio.Transport:
    """Return the transport inside. Raises ChannelError."""
    loop = asyncio.get_running_loop()
    token = tls.WIRE.set(transport)
    try:
        made = await loop.start_tls(
            transport,
            gate,
            context,
            server_side=server,
            server_hostname=server_name,
            ssl_handshake_timeout=TLS_SECONDS,
            ssl_shutdown_timeout=CLOSE_SECONDS,
        )
    except OSError as err:
        raise alerts.of_handshake(err) from err
    finally:
        tls.WIRE.reset(token)
    if made is None:
        raise ChannelError(ChannelReason.TLS_CUT)
    return made


def _feed(protocol: asyncio.BaseProtocol, gate: Gate) -> None:
    """Give bytes that came early to the TLS that has just begun."""
    taker, data = cast("asyncio.BufferedProtocol", protocol), gate.take()
    while data:
        buffer = memoryview(taker.get_buffer(len(data)))
        size = min(len(buffer), len(data))
        buffer[:size] = data[:size]
        taker.buffer_updated(size)
        data = data[size:]
