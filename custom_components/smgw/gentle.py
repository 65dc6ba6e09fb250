"""A session that is asked gently: with a pause between two slices."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from homeassistant.util import dt as dt_util

from .han.history import (
    BillingPeriod,
    Contract,
    DerivedRegister,
    HistorySession,
    LogSlice,
    ProfileSlice,
    Span,
)

PAUSE = timedelta(seconds=1)


class GentleSession:
    """An open session of a driver; see `han.history.HistorySession`."""

    def __init__(self, session: HistorySession) -> None:
        """Take the driver's session."""
        self._session = session
        self._asked = False
        self.longest = timedelta(0)
        """How long the slowest answer took so far, pause included."""

    @property
    def requests(self) -> int:
        """HTTP requests sent so far."""
        return self._session.requests

    async def contracts(self) -> tuple[Contract, ...]:
        """Return all contracts of the account."""
        async with self._gently():
            return await self._session.contracts()

    async def profile(self, meter_id: str, span: Span) -> ProfileSlice:
        """Return the newest part of a span that the gateway hands out at once."""
        async with self._gently():
            return await self._session.profile(meter_id, span)

    async def derived(
        self, contract: Contract, period: BillingPeriod | None
    ) -> tuple[DerivedRegister, ...]:
        """Return a contract's registers: now, or at the end of a billing period."""
        async with self._gently():
            return await self._session.derived(contract, period)

    def billing_periods(self, contract: Contract) -> tuple[BillingPeriod, ...]:
        """Return what is known of a contract's billing periods by now."""
        return self._session.billing_periods(contract)

    async def tariff_step(self, contract: Contract) -> int | None:
        """Return the tariff step of now; None where the gateway does not tell it."""
        async with self._gently():
            return await self._session.tariff_step(contract)

    async def log(self, span: Span) -> LogSlice:
        """Return the newest part of the consumer log in a span."""
        async with self._gently():
            return await self._session.log(span)

    @asynccontextmanager
    async def _gently(self) -> AsyncIterator[None]:
        begun = dt_util.utcnow()
        if self._asked:
            await asyncio.sleep(PAUSE.total_seconds())
        self._asked = True
        yield
        self.longest = max(self.longest, dt_util.utcnow() - begun)
