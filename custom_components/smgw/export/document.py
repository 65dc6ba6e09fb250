"""A read-out of one contract, as VDE-AR-E 2418-6 knows it, with the format's rules.

The rules are those of the official transparency software, which refuses a file that
breaks one.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import IntEnum

from .errors import ExportRule

LONGEST = timedelta(seconds=94_694_400)
"""Three years."""
LEAST = {1: 2, 2: 5}
"""Least number of registers by use case; a load profile has one or more."""


class Service(IntEnum):
    """What is delivered (ESPI ServiceKind)."""

    ELECTRICITY = 0
    GAS = 1
    WATER = 2
    PRESSURE = 4
    HEAT = 5
    COLD = 6
    COMMUNICATION = 7
    TIME = 8


class CertificateType(IntEnum):
    """What a certificate is for."""

    SIGNATURE = 1
    SUB_CA = 2
    HAN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """A certificate of the gateway."""

    number: int
    type: CertificateType
    content: bytes
    """DER."""
    parent: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An entry of the consumer log."""

    number: int
    time: datetime
    level: int
    """1 (information) to 5."""
    success: bool
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """One reading of a register."""

    target_time: datetime
    capture_time: datetime
    value: Decimal
    """In the unit of its list."""
    fnn: str = ""
    """Status after FNN, 16 hex digits."""
    ptb: int | None = None
    """Status after PTB, 0 to 4; one of the two is there."""
    signature: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingList:
    """The readings of one register, oldest first."""

    meter_id: str
    obis: str
    """12 hex digits."""
    logical_name: str
    """`<obis>.<meter id>.sm` for an original list, `<obis>.<name>.sm` for a derived one."""
    unit: str
    """As the rest of the integration spells it: `kWh`, `m³`, ..."""
    period: timedelta
    values: tuple[Value, ...]

    @property
    def original(self) -> bool:
        """Say whether it is the meter's own list."""
        owner = self.logical_name.split(".")[1:2]
        return [self.meter_id.upper()] == [part.upper() for part in owner]


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What one file holds: one contract on one gateway."""

    service: Service
    usage_point: str
    customer: str
    invoicing_party: str
    gateway_id: str
    tariff_name: str
    taf: int | None = None
    """Checked where it is known; the file itself does not hold it."""
    firmware: str = ""
    certificates: tuple[Certificate, ...] = ()
    log: tuple[Event, ...] = ()
    lists: tuple[ReadingList, ...] = ()

    def check(self) -> None:
        """Raise `ExportRule` for the first rule that is broken."""
        for name in ("usage_point", "customer", "invoicing_party", "tariff_name"):
            if not getattr(self, name).strip():
                raise ExportRule("missing", name)
        if not self.lists:
            raise ExportRule("no_readings")
        if len(self.lists) < LEAST.get(self.taf or 0, 1):
            raise ExportRule("too_few_registers")
        if self.taf == 7 and not all(found.original for found in self.lists):
            raise ExportRule("not_original")
        names = [(found.meter_id, found.logical_name) for found in self.lists]
        if len(set(names)) != len(names):
            raise ExportRule("register_twice")
        self._check_certificates()
        self._check_log()
        for found in self.lists:
            _check_list(found)
        first = min(found.values[0].target_time for found in self.lists)
        last = max(found.values[-1].target_time for found in self.lists)
        if last - first > LONGEST:
            raise ExportRule("too_long")

    def _check_log(self) -> None:
        numbers = [event.number for event in self.log]
        if len(set(numbers)) != len(numbers):
            raise ExportRule("log_number_twice")
        if not all(1 <= event.level <= 5 for event in self.log):
            raise ExportRule("log_level")

    def _check_certificates(self) -> None:
        numbers = [certificate.number for certificate in self.certificates]
        if len(set(numbers)) != len(numbers):
            raise ExportRule("certificate_twice")
        for certificate in self.certificates:
            if certificate.parent is not None and certificate.parent not in numbers:
                raise ExportRule("certificate_unknown")


def _check_list(found: ReadingList) -> None:
    if not found.values:
        raise ExportRule("no_readings", found.logical_name)
    before: datetime | None = None
    for value in found.values:
        if before is not None and value.target_time <= before:
            raise ExportRule("order", found.logical_name)
        before = value.target_time
        if not value.fnn and value.ptb is None:
            raise ExportRule("no_status", found.logical_name)
        if value.ptb is not None and not 0 <= value.ptb <= 4:
            raise ExportRule("status", found.logical_name)
