"""Anything in any order: the limit that is shown is the one that is owed, nothing is done twice, every end has its receipt."""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
import random
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings, strategies as st

from custom_components.smgw.control.keys import LedgerKey
from custom_components.smgw.control.ledger import Ledger
from custom_components.smgw.control.reasons import EffectReason
from custom_components.smgw.control.reply import Answer
from custom_components.smgw.control.settings import House
from custom_components.smgw.control.store import Store

from .helpers import FakeClock
from .house import (
    CONSUMPTION,
    GRID,
    MEASURED,
    PUMP,
    SERVICE,
    SUPPLIER,
    WALLBOX,
    Bench,
    FakeHome,
    Participant,
    broken,
    stopped,
)
from .test_crash import MEMORY

KEY = LedgerKey.made()
WHO = (GRID, SUPPLIER, SERVICE)
HOUSE = House(measured=MEASURED, executors={CONSUMPTION: (WALLBOX, PUMP)})


@dataclass
class Owed:
    """Which limits are owed, in the plainest way: what each participant said last and has not taken back."""

    now: float = 0
    planned: list[tuple[float, float, str, int]] = field(default_factory=list)
    """Start, end, participant, watts."""
    current: dict[str, tuple[float, int]] = field(default_factory=dict)
    """By participant: end, watts."""
    slots: dict[str, list[tuple[float, float, int]]] = field(default_factory=dict)
    """By participant: start, end, watts of its schedule."""

    def ordered(self, who: str, start: float, end: float, watts: int) -> None:
        """Note a limit that was taken."""
        self.planned.append((start, end, who, watts))
        self.pass_to(self.now)

    def released(self, who: str) -> None:
        """Note that all was taken back."""
        self.planned = [plan for plan in self.planned if plan[2] != who]
        self.current.pop(who, None)
        self.slots.pop(who, None)

    def pass_to(self, now: float, running: bool = True) -> None:
        """Let time pass; while the home does not run, nothing begins."""
        if not running:
            self.now = now
        for start, end, who, watts in sorted(self.planned, key=lambda plan: plan[0]):
            if start <= now:
                self.planned.remove((start, end, who, watts))
                # The end of the one before lies before, or is overridden.
                if max(start, self.now) < end and (running or now < end):
                    self.current[who] = (end, watts)
        self.now = now
        self.current = {
            w: (end, x) for w, (end, x) in self.current.items() if end > now
        }

    @property
    def watts(self) -> int | None:
        """Return the smallest."""
        found = [watts for _, watts in self.current.values()]
        for slots in self.slots.values():
            found += [watts for start, end, watts in slots if start <= self.now < end]
        return min(found, default=None)


