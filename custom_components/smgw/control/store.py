"""The ledger's file, seen from its own thread: everything in here blocks.

Each `append` is one transaction: rows, receipts, and the state that goes with them. When it
returns, they are on disk.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
import json
import os
from pathlib import Path
import sqlite3
from uuid import uuid4

from . import chain, keys, schema
from .canonical import Json
from .chain import Entry, Kind, Row
from .clock import Stamp
from .errors import AlreadyKept, LedgerDamaged, LedgerUnavailable
from .keys import Signer
from .lookup import OWN, Kept, Lookup
from .pen import Pen, Tail, Written

_KEEP = (
    "INSERT INTO command VALUES (?, ?, ?, ?, ?) ON CONFLICT (participant, id)"
    " DO UPDATE SET open = excluded.open, record = excluded.record"
)
_FORGET = "DELETE FROM command WHERE open = 0 AND json_extract(record, '$.order') <= ?"
_REMEMBER = "INSERT INTO memory VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What is written in one transaction."""

    stamp: Stamp
    entries: Sequence[Entry] = ()
    commands: Sequence[Kept] = ()
    memory: Mapping[str, Json] = field(default_factory=dict)
    """By name; None forgets it."""
    fresh: tuple[str, str] | None = None
    """Participant and id of a command that must not be in the ledger yet."""


class Store:
    """One ledger file, opened by one thread."""

    def __init__(self, path: Path, signer: Signer, replaces: str | None = None) -> None:
        """Name the file and the key; `open` does the work.

        A new ledger says in its first row which damaged one it `replaces`.
        """
        self.path = path
        self._replaces = replaces
        self.pen = Pen("", signer)
        self.keys: dict[str, str] = {}
        """Points by key id: the present key, and those before it."""
        self.tail = Tail()
        self._database: sqlite3.Connection | None = None
        self._held_back = False

    @property
    def lookup(self) -> Lookup:
        """Return who answers questions."""
        return Lookup(self._connection)

    def open(self, stamp: Stamp) -> None:
        """Open or make the file, and follow the chain since the last signed head.

        Raises LedgerUnavailable, LedgerDamaged, LedgerTooNew.
        """
        with failures():
            # Only the owner of the process reads it; SQLite gives its log the same mode.
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
            sync_folder(self.path.parent)
            self._database = sqlite3.connect(self.path, isolation_level=None, timeout=1)
            try:
                if schema.prepare(self._connection):
                    self._create(stamp)
                else:
                    self._load()
                    self._announce_key(stamp)
            except BaseException:
                self.close()
                raise

    def close(self) -> None:
        """Close the file; its log is folded into it."""
        if self._database is not None:
            self._database.close()
            self._database = None

    def append(
        self, batch: Batch, committing: Callable[[], None] | None = None
    ) -> list[Row]:
        """Write one transaction and return its rows.

        `committing` is called before the long wait for the disk. Raises LedgerUnavailable,
        AlreadyKept; then nothing of it was written.
        """
        with failures(), self._transaction() as connection:
            if batch.fresh is not None and self.lookup.find(*batch.fresh) is not None:
                raise AlreadyKept
            written = self._write(connection, batch.stamp, batch.entries)
            for kept in batch.commands:
                self._keep(connection, kept)
            for name, value in batch.memory.items():
                self._remember(connection, name, value)
            if committing is not None:
                committing()
        self.tail = written.tail
        return written.rows

    def sealed(self, stamp: Stamp) -> bool:
        """Say whether there is nothing to sign. Does not block."""
        return self.tail.sealed or stamp.utc.date() <= self.tail.day

    def seal(self, stamp: Stamp) -> bool:
        """Sign the head of a day that has passed; False if there is nothing to sign."""
        if self.sealed(stamp):
            return False
        self.append(Batch(stamp=stamp))
        return True

    def archivable(self, before: datetime) -> int | None:
        """Return the number of the newest head before a time that is old enough to be archived."""
        kept_since = self.tail.at - timedelta(days=schema.RETENTION_DAYS)
        with failures():
            return self.lookup.last_head(min(before, kept_since))

    def drop(self, upto: int, stamp: Stamp, data: Mapping[str, Json]) -> None:
        """Remove rows that an archive file holds, keeping the head at their end as anchor."""
        entry = Entry(kind=Kind.ARCHIVED, data=data)
        with failures(), self._transaction() as connection:
            connection.execute(
                "INSERT INTO anchor SELECT seq, hash, body FROM row WHERE seq = ?",
                (upto,),
            )
            connection.execute("DELETE FROM row WHERE seq <= ?", (upto,))
            connection.execute(_FORGET, (upto,))
            written = self._write(connection, stamp, (entry,))
        self.tail = written.tail

    def hold_back(self, on: bool) -> None:
        """Leave new rows in the write-ahead log, or fold it into the file now and then."""
        with failures():
            self._held_back = on
            pages = 0 if on else schema.MOST_PAGES
            self._connection.execute(f"PRAGMA wal_autocheckpoint = {pages}")

    def fold(self) -> None:
        """Fold the write-ahead log into the file, unless it is held back. What cannot be folded now stays in the log."""
        with suppress(LedgerUnavailable), failures():
            if not self._held_back:
                self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)")

    # The points at which a crash would leave something half done.

    def _insert(self, connection: sqlite3.Connection, row: Row) -> None:
        connection.execute(
            "INSERT INTO row VALUES (?, ?, ?)", (row.seq, row.hash, row.body.decode())
        )

    def _keep(self, connection: sqlite3.Connection, kept: Kept) -> None:
        record = json.dumps(kept.record, separators=(",", ":"))
        connection.execute(
            _KEEP, (kept.participant, kept.id, kept.digest, kept.open, record)
        )

    def _remember(self, connection: sqlite3.Connection, name: str, value: Json) -> None:
        if value is None:
            connection.execute("DELETE FROM memory WHERE name = ?", (name,))
        else:
            connection.execute(_REMEMBER, (name, json.dumps(value)))

    def _commit(self, connection: sqlite3.Connection) -> None:
        connection.execute("COMMIT")

    # Inside.

    @property
    def _connection(self) -> sqlite3.Connection:
        if self._database is None:
            raise LedgerUnavailable("closed")
        return self._database

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
            self._commit(connection)
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def _write(
        self, connection: sqlite3.Connection, stamp: Stamp, entries: Sequence[Entry]
    ) -> Written:
        written = self.pen.write(self.tail, stamp, entries)
        for row in (written.head, *written.rows):
            if row is not None:
                self._insert(connection, row)
        return written

    def _create(self, stamp: Stamp) -> None:
        signer = self.pen.signer
        self.pen = Pen(str(uuid4()), signer)
        data = {
            "ledger": self.pen.ledger_id,
            "format": chain.FORMAT,
            "point": signer.point,
        }
        if self._replaces is not None:
            data["replaces"] = self._replaces
        with self._transaction() as connection:
            schema.create(connection)
            self._introduce(connection, stamp, Entry(kind=Kind.OPENED, data=data))

    def _announce_key(self, stamp: Stamp) -> None:
        """Where the key is another one than before, let the chain go on and say so."""
        point = self.pen.signer.point
        if keys.key_id(point) not in self.keys:
            entry = Entry(kind=Kind.KEY, data={"point": point})
            with self._transaction() as connection:
                self._introduce(connection, stamp, entry)

    def _introduce(
        self, connection: sqlite3.Connection, stamp: Stamp, entry: Entry
    ) -> None:
        written = self._write(connection, stamp, (entry,))
        point = self.pen.signer.point
        known = {**self.keys, keys.key_id(point): point}
        own = {"id": self.pen.ledger_id, "keys": list(known.values())}
        self._remember(connection, OWN, own)
        self.keys, self.tail = known, written.tail

    def _load(self) -> None:
        lookup = self.lookup
        own = lookup.memory().get(OWN)
        newest = lookup.newest()
        if own is None or newest is None:
            raise LedgerDamaged("no beginning")
        self.pen = Pen(own["id"], self.pen.signer)
        self.keys = {keys.key_id(point): point for point in own["keys"]}
        self._follow(lookup)
        self.tail = _tail(newest)

    def _follow(self, lookup: Lookup) -> None:
        """Check the chain since the last signed head, and that head."""
        anchor = lookup.anchor()
        head = lookup.last_head()
        rows = lookup.rows(anchor.seq if head is None else head - 2, 1 << 31)
        before = anchor
        if head is not None and head - 1 > anchor.seq:
            before, *rows = rows
        if chain.broken_at(before.hash, before.seq, rows) is not None:
            raise LedgerDamaged("the chain is broken")
        if head is not None and not self._is_head(rows[0], before):
            raise LedgerDamaged("a head does not fit")

    def _is_head(self, row: Row, before: Row) -> bool:
        data = json.loads(row.body)["data"]
        head = data["head"]
        point = self.keys.get(head["key"])
        return (
            point is not None
            and (head["seq"], head["hash"]) == (before.seq, before.hash.hex())
            and keys.check(point, data["signature"], chain.signed("head", head))
        )


