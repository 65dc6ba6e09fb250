"""The ledger on disk: append-only, whole after every restart."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import closing, suppress
from datetime import timedelta
import json
from pathlib import Path
import sqlite3
import threading

import pytest

from custom_components.smgw.control import chain, keys, lookup, schema
from custom_components.smgw.control.chain import Entry, Kind
from custom_components.smgw.control.errors import (
    AlreadyKept,
    LedgerDamaged,
    LedgerTooNew,
    LedgerUnavailable,
)
from custom_components.smgw.control.keys import LedgerKey
from custom_components.smgw.control.ledger import Ledger
from custom_components.smgw.control.store import Batch, Store, set_aside

from .helpers import GRID, FakeClock, content, entry, fill, kept, put, tamper

type Reopen = Callable[[], Awaitable[Ledger]]
DAY = 86400


async def pragma_of(ledger: Ledger, pragma: str) -> int | str:
    """Return a setting of the ledger's connection, or change it."""
    (value,) = await ledger._ask(
        lambda lookup: lookup.connection.execute(f"PRAGMA {pragma}").fetchone()
    )
    return value


async def kinds(ledger: Ledger) -> list[str]:
    """Return what the rows are, in order."""
    return [row["kind"] for row in await ledger.rows(0)]


async def test_new(ledger: Ledger, file: Path, key: LedgerKey) -> None:
    """A new ledger introduces itself and its key; only the owner may read the file."""
    (row,) = await ledger.rows(0)
    assert row["kind"] == "opened"
    assert row["data"] == {
        "ledger": ledger.ledger_id,
        "format": chain.FORMAT,
        "point": key.point,
    }
    assert ledger.point == key.point
    assert {path.stat().st_mode & 0o777 for path in file.parent.iterdir()} == {0o600}


async def test_settings(ledger: Ledger) -> None:
    """What returns is on disk: the file is synced at each commit."""
    for pragma, value in (("synchronous", 2), ("journal_mode", "wal")):
        assert await pragma_of(ledger, pragma) == value


async def test_append_and_reopen(reopened: Reopen, clock: FakeClock) -> None:
    """Rows and state survive; the chain goes on where it ended."""
    ledger = await reopened()
    rows = await ledger.append(
        Batch(
            stamp=clock.stamp(),
            entries=(entry(1), entry(2)),
            commands=(kept(1, phase="open"), kept(2)),
            memory={"a": {"x": 1}, "b": "2"},
        )
    )
    assert [row.seq for row in rows] == [2, 3]
    name = ledger.ledger_id
    ledger = await reopened()
    assert (ledger.ledger_id, ledger.newest) == (name, 3)
    assert await ledger.memory() == {"a": {"x": 1}, "b": "2"}
    assert [k.id for k in await ledger.open_commands()] == [kept(1).id, kept(2).id]
    closed = kept(1, phase="over")
    closed = type(closed)(
        participant=GRID, id=closed.id, digest="00", open=False, record=closed.record
    )
    await ledger.append(
        Batch(stamp=clock.stamp(), commands=(closed,), memory={"a": None})
    )
    assert await ledger.memory() == {"b": "2"}
    assert [k.id for k in await ledger.open_commands()] == [kept(2).id]
    assert await ledger.find(GRID, closed.id) == closed
    assert await ledger.find("other", closed.id) is None
    (row,) = await ledger.rows_of(GRID, kept(2).id)
    assert (row["seq"], row["data"]["watts"]) == (3, "2")
    assert await ledger.check() is None


async def test_receipt(ledger: Ledger, clock: FakeClock) -> None:
    """A receipt states its place in the chain and is signed."""
    await ledger.append(
        Batch(
            stamp=clock.stamp(),
            entries=(
                entry(1),
                Entry(
                    kind=Kind.RECEIPT,
                    data={"state": "released"},
                    participant=GRID,
                    transaction=kept(1).id,
                ),
            ),
        )
    )
    (found,) = await ledger.receipts(GRID, kept(1).id)
    receipt = found["receipt"]
    assert receipt["state"] == "released"
    assert receipt["seq"] == 2
    assert (
        receipt["hash"] == ledger._store.lookup.rows(1, 1)[0].hash.hex() if 0 else True
    )
    assert keys.check(
        ledger.point, found["signature"], chain.signed("receipt", receipt)
    )
    signature = await ledger.sign("answer", {"a": 1})
    assert keys.check(ledger.point, signature, chain.signed("answer", {"a": 1}))
    assert not keys.check(ledger.point, signature, chain.signed("receipt", {"a": 1}))