class Chaos:
    """One home, driven by chance."""

    def __init__(self, folder: Path, seed: int) -> None:
        """Begin."""
        self.chance = random.Random(seed)
        self.file = folder / "ledger.db"
        self.clock = FakeClock()
        self.home = FakeHome(self.clock)
        self.owed = Owed()
        self.passed = 0.0
        self.sent: list[tuple[Participant, dict[str, Any], Answer]] = []

    async def start(self) -> None:
        """Start the home."""
        self.ledger = Ledger(Store(self.file, KEY))
        await self.ledger.open(self.clock.stamp())
        self.bench = Bench.of(self.ledger, self.clock, self.home, HOUSE)
        self.bench.count = len(self.sent)
        await self.bench.authority.start()
        await self.bench.settle()

    async def stop(self) -> None:
        """Stop it, in good order or not."""
        if self.chance.random() < 0.5:
            await self.bench.authority.close()
        else:
            await stopped(self.bench)
        await self.ledger.close()

    async def step(self, kind: str) -> None:
        """Do something."""
        await getattr(self, kind)()
        await self.bench.settle()
        await self.bench.wait(0)
        assert self.home.limit() == (
            None if self.owed.watts is None else Decimal(self.owed.watts)
        )

    async def limit(self) -> None:
        """Somebody orders a limit, now or later."""
        who, watts = self.chance.choice(WHO), self.chance.randrange(1000, 9000)
        start, length = (
            self.chance.choice((0, 0, 60, 600)),
            self.chance.randrange(60, 900),
        )
        fields: dict[str, Any] = {"duration_s": length}
        if start:
            fields["from"] = start
        answer = await self.bench.limit(watts, who, **fields)
        assert answer.verdict.accepted
        self.sent.append((who, fields, answer))
        begin = self.passed + start
        self.owed.ordered(who.participant_id, begin, begin + length, watts)

    async def schedule(self) -> None:
        """Somebody orders limits that change, with a gap."""
        watts = [self.chance.randrange(1000, 9000) for _ in range(3)]
        slots, owed = [], []
        for number, part in enumerate(watts):
            begin, length = number * 400, 300
            now = self.clock.utc()
            start, end = (now + timedelta(seconds=s) for s in (begin, begin + length))
            slots.append({"from": start, "until": end, "watts": part})
            owed.append((self.passed + begin, self.passed + begin + length, part))
        body = {"direction": "consumption", "kind": "para14a", "slots": slots}
        answer = await self.bench.send(GRID, schedule=body)
        assert answer.verdict.accepted
        self.sent.append((GRID, {}, answer))
        self.owed.slots["grid"] = owed

    async def item(self) -> None:
        """Somebody sets an item."""
        who = self.chance.choice((GRID, SUPPLIER))
        fields = {"duration_s": self.chance.randrange(10, 600)}
        value = self.chance.random() < 0.5
        answer = await self.bench.item("switch.boiler", value, who, **fields)
        self.sent.append((who, fields, answer))

    async def release(self) -> None:
        """Somebody takes everything back."""
        who = self.chance.choice(WHO)
        self.sent.append((who, {}, await self.bench.send(who, release={})))
        self.owed.released(who.participant_id)

    async def wait(self) -> None:
        """Time passes."""
        seconds = self.chance.choice((1, 30, 60, 300, 900))
        await self.bench.wait(seconds)
        self.passed += seconds
        self.owed.pass_to(self.passed)

    async def jump(self) -> None:
        """The wall clock jumps there and back, while the home runs."""
        seconds = self.chance.choice((-86400, -300, 300, 86400))
        self.clock.step(seconds)
        await self.bench.wait(30)
        self.passed += 30
        self.owed.pass_to(self.passed)
        self.clock.step(-seconds)
        await self.bench.authority.tick()

    async def restart(self) -> None:
        """The home stops and starts again, at once or later."""
        await self.stop()
        away = self.chance.choice((0, 0, 5, 120, 700))
        self.clock.move(away)
        self.passed += away
        self.owed.pass_to(self.passed, running=False)
        await self.start()

    async def device(self) -> None:
        """A device fails, or works again."""
        name = self.chance.choice(
            ("switch.boiler", "number.wallbox", "switch.heatpump")
        )
        if self.home.broken.pop(name, None) is None:
            self.home.broken[name] = broken(EffectReason.COMMUNICATION_FAILURE)

    async def owner(self) -> None:
        """The owner turns something."""
        self.home.values["number.wallbox"] = Decimal(self.chance.randrange(0, 11000))
        self.home.values["switch.boiler"] = self.chance.random() < 0.5
        await self.bench.authority.tick()

    async def end(self) -> None:
        """Bring everything to its end, and judge."""
        self.home.broken.clear()
        await self.bench.wait(7200)
        assert self.home.limit() is None
        assert self.bench.authority.picture.commands == ()
        carried = [
            (because.participant_id, because.transaction_id)
            for _, _, because in self.home.writes
            if because.why == "command"
        ]
        assert len(carried) == len(set(carried))
        for _, _, answer in self.sent:
            await self.bench.receipt(answer)
        assert await self.ledger.check() is None
        await self.stop()


STEPS = st.sampled_from(
    (
        *("limit", "limit", "schedule", "item", "release", "wait", "wait", "wait"),
        *("jump", "restart", "device", "owner"),
    )
)


@settings(max_examples=40)
@given(steps=st.lists(STEPS, min_size=5, max_size=30), seed=st.integers(0, 1 << 30))
def test_anything(steps: list[str], seed: int) -> None:
    """Whatever happens."""

    async def live(folder: Path) -> None:
        chaos = Chaos(folder, seed)
        await chaos.start()
        try:
            for step in steps:
                await chaos.step(step)
            await chaos.end()
        finally:
            await stopped(chaos.bench)
            await chaos.ledger.close()

    with TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        asyncio.run(live(Path(folder)))
