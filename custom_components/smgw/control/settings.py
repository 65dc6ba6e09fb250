"""What the owner has set up about the home: rules, nominal powers, who carries limits out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum

from .model import Direction


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Times. The defaults are those of the reference, R3.2."""

    freshness: timedelta = timedelta(seconds=300)
    """How far the time of making may be from ours."""
    ahead: timedelta = timedelta(hours=48)
    """How far ahead a command may begin."""
    effect: timedelta = timedelta(minutes=5)
    """How long the home may be above a limit, or an item not at its value, before that counts as failed."""
    power_age: timedelta = timedelta(seconds=60)
    """An older value of the power source says nothing about now."""
    settle: timedelta = timedelta(seconds=30)
    """How long an executor is given before the next one is asked."""
    patience: timedelta = timedelta(seconds=30)
    """How long a device may take to accept a value."""
    restore: timedelta = timedelta(0)
    """Executors get their values back within this time after a limit, at random, so that a street
    of homes does not return in one second (up to 600 s are customary)."""
    ramp: timedelta = timedelta(0)
    """How long a number takes on its way back, in even steps at most `settle` apart; a switch has one step."""


class ExecutorMode(StrEnum):
    """How an executor serves a limit."""

    FOLLOW = "follow"
    """A number that is a limit itself: it gets the limit."""
    REDUCE = "reduce"
    """A number that is a power, or drives one: it is lowered as far as needed."""
    SWITCH = "switch"
    """A switch: it is turned to the side that relieves the grid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Executor:
    """An item that carries limits of one direction out; their order is the owner's."""

    item_id: str
    mode: ExecutorMode
    low: Decimal = Decimal(0)
    high: Decimal | None = None
    step: Decimal = Decimal(1)
    watts_per_unit: Decimal = Decimal(1)
    """E.g. 690 for the current of a three-phase charger in A."""
    relieved: bool = False
    """The value of a switch that relieves the grid."""

    def __post_init__(self) -> None:
        """Check what would lead nowhere. Raises ValueError."""
        good = self.step > 0 and self.watts_per_unit > 0 and self.low >= 0
        if not good or (self.high is not None and self.high < self.low):
            raise ValueError("executor out of range")


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """The home as the owner describes it; what is left out is not there."""

    nominal: Mapping[Direction, Decimal] = field(default_factory=dict)
    """W; what limits in percent refer to."""
    minimum: Mapping[Direction, Decimal] = field(default_factory=dict)
    """W; the least that has to be left under a limit of §14a EnWG. A smaller limit is obeyed and recorded."""
    measured: frozenset[Direction] = frozenset()
    """Directions with a power source."""
    executors: Mapping[Direction, tuple[Executor, ...]] = field(default_factory=dict)
    rules: Rules = Rules()
