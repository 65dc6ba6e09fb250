"""What was seen of the consumer log, so that each entry is announced once, if at all."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Self

from homeassistant.util import dt as dt_util

from .han.history import LogEntry
from .han.log_kinds import LogKind, kind_of

# Our sessions are remembered as long as the log may be read late.
_REMEMBERED = timedelta(days=10)
_MOST_SESSIONS = 12_000
# Between the beginning of a session and its entry; more where the clocks are not compared.
_LOGGED = (timedelta(seconds=-5), timedelta(seconds=30))
_CLOCKS = timedelta(minutes=2)
# Another login of the same gateway may see the same entry.
_MOST_ANNOUNCED = 500


@dataclass(slots=True, kw_only=True)
class LogMark:
    """How far a login's log has been read; outlives a restart."""

    read_at: datetime | None = None
    """When it was read (UTC)."""
    time: datetime | None = None
    """Of the newest entry, by the gateway's clock (UTC)."""
    number: int | None = None
    """The highest running number, where the gateway counts."""
    same: frozenset[str] = frozenset()
    """The entries at that very time."""

    def fresh(self, entries: Iterable[LogEntry], since: datetime) -> list[LogEntry]:
        """Return the entries that are new, and from `since` (UTC) on; oldest first.

        By number: a clock that was set may go back. Where counting has begun anew, and
        where there are no numbers, by time.
        """
        given = sorted(entries, key=lambda entry: (entry.time, entry.number or 0))
        by_number = self.number is not None and any(
            entry.number is not None and entry.number >= self.number for entry in given
        )
        return [
            entry
            for entry in given
            if entry.time >= since and self._is_new(entry, by_number=by_number)
        ]

    def _is_new(self, entry: LogEntry, *, by_number: bool) -> bool:
        if by_number and self.number is not None and entry.number is not None:
            return entry.number > self.number
        if self.time is None or entry.time > self.time:
            return True
        return entry.time == self.time and _key(entry) not in self.same

    def read(self, entries: Iterable[LogEntry], now: datetime) -> None:
        """Note that the log was read (UTC), and what was in it."""
        self.read_at = now
        given = list(entries)
        if not given:
            return
        newest = max(entry.time for entry in given)
        if self.time is None or newest >= self.time:
            self.time = newest
            self.same = frozenset(
                _key(entry) for entry in given if entry.time == newest
            )
        numbers = [entry.number for entry in given if entry.number is not None]
        self.number = max(numbers, default=self.number)

    def as_dict(self) -> dict[str, Any]:
        """Return what is stored."""
        return {
            "read_at": self.read_at and self.read_at.isoformat(),
            "time": self.time and self.time.isoformat(),
            "number": self.number,
            "same": sorted(self.same),
        }

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Self:
        """Read what was stored."""
        return cls(
            read_at=_moment(stored.get("read_at")),
            time=_moment(stored.get("time")),
            number=stored.get("number"),
            same=frozenset(stored.get("same") or ()),
        )


@dataclass(slots=True, kw_only=True)
class LogNotes:
    """What all logins of a gateway share: when we were there, what was announced."""

    since: datetime | None = None
    """When the gateway was first read (UTC); what happened before is no news."""
    sessions: list[int] = field(default_factory=list)
    """When our sessions were opened (epoch seconds), oldest first."""
    forgotten: int | None = None
    """The newest of our sessions that is not remembered any more (epoch seconds)."""
    announced: list[str] = field(default_factory=list)
    """The last entries that were announced."""

    def opened(self, at: datetime) -> None:
        """Note a session of ours."""
        self.sessions.append(int(at.timestamp()))
        first = int((at - _REMEMBERED).timestamp())
        kept = [session for session in self.sessions if session > first]
        kept = kept[-_MOST_SESSIONS:]
        if gone := self.sessions[: len(self.sessions) - len(kept)]:
            self.forgotten = max(*gone, self.forgotten or 0)
        self.sessions = kept

    def is_own(self, entry: LogEntry, offset: timedelta | None) -> bool:
        """Say whether an entry is, or may be, about a login of ours.

        `offset` is how far the gateway's clock is ahead of ours; None if nobody knows.
        """
        if kind_of(entry) not in (LogKind.LOGIN, LogKind.LOGIN_FAILED):
            return False
        slack = _CLOCKS if offset is None else timedelta(0)
        at = entry.time - (offset or timedelta(0))
        if self.forgotten and at.timestamp() <= self.forgotten + _LOGGED[1].seconds:
            # The log was not read for long: nobody can tell any more.
            return True
        return any(
            _LOGGED[0] - slack
            <= at - dt_util.utc_from_timestamp(session)
            <= _LOGGED[1] + slack
            for session in self.sessions
        )

    def announce(self, entry: LogEntry) -> bool:
        """Note that an entry is announced; False if it was before."""
        key = _key(entry)
        if key in self.announced:
            return False
        self.announced = [*self.announced, key][-_MOST_ANNOUNCED:]
        return True

    def as_dict(self) -> dict[str, Any]:
        """Return what is stored."""
        return {
            "since": self.since and self.since.isoformat(),
            "sessions": self.sessions,
            "forgotten": self.forgotten,
            "announced": self.announced,
        }

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Self:
        """Read what was stored."""
        return cls(
            since=_moment(stored.get("since")),
            sessions=list(stored.get("sessions") or ()),
            forgotten=stored.get("forgotten"),
            announced=list(stored.get("announced") or ()),
        )


def _key(entry: LogEntry) -> str:
    """Return what tells an entry from others, without its text, which may name people."""
    number = "" if entry.number is None else entry.number
    return f"{entry.time.timestamp():.0f} {number} {entry.event_id} {len(entry.text)}"


def _moment(stored: str | None) -> datetime | None:
    return dt_util.parse_datetime(stored, raise_on_error=True) if stored else None
