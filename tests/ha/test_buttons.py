"""Read now, and the self-test: what they do, and when they say no."""

from datetime import timedelta
import logging
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.smgw.const import CONF_INTERVAL, DOMAIN
from homeassistant.config_entries import SOURCE_REAUTH, ConfigEntryState
from homeassistant.const import STATE_UNAVAILABLE
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import entity_registry as er
from homeassistant.util import dt as dt_util
from simulator.clock import SimClock
from simulator.emh import EmhGateway
from simulator.ppc import PpcGateway
from simulator.ppc.view import Account
from simulator.theben import ThebenGateway

from .conftest import START, Timeline, make_entry, set_up
from .test_budget import READ_NOW, press, reload, restart, sessions
from .test_config_flow import submit, to_login
from .test_coordinator import SETTLED, STAIRWELL
from .test_logins import add

SELF_TEST = "button.smgw_eppc0210123456_self_test_restarts_the_gateway"
MINUTE = timedelta(minutes=1)


async def refused(
    hass: HomeAssistant, button: str, key: str, **placeholders: str
) -> HomeAssistantError:
    """Press a button that says no, with this text."""
    with pytest.raises(HomeAssistantError) as caught:
        await press(hass, button)
    assert caught.value.translation_domain == DOMAIN
    assert caught.value.translation_key == key
    assert (caught.value.translation_placeholders or {}) == placeholders
    return caught.value


async def owner_enables(hass: HomeAssistant, button: str, timeline: Timeline) -> None:
    """Enable a button, as its owner does: Home Assistant reloads the entry soon."""
    er.async_get(hass).async_update_entity(button, disabled_by=None)
    await timeline.pass_by(seconds=31)


async def test_read_now(
    hass: HomeAssistant, gateway: PpcGateway, timeline: Timeline
) -> None:
    """Too soon it says from when on; then it reads at once."""
    await set_up(hass, make_entry(gateway, **{CONF_INTERVAL: 60}))
    gateway.clear_requests()
    error = await refused(hass, READ_NOW, "read_too_soon", time="10:20")
    assert isinstance(error, ServiceValidationError)
    assert "10:20" in str(error)
    assert gateway.requests == []
    await timeline.go_to(START + 14 * MINUTE)
    before = hass.states.get(STAIRWELL).state
    await press(hass, READ_NOW)
    assert len(sessions(gateway)) == 1
    assert hass.states.get(STAIRWELL).state != before


async def test_read_now_with_three_logins(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
) -> None:
    """Read once a day: one at once, the others in the slots that follow."""
    entry = make_entry(gateway, **{CONF_INTERVAL: 1440})
    house = frozenset({"1emh0012345678"})
    for user in ("two", "three"):
        gateway.users[user] = Account(user, house)
    await set_up(hass, entry)
    for user in ("two", "three"):
        await add(hass, entry, username=user, password=user)
    morning = START + timedelta(days=2, hours=1)
    await timeline.go_to(morning - timedelta(hours=8))
    for minutes in range(0, 8 * 60, 15):
        await timeline.go_to(morning - timedelta(hours=8) + minutes * MINUTE)
    gateway.clear_requests()
    await press(hass, READ_NOW)
    assert len(sessions(gateway)) == 1
    for minutes in range(120):
        await timeline.go_to(morning + minutes * MINUTE)
    starts = sessions(gateway)
    assert len(starts) == 3
    assert starts[-1] - starts[0] <= timedelta(minutes=45)


