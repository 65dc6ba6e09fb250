"""What a read-out holds besides load profiles: derived registers, and the consumer log."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
import re

from .errands import Time, Unfinished
from .han.errors import SmgwError
from .han.history import (
    BillingPeriod,
    Contract,
    DerivedRegister,
    HistorySession,
    LogEntry,
    LogSlice,
    SignedFile,
    Span,
)
from .han.localtime import BERLIN
from .readout import Readout

# Use cases whose registers the gateway keeps for each billing period.
_BY_PERIODS = frozenset({1, 2})
_TAF = re.compile(r"(?:taf)?[ _-]?0?(\d{1,2})", re.IGNORECASE)
# Some gateways have a billing period each day: of so many, those that end with a month.
_MOST_PERIODS = 40
# Slices of a log; more would be more than a session.
_MOST_SLICES = 50


async def async_fill_log(
    slices: list[LogSlice], session: HistorySession, span: Span, time: Time
) -> None:
    """Read the consumer log of a span, the newest slice first, as far as it is missing.

    Raises `SmgwError`, and `Unfinished` where the time of a session does not suffice.
    """
    while len(slices) < _MOST_SLICES:
        end = slices[-1].span.start if slices else span.end
        if end <= span.start:
            return
        if not time():
            raise Unfinished
        slices.append(await session.log(Span(span.start, end)))


def log_entries(slices: Sequence[LogSlice]) -> list[LogEntry]:
    """Return the entries of slices that were read newest first; oldest first."""
    return [entry for part in reversed(slices) for entry in part.entries]


@dataclass(slots=True)
class Supplement:
    """What was read so far."""

    log: list[LogSlice] = field(default_factory=list)
    """The newest first."""
    log_done: bool = False
    registers: dict[datetime, tuple[DerivedRegister, ...]] = field(default_factory=dict)
    """By the end of the billing period that was asked for (UTC)."""
    registers_done: bool = False

    @property
    def signed(self) -> list[SignedFile]:
        """Return the parts of the log as they were signed."""
        return [part.signed for part in self.log if part.signed]

    def log_from(self, span: Span) -> datetime | None:
        """Return from when on the log of a span was read (UTC); None without it."""
        return max(span.start, self.log[-1].span.start) if self.log else None

    @property
    def derived(self) -> list[DerivedRegister]:
        """Return the readings of all billing periods."""
        return [one for found in self.registers.values() for one in found]


class Supplementing:
    """Reads it in the session of a read-out; see `rides.Then`."""

    def __init__(self, span: Span, *, log: bool, contract: str | None) -> None:
        """Take what is asked for: the log, and the registers of a contract, if of one."""
        self._span = span
        self._log = log
        self._contract = contract
        self.log_error: SmgwError | None = None
        """Why the log could not be read, where that is what failed."""

    def found(self, readout: Readout) -> Supplement:
        """Return what is known."""
        return readout.supplements.setdefault(self._key, Supplement())

    def answered(self, readout: Readout) -> None:
        """Let go of it, now that whoever asked has it."""
        readout.supplements.pop(self._key, None)

    def wanted(self, readout: Readout) -> bool:
        """Say whether the gateway is still to be asked."""
        found = self.found(readout)
        log = self._log and not found.log_done
        return log or (self._contract is not None and not found.registers_done)

    async def run(self, readout: Readout, session: HistorySession, time: Time) -> None:
        """Ask for the registers, then for the log.

        Raises `SmgwError`, and `Unfinished` where the time of a session does not suffice.
        """
        found = self.found(readout)
        contract = self._contract and contract_named(
            readout.contracts or (), readout.meter_id, self._contract, self._span
        )
        if contract and contract.taf in _BY_PERIODS:
            for period in ended_periods(contract, self._span):
                assert period.end
                if period.end in found.registers:
                    continue
                if not time():
                    raise Unfinished
                found.registers[period.end] = await session.derived(contract, period)
        found.registers_done = True
        if self._log:
            try:
                await async_fill_log(found.log, session, self._span, time)
            except SmgwError as err:
                self.log_error = err
                raise
        found.log_done = True

    @property
    def _key(self) -> tuple[object, ...]:
        return self._span, self._log, self._contract


def contract_named(
    contracts: Sequence[Contract], meter_id: str, wanted: str, span: Span
) -> Contract | None:
    """Return a meter's contract by its name, or by its use case (`TAF 1`).

    Of several the newest one that was valid in the span.
    """
    own = [one for one in contracts if meter_id in one.meters]
    name = wanted.strip().casefold()
    found = [
        one for one in own if name in (one.name.casefold(), one.logical_name.casefold())
    ]
    if not found and (taf := _TAF.fullmatch(name)):
        found = [one for one in own if one.taf == int(taf[1])]

    def rank(contract: Contract) -> tuple[bool, float]:
        begin, end = contract.valid_from, contract.valid_until
        began = begin is None or begin < span.end
        lasted = end is None or end > span.start
        return began and lasted, begin.timestamp() if begin else 0

    return max(found, key=rank, default=None)


def ended_periods(contract: Contract, span: Span) -> list[BillingPeriod]:
    """Return the billing periods that have ended in a span, oldest first.

    Of a contract that does not list them they are supposed to be German months.
    """
    listed = contract.billing_periods or tuple(_months(span))
    found = [
        period
        for period in listed
        if not period.running
        and period.end is not None
        and period.end in span
        and (contract.valid_from is None or contract.valid_from < period.end)
        and (contract.valid_until is None or period.end <= contract.valid_until)
    ]
    if len(found) > _MOST_PERIODS:
        found = [one for one in found if one.end and _begins_month(one.end)]
    return sorted(found, key=lambda period: period.start)


def _months(span: Span) -> Iterator[BillingPeriod]:
    """Yield the German months that end in a span."""
    first = span.start.astimezone(BERLIN).replace(
        day=1, hour=0, minute=0, second=0, microsecond=0, fold=0
    )
    while True:
        following = (first + timedelta(days=32)).replace(day=1)
        start, end = (
            moment.astimezone(span.start.tzinfo) for moment in (first, following)
        )
        if end > span.end:
            return
        yield BillingPeriod(start=start, end=end, running=False)
        first = following


def _begins_month(moment: datetime) -> bool:
    wall = moment.astimezone(BERLIN)
    return (wall.day, wall.hour, wall.minute) == (1, 0, 0)
