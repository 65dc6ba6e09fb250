"""The gateway's history becomes statistics by itself, exact to its registers."""

from collections.abc import Generator
from datetime import datetime, timedelta
from itertools import pairwise
import logging
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
)

from custom_components.smgw import importer
from homeassistant.components.recorder.statistics import (
    StatisticsRow,
    statistics_during_period,
)
from homeassistant.core import HomeAssistant
from homeassistant.helpers.recorder import get_instance
from homeassistant.util import dt as dt_util
from simulator.clock import SimClock
from simulator.emh import EmhGateway
from simulator.ppc import PpcGateway
from simulator.theben import ThebenGateway

from .conftest import START
from .test_recording import HOUSE, counting, id_of

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
BOTH = ("1-0:1.8.0", "1-0:2.8.0")
NINE = START.replace(minute=0)


@pytest.fixture(autouse=True)
def custom_integration(
    recorder_mock: None,
    enable_custom_integrations: None,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Let Home Assistant load ours; the recorder has to be there before."""
    caplog.set_level(logging.WARNING, "sqlalchemy.engine")


@pytest.fixture(autouse=True)
async def berlin(custom_integration: None, hass: HomeAssistant) -> None:
    """Live where the gateways are."""
    await hass.config.async_set_time_zone("Europe/Berlin")


@pytest.fixture(autouse=True)
def kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Want six weeks, over the change of time: years take the recorder minutes."""
    monkeypatch.setattr(importer, "KEPT", 40 * DAY)


@pytest.fixture(params=[PpcGateway], ids=lambda kind: kind.__name__)
def gateway(
    request: pytest.FixtureRequest, socket_enabled: None, clock: SimClock
) -> Generator[Any]:
    """A simulated gateway, of each maker where a test asks for them."""
    with request.param(clock=clock) as running:
        meters = running.scenario.meters
        for meter in list(meters):
            if meter.id != HOUSE[0]:
                meters.remove_meter(meter.id)
        yield running


async def recorded(hass: HomeAssistant) -> dict[str, list[StatisticsRow]]:
    """Return all rows of our statistics."""
    await async_wait_recording_done(hass)
    found = await get_instance(hass).async_add_executor_job(
        statistics_during_period,
        *(hass, dt_util.utc_from_timestamp(0), None, None, "hour", None),
        {"change", "state", "sum"},
    )
    return {key: rows for key, rows in found.items() if key.startswith("smgw:")}


async def check(
    hass: HomeAssistant, gateway: Any, last: datetime = NINE
) -> dict[str, list[datetime]]:
    """Have every bar be what the register counted, without a hole up to `last`.

    Return the rows' ends by statistic.
    """
    found = await recorded(hass)
    registers = counting(gateway)
    assert {id_of(gateway, HOUSE[0], code) for code in BOTH} <= found.keys()
    result = {}
    for statistic, rows in found.items():
        ends = [dt_util.utc_from_timestamp(row["end"]) for row in rows]
        assert ends[-1] == last
        steps = [b - a for a, b in pairwise(ends)]
        # The gateway marks a value now and then; the next hour carries it.
        assert all(step <= 2 * HOUR for step in steps)
        assert steps.count(2 * HOUR) <= len(steps) / 100
        truth = [gateway.true_register(*registers[statistic], end) for end in ends]
        assert [row["state"] for row in rows] == [float(one) for one in truth]
        assert rows[0]["change"] == rows[0]["sum"] == pytest.approx(0, abs=1e-9)
        for row, one in zip(rows, truth, strict=True):
            assert row["sum"] == pytest.approx(float(one - truth[0]), abs=1e-6)
        result[statistic] = ends
    return result


@pytest.mark.parametrize(
    "gateway",
    [PpcGateway, ThebenGateway, EmhGateway],
    indirect=True,
    ids=lambda kind: kind.__name__,
)
async def test_at_once(
    hass: HomeAssistant, gateway: Any, loaded: MockConfigEntry
) -> None:
    """After the first session all is there."""
    for ends in (await check(hass, gateway)).values():
        assert ends[0] == NINE - 40 * DAY + HOUR
