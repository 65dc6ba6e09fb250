"""Rows of the ledger: how one is written, and how it hangs on the one before.

    hash(n) = SHA-256( hash(n - 1) || SHA-256( body(n) ) )

The body is canonical JSON. Because its digest stands between, a row can be shown as its
digest only, and the chain can still be followed: so a participant gets to see its own rows.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any

from . import canonical
from .canonical import Json
from .clock import Stamp

FORMAT = "smgw-ledger/1"
START = bytes(32)
"""What the first row hangs on."""


class Kind(StrEnum):
    """What a row tells; docs/ledger.md describes what each holds."""

    # of the ledger itself
    OPENED = "opened"
    KEY = "key"
    HEAD = "head"
    ARCHIVED = "archived"
    # of the house
    STARTED = "started"
    STOPPED = "stopped"
    CLOCK = "clock"
    GRANTS = "grants"
    CONTACT_LOST = "contact_lost"
    CONTACT_REGAINED = "contact_regained"
    STATE = "state"
    MEASURED = "measured"
    SETPOINT = "setpoint"
    SETPOINT_DONE = "setpoint_done"
    DEVIATION = "deviation"
    # of one command
    RECEIVED = "received"
    REFUSED = "refused"
    INTENT = "intent"
    OUTCOME = "outcome"
    EFFECT = "effect"
    ENDED = "ended"
    METERED = "metered"
    RECEIPT = "receipt"


PUBLIC = frozenset(
    {
        Kind.OPENED,
        Kind.KEY,
        Kind.HEAD,
        Kind.ARCHIVED,
        Kind.STARTED,
        Kind.STOPPED,
        Kind.CLOCK,
    }
)
"""Rows that every participant may see; all others belong to one, or to the owner alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What is to become a row."""

    kind: Kind
    data: Mapping[str, Json]
    participant: str | None = None
    transaction: str | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A row as it is kept: the body's bytes are what was hashed."""

    seq: int
    hash: bytes
    body: bytes


def body(entry: Entry, seq: int, stamp: Stamp, at: datetime, salt: bytes) -> bytes:
    """Return the canonical body of a row.

    `at` never goes back from row to row; where the clock reads earlier, `behind` tells by how
    many milliseconds. `offset` is how many it is ahead of the system's clock. The salt keeps a row that is shown as a digest from being guessed.
    """
    fields: dict[str, Json] = {
        "seq": seq,
        "at": canonical.moment(at),
        "clock": stamp.source,
        "kind": entry.kind,
        "data": entry.data,
        "salt": salt.hex(),
    }
    if offset := round(stamp.offset.total_seconds() * 1000):
        fields["offset"] = offset
    if at > stamp.utc:
        fields["behind"] = round((at - stamp.utc).total_seconds() * 1000)
    if entry.participant is not None:
        fields["participant"] = entry.participant
    if entry.transaction is not None:
        fields["transaction"] = entry.transaction
    return canonical.encode(fields)


def link(before: bytes, digest: bytes) -> bytes:
    """Return the hash of a row from the hash of the one before and the digest of its body."""
    return sha256(before + digest).digest()


def hang(before: bytes, content: bytes) -> bytes:
    """Return the hash of a row from the hash of the one before and its body."""
    return link(before, sha256(content).digest())


def broken_at(before: bytes, seq: int, rows: Iterable[Row]) -> int | None:
    """Return the number of the first row that does not follow the one before; None if all do.

    `seq` is the number of the row whose hash `before` is.
    """
    for row in rows:
        seq += 1
        if row.seq != seq or hang(before, row.body) != row.hash:
            return seq
        before = row.hash
    return None


def signed(purpose: str, content: Mapping[str, Any]) -> bytes:
    """Return what is signed: the purpose first, so that no signature serves another one."""
    return f"smgw-{purpose}/1\n".encode() + canonical.encode(content)
