"""Whether a gateway is worth being read each minute."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from custom_components.smgw.han.live import Liveness
from custom_components.smgw.han.model import Gateway, Meter, Reading, Register, Snapshot
from custom_components.smgw.han.obis import Obis
from custom_components.smgw.han.units import Unit
from simulator.clock import SimClock
from simulator.emh import EmhGateway

from .helpers import START, Reader

POWER, IMPORT = "1-0:16.7.0", "1-0:1.8.0"
METER = "1EMH0012345678"


def seen(
    captured: datetime, value: int = 1, code: str = POWER, clock: datetime | None = None
) -> Snapshot:
    """Return a snapshot with one reading."""
    obis = Obis.parse(code)
    assert obis is not None
    register = Register(meter_id=METER, obis=obis, unit=Unit.WATT, name="")
    reading = Reading(register=register, value=Decimal(value), capture_time=captured)
    gateway = Gateway(
        gateway_id="EEMH0000000001", firmware=None, clock=clock, last_sync=None
    )
    return Snapshot.of(gateway, [Meter.of("x", METER, {code: reading})], [], 1)


def judged(now: datetime, snapshot: Snapshot) -> bool:
    """Judge by one snapshot."""
    liveness = Liveness()
    liveness.saw(snapshot, now)
    return liveness.live


@pytest.mark.parametrize(
    ("ago", "code", "live"),
    [
        (5, POWER, True),
        (85, POWER, True),
        (95, POWER, False),
        (5, "1-0:32.7.0", True),
        # meter readings of any age say nothing of it
        (5, IMPORT, False),
        # no electricity
        (5, "7-0:16.7.0", False),
    ],
)
def test_between_quarter_hours(ago: int, code: str, live: bool) -> None:
    """Values of this minute, of a register of this moment."""
    captured = START - timedelta(seconds=ago)
    assert judged(START, seen(captured, code=code)) is live


def test_the_gateway_s_own_clock_counts() -> None:
    """A clock that is wrong makes nothing old."""
    captured = START - timedelta(hours=3)
    assert not judged(START, seen(captured))
    assert judged(START, seen(captured, clock=captured + timedelta(seconds=4)))


def test_right_behind_a_slot_nobody_knows() -> None:
    """There values of the slot look like live ones: it stays as it was."""
    slot = START.replace(minute=15)
    shortly, later = slot + timedelta(seconds=8), slot + timedelta(seconds=75)
    assert not judged(shortly, seen(slot + timedelta(seconds=3)))
    assert not judged(later, seen(slot + timedelta(seconds=3)))
    liveness = Liveness()
    liveness.saw(seen(START, 1), START)
    assert liveness.live
    liveness.saw(seen(shortly, 2), shortly)
    assert liveness.live
    liveness.saw(seen(slot + timedelta(seconds=3), 2), slot + timedelta(minutes=3))
    assert not liveness.live


def minutes() -> Iterator[datetime]:
    """Return moments a minute apart."""
    moment = datetime(2026, 11, 20, 9, 0, 40, tzinfo=UTC)
    while True:
        moment += timedelta(minutes=1)
        yield moment


def test_numbers_that_stand_still() -> None:
    """New stamps on old numbers are not live; one that moves again is."""
    liveness = Liveness()
    now = minutes()
    for _ in range(15):
        liveness.saw(seen(moment := next(now), 7), moment)
        assert liveness.live
    liveness.saw(seen(moment := next(now), 7), moment)
    assert not liveness.live
    liveness.saw(seen(moment := next(now), 8), moment)
    assert liveness.live


def test_nothing_seen() -> None:
    """An empty snapshot ends it."""
    liveness = Liveness()
    liveness.saw(seen(START), START)
    liveness.saw(seen(START, code=IMPORT), START)
    assert not liveness.live


@pytest.mark.usefixtures("socket_enabled")
@pytest.mark.parametrize("fault", ["", "live_values", "only_totals", "clock_skew"])
async def test_an_emh(fault: str) -> None:
    """Only the one whose meters are configured so, at any minute."""
    clock = SimClock(START)
    with EmhGateway(clock=clock) as gateway:
        if fault:
            gateway.faults.add(fault)
        reader, liveness = Reader(gateway), Liveness()
        for _ in range(5):
            clock.advance(timedelta(minutes=7, seconds=11))
            liveness.saw(await reader.read(), clock.now())
            assert liveness.live is (fault == "live_values")
