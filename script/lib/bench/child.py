"""The child's side of a measurement: one JSON line out for each line in.

`poll` measures the CPU of one poll, `hold` how long it holds the event loop (both
`first`: of a client that knows nothing yet), `parse FILE` the CPU of reading one saved
page, `history FOLDER` the CPU of reading what a gateway kept in two years, and
`gaps FOLDER` the memory this takes and how long others wait. Runs in any environment:
standard library only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from importlib.metadata import version
import json
import os
from pathlib import Path
import platform
import resource
import sys
import time
from typing import Any

from .gaps import forget_peak, gaps, peak, summary
from .hold import Holds, watched


@dataclass(frozen=True, slots=True)
class Job:
    """Which gateway to read."""

    url: str
    gateway_id: str
    fingerprint: str
    user: str
    password: str
    now: str
    """The gateway's time, ISO 8601."""

    @classmethod
    def given(cls) -> Job:
        """Read it from the command line."""
        return cls(**json.loads(sys.argv[1]))


class Client:
    """A client to be measured. `poll` and `parse` are timed, `prepare` is not."""

    packages: tuple[str, ...] = ()
    """Distributions whose versions matter."""

    async def forget(self) -> None:
        """Know nothing of the gateway, as after the start of Home Assistant."""

    async def prepare(self) -> None:
        """Do what happens once, or what is not part of a poll."""

    async def poll(self) -> list[str]:
        """Log in, read firmware and newest values, log out; return what was read."""
        raise NotImplementedError

    def parse(self, page: bytes) -> None:
        """Read a page with values."""
        raise NotImplementedError

    async def history(self, folder: Path) -> int:
        """Read what a gateway sent, slice by slice; return the number of readings."""
        raise NotImplementedError


def plain(value: object) -> str:
    """Return a number as both clients would write it."""
    return f"{Decimal(str(value)).normalize():f}"


def serve(client: Client) -> None:
    """Say hello, then obey until standard input ends."""
    _answer(
        python=platform.python_version(),
        packages=[f"{name} {version(name)}" for name in client.packages],
    )
    with asyncio.Runner() as runner:
        for line in sys.stdin:
            command, _, argument = line.strip().partition(" ")
            if command == "parse":
                _answer(**_parse(client, Path(argument).read_bytes()))
            elif command in _HISTORIES:
                work = client.history(Path(argument))
                _answer(**_HISTORIES[command](runner, work))
            else:
                if argument == "first":
                    runner.run(client.forget())
                runner.run(client.prepare())
                _answer(**_POLLS[command](runner, client.poll()))


def _poll(
    runner: asyncio.Runner, poll: Coroutine[Any, Any, list[str]]
) -> dict[str, Any]:
    with _one_core():
        before = _cpu()
        values = runner.run(_to_the_end(poll))
        return {"cpu": _cpu() - before, "values": values}


def _hold(
    runner: asyncio.Runner, poll: Coroutine[Any, Any, list[str]]
) -> dict[str, Any]:
    holds = Holds()
    with watched(holds):
        runner.run(_to_the_end(poll))
    return {"hold": holds.longest, "hold_cpu": holds.longest_cpu}


async def _to_the_end[T](poll: Coroutine[Any, Any, T]) -> T:
    """Count also what a client leaves to the loop, such as closing its socket."""
    result = await poll
    await asyncio.sleep(0.01)
    return result


_POLLS = {"poll": _poll, "hold": _hold}


def _history(runner: asyncio.Runner, work: Coroutine[Any, Any, int]) -> dict[str, Any]:
    with _one_core():
        before = _cpu()
        readings = runner.run(work)
        return {"cpu": _cpu() - before, "readings": readings}


def _gaps(runner: asyncio.Runner, work: Coroutine[Any, Any, int]) -> dict[str, Any]:
    found: list[float] = []
    holds = Holds()

    async def watched_work() -> None:
        async with gaps(found):
            await work

    idle, start = forget_peak(), time.perf_counter()
    with watched(holds):
        runner.run(watched_work())
    return {
        "time": time.perf_counter() - start,
        "memory": peak() - idle,
        "hold_own": holds.longest_own,
        **summary(found),
    }


_HISTORIES = {"history": _history, "gaps": _gaps}


def _parse(client: Client, page: bytes) -> dict[str, Any]:
    with _one_core():
        before = _cpu()
        client.parse(page)
        return {"cpu": _cpu() - before}


@contextmanager
def _one_core() -> Iterator[None]:
    """Run on the core that all clients use for this.

    Cores of one machine differ, above all where others share them: up to 1.7 times
    the CPU time for the same work (observed on a virtual machine).
    """
    if sys.platform != "linux":
        yield
        return
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def _cpu() -> float:
    """Return user and system time of this process, all threads, in seconds."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _answer(**content: Any) -> None:
    sys.stdout.write(json.dumps(content) + "\n")
    sys.stdout.flush()
