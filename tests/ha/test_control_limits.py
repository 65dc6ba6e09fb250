"""Limits as Home Assistant shows them: entities, events, contexts; and that they come back."""

from pathlib import Path

import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_capture_events,
    async_test_home_assistant,
)

from custom_components.smgw.control.command import Release
from custom_components.smgw.control.model import Direction
from homeassistant import loader
from homeassistant.config_entries import ConfigEntryState, ConfigSubentry
from homeassistant.core import Event, EventStateChangedData, HomeAssistant, callback
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.helpers.event import async_track_state_change_event
from homeassistant.util import dt as dt_util
from simulator.ppc import PpcGateway

from .conftest import Timeline, restart, set_up
from .control_home import (
    GRID,
    SUPPLIER,
    entity,
    grid,
    hours,
    limit,
    order,
    room_of,
    shown,
    supplier,
    with_subentries,
)


def mode(path: Path) -> int | None:
    """Return who may read a file; None: it is not there."""
    return path.stat().st_mode & 0o777 if path.exists() else None


@pytest.fixture
async def home(hass: HomeAssistant, entry: MockConfigEntry) -> MockConfigEntry:
    """A home with a grid operator and a supplier."""
    made = with_subentries(entry, grid(), supplier())
    assert await set_up(hass, made)
    return made


async def test_a_limit_shows(hass: HomeAssistant, home: MockConfigEntry) -> None:
    """A limit shows with its end and its owner, and goes when it is released."""
    events = async_capture_events(hass, "smgw_command")
    # After a start the failsafe limit holds.
    assert shown(hass, home, "sensor", "consumption_limit")[0] == "4200"
    assert shown(hass, home, "sensor", "consumption_limit_state")[0] == "init"
    until = hours(2)
    answer = await order(hass, home, GRID, limit(3000), until=until)
    assert answer.verdict.accepted
    state, attributes = shown(hass, home, "sensor", "consumption_limit")
    assert state == "3000"
    assert attributes["participant"] == "Stadtwerke"
    assert attributes["transaction_id"] == answer.transaction_id
    assert attributes["unit_of_measurement"] == "W"
    assert shown(hass, home, "sensor", "consumption_limit_until")[0] == (
        until.isoformat(timespec="seconds")
    )
    assert shown(hass, home, "sensor", "consumption_limit_state")[0] == "limited"
    assert shown(hass, home, "binary_sensor", "consumption_limited")[0] == "on"
    assert shown(hass, home, "binary_sensor", "production_limited")[0] == "off"
    assert shown(hass, home, "sensor", "production_limit")[0] == "unknown"

    await order(hass, home, GRID, Release(), until=None)
    assert shown(hass, home, "sensor", "consumption_limit")[0] == "unknown"
    assert shown(hass, home, "sensor", "consumption_limit_state")[0] == "controlled"
    kinds = [event.data["type"] for event in events]
    assert kinds == ["received", "started", "received", "ended", "ended"]


async def test_the_state_has_the_command_behind_it(
    hass: HomeAssistant, home: MockConfigEntry
) -> None:
    """The event, the limit and what ends it carry one context of their own."""
    events = async_capture_events(hass, "smgw_command")
    await order(hass, home, GRID, limit(3000))
    gateway_id = home.unique_id or ""
    sensor = entity(hass, "sensor", "consumption_limit", gateway_id)
    state = hass.states.get(sensor)
    assert state is not None
    assert events[0].data == {
        "type": "received",
        "config_entry_id": home.entry_id,
        "participant": "Stadtwerke",
        "participant_id": GRID,
        "device_id": room_of(home).device_id(GRID),
        "entity_id": sensor,
        "transaction_id": events[0].data["transaction_id"],
        "command": "limit",
        "direction": "consumption",
        "kind": "contract",
        "watts": 3000.0,
        "start": dt_util.utcnow().isoformat(),
        "until": hours(1).isoformat(),
    }
    assert {event.context.id for event in events} == {state.context.id}
    assert events[0].context.user_id is None

    await order(hass, home, GRID, Release(), until=None)
    released = hass.states.get(sensor)
    assert released is not None
    assert released.state == "unknown"
    assert released.context.id == state.context.id


