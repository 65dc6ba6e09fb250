"""A stream that is up: served until it ends, watched for silence, ended in time for a new one."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from . import alerts
from .api import Api
from .callers import Caller
from .errors import ChannelError
from .forward import Half, open_target
from .model import Endpoint, TunnelConfig
from .ports import ClsPorts
from .reasons import ChannelReason
from .stream import CLOSE_SECONDS, Stream

SILENCE = 180.0
"""Seconds without a byte after which the other end must be gone."""
HEADER_SECONDS = 30.0
_LOOK = 30.0
"""Seconds between two looks at whether a request has been coming in for too long."""
GRACE = 90.0
"""Seconds in which a last request may come that is answered with `Connection: close`: everybody asks once a minute."""


class _End(Protocol):
    """Who serves a stream."""

    heard: float
    on_lost: Callable[[BaseException | None], None]


@dataclass(slots=True)
class Session:
    """One stream and who serves it."""

    config: TunnelConfig
    stream: Stream
    ports: ClsPorts
    api: Api
    heard: Callable[[], None]
    """Called when the EMT was heard."""
    ended: asyncio.Future[ChannelError] | None = None
    _drain: Callable[[], None] = lambda: None
    _begun: Callable[[], float | None] = lambda: None
    _slow: Callable[[], Awaitable[None]] | None = None
    _gone: Callable[[], Awaitable[None]] | None = None
    _served: bool = False
    _drained: bool = False

    async def serve(self, lifetime: float) -> ChannelError:
        """Serve until it ends; return why it has. It is to be renewed after `lifetime` seconds.

        Whoever cancels this ends the stream.
        """
        self.ended = asyncio.get_running_loop().create_future()
        try:
            end = await self._begin()
            self._served = True
            watch = asyncio.ensure_future(self._watch(end, lifetime))
            try:
                await asyncio.wait(
                    [watch, self.ended], return_when=asyncio.FIRST_COMPLETED
                )
                # What the watch has found explains an end that it brought about.
                return watch.result() if watch.done() else self.ended.result()
            finally:
                watch.cancel()
                await asyncio.gather(watch, return_exceptions=True)
        except ChannelError as err:
            return err
        finally:
            await self._close()

    async def _begin(self) -> _End:
        if self.config.forward is not None:
            return await self._forward(self.config.forward)
        caller = Caller(
            participant_id=self.config.participant_id,
            tunnel=self.config.kind,
            outer=self.stream.outer.fingerprint,
            inner=self.stream.inner.fingerprint if self.stream.inner else None,
            message_key=self.config.message_key,
            heard=self.heard,
        )
        http = self.api.stream(caller)
        http.on_lost = self._lost
        self._drain, self._begun = http.drain, lambda: http.begun
        self._slow, self._gone = http.too_slow, http.gone
        self.stream.hand_over(http)
        return http

    async def _forward(self, target: Endpoint) -> _End:
        now = self.ports.timer.monotonic
        near = await open_target(target, now)
        far = Half(now)
        far.on_heard, far.on_lost = self.heard, self._lost
        try:
            # Only what comes from afar says something about the tunnel.
            self.stream.hand_over(far)
        except ChannelError:
            near.end()
            raise
        far.join(near)
        near.join(far)
        return far

    def _lost(self, exc: BaseException | None) -> None:
        if self.ended is not None and not self.ended.done():
            limit = ChannelError(ChannelReason.SESSION_LIMIT)
            self.ended.set_result(limit if self._drained else alerts.of_end(exc))

    async def _watch(self, end: _End, lifetime: float) -> ChannelError:
        """Return why we end the stream ourselves."""
        timer = self.ports.timer
        renew = timer.monotonic() + lifetime
        while True:
            now = timer.monotonic()
            if now >= renew + GRACE or (now >= renew and self.config.forward):
                return ChannelError(ChannelReason.SESSION_LIMIT)
            if now >= renew and not self._drained:
                self._drained = True
                self._drain()
            due = [renew + GRACE if self._drained else renew]
            if self.config.forward is None:
                # A vendor's own protocol may be silent for as long as it likes; the kernel watches over it.
                due.append(end.heard + SILENCE)
            if (begun := self._begun()) is not None:
                due.append(begun + HEADER_SECONDS)
                if now >= due[-1] and self._slow is not None:
                    await self._slow()
            if now >= min(due):
                return ChannelError(ChannelReason.HALF_OPEN)
            await timer.sleep(min(min(due) - now, _LOOK))

    async def _close(self) -> None:
        """End the stream in good order, or after a moment without."""
        if self._served and self.ended is not None and not self.ended.done():
            self.stream.transport.close()
            await asyncio.wait([self.ended], timeout=CLOSE_SECONDS)
        self.stream.transport.abort()
        if self._gone is not None:
            await self._gone()
