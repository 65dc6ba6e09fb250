"""What actions have read: in a session that the gateway bears, and kept for a while."""

import asyncio
from datetime import datetime, timedelta
from typing import Protocol

from homeassistant.exceptions import HomeAssistantError
from homeassistant.util import dt as dt_util

from . import failures
from .action_fields import Target, login_for
from .const import DOMAIN
from .coordinator import SmgwCoordinator
from .errands import Job, Time, Unfinished
from .han.errors import SignatureBroken
from .han.history import HistorySession, LogSlice, Span
from .han.model import Snapshot
from .logins import Login
from .models import SmgwConfigEntry
from .readout import Readout
from .seals import async_judge
from .supplement import async_fill_log
from .symptoms import local_time

# A poll comes each quarter hour; then a session may take minutes.
_PATIENCE = timedelta(minutes=20)


class Then(Protocol):
    """What else is to be asked in the same session, behind the rest."""

    def wanted(self, readout: Readout) -> bool:
        """Say whether it is still to be asked."""

    async def run(self, readout: Readout, session: HistorySession, time: Time) -> None:
        """Ask. Raises `SmgwError`, and `Unfinished` without time."""


async def async_read(
    target: Target,
    span: Span,
    *,
    contracts: bool = False,
    then: Then | None = None,
    originals: bool = False,
) -> tuple[Login, Readout]:
    """Return a login and what it sees of a meter in a span, read as far as is missing.

    `contracts` reads those of the login as well; `then` is done behind all that;
    `originals` is for who wants signed files, whatever they are like, and no rows. Raises `HomeAssistantError`, also where more sessions are needed than there were;
    what was read by then is kept for whoever asks again.
    """
    login = login_for(target)
    readout = target.entry.runtime_data.readouts.of(
        login.subentry_id, target.meter_id, originals=originals
    )

    async def job(
        _login: Login, _snapshot: Snapshot, session: HistorySession, time: Time
    ) -> None:
        if not await readout.async_fill(session, span, time, dt_util.utcnow):
            raise Unfinished
        if contracts and readout.contracts is None:
            if not time():
                raise Unfinished
            readout.contracts = await session.contracts()
        if then and then.wanted(readout):
            await then.run(readout, session, time)

    missing = readout.missing(span)
    more = contracts and readout.contracts is None
    if missing or more or (then and then.wanted(readout)):
        try:
            await _async_call(target.coordinator, job, login)
        except HomeAssistantError:
            now = readout.missing(span)
            if now == missing or now is None:
                raise
            raise still_reading(target.entry, now.end) from None
    if readout.broken and not originals:
        async_judge(target.coordinator, readout.opened(span))
        raise failures.for_owner(SignatureBroken())
    target.entry.runtime_data.readouts.answered(readout)
    return login, readout


async def async_log(entry: SmgwConfigEntry, login: Login, span: Span) -> list[LogSlice]:
    """Return the parts of the consumer log in a span, newest first; not all of a long one.

    Raises `HomeAssistantError`.
    """
    slices: list[LogSlice] = []

    async def job(
        _login: Login, _snapshot: Snapshot, session: HistorySession, time: Time
    ) -> None:
        await async_fill_log(slices, session, span, time)

    await _async_call(entry.runtime_data.coordinator, job, login)
    return slices


def still_reading(entry: SmgwConfigEntry, reached: datetime) -> HomeAssistantError:
    """Return what to raise while a span is not read to its start."""
    now = dt_util.utcnow()
    again = now + entry.runtime_data.coordinator.each
    return HomeAssistantError(
        translation_domain=DOMAIN,
        translation_key="still_reading",
        translation_placeholders={
            "reached": local_time(reached, now),
            "time": local_time(again, now),
        },
    )


async def _async_call(
    coordinator: SmgwCoordinator, job: Job[None], login: Login
) -> None:
    """Have a job done in a session of a login, if need be in several.

    Whoever waits is told how far it came before a browser gives up. Raises
    `HomeAssistantError`.
    """
    longest = max(_PATIENCE, coordinator.each + _PATIENCE / 2)
    try:
        async with asyncio.timeout(longest.total_seconds()):
            await coordinator.errands.async_call(
                job, lambda other: other.subentry_id == login.subentry_id
            )
    except TimeoutError:
        raise HomeAssistantError(
            translation_domain=DOMAIN, translation_key="no_session_in_time"
        ) from None
