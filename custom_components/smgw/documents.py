"""From what was read of a meter to a read-out after VDE-AR-E 2418-6. No Home Assistant."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import count
import re
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from .export.document import (
    LEAST,
    Certificate,
    CertificateType,
    Document,
    Event,
    ReadingList,
    Service,
    Value,
)
from .han.history import (
    Contract,
    DerivedRegister,
    LogEntry,
    LogLevel,
    Profile,
    ProfileRow,
)
from .han.ids import Medium, medium
from .han.obis import Obis
from .han.slots import QUARTER
from .han.units import Unit

_SERVICES = {
    Medium.ELECTRICITY: Service.ELECTRICITY,
    Medium.GAS: Service.GAS,
    Medium.COLD_WATER: Service.WATER,
    Medium.HOT_WATER: Service.WATER,
    Medium.HEAT: Service.HEAT,
    Medium.HEAT_COST: Service.HEAT,
    Medium.COOLING: Service.COLD,
}
_LEVELS = {
    LogLevel.INFO: 1,
    LogLevel.WARNING: 2,
    LogLevel.ERROR: 3,
    LogLevel.FATAL: 4,
    LogLevel.OTHER: 5,
}
_FNN = re.compile(r"[0-9a-fA-F]{16}")
# The format wants a word where the gateway tells none.
_NOT_TOLD = "unknown"
# Lists of meter readings (TAF 7) first: those are what is exported.
_PREFERRED = (7, 14, 10, 9, 13, 6, 2, 1)


class Lists(NamedTuple):
    """The readings of registers, as the format takes them."""

    lists: tuple[ReadingList, ...]
    left_out: int
    """Rows without a value or without a status that is understood."""


def reading_lists(profiles: Iterable[Profile]) -> Lists:
    """Return the original lists of a meter's registers; takes its time."""
    lists: list[ReadingList] = []
    left_out = 0
    for profile in profiles:
        values = tuple(
            value for row in profile.rows if (value := _value(row)) is not None
        )
        left_out += len(profile.rows) - len(values)
        if not values:
            continue
        register = profile.register
        code = _hex(register.obis)
        lists.append(
            ReadingList(
                meter_id=register.meter_id,
                obis=code,
                logical_name=f"{code}.{register.meter_id.lower()}.sm",
                unit=register.unit.value,
                period=profile.period,
                values=values,
            )
        )
    return Lists(tuple(lists), left_out)


def derived_lists(
    contract: Contract, meter_id: str, found: Iterable[DerivedRegister]
) -> Lists:
    """Return a contract's own registers, as the gateway counted them."""
    columns: dict[tuple[str, Unit], dict[datetime, Value]] = {}
    left_out = 0
    for one in found:
        value = _value(one.row)
        left_out += value is None
        if value is not None:
            key = _hex(one.register.obis), one.register.unit
            columns.setdefault(key, {})[value.target_time] = value
    owner = _owner(contract)
    lists = tuple(
        ReadingList(
            meter_id=meter_id,
            obis=code,
            logical_name=f"{code}.{owner}.sm",
            unit=unit.value,
            period=QUARTER,
            values=tuple(values[moment] for moment in sorted(values)),
        )
        for (code, unit), values in sorted(columns.items())
    )
    return Lists(lists, left_out)


def beside(derived: Lists, original: Lists, taf: int | None) -> Lists:
    """Return the lists of a contract with registers of its own.

    Of the meter's lists those that the registers are made of; all, where the format
    wants more.
    """
    if not derived.lists:
        return original
    quantities = {one.obis[:8] for one in derived.lists}
    own = tuple(one for one in original.lists if one.obis[:8] in quantities)
    if taf == 1:
        own = tuple(one for one in own if one.obis[8:10] == "00") or own
    if len(own) + len(derived.lists) < LEAST.get(taf or 0, 1):
        own = original.lists
    return Lists((*own, *derived.lists), original.left_out + derived.left_out)


