"""A clock that is behind at a start, as of a machine without a battery: what is owed by then is owed all the same."""

from datetime import timedelta
from typing import Any

import pytest

from .conftest import Restart
from .house import CONSUMPTION, Bench

DAY = 86400


async def schedule(bench: Bench, *watts: int) -> Any:
    """Send a schedule: one slot of an hour for each limit."""
    now = bench.clock.utc()
    slots = [
        {
            "from": now + timedelta(hours=number),
            "until": now + timedelta(hours=number + 1),
            "watts": limit,
        }
        for number, limit in enumerate(watts)
    ]
    kind = {"direction": CONSUMPTION, "kind": "para14a", "slots": slots}
    return await bench.send(schedule=kind)


@pytest.mark.parametrize("back", [0, 600, DAY])
async def test_scheduled(restart: Restart, back: int) -> None:
    """No planned limit begins later than it would if no time had passed while we were away."""
    bench = await restart()
    await bench.limit(3000, **{"from": 3600, "duration_s": 600})
    await bench.wait(1800)
    bench = await restart(away=-back)
    await bench.wait(1799)
    assert bench.home.limit() is None
    await bench.wait(1)
    assert bench.home.limit() == 3000
    await bench.wait(599)
    assert bench.home.limit() == 3000
    await bench.wait(1)
    assert bench.home.limit() is None


async def test_scheduled_and_set_right(restart: Restart) -> None:
    """A clock that is set right some time after the start is believed: the limit begins within two minutes."""
    bench = await restart()
    answer = await bench.limit(3000, **{"from": 3600, "duration_s": 600})
    bench = await restart(away=-DAY, orderly=False)
    await bench.wait(30)
    # We were away for two hours, less half a minute.
    bench.clock.step(DAY + 3600)
    await bench.wait(120)
    assert bench.home.limit() == 3000
    await bench.wait(600 - 120 - 30)
    assert bench.home.limit() is None
    assert (await bench.receipt(answer))["state"] == "expired"


async def test_over_when_it_is_set_right(restart: Restart) -> None:
    """What should have come and gone is said not to have."""
    bench = await restart()
    item = await bench.item("switch.boiler", True, **{"from": 3600, "duration_s": 600})
    bench = await restart(away=-DAY, orderly=False)
    bench.clock.step(DAY + 7200)
    await bench.wait(180)
    assert (await bench.receipt(item))["end"] == "not_started"
    assert bench.home.values["switch.boiler"] is False


async def test_there_and_back(restart: Restart) -> None:
    """A clock that jumps for a moment is not believed."""
    bench = await restart()
    await bench.limit(3000, **{"from": 3600, "duration_s": 600})
    bench = await restart()
    bench.clock.step(DAY)
    await bench.wait(30)
    bench.clock.step(-DAY)
    await bench.wait(3569)
    assert bench.home.limit() is None
    await bench.wait(1)
    assert bench.home.limit() == 3000


async def test_a_jump_moves_nothing_of_this_run(restart: Restart) -> None:
    """What was planned in this run, or has begun, does not follow a clock that jumps."""
    bench = await restart()
    await bench.limit(3000, **{"from": 3600, "duration_s": 600})
    bench.clock.step(7200)
    await bench.wait(3599)
    assert bench.home.limit() is None
    await bench.wait(1)
    assert bench.home.limit() == 3000


@pytest.mark.parametrize("back", [0, 600, DAY])
async def test_schedule_that_has_begun(restart: Restart, back: int) -> None:
    """The slot of the last moment that is known goes on: a limited home comes back limited."""
    bench = await restart()
    await schedule(bench, 5000, 3000, 4000)
    await bench.wait(3600 + 1800)
    assert bench.home.limit() == 3000
    bench = await restart(away=-back)
    assert bench.home.pictures[0].limits[CONSUMPTION].watts == 3000
    await bench.wait(1799)
    assert bench.home.limit() == 3000
    await bench.wait(1)
    assert bench.home.limit() == 4000


async def test_schedule_and_a_clock_that_is_set_right(restart: Restart) -> None:
    """The slots are those of the right time from then on."""
    bench = await restart()
    await schedule(bench, 5000, 3000, 4000)
    await bench.wait(1800)
    bench = await restart(away=-DAY)
    assert bench.home.limit() == 5000
    bench.clock.step(DAY + 2 * 3600)
    await bench.wait(180)
    assert bench.home.limit() == 4000
