"""An apartment house in a real Home Assistant, beside a house of one flat.

Home Assistant runs with its recorder in a process of its own, and so does the gateway.
The clock of both is moved by a quarter hour and the coordinator asked to read what is
due: so a round of all accounts, hours by the clock, takes seconds.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
import json
from pathlib import Path
import shutil
from typing import Any

from ha_process import VENV, free_port, prepare_config

from .process import OUR_VENV, BenchError, ClientProcess, child

MAKERS = {"ppc": "PPC", "theben": "Theben", "emh": "EMH"}
FLATS = 40
STARTS = 3
ROUNDS = 2
# As many in the house of one flat, so that the same number of sessions is compared.
SESSIONS = ROUNDS * FLATS
_METERS_OF_A_FLAT = 5
_START = datetime(2026, 1, 15, 9, 2, tzinfo=UTC)
_QUARTER = timedelta(minutes=15)
# Two for good, and longer than what was read waits for being stored.
_STORED = 2.5
# What a home has besides its configuration; without it nothing is known.
_KNOWN = (
    ".storage/smgw.*",
    ".storage/core.entity_registry",
    ".storage/core.device_registry",
    "home-assistant_v2.db*",
    "custom_components/smgw/**/__pycache__",
)

type Facts = dict[str, Any]


@dataclass
class House:
    """What was measured of one house; `Facts` are those of `flats_home`."""

    flats: int
    before: Facts = field(default_factory=dict)
    """Home Assistant without the gateway."""
    first_round: Facts = field(default_factory=dict)
    """From adding the gateway until each account was read: `time` and `cpu` in all."""
    rounds: Facts = field(default_factory=dict)
    """`SESSIONS` sessions after that: `time` and `cpu` in all."""
    sessions: list[Facts] = field(default_factory=list)
    """Each of these sessions alone."""
    stored: Facts = field(default_factory=dict)
    cold: list[Facts] = field(default_factory=list)
    """Starts where only the configuration is left; `sessions` is what they open."""
    warm: list[Facts] = field(default_factory=list)


class _Run:
    """A house, while it is measured."""

    def __init__(self, flats: int, gateway: ClientProcess, folder: Path) -> None:
        self.house = House(flats)
        self._gateway = gateway
        self._folder = folder
        self.config = folder / "home"
        self._now = _START

    async def rounds(self) -> None:
        """Add the gateway; read all accounts; read `SESSIONS` times more."""
        house = self.house
        async with _home(self.config, self._folder, self._now) as home:
            house.before = await home.ask("settle")
            first = [await home.ask(f"add {json.dumps(self._gateway.hello)}")]
            # the gateway's own device is one more
            while first[-1]["devices"] <= _METERS_OF_A_FLAT * house.flats:
                if len(first) > 2 * house.flats:
                    raise BenchError(f"not all is read: {first[-1]}")
                first += await self._read(home)
            house.first_round = await _in_all(home, house.before, first)
            quarters = 0
            while len(house.sessions) < SESSIONS:
                house.sessions += await self._read(home)
                quarters += 1
                if quarters > 2 * SESSIONS:
                    raise BenchError(f"{len(house.sessions)} sessions in as many slots")
            house.rounds = await _in_all(home, house.first_round, house.sessions)
            house.stored = await home.ask(f"wait {_STORED}")
            await home.end()

    async def starts(self) -> None:
        """Start with what is known, then without."""
        for found in (self.house.warm, self.house.cold):
            for _ in range(STARTS):
                if found is self.house.cold:
                    _forget(self.config)
                before = await self._sessions()
                async with _home(self.config, self._folder, self._now) as home:
                    opened = await self._sessions() - before
                    found.append({**home.hello, "sessions": opened})
                    await home.end()

    async def _read(self, home: ClientProcess) -> list[Facts]:
        """Move the clock and read; return what it cost if it was anybody's turn."""
        self._now += _QUARTER
        before = await self._sessions()
        found = await home.ask(f"read {self._now.isoformat()}")
        return [found] if await self._sessions() > before else []

    async def _sessions(self) -> int:
        answer = await self._gateway.ask(self._now.isoformat())
        return int(answer["sessions"])


async def measure_house(maker: str, flats: int, folder: Path) -> House:
    """Add the gateway, read all accounts several times, start anew."""
    async with child(
        OUR_VENV,
        folder / "flats.log",
        *("bench.flats_gateway", maker, str(flats), _START.isoformat()),
    ) as gateway:
        run = _Run(flats, gateway, folder)
        shutil.rmtree(run.config, ignore_errors=True)
        prepare_config(run.config, free_port())
        await run.rounds()
        await run.starts()
    return run.house


async def measure_starts(folder: Path) -> House:
    """Start Home Assistant without a gateway."""
    house, config = House(0), folder / "empty"
    prepare_config(config, free_port())
    for _ in range(1 + STARTS):
        async with _home(config, folder, _START) as home:
            house.warm.append(home.hello)
            await home.end()
    # the first start makes its files
    del house.warm[0]
    for _ in range(STARTS):
        _forget(config)
        async with _home(config, folder, _START) as home:
            house.cold.append({**home.hello, "sessions": 0})
            await home.end()
    return house


async def _in_all(home: ClientProcess, before: Facts, done: list[Facts]) -> Facts:
    """Wait for the recorder; return what all this cost, all threads."""
    settled = await home.ask("settle")
    return {
        **settled,
        "time": settled["time"] + sum(facts["time"] for facts in done),
        "cpu": settled["cpu_so_far"] - before["cpu_so_far"],
        "hold_own": max(facts["hold_own"] for facts in done),
    }


def _forget(config: Path) -> None:
    for pattern in _KNOWN:
        for path in config.glob(pattern):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()


@asynccontextmanager
async def _home(
    config: Path, folder: Path, now: datetime
) -> AsyncIterator[ClientProcess]:
    at = (now + timedelta(minutes=1)).isoformat()
    log = folder / "home.log"
    async with child(VENV, log, "bench.flats_home", str(config), at) as home:
        yield home
