"""How long to wait before dialling again, and when to renew what is up (R2.2, R1.3)."""

from collections.abc import Callable

FIRST = 5.0
LONGEST = 900.0
SPREAD = 0.2
STABLE = 300.0
"""A connection that lasted so many seconds makes up for the failures before it."""
RENEW = 47.5 * 3600
"""A gateway has to end a TLS session after 48 h; we do it before, when nothing is under way."""
_RENEW_SPREAD = 600.0
_SAME = 0.02
_KNOWN = 0.97
_SHORTEST_KNOWN = 120.0


class BackOff:
    """The pauses of one tunnel."""

    def __init__(self, chance: Callable[[], float]) -> None:
        """Take the chance, 0 to 1."""
        self._chance = chance
        self._failures = 0

    def pause(self) -> float:
        """Return the seconds until the next try, after another failure."""
        pause = min(FIRST * 2.0 ** min(self._failures, 16), LONGEST)
        self._failures += 1
        return pause * (1 + SPREAD * (2 * self._chance() - 1))

    def lasted(self, seconds: float) -> None:
        """Take how long a connection was up."""
        if seconds >= STABLE:
            self._failures = 0


class Lifetime:
    """How long a session may last: 47.5 h, or less if the gateway has shown twice that it ends them earlier."""

    def __init__(self, chance: Callable[[], float]) -> None:
        """Take the chance, 0 to 1."""
        self._chance = chance
        self._before = 0.0
        self._known: float | None = None

    def planned(self) -> float:
        """Return after how many seconds the next session is to be renewed."""
        planned = RENEW - _RENEW_SPREAD * self._chance()
        return planned if self._known is None else min(planned, self._known)

    def cut(self, seconds: float) -> None:
        """Take after how long the peer has ended a session."""
        same = abs(seconds - self._before) <= _SAME * seconds
        if same and seconds >= _SHORTEST_KNOWN:
            self._known = min(seconds, self._before) * _KNOWN
        self._before = seconds
