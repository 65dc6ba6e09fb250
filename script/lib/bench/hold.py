"""How long single callbacks hold the event loop."""

from __future__ import annotations

from asyncio import Handle
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
import gc
import threading
import time


@dataclass(slots=True)
class Holds:
    """The longest callback so far, in seconds of the clock and of CPU.

    The clock is what Home Assistant feels, but on a busy machine it also counts the
    time other processes took; the CPU time does not.
    """

    longest: float = 0
    longest_cpu: float = 0
    longest_own: float = 0
    """CPU without the interpreter's search for garbage, which goes through all there is."""
    longest_collection: float = 0
    """One such search, in any thread."""


@contextmanager
def watched(holds: Holds) -> Iterator[None]:
    """Time every callback that an event loop of this process runs."""
    run = Handle._run  # noqa: SLF001
    begun: dict[int, float] = {}
    collected: dict[int, float] = {}

    def timed(handle: Handle) -> None:
        thread = threading.get_ident()
        clock, cpu = time.perf_counter(), time.thread_time()
        before = collected.get(thread, 0)
        run(handle)
        took = time.thread_time() - cpu
        own = took - (collected.get(thread, 0) - before)
        holds.longest_cpu = max(holds.longest_cpu, took)
        holds.longest_own = max(holds.longest_own, own)
        holds.longest = max(holds.longest, time.perf_counter() - clock)

    def collecting(phase: str, _: object) -> None:
        thread = threading.get_ident()
        if phase == "start":
            begun[thread] = time.thread_time()
        elif thread in begun:
            took = time.thread_time() - begun.pop(thread)
            collected[thread] = collected.get(thread, 0) + took
            holds.longest_collection = max(holds.longest_collection, took)

    Handle._run = timed  # type: ignore[assignment, method-assign] # noqa: SLF001
    gc.callbacks.append(collecting)
    try:
        yield
    finally:
        gc.callbacks.remove(collecting)
        Handle._run = run  # type: ignore[method-assign] # noqa: SLF001
