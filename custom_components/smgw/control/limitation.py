"""One limit and the contact behind it: the state machine of EEBUS LPC and LPP, for every door.

Sans-I/O: events come in with a moment, transitions go out, `due` says when to ask again. Timers
run on the monotonic clock. One instance per participant and direction; watts are >= 0 in both.

    init         after a start; the failsafe limit applies
    controlled   in contact, nothing applies
    limited      in contact, the written limit applies
    failsafe     contact lost for 120 s; the failsafe limit applies
    autonomous   the contact has been given up; nothing applies

What is different from the specification: a home that was limited, or in failsafe, comes back as
that after a restart and not as init, so that a restart frees nobody; the heartbeat's
timer begins anew.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from . import canonical
from .canonical import Json
from .clock import Stamp
from .reasons import Reason

HEARTBEAT_TIMEOUT = 120.0
"""Seconds without a heartbeat after which the contact is lost."""
WRITE_WINDOW = 60.0
"""Seconds after a heartbeat within which a limit counts, where the contact is not yet established."""
SHORTEST_FAILSAFE = timedelta(hours=2)
LONGEST_FAILSAFE = timedelta(hours=24)


class LimitState(StrEnum):
    """Where the machine stands."""

    INIT = "init"
    CONTROLLED = "controlled"
    LIMITED = "limited"
    FAILSAFE = "failsafe"
    AUTONOMOUS = "autonomous"


class Cause(StrEnum):
    """Why it moved."""

    WRITTEN = "written"
    DEACTIVATED = "deactivated"
    REFUSED = "refused"
    """A limit came and had to be refused: the contact is there all the same."""
    DURATION_OVER = "duration_over"
    INTERRUPTED = "interrupted"
    """The home's own safety, or law, allows it to leave the limit."""
    SILENT_AFTER_START = "silent_after_start"
    HEARTBEAT_LOST = "heartbeat_lost"
    FAILSAFE_OVER = "failsafe_over"
    NO_LIMIT_AFTER_HEARTBEAT = "no_limit_after_heartbeat"


class AfterFailsafe(StrEnum):
    """What happens when the minimum duration is over and the participant is still silent."""

    RELEASE = "release"
    """As the specification allows: a dead box does not block the home for ever."""
    KEEP = "keep"
    """The failsafe limit stays until there is a heartbeat again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failsafe:
    """What the owner has set up for the case of silence."""

    watts: Decimal
    minimum: timedelta = SHORTEST_FAILSAFE
    longest: timedelta = LONGEST_FAILSAFE
    """Largest minimum duration that the participant may write."""
    after: AfterFailsafe = AfterFailsafe.RELEASE

    def __post_init__(self) -> None:
        """Check the ranges that the specification sets."""
        good = SHORTEST_FAILSAFE <= self.minimum <= self.longest <= LONGEST_FAILSAFE
        if not good or not self.watts.is_finite() or self.watts < 0:
            raise ValueError("failsafe out of range")


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """One step from state to state."""

    at: Stamp
    before: LimitState
    after: LimitState
    cause: Cause


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a write."""

    reason: Reason
    transitions: tuple[Transition, ...] = ()

    @property
    def accepted(self) -> bool:
        """Say whether it counts."""
        return self.reason is Reason.POSSIBLE


_WITHOUT_CONTACT = frozenset(
    {LimitState.INIT, LimitState.FAILSAFE, LimitState.AUTONOMOUS}
)


