"""The pages of one gateway that could not be read, redacted at once; for diagnostics."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from .model import Skipped
from .redact import redact

# A page per cause is enough, and few causes at a time.
_MOST = 3
# How long the page of a cause that comes back is good enough.
_KEPT = timedelta(hours=1)
# Reasons that speak of how a page is written, not of what the meter did.
_ODD = frozenset(
    {
        "contradiction",
        "merged_rows",
        "no_time",
        "no_validity",
        "no_value",
        "other_meter",
        "strange_meter_id",
        "unknown_obis",
        "unit_changed",
        "unknown_unit",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exhibit:
    """One page."""

    cause: str
    """Why it was kept: fixed words, nothing of the page."""
    at: datetime
    page: str
    """Redacted."""


class Evidence:
    """Keeps the newest pages, in memory only."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        """Start with none; `clock` returns the time (UTC)."""
        self._clock = clock
        self._exhibits: dict[str, Exhibit] = {}

    @property
    def exhibits(self) -> tuple[Exhibit, ...]:
        """Return what is kept, oldest first."""
        return tuple(self._exhibits.values())

    def keep(self, cause: str, body: bytes) -> None:
        """Keep a page for a cause, unless there is one of the last hour."""
        now = self._clock()
        known = self._exhibits.pop(cause, None)
        if known is None or abs(now - known.at) >= _KEPT:
            known = Exhibit(cause=cause, at=now, page=redact(body))
        self._exhibits[cause] = known
        for oldest in list(self._exhibits)[:-_MOST]:
            del self._exhibits[oldest]


def oddity(skipped: Iterable[Skipped]) -> str | None:
    """Return the reasons among these that a page is to be kept for."""
    return ", ".join(sorted({s.reason for s in skipped} & _ODD)) or None
