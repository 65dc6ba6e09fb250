"""No room for the ledger: nothing is done that could not be written down, and nothing ends."""

import asyncio
from contextlib import suppress
from dataclasses import replace

import pytest

from custom_components.smgw.control.chain import Entry, Kind
from custom_components.smgw.control.clock import Stamp
from custom_components.smgw.control.errors import LedgerUnavailable
from custom_components.smgw.control.ledger import Ledger
from custom_components.smgw.control.reasons import Reason
from custom_components.smgw.control.settings import House
from custom_components.smgw.control.store import Batch

from .helpers import FakeClock
from .house import CONSUMPTION, EVERYBODY, GRID, SUPERVISED, Restart


async def fill_disk(ledger: Ledger) -> None:
    """Leave no room in the file, then use what is left."""

    def full(lookup: object) -> None:
        connection = ledger._store.lookup.connection
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")

    await ledger._ask(full)
    entry = Entry(kind=Kind.CLOCK, data={"x": "y" * 200})
    stamp = Stamp(utc=FakeClock().utc(), monotonic=0)
    batch = Batch(stamp=stamp, entries=(entry,))
    with suppress(LedgerUnavailable):
        while True:
            await ledger.append(batch)


async def make_room(ledger: Ledger) -> None:
    """Let the file grow again."""
    await ledger._ask(
        lambda lookup: lookup.connection.execute("PRAGMA max_page_count = 100000")
    )


async def test_disk_full(restart: Restart) -> None:
    """What cannot be written down is not done, and does not end; with room it goes on."""
    bench = await restart()
    limit = await bench.limit(4200, duration_s=600)
    await fill_disk(bench.ledger)
    refused = await bench.limit(3000)
    assert refused.verdict.reason is Reason.LEDGER_UNAVAILABLE
    assert (bench.home.limit(), bench.home.picture.fault) == (
        4200,
        "ledger_unavailable",
    )
    item = await bench.item("switch.boiler", True, number=99)
    assert item.verdict.reason is Reason.LEDGER_UNAVAILABLE
    assert bench.home.writes == []
    with pytest.raises(LedgerUnavailable):
        await bench.authority.interrupt(CONSUMPTION, "x")
    await bench.wait(700)
    assert bench.home.limit() == 4200
    await bench.authority.contact("grid")
    await make_room(bench.ledger)
    await bench.wait(10)
    assert (bench.home.limit(), bench.home.picture.fault) == (None, None)
    assert (await bench.receipt(limit))["state"] == "expired"
    # what was refused for that reason may be sent again
    assert (await bench.item("switch.boiler", True, number=99)).verdict.accepted


async def test_contact_while_the_disk_is_full(restart: Restart) -> None:
    """A sign of life counts, whether it can be written down or not."""
    bench = await restart(participants=(SUPERVISED,))
    await bench.authority.contact("grid")
    await bench.limit(3000, until=None)
    await bench.wait(120)
    assert bench.home.limit() == 4200
    await fill_disk(bench.ledger)
    await bench.authority.contact("grid")
    await make_room(bench.ledger)
    assert (await bench.limit(3000, until=None)).verdict.accepted
    assert bench.home.limit() == 3000


async def test_fault_of_our_own(
    restart: Restart, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever goes wrong in a look, there is a next one."""
    bench = await restart()
    await bench.limit(4200, duration_s=60)
    with monkeypatch.context() as patch:
        patch.setattr(bench.home, "registers", None)
        bench.clock.move(60)
        with pytest.raises(TypeError):
            await bench.authority.tick()
    assert bench.home.alarm == bench.clock.seconds + 5
    await bench.wait(5)
    assert bench.home.limit() is None


async def test_disk_full_after_the_intent(restart: Restart) -> None:
    """An outcome that could not be written down is written later; nothing is done twice for it."""
    bench = await restart()
    bench.home.slow["switch.boiler"] = asyncio.Event()
    answer = await bench.item("switch.boiler", True)
    await fill_disk(bench.ledger)
    bench.home.slow.pop("switch.boiler").set()
    await bench.settle()
    assert await bench.state(answer) == "possible"
    await bench.wait(60)
    await make_room(bench.ledger)
    await bench.wait(60)
    assert await bench.state(answer) == "effective"
    assert len(bench.home.writes) == 1
    assert await bench.ledger.check() is None


async def test_disk_full_at_the_end(
    restart: Restart, caplog: pytest.LogCaptureFixture
) -> None:
    """Stopping works without the ledger, too."""
    bench = await restart()
    await fill_disk(bench.ledger)
    with pytest.raises(LedgerUnavailable):
        await bench.authority.configure(House(), (replace(GRID, grants=()),))
    assert bench.authority.participants.keys() == {p.participant_id for p in EVERYBODY}
    await bench.authority.close()
    assert "not in the ledger" in caplog.text


async def test_disk_full_at_midnight(restart: Restart) -> None:
    """The head of the day cannot be signed: the home looks again all the same, and limits end in time."""
    bench = await restart(participants=(SUPERVISED,))
    to_midnight = 14 * 3600
    await bench.keep_alive(to_midnight - 600, SUPERVISED)
    limit = await bench.limit(4200, duration_s=900)
    assert limit.verdict.accepted
    await bench.keep_alive(540, SUPERVISED)
    await fill_disk(bench.ledger)
    await bench.wait(120)
    assert bench.home.limit() == 4200
    await make_room(bench.ledger)
    await bench.keep_alive(300, SUPERVISED)
    assert bench.home.limit() is None
    assert (await bench.receipt(limit))["state"] == "expired"
