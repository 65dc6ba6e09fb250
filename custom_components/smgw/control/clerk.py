"""What commands do to the state: taken, begun, carried out, ended. No waiting, no I/O.

Everything happens on a draft; who calls this writes the draft to the ledger before anything of it
shows outside.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from . import codec, receipt
from .canonical import Json, moment, number
from .carrier import Result
from .chain import Kind
from .command import (
    Command,
    Release,
    SetFailsafe,
    SetItem,
    SetLimit,
    SetPrices,
    SetSchedule,
)
from .desk import Desk, Draft, MachineKey, Writing
from .judge import POSSIBLE, Judge, Order, Refused
from .limitation import Cause, LimitState, Transition
from .model import Direction, Participant, Value
from .overview import wanted
from .picture import EventKind
from .ports import Ports, Power
from .reasons import EffectReason, EndReason, Reason
from .record import Effect, EffectState, Key, Measured, Phase, Record, written_origin
from .settings import House
from .sight import Watch

MOST_TRIES = 20
"""Attempts to give a device back what it had: with the growing pauses, some hours."""
# The item goes to somebody who sets it, so it is not put to rest.
_HANDED_OVER = frozenset(
    {
        EndReason.SUPERSEDED,
        EndReason.OUTRANKED,
        EndReason.OVERRIDDEN,
        EndReason.FAILED,
        EndReason.NOT_STARTED,
    }
)


@dataclass(slots=True)
class Clerk:
    """Works on one draft."""

    draft: Draft
    house: House
    participants: Mapping[str, Participant]
    ports: Ports
    watch: Watch

    @property
    def desk(self) -> Desk:
        """Return the state as drafted."""
        return self.draft.desk

    @property
    def judge(self) -> Judge:
        """Return who decides, on the state as drafted."""
        return Judge(
            house=self.house,
            participants=self.participants,
            items=self.ports.home.items(),
            desk=self.desk,
            now=self.draft.now,
        )

    # Taking.

    def receive(self, command: Command, digest: str, override: bool = False) -> Record:
        """Decide about a new command, and begin it if its time is now."""
        now, order = self.draft.now, Order(start=self.draft.now.utc, until=None)
        try:
            order = self.judge.judge(command, override)
            self._consult(command, order)
            verdict = POSSIBLE
        except Refused as err:
            verdict = err.verdict
        left = None if order.until is None else order.until - now.utc
        record = Record(
            command=command,
            digest=digest,
            verdict=verdict,
            received=now.utc,
            order=self.draft.order,
            phase=Phase.SCHEDULED,
            start=order.start,
            until=order.until,
            watts=order.watts,
            starts=now.monotonic + (order.start - now.utc).total_seconds(),
            ends=None if left is None else now.monotonic + left.total_seconds(),
        )
        if not verdict.accepted:
            return self._refuse(record)
        self._row(record, Kind.RECEIVED, self._received(record))
        self.draft.event(EventKind.RECEIVED, record)
        match command.body:
            case Release():
                return self._release(record, command.body)
            case SetFailsafe():
                effect = self.effective(EffectReason.COMMANDED)
                return self.end(replace(record, effect=effect), EndReason.DONE)
        self.draft.put(record)
        if order.start <= now.utc:
            self.begin(record, override)
        return record

    def begin(self, record: Record, override: bool = False) -> None:
        """Write down what is about to be done for a command."""
        for other in self._in_the_way(record):
            reason = EndReason.SUPERSEDED
            if other.key[0] != record.key[0]:
                reason = EndReason.OVERRIDDEN if override else EndReason.OUTRANKED
            self.end(other, reason)
        do: dict[str, Json] = {}
        changes: dict[str, Any] = {"phase": Phase.STARTING}
        match record.command.body:
            case SetItem(item_id=item_id):
                value = codec.write_value(self.wanted(record))
                changes |= {"value": value, "rest": self._rest_of(item_id)}
                shown = self.ports.home.read(item_id)
                do = {"item": item_id, "value": value}
                if shown is not None:
                    do["before"] = codec.write_value(shown.value)
                if item_id in self.desk.writings:
                    self.settled(item_id, "skipped")
            case SetLimit(direction=direction) | SetSchedule(direction=direction):
                power = self.power(direction)
                registers = tuple(receipt.readings(self.ports.meters.registers()))
                changes["registers"] = registers
                do = {"direction": direction, "registers": registers}
                limit = record.limit_at(self.draft.now)
                if limit is not None:
                    do["watts"] = number(limit)
                if power is not None:
                    do["power"] = number(power.watts)
                    changes["measured"] = Measured(before=power.watts)
            case SetPrices(slots=slots):
                do = {"slots": len(slots)}
        self._row(record, Kind.INTENT, do)
        self.draft.change(record, **changes)

    def engage(self, record: Record) -> None:
        """Tell the state machine of a limit that was taken before and begins now.

        Without contact the machine stays where it is; the limit is kept all the same.
        """
        body, now = record.command.body, self.draft.now
        if isinstance(body, SetLimit) and record.watts is not None:
            key = record.key[0], body.direction
            if (machine := self.draft.machine(key)) is not None:
                left = None if record.until is None else record.until - now.utc
                self.moved(key, machine.write(now, record.watts, left).transitions)

    def outcome(
        self, record: Record, result: str, effect: Effect | None = None
    ) -> Record:
        """Write down that what was begun has been carried out."""
        data: dict[str, Json] = {"result": result}
        if effect is not None:
            data["reason"] = effect.reason
        self._row(record, Kind.OUTCOME, data)
        self.draft.event(EventKind.STARTED, record)
        record = self.draft.change(
            record, phase=Phase.ACTIVE, active=self.draft.now.utc, recovered=False
        )
        return record if effect is None else self.effect(record, effect)

    def failed(self, record: Record, effect: Effect) -> None:
        """Write down that a command could not be carried out, or that nobody knows."""
        result = "unknown" if effect.state is EffectState.UNKNOWN else "failed"
        self._row(record, Kind.OUTCOME, {"result": result, "reason": effect.reason})
        record = self.draft.change(record, effect=effect)
        self.draft.event(EventKind.FAILED, record, effect.reason)
        self.end(record, EndReason.FAILED)

    def effect(
        self, record: Record, effect: Effect, power: Power | None = None
    ) -> Record:
        """Write down that the home is, or is no longer, where a command wants it."""
        data: dict[str, Json] = {"state": effect.state, "reason": effect.reason}
        measured = self.watch.measured.get(record.key, record.measured)
        if power is not None:
            data["power"] = number(power.watts)
            if effect.state is EffectState.EFFECTIVE and measured.effect is None:
                measured = replace(measured, effect=power.watts)
        self._row(record, Kind.EFFECT, data)
        good = effect.state is EffectState.EFFECTIVE
        kind = EventKind.EFFECTIVE if good else EventKind.FAILED
        self.draft.event(kind, record, effect.reason)
        self.watch.measured.pop(record.key, None)
        return self.draft.change(record, effect=effect, measured=measured)

    def shown(self, record: Record) -> None:
        """Write down that a command shows, where that is all there is to do."""
        effect = None
        if isinstance(record.command.body, SetItem | SetPrices):
            effect = self.effective(EffectReason.COMMANDED)
        self.outcome(record, "resumed" if record.recovered else "done", effect)

    def result(self, key: Key, result: Result) -> None:
        """Write down what became of writing an item."""
        record = self.desk.records.get(key)
        if record is None or record.phase is not Phase.STARTING:
            # Over before the device had answered.
            data: dict[str, Json] = {"result": "late", "reason": result.reason}
            self.draft.row(Kind.OUTCOME, data, key)
        elif not result.good:
            self.failed(record, self.ineffective(result.reason))
        elif self._shows(record):
            name = "done" if result.reason is EffectReason.COMMANDED else "nothing"
            self.outcome(record, name, self.effective(result.reason))
        else:
            self.outcome(record, "done")

    def own_result(self, item_id: str, result: Result) -> None:
        """Write down what became of a write of the home's own; what is to be given back is tried again."""
        writing = self.desk.writings.get(item_id)
        if writing is None or writing is not result.token:
            # Something else was decided for the item before the device had answered.
            data: dict[str, Json] = {"item": item_id, "result": "late"}
            self.draft.row(Kind.SETPOINT_DONE, data)
            return
        now, rules = self.draft.now.monotonic, self.house.rules
        shown = self.ports.home.read(item_id)
        shows = None if shown is None else codec.write_value(shown.value)
        if result.good and shows == writing.value:
            self.watch.retries.pop(item_id, None)
            self.settled(item_id, "done")
            return
        tries = self.watch.failed(item_id, now, rules.settle.total_seconds())
        if result.good:
            # Taken, and not shown: yet, or because the device has bounds of its own.
            if shows not in (None, writing.expected):
                self._took_its_own(item_id, writing, shows)
            self.settled(item_id, "done", shows=shows)
            return
        self.settled(item_id, "failed", reason=result.reason)
        if writing.why != "limit" and tries < MOST_TRIES:
            self.draft.writing(item_id, replace(writing))

    # Ending.

    def end(self, record: Record, reason: EndReason, **data: Json) -> Record:
        """End a command, with its receipt; an item returns to its rest."""
        measured = self.watch.measured.pop(record.key, record.measured)
        self.watch.off.pop(record.key, None)
        over = self.draft.close(record, reason, measured=measured)
        self._row(record, Kind.ENDED, {"reason": reason, "state": over.state, **data})
        registers = receipt.readings(self.ports.meters.registers())
        has_limit = record.direction is not None and record.phase is Phase.ACTIVE
        if has_limit:
            self.watch.ended[record.key[0]] = self.draft.now.utc
            self.draft.remember(f"ended/{record.key[0]}", moment(self.draft.now.utc))
        self.draft.receipt(over, registers if has_limit else [])
        self.draft.event(EventKind.ENDED, over, reason)
        begun = record.phase in (Phase.STARTING, Phase.ACTIVE)
        if begun and reason not in _HANDED_OVER:
            self._rest(record)
        return over

    def leave(self, record: Record, reason: EndReason, **data: Json) -> None:
        """End a command for a reason of the home's own; its machine hears of it."""
        self.end(record, reason, **data)
        if record.direction is not None and _rules(record):
            key = record.key[0], record.direction
            if (machine := self.draft.machine(key)) is not None:
                self.moved(key, machine.interrupt(self.draft.now))

    def moved(self, key: MachineKey, steps: Iterable[Transition]) -> None:
        """Write down what a state machine did, and what follows from it."""
        participant, direction = key
        for step in steps:
            if step.before is step.after:
                continue
            self.draft.row(
                Kind.STATE,
                {
                    "direction": direction,
                    "before": step.before,
                    "after": step.after,
                    "cause": step.cause,
                    "at": moment(step.at.utc),
                },
                participant,
            )
            if step.cause is not Cause.HEARTBEAT_LOST:
                continue
            # A stated end is kept without contact; without one, nobody could end it any more.
            for record in self._own_limits(participant, direction):
                if record.until is None and step.after is LimitState.FAILSAFE:
                    self.end(record, EndReason.CONTACT_LOST)

    # The home's own writes.

    def write(self, item_id: str, writing: Writing) -> None:
        """Note that the home itself is about to set an item."""
        self.draft.row(
            Kind.SETPOINT,
            {"item": item_id, "value": writing.value, "why": writing.why},
        )
        self.draft.writing(item_id, writing)

    def settled(self, item_id: str, result: str, **data: Json) -> None:
        """Note what became of it."""
        self.draft.row(Kind.SETPOINT_DONE, {"item": item_id, "result": result, **data})
        self.draft.writing(item_id, None)

    # Reading.

    def effective(self, reason: EffectReason) -> Effect:
        """Return that the home is where it should be."""
        return Effect(state=EffectState.EFFECTIVE, reason=reason, at=self.draft.now.utc)

    def ineffective(
        self, reason: EffectReason, state: EffectState = EffectState.FAILED
    ) -> Effect:
        """Return that the home is not there, or that nobody knows."""
        return Effect(state=state, reason=reason, at=self.draft.now.utc)

    def wanted(self, record: Record) -> Value | None:
        """Return the value a command wants its item to have; None while the item is not there."""
        return wanted(record, self.ports.home.items(), self.participants)

    def power(self, direction: Direction) -> Power | None:
        """Return the power at the grid connection point if it is known and says something about now."""
        if direction not in self.house.measured:
            return None
        power = self.ports.meters.power(direction)
        if power is None:
            return None
        age = self.draft.now.utc - self.draft.now.offset - power.at
        return power if age <= self.house.rules.power_age else None

    # Inside.

    def _took_its_own(self, item_id: str, writing: Writing, shows: Json) -> None:
        """Note what an executor made of its value: by that is seen that nobody else has moved it."""
        direction = self.desk.lowered_by(item_id, writing.value)
        if direction is not None and writing.why in ("limit", "restore"):
            lowered = self.desk.lowered[direction][item_id]
            self.draft.lower(direction, item_id, replace(lowered, set=shows))

    def _shows(self, record: Record) -> bool:
        """Say whether the item has the value that a command wants."""
        body = record.command.body
        if not isinstance(body, SetItem):
            return False
        shown = self.ports.home.read(body.item_id)
        return shown is not None and shown.value == self.wanted(record)

    def _row(self, record: Record, kind: Kind, data: dict[str, Json]) -> None:
        self.draft.row(kind, data, record.key)

    def _received(self, record: Record) -> dict[str, Json]:
        data: dict[str, Json] = {
            "command": codec.written(record.command),
            "digest": record.digest,
            "origin": written_origin(record.command.origin),
            "verdict": record.verdict.reason,
        }
        if record.verdict.where is not None:
            data["where"] = record.verdict.where
        if record.watts is not None:
            data["watts"] = number(record.watts)
        if record.direction is not None and record.watts is not None:
            least = self.house.minimum.get(record.direction)
            if least is not None and record.watts < least:
                data["below_minimum"] = number(least)
        return data

    def _refuse(self, record: Record) -> Record:
        over = self.draft.close(record, EndReason.REFUSED)
        self._row(over, Kind.REFUSED, self._received(over))
        self.draft.receipt(over, [])
        self.draft.event(EventKind.REFUSED, over, over.verdict.reason)
        body = over.command.body
        if isinstance(body, SetLimit):
            # A limit that had to be refused is a sign that somebody is there who limits.
            key = over.key[0], body.direction
            if (machine := self.draft.machine(key)) is not None:
                self.moved(key, machine.refused(self.draft.now))
        return over

    def _consult(self, command: Command, order: Order) -> None:
        """Ask the state machine, where the participant is supervised. Raises Refused."""
        now, participant = self.draft.now, command.participant_id
        match command.body:
            case SetLimit(direction=direction) if order.start <= now.utc:
                key = participant, direction
                if (machine := self.draft.machine(key)) is None:
                    return
                assert order.watts is not None
                left = None if order.until is None else order.until - now.utc
                answer = machine.write(now, order.watts, left)
            case SetFailsafe(direction=direction, watts=watts, minimum=minimum):
                key = participant, direction
                if (machine := self.draft.machine(key)) is None:
                    raise Refused(Reason.NOT_GRANTED, "failsafe")
                answer = machine.write_failsafe(now, watts, minimum)
                if answer.accepted and minimum is not None:
                    self._share_minimum(participant, minimum)
            case _:
                return
        self.moved(key, answer.transitions)
        if not answer.accepted:
            raise Refused(answer.reason)

    def _share_minimum(self, participant: str, minimum: timedelta) -> None:
        """The minimum duration is one for both directions."""
        for direction in Direction:
            machine = self.draft.machine((participant, direction))
            if machine is not None:
                machine.write_failsafe(self.draft.now, None, minimum)

    def _release(self, record: Record, body: Release) -> Record:
        own = [r for r in self.desk.of(record.key[0]) if _fits(r, body)]
        for other in own:
            self.end(other, EndReason.RELEASED)
        everything = body.transaction_id is None and body.item_id is None
        for direction in Direction:
            stated = everything and body.direction in (None, direction)
            ended = any(r.direction is direction and _rules(r) for r in own)
            key = record.key[0], direction
            if (stated or ended) and (machine := self.draft.machine(key)) is not None:
                self.moved(key, machine.deactivate(self.draft.now).transitions)
        reason = EffectReason.COMMANDED if own else EffectReason.ALREADY_THERE
        done = replace(record, effect=self.effective(reason))
        return self.end(done, EndReason.DONE, released=[r.key[1] for r in own])

    def _in_the_way(self, record: Record) -> list[Record]:
        """Return what a command takes the place of when it begins."""
        match body := record.command.body:
            case SetItem():
                holder = self.desk.holder(body.item_id)
                return [] if holder is None else [holder]
            case SetLimit() | SetSchedule():
                found = self._own_limits(record.key[0], body.direction)
                return [r for r in found if isinstance(r.command.body, type(body))]
            case SetPrices():
                own = self.desk.of(record.key[0])
                found = [r for r in own if isinstance(r.command.body, SetPrices)]
                return [r for r in found if r.key != record.key]
        return []

    def _own_limits(self, participant: str, direction: Direction) -> list[Record]:
        return [r for r in self.desk.limits(direction) if r.key[0] == participant]

    def _rest_of(self, item_id: str) -> Json:
        item = self.ports.home.items().get(item_id)
        if item is None or item.shown:
            return None
        return codec.write_value(item.rest)

    def _rest(self, record: Record) -> None:
        body = record.command.body
        if isinstance(body, SetItem) and record.rest is not None:
            writing = Writing(value=record.rest, why="rest", expected=record.value)
            self.write(body.item_id, writing)


def _rules(record: Record) -> bool:
    """Say whether a command is the limit that its state machine knows of."""
    begun = record.phase in (Phase.STARTING, Phase.ACTIVE)
    return begun and isinstance(record.command.body, SetLimit)


def _fits(record: Record, body: Release) -> bool:
    ordered = record.command.body
    return (
        (body.transaction_id is None or record.key[1] == body.transaction_id)
        and (body.direction is None or record.direction is body.direction)
        and (
            body.item_id is None
            or (isinstance(ordered, SetItem) and ordered.item_id == body.item_id)
        )
    )
