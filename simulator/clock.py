"""The gateway's idea of time."""

from datetime import UTC, datetime, timedelta
from threading import Lock
import time
from zoneinfo import ZoneInfo

BERLIN = ZoneInfo("Europe/Berlin")


def real_seconds() -> float:
    """Return a monotonic time that test tools which freeze time leave alone."""
    return time.clock_gettime(time.CLOCK_MONOTONIC)


class SimClock:
    """A clock that follows the machine until somebody sets it.

    "The machine" includes a test tool that freezes ``datetime``. A set clock
    stands still; with ``running=True`` it runs on from the set
    time. All times are timezone-aware; ``now`` answers in UTC. Safe to use
    from several threads.
    """

    def __init__(self, start: datetime | None = None, *, running: bool = False) -> None:
        """Start at ``start`` (aware); None follows the machine's clock."""
        self._lock = Lock()
        self._base: datetime | None = None
        self._since = 0.0
        self._running = running
        if start is not None:
            self.set(start)

    def now(self) -> datetime:
        """Return the current time, aware, UTC."""
        with self._lock:
            return self._now()

    def set(self, at: datetime, *, running: bool | None = None) -> None:
        """Set the clock to an aware time."""
        if at.tzinfo is None:
            raise ValueError("the clock needs a time with a time zone")
        with self._lock:
            self._base = at.astimezone(UTC)
            self._since = real_seconds()
            if running is not None:
                self._running = running

    def advance(self, step: timedelta) -> None:
        """Move the clock forward (a clock that followed the machine is set)."""
        with self._lock:
            self._base = self._now() + step
            self._since = real_seconds()

    def _now(self) -> datetime:
        if self._base is None:
            return datetime.now(UTC)
        if not self._running:
            return self._base
        return self._base + timedelta(seconds=real_seconds() - self._since)


class Deadline:
    """A moment some seconds ahead, by the simulated or the real clock.

    Whichever comes first counts: a test with a standing clock may advance it,
    or just wait.
    """

    def __init__(self, clock: SimClock, seconds: float) -> None:
        """Start the time now."""
        self._clock = clock
        self._at = clock.now() + timedelta(seconds=seconds)
        self._real = real_seconds() + seconds

    def passed(self) -> bool:
        """Tell whether the moment has come."""
        return real_seconds() >= self._real or self._clock.now() >= self._at


def local_text(at: datetime) -> str:
    """Return ``YYYY-MM-DD HH:MM:SS`` in Europe/Berlin wall time, no offset."""
    return at.astimezone(BERLIN).strftime("%Y-%m-%d %H:%M:%S")


def utc_text(at: datetime) -> str:
    """Return ``YYYY-MM-DDTHH:MM:SSZ``."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
