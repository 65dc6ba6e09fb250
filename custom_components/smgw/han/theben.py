"""Driver for the consumer interface of Theben CONEXA 3.0.

JSON over POST to one path per user, found by a redirect after the login. Protocol facts:
the maker's interface description (IF_GW_CON 1.4), its handbook for consumers, and
observations of independent clients where they say so.
"""

from collections.abc import AsyncIterator, Callable, Mapping, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
import json
import re
from typing import Any

from yarl import URL

from . import ids, jsonpage, theben_pages as pages, theben_points as plan
from .clock import Exchange
from .errors import (
    ConnectionCut,
    ContractsEnded,
    NoMeterAssigned,
    NotAGateway,
    OldInterface,
    PageUnreadable,
    SelfTestLocked,
    WrongGateway,
)
from .failures import unexpected_status
from .history import HistorySession, Visit
from .jsonsession import (
    BadRequest,
    JsonSession,
    NotThere,
    challenge_of,
    logged_in,
    with_login,
)
from .model import Account, Gateway, Meter, Reading, Skipped, Snapshot
from .status import Quality, worst
from .theben_history import ThebenHistory
from .theben_pages import RegisterKey, UsagePoint
from .transport import Transport
from .trust import Trust

ROOT = "/smgw/m2m"

# A path with the user's id and nothing else: no redirect leads our login elsewhere.
_LOCATION = re.compile(r"/smgw/m2m/[A-Za-z0-9._-]{1,80}/(json|getdata)")
# Exactly this: a charset behind it draws HTTP 400 (observed).
_HEADERS = {"Content-Type": "application/json"}
# Contracts change rarely, and years of billing periods make their list long (observed).
_CONTRACTS_LAST = timedelta(days=1)
# A self-test is refused so long after the last one (interface description).
_BETWEEN_SELF_TESTS = timedelta(minutes=10)
# How soon they are asked for anew where something seems to have changed.
_CONTRACTS_REST = timedelta(hours=1)


@dataclass(slots=True)
class _Account:
    """What is known of a consumer account."""

    path: str = ""
    firmware: str | None = None
    points: dict[str, UsagePoint] = field(default_factory=dict)
    asked: datetime | None = None
    """When the usage points were read."""
    due: datetime | None = None
    """When they are to be read again."""
    answered: set[str] = field(default_factory=set)
    """Usage points that have let themselves be read."""
    barren: set[str] = field(default_factory=set)
    """Usage points that had no reading when last asked."""
    strangers: set[str] = field(default_factory=set)
    """Owners of readings that are no meters of their usage point."""
    trust: Trust = field(default_factory=Trust)

    def forget_points(self) -> None:
        """Let everything about usage points be asked for anew."""
        self.asked = self.due = None


class _Outdated(Exception):
    """What is known of the usage points does not fit what they deliver."""


@dataclass(slots=True)
class _Harvest:
    """What one poll found."""

    readings: dict[RegisterKey, list[Reading]] = field(default_factory=dict)
    """Of the usage point that has the newest one."""
    newest: dict[RegisterKey, Reading] = field(default_factory=dict)
    skipped: list[Skipped] = field(default_factory=list)

    def add(self, found: list[Reading]) -> None:
        """Take over what a usage point has newer than those asked before it.

        All it has of a register stays together: what contradicts itself is not believed.
        """
        by_key: dict[RegisterKey, list[Reading]] = {}
        for reading in found:
            register = reading.register
            by_key.setdefault((register.meter_id, str(register.obis)), []).append(
                reading
            )
        for key, readings in by_key.items():
            best = max(readings, key=lambda reading: reading.capture_time)
            known = self.newest.get(key)
            if known is None or best.capture_time > known.capture_time:
                self.newest[key], self.readings[key] = best, readings

    def quality(self, meter_id: str, found: list[Reading]) -> Quality | None:
        """Return the worst quality of a meter's rows, those not used included."""
        skipped = (s.quality for s in self.skipped if s.meter_id == meter_id)
        return worst((*(reading.quality for reading in found), *skipped))


