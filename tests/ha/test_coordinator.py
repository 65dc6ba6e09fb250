"""When the gateway is read, and what happens when that fails."""

from datetime import UTC, datetime, timedelta
import json
import logging
from pathlib import Path
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components import smgw
from custom_components.smgw.const import CONF_INTERVAL
from homeassistant.config_entries import SOURCE_REAUTH, ConfigEntryState
from homeassistant.const import STATE_UNAVAILABLE
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_component import async_update_entity
from homeassistant.setup import async_setup_component
from simulator.ppc import PpcGateway
from simulator.ppc.view import Account

from .conftest import START, Timeline, make_entry, set_up

STAIRWELL = "sensor.electricity_meter_1esy0060178981_grid_import"
# After the quarter hour and the longest spread: every reading of that slot is done.
SETTLED = timedelta(seconds=100)


def text(key: str) -> str:
    """Return the English text of a failure."""
    english = Path(smgw.__file__).parent / "translations" / "en.json"
    texts = json.loads(english.read_text(encoding="utf-8"))
    message: str = texts["exceptions"][key]["message"]
    # Home Assistant leaves out the last full stop where it puts a text into its own
    return message.removesuffix(".")


def session_starts(gateway: PpcGateway) -> list[datetime]:
    """Return when sessions were opened: at each challenge."""
    return [record.at for record in gateway.requests if record.status == 401]


async def test_reads_a_little_behind_the_quarter_hour(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
) -> None:
    """Each quarter hour once, 60 to 90 s late, and with the new value."""
    gateway.clear_requests()
    seconds = 0
    while seconds < 3600:
        seconds += 5
        await timeline.go_to(START + timedelta(seconds=seconds))
    starts = session_starts(gateway)
    # 10:07 was the set-up; 10:15 would be nearer to it than the floor allows
    assert [start.replace(second=0) for start in starts] == [
        datetime(2026, 11, 20, 9, minute, tzinfo=UTC) for minute in (31, 46)
    ] + [datetime(2026, 11, 20, 10, 1, tzinfo=UTC)]
    for start in starts:
        behind = timedelta(minutes=start.minute % 15, seconds=start.second)
        assert timedelta(seconds=60) <= behind <= timedelta(seconds=95)
    slot = START.replace(hour=10, minute=0)
    truth = gateway.true_register("1esy0060178981", "1-0:1.8.0", slot)
    assert hass.states.get(STAIRWELL).state == str(truth)


async def test_four_requests_for_one_meter(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
) -> None:
    """A poll costs a challenge, the list, one page per meter, and the farewell."""
    for meter in list(gateway.scenario.meters)[1:]:
        gateway.scenario.meters.remove_meter(meter.id)
    gateway.clear_requests()
    await timeline.go_to(START.replace(minute=30) + SETTLED)
    assert [(r.action, r.status) for r in gateway.requests] == [
        ("meterform", 401),
        ("meterform", 200),
        ("showMeterProfile", 200),
        ("logout", 200),
    ]
    assert gateway.open_sessions == 0


@pytest.mark.parametrize(
    ("minutes", "hour", "minute"), [(30, 9, 30), (60, 10, 0), (1440, 23, 0)]
)
async def test_interval_option(
    hass: HomeAssistant,
    gateway: PpcGateway,
    timeline: Timeline,
    minutes: int,
    hour: int,
    minute: int,
) -> None:
    """Longer intervals fall on their own slots; a day's on local midnight."""
    await set_up(hass, make_entry(gateway, **{CONF_INTERVAL: minutes}))
    gateway.clear_requests()
    slot = START.replace(hour=hour, minute=minute)
    await timeline.go_to(slot + timedelta(seconds=50))
    assert session_starts(gateway) == []
    await timeline.go_to(slot + SETTLED)
    assert len(session_starts(gateway)) == 1


async def test_interval_below_the_floor_is_not_followed(
    hass: HomeAssistant, gateway: PpcGateway, timeline: Timeline
) -> None:
    """An interval that came in by another way than the form is lifted to the floor."""
    await set_up(hass, make_entry(gateway, **{CONF_INTERVAL: 1}))
    gateway.clear_requests()
    await timeline.pass_by(minutes=5)
    assert session_starts(gateway) == []


async def test_update_requests_respect_the_floor(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
) -> None:
    """An automation that asks every minute does not wear the gateway out."""
    await async_setup_component(hass, "homeassistant", {})
    gateway.clear_requests()
    for _ in range(5):
        await async_update_entity(hass, STAIRWELL)
        await timeline.pass_by(seconds=20)
    # the slot of 10:15 is too near as well
    await timeline.go_to(START.replace(minute=17))
    assert gateway.requests == []
    await timeline.go_to(START.replace(minute=22))
    await async_update_entity(hass, STAIRWELL)
    await timeline.pass_by(seconds=20)
    assert len(session_starts(gateway)) == 1


