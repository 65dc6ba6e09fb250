"""Writes rows one after the other, in memory: the chain, heads and receipts. No file in here."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
import secrets

from . import canonical, chain
from .canonical import Json
from .chain import Entry, Kind, Row
from .clock import Stamp
from .keys import Signer, key_id

SALT = 8
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Tail:
    """The end of the chain."""

    seq: int = 0
    hash: bytes = chain.START
    at: datetime = _LONG_AGO
    """Time of the newest row; the next one is not earlier."""
    read: datetime = _LONG_AGO
    """The newest row's time by the clock as it was read, which may have been set back since."""
    sealed: bool = True
    """The newest row is a head: there is nothing to sign."""

    @property
    def day(self) -> date:
        """Return the day of the newest row, by the clock as it was read."""
        return self.read.date()


@dataclass(frozen=True, slots=True)
class Written:
    """What was added to the chain."""

    tail: Tail
    rows: list[Row] = field(default_factory=list)
    """For the entries given."""
    head: Row | None = None
    """Written before them, because a new day had begun."""


@dataclass(frozen=True, slots=True)
class Pen:
    """Writes for one ledger with one key."""

    ledger_id: str
    signer: Signer

    def write(self, tail: Tail, stamp: Stamp, entries: Sequence[Entry]) -> Written:
        """Return the rows of the entries, after the head of the last day if a new one has begun."""
        head = None
        if stamp.utc.date() > tail.day and not tail.sealed:
            tail, head = _row(tail, stamp, self._head(tail))
        rows = []
        for entry in entries:
            signed = (
                self._receipt(tail, stamp, entry)
                if entry.kind is Kind.RECEIPT
                else entry
            )
            tail, row = _row(tail, stamp, signed)
            rows.append(row)
        return Written(tail, rows, head)

    def sign(self, purpose: str, content: dict[str, Json]) -> str:
        """Return a signature over content that leaves the ledger."""
        return self.signer.sign(chain.signed(purpose, content))

    def _head(self, tail: Tail) -> Entry:
        head: dict[str, Json] = {
            "ledger": self.ledger_id,
            "day": tail.day.isoformat(),
            "seq": tail.seq,
            "hash": tail.hash.hex(),
            "key": key_id(self.signer.point),
        }
        return Entry(
            kind=Kind.HEAD, data={"head": head, "signature": self.sign("head", head)}
        )

    def _receipt(self, tail: Tail, stamp: Stamp, entry: Entry) -> Entry:
        """Return a receipt with its place in the chain, signed."""
        receipt: dict[str, Json] = {
            **entry.data,
            "ledger": self.ledger_id,
            "seq": tail.seq,
            "hash": tail.hash.hex(),
            "issued": canonical.moment(stamp.utc),
            "key": key_id(self.signer.point),
        }
        return Entry(
            kind=Kind.RECEIPT,
            data={"receipt": receipt, "signature": self.sign("receipt", receipt)},
            participant=entry.participant,
            transaction=entry.transaction,
        )


def _row(tail: Tail, stamp: Stamp, entry: Entry) -> tuple[Tail, Row]:
    at = max(tail.at, stamp.utc)
    seq = tail.seq + 1
    body = chain.body(entry, seq, stamp, at, secrets.token_bytes(SALT))
    row = Row(seq, chain.hang(tail.hash, body), body)
    sealed = entry.kind is Kind.HEAD
    return Tail(seq, row.hash, at, stamp.utc, sealed), row
