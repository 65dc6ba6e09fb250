"""Two years of quarter hours of one meter, from the gateway's bytes to checked readings."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import asdict, dataclass
import json
import os
from pathlib import Path
import shutil
from statistics import median
from typing import Any

from ha_process import ROOT, environment

from .cases import HISTORY_READINGS, MIN_READINGS, Case, history_scenario
from .child import Job
from .measure import Pair, job_of, running_clients, running_gateway, take_turns
from .process import OUR_VENV, BenchError
from .verdict import Line

TIMES = 3
MAX_MEMORY = 150e6
MAX_GAP = 0.02
# A gateway's hour of Berlin may lie at the border of the span.
_TOLERANCE = 0.005

type _Facts = dict[str, Any]


@dataclass(frozen=True, slots=True)
class HistoryResult:
    """What the reading costs: CPU in seconds several times, the rest once."""

    case: Case
    cpu: Pair[list[float]]
    readings: Pair[int]
    gaps: Pair[_Facts]


async def measure_history(case: Case, folder: Path) -> HistoryResult:
    """Let the gateway hand out everything once; read that several times."""
    tape = folder / "tape"
    shutil.rmtree(tape, ignore_errors=True)
    tape.mkdir()
    meters = folder / "meters.json"
    meters.write_text(json.dumps(history_scenario()), encoding="utf-8")
    with_meters = Case(
        case.title, (*case.gateway, "--meters", str(meters)), 0, case.peer
    )
    async with running_gateway(with_meters, folder) as (gateway, _):
        job = job_of(gateway)
        await _record(job, tape)
    async with running_clients(case, job, folder) as both:
        gaps = await take_turns(both, f"gaps {tape}", 0, 1)
        answers = await take_turns(both, f"history {tape}", 0, TIMES)
    result = HistoryResult(
        case,
        answers.map(lambda given: [answer["cpu"] for answer in given]),
        answers.map(lambda given: int(given[0]["readings"])),
        gaps.map(lambda given: given[0]),
    )
    _check(result)
    return result


def lines_of_history(result: HistoryResult) -> Iterator[Line]:
    """Return the lines of one maker."""
    case = f"{result.case.title}, {result.readings.ours} readings"
    speed = _map(result, lambda cpu, readings, _: readings / median(cpu))
    yield _line(
        case,
        "readings per second of CPU",
        speed,
        "{:.0f}",
        f"at least {MIN_READINGS}",
        met=speed.ours >= MIN_READINGS,
    )
    yield _line(
        case,
        "all of them, s on the clock",
        _map(result, lambda _, __, gaps: gaps["time"]),
        "{:.2f}",
    )
    memory = _map(result, lambda _, __, gaps: gaps["memory"])
    yield _line(
        case,
        "memory above idle at most, MB",
        memory.map(lambda size: size / 1e6),
        "{:.0f}",
        f"under {MAX_MEMORY / 1e6:.0f}",
        met=memory.ours < MAX_MEMORY,
    )
    for measure, name, limit in (
        ("longest hold of the loop, CPU ms", "hold_own", MAX_GAP),
        ("95 % of gaps at most, ms", "gap_95", MAX_GAP),
        ("longest gap, ms", "gap_longest", None),
    ):
        found = _map(result, lambda _, __, gaps, name=name: gaps[name])
        yield _line(
            case,
            measure,
            found.map(lambda seconds: seconds * 1e3),
            "{:.1f}",
            f"under {limit * 1e3:.0f}" if limit else "",
            met=limit is None or found.ours < limit,
        )


def _line(
    case: str,
    measure: str,
    values: Pair[float],
    form: str,
    goal: str = "",
    *,
    met: bool = True,
) -> Line:
    peer = "" if values.peer is None else form.format(values.peer)
    ratio = None if values.peer is None else values.ours / values.peer
    return Line(case, measure, form.format(values.ours), peer, ratio, goal, met)


def _map(result: HistoryResult, change: Any) -> Pair[float]:
    sides = (
        [result.cpu.ours, result.readings.ours, result.gaps.ours],
        [result.cpu.peer, result.readings.peer, result.gaps.peer],
    )
    ours, peer = (None if None in side else change(*side) for side in sides)
    return Pair(ours, peer)


def _check(result: HistoryResult) -> None:
    found = [result.readings.ours, result.readings.peer or result.readings.ours]
    for readings in found:
        if abs(readings - HISTORY_READINGS) > _TOLERANCE * HISTORY_READINGS:
            raise BenchError(f"{result.case.title}: {found} of {HISTORY_READINGS}")


async def _record(job: Job, tape: Path) -> None:
    paths = os.pathsep.join((str(ROOT / "script" / "lib"), str(ROOT)))
    process = await asyncio.create_subprocess_exec(
        str(OUR_VENV / "bin" / "python"),
        *("-m", "bench.tape", json.dumps(asdict(job)), str(tape)),
        env={**environment(), "PYTHONPATH": paths},
    )
    if await process.wait():
        raise BenchError("what the gateway keeps could not be fetched")
