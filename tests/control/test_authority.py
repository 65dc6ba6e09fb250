"""One entrance for every door: judged, written down, carried out, proven."""

import asyncio
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest

from custom_components.smgw.control.command import Verdict
from custom_components.smgw.control.reasons import Reason

from .house import (
    CONSUMPTION,
    GRID,
    ORIGIN,
    OWNER,
    PRODUCTION,
    SERVICE,
    SUPPLIER,
    Bench,
    Participant,
)


async def test_limit(bench: Bench) -> None:
    """A limit is shown when it is on disk, stays for its time, and ends with a receipt."""
    answer = await bench.limit(4200)
    assert answer.verdict.accepted
    assert bench.home.limit() == 4200
    shown = bench.home.picture.limits[CONSUMPTION]
    assert (shown.participant_id, shown.until) == ("grid", answer.until)
    # nobody measures here: it stays active
    assert await bench.state(answer) == "active"
    await bench.wait(3599)
    assert await bench.state(answer) == "active"
    await bench.wait(1)
    assert await bench.state(answer) == "expired"
    assert bench.home.limit() is None
    assert await bench.kinds(answer) == [
        *("received", "intent", "outcome", "ended", "receipt")
    ]
    receipt = await bench.receipt(answer)
    assert receipt["state"] == "expired"
    assert receipt["watts"] == "4200"
    assert receipt["digest"] == answer.digest
    assert "effect" not in receipt
    assert bench.home.told() == ["received", "started", "ended"]


async def test_item(bench: Bench) -> None:
    """An item is written once, read back, and returns to its rest."""
    answer = await bench.item("switch.boiler", True)
    assert bench.home.values["switch.boiler"] is True
    assert await bench.state(answer) == "effective"
    ((item, value, because),) = bench.home.writes
    assert (item, value, because.participant_id) == ("switch.boiler", True, "supplier")
    assert because.transaction_id == answer.transaction_id
    hold = bench.home.picture.items["switch.boiler"]
    assert (hold.value, hold.until) == (True, answer.until)
    await bench.wait(3600)
    assert bench.home.values["switch.boiler"] is False
    assert bench.home.writes[1][2].why == "rest"
    assert await bench.state(answer) == "expired"
    assert bench.home.picture.items == {}
    receipt = await bench.receipt(answer)
    assert receipt["effect"]["reason"] == "commanded"
    kinds = await bench.kinds()
    assert kinds[kinds.index("setpoint") :] == ["setpoint", "setpoint_done"]


@pytest.mark.parametrize(
    ("item", "value", "fields", "written"),
    [
        ("number.boiler", 55, {"unit": "°C"}, Decimal(55)),
        ("number.boiler", "55.5", {"unit": "°C"}, Decimal("55.5")),
        ("select.boiler", "boost", {}, "boost"),
    ],
)
async def test_values(
    bench: Bench, item: str, value: Any, fields: dict[str, Any], written: Any
) -> None:
    """Each kind of item takes its kind of value."""
    assert (await bench.item(item, value, **fields)).verdict.accepted
    assert bench.home.values[item] == written
    # without a rest it is left as it is
    await bench.wait(3600)
    assert bench.home.values[item] == written


async def test_already_there(bench: Bench) -> None:
    """What is there is not written."""
    answer = await bench.item("switch.boiler", False)
    assert bench.home.writes == []
    assert (await bench.rows(answer))[-1]["data"]["reason"] == "already_there"
    assert await bench.state(answer) == "effective"


async def test_unknown_participant(bench: Bench) -> None:
    """Who is not known is refused, and leaves one row."""
    nobody = Participant(participant_id="nobody", name="X", role=GRID.role)
    answer = await bench.limit(5000, nobody)
    assert answer.verdict.reason is Reason.UNKNOWN_PARTICIPANT
    assert await bench.kinds(answer) == ["refused"]


async def test_no_command_at_all(bench: Bench) -> None:
    """What a door could not even read leaves one row."""
    verdict = Verdict(reason=Reason.NOT_A_NUMBER, where="limit.watts")
    await bench.authority.refuse("grid", verdict, ORIGIN)
    row = (await bench.rows())[-1]
    assert (row["kind"], row["participant"]) == ("refused", "grid")
    assert row["data"]["verdict"] == "not_a_number"
    assert row["data"]["where"] == "limit.watts"


