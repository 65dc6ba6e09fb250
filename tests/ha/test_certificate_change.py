"""Logins that change to a certificate, or to another one; and one that fails."""

from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from homeassistant.components.repairs import DOMAIN as REPAIRS
from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import STATE_UNAVAILABLE
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.setup import async_setup_component
from simulator.ppc import PpcGateway
from simulator.ppc.view import Account
from simulator.tls import Certificate
from tests.client_keys import account

from .by_certificate import (
    IMPORT,
    KNOWING,
    OWN,
    RENEWED,
    SLOT,
    STRANGER,
    assert_stored,
    by_certificate,
    subentry_of,
    suggested,
)
from .conftest import Timeline, make_entry, set_up
from .test_config_flow import submit
from .test_login_issues import log_in as browser
from .test_logins import answer, login_id, reauth, to_account
from .test_repairs import issues, start as start_repair

pytestmark = pytest.mark.gateway(**KNOWING)


@pytest.fixture
def entry(gateway: PpcGateway) -> MockConfigEntry:
    """An entry whose login is a certificate."""
    return by_certificate(gateway)


async def test_add_and_change_the_way(
    hass: HomeAssistant, entry: MockConfigEntry, gateway: PpcGateway, upload: Any
) -> None:
    """A second login by certificate, then by password, then by certificate again."""
    await set_up(hass, entry)
    flow = await to_account(hass, entry, way="client_certificate")
    file = await upload(OWN.pkcs12())
    flow = await answer(hass, flow, file=file)
    assert flow["errors"] == {"file": "account_taken"}
    file = await upload(RENEWED.pkcs12())
    result = await answer(hass, flow, file=file, name="Attic")
    assert (result["type"], result["title"]) == (FlowResultType.CREATE_ENTRY, "Attic")
    await hass.async_block_till_done(wait_background_tasks=True)
    assert len(hass.states.async_entity_ids()) > 5
    second = login_id(entry, account(RENEWED).identity)

    flow = await to_account(hass, entry, second)
    assert suggested(flow) == {"name": "Attic"}
    result = await answer(hass, flow, username="second", password="two")
    assert result["reason"] == "reconfigure_successful"
    await hass.async_block_till_done(wait_background_tasks=True)
    login = entry.subentries[second]
    assert login.data == {"username": "second", "password": "two"}
    assert (login.title, login.unique_id) == ("Attic", "login_second")

    flow = await to_account(hass, entry, second, "client_certificate")
    flow = await answer(hass, flow, file=await upload(OWN.pkcs12()))
    assert flow["errors"] == {"file": "account_taken"}
    result = await answer(hass, flow, file=await upload(RENEWED.pkcs12()))
    assert result["reason"] == "reconfigure_successful"
    await hass.async_block_till_done(wait_background_tasks=True)
    login = entry.subentries[second]
    assert login.data.keys() == {"client_certificate", "client_key"}
    assert login.title == "Attic"
    assert gateway.failed_logins == 0
    assert all(login.works for login in entry.runtime_data.coordinator.logins)


async def test_deleted_while_the_form_was_open(
    hass: HomeAssistant, entry: MockConfigEntry, gateway: PpcGateway, upload: Any
) -> None:
    """There is nothing left to change."""
    await set_up(hass, entry)
    (login,) = entry.subentries
    flow = await to_account(hass, entry, login, "client_certificate")
    file = await upload(RENEWED.pkcs12())
    hass.config_entries.async_remove_subentry(entry, login)
    await hass.async_block_till_done(wait_background_tasks=True)
    result = await answer(hass, flow, file=file)
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "no_login")


@contextmanager
def knowing_another(
    hass: HomeAssistant, entry: MockConfigEntry, gateway: PpcGateway
) -> Generator[PpcGateway]:
    """In the gateway's place, one to which the entry's certificate is unknown."""
    with PpcGateway(
        clock=gateway.clock,
        certificate=gateway.certificate,
        client_certificates={gateway.user: RENEWED},
    ) as exchanged:
        hass.config_entries.async_update_entry(
            entry, data={**entry.data, "port": exchanged.port}
        )
        yield exchanged


async def test_reauth(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
    upload: Any,
) -> None:
    """A certificate the gateway no longer knows: asked for once, then renewed."""
    assert await set_up(hass, entry)
    with knowing_another(hass, entry, gateway) as exchanged:
        await timeline.go_to(SLOT)
        assert hass.states.get(IMPORT).state == STATE_UNAVAILABLE
        attempts = len(exchanged.requests)
        assert attempts >= 1
        # not tried again by itself, not even after a restart
        await timeline.go_to(SLOT + timedelta(hours=3))
        await hass.config_entries.async_reload(entry.entry_id)
        await hass.async_block_till_done(wait_background_tasks=True)
        assert len(exchanged.requests) == attempts
        assert entry.state is ConfigEntryState.SETUP_ERROR
        assert entry.error_reason_translation_key == "client_certificate_unknown"

        flow = await reauth(hass, way="client_certificate")
        file = await upload(RENEWED.pkcs12())
        result = await submit(hass, flow, file=file)
        assert result["reason"] == "reauth_successful"
        await hass.async_block_till_done(wait_background_tasks=True)
        assert entry.state is ConfigEntryState.LOADED
        assert_stored(entry, RENEWED, "Roof")
        assert hass.states.get(IMPORT).state != STATE_UNAVAILABLE


