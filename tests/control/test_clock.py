"""Whose time it is, and that it does not jump."""

from datetime import timedelta

from custom_components.smgw.control.clock import (
    GATEWAY_TIME_KEEPS,
    ClockSource,
    TrustedClock,
)

from .helpers import START, FakeClock

HOUR = timedelta(hours=1)


def test_system(clock: FakeClock) -> None:
    """Without a gateway the system's time counts, and its steps are followed."""
    trusted = TrustedClock(clock)
    clock.move(10)
    stamp = trusted.now()
    assert (stamp.utc, stamp.source) == (
        START + timedelta(seconds=10),
        ClockSource.SYSTEM,
    )
    assert stamp.offset == timedelta(0)
    clock.step(3600)
    assert trusted.now().utc == clock.wall
    clock.step(-7200)
    assert trusted.now().utc == clock.wall
    assert trusted.now().monotonic == clock.seconds


def test_gateway(clock: FakeClock) -> None:
    """The gateway's time goes before the system's, and the steps of that are ignored."""
    trusted = TrustedClock(clock)
    clock.move(5)
    trusted.gateway_said(clock.wall + HOUR, clock.seconds - 1, clock.seconds)
    stamp = trusted.now()
    assert stamp.source is ClockSource.GATEWAY
    assert abs(stamp.utc - clock.wall - HOUR) < timedelta(seconds=2)
    assert stamp.offset == stamp.utc - clock.wall
    clock.step(-86400)
    clock.move(60)
    assert trusted.now().utc - stamp.utc == timedelta(seconds=60)


def test_gateway_does_not_jitter(clock: FakeClock) -> None:
    """A time that fits within the length of the question changes nothing."""
    trusted = TrustedClock(clock)
    for late in (0, 1, 3, 0.2):
        before = trusted.now().utc
        asked = clock.seconds
        told = clock.wall.replace(microsecond=0)
        clock.move(late)
        trusted.gateway_said(told, asked, clock.seconds)
        assert trusted.now().utc - before == timedelta(seconds=late)
        clock.move(900)


def test_old_gateway_time(clock: FakeClock) -> None:
    """After two days without the gateway the system's time is as good."""
    trusted = TrustedClock(clock)
    trusted.gateway_said(clock.wall + HOUR, clock.seconds, clock.seconds)
    clock.move(GATEWAY_TIME_KEEPS.total_seconds())
    assert trusted.now().source is ClockSource.GATEWAY
    clock.move(1)
    stamp = trusted.now()
    assert (stamp.source, stamp.utc) == (ClockSource.SYSTEM, clock.wall)


def test_later(clock: FakeClock) -> None:
    """A later moment is later on both clocks."""
    stamp = TrustedClock(clock).now()
    later = stamp.later(1.5)
    assert (
        (later.utc - stamp.utc).total_seconds()
        == later.monotonic - stamp.monotonic
        == 1.5
    )
