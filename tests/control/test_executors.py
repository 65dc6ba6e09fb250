"""Devices that carry a limit out: lowered in order, and given back."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from custom_components.smgw.control.ledger import Ledger
from custom_components.smgw.control.model import Value
from custom_components.smgw.control.reasons import EffectReason, Reason
from custom_components.smgw.control.settings import Executor, ExecutorMode, House, Rules

from .helpers import FakeClock
from .house import CONSUMPTION, MEASURED, PUMP, SUPPLIER, WALLBOX, Bench, begun, broken


@pytest.fixture
async def carried(ledger: Ledger, clock: FakeClock) -> Bench:
    """A home where wallbox and heat pump, in this order, carry limits out."""
    house = House(measured=MEASURED, executors={CONSUMPTION: (WALLBOX, PUMP)})
    return await begun(ledger, clock, house)


async def test_lowered_and_given_back(carried: Bench) -> None:
    """As much as needed is taken from the first, and given back when the limit is over."""
    # 11000 + 2500 + 300
    answer = await carried.limit(4200)
    await carried.wait(10)
    assert carried.home.values["number.wallbox"] == 1400
    assert carried.home.values["switch.heatpump"] is True
    assert await carried.state(answer) == "effective"
    assert carried.home.drawn() == 4200
    await carried.wait(3590)
    assert carried.home.values["number.wallbox"] == 11000
    receipt = await carried.receipt(answer)
    assert receipt["effect"]["reason"] == "commanded"
    assert receipt["power"]["before"] == "13800"
    assert [(item, why.why) for item, _, why in carried.home.writes] == [
        ("number.wallbox", "limit"),
        ("number.wallbox", "restore"),
    ]


async def test_only_as_needed(carried: Bench) -> None:
    """No more is taken than the limit asks for."""
    await carried.limit(10_000)
    await carried.wait(10)
    assert carried.home.values["number.wallbox"] == 7200
    assert carried.home.drawn() == 10_000


async def test_one_after_the_other(carried: Bench) -> None:
    """When the first has nothing left to give, the next one is asked; given back in reverse."""
    await carried.limit(3000)
    await carried.wait(10)
    assert carried.home.values["number.wallbox"] == 1400
    assert carried.home.values["switch.heatpump"] is False
    assert carried.home.drawn() == 1700
    await carried.send(release={})
    await carried.wait(10)
    assert [(item, because.why) for item, _, because in carried.home.writes[2:]] == [
        ("switch.heatpump", "restore"),
        ("number.wallbox", "restore"),
    ]
    assert carried.home.drawn() == 13800


async def test_time_to_settle(carried: Bench) -> None:
    """What was asked is given half a minute before more is asked."""
    carried.home.powers[CONSUMPTION] = Decimal(5200)
    await carried.limit(4200)
    seen = []
    for _ in range(4):
        await carried.wait(20)
        seen.append(carried.home.values["number.wallbox"])
    assert seen == [10000, 9000, 8000, 8000]


async def test_already_below_moves_nothing(carried: Bench) -> None:
    """A home within its limit is left alone."""
    carried.home.values["number.wallbox"] = Decimal(0)
    answer = await carried.limit(4200)
    await carried.wait(3600)
    assert carried.home.writes == []
    assert (await carried.receipt(answer))["effect"]["reason"] == "already_below"


async def test_not_given_back_to_who_changed_it(carried: Bench) -> None:
    """What the owner changed meanwhile stays as the owner wants it."""
    await carried.limit(4200)
    await carried.wait(10)
    carried.home.values["number.wallbox"] = Decimal(0)
    await carried.send(release={})
    await carried.wait(10)
    assert carried.home.values["number.wallbox"] == 0


async def test_lowered_again(carried: Bench) -> None:
    """Who raises a device under a limit finds it lowered again; given back is what was there first."""
    await carried.limit(4200)
    await carried.wait(60)
    carried.home.values["number.wallbox"] = Decimal(3000)
    await carried.wait(60)
    assert carried.home.values["number.wallbox"] == 1400
    await carried.wait(3600)
    assert carried.home.values["number.wallbox"] == 3000


async def test_unmeasured(ledger: Ledger, clock: FakeClock) -> None:
    """Without a source nobody knows how much is needed: everything goes as far as it can."""
    house = House(executors={CONSUMPTION: (WALLBOX, PUMP)})
    bench = await begun(ledger, clock, house)
    answer = await bench.limit(10_000)
    await bench.wait(10)
    assert bench.home.values["number.wallbox"] == 1400
    assert bench.home.values["switch.heatpump"] is False
    assert await bench.state(answer) == "active"
    await bench.send(release={})
    await bench.wait(10)
    assert bench.home.values["number.wallbox"] == 11000
    assert bench.home.values["switch.heatpump"] is True


async def test_follow(ledger: Ledger, clock: FakeClock) -> None:
    """A number that is a limit itself gets the limit, in its own unit, within its bounds."""
    ampere = Executor(
        item_id="number.wallbox",
        mode=ExecutorMode.FOLLOW,
        low=Decimal(6),
        high=Decimal(16),
        watts_per_unit=Decimal(690),
    )
    bench = await begun(ledger, clock, House(executors={CONSUMPTION: (ampere,)}))
    bench.home.values["number.wallbox"] = Decimal(16)
    for watts, current in ((7000, 10), (20_000, 16), (1000, 6)):
        await bench.limit(watts)
        await bench.wait(10)
        assert bench.home.values["number.wallbox"] == current
    await bench.send(release={})
    await bench.wait(10)
    assert bench.home.values["number.wallbox"] == 16


async def test_spread(ledger: Ledger, clock: FakeClock) -> None:
    """A street of homes does not return in one second."""
    rules = Rules(restore=timedelta(seconds=600))
    house = House(measured=MEASURED, executors={CONSUMPTION: (WALLBOX,)}, rules=rules)
    bench = await begun(ledger, clock, house, chance=0.5)
    await bench.limit(4200)
    await bench.wait(60)
    await bench.send(release={})
    assert bench.home.limit() is None
    await bench.wait(299)
    assert bench.home.values["number.wallbox"] == 1400
    await bench.wait(2)
    assert bench.home.values["number.wallbox"] == 11000


async def ramping(ledger: Ledger, clock: FakeClock, *executors: Executor) -> Bench:
    """Return a home whose executors take two minutes on their way back."""
    rules = Rules(ramp=timedelta(seconds=120))
    house = House(measured=MEASURED, executors={CONSUMPTION: executors}, rules=rules)
    return await begun(ledger, clock, house)


async def ramped(ledger: Ledger, clock: FakeClock, *executors: Executor) -> Bench:
    """Return a home whose executors are on their way back."""
    bench = await ramping(ledger, clock, *executors)
    await bench.limit(4200)
    await bench.wait(60)
    await bench.send(release={})
    await bench.settle()
    return bench


async def seen(bench: Bench, times: int) -> list[Value]:
    """Return what the wallbox shows now and every half minute."""
    values = []
    for _ in range(times):
        values.append(bench.home.values["number.wallbox"])
        await bench.wait(30)
    return values


async def test_ramp(ledger: Ledger, clock: FakeClock) -> None:
    """A number rises in even steps, within the time that the owner chose; nothing comes after."""
    bench = await ramped(ledger, clock, WALLBOX)
    assert await seen(bench, 7) == [3320, 5240, 7160, 9080, 11000, 11000, 11000]
    restored = [w for w in bench.home.writes if w[2].why == "restore"]
    assert len(restored) == 5
    rows = [r["data"] for r in await bench.rows() if r["kind"] == "setpoint"]
    assert [r["value"] for r in rows if r["why"] == "restore"][-1] == "11000"


async def test_ramp_in_steps_of_the_device(ledger: Ledger, clock: FakeClock) -> None:
    """Every value on the way is one that the device knows; a step that is too small is left out."""
    coarse = replace(WALLBOX, step=Decimal(2500))
    bench = await ramped(ledger, clock, coarse)
    assert await seen(bench, 6) == [3900, 6400, 8900, 8900, 11000, 11000]


async def test_ramp_of_a_switch(ledger: Ledger, clock: FakeClock) -> None:
    """What knows no degrees returns in one step, before what rises."""
    bench = await ramping(ledger, clock, WALLBOX, PUMP)
    await bench.limit(3000)
    await bench.wait(60)
    assert bench.home.drawn() == 1700
    await bench.send(release={})
    await bench.settle()
    assert bench.home.values["switch.heatpump"] is True
    assert (await seen(bench, 5))[-1] == 11000


async def test_limit_on_the_way_back(ledger: Ledger, clock: FakeClock) -> None:
    """A limit on the way back stops it; what comes back in the end is what was there before the first."""
    bench = await ramped(ledger, clock, WALLBOX)
    assert await seen(bench, 2) == [3320, 5240]
    await bench.limit(4200)
    await bench.wait(60)
    assert bench.home.drawn() <= 4200
    await bench.send(release={})
    assert (await seen(bench, 5))[-1] == 11000


async def test_owner_on_the_way_back(ledger: Ledger, clock: FakeClock) -> None:
    """Who changes a device on its way back wants it so."""
    bench = await ramped(ledger, clock, WALLBOX)
    bench.home.values["number.wallbox"] = Decimal(2000)
    assert set(await seen(bench, 6)) == {2000}


async def test_device_that_fails_on_the_way_back(
    ledger: Ledger, clock: FakeClock
) -> None:
    """A device that is away for a while is back all the same in the end."""
    bench = await ramped(ledger, clock, WALLBOX)
    bench.home.broken["number.wallbox"] = broken(EffectReason.COMMUNICATION_FAILURE)
    await bench.wait(45)
    assert bench.home.values["number.wallbox"] == 3320
    bench.home.broken.clear()
    await bench.wait(300)
    assert bench.home.values["number.wallbox"] == 11000


async def test_device_that_shows_late_on_the_way_back(
    ledger: Ledger, clock: FakeClock
) -> None:
    """A device that shows a value a minute later is not taken for one that the owner has changed."""
    bench = await ramped(ledger, clock, WALLBOX)
    late = bench.home.late
    late["number.wallbox"] = bench.home.values["number.wallbox"]
    for _ in range(30):
        await bench.wait(45)
        bench.home.values.update(late)
    assert bench.home.values["number.wallbox"] == 11000


async def test_device_that_rounds(carried: Bench) -> None:
    """What a device made of its value is no change by the owner: it comes back as well."""
    carried.home.coarse["number.wallbox"] = Decimal(500)
    await carried.limit(10_050)
    await carried.wait(60)
    assert carried.home.values["number.wallbox"] == 7000
    await carried.send(release={})
    await carried.wait(60)
    assert carried.home.values["number.wallbox"] == 11000


async def test_ramp_of_a_device_that_rounds(ledger: Ledger, clock: FakeClock) -> None:
    """The same on the way back."""
    bench = await ramping(ledger, clock, WALLBOX)
    bench.home.coarse["number.wallbox"] = Decimal(500)
    await bench.limit(4200)
    await bench.wait(60)
    assert bench.home.values["number.wallbox"] == 1000
    await bench.send(release={})
    await bench.wait(900)
    assert bench.home.values["number.wallbox"] == 11000


async def test_limit_outranks_contract_item(carried: Bench) -> None:
    """A device that a limit has lowered is nobody else's for as long."""
    contract = await carried.item("number.wallbox", 7000, unit="W")
    assert carried.home.values["number.wallbox"] == 7000
    await carried.limit(4200)
    await carried.wait(10)
    assert carried.home.values["number.wallbox"] == 1400
    assert (await carried.receipt(contract))["end"] == "outranked"
    again = await carried.item("number.wallbox", 9000, unit="W")
    assert again.verdict.reason is Reason.OUTRANKED
    await carried.send(release={})
    await carried.wait(10)
    assert carried.home.values["number.wallbox"] == 7000


