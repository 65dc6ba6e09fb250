"""Any order of events: the limit's machine stands where a plain reading of the table stands."""

from decimal import Decimal

from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from .limits import HOUR, Bench

# Seconds; everything in the comparison happens on this grid.
TICK = 20


class Naive:
    """The same table, tick by tick, in the plainest way: what the machine is compared with."""

    def __init__(self) -> None:
        """Start at second 0."""
        self.second = 0
        self.state = "init"
        self.entered = 0
        self.beat: int | None = None
        self.first_beat: int | None = None
        self.watts: int | None = None
        self.ends: int | None = None
        self.failsafe, self.minimum = 4200, 7200

    def enter(
        self, state: str, watts: int | None = None, ends: int | None = None
    ) -> None:
        """Go to a state."""
        self.state, self.entered = state, self.second
        self.watts, self.ends, self.first_beat = watts, ends, None

    def tick(self) -> None:
        """Let a moment pass."""
        self.second += TICK
        self.settle()

    def settle(self) -> None:
        """Do what this moment brings."""
        silent = self.second - (self.entered if self.beat is None else self.beat)
        if self.state == "init" and self.second - self.entered >= 120:
            self.enter("autonomous")
        elif (
            self.state == "limited"
            and self.ends is not None
            and self.second >= self.ends
        ):
            self.enter("controlled")
            self.settle()
        elif self.state in ("limited", "controlled") and silent >= 120:
            self.enter("failsafe")
        elif self.state == "failsafe":
            back = self.first_beat is not None and self.second - self.first_beat >= 120
            if back or self.second - self.entered >= self.minimum:
                self.enter("autonomous")

    @property
    def contact(self) -> bool:
        """Say whether a write counts."""
        if self.state in ("limited", "controlled"):
            return True
        return self.beat is not None and self.second - self.beat <= 60

    @property
    def applies(self) -> int | None:
        """Return the limit."""
        return {
            "limited": self.watts,
            "init": self.failsafe,
            "failsafe": self.failsafe,
        }.get(self.state)


class AgainstNaive(RuleBasedStateMachine):
    """Any order of events, delays and restarts: the machine stands where the plain table stands."""

    def __init__(self) -> None:
        """Start both."""
        super().__init__()
        self.bench = Bench()
        self.naive = Naive()

    @rule(
        ticks=st.integers(1, 7) | st.sampled_from([359, 360, 4500]), often=st.booleans()
    )
    def wait(self, ticks: int, often: bool) -> None:
        """Time passes, whether somebody looks or not."""
        for _ in range(ticks):
            self.naive.tick()
            self.bench.clock.move(TICK)
            if often:
                self.bench.wait(0)
        self.bench.wait(0)

    @rule()
    def beat(self) -> None:
        """A heartbeat comes."""
        self.bench.beat()
        self.naive.beat = self.naive.second
        if self.naive.state == "failsafe" and self.naive.first_beat is None:
            self.naive.first_beat = self.naive.second

    @rule(watts=st.integers(-1, 9000), ticks=st.none() | st.integers(0, 20))
    def write(self, watts: int, ticks: int | None) -> None:
        """A limit comes."""
        seconds = None if ticks is None else ticks * TICK
        answer = self.bench.write(watts, seconds)
        assert answer.accepted == (watts >= 0 and self.naive.contact)
        if watts < 0:
            self.refused_by_naive()
        elif self.naive.contact:
            ends = self.naive.second + seconds if seconds else None
            self.naive.enter("limited", watts, ends)

    @rule()
    def deactivate(self) -> None:
        """A limit that is not active comes."""
        answer = self.bench.machine.deactivate(self.bench.clock.stamp())
        assert answer.accepted == self.naive.contact
        if self.naive.contact and self.naive.state != "controlled":
            self.naive.enter("controlled")

    @rule()
    def refuse(self) -> None:
        """A limit is refused by somebody else."""
        self.bench.machine.refused(self.bench.clock.stamp())
        self.refused_by_naive()

    def refused_by_naive(self) -> None:
        """Establish the contact where there was none."""
        if self.naive.contact and self.naive.state not in ("limited", "controlled"):
            self.naive.enter("controlled")

    @rule(watts=st.none() | st.integers(0, 9000), hours=st.none() | st.integers(1, 30))
    def failsafe(self, watts: int | None, hours: int | None) -> None:
        """Failsafe values come."""
        answer = self.bench.machine.write_failsafe(
            self.bench.clock.stamp(),
            None if watts is None else Decimal(watts),
            None if hours is None else hours * HOUR,
        )
        in_contact = self.naive.state in ("limited", "controlled")
        assert answer.accepted == (in_contact and (hours is None or 2 <= hours <= 24))
        if answer.accepted:
            self.naive.failsafe = self.naive.failsafe if watts is None else watts
            self.naive.minimum = hours * 3600 if hours else self.naive.minimum
        elif in_contact and hours is not None and hours > 24:
            self.naive.minimum = 24 * 3600

    @rule(ticks=st.integers(0, 20) | st.sampled_from([360, 4500]))
    def restart(self, ticks: int) -> None:
        """The power goes, and comes back."""
        naive, away = self.naive, ticks * TICK
        self.bench.restart(away)
        naive.second += away
        over = naive.ends is not None and naive.second >= naive.ends
        if naive.state == "limited" and not over:
            naive.beat = naive.second
        else:
            if (
                naive.state == "failsafe"
                and naive.second - naive.entered < naive.minimum
            ):
                naive.first_beat = None
            else:
                naive.enter("init")
            naive.beat = None

    @invariant()
    def same(self) -> None:
        """Both stand at the same place."""
        machine = self.bench.machine
        assert (machine.state, machine.applies) == (
            self.naive.state,
            self.naive.applies,
        )
        assert machine.due is None or machine.due > self.bench.clock.seconds


TestAgainstNaive = AgainstNaive.TestCase
TestAgainstNaive.settings = settings(
    max_examples=150, stateful_step_count=30, deadline=None
)
