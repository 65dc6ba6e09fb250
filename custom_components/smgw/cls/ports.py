"""What this room needs from outside: implemented by who knows Home Assistant, and by tests.

Items and their values come from `control.ports.Home`; which of them a participant may see is decided here, by
its grants. Methods answer at once from what is known, and do not raise.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
import random
from typing import Protocol

from ..control.authority import Authority
from ..control.clock import Stamp
from ..control.ports import Home
from .model import ChannelState


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """A device that may be granted as a whole."""

    thing_id: str
    """The `thing_id` of its items."""
    name: str
    kind: str = "device"
    """What it is, in a word or two of the owner's or of its maker, e.g. its model."""


class Catalogue(Protocol):
    """The devices of the home."""

    def things(self) -> Mapping[str, Thing]:
        """Return all devices that could be granted, by id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What we tell of ourselves."""

    version: str
    """Of the software."""
    huid: str | None = None
    """Device id after DIN 43863-5, if the owner has one for this component."""


class Timer(Protocol):
    """Time that passes, for back-off and session limits; the wall time comes from `ClsPorts.now`."""

    def monotonic(self) -> float:
        """Return seconds that never go back nor jump."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""


class LoopTimer:
    """The event loop's own time."""

    def monotonic(self) -> float:
        """Return the loop's seconds."""
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClsPorts:
    """All of them."""

    authority: Authority
    """Judges; its `ledger` has events, receipts and the evidence."""
    home: Home
    """The same that the authority has."""
    catalogue: Catalogue
    about: About
    now: Callable[[], Stamp]
    """`TrustedClock.now` of the authority's clock: its source and offset make the clock block."""
    changed: Callable[[ChannelState], None]
    """Called in the event loop with each change of a tunnel. Must not raise."""
    clock_told: Callable[[str, timedelta], None] = lambda _, __: None
    """Called with the id of a participant that has told its time, and how far it is ahead of ours."""
    timer: Timer = field(default_factory=LoopTimer)
    chance: Callable[[], float] = random.random
    """0 to 1; spreads back-off and renewals."""
