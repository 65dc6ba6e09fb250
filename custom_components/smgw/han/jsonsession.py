"""Logging in to gateways that talk JSON: no sessions, every request stands for itself.

Two quirks of their Digest (observed with Theben): a firmware announces SHA-256 and
verifies MD5; and wrong credentials may get no answer, or an empty one, instead of 401.
"""

from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Container,
    Mapping,
    MutableMapping,
    Sequence,
)
from contextlib import AsyncExitStack, asynccontextmanager
import logging
from typing import Any

from . import jsonpage
from .digest import challenge_in
from .errors import (
    AnswerTimeout,
    ClientCertificateUnknown,
    ConnectionCut,
    HostRefused,
    LoginDropped,
    LoginUnanswered,
    NotAGateway,
    PageUnreadable,
    SessionExpired,
    SmgwError,
    SmgwLoginError,
    WrongPassword,
)
from .evidence import oddity
from .failures import unexpected_status
from .model import Account, Skipped
from .transport import Answer, Connection, Transport

_LOGGER = logging.getLogger(__name__)

_MD5 = "MD5"
# The announced algorithm whose proven one was refused last.
_DOUBTED = "digest_doubted"
# Accounts, by their digests, whose last login got no answer; so many are kept.
_UNANSWERED = "logins_unanswered"
_MOST = 10


class BadRequest(PageUnreadable):
    """The gateway does not answer this request (HTTP 400)."""


class NotThere(PageUnreadable):
    """The gateway knows no such path (HTTP 404)."""


class JsonSession:
    """One login: requests over one connection, one after the other."""

    def __init__(
        self,
        connection: Connection,
        proven: Container[str],
        headers: Mapping[str, str] | None = None,
        *,
        suspected: bool = False,
    ) -> None:
        """Take the headers of every request.

        `proven`: announced algorithms with which a login has worked before.
        `suspected`: the login before of this account got no answer.
        """
        self._connection = connection
        self._proven = proven
        self._headers = headers
        self._suspected = suspected
        self.logged_in = False
        """Whether the gateway has answered like one that accepted the login."""

    @property
    def requests(self) -> int:
        """Return how many requests were sent so far."""
        return self._connection.requests

    def keep_if_odd(self, skipped: Sequence[Skipped]) -> None:
        """Keep the newest answer if values were skipped for how they are written."""
        if cause := oddity(skipped):
            self._connection.keep(cause)

    async def load(
        self,
        verb: str,
        path: str,
        body: bytes | None = None,
        *,
        most: int | None = None,
        depth: int = 0,
    ) -> Any:
        """Return the JSON a path answers. Raises `BadRequest` and `NotThere`, too.

        `most` and `depth` are for long lists: how many bytes may come, and how deep
        single items begin.
        """
        answer = await self.ask(verb, path, body, most=most)
        if answer.status == 400:
            raise BadRequest("HTTP 400")
        if answer.status == 404 and self._connection.shows_login:
            raise NotThere("HTTP 404")
        if answer.status != 200:
            raise unexpected_status(answer.status)
        try:
            return await jsonpage.load_aside(answer.body, depth)
        except PageUnreadable:
            if self._connection.shows_login:
                raise
            raise NotAGateway("neither a login nor JSON") from None

    async def ask(
        self,
        verb: str,
        path: str,
        body: bytes | None = None,
        *,
        most: int | None = None,
    ) -> Answer:
        """Send a request; the first answer tells whether the login was accepted."""
        try:
            answer = await self._connection.request(
                verb, path, content=body, headers=self._headers, most=most
            )
        except (ConnectionCut, AnswerTimeout) as err:
            if not self._challenged or self.logged_in:
                raise
            if self._was_proven and self._connection.login_answered:
                # Cut in the middle of an answer that is no refusal.
                raise
            raise self._unanswered(err.key) from err
        if not self.logged_in:
            self._judge_login(answer)
        elif answer.status == 401:
            # A stale challenge in mid-session was answered by the Digest layer.
            raise SessionExpired("401")
        return answer

    @property
    def _challenged(self) -> bool:
        return self._connection.announced is not None

    @property
    def _was_proven(self) -> bool:
        return self._connection.announced in self._proven

    def _judge_login(self, answer: Answer) -> None:
        status = answer.status
        if not self._connection.shows_login:
            if error := _odd_door(answer):
                raise error
            return
        if status in (401, 403):
            kind = WrongPassword if self._challenged else ClientCertificateUnknown
            raise self._refused(kind, f"HTTP {status}")
        if status == 200 and not answer.body:
            if not self._challenged:
                raise ConnectionCut("empty answer")
            raise self._unanswered("empty answer")
        # An inner fault or a rejected form says nothing about the password.
        self.logged_in = status < 500 and status != 400

    def _unanswered(self, detail: str) -> SmgwError:
        """Return what silence upon the login means: chance, or a refusal."""
        if self._was_proven and not self._suspected:
            return LoginUnanswered(detail)
        return self._refused(LoginDropped, detail)

    def _refused(self, kind: type[SmgwLoginError], detail: str) -> SmgwLoginError:
        """Return a refusal that remembers which algorithm was asked for."""
        error = kind(detail)
        error.announced = self._connection.announced
        return error


