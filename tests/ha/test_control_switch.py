"""CLS switches in Home Assistant: set by participants and by the owner, who shows in the logbook."""

from datetime import timedelta
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_capture_events,
)

from custom_components.smgw.control.command import Release
from homeassistant.const import EVENT_STATE_CHANGED
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import device_registry as dr
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util

from .conftest import Timeline, restart, set_up
from .control_home import (
    GRID,
    SUPPLIER,
    cls_switch,
    entity,
    grid,
    hours,
    item,
    order,
    room_of,
    settle,
    shown,
    supplier,
    with_subentries,
)

LAMP = "input_boolean.lamp"
ALONE, DRIVING = "ALONE", "DRIVING"


@pytest.fixture
async def home(hass: HomeAssistant, entry: MockConfigEntry) -> MockConfigEntry:
    """A home with a switch that stands for itself, and one that drives a lamp."""
    assert await async_setup_component(
        hass, "input_boolean", {"input_boolean": {"lamp": {}}}
    )
    made = with_subentries(
        entry,
        grid(),
        supplier(),
        cls_switch(ALONE, "Tarifsignal", participants=[GRID, SUPPLIER], rest=False),
        cls_switch(
            DRIVING, "Boiler", participants=[GRID, SUPPLIER], drives=LAMP, rest=False
        ),
    )
    assert await set_up(hass, made)
    return made


def state_of(hass: HomeAssistant, entry: MockConfigEntry, key: str) -> str:
    """Return what a CLS switch shows."""
    return shown(hass, entry, "switch", f"{key}_switch")[0]


async def press(
    hass: HomeAssistant, entry: MockConfigEntry, key: str, *, on: bool, **more: Any
) -> None:
    """Turn a CLS switch by the owner's hand."""
    entity_id = entity(hass, "switch", f"{key}_switch", entry.unique_id or "")
    service = "turn_on" if on else "turn_off"
    await hass.services.async_call(
        "switch", service, {"entity_id": entity_id}, blocking=True, **more
    )
    await settle(hass, entry)


async def test_a_participant_sets_a_switch(
    hass: HomeAssistant, home: MockConfigEntry, timeline: Timeline
) -> None:
    """It shows by whom and until when, and returns to rest when the time is over."""
    assert shown(hass, home, "switch", "ALONE_switch") == (
        "off",
        {"set_by": None, "until": None, "friendly_name": "Tarifsignal"},
    )
    until = hours(1)
    answer = await order(hass, home, SUPPLIER, item(ALONE, True), until=until)
    assert shown(hass, home, "switch", "ALONE_switch") == (
        "on",
        {
            "set_by": "participant",
            "participant": "Ökostrom",
            "until": until,
            "transaction_id": answer.transaction_id,
            "friendly_name": "Tarifsignal",
        },
    )
    await timeline.pass_by(hours=1, seconds=1)
    assert state_of(hass, home, ALONE) == "off"
    receipts = await room_of(home).ledger.receipts(SUPPLIER, answer.transaction_id)
    assert [receipt["receipt"]["state"] for receipt in receipts] == ["expired"]


async def test_left_as_it_is(
    hass: HomeAssistant, entry: MockConfigEntry, timeline: Timeline
) -> None:
    """A switch without a state of rest keeps what it showed, also over a restart."""
    home = with_subentries(
        entry, supplier(), cls_switch(ALONE, "Tarifsignal", participants=[SUPPLIER])
    )
    assert await set_up(hass, home)
    assert state_of(hass, home, ALONE) == "off"
    for value in (True, False, True):
        await order(hass, home, SUPPLIER, item(ALONE, value), until=hours(1))
        await timeline.pass_by(hours=1, seconds=1)
        state, attributes = shown(hass, home, "switch", "ALONE_switch")
        assert (state == "on", attributes["set_by"]) == (value, None)
        reading = room_of(home).home.read(ALONE)
        assert reading is not None
        assert reading.value is value
    await restart(hass, home, timeline)
    assert state_of(hass, home, ALONE) == "on"
    await order(hass, home, SUPPLIER, item(ALONE, False), until=hours(1))
    await timeline.pass_by(hours=1, seconds=1)
    assert state_of(hass, home, ALONE) == "off"


async def test_what_happens_to_a_command(
    hass: HomeAssistant, home: MockConfigEntry, timeline: Timeline
) -> None:
    """The participant's event entity follows a command from its coming to its end, with the reason."""
    commands = entity(hass, "event", f"{SUPPLIER}_commands", home.unique_id or "")
    heard = async_capture_events(hass, EVENT_STATE_CHANGED)
    await order(hass, home, SUPPLIER, item(ALONE, True), until=hours(1))
    await timeline.pass_by(hours=1, seconds=1)
    states = [
        event.data["new_state"]
        for event in heard
        if event.data["entity_id"] == commands
    ]
    assert [
        (state.attributes["event_type"], state.attributes.get("reason"))
        for state in states
    ] == [
        ("received", None),
        ("started", None),
        ("effective", "commanded"),
        ("ended", "expired"),
    ]
    assert len({state.context.id for state in states}) == 1