class Limitation:
    """The limit of one participant in one direction."""

    def __init__(
        self, preset: Failsafe, now: Stamp, memory: Mapping[str, Any] | None = None
    ) -> None:
        """Start, from what `memory` returned in an earlier run if there was one."""
        self.state = LimitState.INIT
        self.failsafe_watts = preset.watts
        self.minimum = preset.minimum
        self._preset = preset
        self._entered = now.monotonic
        self._heartbeat: float | None = None
        self._back: float | None = None
        """The first heartbeat in failsafe."""
        self._watts: Decimal | None = None
        self._end: float | None = None
        self._since: Stamp = now
        self._duration: timedelta | None = None
        if memory is not None:
            self._recall(now, memory)

    @property
    def preset(self) -> Failsafe:
        """Return what the owner has set up."""
        return self._preset

    @property
    def applies(self) -> Decimal | None:
        """Return the limit in W that the home has to keep now; None: none."""
        match self.state:
            case LimitState.INIT | LimitState.FAILSAFE:
                return self.failsafe_watts
            case LimitState.LIMITED:
                return self._watts
        return None

    @property
    def until(self) -> datetime | None:
        """Return when what applies ends by itself, UTC; None: it does not, or nothing applies."""
        if self.state is LimitState.LIMITED and self._duration is not None:
            return self._since.utc + self._duration
        if (
            self.state is LimitState.FAILSAFE
            and self._preset.after is AfterFailsafe.RELEASE
        ):
            return self._since.utc + self.minimum
        return None

    @property
    def due(self) -> float | None:
        """Return when `advance` has something to do, monotonic seconds; None: not by itself."""
        step = self._next()
        return None if step is None else step[0]

    def advance(self, now: Stamp) -> list[Transition]:
        """Do what has become due, each step at its own moment however late this is called."""
        done = []
        while (step := self._next()) is not None and step[0] <= now.monotonic:
            due, state, cause = step
            done.append(self._enter(now.later(due - now.monotonic), state, cause))
        return done

    def heartbeat(self, now: Stamp) -> list[Transition]:
        """Take a sign of life. It never frees by itself: a limit has to follow."""
        done = self.advance(now)
        self._heartbeat = now.monotonic
        if self.state is LimitState.FAILSAFE and self._back is None:
            self._back = now.monotonic
        return done

    def write(
        self, now: Stamp, watts: Decimal, duration: timedelta | None = None
    ) -> Answer:
        """Take an active limit; a duration of zero is none (no correct participant sends it).

        A limit above what the home can draw is taken like any other.
        """
        done = self.advance(now)
        wrong = not watts.is_finite() or watts < 0
        if wrong or (duration is not None and duration < timedelta(0)):
            return Answer(Reason.OUT_OF_BOUNDS, (*done, *self.refused(now)))
        if not self._in_contact(now):
            return Answer(Reason.NO_CONTACT, tuple(done))
        step = self._enter(now, LimitState.LIMITED, Cause.WRITTEN)
        self._watts = watts
        self._duration = duration or None
        if self._duration is not None:
            self._end = now.monotonic + self._duration.total_seconds()
        return Answer(Reason.POSSIBLE, (*done, step))

    def deactivate(self, now: Stamp) -> Answer:
        """Take a limit that is not active: nothing is to be limited."""
        done = self.advance(now)
        if not self._in_contact(now):
            return Answer(Reason.NO_CONTACT, tuple(done))
        if self.state is LimitState.CONTROLLED:
            return Answer(Reason.POSSIBLE, tuple(done))
        step = self._enter(now, LimitState.CONTROLLED, Cause.DEACTIVATED)
        return Answer(Reason.POSSIBLE, (*done, step))

    def refused(self, now: Stamp) -> list[Transition]:
        """Note that a limit was refused for a reason outside of this machine.

        It changes nothing in contact, and establishes the contact where there was none.
        """
        done = self.advance(now)
        if self.state in _WITHOUT_CONTACT and self._in_contact(now):
            done.append(self._enter(now, LimitState.CONTROLLED, Cause.REFUSED))
        return done

    def interrupt(self, now: Stamp) -> list[Transition]:
        """Leave a limit, as safety or law permits."""
        done = self.advance(now)
        if self.state is LimitState.LIMITED:
            done.append(self._enter(now, LimitState.CONTROLLED, Cause.INTERRUPTED))
        return done

    def write_failsafe(
        self,
        now: Stamp,
        watts: Decimal | None = None,
        minimum: timedelta | None = None,
    ) -> Answer:
        """Take other failsafe values: both or none, and only in contact.

        A minimum duration above the own maximum is refused, and the own value becomes that maximum.
        """
        done = tuple(self.advance(now))
        if self.state in _WITHOUT_CONTACT:
            return Answer(Reason.NO_CONTACT, done)
        if watts is not None and not (watts.is_finite() and watts >= 0):
            return Answer(Reason.OUT_OF_BOUNDS, done)
        if minimum is not None:
            if minimum > self._preset.longest:
                self.minimum = self._preset.longest
            if not SHORTEST_FAILSAFE <= minimum <= self._preset.longest:
                return Answer(Reason.OUT_OF_BOUNDS, done)
            self.minimum = minimum
        if watts is not None:
            self.failsafe_watts = watts
        return Answer(Reason.POSSIBLE, done)

    def memory(self) -> dict[str, Json]:
        """Return what has to outlive this run."""
        remembered: dict[str, Json] = {
            "state": self.state,
            "since": canonical.moment(self._since.utc),
            "failsafe_watts": canonical.number(self.failsafe_watts),
            "minimum_s": int(self.minimum.total_seconds()),
            "preset": _preset(self._preset),
        }
        if self._watts is not None:
            remembered["watts"] = canonical.number(self._watts)
        if self._duration is not None:
            remembered["duration_us"] = self._duration // timedelta(microseconds=1)
        return remembered

    def _recall(self, now: Stamp, memory: Mapping[str, Any]) -> None:
        if memory["preset"] == _preset(self._preset):
            # Values that the participant wrote, as long as the owner has not set up others.
            self.failsafe_watts = Decimal(memory["failsafe_watts"])
            self.minimum = timedelta(seconds=memory["minimum_s"])
        state = LimitState(memory["state"])
        since = datetime.fromisoformat(memory["since"])
        # A clock that was set back while we were away does not count as time to come.
        away = max(now.utc - since, timedelta(0))
        if state is LimitState.LIMITED:
            duration = memory.get("duration_us")
            if duration is not None:
                duration = timedelta(microseconds=duration)
                if away >= duration:
                    return
                self._end = now.monotonic + (duration - away).total_seconds()
            self._watts, self._duration = Decimal(memory["watts"]), duration
            self._heartbeat = now.monotonic
        elif state is LimitState.FAILSAFE:
            ends = self._preset.after is AfterFailsafe.RELEASE
            if ends and away >= self.minimum:
                return
        else:
            return
        self.state = state
        self._since = now.later(-away.total_seconds())

    def _in_contact(self, now: Stamp) -> bool:
        if self.state not in _WITHOUT_CONTACT:
            return True
        beat = self._heartbeat
        return beat is not None and now.monotonic - beat <= WRITE_WINDOW

    def _next(self) -> tuple[float, LimitState, Cause] | None:
        """Return the next step that time alone brings."""
        steps: list[tuple[float, LimitState, Cause]] = []
        match self.state:
            case LimitState.INIT:
                return (
                    self._entered + HEARTBEAT_TIMEOUT,
                    LimitState.AUTONOMOUS,
                    Cause.SILENT_AFTER_START,
                )
            case LimitState.CONTROLLED | LimitState.LIMITED:
                if self._end is not None:
                    steps.append(
                        (self._end, LimitState.CONTROLLED, Cause.DURATION_OVER)
                    )
                beat = self._entered if self._heartbeat is None else self._heartbeat
                lost = beat + HEARTBEAT_TIMEOUT
                steps.append((lost, LimitState.FAILSAFE, Cause.HEARTBEAT_LOST))
            case LimitState.FAILSAFE:
                if self._preset.after is AfterFailsafe.RELEASE:
                    over = self._since.monotonic + self.minimum.total_seconds()
                    steps.append((over, LimitState.AUTONOMOUS, Cause.FAILSAFE_OVER))
                if self._back is not None:
                    steps.append(
                        (
                            self._back + HEARTBEAT_TIMEOUT,
                            LimitState.AUTONOMOUS,
                            Cause.NO_LIMIT_AFTER_HEARTBEAT,
                        )
                    )
        return min(steps, key=lambda step: step[0], default=None)

    def _enter(self, at: Stamp, state: LimitState, cause: Cause) -> Transition:
        step = Transition(at=at, before=self.state, after=state, cause=cause)
        self.state = state
        self._entered, self._since = at.monotonic, at
        self._watts = self._end = self._duration = self._back = None
        return step


def _preset(preset: Failsafe) -> list[Json]:
    return [canonical.number(preset.watts), int(preset.minimum.total_seconds())]
