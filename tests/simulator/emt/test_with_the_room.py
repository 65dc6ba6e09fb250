"""The whole way: EMT, WAN, proxy, HAN, the home's own tunnels and API, and a receipt back."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from time import monotonic
from typing import Any
from uuid import uuid4

import pytest

from custom_components.smgw.cls.model import (
    ChannelPhase,
    Endpoint,
    InnerTls,
    TunnelConfig,
    TunnelKind,
)
from simulator.cls import World
from simulator.emt import Call, Home, LostError, ProblemError, Span, calls
from simulator.tunnel.pki import fingerprint
from tests.cls.conftest import Lab, MakeLab, lab, make_lab
from tests.cls.world import free_port
from tests.simulator.cls.conftest import StartWorld, begin

__all__ = ["begin", "lab", "make_lab"]

# Seconds that a question for events may wait at the home.
WAIT = 30

CURVES = {
    "secp256r1": "prime256v1",
    "secp384r1": "secp384r1",
    "brainpoolP256r1": "brainpoolP256r1",
    "brainpoolP384r1": "brainpoolP384r1",
    "brainpoolP512r1": "brainpoolP512r1",
}


async def off[T](work: Callable[..., T], *arguments: Any, **more: Any) -> T:
    """Call the simulation from our loop."""
    return await asyncio.to_thread(work, *arguments, **more)


def tunnel(world: World, lab: Lab, kind: TunnelKind, **more: Any) -> TunnelConfig:
    """Return a tunnel as the owner sets it up from the operator's letter."""
    sni = kind is TunnelKind.OUT_SNI
    fields: dict[str, Any] = {
        "tunnel_id": "t",
        "participant_id": "supplier",
        "kind": kind,
        "peers": (world.fingerprint,),
        "own": lab.own,
    }
    if kind.dials:
        port = world.sni_port if sni else world.socks_port
        fields["gateway"] = Endpoint(world.host, port)
        fields["destination"] = Endpoint(world.emt.name, world.emt.port)
    else:
        fields["listen"] = Endpoint(world.host, free_port(world.host))
    return TunnelConfig(**(fields | more))


async def join(world: World, lab: Lab, kind: TunnelKind, **more: Any) -> Home:
    """Open a tunnel of a kind and return the EMT's view of the home."""
    pem = lab.own.certificate
    curve = CURVES[lab.own.facts.curve or ""]
    if kind is TunnelKind.DIRECT:
        more["peers"] = (fingerprint(world.emt.identity(curve).der),)
    made = tunnel(world, lab, kind, **more)
    if kind.dials:
        world.admit(pem, scenario="sni" if kind is TunnelKind.OUT_SNI else "socks")
        await lab.room.configure([made])
        return await off(world.emt.wait_home, 20)
    await lab.room.configure([made])
    await lab.phase(ChannelPhase.LISTENING)
    assert made.listen is not None
    home = made.listen.host, made.listen.port
    if kind is TunnelKind.DIRECT:
        await off(world.emt.direct, *home, pem, curve)
    else:
        profile = world.admit(pem, scenario="dial", home=home)
        await off(world.call, profile.key)
    return await off(world.emt.wait_home, 20)


async def switches(lab: Lab, home: Home) -> None:
    """A command reaches the home, its receipt reaches the EMT and is found good."""
    told = await off(home.set, "switch.boiler", True, Span(seconds=60))
    name = told["transaction_id"]
    await lab.bench.settle()
    assert lab.bench.home.values["switch.boiler"] is True
    assert (await off(home.wait_state, name, "effective"))["receipts"] == []
    await off(home.release, name)
    receipt = await off(home.wait_receipt, name)
    assert receipt.good, receipt.problems
    assert receipt.found["receipt"]["state"] == "released"
    report = await off(home.verify)
    assert report.good, report.problems
    assert report.receipts >= 1
    head = await off(home.head)
    assert (await off(home.verify, head)).good


@pytest.mark.parametrize("curve", CURVES)
@pytest.mark.parametrize("kind", TunnelKind)
async def test_every_kind_on_every_curve(
    begin: StartWorld, make_lab: MakeLab, kind: TunnelKind, curve: str
) -> None:
    """All kinds of tunnel, NIST and Brainpool."""
    world, lab = begin(curve=CURVES[curve]), await make_lab(curve)
    home = await join(world, lab, kind)
    assert home.root["participant"]["tunnel"] == kind.value
    await switches(lab, home)


@pytest.mark.parametrize("kind", TunnelKind)
async def test_ipv6(ipv6: None, begin: StartWorld, lab: Lab, kind: TunnelKind) -> None:
    """The same on IPv6."""
    world = begin(host="::1", curve="prime256v1")
    await switches(lab, await join(world, lab, kind))


