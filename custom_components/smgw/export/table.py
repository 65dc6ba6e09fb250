"""A load profile as a table (CSV), for spreadsheets and scripts."""

from collections.abc import Iterator
import csv
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from io import StringIO
from zoneinfo import ZoneInfo

from .document import ReadingList

BERLIN = ZoneInfo("Europe/Berlin")
_HEADINGS = (
    "meter",
    "obis",
    "target_time_local",
    "target_time_utc",
    "capture_time_utc",
    "value",
    "unit",
    "status",
    "signature",
)
_ROWS_AT_ONCE = 1000
# A spreadsheet takes a cell that begins with one of these for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class Dialect(StrEnum):
    """How numbers and cells are written."""

    PLAIN = "plain"
    """Comma, decimal point, UTF-8."""
    GERMAN = "german"
    """Semicolon, decimal comma, UTF-8 with the mark that spreadsheets look for."""


@dataclass(frozen=True, slots=True)
class _Style:
    delimiter: str
    point: str
    mark: str


_STYLES = {
    Dialect.PLAIN: _Style(",", ".", ""),
    Dialect.GERMAN: _Style(";", ",", "\ufeff"),
}


def write(lists: tuple[ReadingList, ...], dialect: Dialect) -> Iterator[bytes]:
    """Yield the table, one row for each reading, oldest first in each register."""
    style = _STYLES[dialect]
    buffer = StringIO()
    writer = csv.writer(buffer, delimiter=style.delimiter, lineterminator="\r\n")
    buffer.write(style.mark)
    writer.writerow(_HEADINGS)
    rows = 0
    for found in lists:
        for value in found.values:
            writer.writerow(
                (
                    _cell(found.meter_id),
                    _cell(found.obis),
                    value.target_time.astimezone(BERLIN).isoformat(timespec="seconds"),
                    value.target_time.isoformat(timespec="seconds"),
                    value.capture_time.isoformat(timespec="seconds"),
                    _number(value.value).replace(".", style.point),
                    found.unit,
                    _cell(value.fnn or f"{value.ptb}"),
                    _cell(value.signature),
                )
            )
            rows += 1
            if rows % _ROWS_AT_ONCE == 0:
                yield _taken(buffer)
    yield _taken(buffer)


def _taken(buffer: StringIO) -> bytes:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text.encode("utf-8", "replace")


def _number(value: Decimal) -> str:
    return f"{value:f}"


def _cell(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text
