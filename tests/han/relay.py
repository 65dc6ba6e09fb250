"""A TCP relay in front of a gateway that keeps what the client sent, byte for byte."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace

from custom_components.smgw.han.address import Address
from custom_components.smgw.han.transport import SessionLog, Transport

_HANDSHAKE, _CLIENT_HELLO = 22, 1


@dataclass
class Relay:
    """Where it listens, and what each connection's client has sent."""

    address: Address
    connections: list[bytearray] = field(default_factory=list)

    def way_to(
        self, gateway_id: str, pin: bytes, sessions: SessionLog | None = None
    ) -> Transport:
        """Return a way to the gateway behind it."""
        return Transport(self.address, gateway_id, pin, sessions=sessions)

    @property
    def only_hellos(self) -> bool:
        """Say whether no client has sent more than its greeting, one TLS record."""
        return all(_is_hello(bytes(sent)) for sent in self.connections)


def _is_hello(sent: bytes) -> bool:
    length = int.from_bytes(sent[3:5])
    kind = sent[0], sent[5]
    return kind == (_HANDSHAKE, _CLIENT_HELLO) and len(sent) == 5 + length


@asynccontextmanager
async def relay_to(target: Address) -> AsyncIterator[Relay]:
    """Listen on a port of its own, and pass everything on."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(own := asyncio.current_task())
        sent = bytearray()
        relay.connections.append(sent)
        try:
            there = await asyncio.open_connection(target.host, target.port)
            async with asyncio.TaskGroup() as both:
                both.create_task(_pass_on(reader, there[1], sent))
                both.create_task(_pass_on(there[0], writer, bytearray()))
        finally:
            tasks.discard(own)
            writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    relay = Relay(replace(target, port=server.sockets[0].getsockname()[1]))
    try:
        yield relay
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _pass_on(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, copy: bytearray
) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            copy += data
            writer.write(data)
            await writer.drain()
    writer.transport.abort()
