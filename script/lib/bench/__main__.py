"""The bench: measure, print the table, judge."""

from __future__ import annotations

import argparse
import asyncio
import os
from pathlib import Path
import signal
import sys
import tempfile

from ha_process import ROOT

from .cases import POLLS
from .flats import FLATS, MAKERS, measure_house, measure_starts
from .flats_verdict import flats_lines
from .machine import facts, programs_of
from .measure import measure_parsing, measure_polls
from .process import BenchError
from .report import flats_table, listing, page, table
from .verdict import FlatsLine, Line, line_of_parsing, lines_of

DOCUMENT = ROOT / "docs" / "benchmarks.md"


def main() -> int:
    """Run; 1 if a goal is missed or the measurement failed."""
    parser = argparse.ArgumentParser(
        prog="script/bench", description="Our client beside a published one."
    )
    parser.add_argument("--write", action="store_true", help="docs/benchmarks.md too")
    write: bool = parser.parse_args().write
    # The gateway and the clients end with us, however we end.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory() as folder:
        try:
            return asyncio.run(_run(Path(folder), write=write))
        except BenchError as err:
            sys.stderr.write(f"FAILED: {err}. Mend that and run script/bench again\n")
            return 1
        except KeyboardInterrupt:
            return 130


async def _run(folder: Path, *, write: bool) -> int:
    load = os.getloadavg()[0]
    lines: list[Line] = []
    programs: dict[str, str] = {}
    for case in POLLS:
        result = await measure_polls(case, folder)
        lines += lines_of(result)
        programs |= programs_of(result)
    lines.append(line_of_parsing(await measure_parsing(folder)))
    flats = await _flats(folder)
    about = [*facts(load), *programs.items()]
    print(table(lines), flats_table(flats), listing(about), sep="\n\n")
    if write:
        DOCUMENT.parent.mkdir(exist_ok=True)
        DOCUMENT.write_text(page(lines, flats, about), encoding="utf-8")
    everything: list[Line | FlatsLine] = [*lines, *flats]
    missed = [line for line in everything if not line.met]
    for line in missed:
        sys.stderr.write(
            f"FAILED: {line.case}: {line.measure}: {line.ours}, not {line.goal}. "
            "Run it on a quiet machine; if it stays, profile the client\n"
        )
    return int(bool(missed))


async def _flats(folder: Path) -> list[FlatsLine]:
    lines: list[FlatsLine] = []
    empty = await measure_starts(folder)
    for maker, name in MAKERS.items():
        one = await measure_house(maker, 1, folder)
        many = await measure_house(maker, FLATS, folder)
        lines += flats_lines(name, one, many, empty)
    return lines


if __name__ == "__main__":
    sys.exit(main())
