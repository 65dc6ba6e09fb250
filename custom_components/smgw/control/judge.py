"""Decides about a command. Pure: everything it needs is handed in, nothing is changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from . import values
from .clock import Stamp
from .command import (
    Command,
    Release,
    SetFailsafe,
    SetItem,
    SetLimit,
    SetPrices,
    SetSchedule,
    Verdict,
)
from .desk import Desk
from .errors import InvalidInput
from .model import (
    KINDS,
    Access,
    Direction,
    Item,
    ItemGrant,
    ItemKind,
    LimitGrant,
    LimitKind,
    Participant,
    Priority,
    ThingGrant,
    Value,
)
from .reasons import Reason
from .record import Record
from .settings import House

POSSIBLE = Verdict(reason=Reason.POSSIBLE)


class Refused(Exception):
    """The command is refused; carries why."""

    def __init__(self, reason: Reason, where: str | None = None) -> None:
        """Name the code and the field it is about."""
        super().__init__(reason)
        self.verdict = Verdict(reason=reason, where=where)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a command means here and now."""

    start: datetime
    until: datetime | None
    watts: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """What a judgement rests on."""

    house: House
    participants: Mapping[str, Participant]
    items: Mapping[str, Item]
    desk: Desk
    now: Stamp

    def judge(self, command: Command, override: bool = False) -> Order:
        """Return what a command means. Raises Refused.

        `override` is the owner's own hand, which goes before contracts.
        """
        participant = self.participants[command.participant_id]
        self._fresh(command)
        order = self._order(participant, command)
        open_ones = sum(1 for _ in self.desk.of(participant.participant_id))
        if open_ones >= participant.most_open and not isinstance(command.body, Release):
            raise Refused(Reason.TOO_MANY)
        if isinstance(command.body, SetItem) and order.start <= self.now.utc:
            self.free(participant, command.body.item_id, override)
        return order

    def still(self, record: Record) -> None:
        """Judge again what was taken before, now that its time has come. Raises Refused."""
        participant = self.participants.get(record.key[0])
        if participant is None:
            raise Refused(Reason.UNKNOWN_PARTICIPANT)
        # By the monotonic clock: a wall clock that jumped takes no command away.
        if record.ends is not None and record.ends <= self.now.monotonic:
            raise Refused(Reason.OVER, "until")
        self._order(participant, record.command, again=True)
        if isinstance(body := record.command.body, SetItem):
            self.free(participant, body.item_id)

    def granted(self, record: Record) -> bool:
        """Say whether an open command would still be allowed."""
        participant = self.participants.get(record.key[0])
        if participant is None:
            return False
        match record.command.body:
            case SetItem(item_id=item_id):
                item = self.items.get(item_id)
                # An item that is away for a while, as after a start, takes no grant with it.
                return (
                    item is not None
                    and participant.item(item, Access.WRITE) is not None
                ) or (item is None and _names(participant, item_id))
            case SetLimit(direction=direction) | SetSchedule(direction=direction):
                return participant.limits(direction) is not None
            case SetPrices():
                return participant.prices
        return True

    def free(
        self, participant: Participant, item_id: str, override: bool = False
    ) -> None:
        """Check that nobody holds an item who goes before. Raises Refused."""
        for lowered in self.desk.lowered.values():
            if item_id in lowered and participant.priority < Priority.GRID:
                raise Refused(Reason.OUTRANKED, "item")
        holder = self.desk.holder(item_id)
        if holder is None or holder.key[0] == participant.participant_id:
            return
        other = self.participants.get(holder.key[0])
        if other is None:
            return
        if override and participant.at_home:
            if other.priority >= Priority.GRID:
                raise Refused(Reason.PROTECTED, "item")
        elif other.priority > participant.priority:
            raise Refused(Reason.OUTRANKED, "item")
        elif other.priority == participant.priority:
            raise Refused(Reason.HELD, "item")

    def _fresh(self, command: Command) -> None:
        age = self.now.utc - command.created
        if age > self.house.rules.freshness:
            raise Refused(Reason.STALE, "created")
        if -age > self.house.rules.freshness:
            raise Refused(Reason.FROM_THE_FUTURE, "created")

    def _order(
        self, participant: Participant, command: Command, again: bool = False
    ) -> Order:
        match command.body:
            case SetItem():
                item, item_grant = self._item(participant, command.body)
                fit(item, item_grant, command.body)
                return self._span(command, item_grant, again)
            case SetLimit():
                grant = self._limits(
                    participant, command.body.direction, command.body.kind
                )
                watts = self._watts(participant, grant, command.body)
                order = self._span(command, grant, again)
                return Order(start=order.start, until=order.until, watts=watts)
            case SetSchedule():
                grant = self._limits(
                    participant, command.body.direction, command.body.kind
                )
                low = _lowest(participant, grant)
                if any(slot.value < low for slot in command.body.slots):
                    raise Refused(Reason.OUT_OF_BOUNDS, "schedule.slots")
                return self._slots(command.body, grant, again)
            case SetPrices():
                if not participant.prices:
                    raise Refused(Reason.NOT_GRANTED, "prices")
                return self._slots(command.body, None, again)
            case SetFailsafe():
                limits = participant.limits(command.body.direction)
                if limits is None or limits.failsafe is None:
                    raise Refused(Reason.NOT_GRANTED, "failsafe")
                failsafe = command.body.watts
                if failsafe is not None and failsafe < _lowest(participant, limits):
                    raise Refused(Reason.OUT_OF_BOUNDS, "failsafe.watts")
        return Order(start=self.now.utc, until=None)

    def _item(self, participant: Participant, body: SetItem) -> tuple[Item, ItemGrant]:
        item = self.items.get(body.item_id)
        # Who may not even read it does not learn that it exists.
        if item is None or participant.item(item, Access.READ) is None:
            raise Refused(Reason.UNKNOWN_ITEM, "item.id")
        grant = participant.item(item, Access.WRITE)
        if grant is None:
            raise Refused(Reason.NOT_GRANTED, "item.id")
        return item, grant

    def _limits(
        self, participant: Participant, direction: Direction, kind: LimitKind
    ) -> LimitGrant:
        grant = participant.limits(direction)
        if grant is None:
            raise Refused(Reason.NOT_GRANTED, "direction")
        if kind not in KINDS[participant.role]:
            raise Refused(Reason.KIND_NOT_ALLOWED, "kind")
        return grant

    def _watts(
        self, participant: Participant, grant: LimitGrant, body: SetLimit
    ) -> Decimal:
        if body.scope != "connection":
            raise Refused(Reason.UNKNOWN_SCOPE, "limit.scope")
        watts = body.watts
        if watts is None:
            nominal = self.house.nominal.get(body.direction)
            if nominal is None or body.percent is None:
                raise Refused(Reason.NO_NOMINAL_POWER, "limit.percent")
            watts = round(nominal * body.percent / 100, 3)
        if watts < _lowest(participant, grant):
            raise Refused(Reason.OUT_OF_BOUNDS, "limit.watts")
        return watts

    def _span(
        self, command: Command, grant: ItemGrant | LimitGrant, again: bool
    ) -> Order:
        now = self.now.utc
        start = max(command.start or now, now)
        until = command.until
        if command.duration is not None:
            until = start + command.duration
        if again:
            return Order(start=start, until=until)
        if start - now > self.house.rules.ahead:
            raise Refused(Reason.TOO_FAR_AHEAD, "from")
        if until is None:
            if not grant.open_ended:
                raise Refused(Reason.NO_END, "until")
        elif until <= now:
            raise Refused(Reason.OVER, "until")
        elif grant.longest is not None and until - start > grant.longest:
            raise Refused(Reason.TOO_LONG, "until")
        return Order(start=start, until=until)

    def _slots(
        self, body: SetSchedule | SetPrices, grant: LimitGrant | None, again: bool
    ) -> Order:
        now, first, last = self.now.utc, body.slots[0].start, body.slots[-1].end
        if again:
            return Order(start=now, until=last)
        if last <= now:
            raise Refused(Reason.OVER, "slots")
        if first - now > self.house.rules.ahead:
            raise Refused(Reason.TOO_FAR_AHEAD, "slots")
        if (
            grant is not None
            and grant.longest is not None
            and last - first > grant.longest
        ):
            raise Refused(Reason.TOO_LONG, "slots")
        # A price table is shown as soon as it is there.
        return Order(start=now if grant is None else max(first, now), until=last)


