"""What a door tells whoever sent a command."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Self

from .command import Command, Verdict
from .record import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The same command gets the same answer again."""

    verdict: Verdict
    participant_id: str
    transaction_id: str
    """Of the first try."""
    digest: str
    received: datetime | None = None
    start: datetime | None = None
    until: datetime | None = None
    repeated: bool = field(default=False, compare=False)

    @classmethod
    def of(cls, record: Record, *, repeated: bool = False) -> Self:
        """Return the answer to a command that is in the ledger."""
        taken = record.verdict.accepted
        return cls(
            verdict=record.verdict,
            participant_id=record.key[0],
            transaction_id=record.key[1],
            digest=record.digest,
            received=record.received,
            start=record.start if taken else None,
            until=record.until,
            repeated=repeated,
        )

    @classmethod
    def without(cls, command: Command, digest: str, verdict: Verdict) -> Self:
        """Return the answer to a command of which nothing is kept."""
        return cls(
            verdict=verdict,
            participant_id=command.participant_id,
            transaction_id=command.key[1],
            digest=digest,
        )
