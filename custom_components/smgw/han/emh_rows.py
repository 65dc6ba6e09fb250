"""Rows of the containers of an EMH CASA: load profiles, derived registers, day values.

No network.
"""

from datetime import datetime
from decimal import Decimal
import re
from typing import NamedTuple

from . import ids, jsonpage
from .dlms import scale_of, times
from .history import DerivedRegister, ProfileRow
from .model import Register, Skipped
from .obis import Obis
from .profiles import cached_quality
from .trust import Unusable
from .units import Unit, parse_unit

# A month of a meter with live values, signed, is about 14 MB.
MAX_BODY = 32 * 1024 * 1024
DEPTH = 1
"""Where single containers begin: in the list."""

type Found = dict[str, tuple[Register, list[ProfileRow]]]
"""By OBIS code as text."""

_SIMPLE = re.compile(r"(-?\d{1,18}(?:\.\d{1,9})?) (\S{1,8})", re.ASCII)
# The live sensors count in kWh whatever the gateway calls it.
_TO_KILO = {
    Unit.WATT_HOUR: Unit.KILOWATT_HOUR,
    Unit.VAR_HOUR: Unit.KILOVAR_HOUR,
}


_KIND = ("logical_name", "scaler", "unit")
_VALUE = ("value", "signature")


class _Head(NamedTuple):
    """What a container says of all its values."""

    target_time: datetime
    capture_time: datetime
    status: str

    def row(self, value: Decimal | None, signature: str | None) -> ProfileRow:
        """Return the row of one value."""
        state = cached_quality(self.status)
        return ProfileRow(
            self.target_time, self.capture_time, value, state, self.status, signature
        )


def profiles(answer: object, meter_id: str) -> tuple[Found, list[Skipped]]:
    """Return the rows of a month's containers, by register."""
    found: Found = {}
    skipped: list[Skipped] = []
    # Logical name, scaler and unit repeat in every container.
    known: dict[tuple[str, ...], tuple[list[ProfileRow], int] | str] = {}
    for container in jsonpage.records({"": answer}, ""):
        head = _head(container)
        if head is None:
            skipped.append(Skipped(where=meter_id, reason="no_time"))
            continue
        for item in jsonpage.records(container, "values"):
            key = tuple(jsonpage.texts(item, _KIND))
            if key not in known:
                known[key] = _source(key, meter_id, found)
                if isinstance(reason := known[key], str):
                    where = f"{meter_id} {key[0][:12]}"
                    skipped.append(Skipped(where=where, reason=reason))
            if isinstance(source := known[key], str):
                continue
            rows, exponent = source
            rows.append(_row(head, item, exponent))
    return found, skipped


def _source(
    key: tuple[str, ...], meter_id: str, found: Found
) -> tuple[list[ProfileRow], int] | str:
    """Return where the rows of a register go, and their power of ten; or why nowhere."""
    name, scaler, unit = key
    if isinstance(kind := _kind(name, scaler, unit, meter_id), str):
        return kind
    register, exponent = kind
    return found.setdefault(str(register.obis), (register, []))[1], exponent


def derived(answer: object, owner: str) -> tuple[DerivedRegister, ...]:
    """Return the values of the newest container; of a list the newest one."""
    containers = answer if isinstance(answer, list) else [answer]
    headed = [
        (head, container)
        for container in containers
        if isinstance(container, dict) and (head := _head(container)) is not None
    ]
    if not headed:
        return ()
    head, container = max(headed, key=lambda pair: pair[0].target_time)
    found = []
    for item in jsonpage.records(container, "values"):
        name = jsonpage.text(item, "logical_name")
        code = name.partition(".")[0]
        kind = _kind(
            code, jsonpage.text(item, "scaler"), jsonpage.text(item, "unit"), owner
        )
        if not isinstance(kind, str):
            register, exponent = kind
            found.append(_derived(register, _row(head, item, exponent)))
    return tuple(found)


def daily(answer: object, owner: str) -> tuple[DerivedRegister, ...]:
    """Return the newest of the day values (TAF 6), which come as simple objects."""
    days = [
        (time, item)
        for item in jsonpage.records({"": answer}, "")
        if (time := jsonpage.moment(jsonpage.text(item, "timestamp_nom")))
    ]
    if not days:
        return ()
    time, item = max(days, key=lambda day: day[0])
    head = _Head(
        time,
        jsonpage.moment(jsonpage.text(item, "timestamp_act")) or time,
        jsonpage.text(item, "status"),
    )
    found = []
    for code in item:
        obis = Obis.parse(code) if code.lower().endswith("ff") else None
        if obis is None or (value := _simple(jsonpage.text(item, code))) is None:
            continue
        amount, unit = value
        register = Register(meter_id=owner, obis=obis, unit=unit, name="")
        found.append(_derived(register, head.row(amount, None)))
    return tuple(found)


def _derived(register: Register, row: ProfileRow) -> DerivedRegister:
    tariff = register.obis.e if register.obis.counts_up else None
    return DerivedRegister(register=register, tariff=tariff, row=row)


def _head(container: jsonpage.Record) -> _Head | None:
    """Return times and status of a container, which hold for all its values."""
    target = jsonpage.moment(jsonpage.text(container, "timestamp"))
    capture = jsonpage.moment(jsonpage.text(container, "capture_time"))
    time = target or capture
    if time is None:
        return None
    return _Head(time, capture or time, jsonpage.text(container, "status"))


def _row(head: _Head, item: jsonpage.Record, exponent: int) -> ProfileRow:
    value, signature = jsonpage.texts(item, _VALUE)
    return head.row(
        times(value, exponent), signature if signature not in ("", "-") else None
    )


def _kind(
    name: str, scaler: str, unit: str, meter_id: str
) -> tuple[Register, int] | str:
    """Return register and power of ten of a value, or why it is not used."""
    code, _, owner = name.partition(".")
    if (obis := Obis.parse(code)) is None:
        return "unknown_obis"
    if owner and ids.meter_id(owner) != meter_id:
        return "other_meter"
    try:
        exponent, known = scale_of(scaler, unit)
    except Unusable as err:
        return str(err)
    return Register(meter_id=meter_id, obis=obis, unit=known, name=""), exponent


def _simple(text: str) -> tuple[Decimal, Unit] | None:
    """Return amount and unit of a text such as `4123.4567 kWh`; None if it is none."""
    if (match := _SIMPLE.fullmatch(text.strip())) is None:
        return None
    if (unit := parse_unit(match[2])) is None:
        return None
    amount = Decimal(match[1])
    return (amount.scaleb(-3), _TO_KILO[unit]) if unit in _TO_KILO else (amount, unit)
