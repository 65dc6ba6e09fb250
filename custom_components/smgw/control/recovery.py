"""From what is on disk to the present state, at a start."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from .clock import JUMP, Stamp
from .desk import Desk, Lowered, MachineKey, Writing
from .limitation import Limitation
from .lookup import Kept
from .model import Direction, LimitGrant, Participant
from .picture import Contact
from .record import Phase, Record


def desk(
    commands: Iterable[Kept],
    memory: Mapping[str, Any],
    participants: Mapping[str, Participant],
    now: Stamp,
    seen: datetime,
) -> Desk:
    """Return the state of the run before, with its times on this run's clock; `seen` is the last time it knew."""
    found = Desk()
    records = [
        Record.read(kept.participant, kept.digest, kept.record) for kept in commands
    ]
    for record in sorted(records, key=lambda record: record.order):
        found.records[record.key] = _timed(record, now, seen)
    for name, value in memory.items():
        kind, _, rest = name.partition("/")
        if kind == "contact" and rest in participants:
            _contact(found, participants[rest], value, now)
        elif kind == "lowered":
            found.lowered[Direction(rest)] = {
                item: Lowered(before=before, set=after)
                for item, (before, after) in value.items()
            }
        elif kind == "writings":
            for item, (written, why, expected) in value.items():
                found.writings[item] = Writing(
                    value=written, why=why, expected=expected, recovered=True
                )
    found.machines = supervised(participants, {}, memory, now)
    return found


def ended(memory: Mapping[str, Any]) -> dict[str, datetime]:
    """Return who had a limit after whose end no meter reading has come, and when it ended (UTC)."""
    return {
        name.removeprefix("ended/"): datetime.fromisoformat(value)
        for name, value in memory.items()
        if name.startswith("ended/")
    }


def supervised(
    participants: Mapping[str, Participant],
    present: Mapping[MachineKey, Limitation],
    memory: Mapping[str, Any],
    now: Stamp,
) -> dict[MachineKey, Limitation]:
    """Return a state machine for each limit with a failsafe, and no other.

    One whose failsafe was set up anew begins anew, from what it remembers.
    """
    machines = {}
    for name, participant in participants.items():
        for grant in participant.grants:
            if not isinstance(grant, LimitGrant) or grant.failsafe is None:
                continue
            key = name, grant.direction
            machine = present.get(key)
            if machine is None:
                before = memory.get(f"limitation/{name}/{grant.direction}")
                machine = Limitation(grant.failsafe, now, before)
            elif machine.preset != grant.failsafe:
                machine = Limitation(grant.failsafe, now, machine.memory())
            machines[key] = machine
    return machines


def retimed(record: Record, now: Stamp) -> Record:
    """Return a command with the times it would have if the clock had been right at the start.

    Only if the clock has been set forward since, and only what no run has begun, and which slot of a
    schedule it is.
    """
    if not record.follows_clock:
        return record
    starts = now.monotonic + (record.start - now.utc).total_seconds()
    late = record.starts - starts
    if late <= JUMP.total_seconds():
        return record
    ends = record.ends
    if record.phase is Phase.SCHEDULED and ends is not None:
        ends -= late
    return replace(record, starts=starts, ends=ends)


def _timed(record: Record, now: Stamp, seen: datetime) -> Record:
    """Return a command with its times on this run's clock.

    A clock that was set back while we were away does not stretch a command beyond its length, and puts off
    no start: it is not earlier than it was.
    """
    latest = max(now.utc, seen)
    starts = now.monotonic + (record.start - latest).total_seconds()
    ends = None
    if record.until is not None:
        if record.phase is Phase.SCHEDULED:
            left = record.until - latest
        else:
            left = min(record.until - now.utc, record.until - record.start)
        ends = now.monotonic + left.total_seconds()
    return replace(
        record,
        starts=starts,
        ends=ends,
        recovered=record.phase is Phase.STARTING,
        carried=True,
    )


def _contact(found: Desk, participant: Participant, value: Any, now: Stamp) -> None:
    present, since = value[0], datetime.fromisoformat(value[1])
    name = participant.participant_id
    found.contacts[name] = Contact(present=present, since=since)
    found.heard[name] = now.monotonic
    if not present and participant.silence is not None:
        away = max(now.utc - since, timedelta(0)) + participant.silence
        found.heard[name] -= away.total_seconds()
