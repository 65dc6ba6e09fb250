"""The one entrance: every door hands its commands in here.

A command is judged, written into the ledger, and only then carried out; what came of it is written
down again. One after the other: a lock keeps two commands from being judged on the
same state. What was begun is finished even if whoever asked has gone away.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
import logging
from random import random
from typing import Any

from . import codec, evidence, recovery
from .carrier import Carrier, Job
from .chain import Kind
from .clerk import Clerk
from .clock import TrustedClock
from .command import Command, Origin, SetItem, Verdict
from .desk import Desk, Draft, Writing
from .errors import AlreadyKept, LedgerError, LedgerUnavailable
from .ledger import Ledger
from .model import Direction, Participant, Priority
from .overview import picture, wanted
from .picture import Contact, Event, EventKind, Picture
from .ports import Because, Ports
from .reasons import EndReason, Reason
from .record import Key, Phase, Record, digest_of
from .reply import Answer
from .settings import House
from .sight import Watch
from .timetable import next_look
from .watch import Round

_LOGGER = logging.getLogger(__name__)
_RETRY = 5.0
"""Seconds until the ledger is tried again."""


class Authority:
    """Judges commands, has them carried out, and proves it."""

    def __init__(
        self,
        ledger: Ledger,
        clock: TrustedClock,
        ports: Ports,
        house: House,
        participants: Iterable[Participant],
        *,
        chance: Callable[[], float] = random,
    ) -> None:
        """Take what is needed; `start` begins. `chance` spreads releases, 0 to 1."""
        self.ledger = ledger
        self._clock = clock
        self._ports = ports
        self._house = house
        self._participants = {p.participant_id: p for p in participants}
        self._chance = chance
        self._desk = Desk()
        self._watch = Watch(started=0, random=chance)
        self._lock = asyncio.Lock()
        self._critical: set[asyncio.Task[Any]] = set()
        self._carrier = Carrier(ports.home, self._settle, self._dispatch)
        self._open = False
        self._fault: str | None = None
        self._picture: Picture | None = None

    # From start to end.

    async def start(self) -> None:
        """Take up the state of the run before, and show it. Raises LedgerError."""
        commands = await self.ledger.open_commands()
        memory = await self.ledger.memory()
        now, seen = self._clock.now(), self.ledger.seen
        self._watch = Watch(started=now.monotonic, random=self._chance)
        self._watch.ended = recovery.ended(memory)
        self._desk = recovery.desk(commands, memory, self._participants, now, seen)
        clerk = self._clerk()
        clerk.draft.row(Kind.STARTED, {"open": len(self._desk.records)})
        evidence.note_grants(clerk.draft, self._participants.values(), memory)
        await self._commit(clerk)
        self._open = True
        await self.tick()

    async def close(self) -> None:
        """Stop. What is being written to a device is found out about at the next start."""
        was_open, self._open = self._open, False
        self._ports.alarm.set(None)
        await self._carrier.close()
        await asyncio.gather(*self._critical, return_exceptions=True)
        if was_open:
            clerk = self._clerk()
            Round(clerk).stop()
            clerk.draft.row(Kind.STOPPED, {"open": len(self._desk.records)})
            try:
                await self.ledger.append(clerk.draft.batch())
            except LedgerError as err:
                _LOGGER.warning("The end of this run is not in the ledger: %s", err)

    # What doors and the home call.

    async def submit(self, command: Command, *, override: bool = False) -> Answer:
        """Judge a command and begin it; the answer comes when it is on disk, and says only that.

        `override` is the owner's own hand: it goes before contracts, never before the grid operator.
        What a door hears at the same time as a command, it reports by `contact` first.
        """
        return await self._alone(lambda: self._submit(command, override))

    async def refuse(
        self,
        participant_id: str,
        verdict: Verdict,
        origin: Origin,
        transaction_id: str | None = None,
    ) -> None:
        """Note what was no command at all: one row. Raises LedgerError."""

        async def note() -> None:
            self._check_open()
            clerk = self._clerk()
            evidence.note_refusal(
                clerk.draft, participant_id, transaction_id, verdict, origin
            )
            await self._commit(clerk)

        await self._alone(note)

    async def contact(self, participant_id: str) -> None:
        """Take a sign of life. It is no row, unless it is the first one after silence."""
        if not self._lock.locked() and self._heard_as_usual(participant_id):
            return
        await self._alone(lambda: self._contact(participant_id))

    async def override(
        self, participant_id: str, transaction_id: str, by: str
    ) -> Verdict:
        """End a command by the owner's hand; one of the grid operator or of safety stays.

        Raises LedgerError.
        """

        async def end() -> Verdict:
            self._check_open()
            record = self._desk.records.get((participant_id, transaction_id))
            if record is None:
                return Verdict(reason=Reason.UNKNOWN_COMMAND)
            participant = self._participants.get(participant_id)
            if participant is not None and participant.priority >= Priority.GRID:
                return Verdict(reason=Reason.PROTECTED)
            clerk = self._clerk()
            clerk.leave(record, EndReason.OVERRIDDEN, by=by)
            await self._commit(clerk)
            return Verdict(reason=Reason.POSSIBLE)

        return await self._alone(end)

    async def interrupt(self, direction: Direction, why: str) -> None:
        """Leave all limits of a direction, because safety or law demands it. Raises LedgerError."""

        async def leave() -> None:
            self._check_open()
            clerk = self._clerk()
            for record in list(clerk.desk.limits(direction)):
                clerk.leave(record, EndReason.INTERRUPTED, why=why)
            await self._commit(clerk)

        await self._alone(leave)

    async def configure(
        self, house: House, participants: Iterable[Participant]
    ) -> None:
        """Take other settings; commands that are no longer granted end. Raises LedgerError."""

        async def change() -> None:
            self._check_open()
            memory = await self.ledger.memory()
            former = self._house, self._participants
            self._house = house
            self._participants = {p.participant_id: p for p in participants}
            clerk = self._clerk()
            evidence.note_grants(clerk.draft, self._participants.values(), memory)
            for record in list(clerk.desk.records.values()):
                if not clerk.judge.granted(record):
                    clerk.leave(record, EndReason.REVOKED)
            for name in set(clerk.desk.contacts) - set(self._participants):
                clerk.draft.contact(name, None)
            self._supervise(clerk.draft)
            try:
                await self._commit(clerk)
            except LedgerError:
                self._house, self._participants = former
                raise

        await self._alone(change)

    async def tick(self) -> None:
        """Look at everything once: call it when the alarm rings, and when an item or a power changed."""
        await self._alone(self._tick)

    async def status(self, participant_id: str, transaction_id: str) -> Record | None:
        """Return a command as it stands, also one that is over. Raises LedgerError."""
        key = (participant_id, transaction_id)
        if (record := self._desk.records.get(key)) is not None:
            return record
        kept = await self.ledger.find(*key)
        if kept is None:
            return None
        return Record.read(kept.participant, kept.digest, kept.record)

    @property
    def picture(self) -> Picture:
        """Return how things stand."""
        if self._picture is None:
            self._picture = self._drawn(self._desk)
        return self._picture

    @property
    def participants(self) -> Mapping[str, Participant]:
        """Return who may command, by id."""
        return self._participants

    # Inside; all of it with the lock held.

    def _check_open(self) -> None:
        if not self._open:
            raise LedgerUnavailable("not started, or stopped")

    async def _submit(self, command: Command, override: bool) -> Answer:
        digest, key = digest_of(command), command.key
        if not self._open:
            return Answer.without(command, digest, Verdict(reason=Reason.CLOSED))
        try:
            if key in self._desk.records or key[0] not in self._participants:
                return await self._submit_known(command, digest)
            # Whether it is over already, the ledger finds out when it is written: one question less.
            clerk = self._clerk()
            clerk.draft.fresh = key
            record = clerk.receive(command, digest, override)
            try:
                await self._commit(clerk)
            except AlreadyKept:
                return await self._submit_known(command, digest)
        except LedgerError as err:
            _LOGGER.error("A command was refused because of the ledger: %s", err)
            verdict = Verdict(reason=Reason.LEDGER_UNAVAILABLE)
            return Answer.without(command, digest, verdict)
        return Answer.of(record)

    async def _submit_known(self, command: Command, digest: str) -> Answer:
        """Answer a command that was here before, or whose participant is nobody."""
        known = await self.status(*command.key)
        if known is not None and known.digest == digest:
            return Answer.of(known, repeated=True)
        reason = Reason.CONFLICT if known else Reason.UNKNOWN_PARTICIPANT
        verdict = Verdict(reason=reason)
        clerk = self._clerk()
        evidence.note_refusal(
            clerk.draft, *command.key, verdict, command.origin, digest
        )
        await self._commit(clerk)
        return Answer.without(command, digest, verdict)

    def _heard_as_usual(self, participant_id: str) -> bool:
        now = self._clock.now()
        return self._open and self._desk.heard_as_usual(participant_id, now)

    async def _contact(self, participant_id: str) -> None:
        participant = self._participants.get(participant_id)
        if participant is None or not self._open:
            return
        if self._heard_as_usual(participant_id):
            return
        clerk = self._clerk()
        draft, now = clerk.draft, clerk.draft.now
        draft.desk.heard[participant_id] = now.monotonic
        known = draft.desk.contacts.get(participant_id)
        if known is None or not known.present:
            draft.contact(participant_id, Contact(present=True, since=now.utc))
            draft.row(Kind.CONTACT_REGAINED, {"first": known is None}, participant_id)
            draft.events.append(
                Event(
                    kind=EventKind.CONTACT_REGAINED,
                    at=now.utc,
                    participant_id=participant_id,
                )
            )
        for key, machine in draft.desk.machines.items():
            if key[0] == participant_id and (steps := machine.heartbeat(now)):
                draft.machine(key)
                clerk.moved(key, steps)
        try:
            await self._commit(clerk)
        except LedgerError as err:
            # A sign of life counts, whether it can be written down or not.
            self._desk.heard[participant_id] = now.monotonic
            for key, machine in self._desk.machines.items():
                if key[0] == participant_id:
                    machine.heartbeat(now)
            _LOGGER.error("A contact is not in the ledger: %s", err)

    async def _tick(self) -> None:
        if not self._open:
            return
        try:
            await self._settle_results()
            await self.ledger.seal(self._clock.now())
            clerk = self._clerk()
            # That it shows is written down here and not with the command, whose sender waits only until it is on disk.
            for record in self._just_shown():
                clerk.shown(record)
            Round(clerk).look()
            await self._commit(clerk, looked=True)
        except Exception as err:
            # Whatever it is: limits have to end, and silence to be noticed.
            self._ring(self._clock.now().monotonic + _RETRY)
            if not isinstance(err, LedgerError):
                raise
            # Limits stay as they are: what cannot be written down does not end.
            _LOGGER.error("The ledger cannot be written: %s", err)

    def _clerk(self) -> Clerk:
        return Clerk(
            draft=Draft(self._desk, self._clock.now(), self.ledger.newest),
            house=self._house,
            participants=self._participants,
            ports=self._ports,
            watch=self._watch.copied(),
        )

    async def _commit(self, clerk: Clerk, *, looked: bool = False) -> None:
        """Write down, let it show, carry it out. Raises LedgerError; then nothing has happened."""
        draft, items = clerk.draft, self._ports.home.items()
        drawn: Picture | None = None

        def draw() -> None:
            nonlocal drawn
            with _guarded("drawing"):
                drawn = self._drawn(draft.desk)

        changed = not draft.empty
        if changed:
            try:
                # Nobody sees what is drawn before all of it is on disk.
                await self.ledger.append(draft.batch(), meanwhile=draw)
            except LedgerError as err:
                self._fault = err.key
                self._show()
                self._ring(self._clock.now().monotonic + _RETRY)
                raise
            if self._fault is not None or items is not self._ports.home.items():
                self._fault = drawn = None
        self._desk, self._watch = draft.desk, clerk.watch
        self._show(drawn)
        for event in draft.events:
            with _guarded("telling"):
                self._ports.publisher.announce(event)
        # Writes begin behind the events that name their cause, and wait for nothing that only tells of them.
        self._dispatch()
        with _guarded("showing"):
            self._ports.publisher.flush()
        self._set_alarm(at_once=(changed and not looked) or any(self._just_shown()))

    def _show(self, drawn: Picture | None = None) -> None:
        if drawn is None:
            drawn = self._drawn(self._desk)
        if drawn != self._picture:
            with _guarded("showing"):
                self._ports.publisher.publish(drawn)
                self._picture = drawn

    def _drawn(self, desk: Desk) -> Picture:
        now, items = self._clock.now(), self._ports.home.items()
        return picture(desk, now, items, self._participants, self._fault)

    def _set_alarm(self, *, at_once: bool) -> None:
        """Ask for the next look: at once if something has changed that nobody has looked at yet."""
        now = self._clock.now()
        due = next_look(self._desk, self._watch, self._house, self._participants, now)
        self._ring(now.monotonic if at_once else due)

    def _ring(self, at: float) -> None:
        """Ask for a look; not any more once we have stopped, though something may still be written down."""
        if self._open:
            self._ports.alarm.set(at)

    def _just_shown(self) -> Iterator[Record]:
        return (r for r in self._desk.records.values() if self._is_shown(r))

    def _is_shown(self, record: Record) -> bool:
        """Say whether a command begins by being shown, and has been."""
        if record.phase is not Phase.STARTING:
            return False
        body = record.command.body
        if not isinstance(body, SetItem):
            return True
        item = self._ports.home.items().get(body.item_id)
        return item is not None and item.shown

    def _supervise(self, draft: Draft) -> None:
        present = draft.desk.machines
        machines = recovery.supervised(self._participants, present, {}, draft.now)
        for key in present.keys() | machines.keys():
            if present.get(key) is not machines.get(key):
                draft.machine(key)
        draft.desk.machines = machines

    # Carrying out.

    def _dispatch(self) -> None:
        """Begin to write what the ledger has an intent for."""
        patience = self._house.rules.patience.total_seconds()
        for record in self._desk.records.values():
            body = record.command.body
            due = record.phase is Phase.STARTING and not record.recovered
            if due and isinstance(body, SetItem) and not self._is_shown(record):
                job = partial(self._job, record.key)
                self._carrier.begin(record.key, body.item_id, patience, job)
        now = self._clock.now().monotonic
        for item_id, writing in self._desk.writings.items():
            if not writing.recovered and self._watch.may_write(item_id, now):
                job = partial(self._own_job, item_id, writing)
                self._carrier.begin(item_id, item_id, patience, job)

    def _job(self, key: Key) -> Job | None:
        record = self._desk.records.get(key)
        if record is None or record.phase is not Phase.STARTING:
            return None
        because = Because(participant_id=key[0], transaction_id=key[1], why="command")
        items = self._ports.home.items()
        return Job(value=wanted(record, items, self._participants), because=because)

    def _own_job(self, item_id: str, writing: Writing) -> Job | None:
        if self._desk.writings.get(item_id) is not writing:
            return None
        item = self._ports.home.items().get(item_id)
        value = None if item is None else codec.read_value(item, writing.value)
        because = Because(
            participant_id=None,
            transaction_id=None,
            why=writing.why,
            direction=self._desk.lowered_by(item_id, writing.value),
        )
        return Job(value=value, because=because, token=writing)

    async def _settle(self) -> None:
        """Write down what became of what was written."""
        try:
            await self._alone(self._settle_results)
        except LedgerError as err:
            _LOGGER.error("Outcomes are not in the ledger yet: %s", err)

    async def _settle_results(self) -> None:
        results = dict(self._carrier.results)
        if not results:
            return
        clerk = self._clerk()
        for name, result in results.items():
            if isinstance(name, str):
                clerk.own_result(name, result)
            else:
                clerk.result(name, result)
        await self._commit(clerk)
        for name in results:
            del self._carrier.results[name]
        self._dispatch()

    async def _alone[T](self, work: Callable[[], Awaitable[T]]) -> T:
        """Do something while nothing else changes the state, and to its end even if nobody waits any more."""

        async def run() -> T:
            async with self._lock:
                return await work()

        # At once, as far as it goes: a round of the loop more is a chance more to wait for other threads.
        task = asyncio.Task(run(), eager_start=True)
        if task.done():
            return task.result()
        self._critical.add(task)
        task.add_done_callback(self._critical.discard)
        return await asyncio.shield(task)


@contextmanager
def _guarded(doing: str) -> Iterator[None]:
    """Whatever goes wrong with what is shown, limits are kept and commands go on."""
    try:
        yield
    except Exception:
        _LOGGER.exception("Something went wrong while %s how things stand", doing)
