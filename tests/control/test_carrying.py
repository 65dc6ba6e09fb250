"""What is done in the home for a command, and what is known of it."""

import asyncio
from datetime import timedelta
from decimal import Decimal

import pytest

from custom_components.smgw.control.ledger import Ledger
from custom_components.smgw.control.ports import MeterReading
from custom_components.smgw.control.reasons import EffectReason, Reason
from custom_components.smgw.control.settings import House, Rules

from .conftest import Restart
from .helpers import START, FakeClock
from .house import (
    CONSUMPTION,
    GRID,
    MEASURED,
    PRODUCTION,
    SERVICE,
    SUPPLIER,
    Bench,
    begun,
    broken,
)


@pytest.fixture
async def measured(ledger: Ledger, clock: FakeClock) -> Bench:
    """A home whose consumption is measured, without executors."""
    return await begun(ledger, clock, House(measured=MEASURED))


async def test_already_below(measured: Bench) -> None:
    """A home that was within the limit before has fulfilled it."""
    measured.home.powers[CONSUMPTION] = Decimal(4000)
    answer = await measured.limit(4200)
    await measured.wait(10)
    assert await measured.state(answer) == "effective"
    await measured.wait(3600)
    receipt = await measured.receipt(answer)
    assert (receipt["effect"]["state"], receipt["effect"]["reason"]) == (
        "effective",
        "already_below",
    )
    power = receipt["power"]
    assert (power["before"], power["effect"], power["highest"]) == (
        "4000",
        "4000",
        "4000",
    )
    assert (power["mean"], power["above"]) == ("4000", 0)
    assert power["samples"] == 60


async def test_commanded(measured: Bench) -> None:
    """Somebody, e.g. an automation, lowers what the home draws: the limit has become effective."""
    measured.home.powers[CONSUMPTION] = Decimal(9000)
    answer = await measured.limit(4200)
    await measured.wait(30)
    assert await measured.state(answer) == "active"
    measured.home.powers[CONSUMPTION] = Decimal(4200)
    await measured.authority.tick()
    assert await measured.state(answer) == "effective"
    await measured.send(release={})
    receipt = await measured.receipt(answer)
    assert receipt["effect"]["reason"] == "commanded"
    assert receipt["power"]["before"] == "9000"
    assert receipt["power"]["effect"] == "4200"
    assert receipt["state"] == "released"


async def test_unable(measured: Bench) -> None:
    """Above the limit after the set time: failed, and still limited; below it later: effective after all."""
    measured.home.powers[CONSUMPTION] = Decimal(9000)
    answer = await measured.limit(4200)
    await measured.wait(299)
    assert await measured.state(answer) == "active"
    await measured.wait(11)
    assert await measured.state(answer) == "failed"
    assert measured.home.limit() == 4200
    measured.home.powers[CONSUMPTION] = Decimal(4000)
    await measured.wait(10)
    assert await measured.state(answer) == "effective"
    # a short peak is a sample above the limit, not a failure
    measured.home.powers[CONSUMPTION] = Decimal(5000)
    await measured.wait(200)
    measured.home.powers[CONSUMPTION] = Decimal(4000)
    await measured.wait(200)
    assert await measured.state(answer) == "effective"
    await measured.wait(3600)
    receipt = await measured.receipt(answer)
    assert receipt["power"]["highest"] == "9000"
    assert 0 < receipt["power"]["above"] < receipt["power"]["samples"]
    effects = [
        (row["data"]["state"], row["data"]["reason"])
        for row in await measured.rows(answer)
        if row["kind"] == "effect"
    ]
    assert effects == [("failed", "unable"), ("effective", "commanded")]


