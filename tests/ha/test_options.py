"""What the owner may choose, and what it means for the gateway."""

from datetime import timedelta
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.smgw.const import CONF_INTERVAL, CONF_LOG_READING, CONF_SESSIONS
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType, InvalidData
from simulator.clock import SimClock
from simulator.emh import EmhGateway
from simulator.ppc import PpcGateway
from simulator.ppc.view import Account

from .accounts import METER
from .conftest import START, Timeline, make_entry, set_up
from .test_budget import fullest_hour, sessions
from .test_config_flow import submit, to_login
from .test_coordinator import SETTLED
from .test_logins import add

type Flow = dict[str, Any]

# Three accounts that see the household's meter.
pytestmark = pytest.mark.gateway(
    users={"two": Account("2", METER), "three": Account("3", METER)}
)


async def start(hass: HomeAssistant, entry: MockConfigEntry) -> Flow:
    """Open the options."""
    flow: Flow = await hass.config_entries.options.async_init(entry.entry_id)
    assert flow["type"] is FlowResultType.MENU
    flow = await hass.config_entries.options.async_configure(
        flow["flow_id"], {"next_step_id": "reading"}
    )
    assert flow["type"] is FlowResultType.FORM
    return flow


async def choose(hass: HomeAssistant, flow: Flow, **fields: int) -> Flow:
    """Send the form."""
    result: Flow = await hass.config_entries.options.async_configure(
        flow["flow_id"], fields
    )
    await hass.async_block_till_done(wait_background_tasks=True)
    return result


def suggested(flow: Flow) -> dict[str, int]:
    """Return what the fields hold when the form opens."""
    return {
        str(key): key.description["suggested_value"]
        for key in flow["data_schema"].schema
    }


def shown(hass: HomeAssistant, box: Any) -> str:
    """Return what the gateway's sensor shows."""
    state = hass.states.get(f"sensor.smgw_{box.gateway_id.lower()}_reading_interval")
    return str(state.state)


async def test_interval(
    hass: HomeAssistant, loaded: MockConfigEntry, gateway: PpcGateway
) -> None:
    """A day is possible; less than a quarter hour is not, and nothing is reloaded."""
    flow = await start(hass, loaded)
    assert flow["step_id"] == "sessions"
    assert suggested(flow) == {CONF_INTERVAL: 15, CONF_SESSIONS: 4}
    with pytest.raises(InvalidData):
        await choose(hass, flow, interval=14, sessions=4)

    gateway.clear_requests()
    result = await choose(hass, flow, interval=1440, sessions=4)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    # the usual number is not kept: it may become another one
    assert loaded.options == {CONF_INTERVAL: 1440}
    assert gateway.requests == []
    assert loaded.state is ConfigEntryState.LOADED
    assert shown(hass, gateway) == "1440.0"
    assert suggested(await start(hass, loaded))[CONF_INTERVAL] == 1440


@pytest.fixture
async def three(hass: HomeAssistant, loaded: MockConfigEntry) -> MockConfigEntry:
    """An entry with three logins."""
    await add(hass, loaded, username="two", password="2")
    await add(hass, loaded, username="three", password="3")
    return loaded


async def watch(timeline: Timeline, hours: int, since: int = 0) -> None:
    """Let hours pass."""
    for minutes in range(since * 60, (since + hours) * 60):
        await timeline.go_to(START + timedelta(minutes=minutes, seconds=20))


async def test_three_logins(
    hass: HomeAssistant, three: MockConfigEntry, gateway: PpcGateway, timeline: Timeline
) -> None:
    """The form says what more sessions bring, warns of them, and they come."""
    assert shown(hass, gateway) == "45.0"
    flow = await start(hass, three)
    told = flow["description_placeholders"]
    assert (told["logins"], told["sessions"], told["each"]) == ("3", "4", "45 min")
    assert told["examples"] == "4 → 45 min, 6 → 30 min, 12 → 15 min"
    flow = await choose(hass, flow, interval=15, sessions=12)
    assert (flow["type"], flow["step_id"]) == (FlowResultType.FORM, "more_sessions")
    told = flow["description_placeholders"]
    assert (told["sessions"], told["spacing"]) == ("12", "5")
    assert (told["before"], told["each"]) == ("45 min", "15 min")
    assert three.options == {}
    result = await choose(hass, flow)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert three.options == {CONF_INTERVAL: 15, CONF_SESSIONS: 12}
    assert shown(hass, gateway) == "15.0"

    await watch(timeline, 2)
    gateway.clear_requests()
    await watch(timeline, 2, since=2)
    starts = sessions(gateway)
    assert 23 <= len(starts) <= 24
    assert fullest_hour(starts) <= 12

    # confirmed once, the number is not asked about again; less is taken at once
    flow = await start(hass, three)
    assert suggested(flow)[CONF_SESSIONS] == 12
    assert (await choose(hass, flow, interval=15, sessions=12))["type"] is (
        FlowResultType.CREATE_ENTRY
    )
    flow = await start(hass, three)
    await choose(hass, flow, interval=15, sessions=2)
    assert three.options == {CONF_INTERVAL: 15, CONF_SESSIONS: 2}
    assert shown(hass, gateway) == "90.0"
    await watch(timeline, 1, since=4)
    gateway.clear_requests()
    await watch(timeline, 3, since=5)
    assert 5 <= len(sessions(gateway)) <= 6


