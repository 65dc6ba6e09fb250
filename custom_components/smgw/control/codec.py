"""Commands as JSON: what a door hands over, what the ledger keeps, what is hashed.

Reading is strict and raises InvalidInput with a stable code; what was read and written again
has the same content. The shapes are described in docs/ledger.md.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from . import canonical, values
from .canonical import Json
from .command import (
    Body,
    Command,
    Origin,
    Release,
    SetFailsafe,
    SetItem,
    SetLimit,
    SetPrices,
    SetSchedule,
    Slot,
)
from .errors import InvalidInput
from .model import Direction, Item, ItemKind, LimitKind, Value
from .reasons import Reason

# Two days of quarter hours and the hour of the time change.
MOST_SLOTS = 200
LONGEST = timedelta(days=3660)
# Powers beyond this are no household's: 10 MW.
MOST_WATTS = 10_000_000
_DIRECTIONS = {direction.value: direction for direction in Direction}
_KINDS = {kind.value: kind for kind in LimitKind}
_FRAME = ("transaction_id", "created")
_OPTIONAL = ("initial_id", "from", "until", "duration_s")
PRICE_UNITS = ("EUR/kWh", "ct/kWh")


def read_command(data: object, participant_id: str, origin: Origin) -> Command:
    """Read one command. Raises InvalidInput.

    Exactly one of `item`, `limit`, `schedule`, `prices`, `release`, `failsafe` says what it is.
    `item` and `limit` need a stated end: `until` (null: none), or `duration_s`.
    """
    frame = values.mapping(data, "command", _FRAME, (*_OPTIONAL, *_READERS))
    bodies = [name for name in _READERS if name in frame]
    if len(bodies) != 1:
        reason = Reason.MALFORMED if bodies else Reason.MISSING_FIELD
        raise InvalidInput(reason, "command")
    body = _READERS[bodies[0]](frame[bodies[0]])
    start, until, duration = _span(frame, body)
    initial = frame.get("initial_id")
    return Command(
        participant_id=participant_id,
        transaction_id=values.transaction(frame["transaction_id"], "transaction_id"),
        initial_id=None
        if initial is None
        else values.transaction(initial, "initial_id"),
        created=values.moment(frame["created"], "created"),
        start=start,
        until=until,
        duration=duration,
        body=body,
        origin=origin,
    )


def content(command: Command) -> dict[str, Json]:
    """Return what makes two commands the same: all but ids, time of making and origin."""
    written: dict[str, Json] = _body(command.body)
    if command.start is not None:
        written["from"] = canonical.moment(command.start)
    if isinstance(command.body, SetItem | SetLimit):
        if command.duration is not None:
            written["duration_s"] = int(command.duration.total_seconds())
        else:
            until = command.until
            written["until"] = None if until is None else canonical.moment(until)
    return written


def written(command: Command) -> dict[str, Json]:
    """Return a command as `read_command` reads it; the origin is not in it."""
    frame = content(command)
    frame["transaction_id"] = command.transaction_id
    frame["created"] = canonical.moment(command.created)
    if command.initial_id is not None:
        frame["initial_id"] = command.initial_id
    return frame


def write_value(value: Value | None) -> Json:
    """Return an item's value as JSON: numbers become texts."""
    return (
        value
        if value is None or isinstance(value, bool | str)
        else canonical.number(value)
    )


def read_value(item: Item, written: Json) -> Value | None:
    """Return an item's value that `write_value` wrote."""
    match written:
        case bool():
            return written
        case str():
            return Decimal(written) if item.kind is ItemKind.NUMBER else written
    return None


def _span(
    frame: Mapping[str, Any], body: Body
) -> tuple[datetime | None, datetime | None, timedelta | None]:
    start = frame.get("from")
    start = None if start is None else values.moment(start, "from")
    if not isinstance(body, SetItem | SetLimit):
        for name in ("until", "duration_s", "from"):
            if name in frame:
                raise InvalidInput(Reason.UNKNOWN_FIELD, name)
        return None, None, None
    if ("until" in frame) == ("duration_s" in frame):
        reason = Reason.MALFORMED if "until" in frame else Reason.MISSING_FIELD
        raise InvalidInput(reason, "until")
    if "duration_s" in frame:
        return start, None, values.seconds(frame["duration_s"], "duration_s", LONGEST)
    if frame["until"] is None:
        return start, None, None
    until = values.moment(frame["until"], "until")
    if start is not None and until <= start:
        raise InvalidInput(Reason.INVALID_SPAN, "until")
    return start, until, None


def _read_item(data: object) -> SetItem:
    fields = values.mapping(data, "item", ("id", "value"), ("unit",))
    value = fields["value"]
    if isinstance(value, str):
        # Whether it is a number or a choice only the item knows; both are checked there.
        value = values.text(value, "item.value")
    elif not isinstance(value, bool):
        value = values.number(value, "item.value")
    unit = fields.get("unit")
    return SetItem(
        item_id=values.identifier(fields["id"], "item.id"),
        value=value,
        unit=None if unit is None else values.text(unit, "item.unit", 16),
    )