def fit(item: Item, grant: ItemGrant, body: SetItem) -> Value:
    """Return the value as the item takes it. Raises Refused."""
    value = body.value
    match item.kind:
        case ItemKind.SWITCH if isinstance(value, bool):
            return value
        case ItemKind.CHOICE if isinstance(value, str):
            if value not in item.options:
                raise Refused(Reason.OUT_OF_BOUNDS, "item.value")
            return value
        case ItemKind.NUMBER if not isinstance(value, bool):
            try:
                amount = values.number(value, "item.value")
            except InvalidInput as err:
                raise Refused(err.reason, err.where) from err
            if body.unit != item.unit:
                raise Refused(Reason.WRONG_UNIT, "item.unit")
            for low in (item.low, grant.low):
                if low is not None and amount < low:
                    raise Refused(Reason.OUT_OF_BOUNDS, "item.value")
            for high in (item.high, grant.high):
                if high is not None and amount > high:
                    raise Refused(Reason.OUT_OF_BOUNDS, "item.value")
            return amount
    raise Refused(Reason.WRONG_KIND, "item.value")


def _lowest(participant: Participant, grant: LimitGrant) -> Decimal:
    """Return the smallest limit this participant may set: the grid operator is obeyed below it, too."""
    return Decimal(0) if participant.priority >= Priority.GRID else grant.low


def _names(participant: Participant, item_id: str) -> bool:
    """Say whether some grant may reach an item that is not there at present."""
    return participant.at_home or any(
        isinstance(grant, ThingGrant)
        or (isinstance(grant, ItemGrant) and grant.item_id == item_id)
        for grant in participant.grants
    )
