"""What entities of the control side tell beside their state: all of it has a name in both languages."""

from datetime import timedelta
from decimal import Decimal
import json
from pathlib import Path
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_capture_events,
)

from custom_components.smgw.control.command import Release, SetPrices, SetSchedule, Slot
from custom_components.smgw.control.model import Direction, LimitKind
from homeassistant.const import EVENT_STATE_CHANGED
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.util import dt as dt_util

from .conftest import set_up
from .control_home import (
    GRID,
    SUPPLIER,
    cls_switch,
    grid,
    item,
    limit,
    order,
    supplier,
    with_subentries,
)

TRANSLATIONS = Path(__file__).parents[2] / "custom_components/smgw/translations"
# Home Assistant's own, with names of its own.
COMMON = {
    *("friendly_name", "device_class", "state_class", "unit_of_measurement", "options"),
    *("icon", "event_types", "supported_features", "restored", "event_type"),
    *("message", "all_day", "start_time", "end_time", "location", "description"),
}


@pytest.mark.parametrize("language", ["en", "de"])
async def test_all_have_a_name(
    hass: HomeAssistant, entry: MockConfigEntry, language: str
) -> None:
    """Of limits, prices, switches and every event of commands, whatever they are about."""
    home = with_subentries(
        entry,
        grid(),
        supplier(items=[{"item": "sensor.unknown", "access": "read"}]),
        cls_switch("SIGNAL", "Signal", participants=[GRID, SUPPLIER]),
    )
    heard = async_capture_events(hass, EVENT_STATE_CHANGED)
    assert await set_up(hass, home)
    start = dt_util.utcnow().replace(minute=0)
    slots = (Slot(start=start, end=start + timedelta(hours=3), value=Decimal(5000)),)
    schedule = SetSchedule(
        direction=Direction.CONSUMPTION, kind=LimitKind.CONTRACT, slots=slots
    )
    for who, body, ends in (
        (GRID, limit(3000), True),
        (GRID, limit(3000, Direction.PRODUCTION), True),
        (GRID, schedule, False),
        (GRID, Release(), False),
        (SUPPLIER, SetPrices(unit="EUR/kWh", slots=slots), False),
        (SUPPLIER, item("SIGNAL", True), True),
        (GRID, item("SIGNAL", False), True),
        (SUPPLIER, item("sensor.unknown", True), True),
    ):
        await order(hass, home, who, body, **({} if ends else {"until": None}))

    path = TRANSLATIONS / f"{language}.json"
    read = await hass.async_add_executor_job(path.read_text, "utf-8")
    texts: dict[str, Any] = json.loads(read)["entity"]
    registry, missing = er.async_get(hass), set()
    for event in heard:
        known = registry.async_get(event.data["entity_id"])
        state = event.data["new_state"]
        if known is None or state is None or known.platform != "smgw":
            continue
        named = texts[known.domain].get(known.translation_key or "", {})
        missing |= {
            (known.domain, known.translation_key, attribute)
            for attribute in state.attributes.keys() - COMMON
            if "name" not in named.get("state_attributes", {}).get(attribute, {})
        }
    assert sorted(missing) == []
