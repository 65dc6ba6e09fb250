"""What of the home can be granted: the table, in a real registry, and what a write does."""

from decimal import Decimal
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_capture_events,
    async_mock_service,
)

from custom_components.smgw.control.model import Access, Direction, Item, ItemKind
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.setup import async_setup_component

from .conftest import Timeline, set_up
from .control_home import (
    GRID,
    SUPPLIER,
    grid,
    hours,
    item,
    limit,
    order,
    room_of,
    settle,
    shown,
    supplier,
    with_subentries,
)

SWITCH, NUMBER, CHOICE, TEXT = ItemKind
CAN_SET = {"supported_features": 1}
POSITION = {"supported_features": 4, "current_position": 30}
ROOM = {"temperature": 21.5, "min_temp": 7, "max_temp": 35, **CAN_SET}
TANK = {"temperature": 50, "min_temp": 10, "max_temp": 80, **CAN_SET}
# Domain, state, attributes; what a grant of the device reaches, and one of the entity.
WRITE, READ, NEVER = Access.WRITE, Access.READ, None
TABLE = [
    ("switch", "on", {}, WRITE, WRITE),
    ("light", "off", {}, WRITE, WRITE),
    ("number", "5", {"min": 0, "max": 9}, WRITE, WRITE),
    ("select", "eco", {"options": ["eco", "boost"]}, WRITE, WRITE),
    ("climate", "heat", ROOM, WRITE, WRITE),
    ("climate", "heat", {"temperature": None}, NEVER, NEVER),
    ("water_heater", "eco", TANK, WRITE, WRITE),
    ("cover", "open", POSITION, NEVER, WRITE),
    ("cover", "open", {"device_class": "shutter"}, NEVER, WRITE),
    ("cover", "closed", {"device_class": "garage"}, NEVER, NEVER),
    ("cover", "closed", {"device_class": "gate"}, NEVER, NEVER),
    ("cover", "closed", {"device_class": "door", **POSITION}, NEVER, NEVER),
    ("valve", "open", {"device_class": "water"}, NEVER, WRITE),
    ("valve", "open", {"device_class": "gas"}, NEVER, NEVER),
    ("sensor", "5", {"unit_of_measurement": "W"}, READ, READ),
    ("sensor", "idle", {}, READ, READ),
    ("binary_sensor", "on", {}, READ, READ),
    *(
        (domain, "on", {}, NEVER, NEVER)
        for domain in (
            "alarm_control_panel",
            "automation",
            "button",
            "camera",
            "event",
            "fan",
            "humidifier",
            "input_button",
            "input_select",
            "lawn_mower",
            "lock",
            "media_player",
            "remote",
            "scene",
            "script",
            "siren",
            "text",
            "update",
            "vacuum",
        )
    ),
]


class Things:
    """A device with entities of another integration."""

    def __init__(self, hass: HomeAssistant) -> None:
        """Register the device."""
        self.hass = hass
        self.owner = MockConfigEntry(domain="test")
        self.owner.add_to_hass(hass)
        self.device = dr.async_get(hass).async_get_or_create(
            config_entry_id=self.owner.entry_id, identifiers={("test", "one")}
        )

    def add(
        self, domain: str, state: str, attributes: dict[str, Any], **more: Any
    ) -> er.RegistryEntry:
        """Add an entity that shows something."""
        entity = er.async_get(self.hass).async_get_or_create(
            domain,
            "test",
            f"{domain}_{len(self.hass.states.async_all())}",
            config_entry=self.owner,
            device_id=self.device.id,
            **more,
        )
        self.hass.states.async_set(entity.entity_id, state, attributes)
        return entity


@pytest.fixture
def things(hass: HomeAssistant) -> Things:
    """Return a device."""
    return Things(hass)


async def granted(
    hass: HomeAssistant, entry: MockConfigEntry, **grants: Any
) -> MockConfigEntry:
    """Set a home up with a supplier that was granted something."""
    made = with_subentries(entry, supplier(**grants))
    assert await set_up(hass, made)
    return made


def reach(entry: MockConfigEntry, item_id: str) -> tuple[Item | None, Access | None]:
    """Return an item, and what the supplier may do with it."""
    room = room_of(entry)
    found = room.home.items().get(item_id)
    participant = room.authority.participants[SUPPLIER]
    if found is None:
        return None, None
    for access in (Access.WRITE, Access.READ):
        if participant.item(found, access) is not None:
            return found, access
    return found, None


