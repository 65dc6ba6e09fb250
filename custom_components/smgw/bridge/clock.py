"""The loop's clock, and its alarm."""

from asyncio import Handle
from collections.abc import Callable
from datetime import datetime
from typing import override

from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util

from ..control import clock, ports


class LoopClock(clock.SystemClock):
    """Implements the port."""

    def __init__(self, hass: HomeAssistant) -> None:
        """Take the loop whose clock it is."""
        self._loop = hass.loop

    @override
    def utc(self) -> datetime:
        """Return the wall time."""
        return dt_util.utcnow()

    @override
    def monotonic(self) -> float:
        """Return seconds that never go back."""
        return self._loop.time()


class LoopAlarm(ports.Alarm):
    """Implements the port."""

    def __init__(self, hass: HomeAssistant, ring: Callable[[], None]) -> None:
        """`ring` is called when it is time."""
        self._loop = hass.loop
        self._ring = ring
        self._set: Handle | None = None

    @override
    def set(self, monotonic: float | None) -> None:
        """Call at this moment, instead of any asked for before."""
        if self._set is not None:
            self._set.cancel()
            self._set = None
        if monotonic is None:
            return
        if monotonic <= self._loop.time():
            self._set = self._loop.call_soon(self._ring)
        else:
            self._set = self._loop.call_at(monotonic, self._ring)
