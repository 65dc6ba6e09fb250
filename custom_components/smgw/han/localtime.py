"""German wall time without offset, turned into UTC.

Pages of some gateways show Europe/Berlin wall time and nothing else (observed: all
tables, forms and the footer). One hour a year stands for two moments, one for none.
"""

from datetime import UTC, datetime, timedelta
import re
from zoneinfo import ZoneInfo

BERLIN = ZoneInfo("Europe/Berlin")

# A gateway's clock is set by the operator; ours may be a little off.
CLOCK_SLACK = timedelta(minutes=5)

_STAMP = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", re.ASCII)


class UndecidableTime(ValueError):
    """A wall time that stands for no moment, or for two."""

    def __init__(self, reason: str) -> None:
        """Keep the reason: `no_time`, `nonexistent_time` or `ambiguous_time`."""
        super().__init__(reason)
        self.reason = reason


def candidates(text: str) -> tuple[datetime, ...]:
    """Return the moments (UTC, earlier first) a stamp `YYYY-MM-DD HH:MM:SS` stands for.

    Raises `UndecidableTime` for what is no time or was skipped in spring.
    """
    if not _STAMP.fullmatch(text.strip()):
        raise UndecidableTime("no_time")
    try:
        wall = datetime.fromisoformat(text.strip())
        moments = {
            moment
            for fold in (0, 1)
            # a skipped wall time does not survive the way there and back
            if (moment := wall.replace(tzinfo=BERLIN, fold=fold).astimezone(UTC))
            .astimezone(BERLIN)
            .replace(tzinfo=None)
            == wall
        }
    except (ValueError, OverflowError) as err:
        raise UndecidableTime("no_time") from err
    if not moments:
        raise UndecidableTime("nonexistent_time")
    return tuple(sorted(moments))


def decide(
    moments: tuple[datetime, ...],
    *,
    now: datetime,
    not_before: datetime | None = None,
    changed: bool = False,
) -> datetime:
    """Choose the moment a newest reading was taken.

    `now` is our own clock (UTC). `not_before` is the capture time of the reading
    seen last; the newest reading is never older, and if its value `changed` since,
    it is newer. Raises `UndecidableTime("ambiguous_time")` if two remain.

    A moment that is the only one is returned whatever the clock says: whether it is
    plausible is not a question of summer time.
    """
    if len(moments) == 1:
        return moments[0]
    left = [moment for moment in moments if moment <= now + CLOCK_SLACK]
    if not_before is not None:
        left = [
            moment
            for moment in left
            if moment > not_before or (moment == not_before and not changed)
        ]
        if not_before in left:
            # The same stamp and nothing changed: the reading we know already.
            return not_before
    if len(left) != 1:
        raise UndecidableTime("ambiguous_time")
    return left[0]


def nearest(moments: tuple[datetime, ...], now: datetime) -> datetime | None:
    """Return the moment nearest to now: right for a running clock.

    None if the two passes are equally near within the slack, as a clock half an
    hour off would be.
    """
    first, *rest = sorted(moments, key=lambda moment: abs(moment - now))
    if rest and abs(rest[0] - now) - abs(first - now) < CLOCK_SLACK:
        return None
    return first
