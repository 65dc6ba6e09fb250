"""When to read next: a little behind the quarter hour, never too soon."""

from datetime import UTC, datetime, timedelta

QUARTER = timedelta(minutes=15)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

# A gateway stamps its values 1 to 5 s after the quarter hour and shows them some
# seconds later. The spread keeps a street of homes from asking in the same second.
SHORTEST_DELAY = timedelta(seconds=60)
LONGEST_DELAY = timedelta(seconds=90)

# How much nearer than the floor two sessions may be, for the spread's sake.
TOLERANCE = timedelta(minutes=2)

_EPOCH = datetime.fromtimestamp(0, UTC)


def next_reading(now: datetime, interval: timedelta, delay: timedelta) -> datetime:
    """Return the time (UTC) of the next reading.

    `now` is local time with its zone. An interval of quarter hours that divides the day
    counts from local midnight, so that hourly readings fall on the full hour and daily ones on
    the change of day; any other goes by quarter hours. `delay` comes after the slot.
    """
    # All offsets of the zones we serve are whole hours: up to an hour, slots are the
    # same in every zone, and the time change does not touch them.
    odd = bool(DAY % interval or interval % QUARTER)
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


def is_due(now: datetime, last_session: datetime | None, floor: timedelta) -> bool:
    """Say whether a session may be opened, given when the last one was."""
    return last_session is None or now - last_session >= floor - TOLERANCE