async def test_same_again(bench: Bench) -> None:
    """The same command again gets the same answer and is not carried out again, however late."""
    first = await bench.item("switch.boiler", True, number=7)
    bench.home.values["switch.boiler"] = False
    rows = bench.ledger.newest
    # a retry, made anew with its own id, that names the first
    again = await bench.item(
        "switch.boiler", True, number=8, initial_id=first.transaction_id
    )
    assert again == first
    assert (first.repeated, again.repeated) == (False, True)
    await bench.wait(7200)
    assert bench.ledger.newest > rows
    late = await bench.item("switch.boiler", True, number=7)
    assert late == first
    assert [write[2].why for write in bench.home.writes] == ["command"]


async def test_same_refusal_again(bench: Bench) -> None:
    """A refused command stays refused, also when it would be possible now."""
    first = await bench.item("number.boiler", 40, number=7)
    assert first.verdict.reason is Reason.WRONG_UNIT
    assert await bench.item("number.boiler", 40, number=7) == first
    assert await bench.kinds(first) == ["refused", "receipt"]


async def test_conflict(bench: Bench) -> None:
    """The same id with another content is refused; the first one is not touched."""
    first = await bench.limit(5000, number=7)
    conflict = await bench.limit(3000, number=7)
    assert conflict.verdict.reason is Reason.CONFLICT
    assert bench.home.limit() == 5000
    assert await bench.state(first) == "active"
    assert (await bench.kinds(first))[-1] == "refused"
    # ids belong to a participant: another one may use the same
    other = await bench.limit(6000, SUPPLIER, number=7)
    assert other.verdict.accepted


async def test_at_the_same_time(bench: Bench) -> None:
    """The same command through two doors at once is one command."""
    command = bench.command(
        SUPPLIER, item={"id": "switch.boiler", "value": True}, duration_s=9
    )
    answers = await asyncio.gather(*(bench.authority.submit(command) for _ in range(5)))
    await bench.settle()
    assert len({answer.received for answer in answers}) == 1
    assert [answer.repeated for answer in answers].count(False) == 1
    assert len(bench.home.writes) == 1


async def test_nobody_waits_any_more(bench: Bench) -> None:
    """A door that is cut between command and answer: the command is finished, and answered again."""
    for steps in range(12):
        command = bench.command(
            SUPPLIER,
            item={"id": "switch.boiler", "value": steps % 2 == 0},
            duration_s=60,
        )
        task = asyncio.ensure_future(bench.authority.submit(command))
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        answer = await bench.authority.submit(command)
        await bench.settle()
        assert answer.verdict.accepted
        assert await bench.kinds(answer) == ["received", "intent", "outcome", "effect"]
        assert len(bench.home.writes) == steps + 1


async def test_scheduled(bench: Bench) -> None:
    """A command for later waits, begins by itself, and ends."""
    answer = await bench.limit(5000, **{"from": 1000, "duration_s": 600})
    assert await bench.state(answer) == "scheduled"
    assert bench.home.limit() is None
    (line,) = bench.home.picture.commands
    assert (line.state, line.until) == ("scheduled", answer.until)
    await bench.wait(999)
    assert bench.home.limit() is None
    await bench.wait(1)
    assert bench.home.limit() == 5000
    await bench.wait(600)
    assert bench.home.limit() is None
    assert (await bench.receipt(answer))["state"] == "expired"


async def test_scheduled_item_whose_grant_went(bench: Bench) -> None:
    """What was taken is judged again when its time has come."""
    answer = await bench.item("switch.boiler", True, **{"from": 1000})
    bench.home.all_items.pop("switch.boiler")
    await bench.wait(1000)
    assert bench.home.writes == []
    assert await bench.state(answer) == "failed"
    ended = (await bench.rows(answer))[-2]["data"]
    assert (ended["reason"], ended["verdict"]) == ("not_started", "unknown_item")


async def test_superseded(bench: Bench) -> None:
    """From its start on, a command takes the place of the participant's own before it."""
    first = await bench.limit(5000, until=None)
    planned = await bench.limit(3000, **{"from": 600, "duration_s": 600})
    second = await bench.limit(7000, until=None)
    assert (await bench.state(first), bench.home.limit()) == ("superseded", 7000)
    await bench.wait(600)
    assert (await bench.state(second), bench.home.limit()) == ("superseded", 3000)
    await bench.wait(600)
    assert (await bench.state(planned), bench.home.limit()) == ("expired", None)
    # the other direction is another matter
    one = await bench.limit(5000)
    await bench.limit(5000, direction=PRODUCTION)
    assert await bench.state(one) == "active"


async def test_superseded_item(bench: Bench) -> None:
    """An item is handed over without going to its rest in between."""
    first = await bench.item("switch.boiler", True)
    second = await bench.item("switch.boiler", False)
    assert await bench.state(first) == "superseded"
    assert await bench.state(second) == "effective"
    assert [write[1] for write in bench.home.writes] == [True, False]


