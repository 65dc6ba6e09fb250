"""One text for one value."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
import json
from typing import Any

from hypothesis import given, strategies as st
import pytest

from custom_components.smgw.control.canonical import (
    LARGEST,
    NotCanonical,
    digest,
    encode,
    moment,
    number,
)

KEYS = st.from_regex(r"[a-z][a-z0-9_]{0,5}", fullmatch=True)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-LARGEST, LARGEST) | st.text(),
    lambda part: st.lists(part) | st.dictionaries(KEYS, part),
    max_leaves=20,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        # the vectors of RFC 8785, 3.2.2 and 3.2.4, as far as our types go
        (
            {
                "string": "\u20ac$\u000f\nA'\u0042\u0022\u005c\\\"/",
                "literals": [None, True, False],
            },
            '{"literals":[null,true,false],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
        ),
        ({"b": 1, "a": {"d": [], "c": {}}}, '{"a":{"c":{},"d":[]},"b":1}'),
        ("\x08\x0c\r\t\x7f\u2028\u00fc😂", '"\\b\\f\\r\\t\x7f\u2028ü😂"'),
        (-0, "0"),
        (LARGEST, "9007199254740991"),
    ],
)
def test_form(value: Any, text: str) -> None:
    """What the RFC writes for these, we write."""
    assert encode(value).decode() == text


@pytest.mark.parametrize(
    "value",
    [
        1.5,
        Decimal(1),
        LARGEST + 1,
        {"A": 1},
        {1: 1},
        {"ä": 1},
        b"x",
        {1},
        "\ud800",
        [object()],
    ],
)
def test_refused(value: Any) -> None:
    """What has no single form is a mistake of the caller."""
    with pytest.raises(NotCanonical):
        encode(value)


@given(VALUES)
def test_read_and_written_again(value: Any) -> None:
    """Any JSON reader gives back the value, and it is written the same."""
    written = encode(value)
    assert json.loads(written) == value
    assert encode(json.loads(written)) == written
    assert b"\n" not in written


@given(st.decimals(-(10**11), 10**11, places=6))
def test_number(value: Decimal) -> None:
    """Numbers of one size have one text, without exponent."""
    text = number(value)
    assert Decimal(text) == value
    assert "E" not in text.upper()
    assert number(value + Decimal("0.000000")) == text
    assert number(Decimal("-0.0")) == "0"
    assert number(Decimal("4200.0")) == number(Decimal("4.2e3")) == "4200"


def test_no_number() -> None:
    """What is no number has no text."""
    for value in (Decimal("NaN"), Decimal("Infinity")):
        with pytest.raises(NotCanonical):
            number(value)


def test_moment() -> None:
    """Times are UTC, all of one length, so their texts sort as they do."""
    berlin = timezone(timedelta(hours=1))
    assert (
        moment(datetime(2026, 1, 2, 3, 4, 5, tzinfo=berlin))
        == "2026-01-02T02:04:05.000000Z"
    )
    assert len(moment(datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC))) == 27
    with pytest.raises(NotCanonical):
        moment(datetime(2026, 1, 2))


def test_digest() -> None:
    """The same value, the same digest, whatever the order it was made in."""
    assert (
        digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1}) != digest({"a": 2, "b": 1})
    )