async def test_its_device(hass: HomeAssistant, home: MockConfigEntry) -> None:
    """A switch is a device of its own, owned by its subentry, reached through the gateway."""
    registry = dr.async_get(hass)
    device = registry.async_get(room_of(home).device_id(ALONE) or "")
    assert device is not None
    gateway = registry.async_get_device_by_identifier(
        ("smgw", home.unique_id or ""), home.entry_id
    )
    assert gateway is not None
    assert device.via_device_id == gateway.id
    assert device.config_subentry_id == ALONE
    assert device.name == "Tarifsignal"


async def test_it_drives_an_entity(
    hass: HomeAssistant, home: MockConfigEntry, timeline: Timeline
) -> None:
    """The driven entity follows with the command's context, and its state is the switch's."""
    events = async_capture_events(hass, "smgw_command")
    assert state_of(hass, home, DRIVING) == "off"
    answer = await order(hass, home, SUPPLIER, item(DRIVING, True))
    lamp = hass.states.get(LAMP)
    assert lamp is not None
    assert lamp.state == "on"
    assert lamp.context.id == events[0].context.id
    assert state_of(hass, home, DRIVING) == "on"
    switch = hass.states.get(
        entity(hass, "switch", "DRIVING_switch", home.unique_id or "")
    )
    assert switch is not None
    assert switch.context.id == events[0].context.id
    kinds = [event.data["type"] for event in events]
    assert kinds == ["received", "started", "effective"]

    # Somebody turns the lamp itself off: that is noted, and the switch tells the truth.
    await hass.services.async_call(
        "input_boolean", "turn_off", {"entity_id": LAMP}, blocking=True
    )
    await hass.async_block_till_done(wait_background_tasks=True)
    assert state_of(hass, home, DRIVING) == "off"
    await timeline.pass_by(seconds=11)
    assert [event.data["type"] for event in events][3:] == ["deviation", "failed"]
    rows = await room_of(home).ledger.rows_of(SUPPLIER, answer.transaction_id)
    assert "deviation" in [row["kind"] for row in rows]


async def test_a_driven_entity_that_is_away(
    hass: HomeAssistant, home: MockConfigEntry
) -> None:
    """The switch is unavailable, and a command fails without being tried twice."""
    hass.states.async_set(LAMP, "unavailable")
    await hass.async_block_till_done(wait_background_tasks=True)
    assert state_of(hass, home, DRIVING) == "unavailable"
    answer = await order(hass, home, SUPPLIER, item(DRIVING, True))
    record = await room_of(home).authority.status(SUPPLIER, answer.transaction_id)
    assert record is not None
    assert record.state == "failed"
    assert record.effect is not None
    assert record.effect.reason == "communication_failure"


async def test_the_owner_goes_before_a_contract(
    hass: HomeAssistant, home: MockConfigEntry
) -> None:
    """A supplier's command ends by the owner's hand, which is in the ledger."""
    answer = await order(hass, home, SUPPLIER, item(DRIVING, True))
    context = Context()
    await press(hass, home, DRIVING, on=False, context=context)
    lamp = hass.states.get(LAMP)
    assert lamp is not None
    assert (lamp.state, lamp.context.id) == ("off", context.id)
    assert shown(hass, home, "switch", "DRIVING_switch")[1]["set_by"] == "owner"
    receipts = await room_of(home).ledger.receipts(SUPPLIER, answer.transaction_id)
    assert receipts[0]["receipt"]["end"] == "overridden"
    # A later command of the supplier goes before what the owner had left.
    await order(hass, home, SUPPLIER, item(DRIVING, True))
    assert state_of(hass, home, DRIVING) == "on"


async def test_the_grid_operator_goes_before_the_owner(
    hass: HomeAssistant, home: MockConfigEntry
) -> None:
    """The owner is told who holds the switch, and until when."""
    until = dt_util.utcnow() + timedelta(minutes=30)
    await order(hass, home, GRID, item(ALONE, True), until=until)
    with pytest.raises(ServiceValidationError) as caught:
        await press(hass, home, ALONE, on=False)
    assert caught.value.translation_key == "item_held_until"
    assert caught.value.translation_placeholders == {
        "participant": "Stadtwerke",
        "until": "10:37",
    }
    assert state_of(hass, home, ALONE) == "on"
    await order(hass, home, GRID, Release(), until=None)
    assert state_of(hass, home, ALONE) == "off"
    await press(hass, home, ALONE, on=True)
    assert state_of(hass, home, ALONE) == "on"


async def test_switches_come_back(
    hass: HomeAssistant, home: MockConfigEntry, timeline: Timeline
) -> None:
    """After a restart a switch stands as it stood, and nothing is written twice."""
    await order(hass, home, GRID, item(ALONE, True), until=hours(3))
    await order(hass, home, GRID, item(DRIVING, True), until=hours(3))
    calls = async_capture_events(hass, "call_service")
    await restart(hass, home, timeline)
    assert state_of(hass, home, ALONE) == "on"
    assert state_of(hass, home, DRIVING) == "on"
    assert shown(hass, home, "switch", "ALONE_switch")[1]["participant"] == "Stadtwerke"
    assert not calls
