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
    """Return what the work returns; TimeoutError once a deadline has passed.

    Also if the work is done by then: whoever advances the clock over the limit
    finds the connection closed, however quick he is.
    """
    ends = tuple(ends)
    task = asyncio.ensure_future(work)
    try:
        while True:
            if any(end.passed() for end in ends):
                raise TimeoutError("the connection's time is over")
            if task.done():
                return task.result()
            await asyncio.wait({task}, timeout=_LOOK)
    finally:
        if not task.cancel() and not task.cancelled():
            task.exception()  # seen, whatever it was
