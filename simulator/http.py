"""A small HTTP/1.1 server side: what a gateway's CGI needs, no more.

Written by hand so that faults can act on single bytes.
"""

from asyncio import IncompleteReadError, LimitOverrunError, StreamReader
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Protocol
from urllib.parse import parse_qsl

MAX_BODY = 1024 * 1024


class BadRequestError(Exception):
    """The bytes received are not a request that this server understands."""


class Source(Protocol):
    """Where requests come from: a connection with its number and client."""

    reader: StreamReader
    number: int

    @property
    def client_der(self) -> bytes:
        """Return the client's certificate, empty without one."""
        ...


@dataclass(frozen=True, slots=True)
class Request:
    """One request: method, path without query, headers by lower-case name.

    ``client_der`` is the TLS client certificate, empty without one;
    ``connection`` numbers the gateway's connections; ``chunked`` means that a
    body came in chunks and was not read.
    """

    method: str
    path: str
    query: str
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""
    version: str = "HTTP/1.1"
    client_der: bytes = b""
    connection: int = 0
    chunked: bool = False

    def header(self, name: str) -> str:
        """Return a header's value, empty if absent."""
        return next((value for key, value in self.headers if key == name.lower()), "")

    @property
    def target(self) -> str:
        """Return path and query as they came."""
        return f"{self.path}?{self.query}" if self.query else self.path

    @property
    def keep_alive(self) -> bool:
        """Tell whether the client wants to keep the connection."""
        wish = self.header("connection").lower()
        return "close" not in wish and (
            self.version == "HTTP/1.1" or "keep-alive" in wish
        )

    @property
    def form(self) -> dict[str, str]:
        """Return the fields of a urlencoded UTF-8 body; the last one wins."""
        text = self.body.decode("utf-8", "replace")
        return dict(parse_qsl(text, keep_blank_values=True))

    @property
    def cookies(self) -> dict[str, str]:
        """Return the cookies sent, by name."""
        result: dict[str, str] = {}
        for key, value in self.headers:
            if key != "cookie":
                continue
            for part in value.split(";"):
                name, _, content = part.strip().partition("=")
                result.setdefault(name, content)
        return result


@dataclass(slots=True)
class Response:
    """One answer; headers go out as they stand here."""

    status: int = 200
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    close: bool = False

    def head(self, *, keep_alive: bool) -> bytes:
        """Return the status line and headers as bytes."""
        lines = [f"HTTP/1.1 {self.status} {_phrase(self.status)}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        lines.append(f"Content-Length: {len(self.body)}")
        lines.append("Connection: " + ("keep-alive" if keep_alive else "close"))
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Status"


async def read_request(source: Source, *, chunks_pass: bool = False) -> Request | None:
    """Read one request; None at the end of the connection.

    A chunked body is an error, or with ``chunks_pass`` left unread for the
    gateway to answer.
    """
    try:
        head = await source.reader.readuntil(b"\r\n\r\n")
    except IncompleteReadError as err:
        if err.partial.strip():
            raise BadRequestError("incomplete head") from err
        return None
    except LimitOverrunError as err:
        raise BadRequestError("head too long") from err
    lines = head.decode("utf-8", "surrogateescape").split("\r\n")
    parts = lines[0].split(" ")
    if len(parts) != 3 or not parts[2].startswith("HTTP/1."):
        raise BadRequestError("no request line")
    headers = []
    for line in filter(None, lines[1:]):
        name, separator, value = line.partition(":")
        if not separator:
            raise BadRequestError("no header line")
        headers.append((name.strip().lower(), value.strip()))
    path, _, query = parts[1].partition("?")
    request = Request(
        parts[0],
        path,
        query,
        tuple(headers),
        version=parts[2],
        client_der=source.client_der,
        connection=source.number,
    )
    if chunks_pass and request.header("transfer-encoding"):
        return replace(request, chunked=True)
    return await _with_body(source.reader, request)


async def _with_body(reader: StreamReader, request: Request) -> Request:
    if request.header("transfer-encoding"):
        raise BadRequestError("chunked bodies are not understood")
    length = request.header("content-length") or "0"
    if not length.isdecimal() or int(length) > MAX_BODY:
        raise BadRequestError("bad content length")
    if length == "0":
        return request
    try:
        body = await reader.readexactly(int(length))
    except IncompleteReadError as err:
        raise BadRequestError("incomplete body") from err
    return replace(request, body=body)
