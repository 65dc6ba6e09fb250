"""The smallest home there is: a ledger, the authority, two tunnels, some devices; a program for test_killed.py.

    python -m tests.chaos.home FOLDER

Reads one line for each life: a number, the point at which it is to die by SIGKILL (any row, piece of state,
commit, publication, write to a device; 0: it lives until it is told to end). Each life is a process of its own, forked
from this one. Prints how it ended. What outlives it lies in FOLDER: the ledger, what was written to the devices,
and what was shown.
"""

import asyncio
from datetime import UTC, datetime
import json
import os
from pathlib import Path
import signal
import sys
import time
import traceback
from typing import Any, override

from custom_components.smgw.cls.identity import Identity
from custom_components.smgw.cls.model import Endpoint, TunnelConfig, TunnelKind
from custom_components.smgw.cls.ports import About, ClsPorts, LoopTimer
from custom_components.smgw.cls.room import ClsRoom
from custom_components.smgw.control.authority import Authority
from custom_components.smgw.control.clock import Stamp, TrustedClock
from custom_components.smgw.control.keys import LedgerKey
from custom_components.smgw.control.ledger import Ledger
from custom_components.smgw.control.model import Value
from custom_components.smgw.control.picture import Picture
from custom_components.smgw.control.ports import Because
from tests.cls.conftest import Things
from tests.control.crash import DONE, Killer, MortalStore, World, note
from tests.control.house import CONSUMPTION

from .odds import HOUSE, OPERATOR, SUPPLIER

PEOPLE = (OPERATOR, SUPPLIER)


class RealClock:
    """The machine's clocks."""

    def utc(self) -> datetime:
        """Return the wall time."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return the loop's time, from any thread."""
        return time.monotonic()

    def stamp(self) -> Stamp:
        """Return the present moment."""
        return Stamp(utc=self.utc(), monotonic=self.monotonic())


class Devices(World):
    """Devices that outlive the process, an alarm that rings, and a file that tells what was shown."""

    clock: Any
    authority: Authority | None = None
    _ringing: asyncio.TimerHandle | None = None
    _looking: asyncio.Task[None] | None = None

    @override
    def set(self, monotonic: float | None) -> None:
        """Ring at this moment."""
        if self._ringing is not None:
            self._ringing.cancel()
        self._ringing = None
        if monotonic is not None:
            loop = asyncio.get_running_loop()
            self._ringing = loop.call_at(monotonic, self._ring)

    def _ring(self) -> None:
        assert self.authority is not None
        self._looking = asyncio.ensure_future(self.authority.tick())

    @override
    async def write(self, item_id: str, value: Value, because: Because) -> None:
        """Set a device; that it shows is looked at, as a home does whose entity has changed."""
        await super().write(item_id, value, because)
        self.set(self.clock.monotonic())

    @override
    def publish(self, picture: Picture) -> None:
        """Show."""
        limit = picture.limits.get(CONSUMPTION)
        shown = None if limit is None else str(limit.watts)
        note(self.file.with_name("shown"), {"at": now(), "watts": shown})
        super().publish(picture)


def now() -> float:
    """Return the time that all processes share, in seconds."""
    return datetime.now(UTC).timestamp()


async def live(folder: Path, killer: Killer, setup: dict[str, Any]) -> None:
    """Live until SIGTERM, or until killed."""
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    clock = RealClock()
    store = MortalStore(folder / "ledger.db", LedgerKey.of_pem(setup["key"]))
    store.killer = killer
    ledger = Ledger(store)
    await ledger.open(clock.stamp())
    home = Devices(clock, folder, killer)  # type: ignore[arg-type]
    authority = Authority(
        ledger, TrustedClock(clock), home.ports, HOUSE, PEOPLE, chance=lambda: 0
    )
    home.authority = authority
    await authority.start()
    room = ClsRoom(
        ClsPorts(
            authority=authority,
            home=home,
            catalogue=Things(),
            about=About(version="1"),
            now=clock.stamp,
            changed=lambda state: None,
            timer=LoopTimer(),
            chance=lambda: 0.5,
        )
    )
    await room.configure([tunnel(**way) for way in setup["ways"]])
    await ended.wait()
    await room.close()
    await authority.close()
    await ledger.close()


def tunnel(
    who: str, gateway: list[Any], emt: list[Any], peer: str, own: list[str]
) -> TunnelConfig:
    """Return a participant's tunnel."""
    certificate, key = own
    return TunnelConfig(
        tunnel_id=who,
        participant_id=who,
        kind=TunnelKind.OUT_SOCKS,
        peers=(peer,),
        own=Identity(certificate=certificate, key=key),
        gateway=Endpoint(*gateway),
        destination=Endpoint(*emt),
    )


def one_life(folder: Path, point: int, setup: dict[str, Any]) -> int:
    """Run a life in a process of its own; return how it ended."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            asyncio.run(live(folder, Killer(point or None), setup))
            code = DONE
        finally:
            if code:
                note(folder / "faults", traceback.format_exc())
            os._exit(code)
    sys.stdout.write(f"{pid}\n")
    sys.stdout.flush()
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)


def main(folder: Path) -> None:
    """Live one life after the other."""
    setup = json.loads((folder / "setup").read_text())
    for line in sys.stdin:
        sys.stdout.write(f"{one_life(folder, int(line), setup)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
