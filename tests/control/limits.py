"""A limit's machine on the bench: driven by hand, restarted at will."""

from datetime import timedelta
from decimal import Decimal
import json
from typing import Any

from custom_components.smgw.control.limitation import (
    Answer,
    Cause,
    Failsafe,
    Limitation,
    LimitState,
)

from .helpers import FakeClock

PRESET = Failsafe(watts=Decimal(4200))
HOUR = timedelta(hours=1)
INIT, CONTROLLED, LIMITED, FAILSAFE, AUTONOMOUS = LimitState


class Bench:
    """A machine and the clock that drives it."""

    def __init__(self, preset: Failsafe = PRESET) -> None:
        """Start it for the first time."""
        self.clock = FakeClock()
        self.preset = preset
        self.machine = Limitation(preset, self.clock.stamp())

    def wait(self, seconds: float) -> list[Cause]:
        """Let time pass, and return what it brought."""
        self.clock.move(seconds)
        return [step.cause for step in self.machine.advance(self.clock.stamp())]

    def keep_alive(self, seconds: int) -> None:
        """Let time pass with a heartbeat every minute."""
        for _ in range(seconds // 60):
            self.clock.move(60)
            self.beat()

    def beat(self) -> None:
        """Give a sign of life."""
        self.machine.heartbeat(self.clock.stamp())

    def write(self, watts: int | Decimal, seconds: float | None = None) -> Answer:
        """Write an active limit."""
        duration = None if seconds is None else timedelta(seconds=seconds)
        return self.machine.write(self.clock.stamp(), Decimal(watts), duration)

    def restart(self, away: float = 0, preset: Failsafe | None = None) -> None:
        """Begin anew with what was remembered, after some time without power."""
        memory: dict[str, Any] = json.loads(json.dumps(self.machine.memory()))
        self.clock.wall += timedelta(seconds=away)
        self.clock.seconds = 5.0
        self.machine = Limitation(preset or self.preset, self.clock.stamp(), memory)

    def to(self, state: LimitState) -> None:
        """Bring it into a state."""
        match state:
            case LimitState.CONTROLLED:
                self.beat()
                self.machine.deactivate(self.clock.stamp())
            case LimitState.LIMITED:
                self.beat()
                self.write(3000)
            case LimitState.FAILSAFE:
                self.to(CONTROLLED)
                self.wait(120)
            case LimitState.AUTONOMOUS:
                self.wait(120)
        assert self.machine.state is state
