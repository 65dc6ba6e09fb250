"""A changed certificate, and one that runs out: the issue follows the data."""

from datetime import timedelta
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.smgw.const import DOMAIN
from homeassistant.components.repairs import DOMAIN as REPAIRS
from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import CONF_PORT
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
from simulator.clock import SimClock
from simulator.ppc import PpcGateway

from .conftest import START, Timeline, fresh_token, make_entry, restart, set_up
from .test_coordinator import SETTLED


def issues(hass: HomeAssistant) -> set[str]:
    """Return the kinds of our issues."""
    return {
        issue.translation_key or ""
        for (domain, _), issue in ir.async_get(hass).issues.items()
        if domain == DOMAIN
    }


@pytest.fixture
async def changed(
    hass: HomeAssistant, entry: MockConfigEntry, gateway: PpcGateway
) -> str:
    """A loaded entry whose gateway then shows another certificate; the issue's id."""
    assert await async_setup_component(hass, REPAIRS, {})
    await set_up(hass, entry)
    assert issues(hass) == set()
    gateway.rotate_certificate()
    gateway.clear_requests()
    return f"certificate_changed_{entry.entry_id}"


async def start(client: Any, issue_id: str) -> dict[str, Any]:
    """Open the fix flow."""
    answer = await client.post(
        "/api/repairs/issues/fix", json={"handler": DOMAIN, "issue_id": issue_id}
    )
    flow: dict[str, Any] = await answer.json()
    return flow


async def confirm(client: Any, flow: dict[str, Any]) -> dict[str, Any]:
    """Press the button of the fix flow."""
    answer = await client.post(f"/api/repairs/issues/fix/{flow['flow_id']}", json={})
    result: dict[str, Any] = await answer.json()
    return result


async def reload_later(
    hass: HomeAssistant, entry: MockConfigEntry, timeline: Timeline
) -> None:
    """Load an entry again when its gateway may be read again."""
    await hass.config_entries.async_unload(entry.entry_id)
    await timeline.go_to(START.replace(minute=30))
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)


async def test_accept_a_new_certificate(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    entry: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
    changed: str,
) -> None:
    """Both fingerprints are shown; once confirmed the reading goes on."""
    client = await hass_client()
    pinned = entry.data["certificate"]
    await timeline.go_to(START.replace(minute=30) + SETTLED)
    assert issues(hass) == {"certificate_changed"}
    assert gateway.requests == []

    flow = await start(client, changed)
    assert flow["step_id"] == "confirm"
    assert flow["description_placeholders"]["new"] == gateway.fingerprint
    assert flow["description_placeholders"]["old"] != gateway.fingerprint
    assert entry.data["certificate"] == pinned

    result = await confirm(client, flow)
    assert result["type"] == FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done(wait_background_tasks=True)
    assert entry.data["certificate"] == gateway.certificate_pem
    assert entry.state is ConfigEntryState.LOADED
    assert issues(hass) == set()


async def test_accept_after_a_failed_start(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    entry: MockConfigEntry,
    timeline: Timeline,
    changed: str,
) -> None:
    """The same when Home Assistant was started with the changed certificate."""
    client = await hass_client()
    await reload_later(hass, entry, timeline)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    flow = await start(client, changed)
    await confirm(client, flow)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert entry.state is ConfigEntryState.LOADED
    assert issues(hass) == set()


async def test_another_gateway_is_not_accepted(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    gateway: PpcGateway,
    clock: SimClock,
    socket_enabled: None,
) -> None:
    """Another gateway at the old one's address cannot take its place."""
    assert await async_setup_component(hass, REPAIRS, {})
    with PpcGateway(clock=clock, gateway_id="EPPC0299999999") as other:
        entry = make_entry(gateway)
        entry.add_to_hass(hass)
        hass.config_entries.async_update_entry(
            entry, data={**entry.data, CONF_PORT: other.port}
        )
        await hass.config_entries.async_setup(entry.entry_id)
        client = await hass_client()
        flow = await start(client, f"certificate_changed_{entry.entry_id}")
        assert flow["type"] == FlowResultType.ABORT
        assert flow["reason"] == "wrong_gateway"
        assert other.requests == []


async def test_gateway_away_while_repairing(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    entry: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
    changed: str,
) -> None:
    """Without an answer nothing is changed, and the flow says so."""
    client = await hass_client()
    await reload_later(hass, entry, timeline)
    gateway.faults.add("tls_close")
    flow = await start(client, changed)
    assert (flow["type"], flow["reason"]) == (FlowResultType.ABORT, "not_reachable")


async def test_issue_goes_with_the_entry(
    hass: HomeAssistant, entry: MockConfigEntry, timeline: Timeline, changed: str
) -> None:
    """A removed entry leaves no issue behind."""
    await reload_later(hass, entry, timeline)
    assert issues(hass) == {"certificate_changed"}
    await hass.config_entries.async_remove(entry.entry_id)
    assert issues(hass) == set()


async def test_certificate_runs_out(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
) -> None:
    """A month ahead it is announced; expired, it is still read as it is the pinned one."""
    end = gateway.certificate.load()[0].not_valid_after_utc
    assert issues(hass) == set()
    await timeline.go_to(end - timedelta(days=29))
    assert issues(hass) == {"certificate_expiring"}
    await timeline.go_to(end + timedelta(days=1))
    assert issues(hass) == {"certificate_expired"}
    assert loaded.runtime_data.coordinator.last_update_success


async def test_accept_in_mid_slot(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    hass_admin_user: MockUser,
    entry: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
    changed: str,
) -> None:
    """Whenever it is accepted, the gateway is read at once if it may be."""
    await timeline.go_to(START.replace(hour=9, minute=30) + SETTLED)
    await timeline.go_to(START.replace(hour=11, minute=52))
    await restart(hass, entry, timeline)
    assert issues(hass) == {"certificate_changed"}
    await timeline.pass_by(seconds=7)

    client = await hass_client(await fresh_token(hass, hass_admin_user))
    await confirm(client, await start(client, changed))
    await hass.async_block_till_done(wait_background_tasks=True)
    assert entry.state is ConfigEntryState.LOADED
    assert issues(hass) == set()
    assert [r.action for r in gateway.requests]
