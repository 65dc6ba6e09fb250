"""One TLS connection to one gateway: pinned, with HTTP Digest, one at a time.

A gateway serves one connection and one session (the vendor's transparency-software
adapter allows itself a single connection). So everything that talks to a gateway
waits in one queue, whoever asks: set-up, polls, several accounts.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from types import MappingProxyType
from typing import Literal, Protocol, override
from weakref import WeakKeyDictionary, WeakValueDictionary

import aiohttp
from aiohttp import hdrs

from .address import Address
from .client_certificate import curve_of
from .digest import Digest
from .errors import (
    ClientCertificateRefused,
    ClientCertificateUnknown,
    ConnectionCut,
    HandshakeRefused,
    NotAGateway,
    PageTooLarge,
    PageUnreadable,
    SmgwError,
    TlsFailed,
    Unreachable,
    WrongCurve,
)
from .evidence import Evidence
from .failures import raise_if_busy, typed_failures, upon_certificate
from .model import Account, ClientCertificate, Credentials
from .tls import PinnedContext, PinnedTls, listens, refusal

# A full page of 200 values is about 100 kB; nothing a gateway shows comes near this.
MAX_BODY = 2 * 1024 * 1024

# An IP address, of which TLS sends nothing (RFC 6066). A gateway may refuse a name that it
# does not know (alert 112, Theben's document), and the pin needs none.
_NO_NAME = "::"
# In seconds; whoever takes a TCP connection at all does it at once.
_SECOND_LOOK = 2


class Queue(asyncio.Lock):
    """The queue everybody waits in who wants to talk to one gateway."""

    def __init__(self) -> None:
        """Start with nobody in it."""
        super().__init__()
        self.waiting = 0
        """How many wait for the session in turn to end."""

    @override
    async def acquire(self) -> Literal[True]:
        """Wait for one's turn."""
        self.waiting += 1
        try:
            return await super().acquire()
        finally:
            self.waiting -= 1


