"""An EMH is read each minute while that brings something new, and else as the others."""

from collections.abc import Generator
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.smgw.const import CONF_INTERVAL
from homeassistant.const import STATE_UNAVAILABLE
from homeassistant.core import HomeAssistant
from simulator.clock import SimClock
from simulator.emh import EmhGateway

from .conftest import START, Timeline
from .test_budget import restart, sessions
from .test_config_flow import submit, to_login

POWER = "sensor.electricity_meter_1emh0012345678_power"


@pytest.fixture
def box(socket_enabled: None, clock: SimClock) -> Generator[EmhGateway]:
    """An EMH whose meters are not configured for live values."""
    with EmhGateway(clock=clock) as running:
        yield running


@pytest.fixture
async def added(
    hass: HomeAssistant, box: EmhGateway, hass_storage: dict[str, dict[str, object]]
) -> MockConfigEntry:
    """The gateway, added by the flow, with an interval of a minute."""
    flow = await to_login(hass, box)
    result = await submit(hass, flow, username=box.user, password=box.password)
    await hass.async_block_till_done(wait_background_tasks=True)
    entry: MockConfigEntry = result["result"]
    hass.config_entries.async_update_entry(entry, options={CONF_INTERVAL: 1})
    await hass.async_block_till_done(wait_background_tasks=True)
    box.clear_requests()
    return entry


async def watch(timeline: Timeline, begin: datetime, minutes: int) -> None:
    """Let time pass in steps of five seconds."""
    for seconds in range(0, minutes * 60, 5):
        await timeline.go_to(begin + timedelta(seconds=seconds))


async def test_not_live(
    hass: HomeAssistant, box: EmhGateway, added: MockConfigEntry, timeline: Timeline
) -> None:
    """The wish is kept, the quarter hour holds."""
    await watch(timeline, START, 60)
    assert 3 <= len(sessions(box)) <= 4


async def test_live_as_long_as_it_lasts(
    hass: HomeAssistant, box: EmhGateway, added: MockConfigEntry, timeline: Timeline
) -> None:
    """Each minute once it is live; back to the quarter hour by itself."""
    box.faults.add("live_values")
    await watch(timeline, START, 30)
    box.clear_requests()
    half = START + timedelta(minutes=30)
    await watch(timeline, half, 20)
    starts = sessions(box)
    assert 19 <= len(starts) <= 20
    gaps = [later - earlier for earlier, later in pairwise(starts)]
    assert all(timedelta(seconds=52) <= gap <= timedelta(seconds=68) for gap in gaps)
    assert hass.states.get(POWER).state != STATE_UNAVAILABLE

    box.faults.clear()
    await watch(timeline, half + timedelta(minutes=20), 20)
    box.clear_requests()
    await watch(timeline, half + timedelta(minutes=40), 60)
    assert 3 <= len(sessions(box)) <= 4


async def test_live_over_a_restart(
    hass: HomeAssistant, box: EmhGateway, added: MockConfigEntry, timeline: Timeline
) -> None:
    """What was read last tells it: the pace is kept, and no minute is read twice."""
    box.faults.add("live_values")
    await watch(timeline, START, 40)
    box.clear_requests()
    await restart(hass, added, timeline)
    await watch(timeline, START + timedelta(minutes=40, seconds=5), 10)
    assert 9 <= len(sessions(box)) <= 11


async def test_not_written_to_disk_each_minute(
    hass: HomeAssistant,
    box: EmhGateway,
    added: MockConfigEntry,
    timeline: Timeline,
    hass_storage: dict[str, dict[str, object]],
) -> None:
    """Each quarter hour will do."""
    box.faults.add("live_values")
    await watch(timeline, START, 40)
    key = f"smgw.{box.gateway_id.lower()}"
    versions = set()
    for minute in range(45):
        await timeline.go_to(START + timedelta(minutes=40 + minute))
        versions.add(str(hass_storage[key]["data"]["seen"]))
    assert 3 <= len(versions) <= 4


async def test_a_live_one_that_dies(
    hass: HomeAssistant, box: EmhGateway, added: MockConfigEntry, timeline: Timeline
) -> None:
    """It is not asked each minute for ever."""
    box.faults.add("live_values")
    await watch(timeline, START, 30)
    box.faults.add("server_error")
    box.clear_requests()
    for minutes in range(30, 30 + 6 * 60):
        await timeline.go_to(START + timedelta(minutes=minutes))
    assert hass.states.get(POWER).state == STATE_UNAVAILABLE
    assert 10 <= len(sessions(box)) <= 16
    box.faults.clear()
    box.faults.add("live_values")
    for minutes in range(390, 390 + 80):
        await timeline.go_to(START + timedelta(minutes=minutes))
    assert hass.states.get(POWER).state != STATE_UNAVAILABLE
