"""The vendor-neutral faults, from the TCP accept to the last byte."""

import asyncio
from collections.abc import Awaitable, Callable
import contextlib
from dataclasses import dataclass, field
import gzip
import os

from .clock import Deadline
from .faults import ActiveFault, FaultSet
from .http import Request, Response

_ROUTER_PAGE = (
    b"<!DOCTYPE html><html lang='de'><head><title>Router</title></head><body>"
    b"<h1>Anmeldung</h1><form method='post' action='/login'>"
    b"<input type='password' name='password'><input type='submit' value='Anmelden'>"
    b"</form></body></html>"
)


@dataclass(eq=False, slots=True)
class Line:
    """One TLS connection; ``number`` counts them from 1.

    ``rest`` is when it has been idle for too long.
    """

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    number: int = 0
    rest: Deadline | None = None

    @property
    def client_der(self) -> bytes:
        """Return the client's certificate, empty without one."""
        tls = self.writer.get_extra_info("ssl_object")
        return (tls.getpeercert(binary_form=True) or b"") if tls else b""

    async def send(self, data: bytes) -> None:
        """Write and wait until it is on its way."""
        self.writer.write(data)
        await self.writer.drain()

    async def close(self) -> None:
        """Close in order, but do not wait long for the other side."""
        self.writer.close()
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(1):
                await self.writer.wait_closed()

    def abort(self) -> None:
        """Close at once, without TLS's good-bye."""
        self.writer.transport.abort()


@dataclass(slots=True)
class Outcome:
    """What goes out: the status for the log (0: none) and how to send it."""

    status: int
    send: Callable[[], Awaitable[None]]
    closes: bool = False
    foreign: bool = field(default=False)


async def connection_fault(faults: FaultSet) -> bool:
    """Act on a fresh TCP connection; True if it was used up."""
    if faults.take("tls_close"):
        return True
    if fault := faults.take("hang_tcp"):
        end = asyncio.get_running_loop().time() + float(fault["seconds"])
        while asyncio.get_running_loop().time() < end:
            if "times" not in fault.params and faults.get("hang_tcp") is not fault:
                break
            await asyncio.sleep(0.05)
        return True
    return False


async def answer_broken(
    faults: FaultSet,
    line: Line,
    action: str | None,
    response: Response,
    *,
    keep_alive: bool,
) -> Outcome:
    """Apply the faults that are on to an answer, or let it pass."""
    if fault := faults.take("slow", action):
        await asyncio.sleep(float(fault["seconds"]))
    foreign = _replaced(faults, action)
    if foreign is not None:
        response = foreign
    if fault := faults.take("big_page", action):
        response.body += b" " * (int(fault["mb"]) * 1_000_000)
    if faults.take("truncated", action):
        response.body = response.body[: len(response.body) // 2]
    if faults.take("empty_body", action):
        response.body = b""
    broken = _cut(faults, line, action, response)
    if broken is not None:
        return broken
    data = response.head(keep_alive=keep_alive) + response.body
    return Outcome(
        response.status, lambda: line.send(data), foreign=foreign is not None
    )


def compress(request: Request, response: Response) -> None:
    """Compress the body for a client that says it understands gzip."""
    if "gzip" in request.header("accept-encoding").lower() and response.body:
        response.body = gzip.compress(response.body)
        response.headers.append(("Content-Encoding", "gzip"))


def _replaced(faults: FaultSet, action: str | None) -> Response | None:
    if faults.take("other_web_server", action):
        headers = [("Server", "nginx"), ("Content-Type", "text/html; charset=utf-8")]
        return Response(200, headers, _ROUTER_PAGE)
    if fault := faults.take("redirect", action):
        return Response(302, [("Location", str(fault["to"]))])
    if fault := faults.take("server_error", action):
        return Response(int(fault["status"]), [("Content-Type", "text/html")], b"")
    if fault := faults.take("busy", action):
        later = [("Retry-After", str(int(fault["seconds"])))]
        return Response(int(fault["status"]), later, b"")
    if faults.take("garbage_body", action):
        return Response(200, [("Content-Type", "text/html")], os.urandom(20_000))
    return None


def _cut(
    faults: FaultSet, line: Line, action: str | None, response: Response
) -> Outcome | None:
    async def nothing() -> None:
        line.abort()

    async def half() -> None:
        body = response.body[: len(response.body) // 2]
        await line.send(response.head(keep_alive=True) + body)
        line.abort()

    async def noise() -> None:
        await line.send(os.urandom(4096) + b"\r\n\r\n")

    if faults.take("drop_before_answer", action):
        return Outcome(0, nothing, closes=True)
    if faults.take("drop_mid_answer", action):
        return Outcome(response.status, half, closes=True)
    if faults.take("garbage", action):
        return Outcome(0, noise, closes=True, foreign=True)
    if fault := faults.take("trickle", action):
        return Outcome(
            response.status, lambda: _trickle(line, response, fault), closes=True
        )
    return None


async def _trickle(line: Line, response: Response, fault: ActiveFault) -> None:
    response.body = b""
    head = response.head(keep_alive=False)
    await line.send(head.replace(b"Content-Length: 0", b"Content-Length: 1000000000"))
    while True:
        await line.send(b" ")
        await asyncio.sleep(float(fault["seconds"]))
