"""A grid operator that is watched and a supplier, both with limits of consumption and of production."""

from dataclasses import replace

import pytest

from custom_components.smgw.control.limitation import LimitState
from custom_components.smgw.control.model import LimitGrant
from custom_components.smgw.control.reasons import Reason

from .house import CONSUMPTION, OWNER, PRODUCTION, SUPERVISED, SUPPLIER, Bench, Restart

TRADER = replace(
    SUPPLIER,
    grants=(
        LimitGrant(direction=CONSUMPTION, open_ended=True),
        LimitGrant(direction=PRODUCTION, open_ended=True),
    ),
)
BOTH = (SUPERVISED, TRADER, OWNER)


def shown(bench: Bench) -> tuple[object, ...]:
    """Return what limits the home in both directions, and who: the smaller one of all that are owed."""
    limits = bench.home.picture.limits
    return tuple(
        (limits[way].watts, limits[way].participant_id) if way in limits else None
        for way in (CONSUMPTION, PRODUCTION)
    )


def states(bench: Bench) -> tuple[LimitState, LimitState]:
    """Return where both machines stand."""
    supervision = bench.home.picture.supervision
    return supervision["grid", CONSUMPTION].state, supervision["grid", PRODUCTION].state


async def test_each_direction_by_itself(restart: Restart) -> None:
    """The smaller one counts in each; the end of one frees its direction only."""
    bench = await restart(participants=BOTH)
    await bench.authority.contact("grid")
    grid = await bench.limit(5000, SUPERVISED, until=None)
    feed = await bench.limit(3000, SUPERVISED, PRODUCTION, until=None)
    contract = await bench.limit(4500, TRADER, until=None)
    other = await bench.limit(6000, TRADER, PRODUCTION, until=None)
    assert shown(bench) == ((4500, "supplier"), (3000, "grid"))
    assert [await bench.state(one) for one in (grid, feed, contract, other)] == [
        "active"
    ] * 4
    await bench.send(release={"direction": "production"})
    assert shown(bench) == ((4500, "supplier"), (6000, "supplier"))
    verdict = await bench.authority.override(
        "supplier", contract.transaction_id, "Anna"
    )
    assert verdict.accepted
    assert shown(bench) == ((5000, "grid"), (6000, "supplier"))
    verdict = await bench.authority.override("grid", grid.transaction_id, "Anna")
    assert verdict.reason is Reason.PROTECTED
    assert shown(bench) == ((5000, "grid"), (6000, "supplier"))


@pytest.mark.parametrize("orderly", [True, False])
async def test_silence_restart_and_return(restart: Restart, orderly: bool) -> None:
    """Silence brings both failsafe limits; a smaller one of a contract still counts; and the way back."""
    bench = await restart(participants=BOTH)
    await bench.authority.contact("grid")
    await bench.limit(5000, SUPERVISED, until=None)
    await bench.limit(3000, SUPERVISED, PRODUCTION, until=None)
    await bench.limit(4000, TRADER, until=None)
    await bench.limit(2000, TRADER, PRODUCTION, until=None)
    assert shown(bench) == ((4000, "supplier"), (2000, "supplier"))
    await bench.wait(120)
    assert states(bench) == (LimitState.FAILSAFE, LimitState.FAILSAFE)
    assert shown(bench) == ((4000, "supplier"), (0, "grid"))

    bench = await restart(away=300, orderly=orderly, participants=BOTH)
    assert states(bench) == (LimitState.FAILSAFE, LimitState.FAILSAFE)
    assert shown(bench) == ((4000, "supplier"), (0, "grid"))
    await bench.send(TRADER, release={})
    assert shown(bench) == ((4200, "grid"), (0, "grid"))

    # back: what it writes frees the direction that it writes for, and no other
    await bench.authority.contact("grid")
    assert shown(bench) == ((4200, "grid"), (0, "grid"))
    await bench.limit(7000, SUPERVISED)
    assert states(bench) == (LimitState.LIMITED, LimitState.FAILSAFE)
    assert shown(bench) == ((7000, "grid"), (0, "grid"))
    await bench.keep_alive(60, SUPERVISED)
    assert shown(bench) == ((7000, "grid"), (0, "grid"))
    await bench.keep_alive(60, SUPERVISED)
    assert states(bench) == (LimitState.LIMITED, LimitState.AUTONOMOUS)
    assert shown(bench) == ((7000, "grid"), None)
    # and again silent, while only one direction is in contact
    await bench.wait(120)
    assert states(bench) == (LimitState.FAILSAFE, LimitState.AUTONOMOUS)
    assert shown(bench) == ((4200, "grid"), None)


async def test_late_write_after_a_sign_of_life(restart: Restart) -> None:
    """In failsafe a limit counts within 60 s of a heartbeat, in either direction."""
    bench = await restart(participants=BOTH)
    await bench.wait(120)
    assert states(bench) == (LimitState.AUTONOMOUS, LimitState.AUTONOMOUS)
    await bench.authority.contact("grid")
    await bench.limit(5000, SUPERVISED)
    await bench.limit(1000, SUPERVISED, PRODUCTION)
    await bench.wait(120)
    assert shown(bench) == ((4200, "grid"), (0, "grid"))
    await bench.authority.contact("grid")
    await bench.wait(60)
    assert (await bench.limit(5000, SUPERVISED)).verdict.accepted
    await bench.wait(1)
    late = await bench.limit(1000, SUPERVISED, PRODUCTION)
    assert late.verdict.reason is Reason.NO_CONTACT
    assert shown(bench) == ((5000, "grid"), (0, "grid"))
