"""What a gateway keeps: quarter hours, contracts, derived registers, the consumer log.

Drivers read it in sessions of their own, one slice after the other; whoever asks
decides how many slices a session takes and when the next one may be opened.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple, Protocol

from ..export.cms import Signed
from .model import Register, Skipped, Snapshot
from .status import Quality


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A stretch of time (UTC): after `start`, up to and with `end`.

    A meter reading belongs to the quarter hour that ends with it, so a day's readings
    are those from 00:15 to 24:00.
    """

    start: datetime
    end: datetime

    def __contains__(self, moment: datetime) -> bool:
        """Say whether a moment lies in it."""
        return self.start < moment <= self.end


class ProfileRow(NamedTuple):
    """One row of a load profile; a tuple, because there are 35,000 a year and register."""

    target_time: datetime
    """The end of the slot it belongs to (UTC)."""
    capture_time: datetime
    """When the gateway took it (UTC), seconds off the target time."""
    value: Decimal | None
    """In the register's unit; None where the gateway says that there is none."""
    quality: Quality | None
    """What the status says; None where the gateway gives none."""
    status: str
    """The status as delivered."""
    signature: str | None
    """The gateway's signature over the value, hex, as delivered; not checked."""

    @property
    def usable(self) -> bool:
        """Say whether it is a meter reading to count with."""
        return self.value is not None and (self.quality is None or self.quality.usable)


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """The load profile of one register in a span."""

    register: Register
    period: timedelta
    """Between two slots: 15 min, for gas mostly 60 min."""
    rows: tuple[ProfileRow, ...]
    """By target time, oldest first, each target time once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedFile:
    """An export as the gateway signed it, to be kept and checked as it is."""

    name: str
    content: bytes
    """CMS SignedData, DER."""
    opened: Signed
    """What its signature says, without the content."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileSlice:
    """What one slice of a meter's history holds."""

    meter_id: str
    span: Span
    """What was read: the newest part of the span asked for, or all of it."""
    profiles: Mapping[str, Profile]
    """By OBIS code as text; empty if the gateway has nothing there."""
    skipped: tuple[Skipped, ...] = ()
    signed: SignedFile | None = None
    """The original, where the gateway hands one out."""


class ContractState(StrEnum):
    """How a contract stands."""

    READY = "ready"
    RUNNING = "running"
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class BillingPeriod:
    """One billing period of a contract (UTC)."""

    start: datetime
    end: datetime | None
    """None while it runs and its end is not told."""
    running: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """An evaluation profile (Auswertungsprofil, usage point)."""

    logical_name: str
    """The gateway's own name for it, e.g. `01005e318027.demo.sm`; names are not unique."""
    name: str
    taf: int | None
    """Number of the tariff use case (TAF)."""
    state: ContractState
    meters: tuple[str, ...]
    """Meter ids."""
    metering_point: str | None
    """Mostly 33 characters, `DE...`."""
    supplier: str | None
    """Whom the gateway sends its values to."""
    valid_from: datetime | None
    valid_until: datetime | None
    """None for no end."""
    capture_period: timedelta | None
    billing_periods: tuple[BillingPeriod, ...] = ()
    """Newest first."""
    on_demand: bool = False
    """Whether day values (TAF 6) can be asked for."""
    active_tariff: int | None = None
    """The tariff step now, where the gateway tells it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DerivedRegister:
    """A register that the gateway computes for a contract."""

    register: Register
    """Its meter id is that of the contract's only meter, else empty."""
    tariff: int | None
    """The tariff step (0: all steps; 63: what belongs to none)."""
    row: ProfileRow


class LogLevel(StrEnum):
    """How grave an entry of the consumer log is."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    FATAL = "fatal"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry:
    """One entry of the consumer log."""

    number: int | None
    """The gateway's running number."""
    time: datetime
    """UTC."""
    level: LogLevel
    success: bool | None
    """The outcome; None where the gateway tells none."""
    event_id: str
    """E.g. `10041` or `THE.19013.0`; empty where the gateway tells none."""
    text: str
    """As delivered, mostly German."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSlice:
    """A part of the consumer log."""

    span: Span
    """What was read: the newest part of the span asked for, or all of it."""
    entries: tuple[LogEntry, ...]
    """Oldest first."""
    signed: SignedFile | None = None


class HistorySession(Protocol):
    """An open session on a gateway, for what it keeps. Raises nothing but `SmgwError`."""

    @property
    def requests(self) -> int:
        """HTTP requests sent so far."""

    async def contracts(self) -> tuple[Contract, ...]:
        """Return all contracts of the account, ended ones as well."""

    async def profile(self, meter_id: str, span: Span) -> ProfileSlice:
        """Return the newest part of a span that the gateway hands out at once.

        The caller asks again for what is left, as often as it wants. An empty slice:
        nothing is kept there.
        """

    async def derived(
        self, contract: Contract, period: BillingPeriod | None
    ) -> tuple[DerivedRegister, ...]:
        """Return a contract's registers: now, or at the end of a billing period."""

    def billing_periods(self, contract: Contract) -> tuple[BillingPeriod, ...]:
        """Return what is known of a contract's billing periods by now, newest first.

        Some gateways list them with a contract, others only with its registers: then it
        is to be called after `derived`. Asks for nothing.
        """

    async def tariff_step(self, contract: Contract) -> int | None:
        """Return the tariff step of now; None where the gateway does not tell it."""

    async def log(self, span: Span) -> LogSlice:
        """Return the newest part of the consumer log in a span."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A session that has read the newest values and is still open for more."""

    snapshot: Snapshot
    """What was read; its requests are those so far."""
    history: HistorySession
    """The same session, for what the gateway keeps."""