def _read_limit(data: object) -> SetLimit:
    fields = values.mapping(
        data, "limit", ("direction", "kind"), ("watts", "percent", "scope")
    )
    if ("watts" in fields) == ("percent" in fields):
        reason = Reason.MALFORMED if "watts" in fields else Reason.MISSING_FIELD
        raise InvalidInput(reason, "limit.watts")
    watts = percent = None
    if "watts" in fields:
        watts = _within(fields["watts"], "limit.watts", MOST_WATTS)
    else:
        percent = _within(fields["percent"], "limit.percent", 100)
    return SetLimit(
        direction=values.choice(fields["direction"], "limit.direction", _DIRECTIONS),
        kind=values.choice(fields["kind"], "limit.kind", _KINDS),
        watts=watts,
        percent=percent,
        scope=values.identifier(fields.get("scope", "connection"), "limit.scope"),
    )


def _read_schedule(data: object) -> SetSchedule:
    fields = values.mapping(data, "schedule", ("direction", "kind", "slots"))
    return SetSchedule(
        direction=values.choice(fields["direction"], "schedule.direction", _DIRECTIONS),
        kind=values.choice(fields["kind"], "schedule.kind", _KINDS),
        slots=_read_slots(fields["slots"], "schedule.slots", "watts"),
    )


def _read_prices(data: object) -> SetPrices:
    fields = values.mapping(data, "prices", ("unit", "slots"))
    if fields["unit"] not in PRICE_UNITS:
        raise InvalidInput(Reason.WRONG_UNIT, "prices.unit")
    return SetPrices(
        unit=fields["unit"], slots=_read_slots(fields["slots"], "prices.slots", "price")
    )


def _read_slots(data: object, where: str, quantity: str) -> tuple[Slot, ...]:
    slots: list[Slot] = []
    for entry in values.sequence(data, where, MOST_SLOTS):
        fields = values.mapping(entry, where, ("from", "until", quantity))
        value = (
            _within(fields["watts"], f"{where}.watts", MOST_WATTS)
            if quantity == "watts"
            else values.number(fields["price"], f"{where}.price")
        )
        slot = Slot(
            start=values.moment(fields["from"], f"{where}.from"),
            end=values.moment(fields["until"], f"{where}.until"),
            value=value,
        )
        if slot.end <= slot.start or (slots and slot.start < slots[-1].end):
            raise InvalidInput(Reason.INVALID_SPAN, where)
        slots.append(slot)
    return tuple(slots)


def _read_release(data: object) -> Release:
    fields = values.mapping(
        data, "release", (), ("transaction_id", "direction", "item")
    )
    return Release(
        transaction_id=values.transaction(
            fields["transaction_id"], "release.transaction_id"
        )
        if "transaction_id" in fields
        else None,
        direction=values.choice(fields["direction"], "release.direction", _DIRECTIONS)
        if "direction" in fields
        else None,
        item_id=values.identifier(fields["item"], "release.item")
        if "item" in fields
        else None,
    )


def _read_failsafe(data: object) -> SetFailsafe:
    fields = values.mapping(data, "failsafe", ("direction",), ("watts", "minimum_s"))
    if "watts" not in fields and "minimum_s" not in fields:
        raise InvalidInput(Reason.MISSING_FIELD, "failsafe.watts")
    return SetFailsafe(
        direction=values.choice(fields["direction"], "failsafe.direction", _DIRECTIONS),
        watts=_within(fields["watts"], "failsafe.watts", MOST_WATTS)
        if "watts" in fields
        else None,
        minimum=values.seconds(fields["minimum_s"], "failsafe.minimum_s", LONGEST)
        if "minimum_s" in fields
        else None,
    )


def _within(value: object, where: str, most: int) -> Any:
    number = values.number(value, where)
    if not 0 <= number <= most:
        raise InvalidInput(Reason.NUMBER_OUT_OF_RANGE, where)
    return number


_READERS: dict[str, Callable[[object], Body]] = {
    "item": _read_item,
    "limit": _read_limit,
    "schedule": _read_schedule,
    "prices": _read_prices,
    "release": _read_release,
    "failsafe": _read_failsafe,
}


def _body(body: Body) -> dict[str, Json]:
    match body:
        case SetItem():
            return {
                "item": _stated(
                    id=body.item_id, value=write_value(body.value), unit=body.unit
                )
            }
        case SetLimit():
            return {
                "limit": _stated(
                    direction=body.direction,
                    kind=body.kind,
                    scope=body.scope,
                    watts=_number(body.watts),
                    percent=_number(body.percent),
                )
            }
        case SetSchedule():
            slots = _write_slots(body.slots, "watts")
            return {
                "schedule": _stated(
                    direction=body.direction, kind=body.kind, slots=slots
                )
            }
        case SetPrices():
            slots = _write_slots(body.slots, "price")
            return {"prices": _stated(unit=body.unit, slots=slots)}
        case Release():
            return {
                "release": _stated(
                    transaction_id=body.transaction_id,
                    direction=body.direction,
                    item=body.item_id,
                )
            }
        case SetFailsafe():
            minimum = body.minimum
            return {
                "failsafe": _stated(
                    direction=body.direction,
                    watts=_number(body.watts),
                    minimum_s=None if minimum is None else int(minimum.total_seconds()),
                )
            }


def _stated(**fields: Json) -> dict[str, Json]:
    return {name: value for name, value in fields.items() if value is not None}


def _number(value: Decimal | None) -> str | None:
    return None if value is None else canonical.number(value)


def _write_slots(slots: tuple[Slot, ...], quantity: str) -> list[Json]:
    return [
        {
            "from": canonical.moment(slot.start),
            "until": canonical.moment(slot.end),
            quantity: canonical.number(slot.value),
        }
        for slot in slots
    ]
