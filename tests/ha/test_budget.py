"""What a gateway bears, over a day with everything that asks for sessions."""

from contextlib import suppress
from datetime import datetime, timedelta
from itertools import pairwise
from random import Random

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.smgw.const import DOMAIN
from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import STATE_UNAVAILABLE
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.entity_component import async_update_entity
from homeassistant.setup import async_setup_component
from simulator.ppc import PpcGateway
from simulator.ppc.view import Account

from . import accounts
from .conftest import START, Timeline, set_up
from .test_coordinator import SETTLED, session_starts
from .test_logins import GAS, IMPORT, SLOT, add

HOUR = timedelta(hours=1)
READ_NOW = "button.smgw_eppc0210123456_read_now"
pytestmark = pytest.mark.gateway(**accounts.THREE)


@pytest.fixture
async def three(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    hass_storage: dict[str, dict[str, object]],
) -> MockConfigEntry:
    """A loaded entry with three logins."""
    await set_up(hass, entry)
    await add(hass, entry, username="export", password="two")
    await add(hass, entry, username="gas", password="three")
    return entry


async def restart(
    hass: HomeAssistant, entry: MockConfigEntry, timeline: Timeline
) -> None:
    """Do what a restart does to the integration: only what is on disk is left."""
    await hass.config_entries.async_unload(entry.entry_id)
    await timeline.pass_by(seconds=5)
    hass.data.pop(DOMAIN)
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)


async def press(hass: HomeAssistant, button: str) -> None:
    """Press a button."""
    await hass.services.async_call(
        "button", "press", {"entity_id": button}, blocking=True
    )
    await hass.async_block_till_done(wait_background_tasks=True)


