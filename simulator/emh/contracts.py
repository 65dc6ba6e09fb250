"""The resources below ``metering/derived``."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from simulator.derived import active_tariff, days, derived_registers, months
from simulator.meters import Meter, Register, floor_time
from simulator.readout import Readout, Sample
from simulator.scenario import Contract
from simulator.wordings import metering_point

from .containers import containers, local_iso, simple

_DAYS_KEPT = timedelta(days=42)
_WITH_REGISTERS = frozenset({1, 2})


@dataclass(frozen=True, slots=True)
class Derived:
    """A contract with its meter, as one login sees it."""

    view: Readout
    contract: Contract
    meter: Meter

    @property
    def name(self) -> str:
        """Return the middle part of the logical name, the contract's own id."""
        return self.contract.logical_name.split(".")[1]

    @property
    def registers(self) -> list[Register]:
        """Return the registers derived."""
        contract = self.contract
        return derived_registers(self.view, self.meter, contract.taf, contract.obis)

    @property
    def end(self) -> datetime | None:
        """Return when the contract ends (or ended)."""
        end = self.contract.end
        if fault := self.view.faults.get("contracts_expired"):
            days_ago = timedelta(days=float(fault["days"]))
            gone = fault.since + self.view.shift - days_ago
            end = gone if end is None else min(end, gone)
        return end

    def profile(self, consumer: str) -> dict[str, Any]:
        """Return the contract object; times are epoch seconds, 0 is open."""
        contract, end = self.contract, self.end
        return {
            "active_tariff": active_tariff(contract.taf, self.view.now),
            "capture_period": self.meter.interval,
            "emt_channel_name": "emt1.sm",
            "logical_name": contract.logical_name,
            "metering_point_id": metering_point(contract.named_after or self.meter.id),
            "sensor_domains": [self.meter.id],
            "taf_identifier": self.name,
            "taf_name": contract.name,
            "taf_type": f"TAF-{contract.taf}",
            "user_domain": f"01005e318011.{consumer}.sm",
            "validity_start": int(contract.begin.timestamp()),
            "validity_end": 0 if end is None else int(end.timestamp()),
        }

    def periods(self) -> list[tuple[datetime, datetime]]:
        """Return billing periods, oldest first: local months, and the running one."""
        begin, end = self._life()
        limits = list(months(begin - timedelta(seconds=1), end))
        return [*pairwise(limits), *([(limits[-1], end)] if limits else [])]

    def period_list(self) -> list[dict[str, str]]:
        """Return the billing periods as EMH writes them."""
        late = timedelta(seconds=60 if "periods_late" in self.view.faults else 0)
        return [
            {"start": local_iso(begin + late), "end": local_iso(end)}
            for begin, end in self.periods()
        ]

    def period_values(self, number: int) -> list[dict[str, Any]] | None:
        """Return a period's registers at its begin and its end, or newest."""
        periods = self.periods()
        if number >= len(periods):
            return None
        begin, end = periods[number]
        newest = self.meter.latest_target(self.view.values_now)
        # The reading of the very end is captured some seconds later.
        last = min(newest, floor_time(end, self.meter.interval))
        samples = [s for at in (begin, last) for s in self._at(at)]
        return containers(samples, self.view.faults, self.name)

    def daily(self) -> list[dict[str, str]]:
        """Return the day values of six weeks; a gas day begins at six."""
        begin, end = self._life()
        begin = max(begin, end - _DAYS_KEPT)
        hour = 6 if self.meter.medium == "7" else 0
        samples = [s for at in days(begin, end, hour) for s in self._at(at)]
        return simple(samples, self.view.faults)

    def current(self) -> dict[str, Any] | None:
        """Return the newest registers; None if the contract has none.

        Decided here: contracts that keep registers (TAF 1 and 2) have them.
        """
        if "current_refused" in self.view.faults:
            return None
        if self.contract.taf not in _WITH_REGISTERS:
            return None
        newest = self.view.newest(self.meter)
        if newest is None or (self.end is not None and newest > self.end):
            return None
        found = containers(self._at(newest), self.view.faults, self.name)
        return found[0] if found else None

    def _life(self) -> tuple[datetime, datetime]:
        begin = max(self.contract.begin, self.view.oldest(self.meter))
        end = self.view.values_now
        if self.end is not None:
            end = min(end, self.end)
        return begin.astimezone(UTC), end.astimezone(UTC)

    def _at(self, target: datetime) -> Iterator[Sample]:
        if self.view.present(self.meter, target):
            yield from self.view.samples(self.meter, self.registers, target)


def derived(view: Readout) -> list[Derived]:
    """Return the contracts of a login with a register to see."""
    found = []
    for contract in view.contracts:
        meter = view.meter(contract.meter)
        if meter is not None and view.registers(meter, contract.obis):
            found.append(Derived(view, contract, meter))
    return found