@pytest.mark.parametrize("kind", [TunnelKind.OUT_SOCKS, TunnelKind.INBOUND])
async def test_inner_tls(begin: StartWorld, lab: Lab, kind: TunnelKind) -> None:
    """The EMT's own certificate, end to end."""
    world = begin(curve="prime256v1")
    world.emt.inner = "prime256v1"
    own = world.emt.identity("prime256v1")
    inner = InnerTls(peers=(fingerprint(own.der),))
    await switches(lab, await join(world, lab, kind, inner=inner))


async def test_everything_that_can_be_asked(begin: StartWorld, lab: Lab) -> None:
    """Each call of the library is understood by the home."""
    world = begin(curve="prime256v1")
    home = await join(world, lab, TunnelKind.OUT_SOCKS)
    await off(home.openapi)
    assert {row["id"] for row in await off(home.things)} == {"boiler", "cls"}
    items = {row["id"]: row for row in await off(home.items)}
    assert await off(home.item, "number.wallbox") == items["number.wallbox"]
    now = world.now()
    quarter = timedelta(minutes=15)
    slots = [
        (now + quarter * at, now + quarter * (at + 1), 4200 + at) for at in range(1, 5)
    ]
    await off(home.schedule, slots)
    assert len((await off(home.schedules))[0]["slots"]) == 4
    await off(home.put_prices, [(a, b, "0.2815") for a, b, _ in slots])
    assert (await off(home.prices))[0]["unit"] == "EUR/kWh"
    told = await off(home.limit, 4200, Span(seconds=600))
    (limit,) = await off(home.limits)
    assert limit["watts"] == "4200"
    assert told["transaction_id"] in {
        row["transaction_id"] for row in await off(home.commands)
    }
    await off(home.release_limit)
    assert (await off(home.wait_receipt, told["transaction_id"])).good
    beat = await off(home.heartbeat)
    assert abs(beat["ahead_ms"]) < 5000
    for refused, code in (
        (lambda: home.failsafe(watts=4200), "not_granted"),
        (lambda: home.item("switch.none"), "unknown_item"),
        (lambda: home.limit(1, Span(seconds=60)), "out_of_bounds"),
        (lambda: home.limit(4200, Span(endless=True)), "no_end"),
        (lambda: home.command(str(uuid4())), "unknown_command"),
    ):
        with pytest.raises(ProblemError) as problem:
            await off(refused)
        assert problem.value.code == code
    world.emt.ahead = 400
    with pytest.raises(ProblemError, match="422 from_the_future"):
        await off(home.release)
    world.emt.ahead = 0
    await off(home.release)
    assert (await off(home.verify)).good


@pytest.mark.parametrize("before", [0, 1, 3])
async def test_a_wait_holds_nothing_up(
    begin: StartWorld, lab: Lab, before: int
) -> None:
    """A question that waits for events ends when the next request comes, or is there already."""
    world = begin(curve="prime256v1")
    world.emt.silent = True
    home = await join(world, lab, TunnelKind.OUT_SOCKS)
    session = home.session
    assert session is not None
    beat = calls.heartbeat(world.now())

    async def all_at_once() -> float:
        start = monotonic()
        first = [session.do(beat) for _ in range(before)]
        wait = session.do(calls.events(99, WAIT), 2 * WAIT)
        await asyncio.gather(*first, wait, session.do(beat, 2 * WAIT))
        return monotonic() - start

    assert await off(world.run, all_at_once()) < WAIT


def until_lost(home: Home, call: Call) -> None:
    """Send the same command until the channel breaks."""
    while True:
        home.do(call)


@pytest.mark.parametrize("direction", ["up", "down"])
@pytest.mark.parametrize("how", ["reset", "fin", "close"])
async def test_cut_in_a_command(
    begin: StartWorld, lab: Lab, direction: str, how: str
) -> None:
    """A channel that breaks at a command: done once, told when the EMT asks again."""
    world = begin(curve="prime256v1")
    home = await join(world, lab, TunnelKind.OUT_SOCKS)
    world.faults.add("relay_cut", bytes=200, direction=direction, how=how)
    body = {"value": True, "duration_s": 60}
    call = Call("POST", "/cls/v1/items/switch.boiler/commands", body, write=True)
    with pytest.raises(LostError):
        await off(until_lost, home, call)
    told = await off(home.surely, call)
    assert told["transaction_id"] == call.transaction
    await off(home.release, call.transaction)
    assert (await off(home.wait_receipt, call.transaction)).good
    rows = await lab.bench.rows()
    assert sum(row["kind"] == "intent" for row in rows) == 1
