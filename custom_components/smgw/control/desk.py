"""The present state: open commands, state machines, contacts, executors.

A change is made on a draft, written to the ledger, and only then becomes the state: what
is not on disk has not happened.
"""

from collections.abc import Iterator, Mapping
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Any

from . import canonical, receipt
from .canonical import Json
from .chain import Entry, Kind
from .clock import Stamp
from .command import SetItem
from .limitation import Limitation
from .lookup import Kept
from .model import Direction
from .picture import Contact, Event, EventKind
from .reasons import EndReason
from .record import Key, Phase, Record
from .store import Batch

type MachineKey = tuple[str, Direction]


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    """A value that the home itself is about to give an item; kept, to be settled after a crash."""

    value: Json
    why: str
    """`limit`, `restore` or `rest`."""
    expected: Json = None
    """What the item shows as long as it was not written."""
    recovered: bool = False
    """An earlier run was stopped in the middle of it; not kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lowered:
    """An executor that a limit has changed."""

    before: Json
    set: Json


@dataclass(slots=True)
class Desk:
    """All of it."""

    records: dict[Key, Record] = field(default_factory=dict)
    machines: dict[MachineKey, Limitation] = field(default_factory=dict)
    contacts: dict[str, Contact] = field(default_factory=dict)
    heard: dict[str, float] = field(default_factory=dict)
    """When a participant was last heard of, monotonic; not kept."""
    writings: dict[str, Writing] = field(default_factory=dict)
    """By item."""
    lowered: dict[Direction, dict[str, Lowered]] = field(default_factory=dict)
    """By item."""

    def copied(self) -> Desk:
        """Return a desk that can be changed without touching this one."""
        return Desk(
            records=dict(self.records),
            machines={key: copy(machine) for key, machine in self.machines.items()},
            contacts=dict(self.contacts),
            heard=dict(self.heard),
            writings=dict(self.writings),
            lowered={
                direction: dict(items) for direction, items in self.lowered.items()
            },
        )

    def of(self, participant_id: str) -> Iterator[Record]:
        """Yield a participant's open commands in the order they came."""
        return (r for r in list(self.records.values()) if r.key[0] == participant_id)

    def holder(self, item_id: str) -> Record | None:
        """Return the command that holds an item."""
        for record in self.records.values():
            body = record.command.body
            if (
                isinstance(body, SetItem)
                and body.item_id == item_id
                and record.phase in (Phase.STARTING, Phase.ACTIVE)
            ):
                return record
        return None

    def limits(self, direction: Direction) -> Iterator[Record]:
        """Yield the limits of a direction that have begun, in the order they came."""
        for record in self.records.values():
            if record.direction is direction and record.phase is not Phase.SCHEDULED:
                yield record

    def lowered_by(self, item_id: str, value: Json) -> Direction | None:
        """Return the direction whose limit has given an executor this value."""
        for direction, items in self.lowered.items():
            if item_id in items and items[item_id].set == value:
                return direction
        return None

    def heard_as_usual(self, participant_id: str, now: Stamp) -> bool:
        """Take a sign of life, if it changes nothing but when the next one is due; False: it does more.

        What is due earlier than before would need another look, and is not taken here.
        """
        contact = self.contacts.get(participant_id)
        if contact is None or not contact.present:
            return False
        beaten = {}
        for key, machine in self.machines.items():
            if key[0] == participant_id:
                beat = beaten[key] = copy(machine)
                if beat.heartbeat(now) or not _no_earlier(beat.due, machine.due):
                    return False
        self.machines |= beaten
        self.heard[participant_id] = now.monotonic
        return True


