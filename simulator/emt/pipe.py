"""HTTP/1.1 as a client on a stream that somebody else has opened.

Requests may follow each other before their answers are there (pipelining):
a long wait for events ends at the home as soon as the next request arrives.
"""

import asyncio
from collections import deque
from dataclasses import dataclass, field
import json
from typing import Any

import h11

from simulator.tunnel.stream import Stream

_MOST = 64 * 1024 * 1024


class LostError(OSError):
    """The stream ended before the answer was there; whether it was done is open."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer; header names in small letters."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body's JSON; ValueError if it is none."""
        return json.loads(self.body)


@dataclass(slots=True)
class _Pending:
    parser: h11.Connection
    future: asyncio.Future[Answer]
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: list[bytes] = field(default_factory=list)


class HttpPipe:
    """Requests and answers of one stream, in order."""

    def __init__(self, stream: Stream, host: str = "cls") -> None:
        """Speak on a stream; ``run`` reads from it."""
        self._stream = stream
        self._host = host
        self._pending: deque[_Pending] = deque()
        self._writing = asyncio.Lock()
        self.closed = False

    @property
    def waiting(self) -> int:
        """Return how many answers are owed."""
        return len(self._pending)

    async def run(self) -> None:
        """Read answers until the stream ends or breaks the rules; never raises OSError."""
        reason = "the stream ended"
        try:
            while data := await self._stream.read():
                while data and self._pending:
                    data = self._feed(data)
                if data:
                    reason = "an answer that nobody asked for"
                    break
                if self.closed:
                    break
        except OSError as err:
            reason = str(err) or type(err).__name__
        except h11.RemoteProtocolError as err:
            reason = f"no HTTP: {err}"
        finally:
            self.closed = True
            for pending in self._pending:
                if not pending.future.done():
                    pending.future.set_exception(LostError(reason))
            self._pending.clear()

    async def request(
        self, method: str, path: str, headers: dict[str, str], body: bytes = b""
    ) -> Answer:
        """Send a request and wait for its answer; LostError if it never comes."""
        parser = h11.Connection(h11.CLIENT, max_incomplete_event_size=256 * 1024)
        fields = [("Host", self._host), *headers.items()]
        if body or method in ("POST", "PUT"):
            fields.append(("Content-Length", str(len(body))))
        head = h11.Request(method=method, target=path, headers=fields)
        data = parser.send(head) or b""
        if body:
            data += parser.send(h11.Data(data=body)) or b""
        data += parser.send(h11.EndOfMessage()) or b""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        async with self._writing:
            if self.closed:
                raise LostError("the stream is closed")
            self._pending.append(_Pending(parser, future))
            try:
                await self._stream.write(data)
            except OSError as err:
                self.closed = True
                raise LostError(str(err)) from err
        return await future

    def _feed(self, data: bytes) -> bytes:
        """Give bytes to the oldest request; return what belongs to the next."""
        pending = self._pending[0]
        pending.parser.receive_data(data)
        while True:
            event = pending.parser.next_event()
            if event is h11.NEED_DATA or event is h11.PAUSED:
                return b""
            if isinstance(event, h11.Response):
                pending.status = event.status_code
                pending.headers = {
                    name.decode(): value.decode("latin-1")
                    for name, value in event.headers
                }
            elif isinstance(event, h11.Data):
                pending.body.append(bytes(event.data))
                if sum(map(len, pending.body)) > _MOST:
                    raise h11.RemoteProtocolError("endless answer")
            elif isinstance(event, h11.EndOfMessage):
                return self._answered(pending)

    def _answered(self, pending: _Pending) -> bytes:
        self._pending.popleft()
        if not pending.future.done():
            pending.future.set_result(
                Answer(pending.status, pending.headers, b"".join(pending.body))
            )
        if pending.headers.get("connection", "").lower() == "close":
            self.closed = True
            return b""
        return bytes(pending.parser.trailing_data[0])
