"""The other half of the world, made for these tests: a gateway's CLS port, and what can go wrong with it."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
import socket
import ssl
import tempfile
from typing import Any

from custom_components.smgw.cls.identity import Identity
from custom_components.smgw.cls.model import Endpoint

from .emt import Emt

EMT = Endpoint("emt.example.test", 4433)
_OPENSSL = {"secp256r1": "prime256v1"}


def identity(
    curve: str = "secp256r1",
    name: str = "test",
    at: datetime | None = None,
    days: int = 10 * 365,
) -> Identity:
    """Return a key and certificate, valid from a year ago unless stated otherwise."""
    begin = at or datetime.now(UTC) - timedelta(days=365)
    return Identity.made(curve, name, begin, timedelta(days=days))


def gateway_context(
    own: Identity, cls: Identity | None, curve: str | None = None, *, server: bool
) -> ssl.SSLContext:
    """Return a gateway's TLS, either side of it: what it shows, and whom it knows."""
    kind = ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT
    made = ssl.SSLContext(kind)
    made.check_hostname = False
    made.maximum_version = ssl.TLSVersion.TLSv1_2
    curve = curve or own.facts.curve or ""
    made.set_ecdh_curve(_OPENSSL.get(curve, curve))
    made.verify_mode = ssl.CERT_NONE if cls is None else ssl.CERT_REQUIRED
    if cls is not None:
        made.verify_flags = ssl.VerifyFlags(ssl.VERIFY_X509_PARTIAL_CHAIN)
        made.load_verify_locations(cadata=cls.certificate)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "own.pem")
        file.write_text(own.certificate + own.key)
        made.load_cert_chain(file)
    return made


async def over_tls(writer: asyncio.StreamWriter, context: ssl.SSLContext) -> Emt:
    """Return an EMT that has opened the inner TLS."""
    # Not `StreamWriter.start_tls`: on an accepted connection that would be the server.
    loop = asyncio.get_running_loop()
    inside = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(inside)
    transport = await loop.start_tls(writer.transport, protocol, context)
    assert transport is not None
    protocol.connection_made(transport)
    return Emt(inside, asyncio.StreamWriter(transport, protocol, inside, loop))


@dataclass
class Gateway:
    """Takes our connection, plays SOCKS, and is the EMT on the same stream."""

    own: Identity
    cls: Identity
    sni: bool = False
    reply: bytes = b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00"
    curve: str | None = None
    context: ssl.SSLContext | None = None
    script: Callable[..., Any] | None = None
    """Plays something else instead of SOCKS."""
    names: list[str | None] = field(default_factory=list)
    requests: list[bytes] = field(default_factory=list)
    dialled: int = 0
    streams: asyncio.Queue[Emt] = field(default_factory=asyncio.Queue)
    errors: list[Exception] = field(default_factory=list)
    port: int = 0
    _server: asyncio.Server | None = None
    _open: set[asyncio.StreamWriter] = field(default_factory=set)

    async def start(self) -> Gateway:
        """Open the port."""
        context = self.context or gateway_context(
            self.own, self.cls, self.curve, server=True
        )
        context.sni_callback = lambda _, name, __: self.names.append(name)
        self._server = await asyncio.start_server(
            self._serve, "127.0.0.1", self.port, ssl=context
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    @property
    def endpoint(self) -> Endpoint:
        """Return where it is."""
        return Endpoint("127.0.0.1", self.port)

    async def emt(self) -> Emt:
        """Return the EMT on the next stream."""
        return await asyncio.wait_for(self.streams.get(), 10)

    async def close(self) -> None:
        """Close the port and cut all streams."""
        if self._server is not None:
            self._server.close()
        self.cut()
        if self._server is not None:
            # Who is still shaking hands as well.
            self._server.abort_clients()
            await self._server.wait_closed()

    def cut(self) -> None:
        """Cut all streams."""
        for writer in self._open:
            with suppress(Exception):
                writer.transport.abort()
        self._open.clear()

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.dialled += 1
        self._open.add(writer)
        try:
            if self.script is not None:
                await self.script(reader, writer)
            elif not self.sni:
                await self._socks(reader, writer)
            await self.streams.put(Emt(reader, writer))
        except (OSError, EOFError) as err:
            self.errors.append(err)
            writer.transport.abort()

    async def _socks(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        assert await reader.readexactly(3) == b"\x05\x01\x00"
        writer.write(b"\x05\x00")
        self.requests.append(await read_request(reader))
        writer.write(self.reply)


async def read_request(reader: asyncio.StreamReader) -> bytes:
    """Return a CONNECT request."""
    head = await reader.readexactly(5)
    size = {1: 3, 3: head[4], 4: 15}[head[3]]
    return head + await reader.readexactly(size + 2)


def free_port(host: str = "127.0.0.1") -> int:
    """Return a port that nobody uses."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as sock:
        sock.bind((host, 0))
        return int(sock.getsockname()[1])
