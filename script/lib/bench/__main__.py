"""The bench: measure, print the tables, judge."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Awaitable, Callable
import os
from pathlib import Path
import signal
import sys
import tempfile

from ha_process import ROOT

from .cases import HISTORY, POLLS
from .cls import measure_cls
from .cls_verdict import lines_of_cls
from .flats import FLATS, MAKERS, measure_house, measure_starts
from .flats_verdict import flats_lines
from .history import lines_of_history, measure_history
from .imports import lines_of_imports, measure_imports
from .ledger import lines_of_ledger, measure_ledger
from .machine import facts, programs_of
from .measure import measure_parsing, measure_polls
from .process import BenchError
from .report import PARTS, Findings, page, tables
from .verdict import line_of_parsing, lines_of

DOCUMENT = ROOT / "docs" / "benchmarks.md"


def main() -> int:
    """Run; 1 if a goal is missed or the measurement failed."""
    parser = argparse.ArgumentParser(
        prog="script/bench", description="Our clients beside published ones, and more."
    )
    parser.add_argument("--write", action="store_true", help="docs/benchmarks.md too")
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(_PARTS)}; default all")
    given = parser.parse_args()
    if unknown := set(given.parts) - _PARTS.keys():
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    if given.write and given.parts:
        parser.error("the document holds all parts")
    # The gateway and the clients end with us, however we end.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory() as folder:
        try:
            return asyncio.run(_run(Path(folder), given.parts, write=given.write))
        except BenchError as err:
            sys.stderr.write(f"FAILED: {err}. Mend that and run script/bench again\n")
            return 1
        except KeyboardInterrupt:
            return 130


async def _run(folder: Path, parts: list[str], *, write: bool) -> int:
    findings = Findings(facts(os.getloadavg()[0]))
    for part in parts or _PARTS:
        await _PARTS[part](folder, findings)
    print(tables(findings))
    if write:
        DOCUMENT.parent.mkdir(exist_ok=True)
        DOCUMENT.write_text(page(findings), encoding="utf-8")
    missed = [line for line in findings.lines if not line.met]
    for line in missed:
        sys.stderr.write(
            f"FAILED: {line.case}: {line.measure}: {line.ours}, not {line.goal}. "
            "Run it on a quiet machine; if it stays, profile it\n"
        )
    return int(bool(missed))


async def _clients(folder: Path, findings: Findings) -> None:
    programs: dict[str, str] = {}
    for case in POLLS:
        result = await measure_polls(case, folder)
        findings.clients += lines_of(result)
        programs |= programs_of(result)
    findings.clients.append(line_of_parsing(await measure_parsing(folder)))
    findings.about += programs.items()


async def _history(folder: Path, findings: Findings) -> None:
    for case in HISTORY:
        findings.history += lines_of_history(await measure_history(case, folder))


async def _imports(folder: Path, findings: Findings) -> None:
    findings.imports += lines_of_imports(await measure_imports(folder))


async def _ledger(folder: Path, findings: Findings) -> None:
    findings.ledger += lines_of_ledger(await measure_ledger(folder))


async def _cls(folder: Path, findings: Findings) -> None:
    findings.cls += lines_of_cls(await measure_cls(folder))


async def _flats(folder: Path, findings: Findings) -> None:
    empty = await measure_starts(folder)
    for maker, name in MAKERS.items():
        one = await measure_house(maker, 1, folder)
        many = await measure_house(maker, FLATS, folder)
        findings.flats += flats_lines(name, one, many, empty)


type _Part = Callable[[Path, Findings], Awaitable[None]]

_WAYS: tuple[_Part, ...] = (_clients, _history, _imports, _ledger, _cls, _flats)
_PARTS = dict(zip(PARTS, _WAYS, strict=True))

if __name__ == "__main__":
    sys.exit(main())
