"""Evidence for others: lines of text that a stranger can check without our code.

    header   {"first":…,"format":"smgw-ledger/1",…}      canonical JSON
    row      <hash> <body>                               or, of somebody else: <hash> -<digest>
    seal     {"sha256":…,"signature":…}                  over all bytes before it

docs/ledger.md is the description; the independent checker is script/verify_ledger.
"""

from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
import json
from typing import TYPE_CHECKING, Any

from . import canonical, chain
from .canonical import Json
from .chain import PUBLIC, Row
from .clock import Stamp
from .keys import key_id
from .lookup import Lookup
from .pen import Pen

if TYPE_CHECKING:
    from .store import Store


@dataclass(slots=True, kw_only=True)
class Extract:
    """A span of rows on its way out."""

    pen: Pen
    keys: dict[str, str]
    before: Row
    """The row that the first one hangs on."""
    last: int
    made: datetime
    participant: str | None = None
    _at: int = field(init=False)
    _bytes: Any = field(init=False, default_factory=sha256)

    def __post_init__(self) -> None:
        """Begin behind the row that the first one hangs on."""
        self._at = self.before.seq

    @property
    def complete(self) -> bool:
        """Say whether all rows are out."""
        return self._at >= self.last

    def head(self) -> bytes:
        """Return the header."""
        header: dict[str, Json] = {
            "format": chain.FORMAT,
            "ledger": self.pen.ledger_id,
            "first": self.before.seq + 1,
            "last": self.last,
            "before": self.before.hash.hex(),
            "made": canonical.moment(self.made),
            "key": key_id(self.pen.signer.point),
            "points": sorted(self.keys.values()),
        }
        if self.participant is not None:
            header["participant"] = self.participant
        return self._out(canonical.encode(header) + b"\n")

    def lines(self, lookup: Lookup, most: int) -> bytes:
        """Return the next rows."""
        rows = lookup.rows(self._at, min(most, self.last - self._at))
        self._at += len(rows)
        return self._out(b"".join(self._line(row) for row in rows))

    def seal(self) -> bytes:
        """Return the last line."""
        digest = self._bytes.hexdigest()
        seal: dict[str, Json] = {
            "sha256": digest,
            "signature": self.pen.sign("export", {"sha256": digest}),
        }
        return canonical.encode(seal) + b"\n"

    def _line(self, row: Row) -> bytes:
        content = row.body
        if self.participant is not None and not _may_see(row, self.participant):
            content = b"-" + sha256(row.body).hexdigest().encode()
        return row.hash.hex().encode() + b" " + content + b"\n"

    def _out(self, piece: bytes) -> bytes:
        self._bytes.update(piece)
        return piece


def extract(
    store: Store,
    stamp: Stamp,
    since: datetime | None,
    until: datetime | None,
    participant: str | None,
) -> Extract:
    """Return the rows from one time to before another, as far as they are not archived."""
    lookup = store.lookup
    anchor = lookup.anchor()
    first = None if since is None else lookup.first_since(since)
    end = None if until is None else lookup.first_since(until)
    last = store.tail.seq if end is None else end - 1
    if since is not None and first is None:
        first = store.tail.seq + 1
    before = anchor
    if first is not None and first - 1 > anchor.seq:
        (before,) = lookup.rows(first - 2, 1)
    return Extract(
        pen=store.pen,
        keys=store.keys,
        before=before,
        last=max(last, before.seq),
        made=stamp.utc,
        participant=participant,
    )


def upto(store: Store, stamp: Stamp, last: int) -> Extract:
    """Return the oldest rows up to a number."""
    return Extract(
        pen=store.pen,
        keys=store.keys,
        before=store.lookup.anchor(),
        last=last,
        made=stamp.utc,
    )


def _may_see(row: Row, participant: str) -> bool:
    body = json.loads(row.body)
    return body["kind"] in PUBLIC or body.get("participant") == participant