async def test_the_limit_is_there_when_limited_turns_on(
    hass: HomeAssistant, home: MockConfigEntry
) -> None:
    """An automation that waits for `limited` finds the limit and its end, and not those before."""
    gateway_id = home.unique_id or ""
    watts = entity(hass, "sensor", "production_limit", gateway_id)
    end = entity(hass, "sensor", "production_limit_until", gateway_id)
    found: list[list[str]] = []

    @callback
    def limited(event: Event[EventStateChangedData]) -> None:
        states = [event.data["new_state"], hass.states.get(watts), hass.states.get(end)]
        found.append([state.state for state in states if state is not None])

    flag = entity(hass, "binary_sensor", "production_limited", gateway_id)
    async_track_state_change_event(hass, flag, limited)
    until = hours(1)
    await order(hass, home, GRID, limit(5000, Direction.PRODUCTION), until=until)
    await order(hass, home, GRID, Release(), until=None)
    shown_until = until.isoformat(timespec="seconds")
    assert found == [["on", "5000", shown_until], ["off", "unknown", "unknown"]]


async def test_two_at_odds(hass: HomeAssistant, home: MockConfigEntry) -> None:
    """The smaller limit counts; the supplier was not granted any."""
    refused = await order(hass, home, SUPPLIER, limit(1000))
    assert not refused.verdict.accepted
    assert shown(hass, home, "event", f"{SUPPLIER}_commands")[1] == {
        "event_types": [
            "received",
            "refused",
            "started",
            "effective",
            "failed",
            "ended",
            "deviation",
        ],
        "event_type": "refused",
        "reason": "not_granted",
        "command": "limit",
        "direction": "consumption",
        "kind": "contract",
        "watts": 1000.0,
        "transaction_id": refused.transaction_id,
        "about": entity(hass, "sensor", "consumption_limit", home.unique_id or ""),
        "friendly_name": "Ökostrom Commands",
    }
    await order(hass, home, GRID, limit(5000, Direction.PRODUCTION))
    assert shown(hass, home, "sensor", "production_limit")[0] == "5000"


async def test_a_limited_home_comes_back_limited(
    hass: HomeAssistant, home: MockConfigEntry, timeline: Timeline
) -> None:
    """After a reload the limit is there again, with its end, before anything was heard."""
    until = hours(2)
    await order(hass, home, GRID, limit(3000), until=until)
    await restart(hass, home, timeline)
    assert shown(hass, home, "sensor", "consumption_limit")[0] == "3000"
    assert shown(hass, home, "sensor", "consumption_limit_state")[0] == "limited"
    assert shown(hass, home, "sensor", "consumption_limit_until")[0] == (
        until.isoformat(timespec="seconds")
    )
    # Still silent: the failsafe limit is larger, and the stated end counts.
    await timeline.pass_by(minutes=3)
    assert shown(hass, home, "sensor", "consumption_limit")[0] == "3000"
    assert shown(hass, home, "sensor", "consumption_limit_state")[0] == "failsafe"
    await timeline.pass_by(hours=1, minutes=58)
    assert shown(hass, home, "sensor", "consumption_limit")[0] == "4200"
    await timeline.pass_by(minutes=5)
    assert shown(hass, home, "sensor", "consumption_limit")[0] == "unknown"
    assert shown(hass, home, "sensor", "consumption_limit_state")[0] == "autonomous"


