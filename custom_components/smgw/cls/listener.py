"""Tunnels that others open: the gateway (HKS4, HKS5), or in the laboratory the EMT itself.

One listener, one participant: behind a gateway's certificate nobody can tell two of them apart (R2.4).
"""

import asyncio
from collections.abc import Callable
from datetime import timedelta
import logging
from typing import Any, override

from . import alerts, tls
from .alerts import OWN_REFUSED
from .errors import ChannelError
from .model import ChannelPhase, Endpoint
from .reasons import ChannelReason
from .stream import Gate, Stream, keep_alive, start_tls
from .tunnel import Tunnel

_LOGGER = logging.getLogger(__name__)
MOST_STREAMS = 4
MOST_HANDSHAKES = 8
"""Strangers in the house's network may knock as often as they like, but not all at once."""


class Listener(Tunnel):
    """Accepts, serves, and goes on accepting."""

    def __init__(self, *args: Any) -> None:
        """Take what a tunnel takes."""
        super().__init__(*args)
        self._knocking: dict[asyncio.Task[None], None] = {}
        self._streams: dict[asyncio.Task[None], None] = {}
        """Both in the order they came."""

    @override
    async def run(self) -> None:
        """Keep the port open."""
        assert self.config.listen is not None
        while True:
            try:
                await self._listen(self.config.listen)
            except ChannelError as err:
                if err.reason in OWN_REFUSED:
                    self.other_own()
                pause = self.back_off.pause()
                next_try = self.ports.now().utc + timedelta(seconds=pause)
                self.failed(ChannelPhase.STOPPED, err, next_try=next_try)
                await self.ports.timer.sleep(pause)

    async def _listen(self, where: Endpoint) -> None:
        await self.context(server=True)
        loop = asyncio.get_running_loop()
        try:
            server = await loop.create_server(
                lambda: _Arrival(self._arrived), where.host, where.port
            )
        except OSError as err:
            raise alerts.of_listening(err) from err
        self.back_off.lasted(float("inf"))
        self.tell(ChannelPhase.LISTENING, reason=None, detail="", next_try=None)
        try:
            await loop.create_future()
        finally:
            server.close()
            tasks = [*self._knocking, *self._streams]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _arrived(self, raw: asyncio.Transport, gate: Gate) -> None:
        if len(self._knocking) >= MOST_HANDSHAKES:
            # The oldest: whoever means it is through with the handshake at once.
            next(iter(self._knocking)).cancel()
        task = asyncio.get_running_loop().create_task(self._accept(raw, gate))
        self._knocking[task] = None
        task.add_done_callback(self._gone)

    def _gone(self, task: asyncio.Task[None]) -> None:
        self._knocking.pop(task, None)
        self._streams.pop(task, None)
        if not task.cancelled() and (err := task.exception()) is not None:
            _LOGGER.error("A connection failed", exc_info=err)

    async def _accept(self, raw: asyncio.Transport, gate: Gate) -> None:
        """Serve one connection from its first byte to its last."""
        task = asyncio.current_task()
        assert task is not None
        try:
            stream = await self.within(await self._opened(raw, gate))
        except ChannelError as err:
            raw.abort()
            if err.reason in OWN_REFUSED:
                self.other_own()
            if not self._streams:
                self.failed(ChannelPhase.LISTENING, err)
            return
        except BaseException:
            raw.abort()
            raise
        self._knocking.pop(task, None)
        self._streams[task] = None
        if len(self._streams) > MOST_STREAMS:
            # A gateway that has forgotten its connections must not wait until we notice.
            next(iter(self._streams)).cancel()
        end = ChannelError(ChannelReason.SHUT_DOWN)
        try:
            end = await self.serve(stream)
        finally:
            self._streams.pop(task, None)
            if not self._streams:
                self.failed(ChannelPhase.LISTENING, end)

    async def _opened(self, raw: asyncio.Transport, gate: Gate) -> Stream:
        keep_alive(raw)
        own = self.own
        transport = await start_tls(
            raw, gate, await self.context(server=True), server=True
        )
        return Stream(
            transport=transport,
            gate=gate,
            own=own.facts,
            outer=tls.facts_of(transport),
        )


class _Arrival(Gate):
    """A connection that has just come."""

    def __init__(self, arrived: Callable[[asyncio.Transport, Gate], None]) -> None:
        """Take whom to tell."""
        super().__init__()
        self._arrived = arrived

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Read nothing before somebody does who understands it."""
        assert isinstance(transport, asyncio.Transport)
        transport.pause_reading()
        self._arrived(transport, self)
