"""The grid that target times lie on, and how a capture stamp finds its slot.

The rules are those of the official transparency software: the period is the spacing
most neighbours have (within 2 %), and a stamp within 1 % of the period of a slot
belongs to it (9 s for a quarter hour); any other stays where it is.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from itertools import pairwise, starmap
from operator import sub

from .localtime import BERLIN

QUARTER = timedelta(minutes=15)

# Where two are equally frequent, the one that stands first.
_PERIODS = tuple(
    timedelta(minutes=minutes)
    for minutes in (15, 60, 30, 10, 5, 3, 2, 1, 1440, 720, 360, 7 * 1440, 30 * 1440)
)
_SPACING_TOLERANCE = 0.02
_STAMP_TOLERANCE = 0.01
_HOUR = timedelta(hours=1)
_SECOND = timedelta(seconds=1)


def period_of(stamps: Iterable[datetime]) -> timedelta | None:
    """Return the spacing most neighbours have; None without two near a usual one.

    `stamps` in any order.
    """
    newest_first = sorted(set(stamps), reverse=True)
    found: Counter[timedelta] = Counter()
    # Few of them differ.
    for apart, count in Counter(starmap(sub, pairwise(newest_first))).items():
        for period in _PERIODS:
            if abs(apart - period) <= period * _SPACING_TOLERANCE:
                found[period] += count
                break
    return (
        max(found, key=lambda period: (found[period], -_PERIODS.index(period)))
        if found
        else None
    )


def slot_of(stamp: datetime, period: timedelta) -> datetime:
    """Return the end of the slot a stamp (UTC) belongs to, or the stamp itself.

    Slots of up to an hour count from the full hour, which is the same in every zone we
    serve; longer ones from midnight in Germany.
    """
    return slots_of(period)(stamp)


def slots_of(period: timedelta) -> Callable[[datetime], datetime]:
    """Return `slot_of` for a period, for many stamps."""
    tolerance = period * _STAMP_TOLERANCE
    if _HOUR % period or period % _SECOND:

        def far(stamp: datetime) -> datetime:
            slot = _nearest(stamp, period)
            return slot if abs(stamp - slot) <= tolerance else stamp

        return far
    length = period // _SECOND

    def near(stamp: datetime) -> datetime:
        late = (stamp.minute * 60 + stamp.second) % length
        if not late and not stamp.microsecond:
            return stamp
        after = timedelta(0, late, stamp.microsecond)
        if after <= tolerance:
            return stamp - after
        return stamp + (period - after) if period - after <= tolerance else stamp

    return near


def _nearest(stamp: datetime, period: timedelta) -> datetime:
    if period <= _HOUR:
        seconds = period.total_seconds()
        return datetime.fromtimestamp(round(stamp.timestamp() / seconds) * seconds, UTC)
    wall = stamp.astimezone(BERLIN).replace(tzinfo=None)
    midnight = wall.replace(hour=0, minute=0, second=0, microsecond=0)
    # Of periods longer than a day only the change of day is known.
    step = min(period, timedelta(days=1))
    slot = midnight + round((wall - midnight) / step) * step
    return slot.replace(tzinfo=BERLIN).astimezone(UTC)
