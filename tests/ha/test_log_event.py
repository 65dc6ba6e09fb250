"""The consumer log as an event entity: each entry of others once, none of our own."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.smgw.const import DOMAIN
from homeassistant.const import EVENT_STATE_CHANGED, STATE_UNKNOWN
from homeassistant.core import (
    Event,
    EventStateChangedData,
    HomeAssistant,
    State,
    callback,
)
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.util import dt as dt_util
from simulator.emh import EmhGateway
from simulator.ppc import PpcGateway

from .conftest import START, Timeline, make_entry, restart, set_up
from .test_coordinator import SETTLED

SLOT = START.replace(minute=30) + SETTLED
NEXT_DAY = SLOT + timedelta(days=1)


@pytest.fixture
async def read(hass: HomeAssistant, box: Any, timeline: Timeline) -> MockConfigEntry:
    """An entry whose log was read once."""
    entry = make_entry(box)
    assert await set_up(hass, entry)
    await timeline.go_to(SLOT)
    return entry


@pytest.fixture
def told(hass: HomeAssistant) -> list[State]:
    """What the entity shows, one after the other."""
    shown: list[State] = []

    @callback
    def note(event: Event[EventStateChangedData]) -> None:
        new, old = event.data["new_state"], event.data["old_state"]
        if not new or not old or not event.data["entity_id"].startswith("event."):
            return
        number = new.attributes.get("number")
        if (
            number is not None and old.attributes.get("number") not in (None, number)
        ) or (number is not None and old.state == STATE_UNKNOWN):
            shown.append(new)

    hass.bus.async_listen(EVENT_STATE_CHANGED, note)
    return shown


def entity_id(hass: HomeAssistant, box: Any) -> str:
    """Return the entity's id."""
    unique_id = f"{box.gateway_id}_consumer_log"
    found = er.async_get(hass).async_get_entity_id("event", DOMAIN, unique_id)
    assert found is not None
    return found


def note(box: Any, at: datetime, text: str, *, good: bool = True) -> None:
    """Have the gateway write into its log."""
    if isinstance(box, PpcGateway):
        box.logbook.append(at, "INFO" if good else "ERROR", 10999, good, text)
    else:
        box.journal.append(at, 1 if good else 3, 16999, good, False, text)


def kinds(told: list[State]) -> list[str]:
    """Return what was announced, without what the gateway does by itself."""
    return [state.attributes["event_type"] for state in told]


async def test_nothing_of_before_and_nothing_of_ours(
    hass: HomeAssistant,
    box: Any,
    read: MockConfigEntry,
    timeline: Timeline,
    told: list[State],
) -> None:
    """The past and a day of our own logins are no news; the device is the gateway's."""
    state = hass.states.get(entity_id(hass, box))
    assert state is not None
    assert state.state == STATE_UNKNOWN
    for hour in range(1, 25):
        await timeline.go_to(SLOT + timedelta(hours=hour))
    assert "login" not in kinds(told)
    entity = er.async_get(hass).async_get(entity_id(hass, box))
    assert entity is not None
    device = dr.async_get(hass).async_get(entity.device_id or "")
    assert device is not None
    assert device.serial_number == box.gateway_id


async def test_others(
    hass: HomeAssistant,
    box: Any,
    read: MockConfigEntry,
    timeline: Timeline,
    told: list[State],
) -> None:
    """What others did is told with the log's own time, once, the oldest first."""
    at = SLOT + timedelta(hours=5, minutes=7)
    if isinstance(box, PpcGateway):
        box.logbook.login(at, "ecpr0099000002")
    else:
        box.journal.login(at)
    note(box, at + timedelta(minutes=1), "CLS-Kanal zu emt1.sm wurde aufgebaut")
    note(box, at + timedelta(minutes=2), "CLS-Kanal zu emt1.sm wurde abgebaut")
    await timeline.go_to(SLOT + timedelta(hours=20))
    assert told == []
    await timeline.go_to(NEXT_DAY)
    assert kinds(told) == ["login", "cls_connected", "cls_lost"]
    first = told[0].attributes
    assert dt_util.parse_datetime(first["time"]) == at
    assert first["number"]
    assert first["success"] is True
    assert first["level"] == "info"
    assert bool(first["event_id"]) == (not isinstance(box, EmhGateway))
    for day in (2, 3):
        await timeline.go_to(SLOT + timedelta(days=day))
    assert len(told) == 3


async def test_restart(
    hass: HomeAssistant,
    box: Any,
    read: MockConfigEntry,
    timeline: Timeline,
    told: list[State],
) -> None:
    """After a restart what was told is not told again, and what came since is."""
    note(box, SLOT + timedelta(hours=1), "Der Selbsttest wurde ohne Befund beendet.")
    await timeline.go_to(NEXT_DAY)
    assert kinds(told) == ["self_test"]
    note(box, NEXT_DAY + timedelta(hours=1), "Die Firmware wurde aktiviert.")
    await restart(hass, read, timeline)
    await timeline.go_to(NEXT_DAY + timedelta(days=1))
    assert kinds(told)[-1] == "firmware"
    assert kinds(told).count("self_test") == 1


async def test_failed_login_of_others(
    hass: HomeAssistant,
    box: Any,
    read: MockConfigEntry,
    timeline: Timeline,
    told: list[State],
) -> None:
    """Somebody tries passwords."""
    at = SLOT + timedelta(hours=5, minutes=7)
    (box.logbook if isinstance(box, PpcGateway) else box.journal).failed_login(at)
    await timeline.go_to(NEXT_DAY)
    assert kinds(told) == ["login_failed"]


async def test_disabled(
    hass: HomeAssistant, gateway: PpcGateway, entry: MockConfigEntry, timeline: Timeline
) -> None:
    """Disabled, the log is not read at all."""
    er.async_get(hass).async_get_or_create(
        "event",
        DOMAIN,
        f"{gateway.gateway_id}_consumer_log",
        disabled_by=er.RegistryEntryDisabler.USER,
    )
    assert await set_up(hass, entry)
    await timeline.go_to(SLOT)
    await timeline.go_to(NEXT_DAY)
    asked = {record.action for record in gateway.requests}
    assert "exportLogData" not in asked
    assert "showTariffProfile" in asked
