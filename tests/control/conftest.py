"""A clock that stands still until it is moved, and a ledger on disk."""

from collections.abc import AsyncGenerator, Callable
from pathlib import Path
import sys
from types import ModuleType

from hypothesis import settings
import pytest

from custom_components.smgw.control.keys import LedgerKey
from custom_components.smgw.control.ledger import Ledger
from custom_components.smgw.control.store import Store

from .helpers import FakeClock
from .house import Bench

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
) -> AsyncGenerator[Callable[[], object]]:
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
async def ledger(reopened: Callable[[], object]) -> Ledger:
    """An open ledger."""
    return await reopened()  # type: ignore[misc]


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
