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
from . import ids, jsonpage, ppc_columns
from .errors import PageUnreadable
from .history import LogEntry, LogLevel, ProfileRow
from .model import Register, Skipped
from .obis import Obis
from .trust import Unusable

_PROFILE = "{urn:k461-dke-de:profile_generic-1}"
_EXTENSION = "{urn:k461-dke-de:extension-1}"
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
    try:
        export = ppc_columns.read(content)
    except FileUnreadable as err:
        raise PageUnreadable(str(err)) from None
    if export.root != ppc_columns.ROOT:
        raise PageUnreadable("another document")
    if ids.meter_id(export.owner) not in (meter_id, None):
        raise PageUnreadable("values of another meter")
    found: Found = {}
    skipped: list[Skipped] = []
    for column in export.columns:
        code, _, owner = export.names.get(column.number, "").partition(".")
        obis = Obis.parse(code)
        if obis is None or ids.meter_id(owner) != meter_id:
            reason = "unknown_obis" if obis is None else "other_meter"
            skipped.append(Skipped(where=f"{meter_id} {code[:12]}", reason=reason))
            continue
        try:
            unit = column.unit
        except Unusable as err:
            skipped.append(Skipped(where=f"{meter_id} {obis}", reason=str(err)))
            continue
        if unit is not None:
            register = Register(meter_id=meter_id, obis=obis, unit=unit, name="")
            found.setdefault(str(obis), (register, []))[1].extend(column.rows)
    return found, skipped


def log(content: bytes) -> list[LogEntry]:
    """Return the entries of an export of the consumer log, in its order.

    Raises `PageUnreadable`.
    """
    return [
        entry
        for element in _root(content).iter(f"{_PROFILE}entry")
        if (entry := _entry(element)) is not None
    ]


def _root(content: bytes) -> ET.Element:
    try:
        root = parse_in_steps(content, comments=True)
    except FileUnreadable as err:
        raise PageUnreadable(str(err)) from None
    if root.tag != f"{_PROFILE}object":
        raise PageUnreadable("another document")
    return root


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


def _text(element: ET.Element | None) -> str:
    return (element.text or "").strip() if element is not None else ""