async def test_read_now_after_failures(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
) -> None:
    """An owner who has mended something need not wait for the back-off."""
    gateway.faults.add("drop_mid_answer", action="showMeterProfile")
    for minutes in range(0, 200, 5):
        await timeline.go_to(START + minutes * MINUTE)
    assert hass.states.get(READ_NOW).state != STATE_UNAVAILABLE
    await timeline.pass_by(minutes=1)
    memory = loaded.runtime_data.coordinator.memory
    assert memory.trouble.until - START > timedelta(minutes=215)
    gateway.clear_requests()
    told = set()
    while not sessions(gateway):
        await timeline.pass_by(minutes=1)
        with pytest.raises(HomeAssistantError) as caught:
            await press(hass, READ_NOW)
        told.add(caught.value.translation_key)
    assert caught.value.translation_key == "connection_cut"
    assert told <= {"read_too_soon", "connection_cut"}
    assert dt_util.utcnow() < START + timedelta(minutes=215)
    gateway.faults.clear()
    await timeline.pass_by(minutes=14)
    await press(hass, READ_NOW)
    assert hass.states.get(STAIRWELL).state != STATE_UNAVAILABLE


@pytest.fixture
async def with_self_test(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    timeline: Timeline,
    hass_storage: dict[str, dict[str, object]],
) -> MockConfigEntry:
    """A loaded entry whose owner has enabled the self-test."""
    await set_up(hass, entry)
    await owner_enables(hass, SELF_TEST, timeline)
    return entry


async def test_locked(
    hass: HomeAssistant,
    with_self_test: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
) -> None:
    """Neither button sends anything while the countdown runs."""
    lock_seen = START.replace(minute=30) + SETTLED
    gateway.clock.set(lock_seen)
    gateway.faults.add("locked", seconds=277)
    await timeline.go_to(lock_seen)
    gateway.clear_requests()
    await timeline.pass_by(minutes=1)
    for button in (READ_NOW, SELF_TEST):
        await refused(hass, button, "portal_locked", remaining="3:37")
    assert gateway.requests == []


async def test_asked_to_be_left_alone(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
) -> None:
    """So long even a press waits."""
    gateway.faults.add("busy", seconds=3600)
    await timeline.go_to(START.replace(minute=30) + SETTLED)
    gateway.faults.clear()
    await timeline.pass_by(minutes=20)
    await refused(hass, READ_NOW, "left_alone", time="11:32")


async def test_without_login(
    hass: HomeAssistant, loaded: MockConfigEntry, gateway: PpcGateway
) -> None:
    """There is nobody to read as, so there is nothing to press."""
    for login in list(loaded.subentries):
        hass.config_entries.async_remove_subentry(loaded, login)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert hass.states.get(READ_NOW) is None


async def test_one_refusal_whatever_is_pressed(
    hass: HomeAssistant,
    with_self_test: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
) -> None:
    """Slots, restarts, reloads and both buttons together try a password once."""
    await timeline.go_to(START.replace(minute=30) + SETTLED)
    gateway.users[gateway.user] = Account("changed by the operator")
    await timeline.pass_by(minutes=5)
    await refused(hass, SELF_TEST, "wrong_password")
    assert gateway.failed_logins == 1
    (flow,) = hass.config_entries.flow.async_progress()
    assert flow["context"]["source"] == SOURCE_REAUTH
    for hours in range(1, 4):
        await timeline.go_to(START + timedelta(hours=hours))
        for button in (READ_NOW, SELF_TEST):
            if hass.states.get(button).state != STATE_UNAVAILABLE:
                await refused(hass, button, "wrong_password")
        await reload(hass, with_self_test)
        await restart(hass, with_self_test, timeline)
    assert with_self_test.state is ConfigEntryState.SETUP_ERROR
    assert gateway.failed_logins == 1


