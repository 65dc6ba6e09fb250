"""How long a connection lives, by the real and by the simulated clock."""

import asyncio
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass

from .clock import Deadline

_LOOK = 0.1


@dataclass(frozen=True, slots=True)
class Lifetime:
    """Seconds a connection may be idle, and seconds it may last at all.

    ``by_clock``: the simulated clock counts too, so that a test may advance it
    over the limit.
    """

    idle: float = 60.0
    total: float = 10 * 365 * 86_400.0
    by_clock: bool = False


async def until[T](work: Coroutine[None, None, T], ends: Iterable[Deadline]) -> T:
    """Return what the work returns; TimeoutError once a deadline has passed."""
    task = asyncio.ensure_future(work)
    try:
        while not task.done():
            if any(end.passed() for end in ends):
                raise TimeoutError("the connection's time is over")
            await asyncio.wait({task}, timeout=_LOOK)
        return task.result()
    finally:
        task.cancel()
