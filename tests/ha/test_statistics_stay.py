"""What was recorded of a meter outlives its device."""

from datetime import timedelta

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
    do_adhoc_statistics,
)

from custom_components.smgw.const import DOMAIN
from homeassistant.components.recorder import get_instance
from homeassistant.components.recorder.statistics import statistics_during_period
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er
from simulator.ppc import PpcGateway

from .conftest import START, Timeline, set_up
from .test_coordinator import SETTLED
from .test_exchange import EXPORT, OLD, QUARTER, SLOT, devices, exchange, state

pytestmark = pytest.mark.usefixtures("recorder_mock", "nothing_kept")


async def test_statistics_of_the_old_meter_stay(
    hass: HomeAssistant,
    gateway: PpcGateway,
    entry: MockConfigEntry,
    timeline: Timeline,
    device_registry: dr.DeviceRegistry,
) -> None:
    """Past consumption is not deleted with a device."""
    truth = gateway.true_register(OLD.lower(), EXPORT, SLOT)
    await set_up(hass, entry)
    entity_id = er.async_get(hass).async_get_entity_id(
        "sensor", DOMAIN, f"{gateway.gateway_id}_{OLD}_{EXPORT}"
    )
    await timeline.go_to(SLOT + SETTLED)
    await async_wait_recording_done(hass)
    do_adhoc_statistics(hass, start=SLOT)
    await async_wait_recording_done(hass)
    exchange(gateway, SLOT + timedelta(minutes=5))
    await timeline.go_to(SLOT + QUARTER + SETTLED)
    device_registry.async_remove_device(devices(hass, entry)[OLD])
    await hass.async_block_till_done()
    assert state(hass, gateway, OLD) is None
    found = await get_instance(hass).async_add_executor_job(
        statistics_during_period,
        *(hass, START - timedelta(hours=1), None, {entity_id}, "5minute", None),
        {"state"},
    )
    assert found[entity_id][-1]["state"] == pytest.approx(float(truth))
