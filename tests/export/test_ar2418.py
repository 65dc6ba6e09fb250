"""AR 2418-6: what is written keeps the rules, and comes back as it was."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
import os
from pathlib import Path
import tracemalloc

from hypothesis import given, strategies as st
import pytest

from custom_components.smgw.export import ar2418, ar2418_reader
from custom_components.smgw.export.document import (
    Certificate,
    CertificateType,
    Document,
    Event,
    ReadingList,
    Service,
    Value,
)
from custom_components.smgw.export.errors import ExportRule, FileUnreadable

from . import ar2418_rules

START = datetime(2026, 10, 24, 22, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
METER = "1XYZ0099000010"
FNN = "a000000020003800"


def values(count: int, step: str = "0.0123", **more: object) -> tuple[Value, ...]:
    """Return quarter hours from 1000 kWh on."""
    return tuple(
        Value(
            target_time=START + number * QUARTER,
            capture_time=START + number * QUARTER + timedelta(seconds=3),
            value=Decimal("4123.4567") + number * Decimal(step),
            **{"fnn": FNN, **more},
        )
        for number in range(1, count + 1)
    )


def register(code: str = "0100010800ff", **more: object) -> ReadingList:
    """Return a day of one register."""
    return ReadingList(
        **{
            "meter_id": METER,
            "obis": code,
            "logical_name": f"{code}.{METER.lower()}.sm",
            "unit": "kWh",
            "period": QUARTER,
            "values": values(100),
            **more,
        }
    )


DOCUMENT = Document(
    service=Service.ELECTRICITY,
    usage_point="DE0009999900000000000000000012345",
    customer="lv-0815",
    invoicing_party="Demo & Söhne <EVU>",
    gateway_id="ETHE0399000001",
    tariff_name="DEMO_TAF07",
    taf=7,
    firmware="v3.87.0-cc",
    certificates=(
        Certificate(
            number=1, type=CertificateType.SIGNATURE, content=b"\x30\x01", parent=2
        ),
        Certificate(number=2, type=CertificateType.SUB_CA, content=b"\x30\x02"),
    ),
    log=(
        Event(number=412, time=START, level=1, success=True, text="Grüße\x0b"),
        Event(number=413, time=START + QUARTER, level=3, success=False, text="]]>"),
    ),
    lists=(
        register(),
        register(
            "0100020800ff", values=values(100, ptb=0, fnn="", signature="ab" * 64)
        ),
    ),
)


def written(document: Document) -> bytes:
    """Return the file."""
    return b"".join(ar2418.write(document))


def test_the_file_keeps_the_rules() -> None:
    """Order, references, spans; the doubled hour of October has its two offsets."""
    point = ar2418_rules.check(written(DOCUMENT), taf=7)

    targets = [e.text or "" for e in point.iter(f"{ar2418_rules.AR}targetTime")]
    assert "2026-10-25T02:15:00+02:00" in targets
    assert "2026-10-25T02:15:00+01:00" in targets
    scaler = point.find(f".//{ar2418_rules.AR}scaler")
    assert scaler is not None
    assert scaler.text == "-1"


def test_it_comes_back_as_it_was() -> None:
    """But for what XML cannot hold, and the use case, which the format leaves out."""
    found = ar2418_reader.read(written(DOCUMENT))

    first, second = DOCUMENT.log
    assert found == replace(
        DOCUMENT, taf=None, log=(replace(first, text="Grüße"), second)
    )


@given(
    numbers=st.lists(
        st.decimals(-(10**9), 10**9, allow_nan=False, places=None).filter(
            lambda d: -12 <= d.as_tuple().exponent <= 0
        ),
        min_size=1,
        max_size=6,
    ),
    unit=st.sampled_from(sorted(ar2418.UNITS)),
    text=st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1),
)
def test_nothing_is_lost(numbers: list[Decimal], unit: str, text: str) -> None:
    """Whatever values, units and names: equal numbers in an equal quantity."""
    rows = tuple(
        replace(row, value=number)
        for row, number in zip(values(len(numbers)), numbers, strict=True)
    )
    document = replace(
        DOCUMENT,
        customer=f"k{text}k",
        lists=(register(unit=unit, values=rows),),
    )
    found = ar2418_reader.read(written(document))

    assert found.customer == document.customer
    ours, theirs = document.lists[0], found.lists[0]
    factor = {unit: 10 ** ar2418.UNITS[unit][1] for unit in (ours.unit, theirs.unit)}
    for mine, other in zip(ours.values, theirs.values, strict=True):
        assert mine.value * factor[ours.unit] == other.value * factor[theirs.unit]


def derived(code: str, unit: str = "kWh") -> ReadingList:
    """Return what a contract's register was at the borders of two months."""
    borders = tuple(
        replace(value, target_time=moment, capture_time=moment + timedelta(seconds=4))
        for value, moment in zip(
            values(3),
            (
                datetime(2026, 8, 31, 22, tzinfo=UTC),
                datetime(2026, 9, 30, 22, tzinfo=UTC),
                datetime(2026, 10, 31, 23, tzinfo=UTC),
            ),
            strict=True,
        )
    )
    return register(
        code, logical_name=f"{code}.taf051xyz.sm", values=borders, unit=unit
    )


