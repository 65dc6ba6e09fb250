"""The XML inside the signed exports of a PPC gateway, read. No network.

Names are those of the German profile for smart metering (k461); prefixes differ
between firmware, so elements are found by namespace and name. Times are UTC, newest
first. The text of a log entry stands in a comment, with marks for what varies.
"""

from collections.abc import Iterator
from datetime import datetime
import re
from xml.etree import ElementTree as ET

from ..export.errors import FileUnreadable
from ..export.safexml import parse_in_steps
from . import ids, jsonpage
from .dlms import scale_of, times
from .errors import PageUnreadable
from .history import LogEntry, LogLevel, ProfileRow
from .model import Register, Skipped
from .obis import Obis
from .status import Quality
from .trust import Unusable
from .units import Unit

_PROFILE = "{urn:k461-dke-de:profile_generic-1}"
_EXTENSION = "{urn:k461-dke-de:extension-1}"
_VALUE, _SCALER, _UNIT, _STATUS, _TIME, _SIGNATURE = (
    f"{_EXTENSION}{name}"
    for name in ("value", "scaler", "unit", "status", "capture_time", "smgw_signature")
)
_QUALITIES = {"0": Quality.GOOD, "4": Quality.UNUSABLE, "3": Quality.UNUSABLE}
_NOT_PRESENT = "3"
_LEVELS = {
    "INFO": LogLevel.INFO,
    "WARNING": LogLevel.WARNING,
    "ERROR": LogLevel.ERROR,
    "FATAL": LogLevel.FATAL,
}
_MARK = re.compile(r"\[[^\][]{1,60}\]")
_LONGEST_TEXT = 1000

type Found = dict[str, tuple[Register, list[ProfileRow]]]
"""By OBIS code as text."""


def values(content: bytes, meter_id: str) -> tuple[Found, list[Skipped]]:
    """Return the rows of an export of meter values, by register.

    Raises `PageUnreadable` for another meter's, and for what is none.
    """
    root = _root(content)
    if ids.meter_id(root.get("id", "")) not in (meter_id, None):
        raise PageUnreadable("values of another meter")
    codes = {
        item.get("id", ""): (item.findtext(f"{_EXTENSION}logical_name") or "")
        for item in root.iter(f"{_PROFILE}capture_object")
    }
    found: Found = {}
    skipped: list[Skipped] = []
    for column in root.iter(f"{_PROFILE}column"):
        code, _, owner = codes.get(column.get("id", ""), "").partition(".")
        obis = Obis.parse(code)
        if obis is None or ids.meter_id(owner) != meter_id:
            reason = "unknown_obis" if obis is None else "other_meter"
            skipped.append(Skipped(where=f"{meter_id} {code[:12]}", reason=reason))
            continue
        try:
            unit, rows = _rows(column)
        except Unusable as err:
            skipped.append(Skipped(where=f"{meter_id} {obis}", reason=str(err)))
            continue
        if unit is not None:
            register = Register(meter_id=meter_id, obis=obis, unit=unit, name="")
            found.setdefault(str(obis), (register, []))[1].extend(rows)
    return found, skipped


def log(content: bytes) -> list[LogEntry]:
    """Return the entries of an export of the consumer log, in its order.

    Raises `PageUnreadable`.
    """
    return [
        entry
        for element in _root(content, comments=True).iter(f"{_PROFILE}entry")
        if (entry := _entry(element)) is not None
    ]


def _root(content: bytes, *, comments: bool = False) -> ET.Element:
    try:
        root = parse_in_steps(content, comments=comments)
    except FileUnreadable as err:
        raise PageUnreadable(str(err)) from None
    if root.tag != f"{_PROFILE}object":
        raise PageUnreadable("another document")
    return root


def _rows(column: ET.Element) -> tuple[Unit | None, list[ProfileRow]]:
    """Return unit and rows of a column; no unit if it has none.

    Raises `Unusable` with the reason if its rows are not all of one known unit.
    """
    scales: dict[tuple[str, str], int] = {}
    units: set[Unit] = set()
    rows: list[ProfileRow] = []
    for entry in column.iter(f"{_PROFILE}entry_gateway_signed"):
        parts = {child.tag: child for child in entry}
        scale = _text(parts.get(_SCALER)), _text(parts.get(_UNIT))
        if scale not in scales:
            scales[scale], unit = scale_of(*scale)
            units.add(unit)
        taken = jsonpage.moment(_text(parts.get(_TIME)))
        if taken is None:
            raise Unusable("no_time")
        status = _first(parts.get(_STATUS))
        value = times(_first(parts.get(_VALUE)), scales[scale])
        rows.append(
            ProfileRow(
                target_time=taken,
                capture_time=taken,
                value=None if status == _NOT_PRESENT else value,
                quality=_QUALITIES.get(status, Quality.UNUSABLE),
                status=status,
                signature=_text(parts.get(_SIGNATURE)) or None,
            )
        )
    if len(units) > 1:
        raise Unusable("unit_changed")
    return next(iter(units), None), rows


def _entry(element: ET.Element) -> LogEntry | None:
    """Return an entry of the log; None without a time."""
    event = element.find(f"{_EXTENSION}event")
    if event is None:
        return None
    time: datetime | None = jsonpage.moment(_named(event, "timestamp"))
    if time is None:
        return None
    number = _named(element, "record_number")
    outcome = _named(event, "outcome").upper()
    return LogEntry(
        number=int(number) if number.isdecimal() and len(number) < 19 else None,
        time=time,
        level=_LEVELS.get(_named(event, "level").upper(), LogLevel.OTHER),
        success={"SUCCESS": True, "FAILURE": False}.get(outcome),
        event_id=_named(event, "event_id")[:40],
        text=_message(element),
    )


def _message(element: ET.Element) -> str:
    """Return the text of an entry, its marks filled in with what varies, in order."""
    # The tag of a comment is no text, whatever the type stubs say.
    comments = [c.text or "" for c in element.iter() if not isinstance(c.tag, str)]
    text = " ".join(" ".join(comments).split())
    extensions = iter(
        _text(item) for item in element.iter(f"{_EXTENSION}message_extension")
    )
    filled = _MARK.sub(lambda mark: next(extensions, mark[0]), text)
    rest = [extension for extension in extensions if extension]
    return " ".join([filled, *rest]).strip()[:_LONGEST_TEXT]


def _named(element: ET.Element, name: str) -> str:
    """Return the text of the first element of a name, however deep."""
    return _text(next(_deep(element, name), None))


def _deep(element: ET.Element, name: str) -> Iterator[ET.Element]:
    yield from element.iter(f"{_EXTENSION}{name}")


def _first(element: ET.Element | None) -> str:
    """Return the text of an element's first child, whatever its type is called."""
    return _text(element[0]) if element is not None and len(element) else ""


def _text(element: ET.Element | None) -> str:
    return (element.text or "").strip() if element is not None else ""
