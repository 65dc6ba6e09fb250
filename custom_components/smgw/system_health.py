"""A line per fact on the page of system health; nothing that tells whose home it is."""

import asyncio
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from homeassistant.components import system_health
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, callback
from homeassistant.loader import async_get_integration

from .const import DOMAIN
from .han import probe
from .han.errors import SmgwError
from .han.transport import queue_for
from .models import GatewayConfig, SmgwConfigEntry

# Seconds; people look at the page while it fills.
_WITHIN = 3


@callback
def async_register(
    hass: HomeAssistant, register: system_health.SystemHealthRegistration
) -> None:
    """Register what the page shows."""
    register.async_register_info(system_health_info)


async def system_health_info(hass: HomeAssistant) -> dict[str, Any]:
    """Return the facts; those that take a moment as coroutines."""
    entries: list[SmgwConfigEntry] = hass.config_entries.async_entries(
        DOMAIN, include_ignore=False, include_disabled=False
    )
    loaded = [entry for entry in entries if entry.state is ConfigEntryState.LOADED]
    snapshots = [entry.runtime_data.coordinator.data for entry in loaded]
    firmware = {snapshot.gateway.firmware for snapshot in snapshots} - {None}
    return {
        "version": str((await async_get_integration(hass, DOMAIN)).version),
        "gateways": len(entries),
        "loaded": len(loaded),
        "reachable": _reachable(
            [config for config in map(GatewayConfig.of, entries) if config.is_read]
        ),
        "last_reading": _last(snapshot.last_capture for snapshot in snapshots),
        "firmware": ", ".join(sorted(map(str, firmware))) or "unknown",
    }


def _last(captured: Iterable[datetime | None]) -> datetime | str:
    """Return the newest reading of the gateway that is furthest behind."""
    return min((moment for moment in captured if moment), default="unknown")


async def _reachable(configs: list[GatewayConfig]) -> str | dict[str, str]:
    """Return how many gateways take a TCP connection."""
    found = await asyncio.gather(*map(_is_reachable, configs))
    if configs and not any(found):
        return {"type": "failed", "error": "unreachable"}
    return f"{sum(found)}/{len(found)}"


async def _is_reachable(config: GatewayConfig) -> bool:
    queue = queue_for(config.gateway_id)
    if queue.locked():
        # Somebody is talking to it, and a second connection could disturb them.
        return True
    async with queue:
        try:
            await probe.reach(config.address, _WITHIN)
        except SmgwError:
            return False
    return True