def contract_of(contracts: Iterable[Contract], meter_id: str) -> Contract | None:
    """Return the contract that a meter's list belongs to: of meter readings, the newest."""
    own = [one for one in contracts if meter_id in one.meters]

    def rank(contract: Contract) -> tuple[int, float]:
        taf = contract.taf if contract.taf in _PREFERRED else _PREFERRED[-1]
        begin = contract.valid_from.timestamp() if contract.valid_from else 0.0
        return _PREFERRED.index(taf), -begin

    return min(own, key=rank, default=None)


def document(
    contract: Contract | None,
    lists: tuple[ReadingList, ...],
    *,
    meter_id: str,
    gateway_id: str,
    customer: str,
    firmware: str | None,
    certificates: tuple[Certificate, ...] = (),
    log: Iterable[LogEntry] = (),
) -> Document:
    """Return a read-out; its rules are checked when it is written."""
    point = name = supplier = None
    if contract:
        point = contract.metering_point or contract.logical_name
        name = contract.name or contract.logical_name
        supplier = contract.supplier
    return Document(
        service=_SERVICES.get(medium(meter_id), Service.ELECTRICITY),
        usage_point=point or _NOT_TOLD,
        customer=customer or _NOT_TOLD,
        invoicing_party=supplier or _NOT_TOLD,
        gateway_id=gateway_id,
        tariff_name=name or _NOT_TOLD,
        taf=_use_case(contract, lists),
        firmware=firmware or "",
        certificates=certificates,
        log=tuple(_events(log)),
        lists=lists,
    )


def certificates(
    han: x509.Certificate, signer: x509.Certificate | None
) -> tuple[Certificate, ...]:
    """Return the gateway's own certificate and the one it signs with, numbered."""
    found = [(CertificateType.HAN, han)]
    if signer is not None:
        found.append((CertificateType.SIGNATURE, signer))
    return tuple(
        Certificate(number=number, type=kind, content=one.public_bytes(Encoding.DER))
        for number, (kind, one) in enumerate(found, 1)
    )


def _value(row: ProfileRow) -> Value | None:
    """Return a row as the format takes it; None without a value or a status."""
    if row.value is None:
        return None
    fnn = row.status.strip().lower() if _FNN.fullmatch(row.status.strip()) else ""
    if not fnn and row.quality is None:
        return None
    return Value(
        target_time=row.target_time,
        capture_time=row.capture_time,
        value=row.value,
        fnn=fnn,
        ptb=None if row.quality is None else int(row.quality),
        signature=row.signature or "",
    )


def _use_case(contract: Contract | None, lists: Iterable[ReadingList]) -> int | None:
    """Return the use case whose rules hold: its own registers have to be there."""
    if contract is None:
        return None
    derived = not all(one.original for one in lists)
    return contract.taf if derived == (contract.taf in LEAST) else None


def _owner(contract: Contract) -> str:
    """Return what a contract's registers are called after: the middle of its name."""
    parts = contract.logical_name.split(".")
    if len(parts) == 3 and parts[1]:
        return parts[1]
    return re.sub(r"[^0-9A-Za-z_-]+", "-", contract.logical_name).strip("-") or "taf"


def _events(log: Iterable[LogEntry]) -> Iterator[Event]:
    """Yield entries with numbers that are there once each, the gateway's where it counts.

    Slices may overlap, and a gateway may have begun to count anew.
    """
    entries = list(dict.fromkeys(log))
    known = {entry.number for entry in entries}
    free = (number for number in count(1) if number not in known)
    used: set[int] = set()
    for entry in entries:
        own = entry.number is not None and entry.number not in used
        number = entry.number if own and entry.number is not None else next(free)
        used.add(number)
        yield _event(entry, number)


def _event(entry: LogEntry, number: int) -> Event:
    failed = entry.level in (LogLevel.ERROR, LogLevel.FATAL)
    return Event(
        number=number,
        time=entry.time,
        level=_LEVELS[entry.level],
        # The format knows no open outcome.
        success=not failed if entry.success is None else entry.success,
        text=entry.text or entry.event_id or _NOT_TOLD,
    )


def _hex(obis: Obis) -> str:
    return bytes((obis.a, obis.b, obis.c, obis.d, obis.e, obis.f)).hex()
