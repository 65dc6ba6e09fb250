"""`kill -9` while commands come in: EMT, WAN, gateway, tunnel, authority, ledger; each life a real process."""

from collections.abc import Iterator
from contextlib import suppress
import json
import os
from pathlib import Path
import random
import signal
import subprocess
import sys
from tempfile import TemporaryDirectory
from threading import Event, Thread
import time
from typing import Any

import pytest

from custom_components.smgw.cls.identity import Identity
from custom_components.smgw.control.keys import LedgerKey
from simulator.cls import World
from simulator.emt import ProblemError, Span
from simulator.emt.calls import Call, limit, post, release_item, set_item
from simulator.emt.home import Home
from tests.cls.world import identity
from tests.control.crash import lines
from tests.control.test_crash import MEMORY, ROOT

from .home import now
from .notes import Note, compare
from .promises import Broken

POINTS = (*range(1, 40, 4), *range(40, 120, 14))
"""Where lives end: in the recovery, in a command, between two of them."""
KILLED = -signal.SIGKILL


class Lives:
    """The home's process, over and over."""

    def __init__(self, folder: Path) -> None:
        """Start what lives are forked from."""
        self.folder = folder
        self.pid = 0
        self._parent = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.home", str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )

    def begin(self, point: int) -> None:
        """Begin a life that ends at a point; 0: at no point."""
        assert self._parent.stdin is not None
        self._parent.stdin.write(f"{point}\n")
        self._parent.stdin.flush()
        self.pid = self._line()

    def end(self, sign: int | None = None) -> int:
        """Wait until it has ended, by a signal if need be; return how."""
        if sign is not None:
            os.kill(self.pid, sign)
        how, self.pid = self._line(), 0
        return how

    def close(self) -> None:
        """End it all."""
        assert self._parent.stdin is not None
        assert self._parent.stdout is not None
        self._parent.stdin.close()
        with suppress(ProcessLookupError):
            if self.pid:
                os.kill(self.pid, signal.SIGKILL)
        self._parent.stdout.read()
        self._parent.stdout.close()
        self._parent.wait()

    def _line(self) -> int:
        assert self._parent.stdout is not None
        return int(self._parent.stdout.readline())


class Sender(Thread):
    """A participant that sends one command after the other, each until it is answered."""

    def __init__(self, home: Home, seed: int, over: Event) -> None:
        """Take the tunnel's end."""
        super().__init__(daemon=True)
        self.home = home
        self.notes: list[Note] = []
        self.fault: Exception | None = None
        self._chance = random.Random(seed)
        self._over = over

    def run(self) -> None:
        """Send."""
        try:
            while not self._over.is_set():
                self.send(self._any())
        except Exception as err:  # noqa: BLE001
            self.fault = err

    def send(self, call: Call) -> Note:
        """Send a command until it is answered, whatever happens to the home; note it."""
        sent = now()
        while True:
            try:
                told = self.home.surely(call)
                break
            except ProblemError as problem:
                if problem.status != 503:
                    told = problem.code
                    break
                time.sleep(0.1)
        self.notes.append(Note.of(call, sent, now(), told))
        return self.notes[-1]

    def _any(self) -> Call:
        chance = self._chance
        span = Span(seconds=chance.choice((1, 2, 3600)))
        match chance.randrange(6):
            case 0 | 1 | 2:
                kind = (
                    "para14a"
                    if self.home.root["participant"]["id"] == "grid"
                    else "contract"
                )
                watts = chance.randrange(1700, 9000)
                return limit("consumption", span, watts=watts, kind=kind)
            case 3:
                return set_item("switch.boiler", chance.random() < 0.5, span)
            case 4:
                return set_item("cls.one", chance.random() < 0.5, span)
            case _:
                what = chance.choice(("switch.boiler", "cls.one", ""))
                return release_item(what) if what else post("/release", {})


@pytest.fixture
def folder() -> Iterator[Path]:
    """A disk that is quick, as who is killed loses nothing that the system has taken."""
    with TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as found:
        yield Path(found)


@pytest.fixture
def world(socket_enabled: None) -> Iterator[World]:
    """A gateway and two EMTs."""
    with World(curve="prime256v1", emts=("grid", "supplier")) as running:
        for emt in running.emts.values():
            emt.every, emt.patience = 5.0, 1
        yield running


@pytest.fixture
def lives(folder: Path, world: World) -> Iterator[Lives]:
    """A home that both can reach."""
    ways = []
    for name, emt in world.emts.items():
        own: Identity = identity()
        world.admit(own.certificate, name, "socks", key=name, parallel=8)
        way: dict[str, Any] = {"who": name, "gateway": [world.host, world.socks_port]}
        way |= {"emt": [emt.name, emt.port], "peer": world.fingerprint}
        ways.append(way | {"own": [own.certificate, own.key]})
    setup = {"key": LedgerKey.made().pem(), "ways": ways}
    (folder / "setup").write_text(json.dumps(setup))
    made = Lives(folder)
    yield made
    made.close()


@pytest.mark.timeout(300)  # so many processes take their time on a busy machine
def test_killed_while_commands_come_in(
    folder: Path, world: World, lives: Lives
) -> None:
    """Everything that was answered is kept; nothing is done twice; no minute is unlimited; each command has its receipt."""
    over = Event()
    lives.begin(0)
    senders = [
        Sender(emt.wait_home(), seed, over)
        for seed, emt in enumerate(world.emts.values())
    ]
    for sender in senders:
        sender.start()
    assert lives.end(signal.SIGKILL) == KILLED
    for point in POINTS:
        lives.begin(point)
        assert lives.end() == KILLED
    lives.begin(0)
    over.set()
    for sender in senders:
        sender.join(60)
        assert sender.fault is None, sender.fault
        assert not sender.is_alive()
    _last_words(senders)
    broken = Broken()
    for sender in senders:
        _evidence(sender, broken)
    assert lives.end(signal.SIGTERM) == 0
    written = lines(folder / "world")
    compare(
        [sender.notes for sender in senders], lines(folder / "shown"), written, broken
    )
    broken.carried(tuple(line["whose"]) for line in written)
    broken.other += lines(folder / "faults")
    broken.judge()
    assert sum(len(sender.notes) for sender in senders) > 15


def _last_words(senders: list[Sender]) -> None:
    """A limit that is kept in the end, then everything back to normal."""
    grid = senders[0]
    for sender in senders:
        sender.send(post("/release", {}))
    told = grid.send(
        limit("consumption", Span(seconds=600), watts=4200, kind="para14a")
    )
    assert told.verdict == "possible"
    grid.home.wait_state(told.call.transaction, "effective")
    for sender in senders:
        sender.send(post("/release", {}))


def _evidence(sender: Sender, broken: Broken) -> None:
    """Each command has one receipt, which reached the EMT and is good; the whole ledger is."""
    for note in sender.notes:
        name = f"{note.call.path} {note.call.transaction}"
        told = sender.home.command(note.call.transaction)
        if len(told["receipts"]) != 1 or told["verdict"] != note.verdict:
            broken.lost.append(f"{name}: {told['receipts']}, {told['verdict']}")
        elif not sender.home.keep(told["receipts"][0]).good:
            broken.other.append(f"{name}: its receipt is not good")
    report = sender.home.verify()
    broken.other += report.problems
