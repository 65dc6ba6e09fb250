"""The ledger under load: what a command costs on its way to disk, and the file it leaves.

Each command goes through the one entrance, as a door would hand it over: judged, written, carried out in
a home that takes a value at once, ended by the next one; six rows each, one of them a signed
receipt. Then the file is exported and checked by the independent verifier.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
import resource
from statistics import median, quantiles
import subprocess
import sys
from time import monotonic, perf_counter, thread_time
from uuid import uuid4

from custom_components.smgw.control.authority import Authority
from custom_components.smgw.control.chain import Row
from custom_components.smgw.control.clock import TrustedClock
from custom_components.smgw.control.command import Command, Door, Origin, SetItem
from custom_components.smgw.control.keys import LedgerKey
from custom_components.smgw.control.ledger import Ledger
from custom_components.smgw.control.model import (
    Access,
    Direction,
    Item,
    ItemGrant,
    ItemKind,
    Participant,
    Role,
    Value,
)
from custom_components.smgw.control.picture import Event, EventKind, Picture
from custom_components.smgw.control.ports import (
    Because,
    ItemReading,
    MeterReading,
    Ports,
    Power,
)
from custom_components.smgw.control.settings import House
from custom_components.smgw.control.store import Batch, Store

from .verdict import Line

COMMANDS = 10_000
VERIFIER = Path(__file__).resolve().parents[1] / "verify_ledger.py"
ITEM = "switch.one"
MAX_APPEND = 0.002
MAX_VERIFY = 2.0
MAX_SIZE = 60_000_000


@dataclass(frozen=True, slots=True)
class LedgerResult:
    """Seconds, bytes and rows."""

    append: list[float]
    """Each transaction, with its sync."""
    append_cpu: list[float]
    effect: list[float]
    """Each command from the door to the home."""
    answer: list[float]
    """Each command from the door and back."""
    verify: float
    """The independent program over the whole export, its start included."""
    verify_cpu: float
    size: int
    """Of the file, its log folded in."""
    rows: int


class _Clock:
    def utc(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return monotonic()


class _Home:
    """A home that takes a value at once, and notes when."""

    def __init__(self) -> None:
        self.value: Value = False
        self.written = 0.0
        self.effective = asyncio.Event()
        item = Item(
            item_id=ITEM,
            thing_id="one",
            name="One",
            kind=ItemKind.SWITCH,
            writable=True,
        )
        self._items = {ITEM: item}

    def items(self) -> Mapping[str, Item]:
        return self._items

    def read(self, item_id: str) -> ItemReading | None:
        return ItemReading(value=self.value, at=datetime.now(UTC))

    async def write(self, item_id: str, value: Value, because: Because) -> None:
        self.value, self.written = value, perf_counter()

    def power(self, direction: Direction) -> Power | None:
        return None

    def registers(self) -> Sequence[MeterReading]:
        return ()

    def publish(self, picture: Picture) -> None:
        """Nobody looks."""

    def announce(self, event: Event) -> None:
        if event.kind is EventKind.EFFECTIVE:
            self.effective.set()

    def flush(self) -> None:
        """Nobody looks."""

    def set(self, monotonic: float | None) -> None:
        """Nothing becomes due while this runs."""


class _TimedStore(Store):
    """Notes how long each transaction takes."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, LedgerKey.made())
        self.times: list[float] = []
        self.cpu: list[float] = []

    def append(
        self, batch: Batch, committing: Callable[[], None] | None = None
    ) -> list[Row]:
        start, cpu = perf_counter(), thread_time()
        rows = super().append(batch, committing)
        self.times.append(perf_counter() - start)
        self.cpu.append(thread_time() - cpu)
        return rows


async def measure_ledger(folder: Path, commands: int = COMMANDS) -> LedgerResult:
    """Send commands one after the other, export, check."""
    file, home, clock = folder / "ledger.db", _Home(), TrustedClock(_Clock())
    store = _TimedStore(file)
    ledger = Ledger(store)
    await ledger.open(clock.now())
    ports = Ports(home=home, meters=home, publisher=home, alarm=home)
    authority = Authority(ledger, clock, ports, House(), [_participant()])
    await authority.start()
    effect, answer = [], []
    for number in range(commands):
        command, start = _command(number), perf_counter()
        taken = await authority.submit(command)
        answer.append(perf_counter() - start)
        if not taken.verdict.accepted:
            raise RuntimeError(taken.verdict.reason)
        await home.effective.wait()
        home.effective.clear()
        effect.append(home.written - start)
    await authority.close()
    export = folder / "export.ledger"
    with export.open("wb") as out:
        async for piece in ledger.export(clock.now()):
            out.write(piece)
    rows = ledger.newest
    await ledger.close()
    verify, verify_cpu = await asyncio.to_thread(_verify, export)
    return LedgerResult(
        append=store.times,
        append_cpu=store.cpu,
        effect=effect,
        answer=answer,
        verify=verify,
        verify_cpu=verify_cpu,
        size=file.stat().st_size,
        rows=rows,
    )


def _participant() -> Participant:
    grant = ItemGrant(item_id=ITEM, access=Access.WRITE)
    return Participant(
        participant_id="01K9Z6Q0000000000000000000",
        name="Participant",
        role=Role.SUPPLIER,
        grants=(grant,),
    )


def _command(number: int) -> Command:
    return Command(
        participant_id="01K9Z6Q0000000000000000000",
        transaction_id=str(uuid4()),
        created=datetime.now(UTC),
        body=SetItem(item_id=ITEM, value=number % 2 == 0),
        duration=timedelta(hours=1),
        origin=Origin(door=Door.CLS, outer="ab" * 32),
    )


def _verify(export: Path) -> tuple[float, float]:
    """Return time and CPU."""
    start, before = perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, VERIFIER, export], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return perf_counter() - start, cpu


def lines_of_ledger(result: LedgerResult) -> Iterator[Line]:
    """Return the lines of the table."""
    append, commands = median(result.append), len(result.answer)
    for measure, value, goal, met in (
        (
            "append, ms",
            _spread(result.append),
            f"at most {MAX_APPEND * 1e3:.0f}",
            append <= MAX_APPEND,
        ),
        ("the same in CPU time, ms", _spread(result.append_cpu), "", True),
        ("command to the home, ms", _spread(result.effect), "", True),
        ("command and answer, ms", _spread(result.answer), "", True),
        (
            "verify the export, s",
            f"{result.verify:.2f}",
            f"under {MAX_VERIFY:.0f}",
            result.verify < MAX_VERIFY,
        ),
        ("the same in CPU time, s", f"{result.verify_cpu:.2f}", "", True),
        (
            "file, MB",
            f"{result.size / 1e6:.1f}",
            f"under {MAX_SIZE / 1e6:.0f}",
            result.size < MAX_SIZE,
        ),
        ("rows", str(result.rows), "", True),
    ):
        yield Line(f"{commands} commands", measure, value, "", None, goal, met)


def _spread(seconds: list[float]) -> str:
    low, middle, high = (1e3 * value for value in quantiles(seconds, n=4))
    worst = 1e3 * quantiles(seconds, n=100)[-1]
    return f"{middle:.2f} ({low:.2f}–{high:.2f}), p99 {worst:.2f}"
