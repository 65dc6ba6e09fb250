"""When to read next: a little behind the quarter hour, never too soon."""

from datetime import UTC, datetime, timedelta
from zlib import crc32

QUARTER = timedelta(minutes=15)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

# A gateway stamps its values 1 to 5 s after the quarter hour and shows them some
# seconds later.
SHORTEST_DELAY = timedelta(seconds=60)
LONGEST_DELAY = timedelta(seconds=90)

# How much nearer than a quarter hour two readings may be, for the spread's sake.
TOLERANCE = timedelta(minutes=2)

_EPOCH = datetime.fromtimestamp(0, UTC)


def delay(gateway_id: str, interval: timedelta) -> timedelta:
    """Return how long after its slots a gateway is read.

    It keeps a street of homes from asking in the same second. Each gateway has its own
    and keeps it: drawn anew each time, readings would come too near to one another.
    Slots shorter than a quarter hour have nothing to wait for: anywhere within.
    """
    share = crc32(gateway_id.encode()) / 2**32
    if interval < QUARTER:
        return share * interval
    return SHORTEST_DELAY + share * (LONGEST_DELAY - SHORTEST_DELAY)


def next_reading(now: datetime, interval: timedelta, delay: timedelta) -> datetime:
    """Return the time (UTC) of the next reading.

    `now` is local time with its zone. An interval of quarter hours that divides the day
    counts from local midnight, so that hourly readings fall on the full hour and daily ones on
    the change of day; one below a quarter hour has slots of its own; any other goes by
    quarter hours. `delay` comes after the slot.
    """
    # All offsets of the zones we serve are whole hours: up to an hour, slots are the
    # same in every zone, and the time change does not touch them.
    odd = interval > QUARTER and bool(DAY % interval or interval % QUARTER)
    if odd or interval <= HOUR:
        step = QUARTER if odd else interval
        passed = (now.astimezone(UTC) - delay - _EPOCH) // step
        return _EPOCH + (passed + -(-interval // step)) * step + delay
    wall = (now.astimezone(UTC) - delay).astimezone(now.tzinfo)
    midnight = wall.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    slot = midnight + ((wall - midnight) // interval + 1) * interval
    # In the doubled hour of October a wall time ahead may be a moment ago.
    while (due := slot.astimezone(UTC) + delay) <= now:
        slot += interval
    return due


def tolerance(distance: timedelta) -> timedelta:
    """Return how much nearer two readings may be than they should.

    A short distance has its share only: the two minutes belong to a quarter hour.
    """
    return min(TOLERANCE, distance * (TOLERANCE / QUARTER))


def is_due(now: datetime, last: datetime | None, interval: timedelta) -> bool:
    """Say whether a reading is due, given when the last one was."""
    return last is None or now - last >= interval - tolerance(interval)
