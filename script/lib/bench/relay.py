"""A TCP relay that counts what passes, TLS records and all."""

from __future__ import annotations

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
import contextlib
from contextlib import asynccontextmanager
from urllib.parse import urlsplit


class Relay:
    """Bytes passed so far in both directions, without the headers of TCP and IP."""

    def __init__(self, target: str) -> None:
        """Take the URL of the gateway."""
        parts = urlsplit(target)
        self._host, self._port = parts.hostname, parts.port
        self._open = 0
        self._idle = asyncio.Event()
        self.passed = 0

    async def settled(self) -> int:
        """Wait until all connections are closed; return the bytes passed."""
        await asyncio.wait_for(self._idle.wait(), 10)
        return self.passed

    async def serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Pass one connection on."""
        self._open += 1
        self._idle.clear()
        try:
            far_reader, far_writer = await asyncio.open_connection(
                self._host, self._port
            )
            await asyncio.gather(
                self._pump(reader, far_writer), self._pump(far_reader, writer)
            )
        finally:
            self._open -= 1
            if not self._open:
                self._idle.set()

    async def _pump(self, source: StreamReader, sink: StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await source.read(65536):
                self.passed += len(data)
                sink.write(data)
                await sink.drain()
        sink.close()
        with contextlib.suppress(ConnectionError):
            await sink.wait_closed()


@asynccontextmanager
async def relay_to(target: str) -> AsyncIterator[tuple[Relay, str]]:
    """Run a relay; give it and the URL that leads through it."""
    relay = Relay(target)
    server = await asyncio.start_server(relay.serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        yield relay, f"https://127.0.0.1:{port}"
