"""A tunnel that ends at one fixed local TCP address: bytes both ways, nothing looked at.

The address is the owner's, never the participant's: there is no way to name another one.
"""

import asyncio
from collections.abc import Callable
from typing import override

from . import alerts
from .errors import ChannelError
from .model import Endpoint
from .reasons import ChannelReason
from .stream import TCP_SECONDS, keep_alive

_MOST_AHEAD = 256 * 1024


class Half(asyncio.Protocol):
    """One side; what it gets goes to the other one, no faster than that one takes it."""

    def __init__(self, now: Callable[[], float]) -> None:
        """Take the clock in seconds."""
        self._now = now
        self.heard = now()
        self.on_heard: Callable[[], None] = lambda: None
        self.on_lost: Callable[[BaseException | None], None] = lambda _: None
        self.transport: asyncio.Transport | None = None
        self._other: Half | None = None
        self._early = b""

    def join(self, other: Half) -> None:
        """Send what comes to another half from now on."""
        self._other = other
        if self._early and other.transport is not None:
            other.transport.write(self._early)
            self._early = b""

    def end(self) -> None:
        """Let go of this side: the other one is gone already."""
        if self.transport is not None:
            self.transport.abort()

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the side."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.set_write_buffer_limits(high=_MOST_AHEAD)

    @override
    def data_received(self, data: bytes) -> None:
        """Pass on."""
        self.heard = self._now()
        self.on_heard()
        if self._other is None:
            self._early += data
        elif self._other.transport is not None:
            self._other.transport.write(data)

    @override
    def pause_writing(self) -> None:
        """This side is slow: the other one has to wait."""
        if self._other is not None and self._other.transport is not None:
            self._other.transport.pause_reading()

    @override
    def resume_writing(self) -> None:
        """It has caught up."""
        if self._other is not None and self._other.transport is not None:
            self._other.transport.resume_reading()

    @override
    def connection_lost(self, exc: BaseException | None) -> None:
        """End the other side as well, after what is on its way."""
        if self._other is not None and self._other.transport is not None:
            self._other.transport.close()
        self.on_lost(exc)


async def open_target(target: Endpoint, now: Callable[[], float]) -> Half:
    """Return the local side. Raises ChannelError."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(TCP_SECONDS):
            transport, half = await loop.create_connection(
                lambda: Half(now), target.host, target.port
            )
    except OSError as err:
        detail = alerts.of_connection(err).detail
        raise ChannelError(ChannelReason.FORWARD_FAILED, detail) from err
    keep_alive(transport)
    return half
