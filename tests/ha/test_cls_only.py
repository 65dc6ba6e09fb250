"""Gateways that are there for CLS only: no login, maybe not even an address; nothing is read."""

from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import get_system_health_info
from pytest_homeassistant_custom_component.components.diagnostics import (
    get_diagnostics_for_config_entry,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.smgw.const import DOMAIN
from homeassistant.config_entries import (
    SOURCE_RECONFIGURE,
    SOURCE_USER,
    ConfigEntry,
    ConfigEntryState,
)
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import (
    device_registry as dr,
    entity_registry as er,
    issue_registry as ir,
)
from homeassistant.setup import async_setup_component
from simulator.ppc import PpcGateway

from .cls_world import free_port
from .conftest import Timeline, fresh_token
from .participants import add
from .test_config_flow import Flow, choose, start, submit, to_certificate

NUMBER = "EPPC0210123456"


async def without_login(hass: HomeAssistant, gateway: PpcGateway) -> ConfigEntry:
    """Add a gateway whose certificate was confirmed, and no login."""
    flow = await submit(hass, await to_certificate(hass, gateway))
    flow = await choose(hass, flow, "cls_only")
    assert (flow["type"], flow["step_id"]) == (FlowResultType.FORM, "cls_only")
    return await created(hass, await submit(hass, flow))


async def unreached(hass: HomeAssistant) -> Flow:
    """Try an address where nothing answers."""
    return await submit(hass, await start(hass), host=f"127.0.0.1:{free_port()}")


async def by_number(hass: HomeAssistant) -> ConfigEntry:
    """Add a gateway of which nothing is known but its number."""
    flow = await unreached(hass)
    flow = await submit(hass, flow, host="127.0.0.1:1", number="e ppc 02 10123456")
    assert (flow["type"], flow["step_id"]) == (FlowResultType.FORM, "unreached")
    assert flow["description_placeholders"]["gateway_id"] == NUMBER
    return await created(hass, await submit(hass, flow))


async def created(hass: HomeAssistant, result: Flow) -> ConfigEntry:
    """Return the entry that was made."""
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done(wait_background_tasks=True)
    entry: ConfigEntry = result["result"]
    assert entry.state is ConfigEntryState.LOADED
    assert not entry.subentries
    return entry


async def test_without_login(
    hass: HomeAssistant, gateway: PpcGateway, timeline: Timeline
) -> None:
    """Nobody logs in, however long it lasts; participants can be added."""
    entry = await without_login(hass, gateway)
    gateway.clear_requests()
    await timeline.pass_by(hours=2)
    assert gateway.requests == []
    assert entry.state is ConfigEntryState.LOADED
    await add(hass, entry)
    assert entry.runtime_data.control is not None
    assert gateway.requests == []


def shown(hass: HomeAssistant, entry: ConfigEntry) -> set[str]:
    """Return what the gateway's own device has, disabled or not, without its number."""
    registry = er.async_get(hass)
    device = dr.async_get(hass).async_get_device_by_identifier(
        (DOMAIN, NUMBER), entry.entry_id
    )
    assert device is not None
    return {
        entity.unique_id.removeprefix(f"{NUMBER}_")
        for entity in er.async_entries_for_device(
            registry, device.id, include_disabled_entities=True
        )
    }


READING = {
    *("firmware", "clock", "clock_offset", "last_sync", "interval"),
    *("history_import", "cancel_history", "read_now", "self_test", "consumer_log"),
}


async def test_nothing_that_can_never_have_a_value(
    recorder_mock: Any,
    hass: HomeAssistant,
    gateway: PpcGateway,
    entity_registry: er.EntityRegistry,
) -> None:
    """What readings would fill is there while there is a login to read with, and no longer."""
    entry = await without_login(hass, gateway)
    assert shown(hass, entry) == set()
    await add(hass, entry)
    assert shown(hass, entry).isdisjoint(READING)

    await add_login(hass, entry, gateway)
    assert shown(hass, entry) >= READING
    firmware = entity_registry.async_get_entity_id(
        "sensor", DOMAIN, f"{NUMBER}_firmware"
    )
    assert firmware is not None
    assert hass.states.get(firmware).state not in ("unknown", "unavailable")

    (login,) = entry.get_subentries_of_type("login")
    hass.config_entries.async_remove_subentry(entry, login.subentry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert shown(hass, entry).isdisjoint(READING)
    assert hass.states.get(firmware) is None

    await add_login(hass, entry, gateway)
    assert shown(hass, entry) >= READING


async def test_what_an_earlier_version_has_left(
    hass: HomeAssistant, gateway: PpcGateway, entity_registry: er.EntityRegistry
) -> None:
    """What was registered for a gateway that nobody reads goes at the next start."""
    entry = await without_login(hass, gateway)
    for platform, key in (("sensor", "firmware"), ("button", "read_now")):
        entity_registry.async_get_or_create(
            platform, DOMAIN, f"{NUMBER}_{key}", config_entry=entry
        )
    assert await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert not er.async_entries_for_config_entry(entity_registry, entry.entry_id)


async def add_login(
    hass: HomeAssistant, entry: ConfigEntry, gateway: PpcGateway
) -> None:
    """Add the consumer's account."""
    flow = await hass.config_entries.subentries.async_init(
        (entry.entry_id, "login"), context={"source": SOURCE_USER}
    )
    for fields in (
        {"next_step_id": "login"},
        {"username": gateway.user, "password": gateway.password},
    ):
        flow = await hass.config_entries.subentries.async_configure(
            flow["flow_id"], fields
        )
    assert flow["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done(wait_background_tasks=True)


async def test_login_later(hass: HomeAssistant, gateway: PpcGateway) -> None:
    """A login can be added at any time, and is read."""
    entry = await without_login(hass, gateway)
    await add_login(hass, entry, gateway)
    assert entry.runtime_data.coordinator.data.meters


async def test_number(hass: HomeAssistant, socket_enabled: None) -> None:
    """The field is there only once nothing has answered, and its errors are told."""
    flow = await start(hass)
    assert [str(field) for field in flow["data_schema"].schema] == ["host"]
    flow = await unreached(hass)
    assert flow["errors"] == {"base": "connection_refused"}
    for number, error in (
        ("12345", "invalid_gateway_id"),
        ("EXYZ0210123456", "unsupported_vendor"),
    ):
        flow = await submit(hass, flow, host="127.0.0.1:1", number=number)
        assert flow["errors"] == {"base": error}
    flow = await submit(hass, flow, host="127.0.0.1:1", number=NUMBER)
    assert flow["step_id"] == "unreached"


async def test_unreached(
    hass: HomeAssistant,
    socket_enabled: None,
    timeline: Timeline,
    hass_client: ClientSessionGenerator,
    hass_admin_user: Any,
) -> None:
    """With nothing but a number everything works that does not read."""
    entry = await by_number(hass)
    assert (entry.title, entry.unique_id) == (NUMBER, NUMBER)
    registry = dr.async_get(hass)
    device = registry.async_get_device_by_identifier((DOMAIN, NUMBER), entry.entry_id)
    assert device is not None
    assert device.configuration_url is None
    await timeline.pass_by(hours=2)
    assert entry.state is ConfigEntryState.LOADED
    assert not ir.async_get(hass).issues

    participant = await add(hass, entry)
    assert entry.runtime_data.control is not None
    for name in ("diagnostics", "system_health"):
        assert await async_setup_component(hass, name, {})
    token = await fresh_token(hass, hass_admin_user)

    async def client(*_: object) -> Any:
        return await hass_client(token)

    found = await get_diagnostics_for_config_entry(hass, client, entry)
    told = found["control"]["participants"]["participant 1"]
    assert (told["role"], told["channel"]["curve"]) == ("supplier", "brainpoolP256r1")
    text = str(found)
    for secret in (participant.title, "PRIVATE", "emt.example", NUMBER):
        assert secret not in text
    health = await get_system_health_info(hass, DOMAIN)
    assert (health["gateways"], await health["reachable"]) == (1, "0/0")
    with pytest.raises(ServiceValidationError):
        await hass.services.async_call(
            DOMAIN,
            "check_connection",
            {"config_entry_id": entry.entry_id},
            blocking=True,
            return_response=True,
        )
    flow = await hass.config_entries.subentries.async_init(
        (entry.entry_id, "login"), context={"source": SOURCE_USER}
    )
    assert (flow["type"], flow["reason"]) == (FlowResultType.ABORT, "no_address")
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_known(hass: HomeAssistant, gateway: PpcGateway) -> None:
    """The same gateway again: its address is entered by reconfiguring, and confirmed."""
    entry = await by_number(hass)
    flow = await unreached(hass)
    flow = await submit(hass, flow, host="127.0.0.1:1", number=NUMBER)
    assert (flow["type"], flow["reason"]) == (FlowResultType.ABORT, "known_unreached")
    flow = await to_certificate(hass, gateway)
    assert (flow["type"], flow["reason"]) == (FlowResultType.ABORT, "known_unreached")

    flow = await hass.config_entries.flow.async_init(
        DOMAIN, context={"source": SOURCE_RECONFIGURE, "entry_id": entry.entry_id}
    )
    flow = await submit(hass, flow, host=f"{gateway.host}:{gateway.port}")
    assert flow["step_id"] == "new_certificate"
    assert flow["description_placeholders"]["old"] == "–"
    flow = await submit(hass, flow)
    assert flow["reason"] == "reconfigure_successful"
    await hass.async_block_till_done(wait_background_tasks=True)
    assert entry.state is ConfigEntryState.LOADED
    assert entry.runtime_data.config.certificate == gateway.certificate_pem
