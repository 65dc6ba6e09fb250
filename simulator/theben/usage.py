"""Usage points: what a Theben calls an evaluation profile.

On a Theben a meter is seen only through usage points, and import and export
often lie in two of them (observed on gateways). Meters of a scenario that no
contract uses get a TAF 7.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from simulator.derived import days, months
from simulator.meters import Meter
from simulator.readout import Readout
from simulator.scenario import (
    HOUSE,
    SCENARIOS as SHARED,
    Contract,
    ContractSpec,
    Scenario,
    house,
)

NOT_KEPT = frozenset({9, 10, 14})
_SPLIT = frozenset({1, 6, 7})


@dataclass(frozen=True, slots=True)
class UsagePoint:
    """One usage point; ``state`` ready, running or archive; aware UTC times."""

    id: str
    name: str
    contract: Contract
    meter: Meter
    obis: tuple[str, ...]
    state: str
    begin: datetime
    end: datetime | None
    on_demand: bool

    @property
    def taf(self) -> int:
        """Return the number of the use case."""
        return self.contract.taf

    @property
    def owner(self) -> str:
        """Return the owner number of calculated values, ``<taf name>.sm``."""
        return self.id.partition(".")[2]

    @property
    def databases(self) -> tuple[str, ...]:
        """Return the lists of values it has (which one has which: decided here)."""
        if self.taf in NOT_KEPT:
            return ("origin",)
        match self.taf:
            case 1:
                return ("origin", "derived")
            case 2:
                return ("origin", "derived", "calculated")
            case 6:
                return ("origin", "daily")
            case _:
                return ("origin", "daily") if self.on_demand else ("origin",)


def theben_house() -> Scenario:
    """Return the shared house and a contract that begins next month."""
    scenario = house()
    coming = ContractSpec("TAF7_NEU", 7, HOUSE.id, ("1-0:1.8.0",), begin_days=30)
    scenario.contract_specs += (coming,)
    return scenario


SCENARIOS: dict[str, Callable[[], Scenario]] = {**SHARED, "house": theben_house}


def usage_points(view: Readout) -> list[UsagePoint]:
    """Return the usage points a login sees."""
    contracts = [*view.contracts, *_unused_meters(view)]
    on_demand = {c.meter for c in contracts if c.taf == 6}
    found: list[UsagePoint] = []
    for contract in contracts:
        meter = view.meter(contract.meter)
        if meter is None:
            continue
        point = _usage_point(view, contract, meter, contract.meter in on_demand)
        found += _directions(view, point)
    return found


def period_limits(view: Readout, begin: datetime, end: datetime) -> Iterator[datetime]:
    """Return the limits of billing periods: local midnight, first of the month."""
    daily = "daily_periods" in view.faults
    return days(begin, end) if daily else months(begin, end)


def _unused_meters(view: Readout) -> Iterator[Contract]:
    if "no_contracts" in view.faults or view.account.contracts:
        return
    used = {contract.meter for contract in view.scenario.contracts}
    number = len(view.scenario.contracts)
    for meter in view.meters:
        number += 1
        if meter.id in used:
            continue
        obis = tuple(register.obis for register in meter.registers)
        since = view.oldest(meter)
        old = view.scenario.meters.before(meter)
        yield Contract(
            f"TAF7_{meter.id}",
            7,
            meter.id,
            obis,
            since,
            None,
            number,
            old.id if old else "",
        )


def _usage_point(
    view: Readout, contract: Contract, meter: Meter, on_demand: bool
) -> UsagePoint:
    end = contract.end
    if fault := view.faults.get("contracts_expired"):
        gone = fault.since + view.shift - timedelta(days=float(fault["days"]))
        end = gone if end is None else min(end, gone)
    return UsagePoint(
        contract.logical_name,
        contract.name,
        contract,
        meter,
        tuple(r.obis for r in view.registers(meter, contract.obis)),
        _state(view, contract.begin, end),
        contract.begin,
        end,
        on_demand,
    )


def _state(view: Readout, begin: datetime, end: datetime | None) -> str:
    if end is not None and end <= view.now:
        return "archive"
    if begin > view.now or "state_ready" in view.faults:
        return "ready"
    return "running"


def _directions(view: Readout, point: UsagePoint) -> list[UsagePoint]:
    """Split a usage point by direction, and leave out one without registers."""
    feed = tuple(obis for obis in point.obis if ":2." in obis)
    draw = tuple(obis for obis in point.obis if obis not in feed)
    whole = "joined_directions" in view.faults or point.taf not in _SPLIT
    if not point.obis:
        return []
    if whole or not (feed and draw):
        return [point]
    stem = point.id.removesuffix(".sm")
    return [
        replace(point, id=f"{stem}-{mark}.sm", name=f"{point.name}_{word}", obis=obis)
        for mark, word, obis in (("b", "BEZUG", draw), ("e", "EINSP", feed))
    ]
