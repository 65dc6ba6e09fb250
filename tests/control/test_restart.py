"""Stopped and started again, in good order and in bad."""

import asyncio
from datetime import timedelta
from decimal import Decimal

import pytest

from custom_components.smgw.control.clock import TrustedClock
from custom_components.smgw.control.command import Verdict
from custom_components.smgw.control.errors import LedgerUnavailable
from custom_components.smgw.control.limitation import LimitState
from custom_components.smgw.control.reasons import Reason
from custom_components.smgw.control.reply import Answer
from custom_components.smgw.control.settings import House, Rules

from .house import (
    CONSUMPTION,
    EVERYBODY,
    GRID,
    MEASURED,
    ORIGIN,
    PUMP,
    SUPERVISED,
    SUPPLIER,
    WALLBOX,
    Bench,
    Restart,
    stopped,
)


@pytest.mark.parametrize("orderly", [True, False])
async def test_limited_home_comes_back_limited(restart: Restart, orderly: bool) -> None:
    """The first thing that is shown is the limit, and it ends when it should."""
    bench = await restart()
    answer = await bench.limit(4200, duration_s=3600)
    await bench.wait(600)
    bench = await restart(away=600, orderly=orderly)
    assert bench.home.pictures[0].limits[CONSUMPTION].watts == 4200
    assert await bench.state(answer) == "active"
    await bench.wait(2399)
    assert bench.home.limit() == 4200
    await bench.wait(1)
    assert bench.home.limit() is None
    assert (await bench.receipt(answer))["state"] == "expired"


@pytest.mark.parametrize("away", [0, 60, 86400])
async def test_supervised_home_comes_back_limited(
    restart: Restart, away: float
) -> None:
    """Also without an end; and then the participant has to show up."""
    bench = await restart(participants=(SUPERVISED,))
    await bench.authority.contact("grid")
    await bench.limit(3000, until=None)
    bench = await restart(away=away, orderly=False, participants=(SUPERVISED,))
    assert bench.home.pictures[0].limits[CONSUMPTION].watts == 3000
    await bench.authority.contact("grid")
    await bench.wait(119)
    assert bench.home.limit() == 3000
    await bench.wait(1)
    assert bench.home.limit() == 4200


async def test_power_cut_during_failsafe(restart: Restart) -> None:
    """Failsafe goes on for the time that is left."""
    bench = await restart(participants=(SUPERVISED,))
    await bench.authority.contact("grid")
    await bench.send(release={})
    await bench.wait(120 + 1800)
    bench = await restart(away=1800, orderly=False, participants=(SUPERVISED,))
    supervision = bench.home.pictures[0].supervision["grid", CONSUMPTION]
    assert (supervision.state, bench.home.limit()) == (LimitState.FAILSAFE, 4200)
    await bench.wait(3599)
    assert bench.home.limit() == 4200
    await bench.wait(1)
    assert bench.home.limit() is None


async def test_clock_jumps_while_away(restart: Restart) -> None:
    """A clock that was set back does not stretch a limit; one that jumps while we run does nothing."""
    bench = await restart()
    answer = await bench.limit(4200, duration_s=3600)
    bench.clock.step(7200)
    await bench.wait(600)
    assert bench.home.limit() == 4200
    bench.clock.step(-7200)
    bench = await restart(away=-30 * 86400, orderly=False)
    assert bench.home.limit() == 4200
    await bench.wait(3599)
    assert bench.home.limit() == 4200
    await bench.wait(1)
    assert bench.home.limit() is None
    receipt = await bench.receipt(answer)
    assert receipt["ended"] < receipt["until"]


async def test_same_answer_after_restart(restart: Restart) -> None:
    """The same command gets the same answer and is not carried out again, open or over."""
    bench = await restart()
    first = await bench.item("switch.boiler", True, number=7)
    refused = await bench.item("switch.boiler", 5, number=8)
    bench = await restart(orderly=False)
    assert await bench.item("switch.boiler", True, number=7) == first
    assert await bench.item("switch.boiler", 5, number=8) == refused
    bench = await restart(away=7200)
    assert await bench.item("switch.boiler", True, number=7) == first
    assert len([w for w in bench.home.writes if w[2].why == "command"]) == 1
    conflict = await bench.item("switch.boiler", False, number=7)
    assert conflict.verdict.reason is Reason.CONFLICT