async def test_interval_changes_without_a_session(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
) -> None:
    """A new interval counts from now on."""
    gateway.clear_requests()
    hass.config_entries.async_update_entry(loaded, options={CONF_INTERVAL: 60})
    await hass.async_block_till_done(wait_background_tasks=True)
    await timeline.go_to(START.replace(minute=30) + SETTLED)
    assert gateway.requests == []
    await timeline.go_to(START.replace(hour=10, minute=0) + SETTLED)
    assert len(session_starts(gateway)) == 1


@pytest.mark.parametrize(
    ("fault", "key"),
    [
        ("tls_close", "tls_failed"),
        ("server_error", "gateway_fault"),
        ("session_in_use", "session_in_use"),
        ("garbage_body", "not_a_gateway"),
        ("truncated", "page_unreadable"),
    ],
)
async def test_failure_and_recovery(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
    caplog: pytest.LogCaptureFixture,
    fault: str,
    key: str,
) -> None:
    """Unavailable while it fails, one line down, one up; then the value is back."""
    caplog.set_level(logging.INFO, "custom_components.smgw")
    gateway.faults.add(fault)
    for minute in (30, 45):
        await timeline.go_to(START.replace(minute=minute) + SETTLED)
        assert hass.states.get(STAIRWELL).state == STATE_UNAVAILABLE
    gateway.faults.clear()
    # a trial of the quicker way to log in may have used up the hour
    for minute in (0, 15):
        await timeline.go_to(START.replace(hour=10, minute=minute) + SETTLED)
    assert hass.states.get(STAIRWELL).state != STATE_UNAVAILABLE
    lines = [
        (record.levelname, record.getMessage())
        for record in caplog.records
        if record.name == "custom_components.smgw"
    ]
    assert [level for level, _ in lines] == ["ERROR", "INFO"]
    assert lines[0][1] == f"Error fetching {gateway.gateway_id} data: {text(key)}"
    assert lines[1][1] == f"Fetching {gateway.gateway_id} data recovered"
    assert gateway.open_sessions == 0


async def test_password_changed(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
) -> None:
    """After a refused login nothing is tried until there is a new password."""
    await timeline.go_to(START.replace(minute=30) + SETTLED)
    gateway.users[gateway.user] = Account("new password")
    await timeline.go_to(START.replace(minute=45) + SETTLED)
    assert hass.states.get(STAIRWELL).state == STATE_UNAVAILABLE
    assert gateway.failed_logins == 1
    (flow,) = hass.config_entries.flow.async_progress()
    assert flow["context"]["source"] == SOURCE_REAUTH

    await async_setup_component(hass, "homeassistant", {})
    for hours in (1, 2, 24):
        await timeline.go_to(START + timedelta(hours=hours))
        await async_update_entity(hass, STAIRWELL)
    assert gateway.failed_logins == 1

    for answer in (
        {"next_step_id": "login"},
        {"username": gateway.user, "password": "new password"},
    ):
        await hass.config_entries.flow.async_configure(flow["flow_id"], answer)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert hass.states.get(STAIRWELL).state != STATE_UNAVAILABLE
    assert gateway.failed_logins == 1


async def test_locked_gateway_is_left_alone(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
) -> None:
    """While the countdown runs nothing is sent; then the reading comes back."""
    lock_seen = START.replace(minute=30) + SETTLED
    gateway.clock.set(lock_seen)
    gateway.faults.add("locked", seconds=277)
    await timeline.go_to(lock_seen)
    assert hass.states.get(STAIRWELL).state == STATE_UNAVAILABLE
    gateway.clear_requests()
    await timeline.go_to(lock_seen + timedelta(seconds=270))
    assert gateway.requests == []
    gateway.faults.clear()
    # the answer with the countdown was a session as well: the floor counts from it
    await timeline.go_to(lock_seen + timedelta(seconds=320))
    assert gateway.requests == []
    await timeline.go_to(START.replace(minute=45) + SETTLED)
    assert hass.states.get(STAIRWELL).state != STATE_UNAVAILABLE


async def test_set_up_is_not_retried_against_a_locked_gateway(
    hass: HomeAssistant, entry: MockConfigEntry, gateway: PpcGateway, timeline: Timeline
) -> None:
    """Home Assistant retries a set-up within seconds; the gateway hears none of it."""
    gateway.faults.add("locked", seconds=277)
    assert not await set_up(hass, entry)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    assert "4:37" in (entry.reason or "")
    gateway.clear_requests()
    for _ in range(4):
        await timeline.pass_by(seconds=60)
    assert gateway.requests == []
    gateway.faults.clear()
    for _ in range(3):
        await timeline.pass_by(seconds=90)
    assert entry.state is ConfigEntryState.LOADED


async def test_failing_set_up_costs_few_sessions(
    hass: HomeAssistant, entry: MockConfigEntry, gateway: PpcGateway, timeline: Timeline
) -> None:
    """An account without meters is asked as a poll would, not every few seconds."""
    gateway.faults.add("no_meters")
    assert not await set_up(hass, entry)
    for _ in range(60):
        await timeline.pass_by(minutes=1)
    assert 3 <= gateway.logins <= 4
    gateway.faults.clear()
    for _ in range(75):
        await timeline.pass_by(minutes=1)
    assert entry.state is ConfigEntryState.LOADED


