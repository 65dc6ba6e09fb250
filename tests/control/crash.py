"""A home that is killed without a word, at any point, and comes back; a program for test_crash.py.

    python -m tests.control.crash FOLDER SHARD SHARDS

Each example runs in a process of its own, forked from this one, and is killed with SIGKILL at its
point: before or after any row, any piece of state, any commit, any write to a device, any publication. Then
it is started again, killed once more at some point of its recovery, started again, and judged.
Prints one line per broken promise, and at the end how many points there were.
"""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
import json
import os
from pathlib import Path
import signal
import sqlite3
import sys
import traceback
from typing import Any

from custom_components.smgw.control.canonical import Json
from custom_components.smgw.control.chain import Row
from custom_components.smgw.control.keys import LedgerKey
from custom_components.smgw.control.ledger import Ledger
from custom_components.smgw.control.limitation import Failsafe
from custom_components.smgw.control.lookup import Kept
from custom_components.smgw.control.model import Access, ItemGrant, LimitGrant, Value
from custom_components.smgw.control.picture import Picture
from custom_components.smgw.control.ports import Because
from custom_components.smgw.control.reply import Answer
from custom_components.smgw.control.settings import House
from custom_components.smgw.control.store import Store

from .helpers import FakeClock, exported
from .house import CONSUMPTION, GRID, MEASURED, SUPPLIER, WALLBOX, Bench, FakeHome

SCRIPTS = Path(__file__).parents[2] / "script" / "lib"
DONE, KILLED = 0, -signal.SIGKILL
OPERATOR = replace(
    GRID,
    grants=(
        LimitGrant(
            direction=CONSUMPTION,
            open_ended=True,
            failsafe=Failsafe(watts=Decimal(4200)),
        ),
        ItemGrant(item_id="cls.one", access=Access.WRITE),
    ),
)
HOUSE = House(measured=MEASURED, executors={CONSUMPTION: (WALLBOX,)})


class Killer:
    """Counts points, and kills at one of them."""

    def __init__(self, at: int | None) -> None:
        """Kill at a point; None: never."""
        self.at = at
        self.count = 0

    def point(self) -> None:
        """Pass a point."""
        self.count += 1
        if self.count == self.at:
            os.kill(os.getpid(), signal.SIGKILL)


class MortalStore(Store):
    """A ledger file whose process may die at each write."""

    killer: Killer

    def _insert(self, connection: sqlite3.Connection, row: Row) -> None:
        self.killer.point()
        super()._insert(connection, row)

    def _keep(self, connection: sqlite3.Connection, kept: Kept) -> None:
        self.killer.point()
        super()._keep(connection, kept)

    def _remember(self, connection: sqlite3.Connection, name: str, value: Json) -> None:
        self.killer.point()
        super()._remember(connection, name, value)

    def _commit(self, connection: sqlite3.Connection) -> None:
        self.killer.point()
        super()._commit(connection)
        self.killer.point()


class World(FakeHome):
    """Devices that go on existing when the process dies: what was written to them lies in a file."""

    def __init__(self, clock: FakeClock, folder: Path, killer: Killer) -> None:
        """Take up the devices as they are."""
        super().__init__(clock)
        self.killer = killer
        self.file = folder / "world"
        for line in lines(self.file):
            self.values[line["item"]] = self.read_back(line["value"])

    def read_back(self, value: Any) -> Value:
        """Return a device's value."""
        return value if isinstance(value, bool) else Decimal(value)

    async def write(self, item_id: str, value: Value, because: Because) -> None:
        """Set a device."""
        self.killer.point()
        shown = value if isinstance(value, bool) else str(value)
        whose = [because.participant_id, because.transaction_id, because.why]
        at = datetime.now(UTC).timestamp()
        note(self.file, {"at": at, "item": item_id, "value": shown, "whose": whose})
        self.killer.point()
        await super().write(item_id, value, because)

    def publish(self, picture: Picture) -> None:
        """Show."""
        self.killer.point()
        super().publish(picture)
        self.killer.point()


def note(file: Path, fields: Any) -> None:
    """Write a line that survives the process."""
    with file.open("a", encoding="utf-8") as out:
        out.write(json.dumps(fields) + "\n")


def lines(file: Path) -> list[Any]:
    """Return the lines so far."""
    if not file.exists():
        return []
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


