"""What holds for every JSON answer, however odd: hypothesis tries."""

from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
import json
from typing import Any

from hypothesis import given, settings, strategies as st
import pytest

from custom_components.smgw.han import emh_pages, jsonpage, theben_pages
from custom_components.smgw.han.errors import PageUnreadable
from custom_components.smgw.han.model import Reading
from custom_components.smgw.han.trust import Trust
from custom_components.smgw.han.units import Unit

from .helpers import HOUSE, START

METER = HOUSE.lower()
GOOD, INVALID = "a000000020003800", "a002000020003800"


def entry(value: object, status: str = GOOD, **more: object) -> dict[str, object]:
    """Return a reading as a Theben writes it."""
    return {
        "value": value,
        "capture-time": "2026-11-20T09:00:03Z",
        "target-time": "2026-11-20T09:00:00Z",
        "cosem-status": status,
        "smgw-status": status[:8],
        "meter-status": status[8:],
        "owner-number": f"{METER}.sm",
        "signature": None,
        **more,
    }


USER_INFO: Any = {
    "user-info": {
        "usage-points": [
            {
                "usage-point-id": "01005e318027.demo.sm",
                "usage-point-name": "DEMO",
                "taf-number": "7",
                "taf-state": "running",
                "meter": [{"meter-id": METER}],
                "billing-Periods": [{"start-time": "x"}],
            }
        ]
    }
}
POINT_INFO: Any = {
    "usage-point-info": {
        "databases": [
            {
                "database": "origin",
                "channels": [
                    {"obis": "0100010800ff", "scaler": "-1", "unit": "30"},
                    {"obis": f"0100020800ff.{METER}.sm", "scaler": 0, "unit": 30},
                    {"obis": "0100200700ff", "scaler": "-1", "unit": "35"},
                ],
            },
            {
                "database": "derived",
                "channels": [{"obis": "0100010800ff", "scaler": "9", "unit": "27"}],
            },
        ]
    }
}
READINGS: Any = {
    "method": "readings",
    "readings": {
        "channels": [
            {
                "obis": "0100010800ff",
                "readings": [entry("41234567"), entry("66", INVALID)],
            },
            {"obis": f"0100020800ff.{METER}.sm", "readings": [entry(8123)]},
            {"obis": "0100200700ff", "readings": [entry("2325")]},
        ],
        "records": "4",
    },
}
SMGW_INFO: Any = {"smgw-info": {"smgw-id": "x", "smgw-time": "2026-11-20T09:07:00"}}
CONTAINER: Any = {
    "capture_time": "2026-11-20T10:00:03+01:00",
    "timestamp": "2026-11-20T10:00:00+01:00",
    "status": GOOD,
    "values": [
        {
            "logical_name": f"{code}.{METER}.sm",
            "scaler": scaler,
            "unit": unit,
            "value": value,
            "signature": "-",
        }
        for code, scaler, unit, value in (
            ("0100010800ff", -1, 30, "41234567"),
            ("0100020800ff", 0, 30, "8123"),
            ("0100200700ff", -1, 35, "2325"),
        )
    ],
}
# What may become a reading: all that is valid above.
TRUE = {
    ("1-0:1.8.0", Unit.KILOWATT_HOUR, Decimal("4123.4567")),
    ("1-0:2.8.0", Unit.KILOWATT_HOUR, Decimal("8.123")),
    ("1-0:32.7.0", Unit.VOLT, Decimal("232.5")),
}

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(
        (
            *("", "-", "\ud800", "1e9", "NaN", "-0", "99999999999999999999", "٣"),
            *(GOOD, INVALID, "0100010800ff", "0100010800ff.", ".sm", METER, "origin"),
            *(
                "2026-11-20T09:00:03Z",
                "2026-11-20T09:00:03",
                "9999-12-31T23:59:59-23:59",
            ),
            *("0001-01-01T00:00:00+23:59", "2026-W47-5", "true", "archive", "7"),
        )
    )
)
KEYS = st.sampled_from(
    (
        *("user-info", "usage-points", "usage-point-id", "meter", "meter-id"),
        *("usage-point-info", "databases", "database", "channels", "obis", "scaler"),
        *("unit", "readings", "value", "capture-time", "cosem-status", "smgw-info"),
        *("smgw-time", "values", "logical_name", "timestamp", "status", "incomplete"),
    )
)
ANY = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(KEYS | st.text(max_size=3), inner, max_size=5)
    ),
    max_leaves=25,
)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Return every container and key or index in it."""
    items: list[tuple[Any, Any]]
    if isinstance(value, dict):
        items = list(value.items())
    else:
        items = list(enumerate(value)) if isinstance(value, list) else []
    found = [(value, key) for key, _ in items]
    for _, inner in items:
        found += places(inner)
    return found


@st.composite
def mutated(draw: st.DrawFn, original: Any) -> Any:
    """Return an answer in which things were replaced, removed, doubled or renamed."""
    answer = deepcopy(original)
    for _ in range(draw(st.integers(1, 5))):
        spots = places(answer)
        if not spots:
            break
        holder, key = spots[draw(st.integers(0, len(spots) - 1))]
        match draw(st.integers(0, 3)):
            case 0:
                holder[key] = draw(ANY)
            case 1:
                del holder[key]
            case 2 if isinstance(holder, list):
                holder.insert(0, deepcopy(holder[key]))
            case _ if isinstance(holder, dict):
                holder[draw(KEYS)] = holder.pop(key)
            case _:
                holder.reverse()
    return answer


def theben(
    user_info: Any, point_info: Any, answer: Any, smgw_info: Any
) -> list[Reading]:
    """Read answers in every way the driver does."""
    found: list[Reading] = []
    theben_pages.clock(smgw_info, START, START - timedelta(minutes=7))
    for point in theben_pages.usage_points(user_info).values():
        point = replace(point, channels=theben_pages.channels(point_info))
        good, skipped = theben_pages.readings(answer, point)
        found += good
        assert all(len(entry.where) < 80 for entry in skipped)
        f"{point.id} {point.name} {skipped}".encode()
    return found


def emh(answer: Any) -> list[Reading]:
    """Read an answer in every way the driver does."""
    with suppress(PageUnreadable):
        emh_pages.meters(answer)
    try:
        found, skipped = emh_pages.readings(answer, HOUSE)
    except PageUnreadable:
        return []
    str(skipped).encode()
    return found


def checked(found: list[Reading]) -> set[tuple[str, Unit, Decimal]]:
    """Return what is believed of these readings."""
    believed: list[Reading] = []
    trust = Trust()
    for meter in {reading.register.meter_id for reading in found}:
        own = [r for r in found if r.register.meter_id == meter]
        believed += trust.choose(meter, own, START, []).values()
    for reading in believed:
        assert reading.value.is_finite()
        assert START - timedelta(days=366 * 10) < reading.capture_time
        assert reading.capture_time <= START + timedelta(hours=1)
        f"{reading}".encode()
    return {(str(r.register.obis), r.register.unit, r.value) for r in believed}


def test_unbroken() -> None:
    """The answers themselves."""
    assert checked(theben(USER_INFO, POINT_INFO, READINGS, SMGW_INFO)) == TRUE
    assert checked(emh(CONTAINER)) == TRUE


@given(ANY, ANY, ANY, ANY)
def test_any_json_theben(a: Any, b: Any, c: Any, d: Any) -> None:
    """Whatever shape comes: readings or none, never a crash."""
    checked(theben(a, b, c, d))


@given(ANY)
def test_any_json_emh(answer: Any) -> None:
    """Whatever shape comes: readings, none, or a named error."""
    checked(emh(answer))


@settings(max_examples=300)
@given(mutated(USER_INFO), mutated(POINT_INFO), mutated(READINGS), mutated(SMGW_INFO))
def test_mutated_theben(a: Any, b: Any, c: Any, d: Any) -> None:
    """Each answer broken a little, or all of them."""
    for answers in (
        (a, POINT_INFO, READINGS, SMGW_INFO),
        (USER_INFO, b, READINGS, SMGW_INFO),
        (USER_INFO, POINT_INFO, c, SMGW_INFO),
        (a, b, c, d),
    ):
        checked(theben(*answers))


@settings(max_examples=300)
@given(mutated(CONTAINER))
def test_mutated_emh(answer: Any) -> None:
    """A container broken a little."""
    checked(emh(answer))


def without(original: Any, number: int) -> Any:
    """Return an answer that lacks one of its parts."""
    answer = deepcopy(original)
    holder, key = places(answer)[number]
    del holder[key]
    return answer


@pytest.mark.parametrize("number", range(len(places(POINT_INFO))))
def test_part_of_the_scales_missing(number: int) -> None:
    """No value is made up where the scaler or unit is unknown."""
    answer = without(POINT_INFO, number)
    assert checked(theben(USER_INFO, answer, READINGS, SMGW_INFO)) <= TRUE


@pytest.mark.parametrize("number", range(len(places(CONTAINER))))
def test_part_of_a_container_missing(number: int) -> None:
    """Nor here."""
    assert checked(emh(without(CONTAINER, number))) <= TRUE


@pytest.mark.parametrize("number", range(len(places(READINGS))))
def test_part_of_the_readings_missing(number: int) -> None:
    """The value that is marked invalid never appears; whole marks count, halves as well."""
    answer = without(READINGS, number)
    assert checked(theben(USER_INFO, POINT_INFO, answer, SMGW_INFO)) <= TRUE


@given(st.binary() | ANY.map(lambda value: json.dumps(value).encode()[:-1]))
def test_any_bytes(body: bytes) -> None:
    """Bytes are JSON or a named error."""
    with suppress(PageUnreadable):
        jsonpage.load(body)


def test_no_answer_in_the_error() -> None:
    """What could not be read is not told."""
    with pytest.raises(PageUnreadable, match=r"^not JSON$") as caught:
        jsonpage.load(b'{"secret')
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


NESTED: dict[str, Callable[[int], str]] = {
    "lists": lambda n: "[" * n,
    "objects": lambda n: '{"a":' * n,
    "closed": lambda n: "[" * n + "]" * n,
    "digits": lambda n: "1" * n,
    "text": lambda n: '"' + "\\u0041" * n,
}


@pytest.mark.parametrize("make", NESTED.values(), ids=NESTED.keys())
def test_deep_json(make: Callable[[int], str]) -> None:
    """Depth and length beyond reason are refused."""
    with pytest.raises(PageUnreadable):
        jsonpage.load(make(200_000).encode())


async def test_large_answers_are_read_aside() -> None:
    """As they are small ones."""
    body = json.dumps(["x" * 100] * 1000).encode()
    assert len(await jsonpage.load_aside(body)) == 1000
    with pytest.raises(PageUnreadable):
        await jsonpage.load_aside(body[:-1])


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("x", "x"),
        (7, "7"),
        (None, ""),
        (1.5, ""),
        ([], ""),
        ("a\ud800b", "a?b"),
    ],
)
def test_text(value: object, expected: str) -> None:
    """Scalars as text; what cannot be stored is replaced."""
    assert jsonpage.text({"a": value}, "a") == expected
    assert jsonpage.text([value], "a") == ""
