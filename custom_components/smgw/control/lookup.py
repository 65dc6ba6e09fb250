"""What can be asked of a ledger file. Blocks; runs in the ledger's thread."""

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
import json
import sqlite3
from typing import Any

from . import canonical, chain
from .chain import Row

OWN = "ledger"
"""The name under which the ledger remembers its id and its keys."""

_ROWS = "SELECT seq, hash, body FROM row WHERE seq > ? ORDER BY seq LIMIT ?"
_ROWS_OF = """
SELECT seq, hash, body FROM row
WHERE json_extract(body, '$.transaction') = ? AND json_extract(body, '$.participant') = ? ORDER BY seq
"""
_SEEN = """
SELECT seq, hash, body FROM row
WHERE seq > ? AND (json_extract(body, '$.participant') = ? OR json_extract(body, '$.kind') IN
    ('opened', 'key', 'head', 'archived', 'started', 'stopped', 'clock')) ORDER BY seq LIMIT ?
"""
_NEWEST = "SELECT seq, hash, body FROM row ORDER BY seq DESC LIMIT 1"
_ANCHOR = "SELECT seq, hash, body FROM anchor ORDER BY seq DESC LIMIT 1"
_SPAN = "SELECT min(seq), max(seq) FROM row"
_AT = "SELECT json_extract(body, '$.at') FROM row WHERE seq = ?"
_HEAD = """
SELECT seq FROM row
WHERE json_extract(body, '$.kind') = 'head' AND json_extract(body, '$.at') < ? ORDER BY seq DESC LIMIT 1
"""
_COMMAND = "SELECT participant, id, digest, open, record FROM command WHERE participant = ? AND id = ?"
_OPEN = "SELECT participant, id, digest, open, record FROM command WHERE open = 1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """The present state of one command."""

    participant: str
    id: str
    digest: str
    open: bool
    record: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Lookup:
    """Questions to one open file."""

    connection: sqlite3.Connection

    def find(self, participant: str, command: str) -> Kept | None:
        """Return the state of one command, also of one that is over."""
        found = self.connection.execute(_COMMAND, (participant, command)).fetchone()
        return _kept(found) if found else None

    def open_commands(self) -> list[Kept]:
        """Return the commands that are not over."""
        return [_kept(columns) for columns in self.connection.execute(_OPEN)]

    def memory(self) -> dict[str, Any]:
        """Return all that is remembered, by name."""
        found = self.connection.execute("SELECT name, value FROM memory")
        return {name: json.loads(value) for name, value in found}

    def rows(self, after: int, most: int) -> list[Row]:
        """Return rows in order, from the one after a number on."""
        return [_row(found) for found in self.connection.execute(_ROWS, (after, most))]

    def rows_seen(self, participant: str, after: int, most: int) -> list[Row]:
        """Return the rows that a participant may see, in order, from the one after a number on."""
        found = self.connection.execute(_SEEN, (after, participant, most))
        return [_row(columns) for columns in found]

    def rows_of(self, participant: str, command: str) -> list[Row]:
        """Return the rows of one command, in order."""
        found = self.connection.execute(_ROWS_OF, (command, participant))
        return [_row(columns) for columns in found]

    def newest(self) -> Row | None:
        """Return the newest row."""
        found = self.connection.execute(_NEWEST).fetchone()
        return _row(found) if found else None

    def anchor(self) -> Row:
        """Return the row that the oldest row hangs on; number 0 as long as nothing was archived."""
        found = self.connection.execute(_ANCHOR).fetchone()
        return _row(found) if found else Row(0, chain.START, b"")

    def first_since(self, moment: datetime) -> int | None:
        """Return the number of the first row at or after a time; times never go back, so halving finds it."""
        first, last = self.connection.execute(_SPAN).fetchone()
        if last is None:
            return None
        at = canonical.moment(moment)
        found = bisect_left(range(first, last + 1), at, key=self._at)
        return None if first + found > last else first + found

    def last_head(self, before: datetime | None = None) -> int | None:
        """Return the number of the newest head, or of the newest before a time."""
        return self._number(_HEAD, "A" if before is None else canonical.moment(before))

    def _at(self, seq: int) -> str:
        (at,) = self.connection.execute(_AT, (seq,)).fetchone()
        return str(at)

    def _number(self, question: str, text: str) -> int | None:
        found = self.connection.execute(question, (text,)).fetchone()
        return None if found is None else int(found[0])


def _row(columns: tuple[int, bytes, str]) -> Row:
    return Row(columns[0], columns[1], columns[2].encode())


def _kept(columns: tuple[str, str, str, int, str]) -> Kept:
    participant, command, digest, is_open, record = columns
    return Kept(
        participant=participant,
        id=command,
        digest=digest,
        open=bool(is_open),
        record=json.loads(record),
    )