class Life:
    """One run of the home, and of the participants who call it."""

    def __init__(self, folder: Path, killer: Killer, key: LedgerKey) -> None:
        """Go on where the file says the last run was."""
        self.folder = folder
        moments = lines(folder / "clock")
        clock = FakeClock()
        if moments:
            clock.wall = datetime.fromisoformat(moments[-1]) + timedelta(seconds=2)
        store = MortalStore(folder / "ledger.db", key)
        store.killer = killer
        self.ledger = Ledger(store)
        home = World(clock, folder, killer)
        self.bench = Bench.of(
            self.ledger, clock, home, HOUSE, (OPERATOR, SUPPLIER), chance=0
        )

    async def start(self) -> None:
        """Open the house."""
        await self.ledger.open(self.bench.clock.stamp())
        await self.bench.authority.start()

    async def end(self) -> None:
        """Close it."""
        await self.bench.settle()
        await self.bench.authority.close()
        await self.ledger.close()

    async def send(self, fields: dict[str, Any]) -> Answer:
        """Send a command, with its sender's notes before and after."""
        who = OPERATOR if fields["who"] == "grid" else SUPPLIER
        await self.bench.authority.contact(who.participant_id)
        command = self.bench.command(
            who, **{k: v for k, v in fields.items() if k != "who"}
        )
        note(self.folder / "sent", fields)
        answer = await self.bench.authority.submit(command)
        note(self.folder / "answered", [fields["number"], answer.verdict.reason])
        await self.bench.settle()
        return answer

    async def wait(self, seconds: int) -> None:
        """Let time pass, in contact."""
        for _ in range(seconds // 60):
            await self.bench.wait(60)
            note(self.folder / "clock", self.bench.clock.wall.isoformat())
            await self.bench.authority.contact("grid")


def limit(number: int, watts: int, seconds: int) -> dict[str, Any]:
    """Return a limit of the grid operator."""
    body = {"direction": "consumption", "kind": "para14a", "watts": watts}
    return {"who": "grid", "number": number, "limit": body, "duration_s": seconds}


def item(number: int, item_id: str, seconds: int) -> dict[str, Any]:
    """Return a command of the supplier."""
    body = {"id": item_id, "value": True}
    return {"who": "supplier", "number": number, "item": body, "duration_s": seconds}


STORY: tuple[dict[str, Any] | int, ...] = (
    item(1, "switch.boiler", 60),
    limit(2, 6000, 600),
    120,
    limit(3, 5000, 240),
    item(4, "cls.one", 60),
    item(5, "switch.nowhere", 60),
    60,
    item(6, "switch.boiler", 120),
    {"who": "grid", "number": 7, "release": {}},
    120,
)


async def live(folder: Path, killer: Killer, key: LedgerKey) -> None:
    """Live the story."""
    life = Life(folder, killer, key)
    await life.start()
    for part in STORY:
        if isinstance(part, int):
            await life.wait(part)
        else:
            await life.send(part)
    await life.end()


async def come_back(folder: Path, killer: Killer, key: LedgerKey) -> None:
    """Come back, answer whoever asks again, and bring everything to its end."""
    life = Life(folder, killer, key)
    owed = owed_limit(folder, life.bench.clock.wall)
    await life.start()
    shown = life.bench.home.pictures[0].limits.get(CONSUMPTION)
    if owed is not None and (shown is None or shown.watts > owed):
        note(folder / "broken", f"owed {owed} W, shown {shown}")
    sent = {fields["number"]: fields for fields in lines(folder / "sent")}
    known = dict(lines(folder / "answered"))
    for number, fields in sent.items():
        answer = await life.send(fields)
        if known.get(number, answer.verdict.reason) != answer.verdict.reason:
            note(folder / "broken", f"{number}: another answer: {answer.verdict}")
    await life.wait(1200)
    await judge(life, sent)
    await life.end()


def owed_limit(folder: Path, now: datetime) -> Decimal | None:
    """Return the limit that the operator was promised and that is not over; by its own notes."""
    answered = dict(lines(folder / "answered"))
    sent = [fields["number"] for fields in lines(folder / "sent")]
    for number, watts in ((3, 5000), (2, 6000)):
        if answered.get(number) == "possible":
            # taken back, or perhaps, or soon over: then nothing is sure
            later = {7, 3} - {number} if number == 2 else {7}
            started = 120 if number == 3 else 0
            length = 240 if number == 3 else 600
            end = FakeClock().wall + timedelta(seconds=started + length - 10)
            return None if later & set(sent) or now > end else Decimal(watts)
    return None


async def judge(life: Life, sent: dict[int, Any]) -> None:
    """Write down each promise that was broken."""
    broken = life.folder / "broken"
    written = [tuple(line["whose"]) for line in lines(life.folder / "world")]
    for number, fields in sent.items():
        command = life.bench.command(number=number, release={})
        key = fields["who"], command.transaction_id
        receipts = await life.ledger.receipts(*key)
        if len(receipts) != 1:
            note(broken, f"{number}: {len(receipts)} receipts")
        effects = written.count((*key, "command"))
        if effects > 1:
            note(broken, f"{number}: carried out {effects} times")
        state = receipts[-1]["receipt"]["state"] if receipts else None
        if fields.get("item", {}).get("id") == "switch.boiler":
            if effects == 0 and state not in ("unknown", "failed"):
                note(broken, f"{number}: {state}, but never carried out")
    devices = life.bench.home.values
    if devices["switch.boiler"] is not False or devices["number.wallbox"] != 11000:
        note(broken, f"devices left as {devices}")
    if (row := await life.ledger.check()) is not None:
        note(broken, f"chain broken at {row}")
    file = life.folder / "export"
    file.write_bytes(await exported(life.ledger, life.bench.clock))
    sys.path.insert(0, str(SCRIPTS))
    import verify_ledger

    verify_ledger.verify([file])


def in_a_process(work: Any, folder: Path, at: int | None, key: LedgerKey) -> int:
    """Run something in a process of its own; return how that ended."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            asyncio.run(work(folder, Killer(at), key))
            code = DONE
        finally:
            if code:
                note(folder / "broken", traceback.format_exc())
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)


def main(folder: Path, shard: int, shards: int) -> int:
    """Kill at every point of this shard."""
    key = LedgerKey.made()
    point, bad = shard, 0
    while True:
        point += shards
        here = folder / str(point)
        here.mkdir()
        end = in_a_process(live, here, point, key)
        if end == KILLED:
            # once more while it recovers, sooner or later
            in_a_process(come_back, here, 1 + point * 7 % 90, key)
        if end != DONE or not lines(here / "broken"):
            final = in_a_process(come_back, here, None, key)
            if final != DONE:
                note(here / "broken", f"ended with {final}")
        for promise in lines(here / "broken"):
            bad += 1
            sys.stdout.write(f"point {point}: {promise}\n")
        if end != KILLED:
            sys.stdout.write(f"points {point}\n")
            return bad


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
