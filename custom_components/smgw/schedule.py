"""When to read next: a little behind the quarter hour, never too soon."""

from datetime import UTC, datetime, timedelta
from zlib import crc32

MINUTE = timedelta(minutes=1)
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


def is_whole(interval: timedelta) -> bool:
    """Say whether an interval has slots of its own; else it goes by quarter hours."""
    return interval <= QUARTER or not (DAY % interval or interval % QUARTER)


def next_slot(now: datetime, step: timedelta, delay: timedelta) -> datetime:
    """Return the time (UTC) of the next slot of its own; `delay` comes after it.

    Slots count from a full hour, the same in every zone we serve: their offsets are
    whole hours, and the time change does not touch them.
    """
    passed = (now.astimezone(UTC) - delay - _EPOCH) // step
    return _EPOCH + (passed + 1) * step + delay


def next_reading(now: datetime, interval: timedelta, delay: timedelta) -> datetime:
    """Return the time (UTC) of the next reading of an account.

    `now` is local time with its zone. An interval of quarter hours that divides the day
    counts from local midnight, so that hourly readings fall on the full hour and daily ones on
    the change of day; one below a quarter hour has slots of its own; any other goes by
    quarter hours. `delay` comes after the slot.
    """
    if not is_whole(interval):
        return next_slot(now, QUARTER, delay) + (-(-interval // QUARTER) - 1) * QUARTER
    if interval <= HOUR:
        return next_slot(now, interval, delay)
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
