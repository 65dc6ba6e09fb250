"""Silence of participants, and the limits it brings."""

from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from custom_components.smgw.control.ledger import Ledger
from custom_components.smgw.control.limitation import Failsafe, LimitState
from custom_components.smgw.control.model import LimitGrant
from custom_components.smgw.control.reasons import Reason
from custom_components.smgw.control.settings import House

from .helpers import FakeClock
from .house import (
    CONSUMPTION,
    EVERYBODY,
    GRID,
    OWNER,
    PRODUCTION,
    SUPERVISED,
    SUPPLIER,
    Bench,
)


@pytest.fixture
async def bench(ledger: Ledger, clock: FakeClock) -> AsyncGenerator[Bench]:
    """A home with a supervised grid operator."""
    bench = Bench.of(ledger, clock, participants=(SUPERVISED, SUPPLIER, OWNER))
    await bench.authority.start()
    yield bench
    await bench.authority.close()


def state(bench: Bench) -> LimitState:
    """Return where the consumption's machine is shown to stand."""
    return bench.home.picture.supervision["grid", CONSUMPTION].state


async def rows(bench: Bench, kind: str) -> list[dict[str, Any]]:
    """Return what the rows of one kind say."""
    return [row["data"] for row in await bench.rows() if row["kind"] == kind]


async def hello(bench: Bench) -> None:
    """The participant shows up, and nothing is to be limited."""
    await bench.authority.contact("grid")
    await bench.send(release={})
    assert state(bench) is LimitState.CONTROLLED


async def test_from_start_to_failsafe_and_back(bench: Bench) -> None:
    """The way a day with a bad line goes."""
    assert (state(bench), bench.home.limit(), bench.home.limit(PRODUCTION)) == (
        LimitState.INIT,
        4200,
        0,
    )
    # a limit without a sign of life does not count
    answer = await bench.limit(3000)
    assert answer.verdict.reason is Reason.NO_CONTACT
    await bench.authority.contact("grid")
    answer = await bench.limit(3000, until=None)
    assert (state(bench), bench.home.limit()) == (LimitState.LIMITED, 3000)
    await bench.keep_alive(3600, SUPERVISED)
    assert bench.home.limit() == 3000
    # the line goes: without an end, nobody could end it any more
    await bench.wait(119)
    assert bench.home.limit() == 3000
    await bench.wait(1)
    assert (state(bench), bench.home.limit()) == (LimitState.FAILSAFE, 4200)
    assert (await bench.receipt(answer))["end"] == "contact_lost"
    shown = bench.home.picture.limits[CONSUMPTION]
    assert (shown.participant_id, shown.transaction_id) == ("grid", None)
    # back: a heartbeat is not enough
    await bench.wait(600)
    await bench.authority.contact("grid")
    assert (state(bench), bench.home.limit()) == (LimitState.FAILSAFE, 4200)
    await bench.limit(5000)
    assert (state(bench), bench.home.limit()) == (LimitState.LIMITED, 5000)
    await bench.send(release={})
    assert (state(bench), bench.home.limit()) == (LimitState.CONTROLLED, None)
    moves = [
        (row["before"], row["after"])
        for row in await rows(bench, "state")
        if row["direction"] == "consumption"
    ]
    assert moves == [
        ("init", "limited"),
        ("limited", "failsafe"),
        ("failsafe", "limited"),
        ("limited", "controlled"),
    ]


async def test_contact_rows(bench: Bench) -> None:
    """Heartbeats are no rows; contact lost and regained are."""
    await hello(bench)
    before = len(await bench.kinds())
    await bench.keep_alive(3600, SUPERVISED)
    assert len(await bench.kinds()) == before
    assert bench.home.picture.contacts["grid"].present
    bench.home.told()
    await bench.wait(119)
    assert bench.home.picture.contacts["grid"].present
    await bench.wait(1)
    assert not bench.home.picture.contacts["grid"].present
    await bench.wait(3600)
    await bench.authority.contact("grid")
    assert bench.home.picture.contacts["grid"].present
    assert bench.home.told() == ["contact_lost", "contact_regained"]
    assert await rows(bench, "contact_regained") == [{"first": True}, {"first": False}]
    assert len(await rows(bench, "contact_lost")) == 1
    await bench.authority.contact("nobody")