async def test_over_while_away(restart: Restart) -> None:
    """What ended while we were away ends now, with a receipt; its item goes to rest."""
    bench = await restart()
    limit = await bench.limit(4200, duration_s=600)
    item = await bench.item("switch.boiler", True, duration_s=600)
    bench = await restart(away=700)
    await bench.settle()
    assert (await bench.receipt(limit))["state"] == "expired"
    assert (await bench.receipt(item))["state"] == "expired"
    assert bench.home.values["switch.boiler"] is False


async def test_scheduled_over_a_restart(restart: Restart) -> None:
    """What was planned begins, late if need be; what should have come and gone is said not to have."""
    bench = await restart()
    later = await bench.limit(3000, **{"from": 1000, "duration_s": 600})
    begun = await bench.limit(4000, SUPPLIER, **{"from": 600, "duration_s": 600})
    gone = await bench.item("switch.boiler", True, **{"from": 100, "duration_s": 100})
    bench = await restart(away=700, orderly=False)
    assert bench.home.limit() == 4000
    await bench.look()
    assert await bench.state(begun) == "active"
    assert await bench.state(gone) == "failed"
    assert (await bench.receipt(gone))["end"] == "not_started"
    assert bench.home.writes == []
    await bench.wait(300)
    assert bench.home.limit() == 3000
    assert await bench.state(later) == "active"


@pytest.mark.parametrize(
    ("shows", "state", "reason"),
    [(True, "effective", "commanded"), (False, "unknown", "interrupted")],
)
async def test_stopped_in_the_middle_of_writing(
    restart: Restart, shows: bool, state: str, reason: str
) -> None:
    """What became of it is read back from the device; it is never written a second time."""
    bench = await restart()
    bench.home.slow["switch.boiler"] = asyncio.Event()
    answer = await bench.item("switch.boiler", True)
    await stopped(bench)
    bench.home.values["switch.boiler"] = shows
    bench = await restart(orderly=False)
    assert await bench.state(answer) == state
    assert (await bench.rows(answer))[3 if shows else 2]["data"]["reason"] == reason
    assert len(bench.home.writes) == 1


async def killed_and_missing(restart: Restart) -> tuple[Bench, Answer]:
    """Kill it while it writes to a switch, which is not there at the next start."""
    bench = await restart()
    bench.home.slow["switch.boiler"] = asyncio.Event()
    answer = await bench.item("switch.boiler", True)
    await stopped(bench)
    del bench.home.values["switch.boiler"]
    bench = await restart(orderly=False)
    return bench, answer


async def test_device_that_appears_later(restart: Restart) -> None:
    """Devices show their values some time after a start: that is waited for, not for ever."""
    bench, answer = await killed_and_missing(restart)
    await bench.wait(60)
    assert await bench.state(answer) == "possible"
    bench.home.values["switch.boiler"] = True
    await bench.wait(10)
    assert await bench.state(answer) == "effective"


async def test_device_that_never_appears(restart: Restart) -> None:
    """After two minutes nobody knows."""
    bench, answer = await killed_and_missing(restart)
    await bench.wait(130)
    assert await bench.state(answer) == "unknown"
    assert (await bench.receipt(answer))["effect"]["reason"] == "interrupted"


async def test_items_that_are_not_there_yet(restart: Restart) -> None:
    """At a start the home's items appear one by one: that takes no grant away."""
    bench = await restart()
    answer = await bench.item("switch.boiler", True)
    shown = await bench.item("cls.one", True, until=None)
    missing = bench.home.all_items
    bench.home.all_items = {}
    bench = await restart()
    await bench.authority.configure(House(), EVERYBODY)
    assert await bench.state(answer) == "effective"
    bench.home.all_items = missing
    await bench.authority.tick()
    assert bench.home.picture.items["cls.one"].value is True
    assert await bench.state(shown) == "effective"