async def test_released(bench: Bench) -> None:
    """Who ordered something can take it back: one command, a direction, an item, or all."""
    consumption = await bench.limit(5000)
    production = await bench.limit(5000, direction=PRODUCTION)
    planned = await bench.limit(4000, **{"from": 600})
    item = await bench.item("switch.boiler", True, GRID)
    foreign = await bench.limit(6000, SUPPLIER)
    release = await bench.send(release={"direction": "production"})
    assert await bench.state(release) == "effective"
    assert await bench.state(production) == "released"
    await bench.send(release={"item": "switch.boiler"})
    await bench.settle()
    assert await bench.state(item) == "released"
    assert bench.home.values["switch.boiler"] is False
    await bench.send(release={"transaction_id": planned.transaction_id})
    assert await bench.state(planned) == "released"
    release = await bench.send(release={})
    assert await bench.state(consumption) == "released"
    assert await bench.state(foreign) == "active"
    receipt = await bench.receipt(release)
    assert (receipt["state"], receipt["effect"]["reason"]) == ("effective", "commanded")
    ended = (await bench.rows(release))[-2]["data"]
    assert ended["released"] == [consumption.transaction_id]
    nothing = await bench.send(release={})
    assert (await bench.receipt(nothing))["effect"]["reason"] == "already_there"


async def test_smaller_wins(bench: Bench) -> None:
    """Of several limits the smallest counts, whoever's it is; all stay logged."""
    grid = await bench.limit(5000, duration_s=100)
    supplier = await bench.limit(3000, SUPPLIER, duration_s=50)
    service = await bench.limit(4000, SERVICE, duration_s=200)
    assert bench.home.limit() == 3000
    await bench.wait(50)
    assert bench.home.limit() == 4000
    await bench.wait(50)
    assert (await bench.state(grid), bench.home.limit()) == ("expired", 4000)
    await bench.wait(100)
    assert bench.home.limit() is None
    for answer in (grid, supplier, service):
        assert (await bench.receipt(answer))["state"] == "expired"


async def test_priorities(bench: Bench) -> None:
    """The grid operator goes before contracts; among equals the first keeps the item."""
    await bench.item("switch.boiler", True, OWNER, until=None)
    first = await bench.item("switch.boiler", True)
    held = await bench.item("switch.boiler", False, SERVICE)
    assert held.verdict.reason is Reason.HELD
    grid = await bench.item("switch.boiler", False, GRID)
    assert await bench.state(first) == "superseded"
    assert (await bench.receipt(first))["end"] == "outranked"
    late = await bench.item("switch.boiler", True)
    assert late.verdict.reason is Reason.OUTRANKED
    owner = await bench.item("switch.boiler", True, OWNER)
    assert owner.verdict.reason is Reason.OUTRANKED
    assert bench.home.values["switch.boiler"] is False
    assert await bench.state(grid) == "effective"


async def test_owner_overrides(bench: Bench) -> None:
    """The owner's own hand goes before a contract, never before the grid operator; both are logged."""
    contract = await bench.item("switch.boiler", True)
    limit = await bench.limit(3000, SUPPLIER)
    command = bench.command(
        OWNER, item={"id": "switch.boiler", "value": False}, until=None
    )
    answer = await bench.authority.submit(command, override=True)
    await bench.settle()
    assert answer.verdict.accepted
    assert (await bench.receipt(contract))["end"] == "overridden"
    assert bench.home.values["switch.boiler"] is False
    verdict = await bench.authority.override("supplier", limit.transaction_id, "Anna")
    assert verdict.accepted
    assert bench.home.limit() is None
    assert (await bench.rows(limit))[-2]["data"]["by"] == "Anna"
    grid = await bench.limit(5000)
    boiler = await bench.item("switch.boiler", False, GRID)
    verdict = await bench.authority.override("grid", grid.transaction_id, "Anna")
    assert verdict.reason is Reason.PROTECTED
    command = bench.command(
        OWNER, item={"id": "switch.boiler", "value": True}, until=None
    )
    answer = await bench.authority.submit(command, override=True)
    assert answer.verdict.reason is Reason.PROTECTED
    assert await bench.state(boiler) == "effective"
    assert bench.home.limit() == 5000
    verdict = await bench.authority.override("grid", "nothing", "Anna")
    assert verdict.reason is Reason.UNKNOWN_COMMAND


async def test_safety(bench: Bench) -> None:
    """Safety goes before the grid operator: it may leave a limit, and that is logged."""
    grid = await bench.limit(5000)
    other = await bench.limit(5000, direction=PRODUCTION)
    await bench.authority.interrupt(CONSUMPTION, "frost")
    assert bench.home.limit() is None
    assert (await bench.receipt(grid))["end"] == "interrupted"
    assert (await bench.rows(grid))[-2]["data"]["why"] == "frost"
    assert await bench.state(other) == "active"


