"""The method ``log``: pages of the consumer log."""

from typing import Any

from simulator.clock import utc_text
from simulator.journal import Entry

from .refusals import bad
from .values import moment

MOST = 1500
# interface description; any other combination is a bad request
_ALLOWED = tuple(
    map(
        frozenset,
        (
            (),
            ("fromtime",),
            ("totime",),
            ("fromtime", "totime"),
            ("fromindex",),
            ("count",),
            ("fromindex", "count"),
            ("fromtime", "count"),
            ("fromtime", "totime", "count"),
        ),
    )
)


def answer(
    entries: list[Entry], asked: dict[str, Any], subject: str, user: str
) -> dict[str, Any]:
    """Return the entries asked for, oldest first, at most 1500.

    fromtime is inclusive, totime exclusive. Decided here: without an index the
    oldest come; more than 1500 wanted is a bad request.
    """
    if frozenset(asked) - {"method"} not in _ALLOWED:
        raise bad("combination of parameters")
    if "fromtime" in asked:
        begin = moment(asked["fromtime"], "fromtime")
        entries = [entry for entry in entries if entry.at >= begin]
    if "totime" in asked:
        end = moment(asked["totime"], "totime")
        entries = [entry for entry in entries if entry.at < end]
    if "fromindex" in asked:
        first = _number(asked["fromindex"], "fromindex")
        entries = [entry for entry in entries if entry.index >= first]
    count = _number(asked.get("count", MOST), "count")
    if count > MOST:
        raise bad("count")
    shown = [_entry(entry, subject, user) for entry in entries[:count]]
    return {"entries": shown, "records": str(len(shown))}


def _entry(entry: Entry, subject: str, user: str) -> dict[str, str]:
    return {
        "event-id": str(entry.event),
        "event-sub-id": "0",
        "index": str(entry.index),
        "level": str(entry.level),
        "message": entry.message,
        "outcome": "0" if entry.good else "1",
        "subject-identity": subject,
        "time": utc_text(entry.at),
        "user-identity": user,
        "vendor-id": "THE" if entry.maker else "BSI",
        "version": "1",
    }


def _number(value: object, name: str) -> int:
    text = str(value)
    if isinstance(value, bool) or not text.isdecimal() or len(text) > 18:
        raise bad(name)
    return int(text)
