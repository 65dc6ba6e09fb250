"""Until when a login's certificate is valid, and that nobody is told its key."""

from datetime import timedelta
import json
import logging
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.components.diagnostics import (
    get_diagnostics_for_config_entry,
)
from pytest_homeassistant_custom_component.typing import (
    ClientSessionGenerator,
    WebSocketGenerator,
)

from custom_components.smgw.const import DOMAIN
from homeassistant.const import STATE_UNAVAILABLE
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.setup import async_setup_component
from simulator.ppc import PpcGateway
from tests.client_keys import account

from .by_certificate import (
    END,
    IMPORT,
    KNOWING,
    OWN,
    PASSWORD,
    RENEWED,
    SLOT,
    by_certificate,
    subentry_of,
)
from .conftest import Timeline, set_up
from .test_logins import answer, to_account
from .test_repairs import issues

pytestmark = pytest.mark.gateway(**KNOWING)


@pytest.fixture
def entry(gateway: PpcGateway) -> MockConfigEntry:
    """An entry whose login is a certificate."""
    return by_certificate(gateway)


def expiry_id(hass: HomeAssistant, entry: MockConfigEntry) -> str | None:
    """Return the sensor that tells how long the only login's certificate is valid."""
    (login,) = entry.subentries
    return er.async_get(hass).async_get_entity_id(
        "sensor", DOMAIN, f"{entry.unique_id}_{login}_login_certificate"
    )


async def test_expiry(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
    upload: Any,
) -> None:
    """A date on the gateway's device; an issue ahead of it, one after it, none once renewed."""
    await set_up(hass, entry)
    sensor = expiry_id(hass, entry)
    assert sensor is not None
    assert hass.states.get(sensor).state == END.isoformat()
    assert hass.states.get(sensor).name.endswith("Certificate of Roof valid until")
    entity = er.async_get(hass).async_get(sensor)
    assert entity.config_subentry_id is None
    device = dr.async_get(hass).async_get(entity.device_id)
    assert device.serial_number == gateway.gateway_id

    assert issues(hass) == set()
    await timeline.go_to(END - timedelta(days=31))
    assert issues(hass) == set()
    await timeline.go_to(END - timedelta(days=30) + timedelta(minutes=20))
    assert issues(hass) == {"login_certificate_expiring"}
    await timeline.go_to(END + timedelta(minutes=20))
    assert issues(hass) == {"login_certificate_expired"}

    (login,) = entry.subentries
    flow = await to_account(hass, entry, login, "client_certificate")
    flow = await answer(hass, flow, file=await upload(OWN.pkcs12()))
    assert flow["errors"] == {"file": "client_certificate_expired"}
    result = await answer(hass, flow, file=await upload(RENEWED.pkcs12()))
    assert result["reason"] == "reconfigure_successful"
    await hass.async_block_till_done(wait_background_tasks=True)
    assert issues(hass) == set()
    assert hass.states.get(sensor).state == "2060-01-01T00:00:00+00:00"


async def test_expiry_is_known_without_the_gateway(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
) -> None:
    """A gateway that is away changes no date."""
    await set_up(hass, entry)
    gateway.stop()
    await timeline.go_to(SLOT)
    assert hass.states.get(IMPORT).state == STATE_UNAVAILABLE
    assert hass.states.get(expiry_id(hass, entry)).state == END.isoformat()


async def test_expiry_goes_with_its_login(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
) -> None:
    """Renamed with it, gone with its certificate; nothing is left over from a time apart."""
    await set_up(hass, entry)
    sensor = expiry_id(hass, entry)
    (login,) = entry.subentries.values()
    hass.config_entries.async_update_subentry(entry, login, title="Attic")
    await hass.async_block_till_done(wait_background_tasks=True)
    assert hass.states.get(sensor).name.endswith("Certificate of Attic valid until")

    flow = await to_account(hass, entry, login.subentry_id)
    await answer(hass, flow, username="second", password="two")
    await hass.async_block_till_done(wait_background_tasks=True)
    assert expiry_id(hass, entry) is None
    assert hass.states.get(sensor) is None

    hass.config_entries.async_update_subentry(
        entry, login, data=subentry_of(OWN, "").data
    )
    await hass.async_block_till_done(wait_background_tasks=True)
    assert expiry_id(hass, entry) == sensor
    await hass.config_entries.async_unload(entry.entry_id)
    hass.config_entries.async_remove_subentry(entry, login.subentry_id)
    assert er.async_get(hass).async_get(sensor) is not None
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert er.async_get(hass).async_get(sensor) is None


async def test_nothing_secret_is_told(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    hass_ws_client: WebSocketGenerator,
    entry: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
    caplog: pytest.LogCaptureFixture,
    upload: Any,
) -> None:
    """Neither diagnostics nor logs, lists, forms or states hold the key."""
    caplog.set_level(logging.DEBUG)
    await set_up(hass, entry)
    assert await async_setup_component(hass, "diagnostics", {})
    client = await hass_ws_client()
    gateway.faults.add("server_error")
    await timeline.go_to(SLOT)
    gateway.faults.clear()
    diagnostics = await get_diagnostics_for_config_entry(hass, hass_client, entry)
    (login,) = entry.subentries
    flow = await to_account(hass, entry, login, "client_certificate")
    file = await upload(OWN.pkcs12(PASSWORD.encode()))
    form = await answer(hass, flow, file=file, password="mistyped")
    lists = []
    for command in (
        {"type": "config_entries/subentries/list", "entry_id": entry.entry_id},
        {"type": "config_entries/get"},
    ):
        await client.send_json_auto_id(command)
        lists.append(await client.receive_json())
    logins = [*entry.runtime_data.coordinator.logins]
    states = hass.states.async_all()
    shown = f"{diagnostics} {lists} {form} {logins} {states} {caplog.text}"
    for secret in (
        *OWN.key_pem.split("\n")[1:3],
        "BEGIN PRIVATE KEY",
        "BEGIN CERTIFICATE",
        PASSWORD,
        "mistyped",
    ):
        assert secret not in shown
    # and whose certificate it is stands in no diagnostics
    for private in ("ecpr0099000001", account(OWN).digest, "Roof"):
        assert private not in json.dumps(diagnostics)
