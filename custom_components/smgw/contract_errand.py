"""Contracts and their registers are read once a day, in the session of a poll."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from homeassistant.util import dt as dt_util

from .contract_notes import DerivedSeen, standing
from .coordinator import SmgwCoordinator
from .errands import Time
from .han.errors import NoData, PageUnreadable, SmgwError
from .han.history import Contract, ContractState, HistorySession
from .han.model import Snapshot
from .logins import Login
from .schedule import HOUR, QUARTER

# A poll a little earlier than the day before is the right one; the gateway's values of
# the day are there by then.
_DAY = timedelta(hours=23)
_SOON = timedelta(minutes=5)
# What could not be read once is not asked for at each poll.
_PAUSE = timedelta(hours=6)
# Use cases with registers of their own: billing periods, tariff steps, day values.
_WITH_REGISTERS = frozenset({1, 2, 6})
_STEPS = 2
# Registers that are older stand as of the last billing period.
_CURRENT = timedelta(hours=2)


class ContractErrand:
    """Reads the contracts of each login; see `errands.Errand`."""

    def __init__(self, coordinator: SmgwCoordinator) -> None:
        """Take the coordinator whose logins see contracts."""
        self._coordinator = coordinator
        self._failed: dict[str, datetime] = {}
        """When it failed last, by login."""

    def wanted(self, login: Login, now: datetime) -> bool:
        """Say whether something is to be read again."""
        failed = self._failed.get(login.subentry_id)
        if failed is not None and now - failed < _PAUSE:
            return False
        return self._is_listing_due(login, now) or any(self._due(login, now))

    async def run(
        self, login: Login, snapshot: Snapshot, session: HistorySession, time: Time
    ) -> None:
        """Read what is due, the list of contracts first. Raises `SmgwError`."""
        now = dt_util.utcnow()
        try:
            if self._is_listing_due(login, now):
                login.notes.contracts.saw(await session.contracts(), now)
            for contract in list(self._due(login, now)):
                if not time():
                    break
                await self._read_registers(login, contract, session)
        except SmgwError:
            self._failed[login.subentry_id] = now
            self._coordinator.async_contracts_read()
            raise
        self._failed.pop(login.subentry_id, None)
        self._coordinator.async_contracts_read()

    async def _read_registers(
        self, login: Login, contract: Contract, session: HistorySession
    ) -> None:
        notes, told = login.notes.contracts, None
        try:
            registers = await session.derived(contract, None)
            if contract.taf == _STEPS and contract.active_tariff is not None:
                told = await session.tariff_step(contract)
        except NoData, PageUnreadable:
            # Of this contract; others may be readable.
            registers = ()
        notes.saw_periods(contract, session.billing_periods(contract))
        notes.saw_derived(contract, registers, dt_util.utcnow(), told or None)

    def _is_listing_due(self, login: Login, now: datetime) -> bool:
        read_at = login.notes.contracts.read_at
        # Of a time to come: then the clock was put back.
        return read_at is None or abs(now - read_at) >= _DAY

    def _due(self, login: Login, now: datetime) -> Iterator[Contract]:
        """Yield the contracts whose registers are to be read; of several logins by one."""
        together = self._coordinator.logins.contracts
        for name, contract in login.notes.contracts.contracts.items():
            running = standing(contract, now) is ContractState.RUNNING
            if not running or contract.taf not in _WITH_REGISTERS:
                continue
            seen = together[name].derived
            if seen is None or abs(now - seen.at) >= self._every(contract, seen):
                yield contract

    def _every(self, contract: Contract, seen: DerivedSeen) -> timedelta:
        """Return how often a contract's registers are read.

        Where they run on, two looks tell which tariff step counts; where sessions cost
        the gateway little, each poll takes one.
        """
        newest = max((item.row.target_time for item in seen.registers), default=None)
        runs_on = newest is not None and seen.at - newest <= _CURRENT
        if contract.taf != _STEPS or not (runs_on or contract.active_tariff):
            return _DAY
        often = self._coordinator.vendor.per_hour is None
        return (QUARTER if often else HOUR) - _SOON
