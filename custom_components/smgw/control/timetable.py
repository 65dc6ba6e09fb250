"""When to look again."""

from collections.abc import Iterator, Mapping
from datetime import datetime, time, timedelta

from .clock import Stamp
from .command import SetSchedule
from .desk import Desk
from .model import Direction, Participant
from .overview import house_limit
from .record import EffectState, Phase, Record
from .settings import House
from .sight import Watch
from .watch import LOOK_AGAIN, SAMPLE


def next_look(
    desk: Desk,
    watch: Watch,
    house: House,
    participants: Mapping[str, Participant],
    now: Stamp,
) -> float:
    """Return the moment of the monotonic clock at which something becomes due, at the latest next midnight."""
    tomorrow = datetime.combine(
        now.utc.date() + timedelta(days=1), time(), now.utc.tzinfo
    )
    soon = now.monotonic + LOOK_AGAIN
    moments = [now.monotonic + (tomorrow - now.utc).total_seconds() + 1]
    moments += _of_participants(desk, participants)
    for record in desk.records.values():
        moments += _of_record(record, house, now)
    for direction in Direction:
        moments += _of_direction(desk, watch, house, direction, now)
    for item_id, writing in desk.writings.items():
        if writing.recovered:
            moments.append(soon)
        elif item_id in watch.retries:
            again = watch.retries[item_id][1]
            moments.append(again if again > now.monotonic else soon)
    return max(min(moments), now.monotonic)


def _of_participants(
    desk: Desk, participants: Mapping[str, Participant]
) -> Iterator[float]:
    for machine in desk.machines.values():
        if machine.due is not None:
            yield machine.due
    for name, contact in desk.contacts.items():
        participant = participants.get(name)
        if participant is None or participant.silence is None:
            continue
        lost = desk.heard[name] + participant.silence.total_seconds()
        if contact.present:
            yield lost
        elif any(record.until is None for record in desk.of(name)):
            yield lost + participant.orphaned_after.total_seconds()


def _of_record(record: Record, house: House, now: Stamp) -> Iterator[float]:
    if record.follows_clock:
        # The clock may be set right.
        yield now.monotonic + SAMPLE
    if record.phase is Phase.SCHEDULED:
        yield record.starts
        return
    if record.ends is not None:
        yield record.ends
    if isinstance(record.command.body, SetSchedule):
        for slot in record.command.body.slots:
            for edge in (slot.start, slot.end):
                due = record.starts + (edge - record.start).total_seconds()
                if due > now.monotonic:
                    yield due
    effective = (
        record.effect is not None and record.effect.state is EffectState.EFFECTIVE
    )
    watched = record.direction is None or record.direction in house.measured
    if record.phase is Phase.STARTING or (watched and not effective):
        yield now.monotonic + LOOK_AGAIN


def _of_direction(
    desk: Desk, watch: Watch, house: House, direction: Direction, now: Stamp
) -> Iterator[float]:
    limit = house_limit(desk, direction, now)
    if limit is not None:
        if direction in house.measured:
            yield watch.sampled.get(direction, now.monotonic) + SAMPLE
        if house.executors.get(direction):
            yield now.monotonic + LOOK_AGAIN
    elif desk.lowered.get(direction):
        back = watch.restore.get(direction)
        if back is not None and back.due > now.monotonic:
            yield back.due
        else:
            yield now.monotonic + LOOK_AGAIN
