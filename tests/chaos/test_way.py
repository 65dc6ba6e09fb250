"""All that a gateway can do to a channel, done to ours: what it is called, and that commands go on afterwards, once each."""

import asyncio
from typing import Any

import pytest

from custom_components.smgw.cls import rate, session, stream
from custom_components.smgw.cls.model import ChannelPhase, TunnelKind
from custom_components.smgw.cls.reasons import ChannelReason as Reason
from simulator.cls import World
from simulator.cls.faults import CLS_FAULTS
from simulator.emt import Span
from simulator.emt.calls import Call, limit, set_item
from simulator.emt.home import Home
from tests.cls.conftest import Lab, MakeLab, lab, make_lab
from tests.simulator.cls.conftest import StartWorld, begin
from tests.simulator.emt.test_with_the_room import join, off

from .hasty import HastyTimer
from .promises import Broken, whose

__all__ = ["begin", "lab", "make_lab"]
HOUR = Span(seconds=3600)
# Each cut takes a moment, and there are many.
pytestmark = pytest.mark.timeout(180)

REFUSED = {
    # Where no channel comes about as long as it lasts: what the owner is told.
    "han_reset": (Reason.UNREACHABLE, Reason.TLS_CUT, Reason.RESET_BY_PEER),
    "han_hang": (Reason.TLS_TIMEOUT,),
    "han_alert": (Reason.ALERT_HANDSHAKE_FAILURE,),
    "han_renegotiation_info": (Reason.ALERT_ILLEGAL_PARAMETER,),
    "han_swapped": (Reason.PEER_UNKNOWN,),
    "han_expired": (Reason.PEER_UNKNOWN,),
    "han_suite": (Reason.ALERT_HANDSHAKE_FAILURE,),
    "han_curve": (Reason.ALERT_HANDSHAKE_FAILURE,),
    "han_tls11": (Reason.ALERT_PROTOCOL_VERSION,),
    "han_tls13": (Reason.ALERT_PROTOCOL_VERSION,),
    "han_renegotiate": (Reason.SOCKS_CUT,),
    "socks_reply": (Reason.SOCKS_GENERAL,),
    "socks_method": (Reason.SOCKS_NO_METHOD,),
    "socks_version": (Reason.SOCKS_MALFORMED,),
    "socks_silent": (Reason.SOCKS_TIMEOUT,),
    "socks_cut": (Reason.SOCKS_CUT,),
    "slots_full": (Reason.SOCKS_GENERAL,),
    "wan_down": (Reason.SOCKS_HOST_UNREACHABLE,),
    "wan_refused": (Reason.SOCKS_REFUSED,),
    "wan_swapped": (Reason.SOCKS_GENERAL,),
}
IMPATIENT = {"han_hang": "TLS_SECONDS", "socks_silent": "SOCKS_SECONDS"}
DIALLED = {
    "dial_swapped": Reason.PEER_UNKNOWN,
    "dial_expired": Reason.PEER_UNKNOWN,
    "dial_silent": Reason.TLS_TIMEOUT,
}
ENDED = {
    # Where a channel comes about, and ends by it.
    "relay_cut": Reason.RESET_BY_PEER,
    "relay_swallow": Reason.HALF_OPEN,
    "relay_half_close": Reason.CLOSED_BY_PEER,
    "relay_damage": Reason.RESET_BY_PEER,
    "session": Reason.CLOSED_BY_PEER,
}
HARMLESS = ("socks_split", "socks_bound", "socks_eager", "relay_trickle", "relay_delay")
PARAMETERS: dict[str, dict[str, Any]] = {
    "relay_delay": {"seconds": 0.05},
    "session": {"seconds": 0.2},
    "dial_silent": {"seconds": 3.0},
}


def test_each_fault_is_done_to_our_tunnel() -> None:
    """None is left out."""
    assert {*REFUSED, *ENDED, *HARMLESS, *DIALLED} == set(CLS_FAULTS)


@pytest.fixture
async def made(
    begin: StartWorld, make_lab: MakeLab, monkeypatch: pytest.MonkeyPatch
) -> tuple[World, Lab, Broken]:
    """A gateway, a home whose tunnels do not wait for long, and what is promised."""
    # More is sent here in a minute than a participant may.
    monkeypatch.setattr(rate, "WRITES", 10_000.0)
    world = begin(curve="prime256v1")
    world.emt.silent = True
    return world, await make_lab(timer=HastyTimer()), Broken()


async def works(lab: Lab, home: Home) -> None:
    """A command goes all the way, and is done once."""
    value = not lab.bench.home.values["switch.boiler"]
    count = len(lab.bench.home.writes)
    await off(home.surely, set_item("switch.boiler", value, HOUR))
    await lab.bench.settle()
    assert lab.bench.home.values["switch.boiler"] is value
    assert len(lab.bench.home.writes) == count + 1


async def evidence(lab: Lab, home: Home, calls: list[Call], broken: Broken) -> None:
    """Everything is taken back: each command has one receipt, and nothing was done twice."""
    await off(home.release)
    await lab.bench.settle()
    for call in calls:
        told = await off(home.command, call.transaction)
        if len(told["receipts"]) != 1:
            broken.lost.append(f"{call}: {told['receipts']}")
    broken.carried(whose(because) for *_, because in lab.bench.home.writes)
    assert (await off(home.verify)).good
    broken.judge()


