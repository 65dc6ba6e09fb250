"""Rows that tell of no command: what was allowed, and what was refused at the door."""

from collections.abc import Iterable, Mapping
from dataclasses import fields
from datetime import timedelta
from decimal import Decimal
from typing import Any

from . import canonical
from .canonical import Json
from .chain import Kind
from .command import Origin, Verdict
from .desk import Draft
from .model import Participant
from .picture import Event, EventKind
from .record import written_origin

GRANTS = "grants"
"""The name under which the digests of what was granted are remembered."""


def note_grants(
    draft: Draft, participants: Iterable[Participant], memory: Mapping[str, Any]
) -> None:
    """Write down what participants may do, where that has changed."""
    before = dict(memory.get(GRANTS, []))
    now = {}
    for participant in participants:
        granted = _written(participant)
        name = participant.participant_id
        now[name] = canonical.digest(granted)
        if before.get(name) != now[name]:
            draft.row(Kind.GRANTS, {"granted": granted}, name)
    for name in before.keys() - now.keys():
        draft.row(Kind.GRANTS, {"granted": None}, name)
    if before != now:
        draft.remember(GRANTS, [[name, digest] for name, digest in now.items()])


def note_refusal(
    draft: Draft,
    participant_id: str,
    transaction_id: str | None,
    verdict: Verdict,
    origin: Origin,
    digest: str | None = None,
) -> None:
    """Write down what was refused without becoming a command."""
    data: dict[str, Json] = {
        "verdict": verdict.reason,
        "origin": written_origin(origin),
    }
    if verdict.where is not None:
        data["where"] = verdict.where
    if digest is not None:
        data["digest"] = digest
    whose = (
        participant_id if transaction_id is None else (participant_id, transaction_id)
    )
    draft.row(Kind.REFUSED, data, whose)
    draft.events.append(
        Event(
            kind=EventKind.REFUSED,
            at=draft.now.utc,
            participant_id=participant_id,
            transaction_id=transaction_id,
            reason=verdict.reason,
        )
    )


def _written(value: Any) -> Json:
    """Return settings as JSON: classes by name, what is not stated left out."""
    match value:
        case Decimal():
            return canonical.number(value)
        case timedelta():
            return int(value.total_seconds())
        case tuple():
            return [_written(part) for part in value]
        case None | bool() | int() | str():
            return value
    written: dict[str, Json] = {"is": type(value).__name__}
    for field in fields(value):
        # What follows from the others says nothing more.
        part = _written(getattr(value, field.name)) if field.init else None
        if part is not None:
            written[field.name] = part
    return written
