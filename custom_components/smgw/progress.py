"""How far the history has come, and when it will be there: pure functions."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class State(StrEnum):
    """What the import of the history is doing."""

    IDLE = "idle"
    """Nothing is known yet."""
    RUNNING = "running"
    WAITING = "waiting"
    """For the next session."""
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"
    """The last session; it is tried again in the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far the import of a gateway's history has come."""

    state: State
    reached: datetime | None = None
    """Down to here nothing is missing (UTC)."""
    oldest: datetime | None = None
    """The oldest reading that is recorded (UTC)."""
    done: int = 0
    """Registers of which all is recorded that the gateway keeps."""
    registers: int = 0
    end: datetime | None = None
    """When it will be done, at the latest (UTC); None if that is not known."""
    error: str | None = None
    """Key of what the last session failed with."""


@dataclass(slots=True)
class Speed:
    """How fast a gateway hands out its history, as measured."""

    took: timedelta = timedelta(0)
    covered: timedelta = timedelta(0)

    def measured(self, took: timedelta, covered: timedelta) -> None:
        """Note a slice: how long it took, and how long a span it held."""
        self.took += took
        self.covered += covered

    def needed(self, left: timedelta) -> timedelta | None:
        """Return how long so much will take; None before anything was measured."""
        if not self.covered:
            return None
        return self.took * (left / self.covered)


def end_of(
    now: datetime,
    needed: timedelta,
    ride_ends: datetime,
    rides: list[datetime],
    ride: timedelta,
) -> datetime:
    """Return when work will be done that goes on in the sessions of polls.

    The session that is open ends at `ride_ends` (`now`, if there is none); then come the
    polls `rides`, whose sessions last `ride` each, the last ones as far apart as those
    before.
    """
    left = needed - (ride_ends - now)
    if left <= timedelta(0):
        return now + needed
    if not rides:
        return ride_ends + left
    for start in rides:
        if left <= ride:
            return start + left
        left -= ride
    apart = rides[-1] - rides[-2] if len(rides) > 1 else rides[0] - now
    whole = (left - timedelta.resolution) // ride
    return rides[-1] + (whole + 1) * apart + left - whole * ride
