"""Read a read-out in VDE-AR-E 2418-6 XML, our own or the transparency software's."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import BytesIO
from xml.etree import ElementTree as ET

from .ar2418 import UNITS
from .document import (
    Certificate,
    CertificateType,
    Document,
    Event,
    ReadingList,
    Service,
    Value,
)
from .errors import FileUnreadable
from .safexml import refuse_document_type

MOST_BYTES = 256 * 1024 * 1024
_UNIT_OF = {uom: (unit, power) for unit, (uom, power) in reversed(UNITS.items())}
# The integration counts energy in kWh.
_UNIT_OF |= {72: ("kWh", 3), 73: ("kvarh", 3), 71: ("kVAh", 3)}


def read(content: bytes) -> Document:
    """Return what a file holds. Raises `FileUnreadable`; the rules are not checked.

    Takes about a second for a year of quarter hours: not for the event loop.
    """
    if len(content) > MOST_BYTES:
        raise FileUnreadable("too large")
    refuse_document_type(content)
    reader = _Reader()
    try:
        # Without a document type there are no entities to blow up.
        for _, element in ET.iterparse(BytesIO(content)):  # noqa: S314
            reader.take(element)
    except ET.ParseError, LookupError, ValueError, ArithmeticError:
        raise FileUnreadable("no AR 2418-6") from None
    return reader.document()


class _Reader:
    """Takes elements as they end, and lets go of those it has read."""

    def __init__(self) -> None:
        self._values: list[Value] = []
        self._lists: list[ReadingList] = []
        self._events: list[Event] = []
        self._certificates: list[Certificate] = []
        self._point: ET.Element | None = None

    def take(self, element: ET.Element) -> None:
        """Take over what an element holds."""
        match _name(element):
            case "IntervalReading":
                self._values.append(_reading(element))
                element.clear()
            case "MeterReading":
                self._lists.append(_list(element, self._values))
                self._values = []
                element.clear()
            case "LogEntry":
                self._events.append(_event(element))
                element.clear()
            case "Certificate":
                self._certificates.append(_certificate(element))
                element.clear()
            case "UsagePoint":
                if self._point is not None:
                    raise FileUnreadable("more than one usage point")
                self._point = element

    def document(self) -> Document:
        """Return all of it."""
        if self._point is None:
            raise FileUnreadable("no usage point")
        try:
            return Document(
                service=Service(int(_text(self._point, "ServiceCategory", "kind"))),
                usage_point=_text(self._point, "usagePointId"),
                customer=_text(self._point, "Customer", "customerId"),
                invoicing_party=_text(
                    self._point, "InvoicingParty", "invoicingPartyId"
                ),
                gateway_id=_text(self._point, "SMGW", "smgwId"),
                tariff_name=_text(self._point, "tariffName"),
                firmware=_optional(_child(self._point, "SMGW"), "FirmwareVersion"),
                certificates=tuple(self._certificates),
                log=tuple(self._events),
                lists=tuple(self._lists),
            )
        except LookupError, ValueError:
            raise FileUnreadable("incomplete usage point") from None


def _reading(element: ET.Element) -> Value:
    """Return one reading; its value is still the file's raw number."""
    status = _optional(element, "statusPTB")
    return Value(
        target_time=_time(_text(element, "targetTime")),
        capture_time=_time(_text(element, "timePeriod", "start")),
        value=Decimal(int(_text(element, "value"))),
        fnn=_optional(element, "statusFNN").lower(),
        ptb=int(status) if status else None,
        signature=_optional(element, "signature"),
    )


def _list(element: ET.Element, raw: list[Value]) -> ReadingList:
    kind = _child(element, "ReadingType")
    unit, power = _UNIT_OF[int(_text(kind, "uom"))]
    shift = (
        int(_text(kind, "scaler")) + int(_text(kind, "powerOfTenMultiplier")) - power
    )
    if abs(shift) > 30:
        raise ValueError("scaler")
    period = _optional(kind, "measurementPeriod")
    return ReadingList(
        meter_id=_text(element, "Meter", "meterId"),
        obis=_text(kind, "obisCode"),
        logical_name=_text(kind, "qualifiedLogicalName"),
        unit=unit,
        period=timedelta(seconds=int(period)) if period else timedelta(minutes=15),
        values=tuple(
            Value(
                target_time=value.target_time,
                capture_time=value.capture_time,
                value=value.value.scaleb(shift),
                fnn=value.fnn,
                ptb=value.ptb,
                signature=value.signature,
            )
            for value in raw
        ),
    )


def _event(element: ET.Element) -> Event:
    event = _child(element, "LogEvent")
    return Event(
        number=int(_text(element, "recordNumber")),
        time=_time(_text(event, "timestamp")),
        level=int(_text(event, "level")),
        success=_text(event, "outcome") == "0",
        text=_text(event, "text"),
    )


def _certificate(element: ET.Element) -> Certificate:
    parent = _optional(element, "parentCertId")
    return Certificate(
        number=int(_text(element, "certId")),
        type=CertificateType(int(_text(element, "certType"))),
        content=bytes.fromhex(_text(element, "certContent")),
        parent=int(parent) if parent else None,
    )


def _name(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def _children(element: ET.Element, name: str) -> Iterator[ET.Element]:
    return (child for child in element if _name(child) == name)


def _child(element: ET.Element, name: str) -> ET.Element:
    """Return the child of a name, whatever its namespace. Raises `LookupError`."""
    child = next(_children(element, name), None)
    if child is None:
        raise LookupError(name)
    return child


def _text(element: ET.Element, *path: str) -> str:
    for name in path:
        element = _child(element, name)
    return (element.text or "").strip()


def _optional(element: ET.Element, name: str) -> str:
    child = next(_children(element, name), None)
    return "" if child is None else (child.text or "").strip()


def _time(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("without zone")
    return moment.astimezone(UTC)