@pytest.mark.parametrize(
    ("domain", "state", "attributes", "by_device", "alone"),
    TABLE,
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_table(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    things: Things,
    domain: str,
    state: str,
    attributes: dict[str, Any],
    by_device: Access | None,
    alone: Access | None,
) -> None:
    """What is not in the table is not there, whatever the owner granted."""
    entity = things.add(domain, state, attributes)
    things_granted = [{"thing": things.device.id, "access": "write"}]
    home = await granted(hass, entry, things=things_granted)
    assert reach(home, entity.id)[1] is by_device
    items_granted = [{"item": entity.id, "access": "write"}]
    subentry = home.subentries[SUPPLIER]
    data = {**subentry.data, "things": [], "items": items_granted}
    hass.config_entries.async_update_subentry(home, subentry, data=data)
    await settle(hass, home)
    assert reach(home, entity.id)[1] is alone


@pytest.mark.parametrize(
    "more",
    [
        {"entity_category": EntityCategory.CONFIG},
        {"entity_category": EntityCategory.DIAGNOSTIC},
        {"hidden_by": er.RegistryEntryHider.USER},
    ],
    ids=["config", "diagnostic", "hidden"],
)
async def test_left_out_of_a_device(
    hass: HomeAssistant, entry: MockConfigEntry, things: Things, more: dict[str, Any]
) -> None:
    """A grant of the device leaves out what sets it up and what is hidden."""
    entity = things.add("switch", "on", {}, **more)
    home = await granted(
        hass, entry, things=[{"thing": things.device.id, "access": "write"}]
    )
    assert reach(home, entity.id)[1] is None
    answer = await order(hass, home, SUPPLIER, item(entity.id, False))
    assert answer.verdict.reason == "unknown_item"


async def test_a_class_that_the_owner_changed(
    hass: HomeAssistant, entry: MockConfigEntry, things: Things
) -> None:
    """A garage door that is shown as something else stays one."""
    entity = things.add(
        "cover", "closed", {"device_class": "shutter"}, original_device_class="garage"
    )
    home = await granted(hass, entry, items=[{"item": entity.id, "access": "write"}])
    assert reach(home, entity.id) == (None, None)


async def test_hard_bounds(
    hass: HomeAssistant, entry: MockConfigEntry, things: Things
) -> None:
    """Temperatures have bounds that no grant widens."""
    tank = things.add("water_heater", "eco", TANK)
    room = things.add("climate", "heat", ROOM)
    grant = {"access": "write", "low": "0", "high": "90"}
    home = await granted(
        hass, entry, items=[{"item": tank.id, **grant}, {"item": room.id, **grant}]
    )
    found, _ = reach(home, tank.id)
    assert found is not None
    assert (found.low, found.high, found.unit) == (Decimal(30), Decimal(65), "°C")
    found, _ = reach(home, room.id)
    assert found is not None
    assert (found.low, found.high) == (Decimal(7), Decimal(30))
    calls = async_mock_service(hass, "water_heater", "set_temperature")
    answer = await order(hass, home, SUPPLIER, item(tank.id, Decimal(66), "°C"))
    assert answer.verdict.reason == "out_of_bounds"
    answer = await order(hass, home, SUPPLIER, item(tank.id, Decimal(55), "°C"))
    assert answer.verdict.accepted
    assert [call.data for call in calls] == [
        {"entity_id": tank.entity_id, "temperature": 55.0}
    ]


WRITES = [
    ("switch", "off", {}, True, "turn_on", {}),
    ("light", "on", {}, False, "turn_off", {}),
    ("number", "5", {"min": 0, "max": 9}, Decimal("2.5"), "set_value", {"value": 2.5}),
    (
        "select",
        "eco",
        {"options": ["eco", "boost"]},
        "boost",
        "select_option",
        {"option": "boost"},
    ),
    ("climate", "heat", ROOM, Decimal(19), "set_temperature", {"temperature": 19.0}),
    ("cover", "open", POSITION, Decimal(70), "set_cover_position", {"position": 70}),
    ("cover", "open", {}, False, "close_cover", {}),
    ("valve", "closed", {}, True, "open_valve", {}),
]


@pytest.mark.parametrize(
    ("domain", "state", "attributes", "value", "service", "data"),
    WRITES,
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_writes(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    things: Things,
    domain: str,
    state: str,
    attributes: dict[str, Any],
    value: Any,
    service: str,
    data: dict[str, Any],
) -> None:
    """A command becomes one action, with the command's own context."""
    entity = things.add(domain, state, attributes)
    home = await granted(hass, entry, items=[{"item": entity.id, "access": "write"}])
    events = async_capture_events(hass, "smgw_command")
    calls = async_mock_service(hass, domain, service)
    found, _ = reach(home, entity.id)
    assert found is not None
    answer = await order(hass, home, SUPPLIER, item(entity.id, value, found.unit))
    assert answer.verdict.accepted
    (call,) = calls
    assert call.data == {"entity_id": entity.entity_id, **data}
    assert call.context.id == events[0].context.id
    assert events[0].data["entity_id"] == entity.entity_id


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (HomeAssistantError("no answer"), "communication_failure"),
        (ServiceValidationError("no"), "rejected"),
        (ValueError("a bug"), "unable"),
    ],
    ids=["silent", "refused", "broken"],
)
async def test_a_device_that_does_not_do_it(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    things: Things,
    error: Exception,
    reason: str,
) -> None:
    """The command fails with a reason, and is not tried again."""
    entity = things.add("switch", "off", {})
    home = await granted(hass, entry, items=[{"item": entity.id, "access": "write"}])
    calls = async_mock_service(hass, "switch", "turn_on", raise_exception=error)
    answer = await order(hass, home, SUPPLIER, item(entity.id, True))
    record = await room_of(home).authority.status(SUPPLIER, answer.transaction_id)
    assert record is not None
    assert record.effect is not None
    assert (record.state, record.effect.reason) == ("failed", reason)
    assert len(calls) == 1


