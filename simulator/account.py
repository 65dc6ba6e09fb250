"""A consumer's login on any gateway."""

from collections.abc import Iterable
from dataclasses import dataclass

from .meters import Meter, Register
from .scenario import Contract


@dataclass(frozen=True, slots=True)
class Account:
    """A password and what the login sees; empty sets mean everything.

    ``meters`` holds meter ids, ``obis`` codes like ``1-0:1.8.0``, ``contracts``
    names of evaluation profiles. ``user_id`` is the name under which a gateway
    that has user ids keeps the consumer (empty: the gateway makes one up).
    """

    password: str
    meters: frozenset[str] = frozenset()
    obis: frozenset[str] = frozenset()
    contracts: frozenset[str] = frozenset()
    user_id: str = ""

    def registers(self, meter: Meter) -> list[Register]:
        """Return the registers of a meter that the login sees."""
        return [
            one for one in meter.registers if not self.obis or one.obis in self.obis
        ]

    def contracts_among(
        self, contracts: Iterable[Contract], meters: Iterable[Meter]
    ) -> list[Contract]:
        """Return what the login sees of contracts: those of meters that it sees."""
        seen = {meter.id for meter in meters}
        return [
            contract
            for contract in contracts
            if contract.meter in seen
            and (not self.contracts or contract.name in self.contracts)
        ]
