"""Gateways at IPv6 addresses, from the set-up flow to the sensors."""

from collections.abc import Generator
from typing import Any

import pytest

from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import CONF_HOST, CONF_PORT
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import device_registry as dr
from simulator.clock import SimClock
from simulator.emh import EmhGateway
from simulator.ppc import PpcGateway
from simulator.theben import ThebenGateway
from tests.network import Names

from .test_config_flow import Flow, log_in, start, submit

KINDS = (PpcGateway, ThebenGateway, EmhGateway)


@pytest.fixture(params=KINDS, ids=lambda kind: kind.vendor)
def box(request: pytest.FixtureRequest, ipv6: None, clock: SimClock) -> Generator[Any]:
    """A gateway of each maker that listens on IPv6 only."""
    with request.param(clock=clock, host="::1") as running:
        yield running


async def add(hass: HomeAssistant, box: Any, typed: str) -> Flow:
    """Go through the flow with an address."""
    flow = await submit(hass, await start(hass), host=typed)
    assert flow["step_id"] == "certificate", flow["errors"]
    flow = await submit(hass, flow)
    result = await log_in(hass, flow, box)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done(wait_background_tasks=True)
    assert result["result"].state is ConfigEntryState.LOADED
    return result


def gateway_link(registry: dr.DeviceRegistry, result: Flow) -> str | None:
    """Return where the gateway's device card leads a browser."""
    entry = result["result"]
    (link,) = (
        device.configuration_url
        for device in dr.async_entries_for_config_entry(registry, entry.entry_id)
        if device.serial_number == entry.unique_id
    )
    return link


async def test_literal(
    hass: HomeAssistant, box: Any, device_registry: dr.DeviceRegistry
) -> None:
    """A port of its own needs the brackets; the device leads to the gateway's page."""
    result = await add(hass, box, f"[::1]:{box.port}")
    assert result["data"][CONF_HOST] == "::1"
    assert result["data"][CONF_PORT] == box.port
    link = gateway_link(device_registry, result)
    assert link.startswith(f"https://[::1]:{box.port}/")


async def test_name(hass: HomeAssistant, box: Any, names: Names) -> None:
    """A name with addresses of both families, of which one listens."""
    names["smgw.local"] = ["127.0.0.1", "::1"]
    result = await add(hass, box, f"https://smgw.local:{box.port}/")
    assert result["data"][CONF_HOST] == "smgw.local"


async def test_link_local_without_interface(hass: HomeAssistant, box: Any) -> None:
    """What is missing is said; the right address goes on from there."""
    flow = await submit(hass, await start(hass), host="fe80::1")
    assert flow["errors"] == {"base": "interface_missing"}
    flow = await submit(hass, flow, host=f"[::1]:{box.port}")
    assert flow["step_id"] == "certificate"
