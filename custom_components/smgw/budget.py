"""How many sessions a gateway bears, and when the next one may be opened.

A session is whatever logs in: a reading, a flow's attempt, a self-test. Gateways whose
interface was polled every 5 to 10 minutes died within two weeks (observed), whoever
polled them; so all sessions of a gateway are counted together, across reloads and
restarts.

Two rules, for everybody who asks:
- no more than `per_hour` sessions in any 60 minutes;
- a poll begins no nearer than `floor`, less its tolerance, to the session before.

An owner who waits before a form is not asked to come back later: such a session is
counted, and what comes next waits for it.
"""

from bisect import insort
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from .schedule import HOUR, TOLERANCE, tolerance


class Kind(Enum):
    """What a session is for."""

    FIRST = "first"
    """An account of which nothing is known: keeps to the hour only."""
    POLL = "poll"
    """An account's turn, whoever asked for it: keeps to the hour and the floor."""
    HISTORY = "history"
    """Takes what the polls leave, and is never in the way of the next one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What a gateway bears."""

    floor: timedelta = timedelta(minutes=15)
    """Polls keep this distance from the session before."""
    per_hour: int | None = 4
    """Sessions in any 60 minutes; None where the floor alone counts."""


class Budget:
    """The sessions of one gateway in the last hour."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        """Start with none; `clock` returns the time (UTC)."""
        self._clock = clock
        self._sessions: list[datetime] = []
        self.allowance = Allowance()
        self.listener: Callable[[datetime], None] | None = None
        """Told of each session that begins (UTC)."""

    @property
    def sessions(self) -> tuple[datetime, ...]:
        """Return when the sessions of the last hour were opened, oldest first."""
        return tuple(self._recent())

    @property
    def last(self) -> datetime | None:
        """Return when the newest session of the last hour was opened."""
        return next(reversed(self._recent()), None)

    def opened(self) -> datetime:
        """Count a session that begins now; return its time."""
        self._recent()
        now = self._clock()
        insort(self._sessions, now)
        if self.listener:
            self.listener(now)
        return now

    def withdraw(self, session: datetime) -> None:
        """Forget a session that never came about: nothing was sent."""
        if session in self._sessions:
            self._sessions.remove(session)

    def bears(self, more: int) -> bool:
        """Say whether so many sessions more keep to the hour.

        For a driver whose session came to nothing: it may open another one at once.
        """
        most = self.allowance.per_hour
        return most is None or len(self._recent()) + more <= most

    def restore(self, sessions: Iterable[datetime]) -> None:
        """Add what an earlier run has counted."""
        self._sessions = sorted([*self._sessions, *sessions])

    def not_before(self, kind: Kind, now: datetime | None = None) -> datetime:
        """Return when a session may be opened: now, or a later time.

        `now` is for a caller who compares: a clock runs on between two looks at it.
        """
        sessions = self._recent()
        moments = [now or self._clock()]
        most = self.allowance.per_hour
        if most is None and kind is Kind.FIRST:
            most = max(1, HOUR // self.allowance.floor)
        if most is not None and len(sessions) >= most:
            moments.append(sessions[-most] + HOUR)
        if sessions and kind is not Kind.FIRST:
            moments.append(sessions[-1] + self.distance)
        return max(moments)

    def may(self, kind: Kind, ahead: Sequence[datetime] = ()) -> bool:
        """Say whether a session may be opened now.

        History has to tell which polls are planned for the next hour (`ahead`): it may
        not make any of them wait.
        """
        now = self._clock()
        if self.not_before(kind, now) > now:
            return False
        if kind is not Kind.HISTORY:
            return True
        if any(poll - now < self.distance for poll in ahead):
            return False
        most = self.allowance.per_hour
        then = [*self._recent(), now, *sorted(ahead)]
        return most is None or all(
            sum(poll - HOUR < session <= poll for session in then) <= most
            for poll in ahead
        )

    @property
    def distance(self) -> timedelta:
        """Return how far sessions are apart, at least."""
        floor = self.allowance.floor
        return floor - tolerance(floor)

    def _recent(self) -> list[datetime]:
        """Return the sessions of the last hour; those ahead are of a clock put back."""
        now = self._clock()
        self._sessions = [
            session
            for session in self._sessions
            if now - HOUR < session <= now + TOLERANCE
        ]
        return self._sessions
