"""The consumer log of a Theben CONEXA, read. No network."""

from . import jsonpage
from .history import LogEntry, LogLevel

# Table of the maker's document; its example shows 6, which stands nowhere.
_LEVELS = {
    "1": LogLevel.INFO,
    "2": LogLevel.WARNING,
    "3": LogLevel.ERROR,
    "4": LogLevel.FATAL,
}
_LONGEST_TEXT = 1000


def entries(answer: object) -> list[LogEntry]:
    """Return the entries of an answer to `log`, in its order; those without time are left out."""
    log = jsonpage.part(answer, "log")
    return [
        LogEntry(
            number=_number(item),
            time=time,
            level=_LEVELS.get(jsonpage.text(item, "level").strip(), LogLevel.OTHER),
            success=_success(jsonpage.text(item, "outcome").strip()),
            event_id=".".join(
                part
                for key in ("vendor-id", "event-id", "event-sub-id")
                if (part := jsonpage.text(item, key).strip()[:40])
            ),
            text=jsonpage.text(item, "message")[:_LONGEST_TEXT],
        )
        for item in jsonpage.records(log, "entries")
        if (time := jsonpage.moment(jsonpage.text(item, "time"))) is not None
    ]


def _number(item: jsonpage.Record) -> int | None:
    """Return the running number, which table and example call differently."""
    text = (
        jsonpage.text(item, "index") or jsonpage.text(item, "record-number")
    ).strip()
    return int(text) if text.isdecimal() and len(text) < 19 else None


def _success(outcome: str) -> bool | None:
    return outcome == "0" if outcome else None