async def test_stated_end_is_kept(bench: Bench) -> None:
    """A limit with an end is owed until then, contact or not; in failsafe the smaller counts."""
    await hello(bench)
    answer = await bench.limit(3000, duration_s=3 * 3600)
    await bench.wait(120)
    assert (state(bench), bench.home.limit()) == (LimitState.FAILSAFE, 3000)
    await bench.wait(2 * 3600)
    assert (state(bench), bench.home.limit()) == (LimitState.AUTONOMOUS, 3000)
    await bench.wait(3600)
    assert bench.home.limit() is None
    assert (await bench.receipt(answer))["state"] == "expired"
    # and a limit above the failsafe limit does not lift that
    await hello(bench)
    await bench.limit(9000, duration_s=7200)
    await bench.wait(120)
    assert bench.home.limit() == 4200


async def test_scheduled_and_silent(bench: Bench) -> None:
    """A limit that was taken in contact begins at its time, also if the line is down by then."""
    await hello(bench)
    answer = await bench.limit(3000, **{"from": 600, "duration_s": 600})
    await bench.wait(600)
    assert await bench.state(answer) == "active"
    assert (state(bench), bench.home.limit()) == (LimitState.FAILSAFE, 3000)
    await bench.wait(600)
    assert (state(bench), bench.home.limit()) == (LimitState.FAILSAFE, 4200)


async def test_scheduled_in_contact(bench: Bench) -> None:
    """In contact, the machine goes along."""
    await hello(bench)
    await bench.limit(3000, **{"from": 60, "duration_s": 60})
    await bench.keep_alive(60, SUPERVISED)
    assert (state(bench), bench.home.limit()) == (LimitState.LIMITED, 3000)
    await bench.keep_alive(60, SUPERVISED)
    assert (state(bench), bench.home.limit()) == (LimitState.CONTROLLED, None)


async def test_releasing_what_is_only_planned(bench: Bench) -> None:
    """A limit that is taken back before it began is no reason to leave the present one."""
    await hello(bench)
    planned = await bench.limit(2000, **{"from": 600})
    await bench.limit(3000, until=None)
    await bench.send(release={"transaction_id": planned.transaction_id})
    assert (state(bench), bench.home.limit()) == (LimitState.LIMITED, 3000)


async def test_refused_limit_establishes_contact(bench: Bench) -> None:
    """A limit that had to be refused is a sign that somebody is there."""
    await bench.authority.contact("grid")
    limit = {"direction": "consumption", "kind": "own", "watts": 1000}
    answer = await bench.send(limit=limit, until=None)
    assert answer.verdict.reason is Reason.KIND_NOT_ALLOWED
    assert (state(bench), bench.home.limit()) == (LimitState.CONTROLLED, None)


async def test_failsafe_values(bench: Bench) -> None:
    """The participant may set what applies in its silence, in contact and within the ranges."""
    failsafe = {"direction": "consumption", "watts": 5000, "minimum_s": 3 * 3600}
    await bench.authority.contact("grid")
    refused = await bench.send(failsafe=failsafe)
    assert refused.verdict.reason is Reason.NO_CONTACT
    await bench.send(release={})
    answer = await bench.send(failsafe=failsafe)
    assert (await bench.receipt(answer))["state"] == "effective"
    refused = await bench.send(failsafe=failsafe | {"minimum_s": 3600})
    assert refused.verdict.reason is Reason.OUT_OF_BOUNDS
    await bench.wait(120)
    assert bench.home.limit() == 5000
    await bench.wait(3 * 3600 - 1)
    assert bench.home.limit(PRODUCTION) == 0
    await bench.wait(1)
    # the minimum duration is one for both directions
    assert (bench.home.limit(), bench.home.limit(PRODUCTION)) == (None, None)
    nobody = await bench.send(SUPPLIER, failsafe=failsafe)
    assert nobody.verdict.reason is Reason.NOT_GRANTED


