"""How long single callbacks hold the event loop."""

from __future__ import annotations

from asyncio import Handle
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
import time


@dataclass(slots=True)
class Holds:
    """The longest callback so far, in seconds of the clock and of CPU.

    The clock is what Home Assistant feels, but on a busy machine it also counts the
    time other processes took; the CPU time does not.
    """

    longest: float = 0
    longest_cpu: float = 0


@contextmanager
def watched(holds: Holds) -> Iterator[None]:
    """Time every callback that an event loop of this process runs."""
    run = Handle._run  # noqa: SLF001

    def timed(handle: Handle) -> None:
        clock, cpu = time.perf_counter(), time.thread_time()
        run(handle)
        holds.longest_cpu = max(holds.longest_cpu, time.thread_time() - cpu)
        holds.longest = max(holds.longest, time.perf_counter() - clock)

    Handle._run = timed  # type: ignore[assignment, method-assign] # noqa: SLF001
    try:
        yield
    finally:
        Handle._run = run  # type: ignore[method-assign] # noqa: SLF001
