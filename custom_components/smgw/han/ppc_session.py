"""A consumer's session on a PPC gateway: logged in, asked page by page, logged out.

One CGI serves a small HTML application: Digest login and a session cookie (or, on
the oldest firmware, a hidden `sessionid`), then forms sent by POST whose ids change
with every session.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
import logging

from . import ppc_pages as pages
from .clock import Exchange
from .errors import (
    PageUnreadable,
    SessionExpired,
    SessionInUse,
    SmgwError,
    WrongPassword,
)
from .evidence import oddity
from .failures import unexpected_status
from .html import Page
from .model import Skipped
from .transport import Answer, Connection

_LOGGER = logging.getLogger(__name__)

PATH = "/cgi-bin/hanservice.cgi"

# Above this a page is read in a worker thread, so that it does not hold the loop.
_LARGE = 12 * 1024


class Session:
    """A consumer's session on the gateway."""

    def __init__(self, connection: Connection, now: Callable[[], datetime]) -> None:
        """Take an open connection and our clock (UTC)."""
        self._connection = connection
        self._now = now
        self.exchange = Exchange(now(), now())
        """When the latest page was asked for and received."""
        self.session_id: str | None = None
        """Hidden session id of firmware without cookies."""
        self.latest = Page()
        """The page received last; the next request takes its ids and token."""
        self.left = False
        """Whether the gateway ends the session by itself."""

    @property
    def cookie(self) -> bool:
        """Say whether the gateway opened a session by cookie."""
        return bool(self._connection.cookies)

    @property
    def requests(self) -> int:
        """Return how many requests were sent so far."""
        return self._connection.requests

    @property
    def open(self) -> bool:
        """Say whether there is something to log out from."""
        return not self.left and (self.cookie or self.session_id is not None)

    def keep_if_odd(self, skipped: Sequence[Skipped]) -> None:
        """Keep the newest page if its rows were skipped for how they are written."""
        if cause := oddity(skipped):
            self._connection.keep(cause)

    async def welcome(self) -> Page:
        """Ask for the welcome page, which logs in."""
        sent = self._now()
        return await self._accept(sent, await self._connection.request("GET", PATH))

    async def post(
        self, action: str, within: float | None = None, **fields: str
    ) -> Page:
        """Send a form. Raises `SmgwError` for what is not a page of a session."""
        sent = self._now()
        return await self._accept(sent, await self._send(action, within, None, fields))

    async def fetch(self, action: str, most: int, **fields: str) -> Answer:
        """Send a form that is answered by a file; the latest page stays what it is."""
        answer = await self._send(action, None, most, fields)
        if answer.status == 401:
            raise SessionExpired("401")
        return answer

    async def _send(
        self,
        action: str,
        within: float | None,
        most: int | None,
        fields: Mapping[str, str],
    ) -> Answer:
        form = {"sessionid": self.session_id} if self.session_id else {}
        if token := self.latest.hidden("tkn"):
            form["tkn"] = token
        form |= {"action": action, **fields}
        return await self._connection.request(
            "POST", PATH, form, within=within, most=most
        )

    async def _accept(self, sent: datetime, answer: Answer) -> Page:
        self.exchange = Exchange(sent, self._now())
        if answer.status == 401:
            # A challenge in mid-session was answered by the Digest layer already.
            raise SessionExpired("401") if self.open else WrongPassword("401")
        if answer.status != 200:
            raise unexpected_status(answer.status)
        self.latest = await read_page(answer)
        return self.latest


async def log_in(session: Session) -> Page:
    """Log in by the welcome page and return the meter list."""
    welcome = await session.welcome()
    if not session.cookie:
        session.session_id = welcome.hidden("sessionid")
    if not session.open:
        # The second client of a gateway gets a page of it, but no session (observed).
        error = pages.explain(welcome)
        if isinstance(error, PageUnreadable) or not welcome.text:
            raise SessionInUse("no session")
        raise error
    if not pages.is_welcome(welcome) and not pages.is_ours(welcome):
        raise pages.explain(welcome)
    return await session.post("meterform")


@asynccontextmanager
async def open_session(
    connection: Connection, farewell: float, now: Callable[[], datetime]
) -> AsyncIterator[Session]:
    """Log out in the end, whatever happened; a session left open locks others out."""
    session = Session(connection, now)
    try:
        yield session
    except SmgwError as err:
        # Before the farewell takes its place.
        connection.blame(err)
        raise
    finally:
        if session.open:
            await _log_out(session, farewell)


async def _log_out(session: Session, farewell: float) -> None:
    try:
        page = await session.post("logout", within=farewell)
    except SmgwError as err:
        # What the session was for is done or has its own error.
        _LOGGER.debug("Logout failed: %s", err)
        return
    if not pages.is_farewell(page):
        _LOGGER.debug("The gateway did not confirm the logout")


async def read_page(answer: Answer) -> Page:
    """Return the page of an answer; a large one is read in a worker thread."""
    if len(answer.body) < _LARGE:
        return pages.read(answer.body)
    return await asyncio.get_running_loop().run_in_executor(
        None, pages.read, answer.body
    )
