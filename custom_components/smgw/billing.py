"""A bill, recomputed from a load profile and set beside the gateway's own registers.

Pure functions; the rules of the use cases are those of the room `tariff`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Self

from .han.history import BillingPeriod, Contract, DerivedRegister, Profile
from .han.model import Register
from .han.obis import Obis
from .statistics import measure
from .tariff.bill import Bill, Period, taf2
from .tariff.errors import PeriodInvalid
from .tariff.model import SLOT, Stage, Tariff

_BY_STAGES = (1, 2)

type Ends = tuple[BillingPeriod, BillingPeriod]
"""A billing period, and the one before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageBill:
    """One stage of a bill."""

    number: int
    """63 for what belongs to none."""
    name: str
    energy: Decimal
    cost: Decimal | None
    """None without a price."""
    gateway: Decimal | None = None
    """What the gateway itself has counted; None where it does not tell."""

    @property
    def difference(self) -> Decimal | None:
        """Return what the gateway has counted more than we have."""
        return None if self.gateway is None else self.gateway - self.energy


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A bill with what stands beside it."""

    bill: Bill
    unit: str
    stages: tuple[StageBill, ...]
    gateway_total: Decimal | None

    @property
    def cost(self) -> Decimal | None:
        """Return what it costs; None unless all that was counted has a price."""
        costs = [one.cost for one in self.stages if one.energy or one.cost is not None]
        known = [cost for cost in costs if cost is not None]
        return sum(known, Decimal(0)) if known and len(known) == len(costs) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What the gateway itself has counted in a period, in the bill's unit."""

    total: Decimal | None
    stages: Mapping[int, Decimal]

    def with_more(self, other: Self) -> Self:
        """Return the same with what another contract has counted besides."""
        return replace(
            self,
            total=other.total if self.total is None else self.total,
            stages=self.stages or other.stages,
        )


NOTHING_COUNTED = Counted(total=None, stages={})


def usable_values(profile: Profile) -> dict[datetime, Decimal]:
    """Return the readings to count with, in the unit of statistics (kWh, m³ ...)."""
    recorded = measure(profile.register)
    factor = recorded.factor if recorded else Decimal(1)
    return {
        row.target_time: row.value * factor
        for row in profile.rows
        if row.usable and row.value is not None
    }


def unit_of(register: Register) -> str:
    """Return the unit a register is billed in."""
    recorded = measure(register)
    return (recorded.unit if recorded else register.unit.value) or ""


def flat(name: str) -> Tariff:
    """Return a tariff that has one stage only."""
    return Tariff(name=name, stages=(Stage(number=1, name=name),), default=1)


def check(
    profile: Profile,
    period: Period,
    tariff: Tariff,
    prices: Mapping[int, Decimal],
    counted: Counted = NOTHING_COUNTED,
) -> Checked:
    """Return the bill of a period.

    Raises `ProfileIncomplete` without readings at its start and end, and
    `PeriodInvalid` where a tariff with several stages meets a profile of longer slots.
    """
    values = usable_values(profile)
    if profile.period > SLOT:
        if len(tariff.stages) > 1:
            raise PeriodInvalid("slots longer than a quarter hour")
        # Its readings are on the hour: what lies between belongs to the one stage.
        values = _filled(values, profile)
    bill = taf2(values, period, tariff)
    names = {stage.number: stage.name for stage in tariff.stages}
    stages = tuple(
        StageBill(
            number=number,
            name=names.get(number, ""),
            energy=energy,
            cost=energy * prices[number] if number in prices else None,
            gateway=counted.stages.get(number),
        )
        for number, energy in sorted(bill.energy.items())
    )
    return Checked(
        bill=bill,
        unit=unit_of(profile.register),
        stages=stages,
        gateway_total=counted.total,
    )


def ends_of(contract: Contract, period: Period) -> Ends | None:
    """Return a contract's billing period that is this one, and the one before it.

    Of a contract that does not list its periods they are supposed; whoever asks for
    their registers gets none if they are others. None where it has no such periods.
    """
    if contract.billing_periods:
        last = _one(contract, lambda one: one.start == period.start)
        first = _one(contract, lambda one: one.end == period.start)
        if last is None or first is None or last.end != period.end:
            return None
        return last, first
    earlier = _earlier(period)
    return _supposed(period), _supposed(earlier)


def _one(
    contract: Contract, fits: Callable[[BillingPeriod], bool]
) -> BillingPeriod | None:
    return next((one for one in contract.billing_periods if fits(one)), None)


def _supposed(period: Period) -> BillingPeriod:
    return BillingPeriod(start=period.start, end=period.end, running=False)


def _earlier(period: Period) -> Period:
    """Return the period before one: as many months, else as many days."""
    last = period.first - timedelta(days=1)
    if (months := period.months) is None:
        return Period(first=period.first - (period.last - last), last=last)
    ahead = period.first.year * 12 + period.first.month - 1 - months
    return Period(first=date(ahead // 12, ahead % 12 + 1, 1), last=last)


def by_stages(contracts: Iterable[Contract], meter_id: str) -> list[Contract]:
    """Return the contracts for which the gateway counts a meter's bills itself."""
    return [
        one
        for one in contracts
        if one.taf in _BY_STAGES and (not one.meters or meter_id in one.meters)
    ]


def counted(
    wanted: Obis,
    period: Period,
    start: Iterable[DerivedRegister],
    end: Iterable[DerivedRegister],
) -> Counted:
    """Return what derived registers have counted between the two ends of a period.

    Only readings of these very moments count: some gateways close a period with the
    reading before.
    """
    first = _readings(wanted, period.start, start)
    last = _readings(wanted, period.end, end)
    energy = {
        number: last[number] - first[number] for number in last if number in first
    }
    total = energy.pop(0, None)
    return Counted(total=total, stages=energy)


def _readings(
    wanted: Obis, at: datetime, found: Iterable[DerivedRegister]
) -> dict[int, Decimal]:
    """Return the readings that belong to a register, by stage; 0 is the total."""
    readings = {}
    for one in found:
        obis = one.register.obis
        recorded = measure(one.register)
        same = obis.quantity == wanted.quantity
        timely = one.row.target_time == at and one.row.usable
        if same and recorded and timely and one.row.value is not None:
            readings[obis.e] = one.row.value * recorded.factor
    return readings


def _filled(
    values: Mapping[datetime, Decimal], profile: Profile
) -> dict[datetime, Decimal]:
    """Return readings with each slot of the profile cut into quarter hours.

    Not a guess at when something was used: all of it has the same stage, and it is
    counted at the slot's end.
    """
    filled = dict(values)
    for moment in values:
        following = moment + profile.period
        if following not in values:
            continue
        step = moment + SLOT
        while step < following:
            filled[step] = values[moment]
            step += SLOT
    return filled
