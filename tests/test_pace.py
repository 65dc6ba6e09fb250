"""How often each login is read, as arithmetic, against what slots and budget make of it."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, strategies as st
import pytest

from custom_components.smgw.budget import Budget, Kind
from custom_components.smgw.const import CONF_INTERVAL, CONF_SESSIONS
from custom_components.smgw.han.driver import VENDORS
from custom_components.smgw.pace import Pace
from custom_components.smgw.schedule import DAY, HOUR, MINUTE, is_due, tolerance


def pace(vendor: str = "PPC", *, live: bool = False, **options: int) -> Pace:
    """Return the pace of a maker's gateway."""
    return Pace.of(VENDORS[vendor], options, live=live)


@pytest.mark.parametrize(
    ("interval", "sessions", "logins", "minutes"),
    [
        (15, 4, 1, 15),
        (15, 4, 2, 30),
        (15, 4, 3, 45),
        (15, 12, 3, 15),
        (15, 12, 1, 15),
        (15, 4, 40, 600),
        (15, 1, 1, 60),
        (15, 3, 1, 20),
        (15, 3, 2, 40),
        (60, 4, 1, 60),
        (60, 4, 2, 60),
        (60, 4, 5, 75),
        (60, 2, 3, 90),
        (20, 4, 1, 30),
        (20, 4, 2, 30),
        (1440, 4, 3, 1440),
    ],
)
def test_each_login(interval: int, sessions: int, logins: int, minutes: int) -> None:
    """The longer of its interval and its turn."""
    found = pace(**{CONF_INTERVAL: interval, CONF_SESSIONS: sessions}).each(logins)
    assert found == minutes * MINUTE


def test_makers() -> None:
    """Defaults and floors; only a live EMH goes below the quarter hour."""
    for vendor in ("PPC", "THE"):
        usual = pace(vendor)
        assert (usual.interval, usual.floor) == (15 * MINUTE, 15 * MINUTE)
        assert usual.allowance.per_hour == 4
        assert pace(vendor, live=True, interval=1).interval == 15 * MINUTE
    assert pace("EMH").allowance.per_hour is None
    assert pace("EMH", interval=1).interval == 15 * MINUTE
    assert pace("EMH", live=True).interval == 15 * MINUTE
    assert pace("EMH", live=True, interval=1).interval == MINUTE
    assert pace("EMH", sessions=12).allowance.floor == 15 * MINUTE


@given(
    minutes=st.integers(15, 240),
    sessions=st.integers(1, 12),
    logins=st.integers(1, 20),
    start=st.integers(0, 86_400),
)
def test_what_is_told_comes_true(
    minutes: int, sessions: int, logins: int, start: int
) -> None:
    """A day simulated: each login is read as often as the form says."""
    chosen = pace(**{CONF_INTERVAL: minutes, CONF_SESSIONS: sessions})
    now = datetime(2026, 6, 1, tzinfo=UTC) + timedelta(seconds=start)
    budget = Budget(lambda: now)
    budget.allowance = chosen.allowance
    last: list[datetime | None] = [None] * logins
    gaps: list[timedelta] = []
    end = now + 2 * max(DAY, logins * HOUR)
    while now < end:
        now = chosen.next_slot(now, "EPPC0210123456", logins)
        turn = min(range(logins), key=lambda n: (last[n] is not None, last[n]))
        before = last[turn]
        if (logins == 1 or is_due(now, before, chosen.interval)) and budget.may(
            Kind.POLL
        ):
            budget.opened()
            last[turn] = now
            if before is not None:
                gaps.append(now - before)
    told = chosen.each(logins)
    usual = sorted(gaps)[len(gaps) // 2]
    assert abs(usual - told) <= tolerance(told)
