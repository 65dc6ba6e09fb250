"""Sessions of the consumer interface and their rotating ids."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
import secrets
from typing import Literal

from simulator.clock import Deadline, SimClock

type Kind = Literal["meter", "contract", "period"]
_MAX_IDS = 20_000


@dataclass(slots=True)
class Handle:
    """What an opaque id stands for; ``listed`` ids come from a select's list."""

    kind: Kind
    key: str
    listed: bool = False
    period: tuple[datetime, datetime] | None = None
    uses: int = 0


@dataclass(slots=True)
class Session:
    """One login: cookie value (or V1 sessionid), token, ids handed out."""

    value: str
    user: str
    seen: datetime
    token: str = ""
    deadline: Deadline | None = None
    fresh: bool = True
    handles: dict[str, Handle] = field(default_factory=dict)

    def new_token(self) -> str:
        """Make the tkn (64 hex digits) of the next page."""
        self.token = secrets.token_hex(32)
        return self.token

    def issue(
        self,
        kind: Kind,
        key: str,
        *,
        listed: bool = False,
        period: tuple[datetime, datetime] | None = None,
    ) -> str:
        """Hand out a new mid, tid or ttid (32 hex digits)."""
        value = secrets.token_hex(16)
        self.handles[value] = Handle(kind, key, listed, period)
        while len(self.handles) > _MAX_IDS:
            del self.handles[next(iter(self.handles))]
        return value


@dataclass(slots=True)
class SessionBook:
    """The open sessions; one at a time, per gateway or per user."""

    clock: SimClock
    idle: timedelta
    per_user: bool = False
    opened: int = 0
    _open: dict[str, Session] = field(default_factory=dict)
    _ended: dict[str, None] = field(default_factory=dict)

    def open(self, user: str) -> Session | None:
        """Open a session; None if another one is in the way."""
        self._sweep()
        if any(not self.per_user or s.user == user for s in self._open.values()):
            return None
        session = Session(secrets.token_hex(16), user, self.clock.now())
        self._open[session.value] = session
        self.opened += 1
        return session

    def find(self, value: str) -> Session | None:
        """Return an open session and note that it is in use."""
        self._sweep()
        session = self._open.get(value)
        if session is not None:
            session.seen = self.clock.now()
        return session

    def was_open(self, value: str) -> bool:
        """Tell whether a value belonged to a session that has ended."""
        return value in self._ended

    def holds(self, handle: str) -> bool:
        """Tell whether any open session was given an id."""
        return any(handle in session.handles for session in self._open.values())

    def close(self, value: str) -> None:
        """End a session."""
        if self._open.pop(value, None) is not None:
            self._ended[value] = None

    def close_all(self) -> None:
        """End all sessions (reboot)."""
        for value in list(self._open):
            self.close(value)

    def count(self) -> int:
        """Return how many sessions are open."""
        self._sweep()
        return len(self._open)

    def _sweep(self) -> None:
        now = self.clock.now()
        for value, session in list(self._open.items()):
            over = session.deadline is not None and session.deadline.passed()
            if over or now - session.seen > self.idle:
                self.close(value)