async def test_refused(
    made: tuple[World, Lab, Broken], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No channel comes about, and it is told why; when it is over, commands go on, and the limit was never lost."""
    world, lab, broken = made
    home = await join(world, lab, TunnelKind.OUT_SOCKS)
    first = limit("consumption", HOUR, watts=4200)
    await off(home.surely, first)
    for fault, reasons in REFUSED.items():
        lab.told.clear()
        world.faults.add(fault)
        with monkeypatch.context() as patch:
            if fault in IMPATIENT:
                patch.setattr(stream, IMPATIENT[fault], 1.0)
            await off(world.cut)
            await lab.until(lambda state, wanted=reasons: state.reason in wanted)
            assert ChannelPhase.UP not in {state.phase for state in lab.told}, fault
            world.faults.discard(fault)
        assert lab.bench.home.limit() == 4200
        await works(lab, home)
    await evidence(lab, home, [first], broken)


async def test_ended_and_harmless(
    made: tuple[World, Lab, Broken], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A channel that ends, or is odd; in the middle of a command, and again."""
    world, lab, broken = made
    home = await join(world, lab, TunnelKind.OUT_SOCKS)
    calls = [limit("consumption", HOUR, watts=4200)]
    await off(home.surely, calls[0])
    for fault in (*ENDED, *HARMLESS):
        lab.told.clear()
        calls.append(set_item("cls.one", len(calls) % 2 == 0, HOUR))
        with monkeypatch.context() as patch:
            if fault == "relay_swallow":
                patch.setattr(session, "SILENCE", 2.0)
            await off(world.cut)
            await lab.phase(ChannelPhase.UP)
            world.faults.add(fault, **PARAMETERS.get(fault, {}))
            sending = asyncio.ensure_future(off(home.surely, calls[-1]))
            if fault in ENDED:
                await lab.until(lambda state, why=ENDED[fault]: state.reason is why)
                world.faults.discard(fault)
            assert (await sending)["verdict"] == "possible"
            world.faults.discard(fault)
        assert lab.bench.home.limit() == 4200
        await works(lab, home)
    await evidence(lab, home, calls, broken)


@pytest.mark.parametrize("fault", DIALLED)
async def test_dialled(
    made: tuple[World, Lab, Broken], fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gateway dials us, wrongly; then as it should."""
    world, lab, broken = made
    home = await join(world, lab, TunnelKind.INBOUND)
    await works(lab, home)
    (profile,) = (event["key"] for event in world.journal.events("profile"))
    await off(world.cut)
    world.faults.add(fault, **PARAMETERS.get(fault, {}))
    with monkeypatch.context() as patch:
        patch.setattr(stream, "TLS_SECONDS", 1.0)
        calling = asyncio.ensure_future(off(world.call, profile))
        await lab.until(lambda state: state.reason is DIALLED[fault])
    with pytest.raises(OSError):
        await calling
    world.faults.discard(fault)
    await off(world.call, profile)
    await works(lab, home)
    await evidence(lab, home, [], broken)


@pytest.mark.parametrize("how", ["reset", "fin", "close"])
async def test_cut_all_along_a_command(
    made: tuple[World, Lab, Broken], how: str
) -> None:
    """In the request, in the answer, between the two: the EMT asks again, and it is done once.

    Byte by byte, without a tunnel: tests/cls/test_cut.py.
    """
    world, lab, broken = made
    home = await join(world, lab, TunnelKind.OUT_SOCKS)
    calls = [limit("consumption", HOUR, watts=4200)]
    await off(home.surely, calls[0])
    start = {"reset": 0, "fin": 13, "close": 26}[how]
    for direction, most in (("down", 480), ("up", 520)):
        for count in range(start, most, 39):
            value = not lab.bench.home.values["switch.boiler"]
            calls.append(set_item("switch.boiler", value, HOUR))
            tunnels = home.tunnels
            world.faults.add("relay_cut", bytes=count, direction=direction, how=how)
            told = await off(home.surely, calls[-1])
            assert told["verdict"] == "possible"
            await lab.bench.settle()
            assert lab.bench.home.values["switch.boiler"] is value
            assert lab.bench.home.limit() == 4200
            if home.tunnels == tunnels:
                # It was shorter than that.
                world.faults.discard("relay_cut")
                break
    assert len(lab.bench.home.writes) == len(calls) - 1
    await evidence(lab, home, calls, broken)


async def test_cut_at_every_byte_of_socks(made: tuple[World, Lab, Broken]) -> None:
    """By a real proxy, while a command waits: it comes through by the channel after."""
    world, lab, broken = made
    home = await join(world, lab, TunnelKind.OUT_SOCKS)
    calls = [limit("consumption", HOUR, watts=4200)]
    await off(home.surely, calls[0])
    for count in range(13):
        value = not lab.bench.home.values["switch.boiler"]
        calls.append(set_item("switch.boiler", value, HOUR))
        world.faults.add("socks_cut", bytes=count, times=1)
        await off(world.cut)
        told = await off(home.surely, calls[-1])
        assert told["verdict"] == "possible"
        await lab.bench.settle()
        assert lab.bench.home.values["switch.boiler"] is value
        assert lab.bench.home.limit() == 4200
    assert len(lab.bench.home.writes) == len(calls) - 1
    await evidence(lab, home, calls, broken)
