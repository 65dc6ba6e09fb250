"""The measurement of the ledger measures what it says."""

import importlib
from pathlib import Path
import sys

import pytest

from .conftest import SCRIPTS


async def test_measures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Six rows for each command, all times, a file that is found good."""
    monkeypatch.syspath_prepend(str(SCRIPTS))
    for name in [name for name in sys.modules if name.split(".")[0] == "bench"]:
        monkeypatch.delitem(sys.modules, name)
    bench = importlib.import_module("bench.ledger")
    result = await bench.measure_ledger(tmp_path, 20)
    # opened, grants, started, stopped; the last command is not ended
    assert result.rows == 20 * 6 + 4 - 2
    assert len(result.effect) == len(result.answer) == 20
    assert min(result.append + result.effect) > 0
    assert {line.goal for line in bench.lines_of_ledger(result)} >= {
        "at most 2",
        "under 2",
    }