class ThebenDriver:
    """Reads one CONEXA; see `driver.Driver`.

    `memory["digest"]` is `jsonsession`'s. Contracts are asked for once a day, and when
    something does not fit: a meter was exchanged, the firmware is another one, a
    meter reading leaps (the scaler may have changed).
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
        self._accounts: dict[str, _Account] = {}

    async def check(self) -> None:
        """See that the interface asks for Digest. Raises `NotAGateway` if it does not."""
        await challenge_of(self._transport, ROOT, _HEADERS)

    def recall(self, account: Account, snapshot: Snapshot) -> None:
        """Take what an account saw in an earlier run as the readings before."""
        known = self._accounts.setdefault(account.identity, _Account())
        known.trust.recall(snapshot.meters.values())

    async def read_latest(self, account: Account) -> Snapshot:
        """Log in and read the newest value of every register; see `visit`."""
        async with self.visit(account) as visit:
            return visit.snapshot

    @asynccontextmanager
    async def visit(self, account: Account) -> AsyncIterator[Visit]:
        """Log in, read the newest value of every register, and keep the session open.

        A challenge, `smgw-info`, and one request for each usage point that is needed.
        The first time, and once a day, also one for the list of usage points and one
        for each of them.
        """
        known = self._accounts.setdefault(account.identity, _Account())
        async with logged_in(
            self._transport,
            self._memory,
            account,
            lambda session: self._read(session, known),
            _HEADERS,
        ) as (session, snapshot):
            yield Visit(snapshot=snapshot, history=self._history(session, known))

    @asynccontextmanager
    async def history(self, account: Account) -> AsyncIterator[HistorySession]:
        """Open a session for what the gateway keeps, in the queue's turn."""
        known = self._accounts.setdefault(account.identity, _Account())
        async with logged_in(
            self._transport,
            self._memory,
            account,
            lambda session: self._identify(session, known),
            _HEADERS,
        ) as (session, _):
            yield self._history(session, known)

    def _history(self, session: JsonSession, account: _Account) -> ThebenHistory:
        return ThebenHistory(session, partial(_call, session, account), self._now)

    async def self_test(self, account: Account) -> None:
        """Have the gateway test itself, which restarts it; see `driver.SelfTesting`.

        The result stands in the gateway's log only (interface description).
        """
        known = self._accounts.setdefault(account.identity, _Account())
        await with_login(
            self._transport,
            self._memory,
            account,
            lambda session: self._test(session, known),
            _HEADERS,
        )

    async def _test(self, session: JsonSession, account: _Account) -> None:
        await self._identify(session, account)
        body = json.dumps({"method": "self-test"}).encode()
        try:
            answer = await session.ask("POST", account.path, body)
        except ConnectionCut:
            # It went sooner than it could answer.
            return
        if answer.status == 403:
            raise SelfTestLocked(_BETWEEN_SELF_TESTS)
        if answer.status != 200:
            raise unexpected_status(answer.status)

    async def _read(self, session: JsonSession, account: _Account) -> Snapshot:
        info, exchange = await self._identify(session, account)
        now = self._now()
        fresh = account.due is None or now >= account.due
        if fresh:
            # Those that had nothing to say get another chance with the contracts.
            account.barren.clear()
            await self._find_points(session, account)
        try:
            harvest = await self._harvest(session, account, trusting=fresh)
        except _Outdated:
            await self._find_points(session, account)
            harvest = await self._harvest(session, account, trusting=True)
        meters = self._meters(account, harvest)
        if account.asked and any(s.reason == "unknown_unit" for s in harvest.skipped):
            # A unit is told with the contracts; a wrong one may be mended.
            account.due = account.asked + _CONTRACTS_REST
        gateway = self._gateway(info, exchange, account, harvest)
        return Snapshot.of(gateway, meters, harvest.skipped, session.requests)

    async def _identify(
        self, session: JsonSession, account: _Account
    ) -> tuple[object, Exchange]:
        """Return `smgw-info` and when. Raises `WrongGateway` if another one answers."""
        info, exchange = await self._info(session, account)
        told = jsonpage.part(info, "smgw-info")
        gateway_id = ids.gateway_id(jsonpage.text(told, "smgw-id"))
        if gateway_id is None:
            raise PageUnreadable("no gateway id")
        if gateway_id != self._transport.gateway_id:
            raise WrongGateway("another gateway id")
        firmware = jsonpage.text(jsonpage.part(told, "firmware-info"), "version")
        if (firmware or None) != account.firmware:
            account.forget_points()
        account.firmware = firmware or None
        return info, exchange

    async def _info(
        self, session: JsonSession, account: _Account
    ) -> tuple[object, Exchange]:
        if account.path:
            try:
                return await self._ask_info(session, account)
            except NotThere:
                # The user has another id now; so it may be with the contracts.
                account.forget_points()
        account.path = await self._bootstrap(session)
        return await self._ask_info(session, account)

    async def _ask_info(
        self, session: JsonSession, account: _Account
    ) -> tuple[object, Exchange]:
        sent = self._now()
        info = await _call(session, account, "smgw-info")
        return info, Exchange(sent, self._now())

    async def _bootstrap(self, session: JsonSession) -> str:
        """Return the account's path, which the gateway redirects to after the login.

        Raises `OldInterface` and `NotAGateway` for redirects to anything else.
        """
        answer = await session.ask("GET", ROOT)
        if answer.status not in (302, 307):
            raise unexpected_status(answer.status)
        home = self._transport.address.url()
        try:
            target = home.join(URL(answer.headers.get("Location", "")))
        except ValueError:
            raise NotAGateway("redirect to nowhere") from None
        # Some write the whole address (transparency software): it must be ours.
        match = _LOCATION.fullmatch(target.raw_path_qs)
        if match is None or target.origin() != home.origin() or target.user:
            raise NotAGateway("redirect to elsewhere")
        if match[1] != "json":
            raise OldInterface("XML interface")
        return target.raw_path_qs

    async def _find_points(self, session: JsonSession, account: _Account) -> None:
        """Ask for the usage points, and for what each of them delivers."""
        account.forget_points()
        points = pages.usage_points(await _call(session, account, "user-info"))
        if not points:
            raise NoMeterAssigned("no usage point")
        live = [point for point in points.values() if point.live]
        if not live:
            raise ContractsEnded("only archived usage points")
        known: dict[str, UsagePoint] = {}
        whole = True
        for point in live:
            try:
                answer = await _call(session, account, "usage-point-info", point.id)
            except BadRequest:
                whole = False
                continue
            known[point.id] = replace(point, channels=pages.channels(answer))
        if not known:
            raise PageUnreadable("no usage point tells its registers")
        account.points = known
        account.answered &= known.keys()
        account.barren &= known.keys()
        account.asked = self._now()
        account.due = account.asked + (_CONTRACTS_LAST if whole else _CONTRACTS_REST)

    async def _harvest(
        self, session: JsonSession, account: _Account, *, trusting: bool
    ) -> _Harvest:
        """Read as many usage points as it takes to have every register.

        Raises `_Outdated`, unless `trusting` what is known of them.
        """
        now = self._now()
        harvest = _Harvest()
        for point in plan.ordered(account.points.values(), account.barren):
            if not plan.is_needed(point, harvest.newest, now):
                continue
            found = await self._read_point(session, account, point, harvest)
            if not trusting and _doubtful(account, point, found):
                raise _Outdated
            if found is None:
                account.answered.discard(point.id)
                continue
            harvest.add([r for r in found if _belongs(r, point)])
            for register in (r.register for r in found if not _belongs(r, point)):
                account.strangers.add(register.meter_id)
                where = f"{register.meter_id} {register.obis}"
                harvest.skipped.append(Skipped(where=where, reason="other_meter"))
        rested = account.asked is None or now - account.asked >= _CONTRACTS_REST
        stale = not any(plan.is_fresh(r, now) for r in harvest.newest.values())
        if not trusting and stale and rested:
            # The contracts may have ended, or others begun.
            raise _Outdated
        return harvest

    async def _read_point(
        self,
        session: JsonSession,
        account: _Account,
        point: UsagePoint,
        harvest: _Harvest,
    ) -> list[Reading] | None:
        """Return the newest readings of a usage point; None if it cannot be read."""
        try:
            answer = await _call(
                session,
                account,
                "readings",
                point.id,
                {"database": pages.ORIGIN, "last-reading": True},
            )
        except BadRequest:
            # Those that are not kept (TAF 9, 10, 14) need not be readable (handbook).
            account.barren.add(point.id)
            harvest.skipped.append(Skipped(where=point.id[:40], reason="not_readable"))
            return None
        found, bad = pages.readings(answer, point)
        session.keep_if_odd(bad)
        harvest.skipped += bad
        if found:
            account.answered.add(point.id)
            account.barren.discard(point.id)
        else:
            account.barren.add(point.id)
        return found

    def _gateway(
        self, info: object, exchange: Exchange, account: _Account, harvest: _Harvest
    ) -> Gateway:
        captured = (reading.capture_time for reading in harvest.newest.values())
        clock = pages.clock(info, exchange.received, max(captured, default=None))
        return Gateway(
            gateway_id=self._transport.gateway_id,
            firmware=account.firmware,
            clock=clock,
            last_sync=None,
            clock_offset=exchange.offset(clock),
            state=pages.state_of(info),
        )

    def _meters(self, account: _Account, harvest: _Harvest) -> list[Meter]:
        """Return the meters of all usage points, several of which may share one."""
        by_meter: dict[str, list[Reading]] = {
            meter_id: []
            for point in account.points.values()
            for meter_id in point.meters
        }
        for found in harvest.readings.values():
            by_meter.setdefault(found[0].register.meter_id, []).extend(found)
        account.trust.keep_only(by_meter)
        return [
            Meter.of(
                f"{meter_id.lower()}.sm",
                meter_id,
                account.trust.choose(meter_id, found, self._now(), harvest.skipped),
                quality=harvest.quality(meter_id, found),
            )
            for meter_id, found in by_meter.items()
        ]


