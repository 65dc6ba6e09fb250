"""Sockets of the proxy: listen, accept, dial."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
import socket

from .stream import SocketStream

type Handler = Callable[[socket.socket], Coroutine[None, None, None]]


class Port:
    """A listening socket; each connection is a task that ends with it."""

    def __init__(self, host: str, port: int, handler: Handler) -> None:
        """Bind and listen; OSError if the address cannot be had."""
        found = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        family, *_, address = found[0]
        self._socket = socket.create_server(address, family=family, backlog=128)
        self._socket.setblocking(False)
        self._handler = handler
        self._tasks: set[asyncio.Task[None]] = set()
        self.host = host
        self.port: int = self._socket.getsockname()[1]

    def open(self) -> None:
        """Accept from now on."""
        # No task: one that is cancelled loses the socket it has just accepted.
        asyncio.get_running_loop().add_reader(self._socket, self._accept)

    async def close(self) -> None:
        """Take nobody any more and end what is open."""
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self) -> None:
        try:
            sock, _ = self._socket.accept()
        except OSError:
            return  # has already gone
        sock.setblocking(False)
        task = asyncio.create_task(self._handle(sock), eager_start=True)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _handle(self, sock: socket.socket) -> None:
        try:
            await self._handler(sock)
        except OSError:
            pass  # the handler has written down what matters
        finally:
            sock.close()


async def dial(address: tuple[str, int], seconds: float = 10) -> SocketStream:
    """Connect; OSError if that fails."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(seconds):
        found = await loop.getaddrinfo(*address, type=socket.SOCK_STREAM)
        family, kind, protocol, _, where = found[0]
        sock = socket.socket(family, kind, protocol)
        sock.setblocking(False)
        try:
            await loop.sock_connect(sock, where)
        except BaseException:
            with suppress(OSError):
                sock.close()
            raise
    return SocketStream(sock)
