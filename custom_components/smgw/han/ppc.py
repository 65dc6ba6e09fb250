"""Driver for the consumer interface of PPC gateways.

One CGI serves a small HTML application: Digest login and a session cookie (or, on
the oldest firmware, a hidden `sessionid`), then forms sent by POST whose ids change
with every session. Protocol facts: the vendor's transparency-software adapter and
observations of several independent clients.
"""

from collections.abc import AsyncIterator, Callable, MutableMapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
import logging
from typing import Any

from . import ids, ppc_contracts, ppc_pages as pages
from .digest import challenge_in
from .errors import (
    AnswerTimeout,
    ClientCertificateRefused,
    ConnectionCut,
    GatewayBusy,
    NoData,
    NoMeterAssigned,
    NotAGateway,
    PageUnreadable,
    PortalLocked,
    SessionExpired,
    SmgwConnectionError,
    SmgwError,
    SmgwLoginError,
    WrongCurve,
)
from .failures import unexpected_status
from .history import HistorySession, Visit
from .html import Page
from .model import Account, Gateway, Meter, Skipped, Snapshot
from .ppc_history import PpcHistory
from .ppc_readings import Readings, berlin_clock
from .ppc_session import PATH, Session, log_in, open_session, read_page
from .transport import Transport

_LOGGER = logging.getLogger(__name__)

# With nothing newer than this the contracts are asked, once a day at most.
_OLD = timedelta(hours=2)
_CONTRACTS_LAST = timedelta(days=1)


class _OddFirstAnswer(Exception):
    """Logging in by the first form did not lead to the meter list."""

    def __init__(self, reason: SmgwError) -> None:
        """Keep what the answer would mean by itself."""
        super().__init__(reason.key)
        self.reason = reason