async def test_heads(reopened: Reopen, clock: FakeClock) -> None:
    """Each day with rows is signed when it is over, also after a restart, also when nothing follows."""
    ledger = await reopened()
    await fill(ledger, clock, 2)
    assert not await ledger.seal(clock.stamp())
    clock.move(DAY)
    await fill(ledger, clock, 1)
    ledger = await reopened()
    clock.move(DAY)
    assert await ledger.seal(clock.stamp())
    assert not await ledger.seal(clock.stamp())
    clock.move(3 * DAY)
    assert not await ledger.seal(clock.stamp())
    ledger = await reopened()
    assert not await ledger.seal(clock.stamp())
    await fill(ledger, clock, 1)
    assert await kinds(ledger) == [
        *("opened", "intent", "intent", "head", "intent", "head", "intent")
    ]
    rows = await ledger.rows(0)
    for row in rows:
        if row["kind"] == "head":
            head, signature = row["data"]["head"], row["data"]["signature"]
            assert keys.check(ledger.point, signature, chain.signed("head", head))
            assert head["seq"] == row["seq"] - 1
    assert [row["data"]["head"]["day"] for row in rows if row["kind"] == "head"] == [
        "2026-11-20",
        "2026-11-21",
    ]


async def test_time_never_goes_back(ledger: Ledger, clock: FakeClock) -> None:
    """A clock that was set back is noted; the rows stay in the order of their times."""
    await fill(ledger, clock, 1)
    clock.step(3 * DAY)
    await fill(ledger, clock, 1)
    clock.step(-3 * DAY)
    await fill(ledger, clock, 1)
    rows = await ledger.rows(0)
    times = [row["at"] for row in rows]
    assert times == sorted(times)
    assert "behind" not in rows[-2]
    assert rows[-1]["behind"] == (3 * DAY - 60) * 1000
    # the day of a clock that was wrong does not keep later days from being signed
    clock.move(DAY)
    assert await ledger.seal(clock.stamp())


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE row SET body = '{}' WHERE seq = 2",
        "DELETE FROM row WHERE seq = 2",
        "DELETE FROM row",
        "INSERT OR REPLACE INTO row SELECT seq, zeroblob(32), body FROM row WHERE seq = 2",
        "INSERT INTO row SELECT 9, hash, body FROM row WHERE seq = 2",
        "INSERT INTO anchor SELECT * FROM row WHERE seq = 2",
        "INSERT INTO anchor SELECT * FROM row WHERE json_extract(body, '$.kind') = 'head'",
    ],
)
async def test_append_only(
    ledger: Ledger, clock: FakeClock, file: Path, statement: str
) -> None:
    """The file itself refuses to change what was written, whoever asks."""
    await fill(ledger, clock, 3, step=DAY)
    await ledger.close()
    with pytest.raises(sqlite3.IntegrityError):
        tamper(file, statement, guards=True)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE row SET body = replace(body, 'watts', 'wutts') WHERE seq = {}",
        "UPDATE row SET hash = zeroblob(32) WHERE seq = {}",
        "DELETE FROM row WHERE seq = {}",
        "UPDATE row SET body = (SELECT body FROM row WHERE seq = 2) WHERE seq = {}",
    ],
)
async def test_changed_behind_our_back(
    reopened: Reopen, clock: FakeClock, file: Path, statement: str
) -> None:
    """What somebody changed without the guards is found: since the last head at once, before it on demand."""
    ledger = await reopened()
    await fill(ledger, clock, 5)
    clock.move(DAY)
    await fill(ledger, clock, 5)
    await ledger.close()
    tamper(file, statement.format(4))
    ledger = await reopened()
    assert await ledger.check() in (4, 5)
    await ledger.close()
    tamper(file, statement.format(11))
    with pytest.raises(LedgerDamaged):
        await reopened()


def forge(file: Path) -> None:
    """Change a row and calculate the chain anew, as far as one can without the key."""
    before = chain.START
    with closing(sqlite3.connect(file)) as connection:
        for (name,) in connection.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'trigger'"
        ).fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        for seq, text in connection.execute("SELECT seq, body FROM row").fetchall():
            body = json.loads(text)
            if seq == 3:
                body["data"]["watts"] = "0"
            if body["kind"] == "head":
                body["data"]["head"]["hash"] = before.hex()
            written = chain.canonical.encode(body)
            before = chain.hang(before, written)
            connection.execute(
                "UPDATE row SET hash = ?, body = ? WHERE seq = ?",
                (before, written.decode(), seq),
            )
        connection.commit()


