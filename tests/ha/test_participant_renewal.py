"""Certificates of either side are renewed, and the channel is kept."""

from cryptography.hazmat.primitives.asymmetric import ec
from pytest_homeassistant_custom_component.common import MockConfigEntry

from homeassistant.core import HomeAssistant
from tests.client_keys import consumer

from .participants import add, answer, change, choose, save, suggested
from .test_participant_flow import NEXT_PIN, PIN, stored


async def test_peer_roll_over(hass: HomeAssistant, loaded: MockConfigEntry) -> None:
    """While the gateway changes its certificate, both are accepted."""
    added = await add(hass, loaded)
    flow = await choose(hass, await change(hass, loaded, added.subentry_id), "pin")
    flow = await answer(hass, flow, peers=f"{suggested(flow)['peers']}\n{NEXT_PIN}")
    if flow["step_id"] == "curve":
        flow = await answer(hass, flow, **suggested(flow))
    await save(hass, flow)
    assert stored(loaded).channel.peers == (PIN, NEXT_PIN)


async def test_own_roll_over(hass: HomeAssistant, loaded: MockConfigEntry) -> None:
    """A new certificate stands beside the old one until the gateway knows it."""
    added = await add(hass, loaded)
    (old,) = stored(loaded).channel.identities
    flow = await change(hass, loaded, added.subentry_id)
    flow = await choose(hass, flow, "certificate")
    assert "identity_use" not in flow["menu_options"]
    flow = await choose(hass, flow, "identity_new")
    assert suggested(flow) == {"common_name": "HA-1"}
    flow = await answer(hass, await answer(hass, flow, common_name="HA-1"))
    await save(hass, flow)
    kept, new = stored(loaded).channel.identities
    assert kept == old
    assert new.key != old.key

    flow = await change(hass, loaded, added.subentry_id)
    flow = await choose(hass, await choose(hass, flow, "certificate"), "identity_use")
    await save(hass, await answer(hass, flow))
    assert stored(loaded).channel.identities == (new,)


async def test_drop_successor(hass: HomeAssistant, loaded: MockConfigEntry) -> None:
    """A successor that is not wanted any more is forgotten."""
    added = await add(hass, loaded)
    (old,) = stored(loaded).channel.identities
    flow = await change(hass, loaded, added.subentry_id)
    flow = await choose(hass, await choose(hass, flow, "certificate"), "identity_new")
    flow = await answer(hass, await answer(hass, flow, common_name="HA-1"))
    flow = await choose(hass, await choose(hass, flow, "certificate"), "identity_drop")
    await save(hass, await answer(hass, flow))
    assert stored(loaded).channel.identities == (old,)


async def test_other_curve(hass: HomeAssistant, loaded: MockConfigEntry) -> None:
    """A gateway on another curve needs another key of ours, and the old one is of no use."""
    added = await add(hass, loaded)
    flow = await choose(hass, await change(hass, loaded, added.subentry_id), "pin")
    flow = await answer(hass, flow, peers=consumer("x", ec.SECP256R1).pem)
    assert flow["step_id"] == "identity"
    flow = await choose(hass, flow, "identity_new")
    flow = await answer(hass, await answer(hass, flow, common_name="HA-1"))
    await save(hass, flow)
    channel = stored(loaded).channel
    assert channel.curve == "secp256r1"
    assert len(channel.identities) == 1
