"""An EMT's HTTP client on any stream that is open: h11, nothing of ours."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
import json
from typing import Any
from uuid import uuid4

import h11


@dataclass
class Reply:
    """An answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """Return the body as JSON."""
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """Return a problem's code."""
        assert self.headers["content-type"].startswith("application/problem+json")
        problem = self.json
        assert problem["status"] == self.status
        assert problem["type"].endswith(problem["code"])
        return str(problem["code"])


class Emt:
    """Asks over one stream."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Take the stream."""
        self.reader = reader
        self.writer = writer
        self.http = h11.Connection(h11.CLIENT)

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: dict[str, str] | None = None,
        raw: bytes | None = None,
    ) -> Reply:
        """Ask and wait for the answer."""
        self.send(method, path, body, headers, raw)
        return await self.answer()

    def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: dict[str, str] | None = None,
        raw: bytes | None = None,
    ) -> None:
        """Send a request only."""
        data = raw if raw is not None else b""
        if body is not None:
            data = json.dumps(body).encode()
        lines = {"Host": "cls", **(headers or {})}
        if data or method in ("POST", "PUT"):
            lines.setdefault("Content-Type", "application/json")
            lines.setdefault("Content-Length", str(len(data)))
        if not path.startswith("/"):
            path = f"/cls/v1/{path}".rstrip("/")
        request = h11.Request(method=method, target=path, headers=list(lines.items()))
        out = self.http.send(request)
        out += (self.http.send(h11.Data(data=data)) or b"") if data else b""
        out += self.http.send(h11.EndOfMessage()) or b""
        self.writer.write(out)

    async def answer(self) -> Reply:
        """Wait for an answer. Raises ConnectionError if the stream ends before it is complete."""
        response: h11.Response | None = None
        body = b""
        while True:
            event = self.http.next_event()
            match event:
                case h11.NEED_DATA:
                    data = await self.reader.read(65536)
                    if not data and response is None:
                        raise ConnectionError("cut")
                    self.http.receive_data(data)
                case h11.InformationalResponse():
                    continue
                case h11.Response():
                    response = event
                case h11.Data():
                    body += event.data
                case h11.EndOfMessage():
                    break
                case _:
                    raise ConnectionError(event)
        assert response is not None
        headers = {name.decode().lower(): v.decode() for name, v in response.headers}
        if self.http.our_state is h11.DONE and self.http.their_state is h11.DONE:
            self.http.start_next_cycle()
        return Reply(response.status_code, headers, body)

    async def close(self) -> None:
        """Hang up."""
        self.writer.close()


def write_headers(created: datetime, transaction: str | None = None) -> dict[str, str]:
    """Return the headers of a write."""
    return {
        "transactionId": transaction or str(uuid4()),
        "creationDateTime": created.isoformat().replace("+00:00", "Z"),
    }
