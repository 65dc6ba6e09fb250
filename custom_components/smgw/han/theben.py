"""Driver for the consumer interface of Theben CONEXA 3.0.

JSON over POST to one path per user, found by a redirect after the login. Protocol facts:
the maker's interface description (IF_GW_CON 1.4), its handbook for consumers, and
observations of independent clients where they say so.
"""

from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
import json
import logging
import re
from typing import Any

from . import ids, jsonpage, theben_pages as pages
from .errors import (
    AnswerTimeout,
    ConnectionCut,
    LoginDropped,
    NoMeterAssigned,
    PageUnreadable,
    SessionExpired,
    SmgwLoginError,
    WrongGateway,
    WrongPassword,
)
from .failures import unexpected_status
from .model import Credentials, Gateway, Meter, Reading, Skipped, Snapshot
from .theben_pages import UsagePoint
from .transport import Answer, Connection, Transport
from .trust import Trust

_LOGGER = logging.getLogger(__name__)

ROOT = "/smgw/m2m"

# A path with the user's id and nothing else: no redirect leads our login elsewhere.
_LOCATION = re.compile(r"/smgw/m2m/[A-Za-z0-9._-]{1,80}/json")
# Exactly this: a charset behind it draws HTTP 400 (observed).
_JSON = {"Content-Type": "application/json"}
# Contracts change rarely, and years of billing periods make their list long (observed).
_CONTRACTS_LAST = timedelta(days=1)

_MD5 = "MD5"
_ANNOUNCED = "announced"
_FORCED = {_MD5: _MD5, _ANNOUNCED: None}


@dataclass(slots=True)
class _Account:
    """What is known of a consumer account."""

    path: str = ""
    points: dict[str, UsagePoint] = field(default_factory=dict)
    asked: datetime | None = None
    """When the usage points were read."""
    trust: Trust = field(default_factory=Trust)