async def challenge_of(
    transport: Transport, path: str, headers: Mapping[str, str] | None = None
) -> str:
    """Return the Digest challenge of a path, asked without credentials.

    Raises `NotAGateway` if there is none. Takes its turn in the queue.
    """
    async with transport.queue, transport.connect(None) as connection:
        answer = await connection.request("GET", path, headers=headers)
    if (challenge := challenge_in(answer.status, answer.headers)) is not None:
        return challenge
    raise _odd_door(answer) or unexpected_status(answer.status)


async def with_login[T](
    transport: Transport,
    memory: MutableMapping[str, Any],
    account: Account,
    read: Callable[[JsonSession], Awaitable[T]],
    headers: Mapping[str, str] | None = None,
) -> T:
    """Log in and read, in the queue's turn; one login, at most two (see `logged_in`)."""
    async with logged_in(transport, memory, account, read, headers) as (_, found):
        return found


@asynccontextmanager
async def logged_in[T](
    transport: Transport,
    memory: MutableMapping[str, Any],
    account: Account,
    first: Callable[[JsonSession], Awaitable[T]],
    headers: Mapping[str, str] | None = None,
) -> AsyncIterator[tuple[JsonSession, T]]:
    """Log in with what `first` asks, and keep the session open, in the queue's turn.

    `memory["digest"]` maps announced algorithms to those that worked. One login, or
    two: an algorithm that has never worked is announced, the login is refused, and
    MD5 was not the one; or the one that worked is in doubt since the refusal before.
    Silence upon a login is forgiven once where logins have worked.
    """
    learned = memory.get("digest")
    proven: dict[str, str] = dict(learned) if isinstance(learned, Mapping) else {}
    others, suspected = _unanswered_before(memory, account)

    @asynccontextmanager
    async def attempt(instead: Mapping[str, str]) -> AsyncIterator[JsonSession]:
        async with transport.connect(account, instead=instead) as connection:
            session = JsonSession(connection, proven, headers, suspected=suspected)
            try:
                yield session
            except LoginUnanswered:
                memory[_UNANSWERED] = [*others, account.digest][-_MOST:]
                raise
            finally:
                told = connection.announced
                if session.logged_in and told is not None:
                    memory["digest"] = proven | {told: instead.get(told, told)}
                    memory.pop(_DOUBTED, None)
                    if suspected:
                        memory[_UNANSWERED] = others

    async with transport.queue, AsyncExitStack() as stack:
        session = await stack.enter_async_context(attempt(proven))
        try:
            found = await first(session)
        except SmgwLoginError as err:
            other = _other_way(memory, proven, err.announced)
            if other is None:
                raise
            _LOGGER.debug("Login refused: trying another algorithm, %s", other)
            await stack.aclose()
            session = await stack.enter_async_context(attempt(proven | other))
            found = await first(session)
        yield session, found


def _unanswered_before(
    memory: Mapping[str, Any], account: Account
) -> tuple[list[str], bool]:
    """Return the other accounts whose last login got no answer, and if this one's did."""
    silent = memory.get(_UNANSWERED)
    silent = silent if isinstance(silent, list) else []
    others = [digest for digest in silent if digest != account.digest]
    return others, others != silent


def _other_way(
    memory: MutableMapping[str, Any], proven: Mapping[str, str], told: str | None
) -> dict[str, str] | None:
    """Return with what else a refused login may be tried at once.

    A password that worked and is refused has changed; or the firmware has, and now
    verifies what it announces, or no more. Which of them shows the next refusal.
    """
    if told is None or told == _MD5:
        return None
    if told not in proven:
        return {told: _MD5}
    if memory.get(_DOUBTED) == told:
        return {told: told if proven[told] == _MD5 else _MD5}
    memory[_DOUBTED] = told
    return None


def _odd_door(answer: Answer) -> SmgwError | None:
    """Return what is wrong with an answer that came without a challenge."""
    if answer.status == 400:
        # Before any login only the address can displease it (observed with a
        # gateway behind address translation).
        return HostRefused("HTTP 400")
    if answer.status in (401, 403):
        return NotAGateway(f"HTTP {answer.status} without Digest")
    return None
