"""One open tunnel to a home, as the EMT holds it."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
import json
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from .calls import Call, time_text
from .canonical import message_digest, signed_headers
from .pipe import Answer, HttpPipe

_TOO_MANY = 429


class ProblemError(Exception):
    """The home refused: HTTP status, stable code, field, and the whole answer."""

    def __init__(self, status: int, body: Any) -> None:
        """Take an answer of 400 or more."""
        told = body if isinstance(body, dict) else {}
        self.status = status
        self.code = str(told.get("code", ""))
        self.where = told.get("where")
        self.body = body
        place = f" at {self.where}" if self.where else ""
        super().__init__(f"{status} {self.code or 'without a code'}{place}")


class Session:
    """Sends calls through a tunnel, with the headers that writes need."""

    def __init__(
        self,
        pipe: HttpPipe,
        now: Callable[[], datetime],
        key: ec.EllipticCurvePrivateKey | None = None,
        *,
        digests: bool = True,
    ) -> None:
        """Speak through a pipe; with a key messages are signed.

        ``now`` is the EMT's time.

        With ``yields`` a request that came too soon (429) is repeated when the
        home says.
        """
        self.pipe = pipe
        self.now = now
        self._key = key
        self._digests = digests
        self.yields = True

    async def send(self, call: Call) -> Answer:
        """Send a call and return the answer, whatever it is; LostError."""
        headers: dict[str, str] = {}
        body = b""
        if call.body is not None:
            body = json.dumps(call.body, ensure_ascii=False).encode()
            headers["Content-Type"] = "application/json"
        if call.write:
            created = time_text(call.created or self.now())
            headers["transactionId"] = call.transaction
            headers["creationDateTime"] = created
            if call.initial:
                headers["initialTransactionId"] = call.initial
            if self._digests or self._key:
                digest = message_digest(call.path, call.body, created, call.transaction)
                headers |= signed_headers(self._key, digest)
        return await self.pipe.request(call.method, call.path, headers, body)

    async def do(self, call: Call, seconds: float = 30) -> Any:
        """Return the answer's JSON (or text); ProblemError, LostError, TimeoutError."""
        if call.write and call.created is None:
            call = replace(call, created=self.now())
        async with asyncio.timeout(seconds):
            answer = await self.send(call)
            while answer.status == _TOO_MANY and self.yields:
                await asyncio.sleep(_pause(answer))
                answer = await self.send(call)
        kind = answer.headers.get("content-type", "")
        is_json = "json" in kind
        told = answer.json() if is_json and answer.body else answer.body.decode()
        if answer.status >= 400:
            raise ProblemError(answer.status, told)
        return told


def _pause(answer: Answer) -> float:
    """Return the seconds of Retry-After, 1 if it says nothing of use."""
    told = answer.headers.get("retry-after", "")
    return min(float(told), 30.0) if told.isdecimal() else 1.0
