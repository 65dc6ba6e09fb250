"""Our certificate has expired, and its successor has not: whoever forgot to leave the old one has a channel all the same."""

from datetime import UTC, datetime, timedelta

from custom_components.smgw.cls.model import ChannelPhase

from .conftest import Lab
from .world import gateway_context, identity

NOW = datetime.now(UTC)


async def test_out(lab: Lab) -> None:
    """We dial."""
    old = identity(at=NOW - timedelta(days=30), days=29)
    successor = old.successor(NOW)
    gateway = await lab.gateway(cls=successor)
    await lab.room.configure([lab.out(gateway, own=old, next_own=successor)])
    state = await lab.phase(ChannelPhase.UP)
    assert state.own_fingerprint == successor.facts.fingerprint


async def test_in(lab: Lab) -> None:
    """We are dialled."""
    old = identity(at=NOW - timedelta(days=30), days=29)
    successor, peer = old.successor(NOW), identity()
    config = lab.into(peer, own=old, next_own=successor)
    await lab.room.configure([config])
    await lab.phase(ChannelPhase.LISTENING)
    context = gateway_context(peer, successor, server=False)
    emt = await lab.knock(config, peer, context=context)
    assert (await emt.ask("GET", "")).status == 200