@pytest.mark.parametrize("silent", [None, "old"])
async def test_source_is_silent(measured: Bench, silent: str | None) -> None:
    """A source that says nothing, or only what was, proves nothing."""
    measured.home.powers[CONSUMPTION] = None if silent is None else Decimal(100)
    measured.home.power_at = START - timedelta(minutes=2)
    answer = await measured.limit(4200)
    await measured.wait(100)
    assert await measured.state(answer) == "active"
    await measured.wait(300)
    assert await measured.state(answer) == "failed"
    effect = (await measured.rows(answer))[-1]["data"]
    assert effect["reason"] == "communication_failure"
    assert measured.home.limit() == 4200


async def test_other_direction_is_not_measured(measured: Bench) -> None:
    """Without a source a limit stays active."""
    answer = await measured.limit(0, direction=PRODUCTION)
    await measured.wait(3000)
    assert await measured.state(answer) == "active"


async def test_samples(measured: Bench) -> None:
    """The power under a limit is written down once a minute, a quarter of an hour in a row."""
    measured.home.powers[CONSUMPTION] = Decimal(4000)
    answer = await measured.limit(4200, duration_s=1800)
    await measured.wait(1800)
    rows = [row for row in await measured.rows() if row["kind"] == "measured"]
    samples = [sample for row in rows for sample in row["data"]["samples"]]
    assert [len(row["data"]["samples"]) for row in rows] == [15, 15]
    assert {(limit, watts) for _, limit, watts in samples} == {("4200", "4000")}
    assert len({at for at, _, _ in samples}) == 30
    assert {row["transaction"] for row in rows} == {answer.transaction_id}


async def test_samples_belong_to_the_smallest_limit(measured: Bench) -> None:
    """Samples are those of the limit that counted when they were taken."""
    await measured.limit(5000, duration_s=600)
    await measured.wait(300)
    await measured.limit(4000, SUPPLIER, duration_s=120)
    await measured.wait(600)
    rows = [row for row in await measured.rows() if row["kind"] == "measured"]
    assert [(row["participant"], len(row["data"]["samples"])) for row in rows] == [
        ("grid", 6),
        ("supplier", 1),
        ("grid", 3),
    ]


def meter_reading(bench: Bench, value: str) -> MeterReading:
    """Return a reading taken now."""
    return MeterReading(
        meter_id="1EMH0012345678",
        register="1-0:1.8.0",
        value=Decimal(value),
        unit="kWh",
        at=bench.clock.utc(),
    )


async def test_meter(bench: Bench) -> None:
    """The receipt has the meter's readings at start and end, with the gateway's own times."""
    bench.home.readings = [meter_reading(bench, "1234.5000")]
    answer = await bench.limit(4200)
    await bench.wait(3000)
    bench.home.readings = [meter_reading(bench, "1236.75")]
    await bench.wait(600)
    registers = (await bench.receipt(answer))["registers"]
    assert registers["start"][0]["value"] == "1234.5"
    assert registers["end"] == [
        {
            "meter": "1EMH0012345678",
            "register": "1-0:1.8.0",
            "value": "1236.75",
            "unit": "kWh",
            "at": "2026-11-20T10:50:00.000000Z",
        }
    ]


async def test_meter_readings_under_a_limit(bench: Bench) -> None:
    """Each reading that comes under a limit is written down, and the first one after it: these enclose it."""
    for quarter in range(8):
        bench.home.readings = [meter_reading(bench, f"{quarter}")]
        await bench.authority.tick()
        if quarter == 2:
            await bench.limit(4200, duration_s=1800)
        await bench.wait(900)
    rows = [row for row in await bench.rows() if row["kind"] == "metered"]
    seen = [row["data"]["registers"][0]["value"] for row in rows]
    # the limit ended with the reading of the fourth quarter
    assert seen == ["2", "3", "4"]
    assert {row["participant"] for row in rows} == {"grid"}


