"""Two participants at odds, through real tunnels, while everything breaks that can; in simulated time."""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, given, settings, strategies as st
import pytest

from tests.control.test_crash import MEMORY

from .odds import STEPS, Odds, Step


@pytest.mark.usefixtures("socket_enabled")
@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    steps=st.lists(st.sampled_from(STEPS), min_size=5, max_size=20),
    seed=st.integers(0, 1 << 30),
)
def test_at_odds(steps: list[Step], seed: int) -> None:
    """Limits, items, releases, both at once; cuts, silence, clocks that jump, a home that dies and comes back."""

    async def live(folder: Path) -> None:
        odds = Odds(folder / "ledger.db", seed)
        await odds.open()
        try:
            for step in steps:
                await step(odds)
                await odds.bench.settle()
                await odds.bench.wait(0)
                odds.look(step.__name__)
            await odds.judge()
        finally:
            await odds.close()

    with TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        asyncio.run(live(Path(folder)))