_queues: WeakKeyDictionary[
    asyncio.AbstractEventLoop, WeakValueDictionary[str, Queue]
] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Limits in seconds. A gateway may take 15 s for a page (observed)."""

    connect: float = 10
    answer: float = 60
    farewell: float = 10


TIMEOUTS = Timeouts()


class SessionLog(Protocol):
    """Counts the sessions of a gateway."""

    def opened(self) -> datetime:
        """Count a session that begins now; return its time."""

    def withdraw(self, session: datetime) -> None:
        """Forget a session that never came about: nothing was sent."""

    def bears(self, more: int) -> bool:
        """Say whether the gateway bears so many sessions more right now."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer, read to its end."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class RequestCounter:
    """Counts what goes over the wire, challenges included (an aiohttp middleware)."""

    def __init__(
        self, sessions: SessionLog | None = None, *, by_certificate: bool = False
    ) -> None:
        """Start at zero; tell `sessions` of a session that begins.

        `by_certificate`: the connection itself is the login.
        """
        self.sent = 0
        self._by_certificate = by_certificate
        self.accepted = False
        """Whether the login got an answer, and not a challenge."""
        self._sessions = sessions

    async def __call__(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Count one request, pass it on, and read a challenge to its end.

        The Digest layer looks at the headers only; a body left unread would keep
        the connection from being used again. A login that is answered by closing the
        connection is not sent again, as aiohttp does with a GET: gateways lock.
        """
        login = not self.accepted and (
            self._by_certificate or hdrs.AUTHORIZATION in request.headers
        )
        sessions = None if self.sent else self._sessions
        session = sessions.opened() if sessions else None
        try:
            response = await handler(request)
        except (
            aiohttp.ClientConnectorError,
            aiohttp.ConnectionTimeoutError,
        ):
            # Nothing was sent, except maybe who logs in.
            if sessions and session and not self._has_shown(request):
                sessions.withdraw(session)
            raise
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as err:
            self.sent += 1
            if login and self._by_certificate:
                raise upon_certificate(err) from err
            if login:
                raise ConnectionCut("closed upon the login") from err
            raise
        except BaseException:
            self.sent += 1
            raise
        self.sent += 1
        if login and response.status != HTTPStatus.UNAUTHORIZED:
            self.accepted = True
        if response.status == HTTPStatus.UNAUTHORIZED:
            try:
                await _read_capped(response)
            except BaseException:
                response.close()
                raise
            if login and self._by_certificate:
                # It asks for a password; there is none.
                raise ClientCertificateUnknown("challenge")
        return response

    def _has_shown(self, request: aiohttp.ClientRequest) -> bool:
        """Say whether a handshake that failed got as far as our certificate."""
        context = request.ssl
        return (
            self._by_certificate
            and isinstance(context, PinnedContext)
            and context.trusted
        )


class Connection:
    """An open way to the gateway; made by `Transport.connect`."""

    def __init__(
        self,
        address: Address,
        session: aiohttp.ClientSession,
        tls: PinnedTls,
        counter: RequestCounter,
        login: Digest | ClientCertificate | None,
        evidence: Evidence | None = None,
    ) -> None:
        """Wrap a session that belongs to this connection alone."""
        self._evidence = evidence
        self._latest = b""
        self._digest = login if isinstance(login, Digest) else None
        self._own = login if isinstance(login, ClientCertificate) else None
        self._address = address
        self._session = session
        self._tls = tls
        self._counter = counter

    @property
    def requests(self) -> int:
        """Return how many requests were sent so far."""
        return self._counter.sent

    @property
    def announced(self) -> str | None:
        """Return the Digest algorithm of the last challenge; None before one."""
        return self._digest.announced if self._digest else None

    @property
    def shows_login(self) -> bool:
        """Say whether the gateway has been shown who logs in."""
        return self._own is not None or self.announced is not None

    @property
    def login_answered(self) -> bool:
        """Say whether the gateway has begun to answer as if it accepted the login."""
        return self._counter.accepted

    @property
    def cookies(self) -> set[str]:
        """Return the names of the cookies the gateway has set."""
        return {cookie.key for cookie in self._session.cookie_jar}

    def keep(self, cause: str) -> None:
        """Keep the newest answer, redacted, as evidence of something odd."""
        if self._evidence and self._latest:
            self._evidence.keep(cause, self._latest)

    def blame(self, err: SmgwError) -> None:
        """Keep the newest answer if it is what could not be read, and only this one."""
        if isinstance(err, (NotAGateway, PageUnreadable)):
            self.keep(f"{err.key}: {err.detail}")
            self._evidence = None

    async def request(
        self,
        method: str,
        path: str,
        form: Mapping[str, str] | None = None,
        *,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        within: float | None = None,
        most: int | None = None,
    ) -> Answer:
        """Send one request and read the whole answer, at most `most` bytes (`MAX_BODY`).

        Redirects are not followed: a consumer interface leads nowhere else. `within`
        is a shorter limit in seconds. Raises `SmgwConnectionError`, `GatewayBusy`,
        `PageTooLarge`, `NotAGateway` for what is no HTTP, and a certificate's login errors.
        """
        self._latest = b""
        refused: HandshakeRefused | None = None
        async for context in self._tls.attempts(self._own):
            try:
                with typed_failures(self._address.zone):
                    async with (
                        asyncio.timeout(within),
                        self._session.request(
                            method,
                            self._address.url(path),
                            data=content if form is None else form,
                            headers=headers,
                            ssl=context,
                            server_hostname=_NO_NAME,
                            allow_redirects=False,
                        ) as response,
                    ):
                        self._tls.worked(context)
                        self._latest = await _read_capped(response, most or MAX_BODY)
                        raise_if_busy(response.status, response.headers)
                        return Answer(response.status, response.headers, self._latest)
            except HandshakeRefused as err:
                if self._own is not None and context.trusted:
                    # No other curve mends it: each attempt would be a login.
                    raise _certificate_failure(self._own, context, err) from err
                refused = refused or err
            except Unreachable as err:
                # aiohttp has one limit for TCP and TLS; the owner's remedy differs.
                if await listens(self._address, _SECOND_LOOK):
                    raise TlsFailed("no handshake in time") from err
                raise
        limit = self._session.timeout.sock_connect
        raise await refusal(self._address, refused, limit) from refused


class Transport:
    """Makes connections to one gateway, which must show the pinned certificate."""

    def __init__(
        self,
        address: Address,
        gateway_id: str,
        pin: bytes,
        timeouts: Timeouts | None = None,
        *,
        evidence: Evidence | None = None,
        sessions: SessionLog | None = None,
    ) -> None:
        """Take the address, the gateway's id and its certificate (DER).

        `evidence` takes the pages that cannot be read; `sessions` is told of every
        connection that logs in.
        """
        self._evidence = evidence
        self.address = address
        self.gateway_id = gateway_id
        self.timeouts = timeouts or TIMEOUTS
        self._sessions = sessions
        self.tls = PinnedTls(pin)

    @property
    def queue(self) -> asyncio.Lock:
        """Return the queue everybody waits in who wants to talk to this gateway."""
        return queue_for(self.gateway_id)

    def bears(self, more: int) -> bool:
        """Say whether the gateway bears so many sessions more right now."""
        return self._sessions is None or self._sessions.bears(more)

    @asynccontextmanager
    async def connect(
        self,
        account: Account | None,
        *,
        instead: Mapping[str, str] = MappingProxyType({}),
    ) -> AsyncIterator[Connection]:
        """Open a connection with its own cookies and Digest state, and close it.

        `instead` maps Digest algorithms that challenges announce to those to use. Waiting in the queue is the
        caller's: several requests belong to one turn. Raises `InvalidUser` for a user
        name that Digest cannot carry.
        """
        login = (
            Digest.of(account, instead) if isinstance(account, Credentials) else account
        )
        counter = RequestCounter(
            self._sessions if account else None,
            by_certificate=isinstance(login, ClientCertificate),
        )
        middlewares: list[aiohttp.ClientMiddlewareType] = [counter]
        if isinstance(login, Digest):
            middlewares.insert(0, login)
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=1,
                use_dns_cache=False,
                resolver=aiohttp.ThreadedResolver(),
            ),
            cookie_jar=aiohttp.CookieJar(unsafe=True),
            middlewares=middlewares,
            timeout=aiohttp.ClientTimeout(
                total=self.timeouts.answer, sock_connect=self.timeouts.connect
            ),
            # Some firmware cuts pages short for a client without a name (observed).
            headers={hdrs.USER_AGENT: "smgw"} | self._host_header(),
        ) as session:
            connection = Connection(
                self.address, session, self.tls, counter, login, self._evidence
            )
            try:
                yield connection
            except SmgwError as err:
                connection.blame(err)
                raise

    def _host_header(self) -> dict[str, str]:
        """Return what aiohttp would get wrong: it sends the zone as well."""
        if self.address.zone is None:
            return {}
        return {hdrs.HOST: str(self.address.without_zone())}


def queue_for(gateway_id: str) -> Queue:
    """Return the queue everybody waits in who wants to talk to this gateway.

    Of the running loop: a lock that somebody of an earlier one still holds on to is
    of no use in this one.
    """
    queues = _queues.setdefault(asyncio.get_running_loop(), WeakValueDictionary())
    if (lock := queues.get(gateway_id)) is None:
        lock = queues[gateway_id] = Queue()
    return lock


def _certificate_failure(
    account: ClientCertificate, context: PinnedContext, err: HandshakeRefused
) -> SmgwError:
    """Return why a handshake failed after the gateway was shown our certificate."""
    error = upon_certificate(err)
    ours, theirs = curve_of(account.der), curve_of(context.pin)
    untrusted = isinstance(error, ClientCertificateRefused) and error.untrusted
    if ours == theirs or context.proven or untrusted:
        return error
    return WrongCurve(theirs, ours)


async def _read_capped(response: aiohttp.ClientResponse, most: int = MAX_BODY) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > most:
            response.close()
            # Whoever keeps the error keeps this frame.
            body, chunk = bytearray(), b""
            raise PageTooLarge(f"more than {most} bytes")
    return bytes(body)
