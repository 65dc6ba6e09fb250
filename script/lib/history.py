"""Past hours for the Energy dashboard, as statistics that continue in the live sensors without a step."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
import contextlib
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from ha_client import HAClient, HAError

HOUR = timedelta(hours=1)


def hourly_rows(
    truth: Callable[[datetime], Decimal], live: Decimal, read_at: datetime, days: int
) -> list[dict[str, Any]]:
    """Return one row for each full hour of the past days.

    truth: the register's value at a time; only its differences are used
    live: what the sensor shows now, a reading of read_at

    The recorder counts a sensor that it sees for the first time from 0. So a
    row's sum is the distance to the live reading, and the first live hour gets
    exactly what the register has counted in it.
    """
    now = truth(read_at)
    last = read_at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    rows = []
    for hours in range(days * 24, 0, -1):
        start = last - hours * HOUR
        distance = truth(start + HOUR) - now
        rows.append(
            {
                "start": start.isoformat(),
                "sum": float(distance),
                "state": float(live + distance),
            }
        )
    return rows


async def has_statistics(ha: HAClient, statistic_id: str) -> bool:
    """Tell whether the recorder knows rows of this series."""
    found = await ha.ws(
        "recorder/statistics_during_period",
        start_time=(datetime.now(UTC) - timedelta(days=400)).isoformat(),
        statistic_ids=[statistic_id],
        period="month",
        types=["change"],
    )
    return bool(found)


async def import_rows(
    ha: HAClient, statistic_id: str, rows: list[dict[str, Any]]
) -> None:
    """Hand rows of an energy sensor to the recorder and wait until they are stored."""
    metadata = {
        "source": "recorder",
        "statistic_id": statistic_id,
        "name": None,
        "has_sum": True,
        "mean_type": 0,
        "unit_class": "energy",
        "unit_of_measurement": "kWh",
    }
    await ha.ws("recorder/import_statistics", metadata=metadata, stats=rows)
    for _ in range(300):
        if await has_statistics(ha, statistic_id):
            return
        await asyncio.sleep(0.1)
    raise HAError(f"the history of {statistic_id} was not stored")


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
