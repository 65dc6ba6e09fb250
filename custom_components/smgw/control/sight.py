"""What is seen between two looks at everything. Nothing of it outlives the run."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from .canonical import Json
from .clock import ClockSource
from .model import Direction
from .record import Key, Measured

LONGEST_RETRY = 900.0
"""Seconds between two attempts to write an item, at the most."""


@dataclass(frozen=True, slots=True)
class WayBack:
    """Executors get their values back."""

    due: float
    """When the next step is to be done; seconds of the monotonic clock."""
    left: int
    """How many steps there are still to do, with that one."""
    pace: float
    """Seconds between two steps."""

    def after(self) -> WayBack:
        """Return what is left after the step that is due; the last one stays due."""
        if self.left == 1:
            return self
        return replace(self, due=self.due + self.pace, left=self.left - 1)


@dataclass(slots=True)
class Watch:
    """The notes."""

    started: float
    random: Callable[[], float]
    """A number from 0 to 1."""
    off: dict[Key, float] = field(default_factory=dict)
    """Since when a command has not been where it should be."""
    sampled: dict[Direction, float] = field(default_factory=dict)
    samples: dict[Direction, list[Json]] = field(default_factory=dict)
    sampled_for: dict[Direction, Key | str] = field(default_factory=dict)
    """Whose limit the samples belong to."""
    measured: dict[Key, Measured] = field(default_factory=dict)
    acted: dict[Direction, float] = field(default_factory=dict)
    """When an executor was last asked."""
    restore: dict[Direction, WayBack] = field(default_factory=dict)
    retries: dict[str, tuple[int, float]] = field(default_factory=dict)
    """By item: how often writing failed, and when to try again."""
    metered: dict[str, datetime] = field(default_factory=dict)
    """By participant: time of the meter reading that was last written down."""
    ended: dict[str, datetime] = field(default_factory=dict)
    """By participant: when a limit ended, and no meter reading has come since."""
    clock: tuple[ClockSource, timedelta] | None = None
    base: datetime | None = None
    """What the wall clock said at the zero of the monotonic one, at the last look."""
    believed: datetime | None = None
    """The same, as it was when the times of what an earlier run had taken were found."""
    ahead: float | None = None
    """Since when it has been ahead of that."""

    def copied(self) -> Watch:
        """Return one that can be changed without touching this one."""
        return replace(
            self,
            off=dict(self.off),
            sampled=dict(self.sampled),
            samples={d: list(samples) for d, samples in self.samples.items()},
            sampled_for=dict(self.sampled_for),
            measured=dict(self.measured),
            acted=dict(self.acted),
            restore=dict(self.restore),
            retries=dict(self.retries),
            metered=dict(self.metered),
            ended=dict(self.ended),
        )

    def may_write(self, item_id: str, now: float) -> bool:
        """Say whether an item may be written, after it may have failed."""
        return self.retries.get(item_id, (0, now))[1] <= now

    def failed(self, item_id: str, now: float, settle: float) -> int:
        """Note that an item could not be written; return how often that was."""
        count = self.retries.get(item_id, (0, 0.0))[0] + 1
        wait = min(settle * 2.0 ** min(count, 16), LONGEST_RETRY)
        self.retries[item_id] = (count, now + wait)
        return count
