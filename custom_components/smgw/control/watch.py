"""What time brings: starts, ends, silence, effects, executors. No waiting, no I/O; all on a draft."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from math import ceil

from . import codec, receipt
from .canonical import Json, moment, number
from .carryout import plan, step_back
from .chain import Kind
from .clerk import Clerk
from .clock import JUMP, Stamp
from .command import SetItem
from .desk import Lowered, Writing
from .judge import Refused
from .model import Direction, Priority, Value
from .overview import house_limit
from .picture import Contact, Event, EventKind
from .reasons import EffectReason, EndReason
from .record import EffectState, Phase, Record
from .recovery import retimed
from .sight import Watch, WayBack

LOOK_AGAIN = 10.0
"""Seconds between two looks at something that is not yet as it should be."""
SAMPLE = 60.0
SAMPLES_PER_ROW = 15
FIRST_READING = 120.0
"""Seconds after a start within which devices usually show their values."""
# Seconds: a clock that only jumps there and back is not believed.
_CLOCK_STAYS = 60.0


@dataclass(slots=True)
class Round:
    """One look at everything."""

    clerk: Clerk

    @property
    def watch(self) -> Watch:
        """Return the notes."""
        return self.clerk.watch

    @property
    def now(self) -> Stamp:
        """Return the moment of this look."""
        return self.clerk.draft.now

    def look(self) -> None:
        """Do all that has become due."""
        self._clock()
        self._follow_clock()
        for key in list(self.clerk.desk.machines):
            self._machine(key)
        for participant in list(self.clerk.desk.contacts):
            self._silence(participant)
        for record in self._records(_next_moment):
            self._due(record)
        for record in self._records():
            self._recover(record)
        self._recover_writings()
        for record in self._records():
            self._observe(record)
        for direction in Direction:
            self._sample(direction)
            self._carry_out(direction)
        self._meter()

    def stop(self) -> None:
        """Leave nothing that was measured unwritten."""
        for direction in Direction:
            self._write_samples(direction)

    def _records(
        self, order: Callable[[Record], tuple[float, bool]] | None = None
    ) -> Iterator[Record]:
        """Yield the open commands; what happens to one may end another."""
        records = list(self.clerk.desk.records.values())
        if order is not None:
            records.sort(key=order)
        for key in [record.key for record in records]:
            if (record := self.clerk.desk.records.get(key)) is not None:
                yield record

    def _clock(self) -> None:
        seen, before = self.watch.clock, self.watch.base
        source, offset = self.now.source, self.now.offset
        self.watch.base = self.now.utc - timedelta(seconds=self.now.monotonic)
        stepped = before is not None and abs(self.watch.base - before) > JUMP
        other = seen is None or seen[0] is not source or abs(offset - seen[1]) > JUMP
        if other or stepped:
            self.watch.clock = (source, offset)
            if seen is not None:
                self.clerk.draft.row(Kind.CLOCK, {"before": seen[0], "after": source})

    def _follow_clock(self) -> None:
        """Move what an earlier run has planned, once the clock was set forward and has stayed so."""
        watch, now = self.watch, self.now.monotonic
        assert watch.base is not None
        watch.believed = watch.believed or watch.base
        if watch.base - watch.believed <= JUMP:
            watch.ahead = None
        elif watch.ahead is None:
            watch.ahead = now
        elif now - watch.ahead >= _CLOCK_STAYS:
            watch.believed, watch.ahead = watch.base, None
            for record in self._records():
                self.clerk.desk.records[record.key] = retimed(record, self.now)

    def _machine(self, key: tuple[str, Direction]) -> None:
        machine = self.clerk.desk.machines[key]
        if machine.due is not None and machine.due <= self.now.monotonic:
            changed = self.clerk.draft.machine(key)
            assert changed is not None
            self.clerk.moved(key, changed.advance(self.now))

    def _silence(self, participant_id: str) -> None:
        """Note that a participant has fallen silent; later, end what nobody else could end."""
        participant = self.clerk.participants.get(participant_id)
        contact = self.clerk.desk.contacts[participant_id]
        if participant is None or participant.silence is None:
            return
        lost = (
            self.clerk.desk.heard[participant_id] + participant.silence.total_seconds()
        )
        if contact.present and self.now.monotonic >= lost:
            self.clerk.draft.contact(
                participant_id, Contact(present=False, since=self.now.utc)
            )
            self.clerk.draft.row(Kind.CONTACT_LOST, {}, participant_id)
            self.clerk.draft.events.append(
                Event(
                    kind=EventKind.CONTACT_LOST,
                    at=self.now.utc,
                    participant_id=participant_id,
                )
            )
        if self.now.monotonic >= lost + participant.orphaned_after.total_seconds():
            for record in self.clerk.desk.of(participant_id):
                if record.until is None:
                    self.clerk.leave(record, EndReason.CONTACT_LOST)

    def _due(self, record: Record) -> None:
        """Begin or end a command whose time has come."""
        now = self.now.monotonic
        over = record.ends is not None and record.ends <= now
        if record.phase is Phase.SCHEDULED and record.starts <= now:
            try:
                self.clerk.judge.still(record)
            except Refused as err:
                self.clerk.end(
                    record, EndReason.NOT_STARTED, verdict=err.verdict.reason
                )
            else:
                self.clerk.engage(record)
                self.clerk.begin(record)
        elif over and record.phase is not Phase.SCHEDULED:
            self.clerk.end(record, EndReason.EXPIRED)

    def _recover(self, record: Record) -> None:
        """Find out what became of what an earlier run was stopped in; it is never done twice."""
        if record.phase is not Phase.STARTING:
            return
        body = record.command.body
        if not record.recovered or not isinstance(body, SetItem):
            return
        item = self.clerk.ports.home.items().get(body.item_id)
        if item is not None and item.shown:
            return
        shown = self.clerk.ports.home.read(body.item_id)
        wanted = self.clerk.wanted(record)
        if shown is not None and wanted is not None and shown.value == wanted:
            effect = self.clerk.effective(EffectReason.COMMANDED)
            self.clerk.outcome(record, "found", effect)
        elif (
            shown is not None or self.now.monotonic > self.watch.started + FIRST_READING
        ):
            self.clerk.failed(
                record,
                self.clerk.ineffective(EffectReason.INTERRUPTED, EffectState.UNKNOWN),
            )

    def _recover_writings(self) -> None:
        for item_id, writing in list(self.clerk.desk.writings.items()):
            if not writing.recovered:
                continue
            shown = self.clerk.ports.home.read(item_id)
            value = None if shown is None else codec.write_value(shown.value)
            if value is None:
                if self.now.monotonic > self.watch.started + FIRST_READING:
                    self.clerk.settled(item_id, "unknown")
            elif value == writing.value:
                self.clerk.settled(item_id, "found")
            elif writing.why != "limit" and value == writing.expected:
                # Still as the command left it: it was not written.
                self.clerk.settled(item_id, "resumed")
                self.clerk.write(
                    item_id,
                    Writing(
                        value=writing.value, why=writing.why, expected=writing.expected
                    ),
                )
            else:
                self.clerk.settled(item_id, "unknown")

    def _observe(self, record: Record) -> None:
        """See whether the home is where an active command wants it."""
        if record.phase is not Phase.ACTIVE:
            return
        if isinstance(record.command.body, SetItem):
            self._observe_item(record, record.command.body)
        elif record.direction in self.clerk.house.measured:
            self._observe_limit(record, record.direction)

    def _observe_item(self, record: Record, body: SetItem) -> None:
        item = self.clerk.ports.home.items().get(body.item_id)
        if item is None or item.shown:
            return
        shown = self.clerk.ports.home.read(body.item_id)
        wanted = self.clerk.wanted(record)
        good = (
            record.effect is not None and record.effect.state is EffectState.EFFECTIVE
        )
        if shown is not None and shown.value == wanted:
            self.watch.off.pop(record.key, None)
            if not good:
                self.clerk.effect(record, self.clerk.effective(EffectReason.COMMANDED))
        elif good and shown is not None:
            # It was there, and somebody else moved it.
            self.clerk.draft.row(
                Kind.DEVIATION,
                {"item": body.item_id, "value": codec.write_value(shown.value)},
                record.key,
            )
            self.clerk.draft.event(EventKind.DEVIATION, record, EffectReason.DEVIATION)
            self.clerk.effect(record, self.clerk.ineffective(EffectReason.DEVIATION))
        elif not good:
            self._off(record, known=shown is not None)

    def _observe_limit(self, record: Record, direction: Direction) -> None:
        limit = record.limit_at(self.now)
        if limit is None:
            self.watch.off.pop(record.key, None)
            return
        power = self.clerk.power(direction)
        if power is None or power.watts > limit:
            self._off(record, known=power is not None)
            return
        self.watch.off.pop(record.key, None)
        if record.effect is not None and record.effect.state is EffectState.EFFECTIVE:
            return
        before = record.measured.before
        needed = (before is not None and before > limit) or bool(
            self.clerk.desk.lowered.get(direction)
        )
        reason = EffectReason.COMMANDED if needed else EffectReason.ALREADY_BELOW
        self.clerk.effect(record, self.clerk.effective(reason), power)

    def _off(self, record: Record, known: bool) -> None:
        """Note that something is not as it should be; after a while that is a failure."""
        since = self.watch.off.setdefault(record.key, self.now.monotonic)
        failed = record.effect is not None and record.effect.state is EffectState.FAILED
        patience = self.clerk.house.rules.effect.total_seconds()
        if not failed and self.now.monotonic - since >= patience:
            reason = (
                EffectReason.UNABLE if known else EffectReason.COMMUNICATION_FAILURE
            )
            power = None
            if record.direction is not None:
                power = self.clerk.power(record.direction)
            self.clerk.effect(record, self.clerk.ineffective(reason), power)

    def _sample(self, direction: Direction) -> None:
        """Take the power once a minute under a limit, and write it down every quarter of an hour."""
        if direction not in self.clerk.house.measured:
            return
        limit = house_limit(self.clerk.desk, direction, self.now)
        whose = None if limit is None else limit.whose
        if whose != self.watch.sampled_for.get(direction):
            self._write_samples(direction)
        due = self.watch.sampled.get(direction, self.now.monotonic - SAMPLE) + SAMPLE
        if limit is None or whose is None or self.now.monotonic < due:
            return
        self.watch.sampled[direction] = self.now.monotonic
        self.watch.sampled_for[direction] = whose
        power = self.clerk.power(direction)
        watts = None if power is None else number(power.watts)
        samples = self.watch.samples.setdefault(direction, [])
        samples.append([moment(self.now.utc), number(limit.watts), watts])
        for record in self.clerk.desk.limits(direction):
            own = record.limit_at(self.now)
            if power is not None and own is not None:
                so_far = self.watch.measured.get(record.key, record.measured)
                self.watch.measured[record.key] = so_far.sampled(power.watts, own)
        if len(samples) >= SAMPLES_PER_ROW:
            self._write_samples(direction)

    def _write_samples(self, direction: Direction) -> None:
        whose = self.watch.sampled_for.pop(direction, None)
        samples = self.watch.samples.pop(direction, [])
        if samples:
            data: dict[str, Json] = {"direction": direction, "samples": samples}
            self.clerk.draft.row(Kind.MEASURED, data, whose)
        for record in list(self.clerk.desk.limits(direction)):
            measured = self.watch.measured.pop(record.key, None)
            if measured is not None:
                self.clerk.draft.change(record, measured=measured)

    def _meter(self) -> None:
        """Write down each new meter reading under a limit, and the first one after it."""
        found = self.clerk.ports.meters.registers()
        newest = max((reading.at for reading in found), default=None)
        if newest is None:
            return
        limited = {
            record.key[0]
            for direction in Direction
            for record in self.clerk.desk.limits(direction)
            if record.limit_at(self.now) is not None
        }
        for participant in sorted(limited | self.watch.ended.keys()):
            known = self.watch.metered.get(participant)
            if known is None or newest > known:
                self.watch.metered[participant] = newest
                data: dict[str, Json] = {"registers": receipt.readings(found)}
                self.clerk.draft.row(Kind.METERED, data, participant)
            ended = self.watch.ended.get(participant)
            if ended is not None and newest >= ended:
                del self.watch.ended[participant]
                self.clerk.draft.remember(f"ended/{participant}", None)

    def _carry_out(self, direction: Direction) -> None:
        """Lower executors under a limit, and give them back what they had afterwards."""
        desk, rules = self.clerk.desk, self.clerk.house.rules
        limit = house_limit(desk, direction, self.now)
        executors = self.clerk.house.executors.get(direction, ())
        if limit is None:
            self._give_back(direction)
            return
        self.watch.restore.pop(direction, None)
        measured = direction in self.clerk.house.measured
        power = self.clerk.power(direction)
        since = self.now.monotonic - self.watch.acted.get(direction, float("-inf"))
        if measured and since < rules.settle.total_seconds():
            power = None
        shown = {
            executor.item_id: reading.value
            for executor in executors
            if (reading := self.clerk.ports.home.read(executor.item_id)) is not None
            and executor.item_id not in desk.writings
            and self.watch.may_write(executor.item_id, self.now.monotonic)
        }
        watts = None if power is None else power.watts
        for step in plan(limit.watts, watts, executors, shown, measured):
            self.watch.acted[direction] = self.now.monotonic
            self._lower(direction, step.item_id, step.value, shown[step.item_id])

    def _lower(
        self, direction: Direction, item_id: str, value: Value, shown: Value
    ) -> None:
        desk = self.clerk.desk
        holder = desk.holder(item_id)
        if holder is not None:
            owner = self.clerk.participants.get(holder.key[0])
            if owner is None or owner.priority < Priority.GRID:
                self.clerk.end(holder, EndReason.OUTRANKED)
        before, after = codec.write_value(shown), codec.write_value(value)
        known = desk.lowered.get(direction, {}).get(item_id)
        if known is not None and known.set == before:
            before = known.before
        self.clerk.draft.lower(direction, item_id, Lowered(before=before, set=after))
        self.clerk.write(
            item_id,
            Writing(value=after, why="limit", expected=codec.write_value(shown)),
        )

    def _give_back(self, direction: Direction) -> None:
        lowered = self.clerk.desk.lowered.get(direction)
        if not lowered:
            return
        back = self.watch.restore.setdefault(direction, self._way_back())
        if self.now.monotonic < back.due:
            return
        self.watch.restore[direction] = back.after()
        for item_id, was in reversed(list(lowered.items())):
            if item_id in self.clerk.desk.writings:
                continue
            shown = self.clerk.ports.home.read(item_id)
            if shown is None:
                continue
            value = codec.write_value(shown.value)
            if value == was.set:
                self.watch.retries.pop(item_id, None)
                self._step_back(direction, item_id, was, shown.value, back.left)
            elif value == was.before or self.watch.may_write(
                item_id, self.now.monotonic
            ):
                # Who changed it meanwhile wants it so.
                self.clerk.draft.lower(direction, item_id, None)

    def _step_back(
        self,
        direction: Direction,
        item_id: str,
        was: Lowered,
        shown: Value,
        left: int,
    ) -> None:
        """Write what an item is to have next on its way to what it had before."""
        executors = self.clerk.house.executors.get(direction, ())
        executor = next((e for e in executors if e.item_id == item_id), None)
        item = self.clerk.ports.home.items().get(item_id)
        before = None if item is None else codec.read_value(item, was.before)
        value = was.before
        if before is not None:
            value = codec.write_value(step_back(shown, before, left, executor))
        there = value == was.before
        self.clerk.draft.lower(
            direction, item_id, None if there else Lowered(before=was.before, set=value)
        )
        if value != was.set:
            self.clerk.write(
                item_id, Writing(value=value, why="restore", expected=was.set)
            )

    def _way_back(self) -> WayBack:
        rules = self.clerk.house.rules
        wait = self.watch.random() * rules.restore.total_seconds()
        pauses = ceil(rules.ramp / rules.settle)
        pace = rules.ramp.total_seconds() / max(1, pauses)
        return WayBack(self.now.monotonic + wait, pauses + 1, pace)


def _next_moment(record: Record) -> tuple[float, bool]:
    """Sort by what comes next; of what comes at the same time, ends go before starts."""
    begins = record.phase is Phase.SCHEDULED
    ends = float("inf") if record.ends is None else record.ends
    return record.starts if begins else ends, begins
