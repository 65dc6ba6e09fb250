"""The door: what comes out of a tunnel is looked at here before anybody acts on it.

In this order: rate, path, sign of life, who it is, form of the request; then `views` answers. A write that is no command
is noted in the ledger: one row, nothing done.
"""

import asyncio
import logging
from typing import Any

from aiohttp import HttpVersion10, HttpVersion11, web

from ..control.command import Origin
from ..control.errors import InvalidInput, LedgerError
from ..control.reasons import Reason
from . import messages
from .callers import Caller
from .http import HttpServer, HttpStream
from .ports import ClsPorts
from .problems import Code, Problem
from .rate import PAUSE, Rate
from .replies import problem_response
from .routes import ROUTES, Route, find
from .views import Ask, Body, Views

_LOGGER = logging.getLogger(__name__)
LARGEST_BODY = 64 * 1024
BODY_SECONDS = 30.0
_JSON = "application/json"
_HEADERS = (
    messages.TRANSACTION,
    messages.CREATED,
    messages.INITIAL,
    messages.DIGEST,
    messages.SIGNATURE,
)


class Api:
    """Serves all participants; each stream belongs to one."""

    def __init__(self, ports: ClsPorts) -> None:
        """Take what is needed. Call it in the event loop."""
        self._ports = ports
        self._views = Views(ports)
        self._rates: dict[str, Rate] = {}
        self._server = HttpServer(self._serve, ports.timer.monotonic, self._no_http)

    def stream(self, caller: Caller) -> HttpStream:
        """Return a protocol for one connection of a participant."""
        return self._server.stream(caller)

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        stream = request.protocol
        assert isinstance(stream, HttpStream)
        stream.start_answer()
        try:
            response = await self._answer(request, stream)
        except Problem as problem:
            response = problem_response(problem)
        finally:
            stream.end_answer()
        stream.finish(response)
        return response

    async def _answer(
        self, request: web.BaseRequest, stream: HttpStream
    ) -> web.StreamResponse:
        caller = stream.caller
        if request.version not in (HttpVersion10, HttpVersion11):
            problem = Problem(Code.BAD_REQUEST, "header", closing=True)
            await self._no_http(caller, problem)
            raise problem
        found = find(request.raw_path.partition("?")[0])
        route = found.routes.get(request.method)
        try:
            self._count(caller, write=route is not None and route.is_write)
        except Problem:
            # Hundreds may have come at once: the loop is not theirs.
            await asyncio.sleep(PAUSE)
            raise
        await self._ports.authority.contact(caller.participant_id)
        caller.heard()
        if route is None:
            if not found.routes:
                raise Problem(Code.NOT_FOUND, closing=request.body_exists)
            allowed = {"Allow": ", ".join(sorted(found.routes))}
            raise Problem(
                Code.METHOD_NOT_ALLOWED, headers=allowed, closing=request.body_exists
            )
        try:
            return await self._let_through(request, stream, route, found.given)
        except InvalidInput as err:
            problem = Problem(err.reason, err.where)
        except LedgerError as err:
            _LOGGER.error("A request was refused because of the ledger: %s", err)
            raise Problem(Reason.LEDGER_UNAVAILABLE) from None
        except Problem as err:
            if err.transaction_id is not None or err.code in _UNNOTED:
                raise
            problem = err
        if route.is_write:
            await self._refuse(request, caller, problem)
        raise problem

    async def _let_through(
        self,
        request: web.BaseRequest,
        stream: HttpStream,
        route: Route,
        given: str | None,
    ) -> web.StreamResponse:
        caller = stream.caller
        participant = self._ports.authority.participants.get(caller.participant_id)
        body = await self._body(request, route)
        if participant is None:
            raise Problem(Reason.UNKNOWN_PARTICIPANT)
        for name in request.query:
            if name not in route.query or len(request.query.getall(name)) > 1:
                raise InvalidInput(Reason.UNKNOWN_FIELD, "query")
        for name in _HEADERS:
            if len(request.headers.getall(name, ())) > 1:
                raise InvalidInput(Reason.MALFORMED, name)
        return await self._views.serve(
            Ask(
                route=route,
                caller=caller,
                participant=participant,
                request=request,
                given=given,
                body=body,
                stream=stream,
            )
        )

    async def _body(self, request: web.BaseRequest, route: Route) -> Body:
        """Return the body; None if there is none. Raises Problem, InvalidInput."""
        if (request.content_length or 0) > LARGEST_BODY:
            raise _oversize()
        raw = bytearray()
        if request.headers.get("Expect", "").lower() == "100-continue":
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            request.writer.output_size = 0
        try:
            async with asyncio.timeout(BODY_SECONDS):
                async for chunk in request.content.iter_any():
                    raw += chunk
                    if len(raw) > LARGEST_BODY:
                        raise _oversize()
        except TimeoutError:
            raise Problem(Code.REQUEST_TIMEOUT, "body", closing=True) from None
        except web.RequestPayloadError:
            raise Problem(Reason.MALFORMED, "body", closing=True) from None
        if route.request is None:
            # A GET has nothing to say.
            return None
        if not raw:
            if route.request in ("Nothing", "Heartbeat"):
                return None
            raise InvalidInput(Reason.MALFORMED, "body")
        if (
            request.content_type != _JSON
            or (request.charset or "utf-8").lower() not in ("utf-8", "utf8")
            or "Content-Encoding" in request.headers
        ):
            raise Problem(Code.UNSUPPORTED_MEDIA_TYPE, "body")
        return messages.parse(bytes(raw))

    def _count(self, caller: Caller, *, write: bool) -> None:
        now = self._ports.timer.monotonic()
        rate = self._rates.setdefault(caller.participant_id, Rate(now))
        if wait := rate.wait(now, write=write):
            after = {"Retry-After": str(int(wait) + 1)}
            raise Problem(Code.TOO_MANY_REQUESTS, headers=after)

    async def _refuse(
        self, request: web.BaseRequest, caller: Caller, problem: Problem
    ) -> None:
        """Note a refusal, and let the answer name the command if it can be named."""
        problem.transaction_id = messages.transaction(request.headers)
        origin = caller.origin(
            _short(request, messages.DIGEST), _short(request, messages.SIGNATURE)
        )
        await self._note(caller, problem, origin)

    async def _no_http(self, caller: Caller, problem: Problem) -> None:
        """Note what cannot even be read, as often as somebody may write: no row fills the disk."""
        try:
            self._count(caller, write=True)
        except Problem:
            return
        await self._note(caller, problem, caller.origin())

    async def _note(self, caller: Caller, problem: Problem, origin: Origin) -> None:
        try:
            await self._ports.authority.refuse(
                caller.participant_id, problem.verdict, origin, problem.transaction_id
            )
        except LedgerError as err:
            _LOGGER.error("A refusal is not in the ledger: %s", err)


_UNNOTED = frozenset({Code.NOT_FOUND, Code.TOO_MANY_REQUESTS, Code.UNKNOWN_THING})


def _oversize() -> Problem:
    return Problem(Reason.TOO_LARGE, "body", status=413, closing=True)


def _short(request: web.BaseRequest, header: str) -> str | None:
    text: Any = request.headers.get(header)
    return text if text is not None and text.isascii() and len(text) <= 600 else None


assert all(hasattr(Views, f"see_{r.name}") for r in ROUTES if not r.is_write)