async def test_over_before_its_item_is_there(restart: Restart) -> None:
    """A command that ends before its device has appeared again: the device rests when it has."""
    bench = await restart()
    answer = await bench.item("switch.boiler", True, duration_s=60)
    missing, bench.home.all_items = bench.home.all_items, {}
    shown = bench.home.values.pop("switch.boiler")
    bench = await restart(away=120)
    assert (await bench.receipt(answer))["state"] == "expired"
    await bench.wait(90)
    bench.home.all_items, bench.home.values["switch.boiler"] = missing, shown
    await bench.wait(900)
    assert bench.home.values["switch.boiler"] is False


async def test_executors_over_a_restart(restart: Restart) -> None:
    """What a limit lowered is still lowered, and still given back."""
    house = House(measured=MEASURED, executors={CONSUMPTION: (WALLBOX, PUMP)})
    bench = await restart(house=house)
    await bench.limit(4200, duration_s=3600)
    await bench.wait(60)
    bench = await restart(away=60, orderly=False, house=house)
    await bench.wait(600)
    assert len(bench.home.writes) == 1
    bench = await restart(away=7200, house=house)
    await bench.wait(10)
    assert bench.home.values["number.wallbox"] == 11000
    assert [because.why for _, _, because in bench.home.writes] == ["limit", "restore"]


@pytest.mark.parametrize("orderly", [True, False])
async def test_executors_on_their_way_back(restart: Restart, orderly: bool) -> None:
    """A way back that was begun goes on from where it was."""
    rules = Rules(ramp=timedelta(seconds=120))
    house = House(measured=MEASURED, executors={CONSUMPTION: (WALLBOX,)}, rules=rules)
    bench = await restart(house=house)
    await bench.limit(4200, duration_s=3600)
    await bench.wait(60)
    await bench.send(release={})
    await bench.wait(45)
    assert bench.home.values["number.wallbox"] == 5240
    bench = await restart(away=60, orderly=orderly, house=house)
    await bench.settle()
    assert bench.home.values["number.wallbox"] == 6392
    await bench.wait(121)
    assert bench.home.values["number.wallbox"] == 11000
    assert {because.why for _, _, because in bench.home.writes} == {"limit", "restore"}


@pytest.mark.parametrize(
    ("shows", "result"),
    [(11000, "unknown"), (3900, "found"), (5000, "unknown"), (None, "unknown")],
)
async def test_stopped_while_lowering(
    restart: Restart, shows: int | None, result: str
) -> None:
    """Whether the device took it is read back; then the limit is kept like before."""
    house = House(measured=MEASURED, executors={CONSUMPTION: (WALLBOX,)})
    bench = await restart(house=house)
    bench.home.slow["number.wallbox"] = asyncio.Event()
    await bench.limit(6700, duration_s=3600)
    await bench.authority.tick()
    await asyncio.sleep(0.01)
    await stopped(bench)
    bench.home.slow.clear()
    if shows is None:
        bench.home.powers[CONSUMPTION] = Decimal(5000)
        del bench.home.values["number.wallbox"]
    else:
        bench.home.values["number.wallbox"] = Decimal(shows)
    bench = await restart(orderly=False, house=house)
    await bench.wait(150)
    done = [row["data"] for row in await bench.rows() if row["kind"] == "setpoint_done"]
    assert done[0]["result"] == result
    assert shows is None or bench.home.drawn() <= 6700


@pytest.mark.parametrize(
    ("shows", "results"),
    [
        # not written yet: it is, now; written; somebody wanted something else
        (True, ["resumed", "done"]),
        (False, ["found"]),
        (None, ["unknown"]),
    ],
)
async def test_stopped_while_going_to_rest(
    restart: Restart, shows: bool | None, results: list[str]
) -> None:
    """An item on its way to its rest gets there."""
    bench = await restart()
    await bench.item("switch.boiler", True, duration_s=60)
    bench.home.slow["switch.boiler"] = asyncio.Event()
    await bench.wait(61)
    await stopped(bench)
    bench.home.slow.clear()
    if shows is None:
        del bench.home.values["switch.boiler"]
    else:
        bench.home.values["switch.boiler"] = shows
    bench = await restart(orderly=False)
    await bench.wait(150)
    done = [row["data"] for row in await bench.rows() if row["kind"] == "setpoint_done"]
    assert [data["result"] for data in done] == results
    assert bench.home.values.get("switch.boiler") in (False, None)


