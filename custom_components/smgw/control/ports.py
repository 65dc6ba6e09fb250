"""What this room needs from outside: implemented by who knows Home Assistant, and by tests.

All methods but `Home.write` answer at once from what is known. None raises, except where stated.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from .model import Direction, Item, Value
from .picture import Event, Picture


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemReading:
    """What an item shows."""

    value: Value
    at: datetime
    """When it was last reported, UTC; not when it last changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Power:
    """What the power source of a direction shows."""

    watts: Decimal
    """>= 0 in this direction; 0 while power flows the other way."""
    at: datetime
    """When it was last reported, UTC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterReading:
    """The newest reading of one register, as the gateway told it."""

    meter_id: str
    register: str
    """OBIS code."""
    value: Decimal
    unit: str
    at: datetime
    """The gateway's own time of capture, UTC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Because:
    """On whose behalf something is written; becomes the context of the change."""

    participant_id: str | None
    """None: the home itself, e.g. to keep or to leave a limit."""
    transaction_id: str | None
    why: str
    """`command`, `limit`, `restore` or `rest`."""
    direction: Direction | None = None
    """Of the limit that is kept."""


class Home(Protocol):
    """The items of the home."""

    def items(self) -> Mapping[str, Item]:
        """Return all items that could be granted, by id; the same object as long as nothing changed."""

    def read(self, item_id: str) -> ItemReading | None:
        """Return what an item shows; None: unknown or unavailable."""

    async def write(self, item_id: str, value: Value, because: Because) -> None:
        """Set an item and return when the device has taken it. Raises EffectFailed."""


class Meters(Protocol):
    """What is measured."""

    def power(self, direction: Direction) -> Power | None:
        """Return the power at the grid connection point; None: unknown, or no source was chosen."""

    def registers(self) -> Sequence[MeterReading]:
        """Return the newest readings of the registers that matter for billing."""


class Publisher(Protocol):
    """What shows the owner, and automations, how things stand."""

    def publish(self, picture: Picture) -> None:
        """Show the whole picture. The same picture twice does no harm."""

    def announce(self, event: Event) -> None:
        """Tell what happened, once."""

    def flush(self) -> None:
        """Show it now: all of one change was published and announced."""


class Alarm(Protocol):
    """Who calls `Authority.tick` in time."""

    def set(self, monotonic: float | None) -> None:
        """Call at this moment of the monotonic clock, instead of any asked for before; None: not at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """All of them."""

    home: Home
    meters: Meters
    publisher: Publisher
    alarm: Alarm
