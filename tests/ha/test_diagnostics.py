"""Diagnostics help, and tell nobody whose home it is."""

import json

from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.components.diagnostics import (
    get_diagnostics_for_config_entry,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator
from syrupy.assertion import SnapshotAssertion

from homeassistant.core import HomeAssistant
from simulator.ppc import PpcGateway

from .conftest import START, Timeline, set_up
from .test_coordinator import SETTLED


async def test_diagnostics(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    loaded: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
    snapshot: SnapshotAssertion,
) -> None:
    """All facts, a skipped row with its reason, and no secret."""
    gateway.override("1emh0012345678", "1-0:1.8.0", wert="1e9999")
    await timeline.go_to(START.replace(minute=30) + SETTLED)
    diagnostics = await get_diagnostics_for_config_entry(hass, hass_client, loaded)
    assert diagnostics == snapshot

    text = json.dumps(diagnostics).upper()
    for secret in (
        gateway.user,
        gateway.password,
        gateway.gateway_id,
        gateway.host,
        "BEGIN CERTIFICATE",
        "1EMH0012345678",
        "0060178981",
    ):
        assert secret.upper() not in text


async def test_diagnostics_of_a_failing_gateway(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    loaded: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
) -> None:
    """The last error is named."""
    gateway.faults.add("server_error")
    await timeline.go_to(START.replace(minute=30) + SETTLED)
    diagnostics = await get_diagnostics_for_config_entry(hass, hass_client, loaded)
    assert diagnostics["coordinator"]["last_update_success"] is False
    assert diagnostics["coordinator"]["last_error"] == {
        "key": "gateway_fault",
        "detail": "HTTP 500",
    }


async def test_diagnostics_of_an_entry_that_failed_to_load(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    entry: MockConfigEntry,
    gateway: PpcGateway,
) -> None:
    """What is known is told: this is when diagnostics are needed most."""
    gateway.faults.add("truncated")
    assert not await set_up(hass, entry)
    diagnostics = await get_diagnostics_for_config_entry(hass, hass_client, entry)
    assert diagnostics["entry"]["failed_with"] == "page_unreadable"
    assert diagnostics["memory"]["trouble"]["key"] == "page_unreadable"
    assert "snapshot" not in diagnostics