async def test_closed_without_a_word(
    hass: HomeAssistant, three: MockConfigEntry
) -> None:
    """Who closes the warning has changed nothing."""
    flow = await choose(hass, await start(hass, three), interval=30, sessions=6)
    assert flow["step_id"] == "more_sessions"
    hass.config_entries.options.async_abort(flow["flow_id"])
    assert three.options == {}


async def test_emh(
    hass: HomeAssistant, socket_enabled: None, clock: SimClock, timeline: Timeline
) -> None:
    """Only a live one offers the minute, and the form says why or why not."""
    with EmhGateway(clock=clock) as box:
        flow = await to_login(hass, box)
        result = await submit(hass, flow, username=box.user, password=box.password)
        await hass.async_block_till_done(wait_background_tasks=True)
        entry = result["result"]
        flow = await start(hass, entry)
        assert flow["step_id"] == "not_live"
        with pytest.raises(InvalidData):
            await choose(hass, flow, interval=1)
        box.faults.add("live_values")
        await watch(timeline, 1)
        flow = await start(hass, entry)
        assert flow["step_id"] == "live"
        assert suggested(flow) == {CONF_INTERVAL: 15}
        await choose(hass, flow, interval=1)
        assert entry.options == {CONF_INTERVAL: 1}
        assert shown(hass, box) == "1.0"

        await watch(timeline, 1, since=1)
        box.faults.clear()
        await watch(timeline, 1, since=2)
        assert shown(hass, box) == "15.0"
        flow = await start(hass, entry)
        assert flow["step_id"] == "not_live"
        assert suggested(flow) == {CONF_INTERVAL: 15}


async def test_while_nothing_works(
    hass: HomeAssistant, entry: MockConfigEntry, gateway: PpcGateway
) -> None:
    """An entry that does not load has options as well."""
    gateway.stop()
    entry.add_to_hass(hass)
    await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    flow = await start(hass, entry)
    result = await choose(hass, flow, interval=60, sessions=4)
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def choose_log(
    hass: HomeAssistant, entry: MockConfigEntry, reading: str | None
) -> Flow:
    """Open the log's part of the options and send it; without a choice, only open it."""
    flow: Flow = await hass.config_entries.options.async_init(entry.entry_id)
    flow = await hass.config_entries.options.async_configure(
        flow["flow_id"], {"next_step_id": "log"}
    )
    assert flow["step_id"] == "log"
    if reading is None:
        return flow
    result: Flow = await hass.config_entries.options.async_configure(
        flow["flow_id"], {CONF_LOG_READING: reading}
    )
    await hass.async_block_till_done(wait_background_tasks=True)
    return result


def log_requests(box: Any) -> int:
    """Return how often the log was asked for."""
    return sum(
        record.action == "exportLogData" or "conlogbook" in record.path
        for record in box.requests
    )


async def log_readings(timeline: Timeline, box: Any, begin: int, hours: int) -> int:
    """Let hours pass, a poll each half an hour, and count how often the log was read."""
    box.clear_requests()
    for half in range(begin * 2 + 1, (begin + hours) * 2 + 1):
        moment = START.replace(minute=0) + timedelta(minutes=30 * half)
        await timeline.go_to(moment + SETTLED)
    return log_requests(box)


async def test_log(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
) -> None:
    """Once a day by default; more after a warning, less at once; never means never."""
    assert suggested(await choose_log(hass, loaded, None)) == {
        CONF_LOG_READING: "daily"
    }
    assert log_requests(gateway) == 1
    assert await log_readings(timeline, gateway, 0, 8) == 0

    flow = await choose_log(hass, loaded, "hourly")
    assert (flow["type"], flow["step_id"]) == (FlowResultType.FORM, "more_log")
    assert flow["description_placeholders"] == {"logins": "1", "times": "24"}
    assert loaded.options == {}
    result = await choose(hass, flow)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert loaded.options == {CONF_LOG_READING: "hourly"}
    assert await log_readings(timeline, gateway, 8, 4) == 4

    # confirmed once, another pace of the kind is not asked about again
    result = await choose_log(hass, loaded, "six_hours")
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert await log_readings(timeline, gateway, 12, 12) == 2
    await choose_log(hass, loaded, "never")
    assert loaded.options == {CONF_LOG_READING: "never"}
    assert await log_readings(timeline, gateway, 24, 26) == 0
    # what is set about the reading leaves it alone
    await choose(hass, await start(hass, loaded), interval=30, sessions=4)
    assert loaded.options == {CONF_INTERVAL: 30, CONF_LOG_READING: "never"}
    await choose_log(hass, loaded, "daily")
    assert await log_readings(timeline, gateway, 50, 3) == 1


async def test_log_without_sessions(
    hass: HomeAssistant, socket_enabled: None, clock: SimClock, timeline: Timeline
) -> None:
    """Where each request is a login the warning says so; closed, nothing changes."""
    with EmhGateway(clock=clock) as box:
        entry = make_entry(box)
        assert await set_up(hass, entry)
        flow = await choose_log(hass, entry, "hourly")
        assert flow["step_id"] == "more_log_requests"
        hass.config_entries.options.async_abort(flow["flow_id"])
        assert entry.options == {}
        await choose(hass, await choose_log(hass, entry, "hourly"))
        assert entry.options == {CONF_LOG_READING: "hourly"}
        assert await log_readings(timeline, box, 0, 4) == 3
