"""Two years of hourly rows into the recorder of a real Home Assistant, beside a bare import."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
import shutil
from typing import Any

from ha_process import VENV, free_port, prepare_config

from .history import MAX_GAP, MAX_MEMORY
from .process import child
from .verdict import Line

REGISTERS = 2
GROWTH = (1, 2, 4, 8)
MAX_TIME = 5  # seconds
# CPU per register, of that with two.
MAX_GROWTH = 1.25

type _Facts = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What `imports_home` told."""

    ours: dict[int, _Facts]
    """By number of registers."""
    bare: _Facts


async def measure_imports(folder: Path) -> ImportResult:
    """Import into a new database each time."""
    ours = {count: await _import(folder, "ours", count) for count in GROWTH}
    return ImportResult(ours, await _import(folder, "bare", REGISTERS))


async def _import(folder: Path, way: str, count: int) -> _Facts:
    config = folder / "imports"
    shutil.rmtree(config, ignore_errors=True)
    prepare_config(config, free_port())
    arguments = (str(config), way, str(count))
    log = folder / "imports.log"
    async with child(VENV, log, "bench.imports_home", *arguments) as home:
        await home.end()
        return home.hello


def lines_of_imports(result: ImportResult) -> Iterator[Line]:
    """Return the lines of the table; the peer is the bare import."""
    ours, bare = result.ours[REGISTERS], result.bare
    case = f"two years, {REGISTERS} registers"
    for measure, name, scale, form, limit in (
        ("on the clock, s", "time", 1, "{:.2f}", MAX_TIME),
        ("CPU, all threads, s", "cpu", 1, "{:.2f}", None),
        ("CPU of the loop's thread, s", "loop_cpu", 1, "{:.2f}", None),
        ("memory above idle at most, MB", "memory", 1e-6, "{:.0f}", MAX_MEMORY),
        ("longest hold of the loop, CPU ms", "hold_own", 1e3, "{:.1f}", MAX_GAP),
        ("longest collection of garbage, CPU ms", "collection", 1e3, "{:.0f}", None),
        ("95 % of gaps at most, ms", "gap_95", 1e3, "{:.1f}", MAX_GAP),
        ("longest gap, ms", "gap_longest", 1e3, "{:.0f}", None),
    ):
        yield Line(
            case,
            measure,
            form.format(ours[name] * scale),
            form.format(bare[name] * scale),
            ours[name] / bare[name],
            f"under {limit * scale:.0f}" if limit else "",
            met=limit is None or ours[name] < limit,
        )
    yield _growth(result)


def _growth(result: ImportResult) -> Line:
    each = {count: facts["cpu"] / count for count, facts in result.ours.items()}
    most = each[GROWTH[-1]] / each[REGISTERS]
    return Line(
        f"two years, {', '.join(map(str, GROWTH))} registers",
        "CPU per register, s",
        ", ".join(f"{seconds:.2f}" for seconds in each.values()),
        "",
        None,
        f"with {GROWTH[-1]} at most {MAX_GROWTH} of {REGISTERS}",
        met=most <= MAX_GROWTH,
    )
