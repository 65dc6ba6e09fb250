"""The write-ahead log does not grow for ever, and no transaction has to wait for that."""

import asyncio
from pathlib import Path

import pytest

from custom_components.smgw.control import ledger as module
from custom_components.smgw.control.ledger import Ledger

from .helpers import FakeClock, content, fill


async def test_log_is_folded_in(
    ledger: Ledger, clock: FakeClock, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After some transactions what is in the log goes into the file, unless it is held back."""
    monkeypatch.setattr(module, "FOLD_EVERY", 6)
    monkeypatch.setattr(module, "FOLD_AFTER", 0)
    before = content(file)
    for held_back in (True, False):
        await ledger.steady(on=held_back)
        await fill(ledger, clock, 6)
        await asyncio.sleep(0.01)
        await ledger.rows(0)
        assert (content(file) == before) is held_back
    assert await ledger.check() is None


async def test_closed_before_it_is_folded(
    ledger: Ledger, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Closing folds it in as well; nothing is left to be done then."""
    monkeypatch.setattr(module, "FOLD_EVERY", 2)
    await fill(ledger, clock, 2)
    assert ledger._folding is not None
    await ledger.close()
    assert ledger._folding.cancelled()
