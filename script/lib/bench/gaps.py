"""How long the event loop lets others wait, and how much memory work takes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
import resource
import time

TICK = 0.001
_STATUS = Path("/proc/self/status")
_REFS = Path("/proc/self/clear_refs")


@asynccontextmanager
async def gaps(found: list[float]) -> AsyncIterator[None]:
    """Note how late a task is that wants to run every `TICK`, in seconds.

    Whoever holds the loop makes it late, and so does another thread that holds the
    interpreter, or another process on a busy machine.
    """

    async def tick() -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(TICK)
            found.append(time.perf_counter() - before - TICK)

    task = asyncio.create_task(tick())
    await asyncio.sleep(0)
    try:
        yield
    finally:
        task.cancel()


def summary(found: list[float]) -> dict[str, float]:
    """Return the longest gap, and the one that 95 % are not longer than, in seconds."""
    ordered = sorted(found) or [0.0]
    return {"gap_95": ordered[int(0.95 * len(ordered))], "gap_longest": ordered[-1]}


def forget_peak() -> int:
    """Begin to look for the peak of memory anew; return what is used now, in bytes."""
    if _REFS.exists():
        _REFS.write_text("5", encoding="ascii")
    return memory()


def peak() -> int:
    """Return the most memory that was used since, in bytes."""
    if _STATUS.exists():
        return _status("VmHWM")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def memory() -> int:
    """Return what is used now, in bytes."""
    return _status("VmRSS")


def _status(name: str) -> int:
    """Return a size that Linux tells; elsewhere what there was at most."""
    if not _STATUS.exists():
        return peak()
    for line in _STATUS.read_text(encoding="ascii").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    return 0
