"""The consumer log is read in the session of a poll, by default once a day; what is new is told."""

from collections.abc import Callable
from datetime import datetime, timedelta

from homeassistant.core import callback
from homeassistant.util import dt as dt_util

from .coordinator import SmgwCoordinator
from .errands import Time
from .han.errors import SmgwError
from .han.history import HistorySession, LogEntry, Span
from .han.model import Snapshot
from .log_pace import LogPace
from .logins import Login
from .schedule import HOUR, MINUTE
from .seals import async_broken, async_came

# What could not be read once is not asked for at each poll.
_PAUSE = timedelta(hours=6)
# Whoever did not look for weeks does not want to hear all of it.
_LONGEST = timedelta(days=45)
# A clock that is set, and entries that are written late.
_OVERLAP = timedelta(hours=1)

type Listener = Callable[[LogEntry], None]


class LogErrand:
    """Reads the log of each login; see `errands.Errand`."""

    def __init__(self, coordinator: SmgwCoordinator, listener: Listener) -> None:
        """Take the coordinator, and who is told of new entries."""
        self._coordinator = coordinator
        self._listener = listener
        self._notes = coordinator.memory.log
        self._failed: dict[str, datetime] = {}
        """When it failed last, by login."""

    def wanted(self, login: Login, now: datetime) -> bool:
        """Say whether it is time again."""
        due_after = LogPace.of(self._coordinator.config_entry.options).due_after
        if due_after is None:
            return False
        failed = self._failed.get(login.subentry_id)
        if failed is not None and now - failed < min(_PAUSE, due_after):
            return False
        read_at = login.notes.log.read_at
        # Of a time to come: then the clock was put back.
        return read_at is None or abs(now - read_at) >= due_after

    async def run(
        self, login: Login, snapshot: Snapshot, session: HistorySession, time: Time
    ) -> None:
        """Read what is new since the last time, and tell it. Raises `SmgwError`."""
        mark, now = login.notes.log, dt_util.utcnow()
        offset = snapshot.gateway.clock_offset
        since = max(self._notes.since or now, now - _LONGEST) + (offset or timedelta(0))
        begin = since if mark.time is None else max(since, mark.time)
        # By the gateway's clock, which may be ahead.
        end = now + max(offset or timedelta(0), timedelta(0)) + 5 * MINUTE
        span, found = Span(begin - _OVERLAP, end), list[LogEntry]()
        try:
            while span.start < span.end:
                if not time():
                    # The rest first, or its order would be lost.
                    return
                part = await session.log(span)
                async_came(self._coordinator, "", part.span, part.signed)
                found += part.entries
                span = Span(span.start, min(part.span.start, span.end - HOUR))
        except SmgwError as err:
            async_broken(self._coordinator, "", span, err)
            self._failed[login.subentry_id] = now
            raise
        self._failed.pop(login.subentry_id, None)
        fresh = mark.fresh(found, since)
        mark.read(found, now)
        self._tell(fresh, offset)

    @callback
    def _tell(self, fresh: list[LogEntry], offset: timedelta | None) -> None:
        """Tell of what is not our own doing; noted first, so that it is told once."""
        news = [
            entry
            for entry in fresh
            if not self._notes.is_own(entry, offset) and self._notes.announce(entry)
        ]
        self._coordinator.memory.async_save()
        for entry in news:
            self._listener(entry)