async def test_our_own_switches_only_as_such(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    """Granted as an entity, one of our switches can be read only: it is set as a CLS switch."""
    ours = er.async_get(hass).async_get_or_create("switch", "smgw", "some")
    hass.states.async_set(ours.entity_id, "on")
    home = await granted(hass, entry, items=[{"item": ours.id, "access": "write"}])
    assert reach(home, ours.id)[1] is Access.READ


async def test_a_renamed_entity(
    hass: HomeAssistant, entry: MockConfigEntry, things: Things
) -> None:
    """An item keeps its id when its entity is renamed."""
    entity = things.add("switch", "off", {})
    home = await granted(hass, entry, items=[{"item": entity.id, "access": "write"}])
    er.async_get(hass).async_update_entity(entity.entity_id, new_entity_id="switch.new")
    hass.states.async_set("switch.new", "off")
    await settle(hass, home)
    calls = async_mock_service(hass, "switch", "turn_on")
    await order(hass, home, SUPPLIER, item(entity.id, True))
    assert [call.data["entity_id"] for call in calls] == ["switch.new"]


async def test_executors_and_power(
    hass: HomeAssistant, entry: MockConfigEntry, timeline: Timeline
) -> None:
    """A limit lowers the wallbox as far as the measured power asks for, is effective, and gives it back."""
    helper = {"input_number": {"wallbox": {"min": 0, "max": 11000, "initial": 9000}}}
    assert await async_setup_component(hass, "input_number", helper)
    wallbox = "input_number.wallbox"

    def measure() -> None:
        state = hass.states.get(wallbox)
        assert state is not None
        kilowatts = (float(state.state) + 400) / 1000
        attributes = {"unit_of_measurement": "kW"}
        hass.states.async_set("sensor.grid", str(kilowatts), attributes)

    measure()
    executor = {"item": wallbox, "mode": "reduce", "low": "1400"}
    made = with_subentries(
        entry,
        supplier(limits={"consumption": {}}),
        power_sources={"consumption": {"source": "sensor.grid"}},
        executors={"consumption": [executor]},
    )
    assert await set_up(hass, made)
    answer = await order(hass, made, SUPPLIER, limit(4200), until=hours(1))
    await timeline.pass_by(seconds=1)
    await settle(hass, made)
    state = hass.states.get(wallbox)
    assert state is not None
    assert float(state.state) == 3800
    record = await room_of(made).authority.status(SUPPLIER, answer.transaction_id)
    assert record is not None
    assert record.state == "active"
    measure()
    await timeline.pass_by(seconds=1)
    await settle(hass, made)
    record = await room_of(made).authority.status(SUPPLIER, answer.transaction_id)
    assert record is not None
    assert record.effect is not None
    assert (record.state, record.effect.reason) == ("effective", "commanded")
    assert record.measured.before == 9400
    assert record.measured.effect == 4200
    await room_of(made).async_override(SUPPLIER, answer.transaction_id)
    await timeline.pass_by(seconds=1)
    await settle(hass, made)
    state = hass.states.get(wallbox)
    assert state is not None
    assert float(state.state) == 9000
    assert shown(hass, made, "sensor", "consumption_limit")[0] == "unknown"


async def test_an_executor_tells_its_own_limit(
    hass: HomeAssistant, entry: MockConfigEntry, timeline: Timeline
) -> None:
    """Of two limits, the one it carries out is the context of what it is set to."""
    events = async_capture_events(hass, "smgw_command")
    helper = {"input_number": {"solar": {"min": 0, "max": 10000, "initial": 10000}}}
    assert await async_setup_component(hass, "input_number", helper)
    solar = "input_number.solar"
    executor = {"item": solar, "mode": "follow", "low": "0", "high": "10000"}
    made = with_subentries(
        entry,
        grid(),
        supplier(limits={"production": {}}),
        executors={"production": [executor]},
    )
    assert await set_up(hass, made)
    await order(hass, made, GRID, limit(3000))
    answer = await order(hass, made, SUPPLIER, limit(2000, Direction.PRODUCTION))
    await timeline.pass_by(seconds=1)
    await settle(hass, made)
    state = hass.states.get(solar)
    assert state is not None
    assert float(state.state) == 2000
    (began,) = (
        event
        for event in events
        if event.data["transaction_id"] == answer.transaction_id
        and event.data["type"] == "started"
    )
    assert state.context.id == began.context.id
