"""Registers' statistics in the recorder, as the dashboard gets them."""

from typing import Any, Literal

from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
)

from homeassistant.components.recorder.statistics import (
    StatisticsRow,
    list_statistic_ids,
    statistics_during_period,
)
from homeassistant.core import HomeAssistant
from homeassistant.helpers.recorder import get_instance
from homeassistant.util import dt as dt_util

HOUSE = ("1emh0012345678", "1-0:1.8.0")
GAS = ("7els0045678901", "7-0:3.0.0")


def id_of(gateway: Any, meter: str, code: str) -> str:
    """Return the id of a register's statistic."""
    register = code.replace("-", "_").replace(":", "_").replace(".", "_")
    return f"smgw:{gateway.gateway_id.lower()}_{meter}_{register}"


def counting(gateway: Any) -> dict[str, tuple[str, str]]:
    """Return meter and code of each register that counts, by statistic id."""
    return {
        id_of(gateway, meter.id, register.obis): (meter.id, register.obis)
        for meter in gateway.scenario.meters
        for register in meter.registers
        if register.is_energy
    }


async def recorded(hass: HomeAssistant) -> dict[str, list[StatisticsRow]]:
    """Return all hourly rows of our statistics."""
    found = await _rows(hass, None, "hour")
    return {key: rows for key, rows in found.items() if key.startswith("smgw:")}


async def rows_of(
    hass: HomeAssistant, statistic: str, period: Literal["hour", "day"] = "hour"
) -> list[StatisticsRow]:
    """Return all rows of a statistic."""
    return (await _rows(hass, {statistic}, period)).get(statistic, [])


async def metadata(hass: HomeAssistant, *statistics: str) -> list[dict[str, Any]]:
    """Return what the recorder says of statistics, or of all: names, units."""
    await async_wait_recording_done(hass)
    return await get_instance(hass).async_add_executor_job(
        list_statistic_ids, hass, set(statistics) or None
    )


async def _rows(
    hass: HomeAssistant, statistics: set[str] | None, period: Literal["hour", "day"]
) -> dict[str, list[StatisticsRow]]:
    await async_wait_recording_done(hass)
    return await get_instance(hass).async_add_executor_job(
        statistics_during_period,
        *(hass, dt_util.utc_from_timestamp(0), None, statistics, period, None),
        {"change", "state", "sum"},
    )
