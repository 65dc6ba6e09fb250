"""Tables: one row for each reading, in two ways of writing numbers."""

import csv
from dataclasses import replace
from io import StringIO

from custom_components.smgw.export.table import Dialect, write

from .test_ar2418 import DOCUMENT, register, values


def rows(content: bytes, delimiter: str) -> list[dict[str, str]]:
    """Return the table as a spreadsheet reads it."""
    text = content.decode("utf-8-sig")
    return list(csv.DictReader(StringIO(text, newline=""), delimiter=delimiter))


def test_plain() -> None:
    """Comma and decimal point; local time with both offsets of the October hour."""
    table = rows(b"".join(write(DOCUMENT.lists, Dialect.PLAIN)), ",")

    assert len(table) == 200
    assert table[0] == {
        "meter": "1XYZ0099000010",
        "obis": "0100010800ff",
        "target_time_local": "2026-10-25T00:15:00+02:00",
        "target_time_utc": "2026-10-24T22:15:00+00:00",
        "capture_time_utc": "2026-10-24T22:15:03+00:00",
        "value": "4123.4690",
        "unit": "kWh",
        "status": "a000000020003800",
        "signature": "",
    }
    assert table[100]["status"] == "0"
    assert len({(row["obis"], row["target_time_local"]) for row in table}) == 200


def test_german() -> None:
    """What a German spreadsheet opens by itself."""
    content = b"".join(write(DOCUMENT.lists, Dialect.GERMAN))

    assert content.startswith(b"\xef\xbb\xbfmeter;obis;")
    assert rows(content, ";")[0]["value"] == "4123,4690"


def test_no_formulas() -> None:
    """A name is a name, whatever a spreadsheet would make of it."""
    evil = register(meter_id="=1+1", values=(replace(values(1)[0], signature="@x"),))
    (row,) = rows(b"".join(write((evil,), Dialect.PLAIN)), ",")

    assert row["meter"] == "'=1+1"
    assert row["signature"] == "'@x"


def test_large_tables_come_in_pieces() -> None:
    """A thousand rows at a time."""
    parts = list(write((register(values=values(2500)),), Dialect.PLAIN))

    assert len(parts) == 3
    assert len(rows(b"".join(parts), ",")) == 2500