async def test_a_gateway_that_cannot_be_read_frees_nobody(
    hass: HomeAssistant,
    home: MockConfigEntry,
    timeline: Timeline,
    gateway: PpcGateway,
) -> None:
    """Limits do not wait for readings."""
    await order(hass, home, GRID, limit(3000))
    await hass.config_entries.async_unload(home.entry_id)
    gateway.stop()
    await timeline.pass_by(minutes=20)
    await hass.config_entries.async_setup(home.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert home.state is ConfigEntryState.LOADED
    assert shown(hass, home, "sensor", "consumption_limit")[0] == "3000"
    assert room_of(home).coordinator.last_update_success is False


async def test_nothing_to_control_starts_nothing(
    hass: HomeAssistant, loaded: MockConfigEntry, hass_config_dir: str
) -> None:
    """An entry with readings only has no ledger and none of these entities."""
    assert loaded.runtime_data.control is None
    name = (loaded.unique_id or "").lower()
    assert mode(Path(hass_config_dir, ".storage", "smgw", f"{name}.ledger")) is None
    domains = {
        entity.domain
        for entity in er.async_get(hass).entities.get_entries_for_config_entry_id(
            loaded.entry_id
        )
    }
    assert domains.isdisjoint({"binary_sensor", "calendar", "switch"})


async def test_the_books_are_private(
    hass: HomeAssistant, home: MockConfigEntry, hass_config_dir: str
) -> None:
    """Ledger and key are readable by nobody else, and the ledger has the rows."""
    folder = Path(hass_config_dir, ".storage", "smgw")
    name = (home.unique_id or "").lower()
    assert mode(folder / f"{name}.ledger") == mode(folder / f"{name}.key") == 0o600
    assert mode(folder) == 0o700
    await order(hass, home, GRID, limit(3000))
    rows = await room_of(home).ledger.rows(0)
    kinds = [row["kind"] for row in rows]
    assert kinds[:3] == ["opened", "started", "grants"]
    assert "intent" in kinds
    assert any(row.get("participant") == GRID for row in rows)


async def test_participants_come_and_go(
    hass: HomeAssistant, home: MockConfigEntry
) -> None:
    """Another one is there without a reload; with the last one all of it goes."""
    room = room_of(home)
    await order(hass, home, GRID, limit(3000))
    hass.config_entries.async_remove_subentry(home, SUPPLIER)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert room_of(home) is room
    registry = er.async_get(hass)
    gateway_id = home.unique_id or ""
    assert not registry.async_get_entity_id("sensor", "smgw", f"{gateway_id}_price")
    assert shown(hass, home, "sensor", "consumption_limit")[0] == "3000"

    added = supplier()
    hass.config_entries.async_add_subentry(
        home,
        ConfigSubentry(
            data=added["data"],
            subentry_id=SUPPLIER,
            subentry_type=added["subentry_type"],
            title=added["title"],
            unique_id=added["unique_id"],
        ),
    )
    await hass.async_block_till_done(wait_background_tasks=True)
    assert room_of(home) is room
    assert shown(hass, home, "binary_sensor", f"{SUPPLIER}_connection")[0] == "off"
    devices = dr.async_get(hass)
    device = devices.async_get(room.device_id(SUPPLIER) or "")
    assert device is not None
    assert device.name == "Ökostrom"

    for subentry_id in (GRID, SUPPLIER):
        hass.config_entries.async_remove_subentry(home, subentry_id)
        await hass.async_block_till_done(wait_background_tasks=True)
    assert home.runtime_data.control is None
    left = registry.entities.get_entries_for_config_entry_id(home.entry_id)
    assert {entity.domain for entity in left}.isdisjoint(
        {"binary_sensor", "calendar", "switch"}
    )
    assert not any("limit" in entity.unique_id for entity in left)


@pytest.mark.parametrize("expected_lingering_timers", [True])
async def test_a_fresh_home_assistant_on_the_same_disk(
    hass: HomeAssistant,
    home: MockConfigEntry,
    hass_config_dir: str,
    expected_lingering_timers: bool,
) -> None:
    """Another process on the same storage goes on where this one was stopped."""
    await order(hass, home, GRID, limit(3000), until=hours(2))
    ledger_id = room_of(home).ledger.ledger_id
    await hass.async_stop(force=True)
    async with async_test_home_assistant(config_dir=hass_config_dir) as other:
        other.data.pop(loader.DATA_CUSTOM_COMPONENTS)
        again = with_subentries(home)
        assert await set_up(other, again)
        assert room_of(again).ledger.ledger_id == ledger_id
        assert shown(other, again, "sensor", "consumption_limit")[0] == "3000"
        rows = await room_of(again).ledger.rows(0)
        kinds = [row["kind"] for row in rows]
        assert kinds.count("opened") == 1
        assert kinds.count("stopped") == 1
        assert kinds.count("started") == 2
        await other.async_stop(force=True)