async def test_meter_reading_after_a_restart(restart: Restart) -> None:
    """The first reading after a limit is written down also if we were stopped before it came; only that one."""
    bench = await restart()
    bench.home.readings = [meter_reading(bench, "1")]
    await bench.limit(4200, duration_s=1800)
    await bench.wait(1801)
    bench = await restart(orderly=False)
    for value in ("2", "3"):
        await bench.wait(600)
        bench.home.readings = [meter_reading(bench, value)]
        await bench.authority.tick()
    bench = await restart()
    bench.home.readings = [meter_reading(bench, "4")]
    await bench.authority.tick()
    rows = [row for row in await bench.rows() if row["kind"] == "metered"]
    seen = [row["data"]["registers"][0]["value"] for row in rows]
    assert (seen[-1], "3" in seen, "4" in seen) == ("2", False, False)


async def test_below_minimum(ledger: Ledger, clock: FakeClock) -> None:
    """A limit below what has to be left is obeyed, and recorded."""
    bench = await begun(ledger, clock, House(minimum={CONSUMPTION: Decimal(4200)}))
    answer = await bench.limit(3000)
    assert bench.home.limit() == 3000
    assert (await bench.rows(answer))[0]["data"]["below_minimum"] == "4200"
    answer = await bench.limit(4200)
    assert "below_minimum" not in (await bench.rows(answer))[0]["data"]


async def test_percent(ledger: Ledger, clock: FakeClock) -> None:
    """A limit in percent refers to the nominal power that the owner has stated."""
    bench = await begun(ledger, clock, House(nominal={PRODUCTION: Decimal(9750)}))
    limit = {"direction": "production", "kind": "para9", "percent": "60"}
    answer = await bench.send(limit=limit, duration_s=60)
    assert bench.home.limit(PRODUCTION) == 5850
    await bench.wait(60)
    assert (await bench.receipt(answer))["watts"] == "5850"


@pytest.mark.parametrize(
    "reason",
    [EffectReason.COMMUNICATION_FAILURE, EffectReason.OVERLOAD, EffectReason.REJECTED],
)
async def test_item_fails(bench: Bench, reason: EffectReason) -> None:
    """A device that cannot is an honest failure, with its reason."""
    bench.home.broken["switch.boiler"] = broken(reason)
    answer = await bench.item("switch.boiler", True)
    assert await bench.state(answer) == "failed"
    receipt = await bench.receipt(answer)
    assert (receipt["effect"]["state"], receipt["effect"]["reason"]) == (
        "failed",
        reason,
    )
    assert len(bench.home.writes) == 1
    # the item is free again
    bench.home.broken.clear()
    assert (await bench.item("switch.boiler", True, SERVICE)).verdict.accepted