async def test_safety_leaves_a_limit(bench: Bench) -> None:
    """The machine hears of it."""
    await hello(bench)
    await bench.limit(3000)
    await bench.authority.interrupt(CONSUMPTION, "frost")
    assert (state(bench), bench.home.limit()) == (LimitState.CONTROLLED, None)


async def test_orphans(bench: Bench) -> None:
    """What a silent participant ordered without an end is ended after a while; what has an end, stays."""
    await bench.authority.contact("supplier")
    orphan = await bench.item("cls.one", True, until=None)
    limit = await bench.limit(3000, SUPPLIER, duration_s=4 * 3600)
    await bench.wait(120 + 7199)
    assert await bench.state(orphan) == "effective"
    await bench.wait(1)
    assert (await bench.receipt(orphan))["end"] == "contact_lost"
    assert bench.home.picture.items == {}
    assert await bench.state(limit) == "active"


async def test_not_watched(ledger: Ledger, clock: FakeClock) -> None:
    """Of a participant that is not expected to call often, silence says nothing."""
    quiet = replace(SUPPLIER, silence=None)
    bench = Bench.of(ledger, clock, participants=(quiet,))
    await bench.authority.start()
    await bench.authority.contact("supplier")
    await bench.wait(7 * 86400)
    assert bench.home.picture.contacts["supplier"].present
    await bench.authority.close()


async def test_other_settings(bench: Bench) -> None:
    """Changed settings count at once: commands that are no longer granted end, the others go on."""
    await hello(bench)
    limit = await bench.limit(3000, until=None)
    contract = await bench.limit(4000, SUPPLIER)
    item = await bench.item("switch.boiler", True)
    without = replace(SUPPLIER, grants=SUPPLIER.grants[1:])
    await bench.authority.configure(House(), (SUPERVISED, without, OWNER))
    await bench.settle()
    assert (await bench.receipt(item))["end"] == "revoked"
    assert bench.home.values["switch.boiler"] is False
    assert await bench.state(contract) == "active"
    assert (state(bench), await bench.state(limit)) == (LimitState.LIMITED, "active")
    granted = [row for row in await bench.rows() if row["kind"] == "grants"]
    assert [row["participant"] for row in granted] == [
        "grid",
        "supplier",
        "owner",
        "supplier",
    ]
    # the grid operator goes: so does all that was owed to it
    await bench.authority.configure(House(), (without, OWNER))
    assert (await bench.receipt(limit))["end"] == "revoked"
    assert bench.home.limit() == 4000
    assert bench.home.picture.supervision == {}
    assert list(bench.home.picture.contacts) == []
    assert (await rows(bench, "grants"))[-1] == {"granted": None}
    refused = await bench.limit(2000)
    assert refused.verdict.reason is Reason.UNKNOWN_PARTICIPANT
    # nothing changed, nothing written
    before = bench.ledger.newest
    await bench.authority.configure(House(), (without, OWNER))
    assert bench.ledger.newest == before


async def test_new_failsafe_setting(bench: Bench) -> None:
    """The owner's new failsafe values count at once, and the state stays where it is."""
    await hello(bench)
    await bench.limit(3000, until=None)
    other = Failsafe(watts=Decimal(3500), minimum=timedelta(hours=3))
    changed = replace(
        SUPERVISED,
        grants=(LimitGrant(direction=CONSUMPTION, open_ended=True, failsafe=other),),
    )
    await bench.authority.configure(House(), (changed, *EVERYBODY[1:]))
    assert (state(bench), bench.home.limit()) == (LimitState.LIMITED, 3000)
    await bench.wait(120)
    assert (state(bench), bench.home.limit()) == (LimitState.FAILSAFE, 3500)
    assert list(bench.home.picture.supervision) == [("grid", CONSUMPTION)]


async def test_no_failsafe_without_a_supervised_participant(
    ledger: Ledger, clock: FakeClock
) -> None:
    """Without one nobody's silence limits the home."""
    bench = Bench.of(ledger, clock, participants=(GRID, SUPPLIER))
    await bench.authority.start()
    assert bench.home.limit() is None
    await bench.authority.contact("grid")
    await bench.wait(86400)
    assert bench.home.limit() is None
    await bench.authority.close()
