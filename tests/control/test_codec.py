"""Commands as JSON, there and back."""

from contextlib import suppress
from copy import deepcopy
from decimal import Decimal
import json
from typing import Any

from hypothesis import given, strategies as st
import pytest

from custom_components.smgw.control import canonical
from custom_components.smgw.control.codec import (
    MOST_SLOTS,
    content,
    read_command,
    written,
)
from custom_components.smgw.control.command import Command, Door, Origin, SetLimit
from custom_components.smgw.control.errors import InvalidInput
from custom_components.smgw.control.model import Direction
from custom_components.smgw.control.reasons import Reason

ORIGIN = Origin(door=Door.CLS, outer="ab" * 32)
FRAME = {
    "transaction_id": "a5d53839-3394-4e46-85e8-df61c39d9e1b",
    "created": "2026-11-20T10:00:00Z",
}
LIMIT = {"direction": "consumption", "kind": "para14a", "watts": "4200"}
SLOT = {"from": "2026-11-20T10:00:00Z", "until": "2026-11-20T10:15:00Z"}
NEXT = {"from": "2026-11-20T10:15:00Z", "until": "2026-11-20T10:30:00Z"}
GOOD: list[dict[str, Any]] = [
    {"limit": LIMIT, "until": None},
    {"limit": LIMIT, "until": "2026-11-20T12:00:00Z", "from": "2026-11-20T11:00:00Z"},
    {"limit": LIMIT, "duration_s": 7200, "initial_id": FRAME["transaction_id"]},
    {
        "limit": {"direction": "production", "kind": "test", "percent": 60},
        "until": None,
    },
    {"item": {"id": "switch.boiler", "value": True}, "duration_s": 1},
    {"item": {"id": "number.x", "value": Decimal("21.5"), "unit": "°C"}, "until": None},
    {"item": {"id": "select.mode", "value": "eco"}, "until": None},
    {
        "schedule": {
            "direction": "consumption",
            "kind": "contract",
            "slots": [SLOT | {"watts": 3000}, NEXT | {"watts": "4200.5"}],
        }
    },
    {"prices": {"unit": "ct/kWh", "slots": [SLOT | {"price": "-3.25"}]}},
    {"release": {}},
    {"release": {"direction": "production"}},
    {"release": {"item": "switch.boiler", "transaction_id": FRAME["transaction_id"]}},
    {"failsafe": {"direction": "consumption", "watts": 4200, "minimum_s": 7200}},
]


def read(fields: Any) -> Command:
    """Read a command, with the usual frame around it."""
    return read_command(FRAME | fields, "grid", ORIGIN)


@pytest.mark.parametrize("fields", GOOD)
def test_good(fields: dict[str, Any]) -> None:
    """What was read and written is read again as the same, also through a file."""
    command = read(fields)
    again = read_command(json.loads(canonical.encode(written(command))), "grid", ORIGIN)
    assert content(again) == content(command)
    assert written(again) == written(command)
    if not isinstance(fields.get("item", {}).get("value"), Decimal):
        # whether a text is a number or a choice only the item knows
        assert again == command


def test_read_as_said() -> None:
    """The fields are where they belong."""
    command = read(GOOD[1])
    body = command.body
    assert isinstance(body, SetLimit)
    assert (body.direction, body.watts) == (Direction.CONSUMPTION, 4200)
    assert (command.until - command.start).total_seconds() == 3600  # type: ignore[operator]
    assert command.key == ("grid", FRAME["transaction_id"])
    assert command.origin is ORIGIN


def test_same_content() -> None:
    """Ids, time of making and the way to write a number do not make another command."""
    one = read(GOOD[0])
    two = read_command(
        {
            "created": "2026-11-20T10:01:00+01:00",
            "transaction_id": "b5d53839-3394-4e46-85e8-df61c39d9e1b",
            "initial_id": FRAME["transaction_id"],
            "limit": LIMIT | {"watts": 4200, "scope": "connection"},
            "until": None,
        },
        "grid",
        ORIGIN,
    )
    assert content(one) == content(two)
    assert one.key == two.key
    other = read({"limit": LIMIT | {"watts": "4200.1"}, "until": None})
    assert content(one) != content(other)


