"""What a contract derives: billing periods and their register values.

Which TAFs list values at once is from the document (TAF 7); the length of the
other periods is our choice: months for TAF 1 and 2, days for the rest.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from simulator.clock import BERLIN, local_text
from simulator.meters import Meter, Register, floor_time
from simulator.scenario import Contract

from .readings import WORDS, validity
from .view import View

MONTHLY = frozenset({1, 2})
AT_ONCE = frozenset({7})


@dataclass(frozen=True, slots=True)
class Period:
    """A billing period, aware UTC, end exclusive; running if it has not ended."""

    begin: datetime
    end: datetime
    running: bool


@dataclass(frozen=True, slots=True)
class Derived:
    """One derived register value as text; times local wall time."""

    target: str
    stamp: str
    quality: str
    value: str
    unit: str
    obis: str
    step: str
    sign: str = "3044"


def periods(
    view: View, contract: Contract, begin: datetime, end: datetime
) -> list[Period]:
    """Return the billing periods that touch a range, newest first."""
    meter = view.scenario.meters[contract.meter]
    last = view.contract_end(contract)
    limit = min(view.now, last) if last else view.now
    first = max(contract.begin, meter.since)
    found: list[Period] = []
    start = _start_of(contract, limit)
    while start >= first:
        stop = _next(contract, start)
        running = stop > view.now and (last is None or last > view.now)
        if start <= end and stop > begin:
            found.append(Period(start, min(stop, last) if last else stop, running))
        start = _start_of(contract, start - timedelta(seconds=1))
    return found


def load_profile(
    view: View, contract: Contract, begin: datetime, end: datetime
) -> list[Derived]:
    """Return TAF 7 values whose target time lies in a range, newest first."""
    meter = view.scenario.meters[contract.meter]
    last = view.contract_end(contract)
    newest = meter.latest_target(view.values_now)
    target = min(newest, floor_time(end, meter.interval))
    if last is not None:
        target = min(target, floor_time(last, meter.interval))
    oldest = max(begin, contract.begin, meter.since)
    rows: list[Derived] = []
    while target >= oldest:
        rows.extend(_values(view, contract, meter, target))
        target -= timedelta(seconds=meter.interval)
    return rows


def registers_of(view: View, contract: Contract, period: Period) -> list[Derived]:
    """Return the register values at the end and the begin of a period."""
    meter = view.scenario.meters[contract.meter]
    newest = meter.latest_target(view.values_now)
    end = min(newest, floor_time(period.end, meter.interval))
    return [
        row
        for target in (end, period.begin)
        for row in _values(view, contract, meter, target)
    ]


def _values(
    view: View, contract: Contract, meter: Meter, target: datetime
) -> Iterator[Derived]:
    valid = validity(view, meter, target)
    captured = meter.captured(target)
    for register in view.registers(meter):
        if register.obis not in contract.obis:
            continue
        yield _derived(contract, register, valid, target, captured)
    if contract.taf == 2:
        yield Derived(
            local_text(target),
            local_text(captured),
            WORDS[valid],
            "0.0000",
            "kWh",
            "1-0:1.8.63",
            "63",
        )


def _derived(
    contract: Contract,
    register: Register,
    valid: str,
    target: datetime,
    captured: datetime,
) -> Derived:
    step = register.obis.rpartition(".")[2] if contract.taf == 2 else "0"
    value = "" if valid == "3" else f"{register.truth(captured):.4f}"
    return Derived(
        local_text(target),
        local_text(captured),
        WORDS[valid],
        value,
        register.unit,
        register.obis,
        step,
    )


def _start_of(contract: Contract, at: datetime) -> datetime:
    local = at.astimezone(BERLIN).replace(hour=0, minute=0, second=0, microsecond=0)
    if contract.taf in MONTHLY:
        local = local.replace(day=1)
    return local.replace(fold=0).astimezone(UTC)


def _next(contract: Contract, start: datetime) -> datetime:
    days = 32 if contract.taf in MONTHLY else 1
    local = start.astimezone(BERLIN) + timedelta(days=days)
    return _start_of(contract, local)
