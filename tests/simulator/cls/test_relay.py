"""A channel closes both its lines, whenever the world ends."""

import asyncio
import socket
from typing import Any, cast

import pytest

from simulator.clock import SimClock
from simulator.cls.faults import CLS_FAULTS
from simulator.cls.profiles import Profile
from simulator.cls.relay import Channel
from simulator.faults import FaultSet
from simulator.tunnel.stream import SocketStream

PROFILE = Profile(
    key="grid",
    cls="11" * 32,
    scenario="socks",
    emt="grid",
    name="grid.emt.example",
    port=8443,
    address=("127.0.0.1", 1),
    emt_fingerprint="22" * 32,
)


class Line(SocketStream):
    """A line without TLS."""

    async def drop(self) -> None:
        """Close it."""
        await self.close()


@pytest.mark.parametrize("how", ["close", "fin", "reset"])
@pytest.mark.parametrize("steps", range(6))
async def test_cancelled_while_it_ends(
    socket_enabled: None, steps: int, how: str
) -> None:
    """An end that is under way when everything ends leaves no line open."""
    pairs = [socket.socketpair() for _ in range(2)]
    han, wan = (Line(pair[0]) for pair in pairs)
    clock = SimClock()
    faults = FaultSet(CLS_FAULTS, clock)
    channel = Channel(PROFILE, cast("Any", han), wan, clock, faults)
    task = asyncio.create_task(channel.run(b""))
    await asyncio.sleep(0)
    channel.end("lost", how)
    for _ in range(steps):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert (han.sock.fileno(), wan.sock.fileno()) == (-1, -1)
    for _, far in pairs:
        far.close()
