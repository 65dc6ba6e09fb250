"""The rules of AR 2418-6, checked on a file alone; shares nothing with the writer."""

from datetime import datetime, timedelta
import re
from xml.etree import ElementTree as ET

AR, ESPI = "{http://vde.de/AR_2418-6.xsd}", "{http://naesb.org/espi}"
POINT = (
    rf"{re.escape(ESPI)}ServiceCategory (AR)usagePointId (AR)Customer "
    r"(AR)InvoicingParty (AR)SMGW ((AR)Certificate )*(AR)tariffName "
    r"((AR)LogEntry )*((AR)MeterReading )+"
)
LOG = r"(AR)recordNumber (AR)LogEvent "
EVENT = r"(AR)level (AR)text (AR)outcome (AR)timestamp "
SMGW = r"((AR)certId )*(AR)smgwId ((AR)Manufacturer )?((AR)FirmwareVersion )?((AR)SystemTime )?"
READING = (
    r"(ES)value (AR)timePeriod (AR)targetTime ((AR)measurementTimeMeter )?"
    r"((AR)signature )?((AR)statusFNN |(AR)statusPTB )"
)
TYPE = (
    r"(ES)powerOfTenMultiplier (ES)uom (AR)scaler (AR)obisCode "
    r"(AR)qualifiedLogicalName ((AR)measurementPeriod )?"
)


def order(element: ET.Element, pattern: str) -> None:
    """Check the names and the order of an element's children."""
    text = "".join(f"{child.tag} " for child in element)
    full = pattern.replace("(AR)", re.escape(AR)).replace("(ES)", re.escape(ESPI))
    assert re.fullmatch(full, text), text[:300]


def check(content: bytes, *, taf: int) -> ET.Element:
    """Check order, lengths, references and spans; return the usage point."""
    root = ET.fromstring(content)  # noqa: S314 our own file
    assert root.tag == f"{AR}UsagePoints"
    (point,) = root
    order(point, POINT)
    order(point.find(f"{AR}SMGW"), SMGW)
    ids = [c.text for c in point.iterfind(f"{AR}Certificate/{AR}certId")]
    assert [c.text for c in point.iterfind(f"{AR}SMGW/{AR}certId")] == ids
    for parent in point.iterfind(f"{AR}Certificate/{AR}parentCertId"):
        assert parent.text in ids
    numbers = [n.text for n in point.iterfind(f"{AR}LogEntry/{AR}recordNumber")]
    assert len(set(numbers)) == len(numbers)
    for entry in point.iterfind(f"{AR}LogEntry"):
        _check_entry(entry)
    lists = point.findall(f"{AR}MeterReading")
    assert len(lists) >= {1: 2, 2: 5}.get(taf, 1)
    names = [found.findtext(f"{AR}meterReadingId") for found in lists]
    assert len(set(names)) == len(names)
    for found in lists:
        _check_list(found, taf)
    return point


def _check_entry(entry: ET.Element) -> None:
    order(entry, LOG)
    assert int(entry.findtext(f"{AR}recordNumber")) >= 0
    event = entry.find(f"{AR}LogEvent")
    order(event, EVENT)
    assert event.findtext(f"{AR}level") in "12345"
    assert event.findtext(f"{AR}outcome") in "01"
    assert event.findtext(f"{AR}text").strip()
    moment(event.findtext(f"{AR}timestamp"))


def _check_list(found: ET.Element, taf: int) -> None:
    kind = found.find(f"{AR}ReadingType")
    order(kind, TYPE)
    name = kind.findtext(f"{AR}qualifiedLogicalName")
    code, owner, end = name.split(".")
    assert re.fullmatch(r"[0-9a-f]{12}", code)
    assert end == "sm"
    assert code == kind.findtext(f"{AR}obisCode")
    original = owner.upper() == found.findtext(f"{AR}Meter/{AR}meterId").upper()
    assert original or taf in (1, 2)
    # Registers of billing periods have no grid.
    assert (kind.find(f"{AR}measurementPeriod") is not None) == original
    reached: datetime | None = None
    for block in found.iterfind(f"{AR}IntervalBlock"):
        start = moment(block.findtext(f"{AR}interval/{AR}start"))
        length = timedelta(seconds=int(block.findtext(f"{AR}interval/{AR}duration")))
        assert reached is None or start == reached
        reached = start + length
        assert length <= timedelta(seconds=94_694_400)
        for reading in block.iterfind(f"{AR}IntervalReading"):
            order(reading, READING)
            int(reading.findtext(f"{ESPI}value"))
            target = moment(reading.findtext(f"{AR}targetTime"))
            assert start <= target < reached
            if status := reading.findtext(f"{AR}statusFNN"):
                assert re.fullmatch(r"[0-9A-F]{16}", status)
            else:
                assert reading.findtext(f"{AR}statusPTB") in "01234"


def moment(text: str) -> datetime:
    """Return a time, which has an offset."""
    found = datetime.fromisoformat(text)
    assert found.tzinfo is not None
    return found