async def test_contact_over_a_restart(restart: Restart) -> None:
    """Who was there has two minutes to show up; who was not, is still not."""
    bench = await restart()
    await bench.authority.contact("supplier")
    bench = await restart(away=3600)
    assert bench.home.picture.contacts["supplier"].present
    await bench.wait(120)
    assert not bench.home.picture.contacts["supplier"].present
    orphan = await bench.item("cls.one", True, until=None)
    bench = await restart(away=3600)
    assert not bench.home.picture.contacts["supplier"].present
    await bench.wait(3599)
    assert await bench.state(orphan) == "effective"
    await bench.wait(1)
    assert await bench.state(orphan) == "released"


async def test_participant_removed_while_away(restart: Restart) -> None:
    """Commands of somebody who is no longer there end at the next settings or at their time."""
    bench = await restart()
    answer = await bench.limit(4200, duration_s=600)
    planned = await bench.limit(4200, SUPPLIER, **{"from": 60})
    bench = await restart(participants=(GRID,))
    assert bench.home.limit() == 4200
    await bench.wait(60)
    assert (await bench.receipt(planned))["end"] == "not_started"
    await bench.authority.configure(House(), ())
    assert (await bench.receipt(answer))["end"] == "revoked"


async def test_doors_before_and_after(restart: Restart) -> None:
    """Before the start and after the end every command is refused, and nothing is written."""
    bench = await restart()
    before = bench.ledger.newest
    early = Bench.of(bench.ledger, bench.clock)
    assert (await early.limit(1)).verdict.reason is Reason.CLOSED
    await early.authority.contact("grid")
    await early.authority.tick()
    for call in (
        early.authority.refuse("grid", Verdict(reason=Reason.MALFORMED), ORIGIN),
        early.authority.override("grid", "x", "Anna"),
        early.authority.interrupt(CONSUMPTION, "frost"),
        early.authority.configure(House(), ()),
    ):
        with pytest.raises(LedgerUnavailable):
            await call
    assert bench.ledger.newest == before
    await bench.authority.close()
    assert (await bench.limit(1)).verdict.reason is Reason.CLOSED
    assert (await bench.kinds())[-1] == "stopped"
    assert bench.home.alarm is None


async def test_days(restart: Restart) -> None:
    """Every day with rows is signed the next day, without anybody asking."""
    bench = await restart()
    await bench.limit(4200, duration_s=60)
    await bench.wait(3 * 86400)
    kinds = await bench.kinds()
    assert kinds.count("head") == 1
    assert kinds[-1] == "head"


async def test_gateway_time(restart: Restart) -> None:
    """Commands are judged, and rows are written, by the gateway's time where it is known."""
    bench = await restart()
    command = bench.command(
        limit={"direction": "consumption", "kind": "test", "watts": 5000}, duration_s=60
    )
    clock: TrustedClock = bench.authority._clock
    now = bench.clock.seconds
    clock.gateway_said(bench.clock.utc() + timedelta(hours=1), now, now)
    answer = await bench.authority.submit(command)
    assert answer.verdict.reason is Reason.STALE
    row = (await bench.rows(answer))[0]
    assert (row["clock"], round(row["offset"], -4)) == ("gateway", 3_600_000)
    await bench.authority.tick()
    row = (await bench.rows())[-1]
    assert (row["kind"], row["data"]) == (
        "clock",
        {"before": "system", "after": "gateway"},
    )


async def test_no_alarm_after_the_end(restart: Restart) -> None:
    """What is still being written down at the end does not ask for another look."""
    bench = await restart()
    await bench.limit(4200)
    late = asyncio.ensure_future(bench.limit(3000, number=77))
    while not bench.authority._lock.locked():
        await asyncio.sleep(0)
    await bench.authority.close()
    assert (await late).verdict.reason is Reason.POSSIBLE
    assert bench.home.alarm is None
    await bench.authority.tick()
    assert bench.home.alarm is None
    assert "stopped" in await bench.kinds()