@pytest.mark.parametrize(
    ("taf", "codes"),
    [
        (1, ("0100010800ff",)),
        (2, ("0100010800ff", "0100010801ff", "0100010802ff", "010001083fff")),
    ],
)
def test_registers_of_billing_periods(taf: int, codes: tuple[str, ...]) -> None:
    """They stand beside the meter's list, keep the rules, and come back as they were."""
    document = replace(
        DOCUMENT, taf=taf, lists=(register(), *(derived(code) for code in codes))
    )
    point = ar2418_rules.check(written(document), taf=taf)
    assert len(point.findall(f"{ar2418_rules.AR}MeterReading")) == 1 + len(codes)
    found = ar2418_reader.read(written(document))
    assert found.lists == document.lists
    assert [one.original for one in found.lists] == [True, *[False] * len(codes)]
    with pytest.raises(ExportRule) as caught:
        ar2418.write(replace(document, lists=document.lists[:-1]))
    assert caught.value.rule == "too_few_registers"


def first_list(**changes: object) -> Callable[[Document], Document]:
    """Return a change of the first list."""
    return lambda d: replace(d, lists=(replace(d.lists[0], **changes), *d.lists[1:]))


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (lambda d: replace(d, lists=()), "no_readings"),
        (first_list(values=()), "no_readings"),
        (lambda d: replace(d, customer=" "), "missing"),
        (lambda d: replace(d, taf=2), "too_few_registers"),
        (lambda d: replace(d, taf=1, lists=d.lists[:1]), "too_few_registers"),
        (first_list(logical_name="0100010800ff.demo.sm"), "not_original"),
        (lambda d: replace(d, lists=(d.lists[0], d.lists[0])), "register_twice"),
        (first_list(values=values(2)[::-1]), "order"),
        (first_list(values=values(1) * 2), "order"),
        (first_list(values=values(2, fnn="")), "no_status"),
        (first_list(values=values(2, fnn="", ptb=5)), "status"),
        (first_list(unit="furlong"), "unit"),
        (
            first_list(
                values=(
                    *values(1),
                    replace(values(1)[0], target_time=START + timedelta(days=1097)),
                )
            ),
            "too_long",
        ),
        (lambda d: replace(d, log=(d.log[0], d.log[0])), "log_number_twice"),
        (lambda d: replace(d, log=(replace(d.log[0], level=6),)), "log_level"),
        (
            lambda d: replace(d, certificates=d.certificates[:1]),
            "certificate_unknown",
        ),
        (
            lambda d: replace(d, certificates=(d.certificates[1], d.certificates[1])),
            "certificate_twice",
        ),
    ],
)
def test_rules(change: Callable[[Document], Document], rule: str) -> None:
    """What breaks one is not written at all."""
    with pytest.raises(ExportRule) as caught:
        ar2418.write(change(DOCUMENT))
    assert caught.value.rule == rule


def test_two_years_are_written_in_pieces() -> None:
    """The file never stands in memory as a whole."""
    rows = values(70_080)
    document = replace(DOCUMENT, lists=(register(values=rows),))
    tracemalloc.start()
    try:
        size = sum(len(part) for part in ar2418.write(document))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert size > 15_000_000
    assert peak < size / 10


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<a/>",
        b"\x00\x01",
        b'<!DOCTYPE x [<!ENTITY a "aa">]><UsagePoints>&a;</UsagePoints>',
        b"<UsagePoints><UsagePoint/></UsagePoints>",
        written(DOCUMENT)[:-30],
        written(DOCUMENT).replace(b"<scaler>-1<", b"<scaler>-99999<", 1),
        written(DOCUMENT).replace(b"<espi:uom>72<", b"<espi:uom>7<", 1),
        written(DOCUMENT).replace(b"+02:00", b"", 1),
    ],
)
def test_other_files(content: bytes) -> None:
    """Nothing but the room's own error."""
    with pytest.raises(FileUnreadable):
        ar2418_reader.read(content)


def test_the_official_schema() -> None:
    """Where its folder is given: the file is valid by it."""
    schema = os.environ.get("SMGW_AR2418_SCHEMA")
    if not schema:
        pytest.skip(
            "SMGW_AR2418_SCHEMA names no schema (AR_2418-6.xsd); it is not ours"
        )
    xmlschema = pytest.importorskip("xmlschema", reason="needs the package xmlschema")
    xmlschema.XMLSchema(Path(schema)).validate(written(DOCUMENT).decode())