async def test_firmware_update_is_shown(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
) -> None:
    """A new firmware stands on the device as soon as a page tells of it."""
    gateway.firmware = "22000-22100"
    await timeline.go_to(START.replace(minute=30) + SETTLED)
    state = hass.states.get(f"sensor.smgw_{gateway.gateway_id.lower()}_firmware")
    assert state.state == "22000-22100"


async def test_what_was_learned_survives_a_restart(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
    hass_storage: dict[str, dict[str, Any]],
) -> None:
    """What was learned is on disk, without the account, and gone with the entry."""
    await timeline.go_to(START.replace(minute=30) + SETTLED)
    await timeline.pass_by(seconds=5)
    key = f"smgw.{gateway.gateway_id.lower()}"
    stored = hass_storage[key]["data"]
    assert stored["learned"] == {"firmware": "21929-21929", "login_by_post": True}
    assert (stored["refused"], stored["hold"], stored["down_since"]) == ({}, None, None)
    assert stored["trouble"] is None
    assert list(stored["logins"]) == list(loaded.subentries)
    assert len(stored["worked"]) == len(stored["seen"]) == 1
    assert [datetime.fromisoformat(text) for text in stored["sessions"]] == [
        START,
        START.replace(minute=30) + SETTLED,
    ]
    assert gateway.password not in str(stored)
    assert gateway.user not in str(stored)
    await hass.config_entries.async_remove(loaded.entry_id)
    await hass.async_block_till_done()
    assert key not in hass_storage


async def test_a_hold_survives_a_restart(
    hass: HomeAssistant,
    hass_storage: dict[str, dict[str, object]],
    entry: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
) -> None:
    """A gateway that was locked when Home Assistant stopped is still left alone."""
    key = f"smgw.{gateway.gateway_id.lower()}"
    hass_storage[key] = {
        "version": 1,
        "key": key,
        "data": {
            "learned": {"firmware": "21929-21929", "login_by_post": True},
            "hold": {
                "until": (START + timedelta(minutes=4)).isoformat(),
                "key": "portal_locked",
                "placeholders": {"remaining": "4:00"},
            },
        },
    }
    assert not await set_up(hass, entry)
    assert entry.error_reason_translation_key == "portal_locked"
    assert gateway.requests == []
    await timeline.pass_by(minutes=5)
    assert entry.state is ConfigEntryState.LOADED
    # and the welcome page is not needed, as it was not before
    assert gateway.requests[0].action == "meterform"


async def test_cut_sessions_in_set_up_are_few(
    hass: HomeAssistant, entry: MockConfigEntry, gateway: PpcGateway, timeline: Timeline
) -> None:
    """A session that is cut in the middle costs one as well: set-up waits after it."""
    gateway.faults.add("drop_mid_answer", action="showMeterProfile")
    assert not await set_up(hass, entry)
    for _ in range(60):
        await timeline.pass_by(minutes=1)
    assert 3 <= gateway.logins <= 4


async def test_floor_holds_after_a_failure(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
) -> None:
    """An automation that asks each minute opens no session each minute, failing or not."""
    await async_setup_component(hass, "homeassistant", {})
    gateway.faults.add("server_error", action="showMeterProfile")
    await timeline.go_to(START.replace(minute=30) + SETTLED)
    before = gateway.logins
    for _ in range(10):
        await timeline.pass_by(minutes=1)
        await async_update_entity(hass, STAIRWELL)
        assert hass.states.get(STAIRWELL).state == STATE_UNAVAILABLE
    assert gateway.logins == before


async def test_daily_reading_is_repeated_after_a_fault(
    hass: HomeAssistant, gateway: PpcGateway, timeline: Timeline
) -> None:
    """A short fault at midnight does not cost a day."""
    await set_up(hass, make_entry(gateway, **{CONF_INTERVAL: 1440}))
    gateway.faults.add("session_in_use")
    midnight = START.replace(hour=23, minute=0)
    await timeline.go_to(midnight + SETTLED)
    assert hass.states.get(STAIRWELL).state == STATE_UNAVAILABLE
    gateway.faults.clear()
    await timeline.go_to(midnight + timedelta(minutes=15) + SETTLED)
    assert hass.states.get(STAIRWELL).state != STATE_UNAVAILABLE


async def test_a_refused_password_is_not_tried_at_each_start(
    hass: HomeAssistant,
    hass_storage: dict[str, dict[str, object]],
    entry: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
) -> None:
    """Not even by a reload; what is kept for that is no password."""
    right = gateway.password
    gateway.users[gateway.user] = Account("changed by the operator")
    assert not await set_up(hass, entry)
    for _ in range(3):
        await timeline.pass_by(minutes=20)
        await hass.config_entries.async_reload(entry.entry_id)
        await hass.async_block_till_done(wait_background_tasks=True)
    assert entry.state is ConfigEntryState.SETUP_ERROR
    assert gateway.failed_logins == 1
    assert right not in json.dumps(hass_storage[f"smgw.{gateway.gateway_id.lower()}"])
    assert len(hass.config_entries.flow.async_progress()) == 1