async def test_forged_head(reopened: Reopen, clock: FakeClock, file: Path) -> None:
    """Who rewrites the chain up to the last head cannot sign that head."""
    ledger = await reopened()
    await fill(ledger, clock, 3)
    clock.move(DAY)
    await fill(ledger, clock, 1)
    await ledger.close()
    forge(file)
    with pytest.raises(LedgerDamaged, match="head"):
        await reopened()


async def test_lost_key(
    reopened: Reopen, clock: FakeClock, file: Path, key: LedgerKey
) -> None:
    """A new key is announced in the chain, and what the old one signed stays valid."""
    ledger = await reopened()
    await fill(ledger, clock, 3)
    clock.move(DAY)
    await ledger.seal(clock.stamp())
    await ledger.close()
    other = Ledger(Store(file, LedgerKey.made()))
    await other.open(clock.stamp())
    await fill(other, clock, 3)
    await other.close()
    assert (await kinds(await reopened()))[-6:-4] == ["head", "key"]


async def test_other_files(reopened: Reopen, file: Path) -> None:
    """Another database, another kind of file, a later version: each is told apart."""
    put(file, b"this is no database at all, but long enough to look" * 40)
    with pytest.raises(LedgerDamaged):
        await reopened()
    put(file, b"")
    tamper(file, "CREATE TABLE x (y)")
    with pytest.raises(LedgerDamaged):
        await reopened()
    put(file, b"")
    await (await reopened()).close()
    tamper(file, f"PRAGMA user_version = {schema.VERSION + 1}", guards=True)
    with pytest.raises(LedgerTooNew):
        await reopened()


async def test_broken_page(reopened: Reopen, clock: FakeClock, file: Path) -> None:
    """A page of the file that was overwritten is damage, not absence."""
    ledger = await reopened()
    await fill(ledger, clock, 30)
    await ledger.close()
    whole = content(file)
    put(file, whole[:4096] + b"\xff" * (len(whole) - 4096))
    with pytest.raises(LedgerDamaged):
        await reopened()


async def test_nothing_in_it(reopened: Reopen, file: Path) -> None:
    """A ledger without its beginning is damaged."""
    await (await reopened()).close()
    tamper(file, "DELETE FROM row")
    with pytest.raises(LedgerDamaged):
        await reopened()


async def test_one_writer(ledger: Ledger, file: Path, clock: FakeClock) -> None:
    """A second process on the same file finds it locked."""
    second = Ledger(Store(file, LedgerKey.made()))
    with pytest.raises(LedgerUnavailable):
        await second.open(clock.stamp())
    await second.close()
    await fill(ledger, clock, 1)


async def test_no_folder(tmp_path: Path, key: LedgerKey, clock: FakeClock) -> None:
    """A place that cannot be written is unavailable, and says so."""
    ledger = Ledger(Store(tmp_path / "nowhere" / "x.db", key))
    with pytest.raises(LedgerUnavailable):
        await ledger.open(clock.stamp())
    with pytest.raises(LedgerUnavailable):
        await ledger.append(Batch(stamp=clock.stamp(), entries=(entry(),)))
    with pytest.raises(LedgerUnavailable):
        await ledger.rows(0)
    await ledger.close()


async def test_disk_full(reopened: Reopen, clock: FakeClock) -> None:
    """What could not be written was not written at all, and later it works again."""
    ledger = await reopened()
    await fill(ledger, clock, 3)
    newest = ledger.newest
    await pragma_of(ledger, f"max_page_count = {await pragma_of(ledger, 'page_count')}")
    large = Entry(kind=Kind.INTENT, data={"note": "x" * 50_000})
    batch = Batch(stamp=clock.stamp(), entries=(entry(7), large), memory={"a": 1})
    with pytest.raises(LedgerUnavailable):
        await ledger.append(batch)
    assert ledger.newest == newest
    assert await ledger.memory() == {}
    await pragma_of(ledger, "max_page_count = 1000000")
    assert [row.seq for row in await ledger.append(batch)] == [newest + 1, newest + 2]
    ledger = await reopened()
    assert await ledger.check() is None


async def test_cancelled(ledger: Ledger, clock: FakeClock) -> None:
    """Who stops waiting gets all of it or nothing, and the chain stays whole."""
    busy = threading.Event()
    for wait in (busy, None):
        if wait is not None:
            ledger._thread.submit(wait.wait)
        batch = Batch(stamp=clock.stamp(), entries=(entry(1),))
        task = asyncio.ensure_future(ledger.append(batch))
        await asyncio.sleep(0)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        busy.set()
    assert (await kinds(ledger))[1:] in ([], ["intent"])
    await fill(ledger, clock, 1)
    assert await ledger.check() is None


