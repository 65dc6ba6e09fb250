"""Devices, loading and unloading."""

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.smgw.const import DOMAIN
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.setup import async_setup_component
from simulator.ppc import PpcGateway

from .conftest import START, Timeline, set_up
from .test_coordinator import SETTLED


async def test_devices(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    gateway: PpcGateway,
    device_registry: dr.DeviceRegistry,
) -> None:
    """One device for the gateway, one per meter, linked and owned by no login."""
    box = device_registry.async_get_device_by_identifier(
        (DOMAIN, gateway.gateway_id), loaded.entry_id
    )
    assert box is not None
    assert box.manufacturer == "Power Plus Communications"
    assert box.model == "Smart Meter Gateway"
    assert box.serial_number == gateway.gateway_id
    assert box.sw_version == "21929-21929"
    assert (
        box.configuration_url
        == f"https://{gateway.host}:{gateway.port}/cgi-bin/hanservice.cgi"
    )
    meters = [
        device
        for device in dr.async_entries_for_config_entry(
            device_registry, loaded.entry_id
        )
        if device is not box
    ]
    assert {
        (meter.name, meter.manufacturer, meter.serial_number) for meter in meters
    } == {
        ("Electricity meter 1ESY0060178981", "EasyMeter", "1ESY0060178981"),
        ("Electricity meter 1EMH0012345678", "EMH metering", "1EMH0012345678"),
        ("Gas meter 7ELS0045678901", "Elster", "7ELS0045678901"),
        ("Cold water meter 8HYD0056789012", "Diehl Metering", "8HYD0056789012"),
        ("Heat meter 6KAM0067890123", "Kamstrup", "6KAM0067890123"),
    }
    assert {meter.via_device_id for meter in meters} == {box.id}
    for device in (box, *meters):
        assert device.config_subentry_id is None


async def test_unload_and_load_again(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
) -> None:
    """Unloaded, nothing is read any more; loaded again, all is back."""
    assert await hass.config_entries.async_unload(loaded.entry_id)
    assert loaded.state is ConfigEntryState.NOT_LOADED
    gateway.clear_requests()
    await timeline.pass_by(hours=2)
    assert gateway.requests == []
    assert await hass.config_entries.async_setup(loaded.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert loaded.state is ConfigEntryState.LOADED


async def test_unload_in_the_middle_of_a_reading(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
) -> None:
    """A reading that is cut short by an unload still logs out."""
    gateway.faults.add("slow", seconds=0.2)
    gateway.clear_requests()
    timeline.jump(START.replace(minute=30) + SETTLED)
    while "showMeterProfile" not in [record.action for record in gateway.requests]:
        await timeline.breathe()
    assert gateway.open_sessions == 1
    assert await hass.config_entries.async_unload(loaded.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert gateway.open_sessions == 0


@pytest.mark.parametrize("fault", ["tls_close", "other_web_server", "server_error"])
async def test_not_ready_names_the_reason(
    hass: HomeAssistant, entry: MockConfigEntry, gateway: PpcGateway, fault: str
) -> None:
    """A gateway that cannot be read at the start is retried; the card says why."""
    gateway.faults.add(fault)
    assert not await set_up(hass, entry)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    assert entry.reason
    assert entry.error_reason_translation_key in {
        "tls_failed",
        "not_a_gateway",
        "gateway_fault",
    }


async def test_changed_certificate_gets_nothing(
    hass: HomeAssistant, entry: MockConfigEntry, gateway: PpcGateway
) -> None:
    """A gateway with another certificate than the pinned one is not spoken to."""
    gateway.rotate_certificate()
    assert not await set_up(hass, entry)
    assert entry.error_reason_translation_key == "certificate_changed"
    assert gateway.requests == []


async def test_only_a_meter_that_is_gone_can_be_deleted(
    hass: HomeAssistant,
    hass_ws_client: WebSocketGenerator,
    loaded: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
    device_registry: dr.DeviceRegistry,
) -> None:
    """The gateway and its present meters stay."""
    await async_setup_component(hass, "config", {})
    client = await hass_ws_client(hass)
    devices = {
        device.serial_number: device.id
        for device in dr.async_entries_for_config_entry(
            device_registry, loaded.entry_id
        )
    }
    gateway.scenario.meters.remove_meter("7els0045678901")
    await timeline.go_to(START.replace(minute=30) + SETTLED)

    async def delete(serial: str) -> bool:
        answer = await client.remove_device(devices[serial])
        return bool(answer["success"])

    assert not await delete(gateway.gateway_id)
    assert not await delete("1ESY0060178981")
    assert await delete("7ELS0045678901")
