"""How often a participant may ask: ten requests a second, sixty writes a minute (R3.2)."""

from collections import deque

PER_SECOND = 10.0
BURST = 20.0
WRITES = 60
MINUTE = 60.0
PAUSE = 0.02
"""Seconds before a request that was too many is answered: whoever does not wait is made to."""


class Rate:
    """The requests of one participant. Moments are seconds of a clock that never goes back."""

    def __init__(self, now: float) -> None:
        """Start with a full burst."""
        self._tokens = BURST
        self._at = now
        self._writes: deque[float] = deque()

    def wait(self, now: float, *, write: bool) -> float:
        """Return 0 and count the request, or the seconds after which it may be tried again."""
        self._tokens = min(BURST, self._tokens + (now - self._at) * PER_SECOND)
        self._at = now
        while self._writes and now - self._writes[0] >= MINUTE:
            self._writes.popleft()
        if self._tokens < 1:
            return (1 - self._tokens) / PER_SECOND
        if write and len(self._writes) >= WRITES:
            return MINUTE - (now - self._writes[0])
        self._tokens -= 1
        if write:
            self._writes.append(now)
        return 0
