"""HTTP/1.1 on a stream that somebody else has opened: aiohttp's own protocol, with our limits (R3.2)."""

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus
import json
import logging
from typing import Any, override

from aiohttp import http_exceptions, web

from .callers import Caller
from .problems import Code, Problem
from .replies import problem_response

_LOGGER = logging.getLogger(__name__)
MOST_HEADERS = 100
LONGEST_LINE = 8190
_LINGER = 2.0
"""Seconds in which the rest of a body that was refused may still come."""
type Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
type Note = Callable[[Caller, Problem], Awaitable[None]]


class HttpServer(web.Server):
    """Makes one `HttpStream` for each connection."""

    def __init__(self, handler: Handler, now: Callable[[], float], note: Note) -> None:
        """Take who answers, the clock in seconds, and who writes down what was no HTTP. Call it in the event loop."""
        super().__init__(
            handler,
            access_log=None,
            keepalive_timeout=10**9,  # who is silent for too long, the session knows
            max_line_size=LONGEST_LINE,
            max_field_size=LONGEST_LINE,
            max_headers=MOST_HEADERS,
            lingering_time=_LINGER,
            auto_decompress=False,
            tcp_keepalive=False,
            logger=_LOGGER,
        )
        self._now = now
        self.note = note

    def stream(self, caller: Caller) -> HttpStream:
        """Return a protocol for one connection."""
        return HttpStream(self, caller, self._now, **self._kwargs)


class HttpStream(web.RequestHandler):
    """One connection."""

    __slots__ = (
        "_clock",
        "_note",
        "_serving",
        "begun",
        "busy",
        "caller",
        "draining",
        "heard",
        "on_lost",
        "wanted",
    )

    def __init__(
        self,
        server: HttpServer,
        caller: Caller,
        now: Callable[[], float],
        **settings: Any,
    ) -> None:
        """Take whose connection it is."""
        super().__init__(server, loop=asyncio.get_running_loop(), **settings)
        self.caller = caller
        self._note = server.note
        self._clock = now
        self.heard = now()
        """When something came."""
        self.begun: float | None = None
        """Since when a request has been coming in that is not complete."""
        self.busy = False
        self.draining = False
        self.wanted = asyncio.Event()
        """Set while the stream is wanted for something else than to wait: the next request is there, or it is to end."""
        self.on_lost: Callable[[BaseException | None], None] = lambda _: None
        self._serving: asyncio.Task[None] | None = None

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        super().connection_made(transport)
        self._serving = self._task_handler

    async def too_slow(self) -> None:
        """Answer a request whose header does not come to its end, and write that down. Nothing can be read afterwards."""
        problem = Problem(Code.REQUEST_TIMEOUT, "header", closing=True)
        await self._note(self.caller, problem)
        if self.transport is not None and self.begun is not None:
            self.transport.write(_plain(problem))

    async def gone(self) -> None:
        """Let go of what is still at work for a connection that is over; a command that was taken goes on."""
        if self._serving is not None:
            self._serving.cancel()
            await asyncio.gather(self._serving, return_exceptions=True)

    @override
    def data_received(self, data: bytes) -> None:
        """Take bytes."""
        self.heard = self._clock()
        if self.busy:
            self.wanted.set()
        elif self.begun is None:
            self.begun = self.heard
        super().data_received(data)

    @override
    def connection_lost(self, exc: BaseException | None) -> None:
        """Tell that it is over."""
        self.wanted.set()
        super().connection_lost(exc)
        self.on_lost(exc)

    @override
    def eof_received(self) -> None:
        """Let what was asked be answered first? No: over TLS nobody can half-close."""
        self.wanted.set()

    def drain(self) -> None:
        """End it after the next answer."""
        self.draining = True
        self.wanted.set()

    def start_answer(self) -> None:
        """Note that a request is complete, or at least its header."""
        self.busy, self.begun = True, None
        if self._messages:
            # The next request has come together with this one, and waits already.
            self.wanted.set()
        elif not self.draining:
            self.wanted.clear()

    def end_answer(self) -> None:
        """Note that it is answered."""
        self.busy = False
        self.heard = self._clock()

    def finish(self, response: web.StreamResponse) -> None:
        """Make an answer the last one, if it is to be; nobody needs to know what we are made of."""
        if not response.prepared:
            response.headers["Server"] = "smgw"
        if self.draining:
            response.force_close()

    @override
    def _make_error_handler(self, err_info: Any) -> Handler:
        """Write down what is no HTTP before it is answered."""
        answer = super()._make_error_handler(err_info)

        async def handler(request: web.BaseRequest) -> web.StreamResponse:
            await self._note(self.caller, _no_http(err_info.exc))
            return await answer(request)

        return handler

    @override
    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what was no HTTP, or what went wrong with us, as a problem."""
        if status >= 500:
            problem = Problem(Code.INTERNAL, closing=True)
            _LOGGER.error("A request was not answered", exc_info=exc)
        else:
            problem = _no_http(exc)
        if request.writer.output_size > 0:
            raise ConnectionError("the answer has begun")
        response = problem_response(problem)
        self.finish(response)
        return response


def _plain(problem: Problem) -> bytes:
    """Return an answer as it stands on the wire: no request is there that aiohttp could answer."""
    body = json.dumps(problem.document()).encode()
    head = (
        f"HTTP/1.1 {problem.status} {HTTPStatus(problem.status).phrase}\r\n"
        "Content-Type: application/problem+json\r\n"
        f"Content-Length: {len(body)}\r\n"
        "Connection: close\r\nServer: smgw\r\n\r\n"
    )
    return head.encode() + body


def _no_http(exc: BaseException | None) -> Problem:
    code = Code.HEADERS_TOO_LARGE if _too_large(exc) else Code.BAD_REQUEST
    return Problem(code, "header", closing=True)


def _too_large(exc: BaseException | None) -> bool:
    if isinstance(exc, http_exceptions.LineTooLong):
        return True
    return isinstance(exc, http_exceptions.BadHttpMessage) and "many" in exc.message