def _belongs(reading: Reading, point: UsagePoint) -> bool:
    return not point.meters or reading.register.meter_id in point.meters


def _doubtful(
    account: _Account, point: UsagePoint, found: list[Reading] | None
) -> bool:
    """Say whether what came shows that a usage point is not what it was."""
    if found is None:
        # One that was never readable is just that; else it is gone.
        return point.id in account.answered
    for reading in found:
        owner = reading.register.meter_id
        if not _belongs(reading, point) and owner not in account.strangers:
            return True
        before = account.trust.known(owner).get(str(reading.register.obis))
        if plan.leaps(before, reading):
            return True
    return False


async def _call(
    session: JsonSession,
    account: _Account,
    method: str,
    usage_point: str | None = None,
    more: Mapping[str, Any] | None = None,
    *,
    most: int | None = None,
    depth: int = 0,
) -> object:
    """Call a method of the interface and return its answer."""
    asked: dict[str, Any] = {"method": method}
    if usage_point is not None:
        asked["usage-point-id"] = usage_point
    body = json.dumps(asked | dict(more or {})).encode()
    answer = jsonpage.record(
        await session.load("POST", account.path, body, most=most, depth=depth)
    )
    if jsonpage.text(answer, "method") not in ("", method):
        raise PageUnreadable("answer to another method")
    return answer
