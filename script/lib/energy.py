"""The Energy dashboard: which statistics it shows."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta

from ha_client import HAClient, HAError


def statistic(gateway_id: str, meter: str, obis: str) -> str:
    """Return the id of a register's statistic."""
    name = f"{gateway_id}_{meter}_{obis}".lower()
    return "smgw:" + "".join(c if c.isalnum() else "_" for c in name)


async def save_grid(ha: HAClient, consumption: str, feed_in: str) -> None:
    """Make these two sensors the grid of the Energy dashboard, unless it has been set up already."""
    with contextlib.suppress(HAError):  # there are no preferences at first
        if (await ha.ws("energy/get_prefs"))["energy_sources"]:
            return
    grid = {
        "type": "grid",
        "stat_energy_from": consumption,
        "stat_energy_to": feed_in,
        "cost_adjustment_day": 0,
    }
    await ha.ws("energy/save_prefs", energy_sources=[grid], device_consumption=[])


async def wait_for_past(ha: HAClient, statistic_id: str, days: int) -> None:
    """Wait until the gateway's history reaches so many days back."""
    begin = datetime.now(UTC) - timedelta(days=days)
    for _ in range(1500):
        found = await ha.ws(
            "recorder/statistics_during_period",
            start_time=begin.isoformat(),
            end_time=(begin + timedelta(days=2)).isoformat(),
            statistic_ids=[statistic_id],
            period="day",
            types=["change"],
        )
        if found:
            return
        await asyncio.sleep(0.1)
    raise HAError(f"the history of {statistic_id} did not come")