async def test_broken_executor(carried: Bench) -> None:
    """A device that does not obey is tried again, less and less often; the limit fails honestly."""
    carried.home.broken["number.wallbox"] = broken(EffectReason.COMMUNICATION_FAILURE)
    answer = await carried.limit(4200)
    await carried.wait(600)
    assert await carried.state(answer) == "failed"
    tries = [item for item, _, _ in carried.home.writes].count("number.wallbox")
    assert 3 <= tries <= 6
    carried.home.broken.clear()
    await carried.wait(600)
    # the heat pump had been switched off meanwhile
    assert carried.home.values["number.wallbox"] == 3900
    assert carried.home.drawn() == 4200
    assert await carried.state(answer) == "effective"


async def test_device_away_when_given_back(carried: Bench) -> None:
    """What could not be given back is tried again until it can."""
    await carried.limit(4200)
    await carried.wait(60)
    carried.home.broken["number.wallbox"] = broken(EffectReason.COMMUNICATION_FAILURE)
    await carried.send(release={})
    await carried.wait(60)
    assert carried.home.values["number.wallbox"] == 1400
    carried.home.broken.clear()
    await carried.wait(1800)
    assert carried.home.values["number.wallbox"] == 11000


async def test_executor_that_is_not_there(carried: Bench) -> None:
    """A device that shows nothing is left out; the next one is asked."""
    carried.home.powers[CONSUMPTION] = Decimal(9000)
    del carried.home.values["number.wallbox"]
    await carried.limit(4200)
    await carried.wait(10)
    assert [item for item, _, _ in carried.home.writes] == ["switch.heatpump"]