async def reload(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Reload an entry."""
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)


def sessions(gateway: PpcGateway) -> list[datetime]:
    """Return when something was sent over a new connection, the first of it."""
    first: dict[int, datetime] = {}
    for record in gateway.requests:
        first.setdefault(record.connection, record.at)
    return list(first.values())


def fullest_hour(starts: list[datetime]) -> int:
    """Return how many sessions the fullest 60 minutes hold."""
    return max(sum(begin <= s < begin + HOUR for s in starts) for begin in starts)


async def test_a_day_with_everything(
    hass: HomeAssistant, three: MockConfigEntry, gateway: PpcGateway, timeline: Timeline
) -> None:
    """Reloads, restarts, updates, buttons, faults, a refused login: four an hour.

    No two polls are nearer than 13 minutes: the floor less its tolerance. (One poll may
    open a second session at once, if the first came to nothing and the hour has room.)
    """
    await async_setup_component(hass, "homeassistant", {})
    dice = Random(3)
    gateway.clear_requests()
    for minutes in range(10, 24 * 60, 6):
        await timeline.go_to(START + timedelta(minutes=minutes))
        match dice.randrange(7):
            case 0 | 1:
                await reload(hass, three)
            case 2:
                await restart(hass, three, timeline)
            case 6:
                with suppress(HomeAssistantError):
                    await press(hass, READ_NOW)
            case 3:
                await async_update_entity(hass, IMPORT)
                await hass.async_block_till_done(wait_background_tasks=True)
            case 4:
                gateway.faults.clear()
            case 5:
                fault = dice.choice(["server_error", "session_in_use", "tls_close"])
                gateway.faults.add(fault)
        if minutes > 600:
            gateway.users["gas"] = Account("changed", frozenset({"7els0045678901"}))
    starts = sessions(gateway)
    assert len(starts) > 48
    assert fullest_hour(starts) <= 4
    gaps = [b - a for a, b in pairwise(sorted(set(starts)))]
    assert min(gaps) >= timedelta(minutes=13)
    assert gateway.failed_logins == 1
    assert gateway.open_sessions == 0
    gateway.faults.clear()
    for minutes in range(0, 150, 5):
        await timeline.go_to(START + timedelta(days=1, minutes=minutes))
    assert three.state is ConfigEntryState.LOADED
    assert hass.states.get(IMPORT).state != STATE_UNAVAILABLE
    assert hass.states.get(GAS).state == STATE_UNAVAILABLE


async def test_every_slot_within_the_hour(
    hass: HomeAssistant, three: MockConfigEntry, gateway: PpcGateway, timeline: Timeline
) -> None:
    """Four an hour, at their slots, however the timers ring: none is lost."""
    for seconds in range(0, 5 * 3600, 7):
        await timeline.go_to(START + timedelta(seconds=seconds))
    slot = SLOT - SETTLED
    starts = [start for start in sessions(gateway) if start > slot + HOUR]
    assert len(starts) == 15
    assert fullest_hour(sessions(gateway)) <= 4
    behind = [(start - slot) % timedelta(minutes=15) for start in starts]
    assert all(timedelta(seconds=60) <= delay <= SETTLED for delay in behind)


async def test_a_reload_costs_no_session(
    hass: HomeAssistant, three: MockConfigEntry, gateway: PpcGateway, timeline: Timeline
) -> None:
    """What was read a moment ago is shown; the next slot reads again."""
    await timeline.go_to(SLOT + HOUR)
    value = hass.states.get(IMPORT).state
    gateway.clear_requests()
    for _ in range(20):
        await reload(hass, three)
        assert three.state is ConfigEntryState.LOADED
        assert hass.states.get(IMPORT).state == value
    assert gateway.requests == []
    await timeline.go_to(SLOT + HOUR + timedelta(minutes=15))
    assert len(session_starts(gateway)) == 1


async def test_a_restart_shows_what_was_read(
    hass: HomeAssistant, three: MockConfigEntry, gateway: PpcGateway, timeline: Timeline
) -> None:
    """Within the floor nothing is read; the values of all logins are there."""
    await timeline.go_to(SLOT + HOUR)
    before = {state.entity_id: state.state for state in hass.states.async_all("sensor")}
    gateway.clear_requests()
    await restart(hass, three, timeline)
    assert three.state is ConfigEntryState.LOADED
    after = {state.entity_id: state.state for state in hass.states.async_all("sensor")}
    assert after == before
    assert gateway.requests == []


async def test_a_restart_after_a_while_reads(
    hass: HomeAssistant, three: MockConfigEntry, gateway: PpcGateway, timeline: Timeline
) -> None:
    """Whose turn it is has one session at the start, not each login."""
    await timeline.go_to(SLOT)
    await hass.config_entries.async_unload(three.entry_id)
    await timeline.go_to(SLOT + 3 * HOUR)
    gateway.clear_requests()
    await restart(hass, three, timeline)
    assert len(session_starts(gateway)) == 1


async def test_a_restart_with_old_values_reads_all(
    hass: HomeAssistant, three: MockConfigEntry, gateway: PpcGateway, timeline: Timeline
) -> None:
    """After days nothing old is shown: each login is read, as far as the hour goes."""
    await timeline.go_to(SLOT)
    await hass.config_entries.async_unload(three.entry_id)
    await timeline.go_to(SLOT + timedelta(days=3))
    gateway.clear_requests()
    await restart(hass, three, timeline)
    assert len(session_starts(gateway)) == 3


async def test_a_fault_outlives_a_restart(
    hass: HomeAssistant, three: MockConfigEntry, gateway: PpcGateway, timeline: Timeline
) -> None:
    """What was read before it is not shown as if all was well."""
    await timeline.go_to(SLOT + HOUR)
    gateway.faults.add("drop_mid_answer", action="showMeterProfile")
    await timeline.go_to(SLOT + HOUR + timedelta(minutes=15))
    assert hass.states.get(IMPORT).state == STATE_UNAVAILABLE
    gateway.clear_requests()
    await restart(hass, three, timeline)
    assert three.state is ConfigEntryState.SETUP_RETRY
    assert three.error_reason_translation_key == "connection_cut"
    assert gateway.requests == []
    gateway.faults.clear()
    for _ in range(20):
        await timeline.pass_by(minutes=1)
    assert three.state is ConfigEntryState.LOADED


async def test_the_longer_dead_the_rarer_asked(
    hass: HomeAssistant, three: MockConfigEntry, gateway: PpcGateway, timeline: Timeline
) -> None:
    """After two slots the pauses grow to an hour; one good answer ends that."""
    await timeline.go_to(SLOT + HOUR)
    gateway.faults.add("drop_mid_answer", action="showMeterProfile")
    gateway.clear_requests()
    for minutes in range(0, 8 * 60, 2):
        await timeline.go_to(SLOT + HOUR + timedelta(minutes=minutes))
    starts = session_starts(gateway)
    gaps = [(b - a) / timedelta(minutes=1) for a, b in pairwise(starts)]
    assert gaps[:2] == sorted(gaps[:2])
    assert all(60 <= gap <= 75 for gap in gaps[3:])
    assert len(gaps) > 6
    gateway.faults.clear()
    for minutes in range(8 * 60, 10 * 60, 2):
        await timeline.go_to(SLOT + HOUR + timedelta(minutes=minutes))
    gateway.clear_requests()
    for minutes in range(10 * 60, 11 * 60, 2):
        await timeline.go_to(SLOT + HOUR + timedelta(minutes=minutes))
    assert len(session_starts(gateway)) == 4


async def test_an_unplugged_cable_is_noticed_soon(
    hass: HomeAssistant, three: MockConfigEntry, gateway: PpcGateway, timeline: Timeline
) -> None:
    """Where nothing reaches the gateway it is looked for every few minutes."""
    await timeline.go_to(SLOT + HOUR)
    gateway.faults.add("tls_close")
    slot = SLOT + HOUR + timedelta(minutes=15)
    await timeline.go_to(slot)
    assert hass.states.get(IMPORT).state == STATE_UNAVAILABLE
    gateway.faults.clear()
    await timeline.go_to(slot + timedelta(minutes=6))
    assert hass.states.get(IMPORT).state != STATE_UNAVAILABLE
    assert fullest_hour(session_starts(gateway)) <= 4
    # and an owner who reloads does not wait at all
    await timeline.go_to(slot + HOUR)
    gateway.faults.add("tls_close")
    await timeline.go_to(slot + HOUR + timedelta(minutes=15))
    assert hass.states.get(IMPORT).state == STATE_UNAVAILABLE
    gateway.faults.clear()
    await reload(hass, three)
    assert hass.states.get(IMPORT).state != STATE_UNAVAILABLE


async def test_added_again_within_the_hour(
    hass: HomeAssistant, entry: MockConfigEntry, gateway: PpcGateway, timeline: Timeline
) -> None:
    """Whoever removes and adds a gateway does not wear it out."""
    await set_up(hass, entry)
    gateway.clear_requests()
    for _ in range(5):
        await hass.config_entries.async_remove(entry.entry_id)
        await set_up(hass, entry)
    assert len(session_starts(gateway)) == 3
    assert entry.error_reason_translation_key == "sessions_used_up"
    assert "11:07" in (entry.reason or "")
    await timeline.go_to(START + HOUR + SETTLED)
    assert entry.state is ConfigEntryState.LOADED


async def test_a_busy_gateway_is_left_alone(
    hass: HomeAssistant, three: MockConfigEntry, gateway: PpcGateway, timeline: Timeline
) -> None:
    """As long as it says, over a restart too; an owner in a form may still try."""
    await timeline.go_to(SLOT + HOUR)
    gateway.faults.add("busy", seconds=2700)
    slot = SLOT + HOUR + timedelta(minutes=15)
    await timeline.go_to(slot)
    gateway.faults.clear()
    gateway.clear_requests()
    await restart(hass, three, timeline)
    assert three.error_reason_translation_key == "gateway_busy"
    assert "45 minutes" in (three.reason or "")
    for minutes in range(1, 44):
        await timeline.go_to(slot + timedelta(minutes=minutes))
    assert gateway.requests == []
    assert hass.states.get(IMPORT).state == STATE_UNAVAILABLE
    for minutes in range(45, 62):
        await timeline.go_to(slot + timedelta(minutes=minutes))
    assert hass.states.get(IMPORT).state != STATE_UNAVAILABLE
