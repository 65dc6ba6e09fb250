"""From the present state to the picture that is shown."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from . import codec
from .clock import Stamp
from .command import SetItem, SetPrices
from .desk import Desk
from .judge import Refused, fit
from .limitation import LimitState
from .model import Access, Direction, Item, Participant, Value
from .picture import Hold, HouseLimit, Line, Picture, Supervision
from .record import Phase, Record

_SELF_RESTRAINT = frozenset({LimitState.INIT, LimitState.FAILSAFE})


def house_limits(desk: Desk, direction: Direction, now: Stamp) -> Iterator[HouseLimit]:
    """Yield all limits of a direction that count now, commanded or out of caution."""
    for record in desk.limits(direction):
        watts = record.limit_at(now)
        if watts is not None:
            yield HouseLimit(
                watts=watts,
                until=_until(record, now),
                participant_id=record.key[0],
                transaction_id=record.key[1],
            )
    for (participant, its), machine in desk.machines.items():
        if its is direction and machine.state in _SELF_RESTRAINT:
            yield HouseLimit(
                watts=machine.failsafe_watts,
                until=machine.until,
                participant_id=participant,
                transaction_id=None,
            )


def house_limit(desk: Desk, direction: Direction, now: Stamp) -> HouseLimit | None:
    """Return the smallest limit of a direction."""
    return min(
        house_limits(desk, direction, now), key=lambda it: it.watts, default=None
    )


def target(
    record: Record, items: Mapping[str, Item], participants: Mapping[str, Participant]
) -> Value | None:
    """Return the value a command wants its item to have; None if item or grant are gone."""
    body = record.command.body
    participant = participants.get(record.key[0])
    if not isinstance(body, SetItem) or participant is None:
        return None
    item = items.get(body.item_id)
    grant = None if item is None else participant.item(item, Access.WRITE)
    if item is None or grant is None:
        return None
    try:
        return fit(item, grant, body)
    except Refused:
        return None


def wanted(
    record: Record, items: Mapping[str, Item], participants: Mapping[str, Participant]
) -> Value | None:
    """Return the value a command wants its item to have, as it was resolved if it has begun; None while the item is not there."""
    body = record.command.body
    if record.value is None or not isinstance(body, SetItem):
        return target(record, items, participants)
    item = items.get(body.item_id)
    return None if item is None else codec.read_value(item, record.value)


def picture(
    desk: Desk,
    now: Stamp,
    items: Mapping[str, Item],
    participants: Mapping[str, Participant],
    fault: str | None,
) -> Picture:
    """Return how things stand."""
    limits = {d: house_limit(desk, d, now) for d in Direction}
    holds, prices = {}, {}
    for record in desk.records.values():
        participant, transaction = record.key
        body = record.command.body
        if record.phase is Phase.SCHEDULED:
            continue
        if isinstance(body, SetPrices):
            prices[participant] = body
        elif isinstance(body, SetItem):
            value = wanted(record, items, participants)
            if value is None:
                continue
            holds[body.item_id] = Hold(
                value=value,
                until=record.until,
                participant_id=participant,
                transaction_id=transaction,
            )
    return Picture(
        limits={d: limit for d, limit in limits.items() if limit is not None},
        items=holds,
        supervision={
            key: Supervision(
                state=machine.state,
                applies=machine.applies,
                until=machine.until,
                failsafe=machine.failsafe_watts,
            )
            for key, machine in desk.machines.items()
        },
        contacts=dict(desk.contacts),
        prices=prices,
        commands=tuple(_line(record) for record in desk.records.values()),
        fault=fault,
    )


def _line(record: Record) -> Line:
    participant, transaction = record.key
    return Line(
        participant_id=participant,
        transaction_id=transaction,
        body=record.command.body,
        state=record.state,
        start=record.start,
        until=record.until,
    )


def _until(record: Record, now: Stamp) -> datetime | None:
    slot = record.slot_at(now)
    return record.until if slot is None else slot.end
