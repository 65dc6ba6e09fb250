"""What the tests of this room share."""

from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
import sqlite3
from typing import Any

from custom_components.smgw.control.chain import Entry, Kind
from custom_components.smgw.control.clock import Stamp
from custom_components.smgw.control.ledger import Ledger
from custom_components.smgw.control.lookup import Kept
from custom_components.smgw.control.store import Batch

START = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
GRID = "grid"


class FakeClock:
    """Both clocks of the machine, moved by hand."""

    def __init__(self, start: datetime = START) -> None:
        """Start at a moment."""
        self.wall = start
        self.seconds = 1000.0

    def utc(self) -> datetime:
        """Return the wall time."""
        return self.wall

    def monotonic(self) -> float:
        """Return the steady seconds."""
        return self.seconds

    def move(self, seconds: float) -> None:
        """Let time pass."""
        self.wall += timedelta(seconds=seconds)
        self.seconds += seconds

    def step(self, seconds: float) -> None:
        """Set the wall clock, as a time server does."""
        self.wall += timedelta(seconds=seconds)

    def stamp(self) -> Stamp:
        """Return the present moment."""
        return Stamp(utc=self.wall, monotonic=self.seconds)


def entry(number: int = 0, kind: Kind = Kind.INTENT, who: str = GRID) -> Entry:
    """Return some row of some command."""
    return Entry(
        kind=kind,
        data={"watts": str(number), "note": "Straße \x7f\n\u2028"},
        participant=who,
        transaction=f"00000000-0000-0000-0000-{number:012}",
    )


async def fill(
    ledger: Ledger, clock: FakeClock, count: int, who: str = GRID, step: float = 60
) -> None:
    """Write rows, every third one with a receipt behind it."""
    for number in range(count):
        entries = [entry(number, who=who)]
        if number % 3 == 2:
            entries.append(entry(number, Kind.RECEIPT, who))
        await ledger.append(Batch(stamp=clock.stamp(), entries=entries))
        clock.move(step)


async def exported(ledger: Ledger, clock: FakeClock, **span: Any) -> bytes:
    """Return an export as one piece."""
    return b"".join([piece async for piece in ledger.export(clock.stamp(), **span)])


def kept(number: int, **record: Any) -> Kept:
    """Return the state of some command."""
    return Kept(
        participant=GRID,
        id=f"00000000-0000-0000-0000-{number:012}",
        digest="00",
        open=True,
        record=record,
    )


def tamper(file: Path, *statements: str, guards: bool = False) -> None:
    """Do something to a closed ledger's file, after removing its triggers."""
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        found = connection.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'trigger'"
        ).fetchall()
        for (name,) in () if guards else found:
            connection.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            connection.execute(statement)


def content(file: Path) -> bytes:
    """Return what is in a file."""
    return file.read_bytes()


def put(file: Path, data: bytes) -> None:
    """Write a file."""
    file.write_bytes(data)