class PpcDriver:
    """Reads one PPC gateway; see `driver.Driver`.

    `memory` keeps what was learned of the gateway between sessions and restarts:
    `firmware`, and whether on it the first form may also log in (`login_by_post`),
    which saves the welcome page.
    """

    def __init__(
        self,
        transport: Transport,
        memory: MutableMapping[str, Any],
        now: Callable[[], datetime],
    ) -> None:
        """Take the way to the gateway, its memory, and our clock (UTC)."""
        self._transport = transport
        self._memory = memory
        self._now = now
        # By user: what one account no longer sees, another may.
        self._readings: dict[str, Readings] = {}
        # By user: when the contracts were asked, and whether all had ended.
        self._contracts: dict[str, tuple[datetime, bool]] = {}

    async def check(self) -> None:
        """See that the CGI asks for Digest. Raises `NotAGateway` if it does not."""
        async with self._transport.queue, self._transport.connect(None) as connection:
            answer = await connection.request("GET", PATH)
        if challenge_in(answer.status, answer.headers) is not None:
            return
        if answer.status != 200:
            raise unexpected_status(answer.status)
        raise pages.explain(await read_page(answer))

    def recall(self, account: Account, snapshot: Snapshot) -> None:
        """Take what an account saw in an earlier run as the readings before."""
        readings = self._readings.setdefault(account.identity, Readings())
        readings.recall(snapshot.meters.values())

    async def read_latest(self, account: Account) -> Snapshot:
        """Log in, read the newest value of every register, log out; see `visit`."""
        async with self.visit(account) as visit:
            pass
        return replace(visit.snapshot, requests=visit.history.requests)

    @asynccontextmanager
    async def visit(self, account: Account) -> AsyncIterator[Visit]:
        """Log in, read the newest value of every register, and keep the session open.

        Four requests for one meter and one more for each further, the logout included;
        five where the welcome page is needed. A session that expires before all is read
        is opened once more, where the gateway bears another one.
        """
        async with self._transport.queue, AsyncExitStack() as stack:
            try:
                visit = await self._enter(stack, account)
            except SessionExpired:
                if not self._transport.bears(1):
                    raise
                visit = await self._enter(stack, account)
            yield visit

    async def self_test(self, account: Account) -> None:
        """Have the gateway test itself, which restarts it; see `driver.SelfTesting`.

        It is not logged out from: the session ends with the restart (observed). The text
        of the answer is not known; what is no refusal is taken for a yes.
        """
        async with self._logged_in(account) as session:
            try:
                page = await session.post("selftest")
            except ConnectionCut:
                # It went sooner than it could answer.
                session.left = True
                return
            error = pages.explain(page)
            if not isinstance(error, (PageUnreadable, NotAGateway)):
                raise error
            session.left = True

    @asynccontextmanager
    async def history(self, account: Account) -> AsyncIterator[HistorySession]:
        """Open a session for what the gateway keeps, in the queue's turn."""
        async with self._logged_in(account) as session:
            yield PpcHistory(session, self._memory, self._now)

    @asynccontextmanager
    async def _logged_in(self, account: Account) -> AsyncIterator[Session]:
        """Open a session by the welcome page, in the queue's turn."""
        async with (
            self._transport.queue,
            self._transport.connect(account) as connection,
            open_session(
                connection, self._transport.timeouts.farewell, self._now
            ) as session,
        ):
            await log_in(session)
            yield session

    async def _enter(self, stack: AsyncExitStack, account: Account) -> Visit:
        """Open a session that has read the newest values, to be closed by `stack`."""

        async def one(*, by_post: bool, odd: bool = False) -> Visit:
            return await stack.enter_async_context(
                self._one_session(account, by_post=by_post, odd=odd)
            )

        way = self._memory.get("login_by_post", False)
        if way is None and not self._transport.bears(2):
            # Not now: the trial may need a second session.
            way = False
        if way is False:
            return await one(by_post=False)
        try:
            return await one(by_post=True)
        except _OddFirstAnswer as odd:
            _LOGGER.debug("The gateway wants its welcome page first: %s", odd)
            if way is None:
                # Tried once, whatever comes next: no password is refused twice
                # in every poll, no session left behind by an answer that got lost.
                self._memory["login_by_post"] = False
            elif not self._transport.bears(1):
                # The next reading takes the other way.
                del self._memory["login_by_post"]
                raise odd.reason from None
        # A way that worked before is given up only if the welcome page works now;
        # somebody else's session, say, is no fault of it.
        return await one(by_post=False, odd=True)

    @asynccontextmanager
    async def _one_session(
        self, account: Account, *, by_post: bool, odd: bool
    ) -> AsyncIterator[Visit]:
        async with (
            self._transport.connect(account) as connection,
            open_session(
                connection, self._transport.timeouts.farewell, self._now
            ) as session,
        ):
            listing = await (
                self._log_in_by_post(session) if by_post else log_in(session)
            )
            readings = self._readings.setdefault(account.identity, Readings())
            meters, skipped = await self._read_meters(session, listing, readings)
            footer, exchange = pages.footer(session.latest), session.exchange
            ended = await self._have_contracts_ended(session, account.identity, meters)
            self._learn(
                footer.firmware,
                by_post=by_post,
                welcome_only=odd or session.session_id is not None,
            )
            clock, last_sync = berlin_clock(
                footer.clock, footer.last_sync, exchange.received
            )
            gateway = Gateway(
                gateway_id=self._transport.gateway_id,
                firmware=footer.firmware,
                clock=clock,
                last_sync=last_sync,
                clock_offset=exchange.offset(clock),
            )
            yield Visit(
                snapshot=Snapshot.of(
                    gateway,
                    meters,
                    skipped,
                    connection.requests,
                    contracts_ended=ended,
                ),
                history=PpcHistory(session, self._memory, self._now),
            )

    async def _log_in_by_post(self, session: Session) -> Page:
        """Log in by the meter form itself. Raises `_OddFirstAnswer`.

        A gateway that cannot be reached or is locked says nothing against this way;
        nor do a refused password and a lost connection, once it has worked.
        """
        proven = self._memory.get("login_by_post") is True
        try:
            listing = await session.post("meterform")
            if not session.cookie:
                # Firmware without cookies has opened a session as well, to be closed.
                session.session_id = listing.hidden("sessionid")
            if not session.cookie or not pages.is_meter_list(listing):
                raise pages.explain(listing)
        except ClientCertificateRefused, WrongCurve:
            # In the handshake, before any form.
            raise
        except (ConnectionCut, AnswerTimeout, SmgwLoginError) as err:
            if proven and isinstance(err, SmgwLoginError):
                # Should only this way be refused, the next attempt takes the other.
                del self._memory["login_by_post"]
            if proven:
                raise
            raise _OddFirstAnswer(err) from err
        except SmgwConnectionError, PortalLocked, GatewayBusy:
            raise
        except SmgwError as err:
            raise _OddFirstAnswer(err) from err
        return listing

    async def _read_meters(
        self, session: Session, listing: Page, readings: Readings
    ) -> tuple[list[Meter], list[Skipped]]:
        if not pages.is_meter_list(listing):
            raise pages.explain(listing)
        if not pages.is_whole(listing):
            raise PageUnreadable("the meter list was cut off")
        options = pages.meter_options(listing)
        if not options:
            raise NoMeterAssigned("empty meter list")
        meters: dict[str, Meter] = {}
        skipped: list[Skipped] = []
        for logical_name in options:
            meter_id = ids.meter_id(logical_name)
            if meter_id is None or meter_id in meters:
                # A strange name may hold anything, a person's name as well.
                reason = "duplicate" if meter_id else "strange_meter_id"
                skipped.append(Skipped(where=meter_id or "", reason=reason))
                continue
            # Ids change from page to page on some firmware: the newest list counts.
            mid = pages.meter_options(session.latest).get(
                logical_name, options[logical_name]
            )
            page = await session.post("showMeterProfile", mid=mid)
            try:
                profile = pages.meter_profile(page)
            except NoData as err:
                # Of one meter; the others may have some.
                skipped.append(Skipped(where=meter_id, reason=err.key))
                profile = pages.MeterProfile()
            if profile.meter and ids.meter_id(profile.meter) != meter_id:
                raise PageUnreadable("values of another meter")
            before = len(skipped)
            meters[meter_id] = readings.meter(
                meter_id, logical_name, profile, self._now(), skipped
            )
            session.keep_if_odd(skipped[before:])
        readings.keep_only(meters)
        return list(meters.values()), skipped

    async def _have_contracts_ended(
        self, session: Session, user: str, meters: list[Meter]
    ) -> bool:
        """Say whether readings stand still because every contract has ended.

        That is the one cause the gateway can tell: login and clock go on without
        contracts (observed). Nothing is asked while readings are new.
        """
        now = self._now()
        newest = max((m.last_capture for m in meters if m.last_capture), default=None)
        if newest is not None and now - newest <= _OLD:
            self._contracts.pop(user, None)
            return False
        asked, ended = self._contracts.get(user, (None, False))
        if asked is None or now - asked >= _CONTRACTS_LAST:
            try:
                ended = await _all_contracts_ended(session, now)
            except SmgwError as err:
                # The readings are there already; this was only to explain them.
                _LOGGER.debug("Contracts cannot be read: %s", err)
                ended = False
            self._contracts[user] = (now, ended)
        return ended

    def _learn(
        self, firmware: str | None, *, by_post: bool, welcome_only: bool
    ) -> None:
        """Remember, per firmware, whether the first form may log in.

        `welcome_only`: it may not. The other way was tried and answered oddly, or there
        are no cookies, and the session's id stands on the welcome page alone.
        """
        if by_post:
            self._memory["login_by_post"] = True
        elif welcome_only:
            self._memory["login_by_post"] = False
        elif "login_by_post" not in self._memory or (
            firmware and firmware != self._memory.get("firmware")
        ):
            self._memory["login_by_post"] = None
        self._memory["firmware"] = firmware or self._memory.get("firmware")


async def _all_contracts_ended(session: Session, now: datetime) -> bool:
    """Look through the contracts until one is found that has not ended.

    Ids are taken from a fresh list each time, as the transparency software does.
    """
    known = 1
    number = 0
    while number < known:
        options = ppc_contracts.options(await session.post("tariffform"))
        known = len(options)
        if number >= known:
            return False
        page = await session.post("showTariffProfile", tid=options[number][1])
        if ppc_contracts.has_ended(page, now) is not True:
            return False
        number += 1
    return number > 0
