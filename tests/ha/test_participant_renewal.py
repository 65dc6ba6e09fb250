"""Certificates of either side are renewed, and the channel is kept."""

from datetime import timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from pytest_homeassistant_custom_component.common import MockConfigEntry

from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
from tests.client_keys import consumer

from .conftest import START, restart
from .participants import (
    HAN,
    add,
    answer,
    change,
    choose,
    keys,
    only,
    save,
    suggested,
    to_grants,
    to_identity,
    to_peer,
)
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
    (old,), (old_key,) = stored(loaded).channel.identities, await keys(hass, loaded)
    flow = await change(hass, loaded, added.subentry_id)
    flow = await choose(hass, flow, "certificate")
    assert "identity_use" not in flow["menu_options"]
    flow = await choose(hass, flow, "identity_new")
    assert suggested(flow) == {"common_name": "HA-1"}
    flow = await answer(hass, await answer(hass, flow, common_name="HA-1"))
    await save(hass, flow)
    kept, new = stored(loaded).channel.identities
    assert kept == old
    kept_key, new_key = await keys(hass, loaded)
    assert kept_key == old_key != new_key

    flow = await change(hass, loaded, added.subentry_id)
    flow = await choose(hass, await choose(hass, flow, "certificate"), "identity_use")
    await save(hass, await answer(hass, flow))
    assert stored(loaded).channel.identities == (new,)
    assert await keys(hass, loaded) == [new_key]


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


def ending(hass: HomeAssistant) -> str | None:
    """Return until when the certificates of the only participant hold, as the issue says."""
    told = [
        (issue.translation_placeholders or {})["valid_until"]
        for issue in ir.async_get(hass).issues.values()
        if issue.active and issue.translation_key == "participant_certificate"
    ]
    return told[0] if told else None


async def test_ends_of_theirs(
    hass: HomeAssistant, loaded: MockConfigEntry, timeline: Any
) -> None:
    """Nobody has answered yet: of a certificate that was pasted the end is known all the same."""
    end = START + timedelta(days=20)
    old = consumer("EPPC0210123456", ec.BrainpoolP256R1, end=end)
    flow = await answer(hass, await to_peer(hass, loaded), peers=old.pem)
    flow = await choose(hass, flow, "identity_new")
    flow = await answer(hass, await answer(hass, flow, common_name="HA-1"))
    await save(hass, flow)
    assert ending(hass) == "2026-12-10"
    await restart(hass, loaded, timeline)
    assert ending(hass) == "2026-12-10"

    flow = await change(hass, loaded, only(loaded).subentry_id)
    flow = await choose(hass, flow, "pin")
    flow = await answer(hass, flow, peers=f"{suggested(flow)['peers']}\n{HAN.pem}")
    await save(hass, flow)
    # With its successor known, nothing ends.
    assert ending(hass) is None


async def test_ends_of_ours(
    hass: HomeAssistant, loaded: MockConfigEntry, upload: Any
) -> None:
    """The same of our own: it is here."""
    own = consumer("HA-2", ec.BrainpoolP256R1, end=START + timedelta(days=20))
    flow = await choose(hass, await to_identity(hass, loaded), "identity_import")
    flow = await answer(hass, flow, file=await upload(own.pkcs12()))
    await save(hass, await answer(hass, flow))
    assert ending(hass) == "2026-12-10"

    participant = only(loaded).subentry_id
    flow = await choose(hass, await change(hass, loaded, participant), "certificate")
    flow = await choose(hass, flow, "identity_new")
    flow = await answer(hass, await answer(hass, flow, common_name="HA-2"))
    flow = await choose(hass, await choose(hass, flow, "certificate"), "identity_use")
    await save(hass, await answer(hass, flow))
    assert ending(hass) is None


async def test_ends_of_the_inner_tls(
    hass: HomeAssistant, loaded: MockConfigEntry
) -> None:
    """The participant's own certificate counts as well; what is over is missed by nobody."""
    end = START + timedelta(days=20)
    inner = consumer("emt", ec.BrainpoolP256R1, end=end)
    flow = await choose(hass, await to_grants(hass, loaded), "extras")
    await save(hass, await answer(hass, flow, inner=inner.pem))
    assert ending(hass) == "2026-12-10"

    flow = await change(hass, loaded, only(loaded).subentry_id)
    flow = await choose(hass, flow, "who")
    over = {"valid_from": "2026-01-01", "valid_until": "2026-10-31"}
    await save(hass, await answer(hass, flow, **{**suggested(flow), **over}))
    assert ending(hass) is None
