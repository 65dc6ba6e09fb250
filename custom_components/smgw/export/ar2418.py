"""Write a read-out as VDE-AR-E 2418-6 XML, as the transparency software imports it.

Written piece by piece: two years of quarter hours never stand in memory as a whole.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from xml.sax.saxutils import escape
from zoneinfo import ZoneInfo

from .document import Certificate, Document, Event, ReadingList, Value
from .errors import ExportRule

AR = "http://vde.de/AR_2418-6.xsd"
ESPI = "http://naesb.org/espi"
BERLIN = ZoneInfo("Europe/Berlin")

# Unit to ESPI unit of measure, and the power of ten between them.
UNITS = {
    "Wh": (72, 0),
    "kWh": (72, 3),
    "varh": (73, 0),
    "kvarh": (73, 3),
    "VAh": (71, 0),
    "kVAh": (71, 3),
    "W": (38, 0),
    "kW": (38, 3),
    "var": (63, 0),
    "VA": (61, 0),
    "V": (29, 0),
    "A": (5, 0),
    "Hz": (33, 0),
    "°": (9, 0),
    "m³": (42, 0),
    "MJ": (31, 6),
    "GJ": (31, 9),
    "": (65, 0),
}
_AT_ONCE = 500
# What XML 1.0 cannot hold, escaped or not.
_FORBIDDEN = {code: None for code in range(32) if code not in (9, 10, 13)} | {
    0xFFFE: None,
    0xFFFF: None,
}


def write(document: Document) -> Iterator[bytes]:
    """Yield the file, UTF-8. Raises `ExportRule` before the first byte."""
    document.check()
    for found in document.lists:
        if found.unit not in UNITS:
            raise ExportRule("unit", found.unit)
    return _encoded(_file(document))


def _encoded(parts: Iterable[str]) -> Iterator[bytes]:
    """Join small parts to larger ones."""
    waiting: list[str] = []
    for part in parts:
        waiting.append(part)
        if len(waiting) >= _AT_ONCE:
            yield "".join(waiting).encode("utf-8", "replace")
            waiting.clear()
    yield "".join(waiting).encode("utf-8", "replace")


def _file(document: Document) -> Iterator[str]:
    yield '<?xml version="1.0" encoding="UTF-8"?>\n'
    yield f'<UsagePoints xmlns="{AR}" xmlns:espi="{ESPI}">\n<UsagePoint>\n'
    yield f"<espi:ServiceCategory><espi:kind>{int(document.service)}</espi:kind></espi:ServiceCategory>\n"
    yield _tag("usagePointId", document.usage_point)
    yield f"<Customer>{_tag('customerId', document.customer)}</Customer>\n"
    party = _tag("invoicingPartyId", document.invoicing_party)
    yield f"<InvoicingParty>{party}</InvoicingParty>\n"
    yield "<SMGW>"
    for certificate in document.certificates:
        yield _tag("certId", str(certificate.number))
    yield _tag("smgwId", document.gateway_id)
    if document.firmware:
        yield _tag("FirmwareVersion", document.firmware)
    yield "</SMGW>\n"
    for certificate in document.certificates:
        yield _certificate(certificate)
    yield _tag("tariffName", document.tariff_name) + "\n"
    for event in document.log:
        yield _event(event)
    for number, found in enumerate(document.lists, 1):
        yield from _list(found, number)
    yield "</UsagePoint>\n</UsagePoints>\n"


def _certificate(certificate: Certificate) -> str:
    parts = [
        _tag("certId", str(certificate.number)),
        _tag("certType", str(int(certificate.type))),
    ]
    if certificate.parent is not None:
        parts.append(_tag("parentCertId", str(certificate.parent)))
    parts.append(_tag("certContent", certificate.content.hex()))
    return f"<Certificate>{''.join(parts)}</Certificate>\n"


def _event(event: Event) -> str:
    inner = (
        _tag("level", str(event.level))
        + _tag("text", event.text)
        # 0 is success in a gateway's own log (document); the format says only 0 or 1.
        + _tag("outcome", "0" if event.success else "1")
        + _tag("timestamp", _time(event.time))
    )
    number = _tag("recordNumber", str(event.number))
    return f"<LogEntry>{number}<LogEvent>{inner}</LogEvent></LogEntry>\n"


def _list(found: ReadingList, number: int) -> Iterator[str]:
    uom, power = UNITS[found.unit]
    # Multiplied into the values, so that the file holds integers of the base unit.
    scaler = min(_exponent(value.value) + power for value in found.values)
    first, last = found.values[0].target_time, found.values[-1].target_time
    seconds = int((last - first + found.period).total_seconds())
    yield f"<MeterReading><Meter>{_tag('meterId', found.meter_id)}</Meter>"
    yield _tag("meterReadingId", f"r{number}")
    yield "<ReadingType><espi:powerOfTenMultiplier>0</espi:powerOfTenMultiplier>"
    yield f"<espi:uom>{uom}</espi:uom>{_tag('scaler', str(scaler))}"
    yield _tag("obisCode", found.obis) + _tag(
        "qualifiedLogicalName", found.logical_name
    )
    if found.original:
        # Registers of billing periods have no grid.
        yield _tag("measurementPeriod", str(int(found.period / timedelta(seconds=1))))
    yield "</ReadingType>\n<IntervalBlock><interval>"
    yield f"{_tag('duration', str(seconds))}{_tag('start', _time(first))}</interval>\n"
    for value in found.values:
        yield _value(value, power - scaler)
    yield "</IntervalBlock></MeterReading>\n"


def _value(value: Value, shift: int) -> str:
    """Return one reading; its number times 10^shift is an integer."""
    raw = int(value.value.scaleb(shift))
    status = _tag("statusFNN", value.fnn.upper()) if value.fnn else ""
    if value.ptb is not None and not value.fnn:
        status = _tag("statusPTB", str(value.ptb))
    signature = _tag("signature", value.signature) if value.signature else ""
    return (
        f"<IntervalReading><espi:value>{raw}</espi:value><timePeriod>"
        f"<duration>0</duration>{_tag('start', _time(value.capture_time))}"
        f"</timePeriod>{_tag('targetTime', _time(value.target_time))}"
        f"{signature}{status}</IntervalReading>\n"
    )


def _exponent(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int):
        raise ExportRule("no_number")
    return min(exponent, 0)


def _tag(name: str, text: str) -> str:
    return f"<{name}>{escape(text.translate(_FORBIDDEN))}</{name}>"


def _time(moment: datetime) -> str:
    """Return German time with its offset, whole seconds."""
    return moment.astimezone(BERLIN).isoformat(timespec="seconds")
