"""Refusals as RFC 9457 describes them: one status for each code, and the code is what counts."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from ..control.command import Verdict
from ..control.reasons import Reason


class Code(StrEnum):
    """Codes beside those of `control.reasons.Reason`: what never reached the authority."""

    BAD_REQUEST = "bad_request"
    BAD_DIGEST = "bad_digest"
    BAD_SIGNATURE = "bad_signature"
    NOT_FOUND = "not_found"
    UNKNOWN_THING = "unknown_thing"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    REQUEST_TIMEOUT = "request_timeout"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    TOO_MANY_REQUESTS = "too_many_requests"
    HEADERS_TOO_LARGE = "headers_too_large"
    INTERNAL = "internal"


_STATUS: Mapping[str, int] = {
    Code.BAD_REQUEST: 400,
    Code.BAD_DIGEST: 401,
    Code.BAD_SIGNATURE: 401,
    Code.NOT_FOUND: 404,
    Code.UNKNOWN_THING: 404,
    Code.METHOD_NOT_ALLOWED: 405,
    Code.REQUEST_TIMEOUT: 408,
    Code.UNSUPPORTED_MEDIA_TYPE: 415,
    Code.TOO_MANY_REQUESTS: 429,
    Code.HEADERS_TOO_LARGE: 431,
    Code.INTERNAL: 500,
    Reason.MALFORMED: 400,
    Reason.UNKNOWN_PARTICIPANT: 403,
    Reason.NOT_GRANTED: 403,
    Reason.KIND_NOT_ALLOWED: 403,
    Reason.PROTECTED: 403,
    Reason.UNKNOWN_ITEM: 404,
    Reason.UNKNOWN_COMMAND: 404,
    Reason.CONFLICT: 409,
    Reason.HELD: 409,
    Reason.OUTRANKED: 409,
    Reason.NO_CONTACT: 409,
    Reason.TOO_MANY: 409,
    Reason.UNABLE: 503,
    Reason.LEDGER_UNAVAILABLE: 503,
    Reason.CLOSED: 503,
}
_OTHER = 422
RETRY = {Reason.LEDGER_UNAVAILABLE: 30, Reason.CLOSED: 30}
"""Seconds after which it may be worth another try."""
CODES: tuple[str, ...] = tuple(
    sorted({*(c.value for c in Code), *(r.value for r in Reason)} - {Reason.POSSIBLE})
)
STATUSES = tuple(sorted({*_STATUS.values(), 413, _OTHER}))


def status_of(code: str) -> int:
    """Return the HTTP status of a code."""
    return _STATUS.get(code, _OTHER)


class Problem(Exception):
    """A request is answered with a problem; where it was a write, `verdict` goes into the ledger."""

    def __init__(
        self,
        code: Code | Reason,
        where: str | None = None,
        *,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
        transaction_id: str | None = None,
        closing: bool = False,
    ) -> None:
        """Take the code and the field; `closing`: nothing more can be read from this stream."""
        super().__init__(code)
        self.code = code
        self.where = where
        self.status = status_of(code) if status is None else status
        self.headers = dict(headers or {})
        self.transaction_id = transaction_id
        self.closing = closing
        if code in RETRY:
            self.headers["Retry-After"] = str(RETRY[Reason(code)])

    @property
    def verdict(self) -> Verdict:
        """Return it as the ledger knows it: control has codes of its own only."""
        reason = self.code if isinstance(self.code, Reason) else Reason.MALFORMED
        return Verdict(reason=reason, where=self.where)

    def document(self) -> dict[str, Any]:
        """Return the body of the answer."""
        said: dict[str, Any] = {
            "type": f"urn:smgw:problem:{self.code}",
            "title": self.code.replace("_", " ").capitalize(),
            "status": self.status,
            "code": str(self.code),
        }
        if self.where is not None:
            said["where"] = self.where
        if self.transaction_id is not None:
            said["transaction_id"] = self.transaction_id
        return said
