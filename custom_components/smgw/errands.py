"""Errands: what rides in a session that is open anyway, behind its reading.

A gateway bears few sessions, and the polls take nearly all of them. So whatever else is
to be asked (history, the log, an action's wish) is asked in the session of a poll, after
its values were handed out. The next poll goes first: a ride ends before it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from homeassistant.core import CALLBACK_TYPE, callback
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers.event import async_track_point_in_utc_time
from homeassistant.util import dt as dt_util

from . import failures
from .budget import Kind
from .const import DOMAIN, LOGGER
from .gentle import GentleSession
from .han.errors import SmgwError, SmgwLoginError
from .han.history import HistorySession
from .han.model import Snapshot
from .han.transport import queue_for
from .logins import Login
from .schedule import HOUR

if TYPE_CHECKING:
    from .coordinator import SmgwCoordinator

# A session is another's chance lost: the owner may look at the gateway as well.
_LONGEST = timedelta(minutes=12)
# Between the end of a ride and the next poll, for the logout; of short intervals a share.
_MARGIN = timedelta(seconds=45)
_SHARE = 6
# Behind the moment at which a session may be opened.
_LATER = timedelta(seconds=5)
# With four polls an hour the next session is up to 24 minutes away: a slot that comes
# too soon behind another session is left out.
_PATIENCE = timedelta(minutes=25)

type Time = Callable[[], bool]
"""Says whether there is time for one more request; asked before each."""

type Job[T] = Callable[[Login, Snapshot, HistorySession, Time], Awaitable[T]]
"""What is to be done once in a session: the login's, after a reading of it.