def _tail(row: Row) -> Tail:
    body = json.loads(row.body)
    at = datetime.fromisoformat(body["at"])
    read = at - timedelta(milliseconds=body.get("behind", 0))
    return Tail(row.seq, row.hash, at, read, body["kind"] == Kind.HEAD)


def set_aside(path: Path, now: datetime) -> str:
    """Rename a damaged ledger with all its files, and return its new name. Blocks; raises LedgerUnavailable."""
    name = f"{path.name}.damaged-{now:%Y%m%dT%H%M%S}"
    with failures():
        for ending in ("", "-wal", "-shm"):
            file = path.with_name(path.name + ending)
            if file.exists():
                file.rename(path.with_name(name + ending))
        sync_folder(path.parent)
    return name


def sync_folder(folder: Path) -> None:
    """Bring the names of new files to disk."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


@contextmanager
def failures() -> Iterator[None]:
    """Name SQLite's failures as ours: damaged is final, unavailable may pass."""
    try:
        yield
    except sqlite3.OperationalError as err:
        raise LedgerUnavailable(str(err)) from err
    except sqlite3.DatabaseError as err:
        damaged = err.sqlite_errorcode in (
            sqlite3.SQLITE_CORRUPT,
            sqlite3.SQLITE_NOTADB,
        )
        raise (LedgerDamaged if damaged else LedgerUnavailable)(str(err)) from err
    except OSError as err:
        raise LedgerUnavailable(err.strerror or "") from err