async def test_self_test(
    hass: HomeAssistant,
    with_self_test: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The gateway restarts; until it should be back nothing is sent, and nothing missed."""
    caplog.set_level(logging.INFO, "custom_components.smgw")
    gateway.faults.add("selftest_outage", seconds=240)
    begin = START.replace(minute=30) - MINUTE
    await timeline.go_to(begin)
    gateway.clear_requests()
    await press(hass, SELF_TEST)
    assert [r.action for r in gateway.requests][-1] == "selftest"
    await refused(hass, SELF_TEST, "self_testing", time="10:34")
    await refused(hass, READ_NOW, "self_testing", time="10:34")
    asked = len(gateway.requests)
    for seconds in range(0, 300, 20):
        await timeline.go_to(begin + timedelta(seconds=seconds))
        assert hass.states.get(STAIRWELL).state != STATE_UNAVAILABLE
    assert len(gateway.requests) == asked
    for minutes in range(5, 30):
        await timeline.go_to(begin + minutes * MINUTE)
    assert hass.states.get(STAIRWELL).state != STATE_UNAVAILABLE
    starts = sessions(gateway)
    assert len(starts) >= 2
    assert starts[1] - starts[0] >= timedelta(minutes=13)
    assert [r for r in caplog.records if r.name == "custom_components.smgw"] == []


async def test_self_test_over_a_restart(
    hass: HomeAssistant,
    with_self_test: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
) -> None:
    """Home Assistant restarted in between waits as well, and shows what it knows."""
    await timeline.go_to(START + 20 * MINUTE)
    await press(hass, SELF_TEST)
    gateway.clear_requests()
    await restart(hass, with_self_test, timeline)
    assert with_self_test.state is ConfigEntryState.LOADED
    assert hass.states.get(STAIRWELL).state != STATE_UNAVAILABLE
    assert gateway.requests == []


async def test_self_test_is_counted_not_refused(
    hass: HomeAssistant,
    with_self_test: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
) -> None:
    """A gateway that hangs is read four times an hour; its cure is possible all the same."""
    for quarters in range(1, 6):
        moment = START.replace(minute=0) + quarters * 15 * MINUTE + SETTLED
        await timeline.go_to(moment)
    await timeline.pass_by(minutes=1)
    await refused(hass, READ_NOW, "read_too_soon", time="11:32")
    await press(hass, SELF_TEST)
    budget = with_self_test.runtime_data.coordinator.budget
    assert len(budget.sessions) == 5


async def added(hass: HomeAssistant, box: Any) -> MockConfigEntry:
    """Add a gateway by the flow."""
    flow = await to_login(hass, box)
    result = await submit(hass, flow, username=box.user, password=box.password)
    await hass.async_block_till_done(wait_background_tasks=True)
    entry: MockConfigEntry = result["result"]
    return entry


async def test_theben_locks_the_self_test(
    hass: HomeAssistant,
    socket_enabled: None,
    clock: SimClock,
    timeline: Timeline,
) -> None:
    """A test that somebody else has started: the gateway's no is passed on."""
    with ThebenGateway(clock=clock) as box:
        await added(hass, box)
        button = f"button.smgw_{box.gateway_id.lower()}_self_test_restarts_the_gateway"
        await owner_enables(hass, button, timeline)
        box.faults.add("self_test_running")
        await refused(hass, button, "self_test_locked", minutes="10")
        box.faults.clear()
        await press(hass, button)
        await timeline.pass_by(minutes=6)
        await refused(hass, button, "self_test_locked", minutes="10")
        await timeline.pass_by(minutes=5)
        await press(hass, button)


@pytest.mark.parametrize("kind", [PpcGateway, ThebenGateway, EmhGateway])
async def test_which_gateway_has_which(
    hass: HomeAssistant,
    socket_enabled: None,
    clock: SimClock,
    kind: Any,
    entity_registry: er.EntityRegistry,
) -> None:
    """Read now for all; the self-test where there is one, and not enabled at first."""
    with kind(clock=clock) as box:
        entry = await added(hass, box)
        buttons = {
            item.unique_id.removeprefix(f"{box.gateway_id}_"): item.disabled_by
            for item in er.async_entries_for_config_entry(
                entity_registry, entry.entry_id
            )
            if item.domain == "button"
        }
        expected = {"read_now": None}
        if kind is not EmhGateway:
            expected["self_test"] = er.RegistryEntryDisabler.INTEGRATION
        assert buttons == expected