async def test_reauth_of_several(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
    upload: Any,
) -> None:
    """Both refused: one is chosen, and changed to the other way."""
    await set_up(hass, entry)
    flow = await to_account(hass, entry)
    await answer(hass, flow, username="second", password="two")
    await hass.async_block_till_done(wait_background_tasks=True)
    first = login_id(entry, account(OWN).identity)
    second = login_id(entry, "second")
    with knowing_another(hass, entry, gateway):
        for quarters in range(3):
            await timeline.go_to(SLOT + quarters * timedelta(minutes=15))
        assert hass.states.get(IMPORT).state == STATE_UNAVAILABLE
        flow = await reauth(hass, second, "client_certificate")
        file = await upload(RENEWED.pkcs12())
        result = await submit(hass, flow, file=file)
        assert result["reason"] == "reauth_successful"
        await hass.async_block_till_done(wait_background_tasks=True)
        assert entry.state is ConfigEntryState.LOADED
        assert "client_key" in entry.subentries[second].data
        assert issues(hass) == {"login_failed"}
        flow = await to_account(hass, entry, first)
        result = await answer(
            hass, flow, username=gateway.user, password=gateway.password
        )
        assert result["reason"] == "reconfigure_successful"
        await hass.async_block_till_done(wait_background_tasks=True)
        assert issues(hass) == set()


async def test_mended_in_its_repair_issue(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    hass_admin_user: MockUser,
    entry: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
    upload: Any,
) -> None:
    """A login that was refused is given a certificate where the issue asks for it."""
    assert await async_setup_component(hass, REPAIRS, {})
    await set_up(hass, entry)
    flow = await to_account(hass, entry)
    await answer(hass, flow, username="second", password="two")
    await hass.async_block_till_done(wait_background_tasks=True)
    gateway.users["second"] = Account("changed")
    for quarters in range(2):
        await timeline.go_to(SLOT + quarters * timedelta(minutes=15))
    assert issues(hass) == {"login_failed"}
    second = login_id(entry, "second")

    client = await browser(hass, hass_client, hass_admin_user)
    flow = await start_repair(client, f"login_failed_{entry.entry_id}_{second}")
    for fields in (
        {"next_step_id": "client_certificate"},
        {"file": await upload(RENEWED.pkcs12())},
    ):
        path = f"/api/repairs/issues/fix/{flow['flow_id']}"
        flow = await (await client.post(path, json=fields)).json()
    assert flow["type"] == "create_entry"
    await hass.async_block_till_done(wait_background_tasks=True)
    assert issues(hass) == set()
    assert "client_key" in entry.subentries[second].data


async def test_refused_while_the_other_goes_on(
    hass: HomeAssistant,
    gateway: PpcGateway,
    timeline: Timeline,
) -> None:
    """A certificate that the gateway does not know fails alone, once."""
    entry = make_entry(gateway)
    await set_up(hass, entry)
    hass.config_entries.async_add_subentry(entry, subentry_of(STRANGER, "Cellar"))
    await hass.async_block_till_done(wait_background_tasks=True)
    assert issues(hass) == {"login_failed"}
    shown = len([r for r in gateway.requests if r.status == 401])
    for quarters in range(4):
        await timeline.go_to(SLOT + quarters * timedelta(minutes=15))
    assert hass.states.get(IMPORT).state != STATE_UNAVAILABLE
    # each session of the other begins with a challenge, none is the stranger's
    assert len([r for r in gateway.requests if r.status == 401]) - shown <= 4


async def test_damaged_in_the_store(
    hass: HomeAssistant, gateway: PpcGateway, upload: Any
) -> None:
    """A key that cannot be read asks for a new one; the gateway hears nothing."""
    damaged = Certificate(pem="-----BEGIN nothing", key_pem="none", der=b"")
    entry = by_certificate(gateway, damaged)
    await set_up(hass, entry)
    assert entry.state is ConfigEntryState.SETUP_ERROR
    assert entry.error_reason_translation_key == "client_key_unusable"
    assert gateway.requests == []
    flow = await reauth(hass, way="client_certificate")
    assert suggested(flow) == {"name": "Roof"}
    result = await submit(hass, flow, file=await upload(OWN.pkcs12()))
    assert result["reason"] == "reauth_successful"
    await hass.async_block_till_done(wait_background_tasks=True)
    assert entry.state is ConfigEntryState.LOADED
