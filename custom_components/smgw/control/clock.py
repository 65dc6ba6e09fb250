"""What time it is, who says so, and how sure that is.

Wall time decides whether a command is fresh; spans of time are measured with the monotonic
clock, so that a step of the wall clock neither ends nor stretches a limit.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Protocol

# A gateway sets its clock over the air; a quartz drifts some seconds a day.
GATEWAY_TIME_KEEPS = timedelta(hours=48)
# The gateway's pages show full seconds.
_GATEWAY_RESOLUTION = timedelta(seconds=1)
# Smaller differences of the system's clock are not followed one by one.
STEP = timedelta(seconds=1)
# A step of the wall clock that is worth a row, and that what an earlier run has planned follows.
JUMP = timedelta(seconds=5)


class ClockSource(StrEnum):
    """Whose time it is."""

    GATEWAY = "gateway"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """A moment on both clocks."""

    utc: datetime
    monotonic: float
    """Seconds; means something within one run only."""
    source: ClockSource = ClockSource.SYSTEM
    offset: timedelta = timedelta(0)
    """How far this time is ahead of the system's clock."""

    def later(self, seconds: float) -> Stamp:
        """Return a moment some seconds later."""
        return Stamp(
            utc=self.utc + timedelta(seconds=seconds),
            monotonic=self.monotonic + seconds,
            source=self.source,
            offset=self.offset,
        )


class SystemClock(Protocol):
    """The clocks of the machine; a port."""

    def utc(self) -> datetime:
        """Return the wall time, timezone-aware."""

    def monotonic(self) -> float:
        """Return seconds that never go back nor jump."""


class TrustedClock:
    """Gateway time where it is known and not too old, else the system's.

    A participant's own clock is never taken over: it would decide about the commands of others.
    """

    def __init__(self, system: SystemClock) -> None:
        """Start with the system's time."""
        self._system = system
        self._base = system.utc().astimezone(UTC)
        self._base_at = system.monotonic()
        self._gateway_at: float | None = None

    def now(self) -> Stamp:
        """Return the present moment."""
        monotonic = self._system.monotonic()
        wall = self._system.utc().astimezone(UTC)
        if (
            self._gateway_at is not None
            and monotonic - self._gateway_at > GATEWAY_TIME_KEEPS.total_seconds()
        ):
            self._gateway_at = None
        trusted = self._at(monotonic)
        if self._gateway_at is None and abs(wall - trusted) > STEP:
            self._base, self._base_at = wall, monotonic
            trusted = wall
        return Stamp(
            utc=trusted,
            monotonic=monotonic,
            source=ClockSource.SYSTEM
            if self._gateway_at is None
            else ClockSource.GATEWAY,
            offset=trusted - wall,
        )

    def gateway_said(self, told: datetime, asked: float, answered: float) -> None:
        """Take the gateway's time, told between two moments of the monotonic clock.

        What fits the present time within the uncertainty of the question changes nothing but its
        source: so the time does not jitter with each reading.
        """
        told = told.astimezone(UTC)
        monotonic = self._system.monotonic()
        earliest = told + timedelta(seconds=monotonic - answered)
        latest = told + timedelta(seconds=monotonic - asked) + _GATEWAY_RESOLUTION
        trusted = self._at(monotonic)
        if not earliest - STEP <= trusted <= latest + STEP:
            self._base = earliest + (latest - earliest) / 2
            self._base_at = monotonic
        self._gateway_at = answered

    def _at(self, monotonic: float) -> datetime:
        return self._base + timedelta(seconds=monotonic - self._base_at)