class Draft:
    """A change of the state, with the rows that tell of it."""

    def __init__(self, desk: Desk, stamp: Stamp, newest: int) -> None:
        """Begin with what is."""
        self.desk = desk.copied()
        self.now = stamp
        self.entries: list[Entry] = []
        self.fresh: Key | None = None
        """A command of which the ledger must not know yet."""
        self.events: list[Event] = []
        self._newest = newest
        self._closed: dict[Key, Record] = {}
        self._changed: set[Key] = set()
        self._memory: set[str] = set()
        self._stated: dict[str, Json] = {}

    @property
    def order(self) -> int:
        """Return a number above those of all commands before."""
        return self._newest + len(self.entries) + 1

    @property
    def empty(self) -> bool:
        """Say whether there is nothing to write."""
        return not (self.entries or self._changed or self._memory or self._stated)

    def row(
        self, kind: Kind, data: Mapping[str, Json], whose: Key | str | None = None
    ) -> None:
        """Add a row, about a command, a participant or the home."""
        participant, transaction = whose if isinstance(whose, tuple) else (whose, None)
        self.entries.append(
            Entry(
                kind=kind, data=data, participant=participant, transaction=transaction
            )
        )

    def put(self, record: Record) -> Record:
        """Take a command's new state."""
        self.desk.records[record.key] = record
        self._changed.add(record.key)
        return record

    def change(self, record: Record, **changes: Any) -> Record:
        """Take a command's new state, by what is different."""
        return self.put(replace(record, **changes))

    def close(self, record: Record, end: EndReason, **changes: Any) -> Record:
        """End a command and write its receipt."""
        over = replace(record, phase=Phase.OVER, end=end, ended=self.now.utc, **changes)
        self.desk.records.pop(record.key, None)
        self._closed[record.key] = over
        self._changed.add(record.key)
        return over

    def receipt(self, record: Record, registers: list[Json]) -> None:
        """Write the receipt of a command that is over."""
        self.row(Kind.RECEIPT, receipt.content(record, registers), record.key)

    def event(self, kind: EventKind, record: Record, reason: Any = None) -> None:
        """Tell of something about a command."""
        participant, transaction = record.key
        self.events.append(
            Event(
                kind=kind,
                at=self.now.utc,
                participant_id=participant,
                transaction_id=transaction,
                reason=reason,
                body=record.command.body,
            )
        )

    def machine(self, key: MachineKey) -> Limitation | None:
        """Return a machine that is going to be changed."""
        self._memory.add(f"limitation/{key[0]}/{key[1]}")
        return self.desk.machines.get(key)

    def contact(self, participant_id: str, contact: Contact | None) -> None:
        """Take whether a participant is there."""
        if contact is None:
            self.desk.contacts.pop(participant_id, None)
        else:
            self.desk.contacts[participant_id] = contact
        self._memory.add(f"contact/{participant_id}")

    def writing(self, item_id: str, writing: Writing | None) -> None:
        """Note that an item is about to be written, or that it is settled."""
        if writing is None:
            self.desk.writings.pop(item_id, None)
        else:
            self.desk.writings[item_id] = writing
        self._memory.add("writings")

    def lower(
        self, direction: Direction, item_id: str, lowered: Lowered | None
    ) -> None:
        """Note that a limit changed an executor, or that it was given back."""
        items = self.desk.lowered.setdefault(direction, {})
        if lowered is None:
            items.pop(item_id, None)
        else:
            items[item_id] = lowered
        self._memory.add(f"lowered/{direction}")

    def remember(self, name: str, value: Json) -> None:
        """Keep something that belongs to nothing on the desk."""
        self._stated[name] = value

    def batch(self) -> Batch:
        """Return what is to be written."""
        kept = []
        for key in self._changed:
            record = self._closed.get(key) or self.desk.records[key]
            kept.append(
                Kept(
                    participant=key[0],
                    id=key[1],
                    digest=record.digest,
                    open=record.phase is not Phase.OVER,
                    record=record.written(),
                )
            )
        return Batch(
            stamp=self.now,
            entries=self.entries,
            commands=kept,
            fresh=self.fresh,
            memory=self._stated
            | {name: self._remembered(name) for name in self._memory},
        )

    def _remembered(self, name: str) -> Json:
        kind, _, rest = name.partition("/")
        if kind == "limitation":
            participant, _, direction = rest.rpartition("/")
            machine = self.desk.machines.get((participant, Direction(direction)))
            return None if machine is None else machine.memory()
        if kind == "contact":
            contact = self.desk.contacts.get(rest)
            if contact is None:
                return None
            return [contact.present, canonical.moment(contact.since)]
        if kind == "lowered":
            lowered = self.desk.lowered.get(Direction(rest), {})
            return {i: [e.before, e.set] for i, e in lowered.items()} or None
        return {
            i: [w.value, w.why, w.expected] for i, w in self.desk.writings.items()
        } or None


def _no_earlier(due: float | None, before: float | None) -> bool:
    return due is None or (before is not None and due >= before)
