"""Entities that become something else after they were granted: other names, classes, categories, areas."""

from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_capture_events,
    async_mock_service,
)

from custom_components.smgw.control.model import Access
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers import (
    area_registry as ar,
    device_registry as dr,
    entity_registry as er,
)

from .conftest import Timeline, set_up
from .control_home import (
    SUPPLIER,
    hours,
    item,
    limit,
    order,
    room_of,
    settle,
    supplier,
    with_subentries,
)
from .test_control_items import Things, granted, reach


async def test_a_renamed_power_sensor(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    """What is measured is followed under its new name."""
    things = Things(hass)
    watts = {"unit_of_measurement": "W"}
    meter = things.add("sensor", "9000", watts)
    made = with_subentries(
        entry,
        supplier(limits={"consumption": {}}),
        power_sources={"consumption": {"source": meter.id}},
    )
    assert await set_up(hass, made)
    answer = await order(hass, made, SUPPLIER, limit(4200), until=hours(1))
    renamed = "sensor.renamed"
    er.async_get(hass).async_update_entity(meter.entity_id, new_entity_id=renamed)
    await settle(hass, made)
    record = await room_of(made).authority.status(SUPPLIER, answer.transaction_id)
    assert record is not None
    assert record.state == "active"
    # No time passes: it is heard of at once.
    hass.states.async_set(renamed, "3000", watts)
    await settle(hass, made)
    record = await room_of(made).authority.status(SUPPLIER, answer.transaction_id)
    assert record is not None
    assert record.state == "effective"
    assert record.measured.effect == 3000


@pytest.mark.parametrize(
    "change",
    [
        {"device_class": "garage"},
        {"entity_category": EntityCategory.CONFIG},
        {"hidden_by": er.RegistryEntryHider.USER},
    ],
    ids=lambda change: next(iter(change)),
)
async def test_what_an_entity_becomes_after_the_grant(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    timeline: Timeline,
    change: dict[str, Any],
) -> None:
    """A class that rules it out holds at once; a scheduled command opens no garage. Of its device it may drop out."""
    things = Things(hass)
    cover = things.add("cover", "closed", {})
    plug = things.add("switch", "off", {})
    home = await granted(
        hass,
        entry,
        things=[{"thing": things.device.id, "access": "write"}],
        items=[{"item": cover.id, "access": "write"}],
    )
    for calls in ("open_cover", "set_cover_position"):
        async_mock_service(hass, "cover", calls)
    opened = async_capture_events(hass, "call_service")
    answers = [
        await order(
            hass, home, SUPPLIER, item(it, True), start=hours(1), until=hours(2)
        )
        for it in (cover.id, plug.id)
    ]
    assert [answer.verdict.reason for answer in answers] == ["possible", "possible"]
    registry = er.async_get(hass)
    for entity in (cover, plug):
        registry.async_update_entity(entity.entity_id, **change)
    await settle(hass, home)
    closed = "device_class" in change
    assert reach(home, cover.id)[1] is (None if closed else Access.WRITE)
    assert reach(home, plug.id)[1] is (Access.WRITE if closed else None)
    await timeline.pass_by(hours=1, seconds=1)
    await settle(hass, home)
    domains = {event.data["domain"] for event in opened}
    assert ("cover" in domains) is not closed
    assert ("switch" in domains) is closed


async def test_another_area(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Where a device stands means nothing: neither its items nor their ids change."""
    things = Things(hass)
    plug = things.add("switch", "off", {})
    home = await granted(
        hass, entry, things=[{"thing": things.device.id, "access": "write"}]
    )
    area = ar.async_get(hass).async_create("Garage")
    dr.async_get(hass).async_update_device(things.device.id, area_id=area.id)
    await settle(hass, home)
    assert reach(home, plug.id)[1] is Access.WRITE
