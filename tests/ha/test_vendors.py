"""Gateways of every maker, from the set-up flow to the sensors."""

from collections.abc import Generator
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.smgw.const import DOMAIN
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import device_registry as dr, entity_registry as er
from simulator.clock import SimClock
from simulator.emh import EmhGateway
from simulator.theben import ThebenGateway
from simulator.tls import self_signed

from .conftest import START, Timeline
from .test_config_flow import log_in, submit, to_certificate, to_login
from .test_coordinator import SETTLED

MAKERS = {
    ThebenGateway: ("Theben", "CONEXA 3.0"),
    EmhGateway: ("EMH metering", "CASA 1.1"),
}
METERS = (
    "1esy0060178981",
    "1emh0012345678",
    "7els0045678901",
    "8hyd0056789012",
    "6kam0067890123",
)


@pytest.fixture(params=MAKERS, ids=lambda kind: kind.__name__)
def box(
    request: pytest.FixtureRequest, socket_enabled: None, clock: SimClock
) -> Generator[Any]:
    """A simulated gateway of each maker."""
    with request.param(clock=clock) as running:
        yield running


@pytest.fixture
async def added(hass: HomeAssistant, box: Any) -> MockConfigEntry:
    """The gateway, added by the flow and loaded."""
    flow = await to_login(hass, box)
    result = await submit(hass, flow, username=box.user, password=box.password)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done(wait_background_tasks=True)
    entry: MockConfigEntry = result["result"]
    assert entry.state is ConfigEntryState.LOADED
    return entry


def energy(hass: HomeAssistant, box: Any, meter: str, obis: str) -> Decimal:
    """Return what a register's sensor shows."""
    unique_id = f"{box.gateway_id}_{meter.upper()}_{obis}"
    entity_id = er.async_get(hass).async_get_entity_id("sensor", DOMAIN, unique_id)
    assert entity_id is not None
    return Decimal(hass.states.get(entity_id).state)


async def test_certificate_step_names_the_maker(hass: HomeAssistant, box: Any) -> None:
    """Maker and number stand beside the fingerprint."""
    flow = await to_certificate(hass, box)
    shown = flow["description_placeholders"]
    assert shown["vendor"] == MAKERS[type(box)][0]
    assert shown["gateway_id"] == box.gateway_id
    assert shown["fingerprint"] == box.fingerprint


async def test_values(
    hass: HomeAssistant, box: Any, added: MockConfigEntry, timeline: Timeline
) -> None:
    """Import and export of the household and the other media, now and a slot later."""
    for moment in (START.replace(minute=0), START.replace(minute=30)):
        if moment > START:
            await timeline.go_to(moment + SETTLED)
        for meter, obis in (
            ("1esy0060178981", "1-0:1.8.0"),
            ("1emh0012345678", "1-0:2.8.0"),
        ):
            truth = box.true_register(meter, obis, moment)
            assert energy(hass, box, meter, obis) == truth


async def test_devices(
    hass: HomeAssistant,
    box: Any,
    added: MockConfigEntry,
    device_registry: dr.DeviceRegistry,
) -> None:
    """The gateway with its maker and model, and every meter behind it."""
    devices = {
        device.serial_number: device
        for device in dr.async_entries_for_config_entry(device_registry, added.entry_id)
    }
    assert devices.keys() == {box.gateway_id, *(meter.upper() for meter in METERS)}
    gateway = devices[box.gateway_id]
    assert (gateway.manufacturer, gateway.model) == MAKERS[type(box)]
    assert gateway.sw_version


async def test_wrong_password(hass: HomeAssistant, box: Any) -> None:
    """One attempt per password entered, and the next one succeeds."""
    flow = await to_login(hass, box)
    flow = await submit(hass, flow, username=box.user, password="wrong")
    assert flow["errors"] == {"base": "wrong_password"}
    assert box.failed_logins == 1
    result = await submit(hass, flow, username=box.user, password=box.password)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done(wait_background_tasks=True)


async def test_failure_and_recovery(
    hass: HomeAssistant, box: Any, added: MockConfigEntry, timeline: Timeline
) -> None:
    """Unavailable while the gateway has a fault, back with the next good reading."""
    entity_id = er.async_get(hass).async_get_entity_id(
        "sensor", DOMAIN, f"{box.gateway_id}_1ESY0060178981_1-0:1.8.0"
    )
    box.faults.add("server_error")
    await timeline.go_to(START.replace(minute=30) + SETTLED)
    assert hass.states.get(entity_id).state == "unavailable"
    box.faults.clear()
    await timeline.go_to(START.replace(minute=45) + SETTLED)
    truth = box.true_register("1esy0060178981", "1-0:1.8.0", START.replace(minute=45))
    assert Decimal(hass.states.get(entity_id).state) == truth


async def test_silence_instead_of_a_refusal(
    hass: HomeAssistant, socket_enabled: None, clock: SimClock
) -> None:
    """Theben may drop the connection of a wrong password; the text says what that means."""
    with ThebenGateway(clock=clock) as box:
        box.faults.add("refuse_by_drop")
        flow = await to_login(hass, box)
        flow = await submit(hass, flow, username=box.user, password="wrong")
        assert flow["errors"] == {"base": "login_dropped"}
        result = await submit(hass, flow, username=box.user, password=box.password)
        assert result["type"] is FlowResultType.CREATE_ENTRY
        await hass.async_block_till_done(wait_background_tasks=True)


async def test_theben_last_reading_is_the_newest_capture(
    hass: HomeAssistant, socket_enabled: None, clock: SimClock, timeline: Timeline
) -> None:
    """The gateway's clock and the meter's last reading are times with a zone."""
    with ThebenGateway(clock=clock) as box:
        flow = await to_login(hass, box)
        await submit(hass, flow, username=box.user, password=box.password)
        await hass.async_block_till_done(wait_background_tasks=True)
        state = hass.states.get(f"sensor.smgw_{box.gateway_id.lower()}_gateway_time")
        assert datetime.fromisoformat(state.state) == START


async def test_emh_told_by_its_realm(
    hass: HomeAssistant, socket_enabled: None, clock: SimClock
) -> None:
    """A certificate without the number: the challenge tells whose it is."""
    certificate = self_signed("smgw.local")
    with EmhGateway(clock=clock, certificate=certificate) as box:
        flow = await to_certificate(hass, box)
        assert flow["description_placeholders"]["gateway_id"] == box.gateway_id
        flow = await submit(hass, flow)
        result = await log_in(hass, flow, box)
        assert result["type"] is FlowResultType.CREATE_ENTRY
        await hass.async_block_till_done(wait_background_tasks=True)
        assert result["result"].state is ConfigEntryState.LOADED