Raises `SmgwError`, `HomeAssistantError`, or `Unfinished` to go on in the next session.
"""


class Unfinished(Exception):
    """The time of a session did not suffice."""


class Errand(Protocol):
    """What is asked of a gateway again and again, when it is time."""

    def wanted(self, login: Login, now: datetime) -> bool:
        """Say whether a session of this login is of use now (UTC)."""

    async def run(
        self, login: Login, snapshot: Snapshot, session: HistorySession, time: Time
    ) -> None:
        """Do what can be done before `time` says no; come back for the rest.

        Raises nothing but `SmgwError`.
        """


@dataclass(slots=True, eq=False)
class _Call:
    """Something an owner waits for."""

    job: Job[Any]
    serves: Callable[[Login], bool]
    patience: timedelta
    """For the next session."""
    result: asyncio.Future[Any] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    until: asyncio.Timeout | None = None
    """When whoever waits gives up."""

    def wait_on(self) -> None:
        """Have patience for one more session."""
        if self.until and not self.until.expired():
            now = asyncio.get_running_loop().time()
            self.until.reschedule(now + self.patience.total_seconds())

    def fail(self, err: Exception) -> None:
        """Tell whoever waits, unless nobody does any more."""
        if not self.result.done():
            self.result.set_exception(err)


class Errands:
    """The errands of one gateway."""

    def __init__(self, coordinator: SmgwCoordinator) -> None:
        """Take the coordinator whose sessions are ridden in."""
        self._coordinator = coordinator
        self._queue = queue_for(coordinator.gateway_id)
        self._errands: list[Errand] = []
        self._calls: list[_Call] = []
        self._rides = 0
        self._complained = False
        # Whether the time of the last ride did not suffice.
        self._cut_short = False
        self._go_on: CALLBACK_TYPE | None = None
        coordinator.config_entry.async_on_unload(self._async_give_up)

    @property
    def ride(self) -> timedelta:
        """Return how long there is for errands between two polls."""
        between = self._coordinator.pace.allowance.floor
        return min(_LONGEST, between - self._margin)

    @property
    def _margin(self) -> timedelta:
        return min(_MARGIN, self._coordinator.pace.allowance.floor / _SHARE)

    @callback
    def async_register(self, errand: Errand) -> CALLBACK_TYPE:
        """Have an errand asked whenever a session is open; return how to end that."""
        self._errands.append(errand)

        @callback
        def unregister() -> None:
            if errand in self._errands:
                self._errands.remove(errand)

        return unregister

    async def async_read(self, login: Login) -> Snapshot:
        """Read an account; return at once what it saw, what waits rides on behind.

        Raises `SmgwError`; so do the calls that wait for this login.
        """
        # Accounts of which nothing is known are read one after the other, at a start
        # before the recorder works: none may wait for another's errands.
        rides = self._errands and not self._coordinator.logins.unread
        if not rides and not self._calls:
            return await self._coordinator.driver.read_latest(login.credentials)
        delivered: asyncio.Future[Snapshot] = asyncio.get_running_loop().create_future()
        task = self._spawn(self._ride(login, delivered), login)
        try:
            return await delivered
        except SmgwError as err:
            for call in self._calls_of(login):
                call.fail(err)
            raise
        except asyncio.CancelledError:
            # A second time, it would not log out.
            if not task.cancelling():
                task.cancel()
            raise

    async def async_call[T](
        self, job: Job[T], serves: Callable[[Login], bool] = lambda _: True
    ) -> T:
        """Have something done in the next session of a login that `serves`, and wait.

        A session is opened for it if the gateway bears one more; else it rides with the
        next poll. Raises `HomeAssistantError` for the owner.
        """
        able = [
            login
            for login in self._coordinator.logins
            if not login.refused and serves(login)
        ]
        if not able:
            raise ServiceValidationError(
                translation_domain=DOMAIN, translation_key="no_login_to_use"
            )
        patience = max(_PATIENCE, self._coordinator.each + _PATIENCE / 2)
        call = _Call(job, serves, patience)
        self._calls.append(call)
        try:
            self.async_open(able)
            async with asyncio.timeout(patience.total_seconds()) as call.until:
                result: T = await call.result
        except TimeoutError:
            raise HomeAssistantError(
                translation_domain=DOMAIN, translation_key="no_session_in_time"
            ) from None
        except SmgwError as err:
            raise failures.for_owner(err) from err
        finally:
            if call in self._calls:
                self._calls.remove(call)
        return result

    @callback
    def async_open(self, logins: list[Login], kind: Kind = Kind.HISTORY) -> bool:
        """Open a session without a poll if that may be; return whether one is open."""
        coordinator = self._coordinator
        if self._rides:
            return True
        known = [login for login in logins if login.works]
        may = coordinator.budget.may(kind, coordinator.polls_ahead(HOUR))
        if coordinator.memory.current_hold or not known or not may:
            return False
        self._spawn(self._ride_alone(known[0]), known[0])
        return True

    @callback
    def _async_go_on(self) -> None:
        """Open one more session later, if the polls are so rare that they leave room.

        Not after a failure: then the next poll tells whether it is over.
        """
        coordinator, now = self._coordinator, dt_util.utcnow()
        if self._go_on:
            self._go_on()
            self._go_on = None
        if self._complained or not self._cut_short or not self._want(now):
            return
        at = coordinator.budget.not_before(Kind.HISTORY, now)
        if at + coordinator.budget.distance >= coordinator.next_poll:
            return

        @callback
        def open_one(moment: datetime) -> None:
            self._go_on = None
            if waiting := self._want(dt_util.utcnow()):
                self.async_open(waiting)

        self._go_on = async_track_point_in_utc_time(
            coordinator.hass, open_one, at + _LATER
        )

    def _want(self, now: datetime) -> list[Login]:
        """Return the logins whose session would be of use."""
        return [
            login
            for login in self._coordinator.logins
            if login.works and any(e.wanted(login, now) for e in self._errands)
        ]

    @callback
    def _async_give_up(self) -> None:
        """Tell all who wait that nobody will come."""
        if self._go_on:
            self._go_on()
            self._go_on = None
        for call in self._calls:
            call.fail(
                HomeAssistantError(
                    translation_domain=DOMAIN, translation_key="unloaded_meanwhile"
                )
            )

    def _spawn(self, ride: Any, login: Login) -> asyncio.Task[None]:
        entry = self._coordinator.config_entry
        self._rides += 1

        @callback
        def over(task: asyncio.Task[None]) -> None:
            self._rides -= 1
            if not task.cancelled():
                self._async_go_on()

        task: asyncio.Task[None] = entry.async_create_background_task(
            self._coordinator.hass, ride, f"{entry.title} session of {login.title}"
        )
        task.add_done_callback(over)
        return task

    async def _ride(self, login: Login, delivered: asyncio.Future[Snapshot]) -> None:
        """Read, deliver, and ride on."""
        try:
            async with self._coordinator.driver.visit(login.credentials) as visit:
                if not delivered.done():
                    delivered.set_result(visit.snapshot)
                await self._run_all(login, visit.snapshot, visit.history)
        except SmgwError as err:
            if not delivered.done():
                delivered.set_exception(err)
            else:
                self._note(err)
        finally:
            # Of a task that was cancelled.
            delivered.cancel()

    async def _ride_alone(self, login: Login) -> None:
        """Open a session for what waits."""
        coordinator, inside = self._coordinator, False
        assert login.snapshot
        try:
            async with coordinator.driver.history(login.credentials) as session:
                inside = True
                await self._run_all(login, login.snapshot, session)
        except SmgwError as err:
            for call in self._calls_of(login) if not inside else ():
                call.fail(err)
            if not inside and isinstance(err, SmgwLoginError):
                # Not tried again, as after a poll.
                login.error = err
                coordinator.memory.refused(login.credentials, err)
                coordinator.async_show_refusal()
            self._note(err)
        finally:
            coordinator.memory.async_save()

    def _note(self, err: SmgwError) -> None:
        """Tell the log once, and keep what the gateway asks for."""
        memory = self._coordinator.memory
        if hold := failures.hold_of(err):
            memory.hold = hold
            memory.async_save()
        level = LOGGER.debug if self._complained else LOGGER.warning
        self._complained = True
        level(
            "%s: the session ended before all was asked (%s), the rest comes later",
            self._coordinator.name,
            err.key,
        )

    def _calls_of(self, login: Login) -> list[_Call]:
        return [
            call
            for call in self._calls
            if call.serves(login) and not call.result.done()
        ]

    async def _run_all(
        self, login: Login, snapshot: Snapshot, history: HistorySession
    ) -> None:
        """Do what waits, calls of an owner first, until nothing does or time is up."""
        session = GentleSession(history)
        begun = dt_util.utcnow()
        tried: set[_Call] = set()
        done: list[Errand] = []

        def room() -> bool:
            now, due = dt_util.utcnow(), self._coordinator.next_poll
            return (
                not self._queue.waiting
                and now - begun < _LONGEST
                and now + session.longest + self._margin < due
            )

        def called() -> list[_Call]:
            return [call for call in self._calls_of(login) if call not in tried]

        def room_for_errands() -> bool:
            return room() and not called()

        self._cut_short = True
        while room():
            if calls := called():
                tried.add(calls[0])
                await self._answer(calls[0], login, snapshot, session, room)
                continue
            now = dt_util.utcnow()
            errand = next(
                (e for e in self._errands if e not in done and e.wanted(login, now)),
                None,
            )
            if errand is None:
                self._cut_short = False
                break
            await self._do(errand, login, snapshot, session, room_for_errands)
            if not called():
                done.append(errand)
        self._complained = False

    async def _answer(
        self,
        call: _Call,
        login: Login,
        snapshot: Snapshot,
        session: HistorySession,
        time: Time,
    ) -> None:
        """Do what an owner waits for. Raises `SmgwError`, which the owner gets as well."""
        try:
            result = await call.job(login, snapshot, session, time)
        except Unfinished:
            call.wait_on()
        except SmgwError as err:
            call.fail(err)
            raise
        except HomeAssistantError as err:
            call.fail(err)
        except Exception as err:  # noqa: BLE001 whoever waits has to hear of it
            LOGGER.exception("%s: a call failed", self._coordinator.name)
            call.fail(err)
        else:
            if not call.result.done():
                call.result.set_result(result)

    async def _do(
        self,
        errand: Errand,
        login: Login,
        snapshot: Snapshot,
        session: HistorySession,
        time: Time,
    ) -> None:
        """Run an errand. Raises `SmgwError`; then the others come first next time."""
        try:
            await errand.run(login, snapshot, session, time)
        except SmgwError:
            if errand in self._errands:
                self._errands.remove(errand)
                self._errands.append(errand)
            raise
        except Exception:  # noqa: BLE001 it is not to take the others' session
            LOGGER.exception("%s: an errand failed", self._coordinator.name)