async def test_device_with_bounds_of_its_own(ledger: Ledger, clock: FakeClock) -> None:
    """A device that takes a value and shows another one is not asked over and over."""
    follow = Executor(item_id="number.wallbox", mode=ExecutorMode.FOLLOW)
    bench = await begun(ledger, clock, House(executors={CONSUMPTION: (follow,)}))
    bench.home.deaf.add("number.wallbox")
    await bench.limit(4200)
    await bench.wait(3600)
    assert 3 <= len(bench.home.writes) <= 8
    done = [row["data"] for row in await bench.rows() if row["kind"] == "setpoint_done"]
    assert done[0] == {"item": "number.wallbox", "result": "done", "shows": "11000"}


async def test_other_decision_meanwhile(bench: Bench) -> None:
    """A device that is still going to rest when a new command comes and goes: it rests all the same."""
    await bench.item("switch.boiler", True, duration_s=60)
    bench.home.slow["switch.boiler"] = asyncio.Event()
    await bench.wait(61)
    second = await bench.item("switch.boiler", True)
    await bench.send(SUPPLIER, release={})
    bench.home.slow.pop("switch.boiler").set()
    await bench.settle()
    assert await bench.state(second) == "released"
    assert bench.home.values["switch.boiler"] is False
    results = [
        row["data"]["result"]
        for row in await bench.rows()
        if row["kind"] == "setpoint_done"
    ]
    assert results == ["skipped", "late", "done"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"step": Decimal(0)},
        {"watts_per_unit": Decimal(0)},
        {"low": Decimal(-1)},
        {"low": Decimal(5), "high": Decimal(4)},
    ],
)
def test_wrong_executor(wrong: dict[str, Decimal]) -> None:
    """What would lead nowhere is refused when it is set up."""
    with pytest.raises(ValueError):
        Executor(item_id="x", mode=ExecutorMode.FOLLOW, **wrong)