class ThebenDriver:
    """Reads one CONEXA; see `driver.Driver`.

    `memory["digest"]` keeps which algorithm worked: some firmware announces SHA-256
    and verifies MD5, and drops the connection instead of answering 401.
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
        async with self._transport.queue, self._transport.connect(None) as connection:
            answer = await connection.request("GET", ROOT, headers=_JSON)
        challenge = answer.headers.get("WWW-Authenticate", "")
        if answer.status != 401 or not challenge.lower().startswith("digest"):
            raise unexpected_status(answer.status)

    async def read_latest(self, credentials: Credentials) -> Snapshot:
        """Log in and read the newest value of every register.

        At most two attempts at a first login whose challenge announces another
        algorithm than MD5; once one has worked, exactly one.
        """
        async with self._transport.queue:
            if (proven := self._memory.get("digest")) is not None:
                return await self._read(credentials, _FORCED.get(proven), proven=True)
            try:
                snapshot = await self._read(credentials, None)
            except SmgwLoginError as err:
                if err.announced in (None, _MD5):
                    raise
                _LOGGER.debug("Trying MD5 although %s is announced", err.announced)
                snapshot = await self._read(credentials, _MD5)
                self._memory["digest"] = _MD5
            else:
                self._memory["digest"] = _ANNOUNCED
            return snapshot

    async def _read(
        self, credentials: Credentials, algorithm: str | None, *, proven: bool = False
    ) -> Snapshot:
        account = self._accounts.setdefault(credentials.user, _Account())
        async with self._transport.connect(
            credentials, algorithm=algorithm
        ) as connection:
            session = _Session(connection, proven)
            try:
                return await self._read_account(session, account)
            except _PathGone:
                # A new contract or an exchanged meter: everything is asked for anew.
                account = _Account(trust=account.trust)
                self._accounts[credentials.user] = account
                return await self._read_account(session, account)

    async def _read_account(self, session: _Session, account: _Account) -> Snapshot:
        if not account.path:
            account.path = await session.log_in()
        info = await session.call(account.path, "smgw-info")
        gateway = self._gateway(info)
        await self._refresh_points(session, account)
        found: list[Reading] = []
        skipped: list[Skipped] = []
        for point in account.points.values():
            answer = await session.call(
                account.path,
                "readings",
                {
                    "usage-point-id": point.id,
                    "database": pages.ORIGIN,
                    "last-reading": True,
                },
            )
            good, bad = pages.readings(answer, point)
            found += good
            skipped += bad
        meters = self._meters(account, found, skipped)
        return Snapshot.of(gateway, meters, skipped, session.requests)

    def _gateway(self, info: object) -> Gateway:
        """Return the gateway. Raises `WrongGateway` if another one answers."""
        told = jsonpage.part(info, "smgw-info")
        gateway_id = ids.gateway_id(jsonpage.text(told, "smgw-id"))
        if gateway_id != self._transport.gateway_id:
            raise WrongGateway("another gateway id")
        firmware = jsonpage.part(told, "firmware-info")
        return Gateway(
            gateway_id=gateway_id,
            firmware=jsonpage.text(firmware, "version") or None,
            clock=pages.clock(info, self._now()),
            last_sync=None,
        )

    async def _refresh_points(self, session: _Session, account: _Account) -> None:
        """Ask for the usage points once a day, and for what each delivers."""
        now = self._now()
        if account.asked is not None and now - account.asked < _CONTRACTS_LAST:
            return
        points = pages.usage_points(await session.call(account.path, "user-info"))
        live = {point.id: point for point in points.values() if point.live}
        if not live:
            raise NoMeterAssigned("no running usage point")
        for point in live.values():
            answer = await session.call(
                account.path, "usage-point-info", {"usage-point-id": point.id}
            )
            live[point.id] = replace(point, channels=pages.channels(answer))
        account.points = live
        account.asked = now

    def _meters(
        self, account: _Account, found: list[Reading], skipped: list[Skipped]
    ) -> list[Meter]:
        """Return the meters of all usage points, several of which may share one."""
        by_meter: dict[str, list[Reading]] = {
            meter_id: []
            for point in account.points.values()
            for meter_id in point.meters
        }
        for reading in found:
            by_meter.setdefault(reading.register.meter_id, []).append(reading)
        account.trust.keep_only(by_meter)
        return [
            Meter.of(
                f"{meter_id.lower()}.sm",
                meter_id,
                account.trust.choose(meter_id, readings, self._now(), skipped),
            )
            for meter_id, readings in by_meter.items()
        ]


class _PathGone(Exception):
    """The gateway no longer knows a path or usage point it gave us."""


class _Session:
    """One login: calls over one connection."""

    def __init__(self, connection: Connection, proven: bool) -> None:
        self._connection = connection
        self._proven = proven
        self._logged_in = False

    @property
    def requests(self) -> int:
        """Return how many requests were sent so far."""
        return self._connection.requests

    async def log_in(self) -> str:
        """Return the account's path, which the gateway redirects to after the login."""
        answer = await self._ask("GET", ROOT, None)
        if answer.status not in (302, 307):
            raise unexpected_status(answer.status)
        location = answer.headers.get("Location", "")
        if not _LOCATION.fullmatch(location):
            raise PageUnreadable("redirect to an unknown place")
        return location

    async def call(
        self, path: str, method: str, parameters: Mapping[str, Any] | None = None
    ) -> object:
        """Call a method of the interface and return its answer."""
        body = json.dumps({"method": method, **(parameters or {})}).encode()
        answer = await self._ask("POST", path, body)
        if answer.status == 404 and path != ROOT:
            raise _PathGone
        if answer.status != 200:
            raise unexpected_status(answer.status)
        loaded = jsonpage.record(await jsonpage.load_aside(answer.body))
        if jsonpage.text(loaded, "method") not in ("", method):
            raise PageUnreadable("answer to another method")
        return loaded

    async def _ask(self, verb: str, path: str, body: bytes | None) -> Answer:
        """Send a request; the first answer tells whether the login was accepted."""
        try:
            answer = await self._connection.request(
                verb, path, content=body, headers=_JSON
            )
        except (ConnectionCut, AnswerTimeout) as err:
            if self._connection.announced and not (self._logged_in or self._proven):
                # Instead of a 401, wrong credentials get no answer at all (observed).
                raise self._refused(LoginDropped, err.key) from err
            raise
        if answer.status == 401 and self._logged_in:
            raise SessionExpired("401")
        if answer.status == 401:
            raise self._refused(WrongPassword, "401")
        if answer.status == 200 and not answer.body and not self._logged_in:
            raise self._refused(LoginDropped, "empty answer")
        self._logged_in = True
        return answer

    def _refused(self, kind: type[SmgwLoginError], detail: str) -> SmgwLoginError:
        """Return a refusal that remembers which algorithm was asked for."""
        error = kind(detail)
        error.announced = self._connection.announced
        return error
