"""The limit's state machine: the table of the specification, and the rules around it."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from custom_components.smgw.control.limitation import (
    AfterFailsafe,
    Cause,
    Failsafe,
    LimitState,
)
from custom_components.smgw.control.reasons import Reason

from .limits import AUTONOMOUS, CONTROLLED, FAILSAFE, HOUR, INIT, LIMITED, Bench

KEEP = Failsafe(watts=Decimal(4200), after=AfterFailsafe.KEEP)


@pytest.fixture
def bench() -> Bench:
    """A machine that was just started."""
    return Bench()


def test_start(bench: Bench) -> None:
    """After a start the failsafe limit applies, and no limit is active."""
    assert (bench.machine.state, bench.machine.applies) == (INIT, 4200)
    assert bench.machine.until is None


@pytest.mark.parametrize("start", [INIT, FAILSAFE, AUTONOMOUS])
def test_limit_after_heartbeat(bench: Bench, start: LimitState) -> None:
    """Transitions 1, 2, 8, 9, 11, 12: a heartbeat, then a limit of whatever kind."""
    for write, state in (
        (lambda: bench.write(3000), LIMITED),
        (lambda: bench.machine.deactivate(bench.clock.stamp()), CONTROLLED),
    ):
        bench.__init__()  # type: ignore[misc]
        bench.to(start)
        bench.clock.move(1)
        assert write().reason is Reason.NO_CONTACT
        assert bench.machine.state is start
        bench.beat()
        assert bench.machine.state is start
        bench.clock.move(60)
        assert write().accepted
        assert bench.machine.state is state
    assert bench.machine.applies is None


@pytest.mark.parametrize("start", [INIT, FAILSAFE, AUTONOMOUS])
def test_refused_limit_after_heartbeat(bench: Bench, start: LimitState) -> None:
    """Transitions 1, 8, 11: a limit that had to be refused establishes the contact, too."""
    bench.to(start)
    assert bench.write(-1).reason is Reason.OUT_OF_BOUNDS
    assert bench.machine.refused(bench.clock.stamp()) == []
    assert bench.machine.state is start
    bench.beat()
    answer = bench.write(-1)
    assert not answer.accepted
    assert [step.cause for step in answer.transitions] == [Cause.REFUSED]
    assert bench.machine.state is CONTROLLED


@pytest.mark.parametrize("start", [INIT, FAILSAFE])
def test_late_limit(bench: Bench, start: LimitState) -> None:
    """A limit more than 60 s after the heartbeat does not count."""
    bench.to(start)
    bench.beat()
    bench.clock.move(60.1)
    assert bench.write(3000).reason is Reason.NO_CONTACT
    assert bench.machine.state is start


def test_silent_after_start(bench: Bench) -> None:
    """Transition 3: without heartbeat and limit for 120 s after a start, it stands alone."""
    bench.wait(60)
    bench.beat()
    assert bench.wait(59.9) == []
    assert bench.wait(0.1) == [Cause.SILENT_AFTER_START]
    assert (bench.machine.state, bench.machine.applies) == (AUTONOMOUS, None)
    assert bench.machine.due is None


def test_in_contact(bench: Bench) -> None:
    """Transitions 4 and 6: limits come and go, with and without a duration."""
    bench.to(CONTROLLED)
    assert bench.write(3000).accepted
    assert (bench.machine.state, bench.machine.applies) == (LIMITED, 3000)
    assert bench.machine.until is None
    bench.keep_alive(86400)
    assert bench.machine.applies == 3000
    assert bench.write(2000, 90).accepted
    assert bench.machine.until == bench.clock.wall + timedelta(seconds=90)
    bench.keep_alive(60)
    assert bench.wait(29.9) == []
    assert bench.wait(0.1) == [Cause.DURATION_OVER]
    assert (bench.machine.state, bench.machine.applies) == (CONTROLLED, None)
    bench.write(2000)
    assert bench.machine.deactivate(bench.clock.stamp()).accepted
    assert bench.machine.state is CONTROLLED
    assert bench.machine.deactivate(bench.clock.stamp()).transitions == ()


def test_interrupted(bench: Bench) -> None:
    """Transition 6: safety may leave a limit, and nothing else."""
    bench.to(LIMITED)
    (step,) = bench.machine.interrupt(bench.clock.stamp())
    assert (step.before, step.after, step.cause) == (
        LIMITED,
        CONTROLLED,
        Cause.INTERRUPTED,
    )
    assert bench.machine.interrupt(bench.clock.stamp()) == []


def test_new_limit_does_not_inherit(bench: Bench) -> None:
    """A limit without a duration does not take over the end of the one before, and zero is no duration."""
    bench.to(LIMITED)
    bench.write(3000, 600)
    assert bench.write(2500).accepted
    assert bench.machine.until is None
    bench.write(2500, 0)
    bench.keep_alive(1200)
    assert bench.machine.applies == 2500


@pytest.mark.parametrize("start", [CONTROLLED, LIMITED])
def test_refused_in_contact(bench: Bench, start: LimitState) -> None:
    """In contact a refused limit changes nothing."""
    bench.to(start)
    applies = bench.machine.applies
    for watts in (Decimal(-1), Decimal("NaN"), Decimal("Infinity")):
        assert bench.write(watts).reason is Reason.OUT_OF_BOUNDS
    assert bench.write(1000, -1).reason is Reason.OUT_OF_BOUNDS
    assert (bench.machine.state, bench.machine.applies) == (start, applies)
    # more than any home draws is a limit like any other; so is nothing at all
    assert bench.write(10**9).accepted
    assert bench.write(0).accepted
    assert bench.machine.applies == 0


@pytest.mark.parametrize("start", [CONTROLLED, LIMITED])
def test_contact_lost(bench: Bench, start: LimitState) -> None:
    """Transitions 5 and 7: after 120 s of silence the failsafe limit applies."""
    bench.to(start)
    bench.wait(60)
    bench.beat()
    assert bench.wait(119.9) == []
    assert bench.wait(0.1) == [Cause.HEARTBEAT_LOST]
    assert (bench.machine.state, bench.machine.applies) == (FAILSAFE, 4200)
    assert bench.machine.until == bench.clock.wall + 2 * HOUR


def test_failsafe_over(bench: Bench) -> None:
    """Transition 10: after the minimum duration the home is released."""
    bench.to(FAILSAFE)
    assert bench.wait(7199.9) == []
    assert bench.wait(0.1) == [Cause.FAILSAFE_OVER]
    assert bench.machine.state is AUTONOMOUS


def test_heartbeat_without_limit(bench: Bench) -> None:
    """Transition 10: a heartbeat alone does not leave failsafe; 120 s without a limit do."""
    bench.to(FAILSAFE)
    bench.wait(300)
    bench.beat()
    assert bench.machine.state is FAILSAFE
    bench.wait(60)
    bench.beat()
    assert bench.wait(59.9) == []
    assert bench.wait(0.1) == [Cause.NO_LIMIT_AFTER_HEARTBEAT]
    assert bench.machine.state is AUTONOMOUS


def test_kept_after_failsafe() -> None:
    """As a setting the failsafe limit stays until somebody is there again."""
    bench = Bench(KEEP)
    bench.to(FAILSAFE)
    assert bench.machine.until is None
    assert bench.wait(10 * 86400) == []
    bench.beat()
    assert bench.wait(120) == [Cause.NO_LIMIT_AFTER_HEARTBEAT]


def test_asked_late(bench: Bench) -> None:
    """Who asks hours later gets all the steps, each with its own time."""
    bench.to(LIMITED)
    bench.write(3000, 100)
    start = bench.clock.wall
    bench.clock.move(86400)
    steps = bench.machine.advance(bench.clock.stamp())
    assert [(step.after, step.at.utc - start) for step in steps] == [
        (CONTROLLED, timedelta(seconds=100)),
        (FAILSAFE, timedelta(seconds=120)),
        (AUTONOMOUS, timedelta(seconds=120) + 2 * HOUR),
    ]


def test_wall_clock_does_not_matter(bench: Bench) -> None:
    """A step of the wall clock neither ends nor stretches a limit."""
    bench.to(LIMITED)
    bench.write(3000, 600)
    for step in (-86400, 2 * 86400):
        bench.clock.step(step)
        bench.keep_alive(240)
        assert bench.machine.applies == 3000
    bench.keep_alive(120)
    assert bench.machine.applies is None


def test_failsafe_values(bench: Bench) -> None:
    """They can be written in contact only, within their ranges, both or none."""

    def write(watts: int | None = None, hours: float | None = None) -> Reason:
        return bench.machine.write_failsafe(
            bench.clock.stamp(),
            None if watts is None else Decimal(watts),
            None if hours is None else hours * HOUR,
        ).reason

    for state in (INIT, AUTONOMOUS, FAILSAFE):
        bench.to(state)
        bench.beat()
        assert write(5000, 3) is Reason.NO_CONTACT
    bench.to(LIMITED)
    assert write(5000, 3) is Reason.POSSIBLE
    assert (bench.machine.failsafe_watts, bench.machine.minimum) == (5000, 3 * HOUR)
    assert write(-1, 4) is Reason.OUT_OF_BOUNDS
    assert write(6000, 1.9) is Reason.OUT_OF_BOUNDS
    assert (bench.machine.failsafe_watts, bench.machine.minimum) == (5000, 3 * HOUR)
    # above the own maximum: refused, and the own value becomes that maximum
    assert write(6000, 25) is Reason.OUT_OF_BOUNDS
    assert (bench.machine.failsafe_watts, bench.machine.minimum) == (5000, 24 * HOUR)
    assert write(hours=2) is Reason.POSSIBLE
    bench.wait(120)
    assert bench.machine.applies == 5000


@pytest.mark.parametrize(
    "wrong",
    [
        {"watts": Decimal(-1)},
        {"watts": Decimal("NaN")},
        {"minimum": HOUR},
        {"longest": 25 * HOUR},
        {"minimum": 4 * HOUR, "longest": 3 * HOUR},
    ],
)
def test_wrong_preset(wrong: dict[str, Any]) -> None:
    """What the owner sets up is checked, too."""
    with pytest.raises(ValueError):
        Failsafe(**({"watts": Decimal(4200)} | wrong))


def test_limited_after_restart(bench: Bench) -> None:
    """A limited home comes back limited, for the time that is left."""
    bench.to(LIMITED)
    bench.write(3000, 600)
    end = bench.machine.until
    bench.wait(100)
    bench.restart(away=200)
    assert (bench.machine.state, bench.machine.applies) == (LIMITED, 3000)
    assert bench.machine.until == end
    # the participant has 120 s to show up again
    assert bench.wait(119) == []
    assert bench.wait(1) == [Cause.HEARTBEAT_LOST]
    assert bench.machine.applies == 4200


def test_limit_without_end_after_restart(bench: Bench) -> None:
    """However long it was away."""
    bench.to(LIMITED)
    bench.restart(away=86400)
    assert bench.machine.applies == 3000
    bench.beat()
    bench.keep_alive(3600)
    assert bench.machine.applies == 3000


def test_over_while_away(bench: Bench) -> None:
    """A limit that ended while we were away leaves us where every start begins."""
    bench.to(LIMITED)
    bench.write(3000, 600)
    bench.restart(away=600)
    assert (bench.machine.state, bench.machine.applies) == (INIT, 4200)


def test_clock_set_back_while_away(bench: Bench) -> None:
    """A clock that lost its time does not stretch a limit beyond its duration."""
    bench.to(LIMITED)
    bench.write(3000, 600)
    bench.wait(60)
    bench.restart(away=-86400 * 365)
    assert bench.machine.applies == 3000
    bench.beat()
    bench.keep_alive(540)
    assert bench.machine.applies == 3000
    bench.keep_alive(60)
    assert bench.machine.applies is None


def test_failsafe_after_restart(bench: Bench) -> None:
    """A power cut during failsafe does not shorten it, and does not begin it anew."""
    bench.to(FAILSAFE)
    bench.wait(1800)
    bench.restart(away=1800)
    assert (bench.machine.state, bench.machine.applies) == (FAILSAFE, 4200)
    assert bench.wait(3599) == []
    assert bench.wait(1) == [Cause.FAILSAFE_OVER]


def test_failsafe_over_while_away(bench: Bench) -> None:
    """Failsafe that ended while we were away: a start like any other. As a setting it stays."""
    bench.to(FAILSAFE)
    bench.restart(away=7200)
    assert bench.machine.state is INIT
    bench = Bench(KEEP)
    bench.to(FAILSAFE)
    bench.restart(away=86400)
    assert bench.machine.state is FAILSAFE


@pytest.mark.parametrize("state", [INIT, CONTROLLED, AUTONOMOUS])
def test_start_again(bench: Bench, state: LimitState) -> None:
    """From any other state a restart is a start."""
    bench.to(state)
    bench.restart()
    assert (bench.machine.state, bench.machine.applies) == (INIT, 4200)


def test_written_failsafe_after_restart(bench: Bench) -> None:
    """Values that the participant wrote survive, until the owner sets up others."""
    bench.to(LIMITED)
    bench.machine.write_failsafe(bench.clock.stamp(), Decimal(5000), 3 * HOUR)
    bench.restart()
    assert (bench.machine.failsafe_watts, bench.machine.minimum) == (5000, 3 * HOUR)
    bench.restart(preset=Failsafe(watts=Decimal(3500)))
    assert (bench.machine.failsafe_watts, bench.machine.minimum) == (3500, 2 * HOUR)
