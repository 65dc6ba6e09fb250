"""What a login sees of its contracts and their registers; part of its notes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Self

from .const import LOGGER
from .han.history import BillingPeriod, Contract, ContractState, DerivedRegister
from .stored import as_json, of_json

# Some gateways tell hundreds of daily billing periods.
_PERIODS = 13
# Whoever counted alone between two looks that lie further apart may have stopped since.
_LOOKS = timedelta(hours=2)
_ERROR_REGISTER = 63


@dataclass(frozen=True, slots=True, kw_only=True)
class DerivedSeen:
    """The registers of a contract, as they were read."""

    at: datetime
    """When (UTC)."""
    registers: tuple[DerivedRegister, ...]
    tariff: int | None = None
    """The tariff step then; None if that is not certain."""

    def after(self, before: DerivedSeen | None) -> DerivedSeen:
        """Return the same with the tariff step, as two looks tell it."""
        return replace(self, tariff=_step(before, self))


@dataclass(slots=True, kw_only=True)
class ContractNotes:
    """The contracts of a login; outlives a restart."""

    read_at: datetime | None = None
    """When they were read (UTC)."""
    contracts: dict[str, Contract] = field(default_factory=dict)
    """By logical name."""
    derived: dict[str, DerivedSeen] = field(default_factory=dict)
    """By the contract's logical name; empty where a contract has no registers."""

    def saw(self, contracts: Iterable[Contract], at: datetime) -> None:
        """Note what a session saw; what it did not see any more is forgotten."""
        self.read_at = at
        before = self.contracts
        self.contracts = {contract.logical_name: contract for contract in contracts}
        for name, contract in list(self.contracts.items()):
            known = before.get(name)
            self.saw_periods(
                contract,
                contract.billing_periods or (known.billing_periods if known else ()),
            )
        self.derived = {
            name: seen for name, seen in self.derived.items() if name in self.contracts
        }

    def saw_periods(
        self, contract: Contract, periods: tuple[BillingPeriod, ...]
    ) -> None:
        """Note a contract's billing periods (newest first), unless none are told."""
        if periods:
            self.contracts[contract.logical_name] = replace(
                contract, billing_periods=periods[:_PERIODS]
            )

    def saw_derived(
        self,
        contract: Contract,
        registers: tuple[DerivedRegister, ...],
        at: datetime,
        told: int | None = None,
    ) -> None:
        """Note a contract's registers; `told` is the tariff step, if the gateway tells it."""
        seen = DerivedSeen(at=at, registers=registers)
        before = self.derived.get(contract.logical_name)
        self.derived[contract.logical_name] = (
            seen.after(before) if told is None else replace(seen, tariff=told)
        )

    def as_dict(self) -> dict[str, Any]:
        """Return what is stored."""
        return {
            "read_at": self.read_at and self.read_at.isoformat(),
            "contracts": [as_json(contract) for contract in self.contracts.values()],
            "derived": as_json(self.derived),
        }

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Self:
        """Read what was stored; what another version wrote is read anew."""
        try:
            contracts = [of_json(Contract, item) for item in stored["contracts"]]
            return cls(
                read_at=of_json(datetime, stored["read_at"])
                if stored["read_at"]
                else None,
                contracts={contract.logical_name: contract for contract in contracts},
                derived={
                    name: of_json(DerivedSeen, seen)
                    for name, seen in stored["derived"].items()
                },
            )
        except (
            ValueError,
            TypeError,
            KeyError,
            AttributeError,
            ArithmeticError,
        ) as err:
            LOGGER.debug("Contracts of before cannot be used: %r", err)
            return cls()


def standing(contract: Contract, now: datetime) -> ContractState:
    """Return how a contract stands now (UTC), which may be long after it was read."""
    if contract.state is ContractState.ENDED:
        return ContractState.ENDED
    if contract.valid_until is not None and contract.valid_until <= now:
        return ContractState.ENDED
    if contract.state is ContractState.READY and (
        contract.valid_from is None or contract.valid_from > now
    ):
        return ContractState.READY
    return ContractState.RUNNING


def current_period(contract: Contract, now: datetime) -> BillingPeriod | None:
    """Return the billing period of now (UTC)."""
    return next(
        (
            period
            for period in contract.billing_periods
            if period.start <= now
            and (period.end is None or now < period.end or period.running)
        ),
        None,
    )


def _step(before: DerivedSeen | None, now: DerivedSeen) -> int | None:
    """Return the one tariff step that has counted since the look before."""
    if before is None or now.at - before.at > _LOOKS:
        return None
    known = {
        str(seen.register.obis): seen.row.value
        for seen in before.registers
        if seen.row.usable
    }
    counted = {
        seen.tariff
        for seen in now.registers
        if seen.tariff
        and seen.row.usable
        and (value := known.get(str(seen.register.obis))) is not None
        and seen.row.value is not None
        and seen.row.value > value
    }
    if len(counted) != 1 or _ERROR_REGISTER in counted:
        return None
    return counted.pop()
