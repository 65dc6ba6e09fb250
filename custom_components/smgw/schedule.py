"""When to read next: a little behind the quarter hour, never too soon."""

from datetime import datetime, timedelta

QUARTER = timedelta(minutes=15)
DAY = timedelta(days=1)

# A gateway stamps its values 1 to 5 s after the quarter hour and shows them some
# seconds later. The spread keeps a street of homes from asking in the same second.
SHORTEST_DELAY = timedelta(seconds=60)
LONGEST_DELAY = timedelta(seconds=90)

# How much nearer than the floor two sessions may be, for the spread's sake.
TOLERANCE = timedelta(minutes=2)


def next_reading(now: datetime, interval: timedelta, delay: timedelta) -> datetime:
    """Return the time of the next reading.

    `now` is local time with its zone. Intervals that divide the day start at local
    midnight, so that hourly readings fall on the full hour; others go by quarter
    hours. `delay` is what comes after the slot.
    """
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    step = interval if DAY % interval == timedelta(0) else QUARTER
    # Aware arithmetic within one zone is wall-clock arithmetic: on the two days of
    # the time change the slots stay where the owner expects them.
    passed = (now - delay - midnight) // step
    slots = 1 if step == interval else -(-interval // QUARTER)
    return midnight + (passed + slots) * step + delay


def is_due(now: datetime, last_session: datetime | None, floor: timedelta) -> bool:
    """Say whether a session may be opened, given when the last one was."""
    return last_session is None or now - last_session >= floor - TOLERANCE
