"""The passes: CPU and requests, hold of the loop, bytes, parsing.

The clients take turns poll by poll, so that what else the machine does hits both.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, replace
import json
import os
from pathlib import Path
from typing import Any

from gateways import Gateway, GatewayError, start_gateway
from ha_process import ROOT, environment, stop

from .cases import CLOCK, PAGE, Case
from .child import Job
from .process import OURS, PEERS, BenchError, ClientProcess, client, last_line
from .relay import relay_to

WARM_UP = 3
POLLS = 30
BYTE_POLLS = 5


@dataclass(frozen=True, slots=True)
class Pair[T]:
    """The same of both clients."""

    ours: T
    peer: T


@dataclass(frozen=True, slots=True)
class PollResult:
    """What polls cost: one number per poll."""

    case: Case
    requests: Pair[list[float]]
    cpu: Pair[list[float]]
    hold: Pair[list[float]]
    hold_cpu: Pair[list[float]]
    passed: Pair[list[float]]
    hello: Pair[dict[str, Any]]


class _Log:
    """The gateway's log, which has one line per request."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = self._total()

    def new(self) -> int:
        """Return how many requests came since the last time."""
        before, self._seen = self._seen, self._total()
        return self._seen - before

    def _total(self) -> int:
        return self._path.read_text(encoding="utf-8").count(" action=")


async def measure_polls(case: Case, folder: Path) -> PollResult:
    """Run all passes of one case."""
    async with _gateway(case, folder) as (gateway, log):
        job = _job(gateway)
        async with _clients(case, job, folder) as both:
            requests, answers = await _cpu_pass(both, _Log(log))
            holds = await _turns(both, "hold", 0, POLLS)
            hello = Pair(both.ours.hello, both.peer.hello)
        passed = await _byte_pass(case, job, folder)
    return PollResult(
        case=case,
        requests=requests,
        cpu=_column(answers, "cpu"),
        hold=_column(holds, "hold"),
        hold_cpu=_column(holds, "hold_cpu"),
        passed=passed,
        hello=hello,
    )


async def measure_parsing(folder: Path) -> Pair[list[float]]:
    """Return the CPU times of reading one large page."""
    page = folder / "page.html"
    async with _gateway(PAGE, folder) as (gateway, _):
        job = _job(gateway)
        await _save_page(job, page)
        async with _clients(PAGE, job, folder) as both:
            answers = await _turns(both, f"parse {page}", WARM_UP, POLLS)
    return _column(answers, "cpu")


async def _cpu_pass(
    both: Pair[ClientProcess], log: _Log
) -> tuple[Pair[list[float]], Pair[list[dict[str, Any]]]]:
    """Poll; see that both read the same, and count the requests of each."""
    await _turns(both, "poll", WARM_UP, 0)
    log.new()
    requests, answers = Pair[list[float]]([], []), Pair[list[dict[str, Any]]]([], [])
    for _ in range(POLLS):
        for name in ("ours", "peer"):
            getattr(answers, name).append(await getattr(both, name).ask("poll"))
            getattr(requests, name).append(float(log.new()))
        if answers.ours[-1]["values"] != answers.peer[-1]["values"]:
            raise BenchError(
                f"the clients read different values: {answers.ours[-1]['values']} "
                f"and {answers.peer[-1]['values']}"
            )
    return requests, answers


async def _byte_pass(case: Case, job: Job, folder: Path) -> Pair[list[float]]:
    """Poll through a relay that counts."""
    passed = Pair[list[float]]([], [])
    async with (
        relay_to(job.url) as (relay, url),
        _clients(case, replace(job, url=url), folder) as both,
    ):
        await _turns(both, "poll", WARM_UP, 0)
        for _ in range(BYTE_POLLS):
            for name in ("ours", "peer"):
                before = await relay.settled()
                await getattr(both, name).ask("poll")
                getattr(passed, name).append(float(await relay.settled() - before))
    return passed


async def _turns(
    both: Pair[ClientProcess], command: str, warm_up: int, count: int
) -> Pair[list[dict[str, Any]]]:
    """Ask both in turn; return the answers after the warm-up."""
    answers = Pair[list[dict[str, Any]]]([], [])
    for _ in range(warm_up + count):
        answers.ours.append(await both.ours.ask(command))
        answers.peer.append(await both.peer.ask(command))
    return Pair(answers.ours[warm_up:], answers.peer[warm_up:])


def _column(answers: Pair[list[dict[str, Any]]], name: str) -> Pair[list[float]]:
    return Pair(
        [answer[name] for answer in answers.ours],
        [answer[name] for answer in answers.peer],
    )


def _job(gateway: Gateway) -> Job:
    return Job(
        url=gateway.url,
        gateway_id=gateway.gateway_id,
        fingerprint=gateway.fingerprint,
        user=gateway.user,
        password=gateway.password,
        now=f"{CLOCK}+01:00",
    )


@asynccontextmanager
async def _gateway(case: Case, folder: Path) -> AsyncIterator[tuple[Gateway, Path]]:
    log = folder / "gateway.log"
    log.unlink(missing_ok=True)
    try:
        gateway = await start_gateway("ppc", 0, log, "--clock", CLOCK, *case.gateway)
    except GatewayError as err:
        reason = last_line(log)
        raise BenchError(f"the gateway of {case.title!r}: {reason}") from err
    try:
        yield gateway, log
    finally:
        await stop(gateway.process)


@asynccontextmanager
async def _clients(
    case: Case, job: Job, folder: Path
) -> AsyncIterator[Pair[ClientProcess]]:
    async with AsyncExitStack() as stack:
        ours = client(case.ours, OURS, job, folder / "ours.log")
        peer = client(case.peer, PEERS, job, folder / "peer.log")
        yield Pair(
            await stack.enter_async_context(ours),
            await stack.enter_async_context(peer),
        )


async def _save_page(job: Job, page: Path) -> None:
    paths = os.pathsep.join((str(ROOT / "script" / "lib"), str(ROOT)))
    process = await asyncio.create_subprocess_exec(
        str(OURS / "bin" / "python"),
        *("-m", "bench.page", json.dumps(asdict(job)), str(page)),
        env={**environment(), "PYTHONPATH": paths},
    )
    if await process.wait():
        raise BenchError("the page with values could not be fetched")
