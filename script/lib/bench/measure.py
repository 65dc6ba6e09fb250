"""The passes: CPU and requests, hold of the loop, bytes, parsing.

The clients take turns poll by poll, so that what else the machine does hits both.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, replace
import json
import os
from pathlib import Path
from typing import Any

from gateways import Gateway, GatewayError, start_gateway
from ha_process import ROOT, environment, stop

from .cases import CLOCK, OURS, PAGE, Case
from .child import Job
from .process import OUR_VENV, PEER_VENV, BenchError, ClientProcess, client, last_line
from .relay import relay_to

WARM_UP = 3
POLLS = 30
BYTE_POLLS = 5


@dataclass(frozen=True, slots=True)
class Pair[T]:
    """The same of both clients; None where there is no published one."""

    ours: T
    peer: T | None

    def map[R](self, change: Callable[[T], R]) -> Pair[R]:
        """Return what becomes of both."""
        return Pair(change(self.ours), None if self.peer is None else change(self.peer))


type Numbers = Pair[list[float]]
"""One number per poll."""
type Answers = Pair[list[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class PollResult:
    """What polls cost."""

    case: Case
    requests: Numbers
    cpu: Numbers
    hold: Numbers
    hold_cpu: Numbers
    passed: Numbers
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
    async with running_gateway(case, folder) as (gateway, log):
        job = job_of(gateway)
        async with running_clients(case, job, folder) as both:
            requests, answers = await _cpu_pass(case, both, _Log(log))
            holds = await take_turns(both, _command("hold", case), 0, POLLS)
            hello = both.map(lambda running: running.hello)
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


async def measure_parsing(folder: Path) -> Numbers:
    """Return the CPU times of reading one large page."""
    page = folder / "page.html"
    async with running_gateway(PAGE, folder) as (gateway, _):
        job = job_of(gateway)
        await _save_page(job, page)
        async with running_clients(PAGE, job, folder) as both:
            answers = await take_turns(both, f"parse {page}", WARM_UP, POLLS)
    return _column(answers, "cpu")


async def _cpu_pass(
    case: Case, both: Pair[ClientProcess], log: _Log
) -> tuple[Numbers, Answers]:
    """Poll; see that both read the same, and count the requests of each."""
    command = _command("poll", case)
    await take_turns(both, command, WARM_UP, 0)
    log.new()
    requests: Numbers = both.map(lambda _: [])
    answers: Answers = both.map(lambda _: [])
    for _ in range(POLLS):
        for running, counted, given in _sides(both, requests, answers):
            given.append(await running.ask(command))
            counted.append(float(log.new()))
        if answers.peer is not None:
            _compare(answers.ours[-1]["values"], answers.peer[-1]["values"])
    return requests, answers


def _compare(ours: list[str], peer: list[str]) -> None:
    """See that both read the same; a client may leave out the name of the meter."""
    same = len(ours) == len(peer)
    if not same or not all(map(str.endswith, ours, peer, strict=True)):
        raise BenchError(f"the clients read different values: {ours} and {peer}")


async def _byte_pass(case: Case, job: Job, folder: Path) -> Numbers:
    """Poll through a relay that counts."""
    command = _command("poll", case)
    async with (
        relay_to(job.url) as (relay, url),
        running_clients(case, replace(job, url=url), folder) as both,
    ):
        passed: Numbers = both.map(lambda _: [])
        await take_turns(both, command, WARM_UP, 0)
        for _ in range(BYTE_POLLS):
            for running, counted in _sides(both, passed):
                before = await relay.settled()
                await running.ask(command)
                counted.append(float(await relay.settled() - before))
    return passed


def _command(name: str, case: Case) -> str:
    return f"{name} first" if case.first else name


def _sides(*pairs: Pair[Any]) -> list[tuple[Any, ...]]:
    """Return what belongs to our client, then what belongs to the peer, if any."""
    sides = [tuple(pair.ours for pair in pairs), tuple(pair.peer for pair in pairs)]
    return [side for side in sides if side[0] is not None]


async def take_turns(
    both: Pair[ClientProcess], command: str, warm_up: int, count: int
) -> Answers:
    """Ask both in turn; return the answers after the warm-up."""
    answers: Answers = both.map(lambda _: [])
    for _ in range(warm_up + count):
        for running, given in _sides(both, answers):
            given.append(await running.ask(command))
    return answers.map(lambda given: given[warm_up:])


def _column(answers: Answers, name: str) -> Numbers:
    return answers.map(lambda given: [answer[name] for answer in given])


def job_of(gateway: Gateway) -> Job:
    """Return what a client needs to read a gateway."""
    return Job(
        url=gateway.url,
        gateway_id=gateway.gateway_id,
        fingerprint=gateway.fingerprint,
        user=gateway.user,
        password=gateway.password,
        now=f"{CLOCK}+01:00",
    )


@asynccontextmanager
async def running_gateway(
    case: Case, folder: Path
) -> AsyncIterator[tuple[Gateway, Path]]:
    """Run a case's gateway; its log has one line per request."""
    log = folder / "gateway.log"
    log.unlink(missing_ok=True)
    maker, *arguments = case.gateway
    try:
        gateway = await start_gateway(maker, 0, log, "--clock", CLOCK, *arguments)
    except GatewayError as err:
        reason = last_line(log)
        raise BenchError(f"the gateway of {case.title!r}: {reason}") from err
    try:
        yield gateway, log
    finally:
        await stop(gateway.process)


@asynccontextmanager
async def running_clients(
    case: Case, job: Job, folder: Path
) -> AsyncIterator[Pair[ClientProcess]]:
    """Run a case's clients."""
    async with AsyncExitStack() as stack:
        ours = await stack.enter_async_context(
            client(OURS, OUR_VENV, job, folder / "ours.log")
        )
        peer = None
        if case.peer:
            peer = await stack.enter_async_context(
                client(case.peer, PEER_VENV, job, folder / "peer.log")
            )
        yield Pair(ours, peer)


async def _save_page(job: Job, page: Path) -> None:
    paths = os.pathsep.join((str(ROOT / "script" / "lib"), str(ROOT)))
    process = await asyncio.create_subprocess_exec(
        str(OUR_VENV / "bin" / "python"),
        *("-m", "bench.page", json.dumps(asdict(job)), str(page)),
        env={**environment(), "PYTHONPATH": paths},
    )
    if await process.wait():
        raise BenchError("the page with values could not be fetched")
