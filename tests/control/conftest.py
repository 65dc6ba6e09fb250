"""A clock that stands still until it is moved, and a ledger on disk."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
import sys
from types import ModuleType

from hypothesis import settings
import pytest

from custom_components.smgw.control.keys import LedgerKey
from custom_components.smgw.control.ledger import Ledger
from custom_components.smgw.control.settings import House
from custom_components.smgw.control.store import Store

from .helpers import FakeClock
from .house import EVERYBODY, Bench, FakeHome, Participant, Restart, stopped

SCRIPTS = Path(__file__).parents[2] / "script" / "lib"

# How long an example takes says nothing on a busy machine.
settings.register_profile("control", deadline=None)
settings.load_profile("control")


@pytest.fixture
def clock() -> FakeClock:
    """The machine's clocks."""
    return FakeClock()


@pytest.fixture(scope="session")
def key() -> LedgerKey:
    """The ledger's key."""
    return LedgerKey.made()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the ledger lies."""
    return tmp_path / "home.ledger.db"


@pytest.fixture
async def reopened(
    file: Path, key: LedgerKey, clock: FakeClock
) -> AsyncGenerator[Callable[[], Awaitable[Ledger]]]:
    """Return a function that opens the ledger, after closing the one before."""
    held: list[Ledger] = []

    async def reopen() -> Ledger:
        while held:
            await held.pop().close()
        held.append(Ledger(Store(file, key)))
        await held[0].open(clock.stamp())
        return held[0]

    yield reopen
    for ledger in held:
        await ledger.close()


@pytest.fixture
async def ledger(reopened: Callable[[], Awaitable[Ledger]]) -> Ledger:
    """An open ledger."""
    return await reopened()


@pytest.fixture(scope="session")
def verifier() -> ModuleType:
    """The independent checker, which is a program of its own."""
    sys.path.insert(0, str(SCRIPTS))
    try:
        import verify_ledger
    finally:
        sys.path.remove(str(SCRIPTS))
    return verify_ledger


@pytest.fixture
async def bench(ledger: Ledger, clock: FakeClock) -> AsyncGenerator[Bench]:
    """A started authority in a simulated home."""
    bench = Bench.of(ledger, clock)
    await bench.authority.start()
    yield bench
    await bench.authority.close()


@pytest.fixture
async def restart(
    reopened: Callable[[], Awaitable[Ledger]], clock: FakeClock
) -> AsyncGenerator[Restart]:
    """Return a function that starts an authority on the same ledger and in the same home."""
    home = FakeHome(clock)
    held: list[Bench] = []

    async def again(
        *,
        away: float = 0,
        orderly: bool = True,
        house: House | None = None,
        participants: tuple[Participant, ...] = EVERYBODY,
    ) -> Bench:
        count = 0
        if held:
            before = held.pop()
            count = before.count
            if orderly:
                await before.authority.close()
            else:
                await stopped(before)
        clock.wall += timedelta(seconds=away)
        clock.seconds = 7.0
        home.pictures.clear()
        bench = Bench.of(await reopened(), clock, home, house, participants)
        bench.count = count
        held.append(bench)
        await bench.authority.start()
        return bench

    yield again
    for bench in held:
        await bench.authority.close()