async def test_schedule(bench: Bench) -> None:
    """A schedule limits slot by slot, and not in its gaps."""
    now = bench.clock.utc()

    def slot(start: int, end: int, watts: int) -> dict[str, Any]:
        moved = [now.timestamp() + minutes * 60 for minutes in (start, end)]
        first, last = (now.fromtimestamp(moment, now.tzinfo) for moment in moved)
        return {"from": first, "until": last, "watts": watts}

    slots = [slot(15, 30, 5000), slot(30, 45, 4000), slot(60, 75, 3000)]
    answer = await bench.send(
        schedule={"direction": "consumption", "kind": "para14a", "slots": slots}
    )
    seen = []
    for _ in range(6):
        seen.append(bench.home.limit())
        await bench.wait(900)
    assert seen == [None, 5000, 4000, None, 3000, None]
    assert await bench.state(answer) == "expired"
    # a limit beside it: the smaller one counts
    slots = [slot(90, 200, 5000)]
    await bench.send(
        schedule={"direction": "consumption", "kind": "test", "slots": slots}
    )
    await bench.limit(3000, duration_s=60)
    assert bench.home.limit() == 3000
    await bench.wait(60)
    assert bench.home.limit() == 5000


async def test_prices(bench: Bench) -> None:
    """A price table is shown until it is over, or a newer one is there."""
    now = bench.clock.utc()
    late = now.replace(hour=now.hour + 1)
    slot = {"from": now, "until": late, "price": "31.5"}
    table = {"unit": "ct/kWh", "slots": [slot]}
    first = await bench.send(SUPPLIER, prices=table)
    assert bench.home.picture.prices["supplier"].slots[0].value == Decimal("31.5")
    second = await bench.send(SUPPLIER, prices=table | {"unit": "EUR/kWh"})
    assert await bench.state(first) == "superseded"
    assert await bench.state(second) == "effective"
    assert bench.home.picture.prices["supplier"].unit == "EUR/kWh"
    await bench.wait(3600)
    assert bench.home.picture.prices == {}


async def test_too_many(bench: Bench) -> None:
    """A participant may have so many commands open, and can always release them."""
    for number in range(SUPPLIER.most_open):
        answer = await bench.limit(3000, SUPPLIER, **{"from": 1000 + number})
        assert answer.verdict.accepted
    answer = await bench.limit(3000, SUPPLIER)
    assert answer.verdict.reason is Reason.TOO_MANY
    assert (await bench.send(SUPPLIER, release={})).verdict.accepted
    assert (await bench.limit(3000, SUPPLIER)).verdict.accepted


async def test_shown_item(bench: Bench) -> None:
    """A switch that is only shown has no device to wait for."""
    answer = await bench.item("cls.one", True, until=None)
    assert bench.home.writes == []
    assert bench.home.picture.items["cls.one"].value is True
    assert await bench.state(answer) == "effective"
    await bench.send(SUPPLIER, release={})
    assert bench.home.picture.items == {}
    assert bench.home.writes == []


async def test_one_ends_where_the_next_begins(bench: Bench) -> None:
    """At the same moment the end goes before the start, in whatever order they came."""
    planned = await bench.item("switch.boiler", True, **{"from": 600, "duration_s": 60})
    first = await bench.item("switch.boiler", True, duration_s=600)
    await bench.wait(600)
    assert await bench.state(first) == "expired"
    assert await bench.state(planned) == "effective"
    limits = [
        await bench.limit(4000, **{"from": 600, "duration_s": 60}),
        await bench.limit(5000, duration_s=600),
    ]
    await bench.wait(600)
    assert [await bench.state(answer) for answer in limits] == ["active", "expired"]
    await bench.wait(60)
    for answer in (planned, first, *limits):
        assert (await bench.receipt(answer))["state"] == "expired"


async def test_whatever_is_shown(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    """A fault in what shows things keeps no limit from counting, and is made up for."""
    publish = bench.home.publish

    def fail(_: object) -> None:
        raise ZeroDivisionError

    bench.home.publish = fail  # type: ignore[method-assign]
    bench.home.announce = fail  # type: ignore[method-assign]
    answer = await bench.limit(5000)
    assert await bench.state(answer) == "active"
    assert "Something went wrong while showing" in caplog.text
    bench.home.publish = publish  # type: ignore[method-assign]
    await bench.authority.tick()
    assert bench.home.limit() == 5000
