"""The page of system health: quick facts, no secret."""

import asyncio
from typing import Any

from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    get_system_health_info,
)

from custom_components.smgw.const import DOMAIN
from custom_components.smgw.han.transport import queue_for
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
from simulator.clock import SimClock
from simulator.ppc import PpcGateway

from .conftest import START, make_entry, set_up


async def health(hass: HomeAssistant) -> dict[str, Any]:
    """Return the facts as the page shows them."""
    assert await async_setup_component(hass, "system_health", {})
    info: dict[str, Any] = await get_system_health_info(hass, DOMAIN)
    return {
        key: await value if asyncio.iscoroutine(value) else value
        for key, value in info.items()
    }


async def test_facts(
    hass: HomeAssistant, loaded: MockConfigEntry, gateway: PpcGateway
) -> None:
    """Versions, gateways, and the last reading."""
    gateway.clear_requests()
    found = await health(hass)
    assert found == {
        "version": "0.1.0",
        "gateways": 1,
        "loaded": 1,
        "reachable": "1/1",
        "last_reading": found["last_reading"],
        "firmware": gateway.firmware,
    }
    assert found["last_reading"].replace(second=0) == START.replace(minute=0)
    assert gateway.requests == []
    text = str(found)
    for secret in (gateway.gateway_id, gateway.host, gateway.user, gateway.password):
        assert secret not in text


async def test_gateways_that_fail(
    hass: HomeAssistant, loaded: MockConfigEntry, gateway: PpcGateway, clock: SimClock
) -> None:
    """One of two answers, then none."""
    with PpcGateway(clock=clock, gateway_id="EPPC0299999999") as other:
        other.faults.add("server_error")
        assert not await set_up(hass, make_entry(other))
        found = await health(hass)
        assert (found["gateways"], found["loaded"]) == (2, 1)
        assert found["reachable"] == "2/2"
    assert (await health(hass))["reachable"] == "1/2"
    gateway.stop()
    assert (await health(hass))["reachable"] == {
        "type": "failed",
        "error": "unreachable",
    }


async def test_nothing_loaded(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """What nobody knows is said to be unknown."""
    assert await async_setup_component(hass, DOMAIN, {})
    entry.add_to_hass(hass)
    found = await health(hass)
    assert (found["last_reading"], found["firmware"]) == ("unknown", "unknown")
    assert found["reachable"] == "1/1"


async def test_a_session_is_not_disturbed(
    hass: HomeAssistant, loaded: MockConfigEntry, gateway: PpcGateway
) -> None:
    """While somebody talks to the gateway no second connection is opened."""
    gateway.stop()
    async with queue_for(gateway.gateway_id):
        assert (await health(hass))["reachable"] == "1/1"
