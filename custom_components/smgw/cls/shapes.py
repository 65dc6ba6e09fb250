"""What we tell a participant, as JSON: only what it was granted, quantities as texts, times in UTC."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from ..control import codec
from ..control.canonical import Json, moment, number
from ..control.clock import Stamp
from ..control.command import SetPrices, SetSchedule
from ..control.keys import key_id
from ..control.ledger import Ledger
from ..control.model import (
    Access,
    Direction,
    Grant,
    Item,
    ItemGrant,
    LimitGrant,
    Participant,
    PriceGrant,
    ThingGrant,
)
from ..control.picture import Hold, Picture
from ..control.ports import Home
from ..control.record import Measured, Phase, Record
from ..control.reply import Answer
from .ports import About, Thing

NOTICE = (
    "Not a certified CLS component (BSI TR-03109-5); no means to fulfil §14a EnWG or §9 EEG; "
    "connecting to a gateway's CLS port needs the metering operator's consent; never break a seal; "
    "receipts are technical records, not a calibrated measurement."
)
type Object = dict[str, Any]


def root(
    participant: Participant, tunnel: str, about: About, ledger: Ledger, now: Stamp
) -> Object:
    """Return who we are, who asks, and what it may."""
    return {
        "api": "cls/v1",
        "software": {"name": "smgw", "version": about.version},
        "huid": about.huid,
        "certified": False,
        "notice": NOTICE,
        "participant": {
            "id": participant.participant_id,
            "name": participant.name,
            "role": participant.role,
            "tunnel": tunnel,
        },
        "grants": [_grant(grant) for grant in participant.grants],
        "clock": clock(now),
        "ledger": {
            "id": ledger.ledger_id,
            "key": key_id(ledger.point),
            "point": ledger.point,
            "newest": ledger.newest,
        },
    }


def clock(now: Stamp) -> Object:
    """Return what time it is, and who says so."""
    return {
        "now": moment(now.utc),
        "source": now.source,
        "offset_ms": round(now.offset.total_seconds() * 1000),
    }


def things(
    participant: Participant, all_things: Mapping[str, Thing], home: Home
) -> list[Object]:
    """Return the devices that are granted as a whole."""
    granted = participant.things
    items: dict[str, list[str]] = {}
    for item_id, item in home.items().items():
        if item.thing_id in granted and participant.item(item, Access.READ):
            items.setdefault(item.thing_id, []).append(item_id)
    return [
        {
            "id": thing_id,
            "name": thing.name,
            "kind": thing.kind,
            "items": sorted(items.get(thing_id, ())),
        }
        for thing_id, thing in sorted(all_things.items())
        if thing_id in granted
    ]


def items(participant: Participant, home: Home, picture: Picture) -> list[Object]:
    """Return the channels that are granted."""
    found = []
    for item_id, item in sorted(home.items().items()):
        shown = item_of(participant, item, home, picture.items.get(item_id))
        if shown is not None:
            found.append(shown)
    return found


def item_of(
    participant: Participant, item: Item, home: Home, hold: Hold | None
) -> Object | None:
    """Return one channel; None: this participant may not know of it."""
    grant = participant.item(item, Access.READ)
    if grant is None:
        return None
    whole = item.thing_id in participant.things
    writable = participant.item(item, Access.WRITE) is not None
    reading = home.read(item.item_id)
    lows = [low for low in (item.low, grant.low) if low is not None]
    highs = [high for high in (item.high, grant.high) if high is not None]
    return {
        "id": item.item_id,
        "thing": item.thing_id if whole else None,
        "name": item.name,
        "kind": item.kind,
        "access": Access.WRITE if writable else Access.READ,
        "unit": item.unit,
        "low": number(max(lows)) if lows else None,
        "high": number(min(highs)) if highs else None,
        "options": list(item.options) or None,
        "quality": "unavailable" if reading is None else "good",
        "value": None if reading is None else codec.write_value(reading.value),
        "at": None if reading is None else moment(reading.at),
        "held": None if hold is None else _held(hold, participant),
    }


def limits(
    participant: Participant, picture: Picture, own: Iterable[Record], now: Stamp
) -> list[Object]:
    """Return where the limits of each granted direction stand."""
    records = [record for record in own if record.phase is not Phase.SCHEDULED]
    found = []
    for direction in Direction:
        if participant.limits(direction) is None:
            continue
        machine = picture.supervision.get((participant.participant_id, direction))
        house = picture.limits.get(direction)
        counts = (
            house is not None and house.participant_id == participant.participant_id
        )
        applying: list[tuple[Decimal, datetime | None]] = []
        if house is not None and counts:
            applying = [(house.watts, house.until)]
        elif machine is not None and machine.applies is not None:
            applying = [(machine.applies, machine.until)]
        else:
            applying = [
                (watts, record.until if slot is None else slot.end)
                for record in records
                if record.direction is direction
                and (watts := record.limit_at(now)) is not None
                for slot in (record.slot_at(now),)
            ]
        watts, until = min(applying, key=lambda it: it[0], default=(None, None))
        found.append(
            {
                "direction": direction,
                "state": None if machine is None else machine.state,
                "watts": None if watts is None else number(watts),
                "until": _at(until),
                "failsafe_watts": None if machine is None else number(machine.failsafe),
                "counts": counts,
            }
        )
    return found


def answer(given: Answer) -> Object:
    """Return the answer to a command that was taken."""
    return {
        "transaction_id": given.transaction_id,
        "verdict": given.verdict.reason,
        "digest": given.digest,
        "received": _at(given.received),
        "start": _at(given.start),
        "until": _at(given.until),
    }


def line(record: Record) -> Object:
    """Return one open command for the list."""
    return {
        "transaction_id": record.key[1],
        "state": record.state,
        "start": moment(record.start),
        "until": _at(record.until),
        "command": codec.content(record.command),
    }


def command(
    record: Record, history: list[Mapping[str, Any]], receipts: list[Mapping[str, Any]]
) -> Object:
    """Return all about one command."""
    effect = record.effect
    return {
        "transaction_id": record.key[1],
        "state": record.state,
        "verdict": record.verdict.reason,
        "where": record.verdict.where,
        "digest": record.digest,
        "command": codec.content(record.command),
        "received": moment(record.received),
        "start": moment(record.start),
        "until": _at(record.until),
        "active": _at(record.active),
        "ended": _at(record.ended),
        "end": record.end,
        "watts": None if record.watts is None else number(record.watts),
        "effect": None
        if effect is None
        else {"state": effect.state, "reason": effect.reason, "at": moment(effect.at)},
        "power": _power(record.measured),
        "history": history,
        "receipts": receipts,
    }


def table(record: Record) -> Object:
    """Return a schedule or a price table."""
    body = record.command.body
    assert isinstance(body, SetSchedule | SetPrices)
    content = codec.content(record.command)
    (fields,) = (content[name] for name in ("schedule", "prices") if name in content)
    assert isinstance(fields, dict)
    return {
        **fields,
        "version": record.key[1],
        "state": record.state,
        "valid_until": moment(body.slots[-1].end),
    }


def _grant(grant: Grant) -> Object:
    match grant:
        case PriceGrant():
            return {"grant": "prices"}
        case LimitGrant():
            failsafe = grant.failsafe
            return {
                "grant": "limit",
                "direction": grant.direction,
                "low": number(grant.low),
                **_span(grant),
                "failsafe": None
                if failsafe is None
                else {
                    "watts": number(failsafe.watts),
                    "minimum_s": int(failsafe.minimum.total_seconds()),
                },
            }
        case ThingGrant():
            return {
                "grant": "thing",
                "thing": grant.thing_id,
                "access": grant.access,
                **_span(grant),
            }
        case ItemGrant():
            return {
                "grant": "item",
                "item": grant.item_id,
                "access": grant.access,
                "low": None if grant.low is None else number(grant.low),
                "high": None if grant.high is None else number(grant.high),
                **_span(grant),
            }


def _span(grant: LimitGrant | ThingGrant | ItemGrant) -> Object:
    longest = grant.longest
    return {
        "open_ended": grant.open_ended,
        "longest_s": None if longest is None else int(longest.total_seconds()),
    }


def _held(hold: Hold, participant: Participant) -> Object:
    if hold.participant_id != participant.participant_id:
        return {"by": "other"}
    return {
        "by": "you",
        "value": codec.write_value(hold.value),
        "until": _at(hold.until),
    }


def _power(measured: Measured) -> Object | None:
    said: dict[str, Json] = measured.written()
    if "total" in said:
        del said["total"]
        said["mean"] = number(round(measured.total / measured.samples, 1))
    return said or None


def _at(at: datetime | None) -> str | None:
    return None if at is None else moment(at)