async def test_unknown_failure(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever else goes wrong is a failure, too, and is in the log."""
    bench.home.broken["switch.boiler"] = ZeroDivisionError("x")
    answer = await bench.item("switch.boiler", True)
    assert await bench.state(answer) == "failed"
    assert "switch.boiler failed in an unknown way" in caplog.text


async def test_device_that_hangs(ledger: Ledger, clock: FakeClock) -> None:
    """A device that does not answer is given up on."""
    house = House(rules=Rules(patience=timedelta(milliseconds=20)))
    bench = await begun(ledger, clock, house)
    bench.home.slow["switch.boiler"] = asyncio.Event()
    answer = await bench.item("switch.boiler", True)
    while await bench.state(answer) == "possible":
        await asyncio.sleep(0.01)
    receipt = await bench.receipt(answer)
    assert receipt["effect"]["reason"] == "communication_failure"


async def test_slow_to_show(bench: Bench) -> None:
    """A device that took the value and does not show it yet is active; when it shows it, effective."""
    bench.home.deaf.add("switch.boiler")
    answer = await bench.item("switch.boiler", True)
    assert await bench.state(answer) == "active"
    await bench.wait(60)
    bench.home.values["switch.boiler"] = True
    await bench.wait(10)
    assert await bench.state(answer) == "effective"
    assert len(bench.home.writes) == 1


async def test_never_shows(bench: Bench) -> None:
    """After a while that is a failure; the command holds the item all the same."""
    bench.home.deaf.add("switch.boiler")
    answer = await bench.item("switch.boiler", True)
    await bench.wait(320)
    assert await bench.state(answer) == "failed"
    held = await bench.item("switch.boiler", True, SERVICE)
    assert held.verdict.reason is Reason.HELD


async def test_deviation(bench: Bench) -> None:
    """Somebody moves what a command holds: it is logged, and nothing fights back."""
    answer = await bench.item("switch.boiler", True, GRID)
    bench.home.told()
    bench.home.values["switch.boiler"] = False
    await bench.authority.tick()
    assert await bench.state(answer) == "failed"
    assert (await bench.kinds(answer))[-2:] == ["deviation", "effect"]
    assert bench.home.told() == ["deviation", "failed"]
    bench.home.values["switch.boiler"] = True
    await bench.authority.tick()
    assert await bench.state(answer) == "effective"
    assert len(bench.home.writes) == 1


async def test_ended_while_being_written(bench: Bench) -> None:
    """A command that ends while its device is still at it: what comes next waits its turn."""
    bench.home.slow["switch.boiler"] = asyncio.Event()
    answer = await bench.item("switch.boiler", True)
    assert await bench.state(answer) == "possible"
    await bench.send(SUPPLIER, release={})
    second = await bench.item("switch.boiler", True)
    third = await bench.item("switch.boiler", False)
    assert len(bench.home.writes) == 1
    bench.home.slow.pop("switch.boiler").set()
    await bench.settle()
    assert await bench.state(answer) == "released"
    assert [row["data"].get("result") for row in await bench.rows(answer)][-1] == "late"
    assert await bench.state(second) == "superseded"
    assert await bench.state(third) == "effective"
    # the second was over before its turn came
    assert [write[1] for write in bench.home.writes] == [True, False]
    assert bench.home.values["switch.boiler"] is False


async def test_rest_is_tried_again(bench: Bench) -> None:
    """A device that could not be put to rest is tried again."""
    await bench.item("switch.boiler", True, duration_s=60)
    bench.home.broken["switch.boiler"] = broken(EffectReason.COMMUNICATION_FAILURE)
    await bench.wait(120)
    assert bench.home.values["switch.boiler"] is True
    bench.home.broken.clear()
    await bench.wait(600)
    assert bench.home.values["switch.boiler"] is False
    await bench.wait(3600)
    assert "setpoint_done" in (await bench.kinds())[-1:]


async def test_two_at_odds(measured: Bench) -> None:
    """Two participants who want opposite things: nobody flips, the smaller limit stays."""
    measured.home.powers[CONSUMPTION] = Decimal(3000)
    limits = []
    for number in range(20):
        who, watts = ((GRID, 5000), (SUPPLIER, 3500))[number % 2]
        answer = await measured.limit(watts, who)
        assert answer.verdict.accepted
        await measured.item(
            "switch.boiler", number % 2 == 0, (GRID, SUPPLIER)[number % 2]
        )
        await measured.wait(5)
        limits.append(measured.home.limit())
    assert set(limits[1:]) == {3500}
    assert {write[1] for write in measured.home.writes} == {True}


@pytest.mark.parametrize("orderly", [True, False])
async def test_samples_over_a_restart(restart: Restart, orderly: bool) -> None:
    """What was measured before an orderly stop is in the ledger, and in the receipt; a power cut loses a quarter of an hour at most."""
    bench = await restart(house=House(measured=MEASURED))
    bench.home.powers[CONSUMPTION] = Decimal(4000)
    answer = await bench.limit(4200, duration_s=3600)
    await bench.wait(20 * 60)
    bench = await restart(orderly=orderly, house=House(measured=MEASURED))
    await bench.wait(2400)
    rows = [row for row in await bench.rows(answer) if row["kind"] == "measured"]
    assert sum(len(row["data"]["samples"]) for row in rows) >= (60 if orderly else 55)
    receipt = await bench.receipt(answer)
    assert receipt["power"]["samples"] >= (60 if orderly else 55)
