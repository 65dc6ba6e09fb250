"""What tests of the whole way share: a gateway with its CLS proxy, EMTs, and participants added by the flow.

Time is real: tunnels have time-outs, and both ends judge each other's clocks.
"""

import asyncio
from collections.abc import Callable
import socket
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import load_pem_x509_certificate
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.smgw.bridge.room import ControlRoom
from homeassistant.core import HomeAssistant
from simulator.cls import World
from simulator.emt.home import Home

from .participants import WHO, Flow, answer, begin, choose, save, suggested
from .test_switch_flow import begin as begin_switch


def free_port(host: str = "127.0.0.1") -> int:
    """Return a port where nothing listens."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as listener:
        port: int = listener.getsockname()[1]
    return port


def curve_of(world: World) -> str:
    """Return the curve of the gateway's HAN certificate, as the simulation names it."""
    key = load_pem_x509_certificate(world.certificate_pem.encode()).public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    return {"secp256r1": "prime256v1"}.get(key.curve.name, key.curve.name)


async def way_to(
    hass: HomeAssistant, flow: Flow, world: World, emt: str, kind: str, port: int
) -> Flow:
    """Fill in how the participant is reached."""
    flow = await choose(hass, flow, kind)
    if kind in ("inbound", "direct"):
        return await answer(hass, flow, bind_host=world.host, bind_port=port)
    whom = world.emts[emt]
    way: dict[str, Any] = {"host": world.host, "emt_host": whom.name}
    if kind == "out_sni":
        return await answer(hass, flow, **way, port=world.sni_port)
    way |= {"port": world.socks_port, "emt_port": whom.port}
    return await answer(hass, flow, **way)


async def add_participant(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    world: World,
    emt: str = "grid",
    kind: str = "out_socks",
    *,
    port: int = 0,
    grants: Callable[[Flow], Any] | None = None,
    **who: Any,
) -> str:
    """Add a participant as an owner does, and let the gateway know our certificate."""
    flow = await answer(hass, await begin(hass, entry), **{**WHO, "name": emt, **who})
    flow = await way_to(hass, flow, world, emt, kind, port)
    if flow["step_id"] == "pin":
        flow = await choose(hass, flow, "peer")
    shown = world.certificate_pem
    if kind == "direct":
        shown = world.emts[emt].identity(curve_of(world)).pem
    flow = await answer(hass, flow, peers=shown)
    flow = await choose(hass, flow, "identity_new")
    flow = await answer(hass, flow, common_name=f"HA-{emt}")
    scenario = {"out_socks": "socks", "out_sni": "sni", "inbound": "dial"}
    if kind in scenario:
        world.admit(
            suggested(flow)["certificate"],
            emt,
            scenario[kind],
            key=emt,
            home=(world.host, port) if port else None,
        )
    flow = await answer(hass, flow)
    if grants is not None:
        flow = await grants(flow)
    known = set(entry.subentries)
    await save(hass, flow)
    (added,) = set(entry.subentries) - known
    return added


async def add_switch(
    hass: HomeAssistant, entry: MockConfigEntry, name: str, **fields: Any
) -> str:
    """Add a CLS switch as an owner does."""
    known = set(entry.subentries)
    await answer(hass, await begin_switch(hass, entry), name=name, **fields)
    await hass.async_block_till_done(wait_background_tasks=True)
    (added,) = set(entry.subentries) - known
    return added


def room_of(entry: MockConfigEntry) -> ControlRoom:
    """Return the control side of a loaded entry."""
    room = entry.runtime_data.control
    assert isinstance(room, ControlRoom)
    return room


async def come(world: World, emt: str = "grid", kind: str = "out_socks") -> Home:
    """Wait until the home's tunnel has reached an EMT."""
    if kind == "inbound":
        await asyncio.to_thread(world.call, emt)
    return await asyncio.to_thread(world.emts[emt].wait_home)


async def until(true: Callable[[], bool]) -> None:
    """Wait until something is so; pytest ends a test that waits for ever."""
    while not true():
        await asyncio.sleep(0.01)