BAD: list[tuple[Any, Reason, str]] = [
    ({}, Reason.MISSING_FIELD, "command"),
    (GOOD[0] | GOOD[9], Reason.MALFORMED, "command"),
    ({"limit": LIMIT}, Reason.MISSING_FIELD, "until"),
    ({"limit": LIMIT, "until": None, "duration_s": 5}, Reason.MALFORMED, "until"),
    ({"limit": LIMIT, "until": "2026-11-20T12:00:00"}, Reason.NO_TIME_ZONE, "until"),
    (
        GOOD[1] | {"until": "2026-11-20T11:00:00Z"},
        Reason.INVALID_SPAN,
        "until",
    ),
    (GOOD[0] | {"transaction_id": "1"}, Reason.INVALID_ID, "transaction_id"),
    (GOOD[0] | {"extra": 1}, Reason.UNKNOWN_FIELD, "command"),
    ({"limit": [], "until": None}, Reason.MALFORMED, "limit"),
    ({"limit": LIMIT | {"percent": 5}, "until": None}, Reason.MALFORMED, "limit.watts"),
    (
        {"limit": {"direction": "consumption", "kind": "test"}, "until": None},
        Reason.MISSING_FIELD,
        "limit.watts",
    ),
    (
        {"limit": LIMIT | {"watts": -1}, "until": None},
        Reason.NUMBER_OUT_OF_RANGE,
        "limit.watts",
    ),
    (
        {"limit": LIMIT | {"watts": 10_000_001}, "until": None},
        Reason.NUMBER_OUT_OF_RANGE,
        "limit.watts",
    ),
    (
        {"limit": LIMIT | {"watts": Decimal("NaN")}, "until": None},
        Reason.NOT_A_NUMBER,
        "limit.watts",
    ),
    (
        {"limit": LIMIT | {"direction": "both"}, "until": None},
        Reason.MALFORMED,
        "limit.direction",
    ),
    (
        {"limit": LIMIT | {"kw": "4.2"}, "until": None},
        Reason.UNKNOWN_FIELD,
        "limit",
    ),
    (
        {"item": {"id": "switch.boiler"}, "until": None},
        Reason.MISSING_FIELD,
        "item.value",
    ),
    (
        {"item": {"id": "a", "value": None}, "until": None},
        Reason.NOT_A_NUMBER,
        "item.value",
    ),
    (
        {"item": {"id": "a", "value": "e\u200bco"}, "until": None},
        Reason.INVALID_TEXT,
        "item.value",
    ),
    (
        {"item": {"id": "a", "value": 1, "unit": "x" * 17}, "until": None},
        Reason.TOO_LARGE,
        "item.unit",
    ),
    (GOOD[9] | {"until": None}, Reason.UNKNOWN_FIELD, "until"),
    (GOOD[9] | {"from": "2026-11-20T12:00:00Z"}, Reason.UNKNOWN_FIELD, "from"),
    (
        {"failsafe": {"direction": "consumption"}},
        Reason.MISSING_FIELD,
        "failsafe.watts",
    ),
    ({"prices": {"unit": "€", "slots": []}}, Reason.WRONG_UNIT, "prices.unit"),
    (
        {"prices": {"unit": "ct/kWh", "slots": []}},
        Reason.MALFORMED,
        "prices.slots",
    ),
    (
        {"prices": {"unit": "ct/kWh", "slots": [SLOT | {"price": 1}] * 2}},
        Reason.INVALID_SPAN,
        "prices.slots",
    ),
    (
        {
            "prices": {
                "unit": "ct/kWh",
                "slots": [NEXT | {"price": 1}] * (MOST_SLOTS + 1),
            }
        },
        Reason.TOO_LARGE,
        "prices.slots",
    ),
]


@pytest.mark.parametrize(("fields", "reason", "where"), BAD)
def test_bad(fields: Any, reason: Reason, where: str) -> None:
    """Each mistake has its code and its place."""
    with pytest.raises(InvalidInput) as caught:
        read(fields)
    assert (caught.value.reason, caught.value.where) == (reason, where)


JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.decimals()
    | st.text()
    | st.sampled_from(["consumption", "test", "2026-11-20T10:00:00Z", "4200"]),
    lambda part: st.lists(part) | st.dictionaries(st.text(), part),
    max_leaves=10,
)


@given(st.data())
def test_any_junk(data: st.DataObject) -> None:
    """One good command with junk somewhere in it is read, or refused with a code."""
    fields = deepcopy(FRAME | data.draw(st.sampled_from(GOOD)))
    place: Any = fields
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        if not keys:
            return
        chosen = data.draw(st.sampled_from(keys))
        if not (isinstance(place[chosen], dict | list) and data.draw(st.booleans())):
            break
        place = place[chosen]
    place[chosen] = data.draw(JUNK)
    with suppress(InvalidInput):
        command = read_command(fields, "grid", ORIGIN)
        assert canonical.encode(written(command))


@given(JUNK)
def test_only_junk(sent: Any) -> None:
    """Anything at all is refused with a code."""
    with pytest.raises(InvalidInput):
        read_command(sent, "grid", ORIGIN)