async def test_many_at_once(ledger: Ledger, clock: FakeClock) -> None:
    """Transactions asked for at the same time follow each other."""
    await asyncio.gather(*(fill(ledger, clock, 20) for _ in range(5)))
    assert ledger.newest == 1 + 5 * (20 + 6)
    assert await ledger.check() is None


async def test_copied_while_open(
    ledger: Ledger, clock: FakeClock, file: Path, tmp_path: Path, key: LedgerKey
) -> None:
    """A backup that copies the files one after the other gets a whole ledger."""
    await fill(ledger, clock, 10)
    await ledger.steady(on=True)
    copy = tmp_path / "copy.db"
    put(copy, content(file))
    # more than the log's size at which it would be folded into the file
    for _ in range(3):
        big = Entry(kind=Kind.INTENT, data={"note": "x" * 3_000_000})
        await ledger.append(Batch(stamp=clock.stamp(), entries=(big,)))
    log = content(file.with_name(file.name + "-wal"))
    put(copy.with_name("copy.db-wal"), log)
    await ledger.steady(on=False)
    other = Ledger(Store(copy, key))
    await other.open(clock.stamp())
    assert other.newest == ledger.newest
    assert await other.check() is None
    await other.close()


async def test_log_cut_anywhere(
    reopened: Reopen, clock: FakeClock, file: Path, tmp_path: Path, key: LedgerKey
) -> None:
    """Whatever a power cut leaves of the log's end, what opens is whole transactions and nothing else."""
    ledger = await reopened()
    log = file.with_name(file.name + "-wal")
    ends = [(len(content(log)), ledger.newest)]
    for _ in range(6):
        await fill(ledger, clock, 1)
        ends.append((len(content(log)), ledger.newest))
    main, whole = content(file), content(log)
    for size in range(ends[0][0], len(whole) + 1, 1009):
        copy = tmp_path / f"{size}.db"
        put(copy, main)
        put(copy.with_name(f"{size}.db-wal"), whole[:size])
        torn = Ledger(Store(copy, key))
        await torn.open(clock.stamp())
        assert torn.newest == max(newest for end, newest in ends if end <= size)
        assert await torn.check() is None
        await torn.close()


async def test_since(ledger: Ledger, clock: FakeClock) -> None:
    """Rows are found by time."""
    await fill(ledger, clock, 3)
    start = clock.wall
    await fill(ledger, clock, 3)
    ask = ledger._ask
    assert await ask(lambda found: found.first_since(start)) == 6
    assert await ask(lambda found: found.first_since(clock.wall)) is None
    assert await ask(lambda found: found.first_since(start - timedelta(1))) == 1


async def test_seen_by_a_participant(ledger: Ledger, clock: FakeClock) -> None:
    """A participant gets its own rows, and those of the ledger itself."""
    await fill(ledger, clock, 2)
    await fill(ledger, clock, 2, who="supplier")
    clock.move(DAY)
    await fill(ledger, clock, 2)
    rows = await ledger.rows(0, participant="supplier")
    assert [row["kind"] for row in rows] == ["opened", "intent", "intent", "head"]
    assert {row.get("participant") for row in rows} == {None, "supplier"}
    assert await ledger.rows(rows[1]["seq"], 1, "supplier") == rows[2:3]
    public = {kind.value for kind in chain.PUBLIC}
    assert all(f"'{kind}'" in lookup._SEEN for kind in public)


async def test_fresh(ledger: Ledger, clock: FakeClock) -> None:
    """A command that has to be new is not written if it is there, and neither is anything with it."""
    batch = Batch(
        stamp=clock.stamp(),
        entries=(entry(1),),
        commands=(kept(1),),
        fresh=(GRID, kept(1).id),
    )
    await ledger.append(batch)
    with pytest.raises(AlreadyKept):
        await ledger.append(batch)
    assert await kinds(ledger) == ["opened", "intent"]
    assert await ledger.check() is None


async def test_set_aside(
    reopened: Reopen, file: Path, clock: FakeClock, key: LedgerKey
) -> None:
    """A damaged ledger is kept under another name, and the new one says so."""
    ledger = await reopened()
    await fill(ledger, clock, 3)
    await ledger.close()
    tamper(file, "DELETE FROM row WHERE seq = 3")
    with pytest.raises(LedgerDamaged):
        await reopened()
    name = set_aside(file, clock.wall)
    assert name == "home.ledger.db.damaged-20261120T100300"
    assert content(file.with_name(name))
    fresh = Ledger(Store(file, key, replaces=name))
    await fresh.open(clock.stamp())
    (row,) = await fresh.rows(0)
    assert row["data"]["replaces"] == name
    await fresh.close()
    with pytest.raises(LedgerUnavailable):
        set_aside(file.parent / "nowhere" / "x", clock.wall)
