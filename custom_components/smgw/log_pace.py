"""How often the owner wants the consumer log read."""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Any, Self

from .const import CONF_LOG_READING
from .schedule import DAY, HOUR, MINUTE


class LogPace(StrEnum):
    """How often it is read, at most; never more often than the login itself."""

    NEVER = "never"
    DAILY = "daily"
    SIX_HOURS = "six_hours"
    HOURLY = "hourly"

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Self:
        """Return what was chosen; once a day if nothing was."""
        return cls(options.get(CONF_LOG_READING, cls.DAILY))

    @property
    def interval(self) -> timedelta | None:
        """Return the time between two readings; None for never."""
        return _INTERVALS[self][0]

    @property
    def due_after(self) -> timedelta | None:
        """Return when a poll is the right one: one a little early is. None for never."""
        interval, early = _INTERVALS[self]
        return None if interval is None else interval - early

    @property
    def loads(self) -> bool:
        """Say whether it is more than a gateway is usually asked."""
        return self in (self.SIX_HOURS, self.HOURLY)


_INTERVALS = {
    LogPace.NEVER: (None, timedelta(0)),
    LogPace.DAILY: (DAY, 30 * MINUTE),
    LogPace.SIX_HOURS: (6 * HOUR, 10 * MINUTE),
    LogPace.HOURLY: (HOUR, 5 * MINUTE),
}
