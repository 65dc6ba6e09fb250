"""What strangers send: a clean value or a stable code."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given, strategies as st
import pytest

from custom_components.smgw.control import values
from custom_components.smgw.control.errors import InvalidInput
from custom_components.smgw.control.reasons import Reason

NUMBERS: list[tuple[Any, Decimal | Reason]] = [
    ("4200", Decimal(4200)),
    (4200, Decimal(4200)),
    ("-0.5", Decimal("-0.5")),
    ("-0", Decimal(0)),
    (Decimal("4.2e3"), Decimal(4200)),
    (Decimal("0.000001"), Decimal("0.000001")),
    ("999999999999.999999", Decimal("999999999999.999999")),
    ("1000000000000", Reason.NUMBER_OUT_OF_RANGE),
    (10**12, Reason.NUMBER_OUT_OF_RANGE),
    (10**4000, Reason.NUMBER_OUT_OF_RANGE),
    (Decimal("1e999999"), Reason.NUMBER_OUT_OF_RANGE),
    (Decimal("-1e999999"), Reason.NUMBER_OUT_OF_RANGE),
    (Decimal("1e-999999"), Reason.NUMBER_OUT_OF_RANGE),
    ("0.0000001", Reason.NUMBER_OUT_OF_RANGE),
    (Decimal("1." + "0" * 40 + "1"), Reason.NUMBER_OUT_OF_RANGE),
    ("9" * 5000, Reason.NOT_A_NUMBER),
    (Decimal("NaN"), Reason.NOT_A_NUMBER),
    (Decimal("sNaN"), Reason.NOT_A_NUMBER),
    (Decimal("-Infinity"), Reason.NOT_A_NUMBER),
    (float("nan"), Reason.NOT_A_NUMBER),
    (4200.0, Reason.NOT_A_NUMBER),
    ("NaN", Reason.NOT_A_NUMBER),
    ("1e3", Reason.NOT_A_NUMBER),
    ("4_200", Reason.NOT_A_NUMBER),
    ("4,2", Reason.NOT_A_NUMBER),
    (" 42", Reason.NOT_A_NUMBER),
    ("42\n", Reason.NOT_A_NUMBER),
    ("+42", Reason.NOT_A_NUMBER),
    ("٤٢", Reason.NOT_A_NUMBER),
    ("０", Reason.NOT_A_NUMBER),
    ("", Reason.NOT_A_NUMBER),
    (True, Reason.NOT_A_NUMBER),
    (None, Reason.NOT_A_NUMBER),
    ([], Reason.NOT_A_NUMBER),
]


def outcome(read: Callable[..., Any], *arguments: Any) -> Any:
    """Return what was read, or the code."""
    try:
        return read(*arguments)
    except InvalidInput as err:
        return err.reason if err.where == "field" else err


@pytest.mark.parametrize(("sent", "expected"), NUMBERS)
def test_number(sent: Any, expected: Decimal | Reason) -> None:
    """Plain decimal numbers of a sane size, and nothing else."""
    assert outcome(values.number, sent, "field") == expected


@pytest.mark.parametrize("sent", ["4200", 4200, Decimal("4.2e3"), "4200.000000"])
def test_number_is_plain(sent: Any) -> None:
    """People will see it: no power of ten."""
    assert str(values.number(sent, "field")) == "4200"


@given(st.decimals())
def test_any_decimal(sent: Decimal) -> None:
    """Whatever a parser makes of a JSON number, it is taken exactly or refused."""
    found = outcome(values.number, sent, "field")
    assert found in (Reason.NOT_A_NUMBER, Reason.NUMBER_OUT_OF_RANGE) or found == sent


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("2026-11-20T10:00:00Z", datetime(2026, 11, 20, 10, tzinfo=UTC)),
        ("2026-11-20T11:00:00.5+01:00", datetime(2026, 11, 20, 10, 0, 0, 500000, UTC)),
        ("2026-10-25T02:30:00+02:00", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
        (
            datetime(2026, 11, 20, 10, tzinfo=UTC),
            datetime(2026, 11, 20, 10, tzinfo=UTC),
        ),
        ("2026-11-20T10:00:00", Reason.NO_TIME_ZONE),
        (datetime(2026, 11, 20, 10), Reason.NO_TIME_ZONE),
        ("2026-11-20 10:00:00Z", Reason.INVALID_TIME),
        ("2026-11-20T10:00Z", Reason.INVALID_TIME),
        ("2026-11-20T10:00:00z", Reason.INVALID_TIME),
        ("2026-02-30T10:00:00Z", Reason.INVALID_TIME),
        ("2026-11-20T24:00:01Z", Reason.INVALID_TIME),
        ("2026-11-20T10:00:60Z", Reason.INVALID_TIME),
        ("2026-11-20T10:00:00+99:00", Reason.INVALID_TIME),
        ("0001-01-01T00:00:00+14:00", Reason.INVALID_TIME),
        ("9999-12-31T23:59:59-14:00", Reason.INVALID_TIME),
        ("1999-12-31T23:59:59Z", Reason.INVALID_TIME),
        ("２026-11-20T10:00:00Z", Reason.INVALID_TIME),
        (1763632800, Reason.INVALID_TIME),
        (None, Reason.INVALID_TIME),
    ],
)
def test_moment(sent: Any, expected: datetime | Reason) -> None:
    """RFC 3339 with a zone, in the years we live in."""
    assert outcome(values.moment, sent, "field") == expected


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("Stadtwerke Köln", "Stadtwerke Köln"),
        ("Ko\u0308ln", Reason.INVALID_TEXT),  # not composed
        ("Stadt\u200bwerke", Reason.INVALID_TEXT),  # zero width
        ("\u202etxt.exe", Reason.INVALID_TEXT),  # right to left
        ("a\u00a0b", Reason.INVALID_TEXT),  # a blank that does not break
        ("a\tb", Reason.INVALID_TEXT),
        ("a\x00b", Reason.INVALID_TEXT),
        ("a\u2028b", Reason.INVALID_TEXT),
        ("\ud800", Reason.INVALID_TEXT),
        ("\ue000", Reason.INVALID_TEXT),  # private
        ("\U000e0041", Reason.INVALID_TEXT),  # tag
        (" x", Reason.INVALID_TEXT),
        ("", Reason.INVALID_TEXT),
        ("x" * 121, Reason.TOO_LARGE),
        (5, Reason.MALFORMED),
    ],
)
def test_text(sent: Any, expected: str | Reason) -> None:
    """Names show what they are."""
    assert outcome(values.text, sent, "field") == expected


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("switch.wallbox", "switch.wallbox"),
        ("x" * 129, Reason.INVALID_ID),
        ("switch.wаllbox", Reason.INVALID_ID),  # a Cyrillic letter
        (".hidden", Reason.INVALID_ID),
        ("a b", Reason.INVALID_ID),
        ("a\n", Reason.INVALID_ID),
        ("", Reason.INVALID_ID),
        (None, Reason.MALFORMED),
    ],
)
def test_identifier(sent: Any, expected: str | Reason) -> None:
    """Ids are ASCII."""
    assert outcome(values.identifier, sent, "field") == expected


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (
            "A5D53839-3394-4E46-85E8-DF61C39D9E1B",
            "a5d53839-3394-4e46-85e8-df61c39d9e1b",
        ),
        ("a5d5383933944e4685e8df61c39d9e1b", Reason.INVALID_ID),
        ("{a5d53839-3394-4e46-85e8-df61c39d9e1b}", Reason.INVALID_ID),
        ("a5d53839-3394-4e46-85e8-df61c39d9e1b\n", Reason.INVALID_ID),
        # small letters of which are ASCII, or look so
        ("a5d53839-3394-4e46-85e8-df61c39d9e1\u212a", Reason.INVALID_ID),
        (7, Reason.MALFORMED),
    ],
)
def test_transaction(sent: Any, expected: str | Reason) -> None:
    """A UUID in one writing."""
    assert outcome(values.transaction, sent, "field") == expected


def test_small_ones() -> None:
    """Spans, words and flags are strict, too."""
    day = timedelta(days=1)
    assert outcome(values.seconds, 60, "field", day) == timedelta(seconds=60)
    assert outcome(values.seconds, 0, "field", day) is Reason.NUMBER_OUT_OF_RANGE
    assert outcome(values.seconds, 86401, "field", day) is Reason.NUMBER_OUT_OF_RANGE
    assert outcome(values.seconds, "60", "field", day) is Reason.NOT_A_NUMBER
    assert outcome(values.seconds, True, "field", day) is Reason.NOT_A_NUMBER
    assert outcome(values.choice, "a", "field", {"a": 1}) == 1
    assert outcome(values.choice, "b", "field", {"a": 1}) is Reason.MALFORMED
    assert outcome(values.choice, ["a"], "field", {"a": 1}) is Reason.MALFORMED
    assert outcome(values.flag, True, "field") is True
    assert outcome(values.flag, 1, "field") is Reason.MALFORMED
    assert outcome(values.sequence, [1], "field", 1) == [1]
    assert outcome(values.sequence, [1, 2], "field", 1) is Reason.TOO_LARGE
    assert outcome(values.sequence, [], "field", 1) is Reason.MALFORMED
    assert outcome(values.sequence, "ab", "field", 9) is Reason.MALFORMED
    assert outcome(values.mapping, [], "field", ()) is Reason.MALFORMED
    assert outcome(values.mapping, {"a": 1}, "field", ()) is Reason.UNKNOWN_FIELD
    with pytest.raises(InvalidInput) as caught:
        values.mapping({}, "field", ("a",))
    assert (caught.value.reason, caught.value.where) == (
        Reason.MISSING_FIELD,
        "field.a",
    )
    assert str(caught.value) == "missing_field at field.a"
