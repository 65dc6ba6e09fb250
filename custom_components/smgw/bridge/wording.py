"""What a command orders, as data of events and actions; powers and prices as numbers, times as ISO 8601."""

from decimal import Decimal
from typing import Any

from ..const_control import (
    ATTR_COMMAND,
    ATTR_DIRECTION,
    ATTR_ITEM,
    ATTR_KIND,
    ATTR_SLOTS,
    ATTR_VALUE,
    ATTR_WATTS,
)
from ..control.command import (
    Release,
    SetFailsafe,
    SetItem,
    SetLimit,
    SetPrices,
    SetSchedule,
)
from ..control.model import Value


def plain(value: Value | None) -> bool | float | str | None:
    """Return a value as Home Assistant's states and templates take it."""
    return float(value) if isinstance(value, Decimal) else value


def described(body: object) -> dict[str, Any]:
    """Return what a command orders; nothing for what was no command."""
    match body:
        case SetItem():
            said = {ATTR_ITEM: body.item_id, ATTR_VALUE: plain(body.value)}
            return {ATTR_COMMAND: "item", **said}
        case SetLimit():
            return {
                ATTR_COMMAND: "limit",
                ATTR_DIRECTION: body.direction.value,
                ATTR_KIND: body.kind.value,
                ATTR_WATTS: plain(body.watts),
                "percent": plain(body.percent),
            }
        case SetSchedule():
            return {
                ATTR_COMMAND: "schedule",
                ATTR_DIRECTION: body.direction.value,
                ATTR_KIND: body.kind.value,
                ATTR_SLOTS: len(body.slots),
            }
        case SetPrices():
            return {ATTR_COMMAND: "prices", ATTR_SLOTS: len(body.slots)}
        case Release():
            return {ATTR_COMMAND: "release"}
        case SetFailsafe():
            return {
                ATTR_COMMAND: "failsafe",
                ATTR_DIRECTION: body.direction.value,
                ATTR_WATTS: plain(body.watts),
            }
    return {}
