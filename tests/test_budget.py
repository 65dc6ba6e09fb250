"""How many sessions a gateway gets, as arithmetic with a clock of our own."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, strategies as st
import pytest

from custom_components.smgw.budget import Allowance, Budget, Kind
from custom_components.smgw.schedule import HOUR, TOLERANCE, tolerance

START = datetime(2026, 11, 20, 9, 7, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
# Steps between requests for a session, in seconds: bursts, minutes, hours.
STEPS = st.lists(
    st.one_of(st.integers(0, 30), st.integers(30, 900), st.integers(900, 9000)),
    min_size=1,
    max_size=60,
)


class Desk:
    """A budget, its clock, and a list of the sessions it gave out."""

    def __init__(self, floor: int = 15, per_hour: int | None = 4) -> None:
        """Start in the morning; `floor` in minutes."""
        self.now = START
        self.given: list[datetime] = []
        self.budget = Budget(lambda: self.now)
        self.budget.allowance = Allowance(
            floor=timedelta(minutes=floor), per_hour=per_hour
        )

    def ask(self, kind: Kind, ahead: tuple[datetime, ...] = ()) -> bool:
        """Open a session if it may be; say whether it was."""
        if not self.budget.may(kind, ahead):
            return False
        self.given.append(self.budget.opened())
        return True

    def pass_by(self, **step: float) -> None:
        """Let time pass."""
        self.now += timedelta(**step)


def most_in_an_hour(sessions: list[datetime]) -> int:
    """Return how many sessions the fullest 60 minutes hold, the end not counted in."""
    return max(
        (sum(begin <= s < begin + HOUR for s in sessions) for begin in sessions),
        default=0,
    )


@given(
    steps=STEPS,
    kinds=st.lists(st.sampled_from([Kind.FIRST, Kind.POLL]), min_size=60, max_size=60),
    per_hour=st.integers(1, 12),
)
def test_never_more_in_any_hour(
    steps: list[int], kinds: list[Kind], per_hour: int
) -> None:
    """Whoever asks, however often."""
    desk = Desk(60 // per_hour, per_hour)
    for step, kind in zip(steps, kinds, strict=False):
        desk.pass_by(seconds=step)
        desk.ask(kind)
    assert most_in_an_hour(desk.given) <= per_hour


@given(steps=STEPS, floor=st.integers(1, 15))
def test_polls_keep_their_distance(steps: list[int], floor: int) -> None:
    """Never nearer than the floor, less its tolerance; where only that counts as well."""
    desk = Desk(floor, None)
    for step in steps:
        desk.pass_by(seconds=step)
        desk.ask(Kind.POLL)
    distance = timedelta(minutes=floor)
    gaps = [
        later - earlier
        for earlier, later in zip(desk.given, desk.given[1:], strict=False)
    ]
    assert all(gap >= distance - tolerance(distance) for gap in gaps)


@given(steps=STEPS, kind=st.sampled_from([Kind.FIRST, Kind.POLL]))
def test_the_time_told_is_right(steps: list[int], kind: Kind) -> None:
    """A second before it is refused, and then it is granted."""
    desk = Desk()
    for step in steps:
        desk.pass_by(seconds=step)
        desk.ask(Kind.FIRST)
    free = desk.budget.not_before(kind)
    if free > desk.now:
        desk.now = free - timedelta(seconds=1)
        assert not desk.budget.may(kind)
        desk.now = free
    assert desk.budget.may(kind)


@given(
    quarters=st.sampled_from([1, 2, 3, 4]),
    per_hour=st.integers(4, 12),
    wishes=st.lists(st.integers(1, 600), min_size=20, max_size=200),
)
def test_history_is_in_no_poll_s_way(
    quarters: int, per_hour: int, wishes: list[int]
) -> None:
    """However much history is asked for, each poll finds room at its slot."""
    desk = Desk(60 // per_hour, per_hour)
    period = timedelta(minutes=15 * quarters)
    poll = START + period
    for wish in wishes:
        moment = desk.now + timedelta(seconds=wish)
        while poll <= moment:
            desk.now = poll
            assert desk.ask(Kind.POLL)
            poll += period
        desk.now = moment
        ahead = tuple(poll + n * period for n in range(5) if n * period < HOUR)
        desk.ask(Kind.HISTORY, ahead)
    assert most_in_an_hour(desk.given) <= per_hour


def test_history_gets_what_is_left() -> None:
    """Between hourly polls there is room for some; between the usual ones for none."""
    desk = Desk()
    hourly = tuple(START + HOUR * n + 30 * MINUTE for n in range(2))
    assert desk.ask(Kind.HISTORY, hourly)
    desk.pass_by(minutes=14)
    assert desk.ask(Kind.HISTORY, hourly)
    desk.pass_by(minutes=10)
    # the next poll is too near
    assert not desk.ask(Kind.HISTORY, hourly)

    desk = Desk()
    usual = [START + n * 15 * MINUTE for n in range(8)]
    for poll in usual[:4]:
        desk.now = poll
        assert desk.ask(Kind.POLL)
    desk.pass_by(minutes=7)
    assert not desk.ask(Kind.HISTORY, tuple(usual[4:]))


def test_four_an_hour_at_the_edge() -> None:
    """Readings that begin 15 minutes after one another, to the second, are all there."""
    desk = Desk()
    for _ in range(100):
        assert desk.ask(Kind.POLL)
        desk.pass_by(minutes=15)


def test_owners_are_counted() -> None:
    """What a waiting owner needs is not refused; the polls make up for it."""
    desk = Desk()
    for _ in range(6):
        desk.given.append(desk.budget.opened())
    assert not desk.ask(Kind.POLL)
    assert not desk.ask(Kind.FIRST)
    desk.pass_by(minutes=59)
    assert not desk.ask(Kind.POLL)
    desk.pass_by(minutes=1)
    assert desk.ask(Kind.POLL)


def test_what_was_not_sent_costs_nothing() -> None:
    """A session that never came about is forgotten."""
    desk = Desk()
    for _ in range(10):
        desk.budget.withdraw(desk.budget.opened())
    assert desk.budget.sessions == ()
    assert desk.budget.last is None
    assert desk.ask(Kind.POLL)


@pytest.mark.parametrize(("per_hour", "more", "bears"), [(4, 1, True), (4, 2, False)])
def test_drivers_may_ask_for_more(per_hour: int, more: int, bears: bool) -> None:
    """A second session at once keeps to the hour."""
    desk = Desk(per_hour=per_hour)
    for _ in range(3):
        desk.ask(Kind.FIRST)
    assert desk.budget.bears(more) is bears


def test_a_clock_put_back() -> None:
    """Sessions of a time to come are dropped, unless it is a matter of seconds."""
    desk = Desk()
    for _ in range(4):
        desk.ask(Kind.FIRST)
    desk.pass_by(seconds=-20)
    assert not desk.budget.may(Kind.FIRST)
    desk.pass_by(days=-30)
    assert desk.budget.may(Kind.POLL)
    assert desk.budget.sessions == ()


def test_restored_sessions_count() -> None:
    """What an earlier run has counted; old ones and those of a wrong clock do not."""
    desk = Desk()
    desk.budget.restore(
        [START + timedelta(days=1), *(START - n * 20 * MINUTE for n in range(1, 9))]
    )
    assert desk.budget.sessions == (START - 40 * MINUTE, START - 20 * MINUTE)
    assert desk.budget.not_before(Kind.POLL) == START


def test_short_floors_have_short_tolerances() -> None:
    """Two minutes belong to a quarter hour."""
    assert tolerance(timedelta(hours=1)) == TOLERANCE
    assert tolerance(15 * MINUTE) == TOLERANCE
    assert tolerance(MINUTE) == timedelta(seconds=8)


@pytest.mark.parametrize("kind", Kind)
def test_a_clock_that_runs(kind: Kind) -> None:
    """Time that passes between two looks at the clock keeps nobody waiting."""
    ticks = (START + timedelta(microseconds=n) for n in range(1_000_000))
    budget = Budget(lambda: next(ticks))

    assert budget.may(kind)
    budget.opened()
    assert not budget.may(Kind.POLL)
    ticks = (START + HOUR + timedelta(microseconds=n) for n in range(1_000_000))
    assert budget.may(kind)
