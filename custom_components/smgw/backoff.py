"""How long to leave a gateway alone after failures in a row: pure functions."""

from datetime import timedelta

from .schedule import HOUR, QUARTER

# A gateway that is being restarted or served is back within half an hour; one that
# hangs for longer is not helped by asking.
_AT_ONCE = 2
_LONGEST = HOUR
# Without a connection nothing reaches the gateway, and nothing is lost by looking.
_LOOK = timedelta(minutes=5)
# Retries of many homes behind one fault drift apart.
_SPREAD = 0.2


def wait(count: int, floor: timedelta, *, sent: bool, share: float) -> timedelta | None:
    """Return how long to wait after `count` failures in a row; None: for the next slot.

    `sent`: the last one has cost the gateway a session. `share`, from 0 to 1, is the
    part of the spread to take.
    """
    if not sent:
        pause = min(_LOOK, floor) * (1 << min(count - 1, 10))
        longest = max(QUARTER, floor)
    elif count <= _AT_ONCE:
        return None
    else:
        pause = floor * (1 << min(count - _AT_ONCE, 10))
        longest = max(_LONGEST, floor)
    return min(pause, longest) * (1 + _SPREAD * share)
