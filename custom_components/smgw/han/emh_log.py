"""The consumer log of an EMH CASA, read. No network."""

from . import jsonpage
from .history import LogEntry, LogLevel

_LEVELS = {
    "info": LogLevel.INFO,
    "information": LogLevel.INFO,
    "warning": LogLevel.WARNING,
    "error": LogLevel.ERROR,
    "fatal": LogLevel.FATAL,
    "alert": LogLevel.FATAL,
}
_LONGEST_TEXT = 1000


def entries(answer: object) -> list[LogEntry]:
    """Return the entries of one month, in the answer's order; without a time none."""
    found = []
    for item in jsonpage.records({"": answer}, ""):
        if (time := jsonpage.moment(jsonpage.text(item, "timestamp"))) is None:
            continue
        number = jsonpage.text(item, "recordnumber").strip()
        level = jsonpage.text(item, "level").strip().lower()
        found.append(
            LogEntry(
                number=int(number) if number.isdecimal() and len(number) < 19 else None,
                time=time,
                level=_LEVELS.get(level, LogLevel.OTHER),
                success=_success(jsonpage.text(item, "outcome").lower()),
                event_id="",
                text=jsonpage.text(item, "text")[:_LONGEST_TEXT],
            )
        )
    return found


def _success(outcome: str) -> bool | None:
    """Return what a German outcome says; it contains one of two words (observed)."""
    if "fehl" in outcome:
        return False
    return True if "erfolg" in outcome else None
