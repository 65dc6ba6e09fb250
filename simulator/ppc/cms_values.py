"""The XML of a meter-value export: original values, UTC, raw integers."""

from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
import re

from simulator.clock import BERLIN, utc_text
from simulator.meters import Register

from .markup import text
from .readings import Row

HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
GENERIC = "urn:k461-dke-de:profile_generic-1"
EXTENSION = "urn:k461-dke-de:extension-1"
# unit on the page: DLMS unit code, scaler that makes 0.0001 of it a whole number
_UNITS = {
    "kWh": (30, -1),
    "m3": (13, -4),
    "W": (27, -4),
    "V": (35, -4),
    "A": (33, -4),
    "Hz": (44, -4),
    "°": (8, -4),
}
_STATUS = {"1": "0", "2": "4", "3": "3"}


def obis_hex(obis: str) -> str:
    """Return twelve hex digits: ``1-0:1.8.0`` is ``0100010800ff``."""
    numbers = [int(part) for part in re.findall(r"\d+", obis)][:6]
    numbers += [255] * (6 - len(numbers))
    return bytes(number & 255 for number in numbers).hex()


def values_xml(
    meter_id: str, registers: list[Register], rows: list[Row], prefixes: tuple[str, str]
) -> str:
    """Return the list object of a meter with one column for each register.

    Newest first; status 0 valid, 4 invalid, 3 not present; a change of a row's
    OBIS text or unit stays on the pages.
    """
    p, e = prefixes
    captures, columns = [], []
    for number, register in enumerate(registers, 1):
        name = f"{obis_hex(register.obis)}.{meter_id}.sm"
        captures.append(
            f'<{p}:capture_object id="{number}"><{e}:logical_name>{name}'
            f"</{e}:logical_name><{e}:class_id>32822</{e}:class_id></{p}:capture_object>"
        )
        own = [row for row in rows if row.register.obis == register.obis]
        entries = "\n".join(_entry(n, row, p, e) for n, row in enumerate(own, 1))
        columns.append(
            f'<{p}:column id="{number}" count="{len(own)}">\n{entries}\n</{p}:column>'
        )
    root = f"01005e31803c.{meter_id}.sm"
    return (
        f'{HEAD}<{p}:object xmlns:{p}="{GENERIC}" xmlns:{e}="{EXTENSION}" '
        f'id="{root}" class_id="7">\n<{p}:attributes>'
        f"<{e}:logical_name>{root}</{e}:logical_name>\n"
        f"<{p}:capture_objects>{''.join(captures)}</{p}:capture_objects>\n"
        f"<{p}:buffer><{p}:simple_data>\n{''.join(columns)}\n</{p}:simple_data>"
        f"</{p}:buffer></{p}:attributes></{p}:object>\n"
    )


def _entry(number: int, row: Row, p: str, e: str) -> str:
    unit, scaler = _UNITS.get(row.register.unit, (255, -4))
    status = _STATUS.get(row.valid, text(row.valid))
    return (
        f'<{p}:entry_gateway_signed id="{number}"><{e}:value><{e}:long64>{_raw(row)}'
        f"</{e}:long64></{e}:value><{e}:scaler>{scaler}</{e}:scaler>"
        f"<{e}:unit>{unit}</{e}:unit>"
        f"<{e}:status><{e}:unsigned>{status}</{e}:unsigned></{e}:status>"
        f"<{e}:capture_time>{_time(row)}</{e}:capture_time>"
        f"<{e}:smgw_signature>{row.signature}</{e}:smgw_signature>"
        f"</{p}:entry_gateway_signed>"
    )


def _raw(row: Row) -> str:
    if row.raw is None:
        return "0" if row.valid == "3" else str(row.units)
    try:
        number = Decimal(row.raw)
    except InvalidOperation:
        return text(row.raw)
    if not number.is_finite() or abs(number.adjusted()) > 30:
        return text(row.raw)
    return str(int(number * 10_000))


def _time(row: Row) -> str:
    """Return the capture time; a time that a test put on the page follows it."""
    try:
        shown = datetime.fromisoformat(row.stamp)
    except ValueError:
        return text(row.stamp)
    true = row.captured.astimezone(BERLIN).replace(tzinfo=None)
    if shown == true:
        return utc_text(row.captured)
    return utc_text(shown.replace(tzinfo=BERLIN).astimezone(UTC))
