"""The measurement of the CLS side measures what it says."""

from collections.abc import Callable
from datetime import UTC, datetime
import importlib
import json
from pathlib import Path
import sys
from types import ModuleType
from typing import Any

import pytest

from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
from simulator.clock import SimClock

SCRIPTS = Path(__file__).parents[2] / "script" / "lib"


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """Return a function that imports a module of the bench."""
    monkeypatch.syspath_prepend(str(SCRIPTS))
    for name in [name for name in sys.modules if name.split(".")[0] == "bench"]:
        monkeypatch.delitem(sys.modules, name)
    return lambda name: importlib.import_module(f"bench.{name}")


@pytest.fixture
def clock() -> SimClock:
    """The real time: the participants are processes of their own."""
    return SimClock(datetime.now(UTC))


@pytest.fixture
async def result(
    hass: HomeAssistant,
    socket_enabled: None,
    tmp_path: Path,
    bench: Callable[[str], ModuleType],
    monkeypatch: pytest.MonkeyPatch,
) -> Any:
    """Return a short measurement, with real participants and a real gateway in processes of their own."""
    cls, home = bench("cls"), bench("cls_home")
    monkeypatch.setattr(home.Store, "append", home.Store.append)

    class Here(home.Home):  # type: ignore[misc, name-defined]
        """The home in this process."""

        async def ask(self, command: str) -> dict[str, Any]:
            told: dict[str, Any] = await self.obey(json.loads(command))
            return told

    few = {"group": 2, "rounds": 2, "turns": 1, "seconds": 2, "run": 1}
    scale = cls.Scale(**few, items=30, listings=2, participants=8)
    boilers = {f"boiler_{number}": None for number in range(2 * scale.group)}
    assert await async_setup_component(
        hass, "input_boolean", {"input_boolean": boilers}
    )
    async with cls.other_half(tmp_path, scale) as (market, gateway, place, emts):
        here = Here(hass)
        run = cls.Measurement(here, market, gateway, place, scale)
        await run.all(emts)
        await here.close()
        (entry,) = hass.config_entries.async_entries("smgw")
        assert await hass.config_entries.async_unload(entry.entry_id)
    return run.result


async def test_measures(result: Any, bench: Callable[[str], ModuleType]) -> None:
    """Every kind of command comes through and reaches its state; every measure has a line."""
    scale = result.scale
    assert len(result.alone) == len(result.rested) == 4
    # One round at once, one with a rest.
    for series in (*result.alone.values(), *result.rested.values()):
        assert len(series.to_state) == scale.group
        assert min(series.to_state) > 0
    assert len(result.pace["ours"].to_state) == 2 * scale.group
    assert len(result.run.to_state) == scale.participants
    # three kinds of command, each at least written down and ended by the next one
    assert len(result.appends) > 3 * 2 * scale.group
    lines = list(bench("cls_verdict").lines_of_cls(result))
    assert all(line.met for line in lines if line.goal == "none")
    assert {line.goal for line in lines} >= {"at most 3", "99 % under 20", "under 100"}
