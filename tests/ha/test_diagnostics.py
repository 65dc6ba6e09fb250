"""Diagnostics help, and tell nobody whose home it is."""

import json

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.components.diagnostics import (
    get_diagnostics_for_config_entry,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator
from syrupy.assertion import SnapshotAssertion
from syrupy.filters import props

from homeassistant.core import HomeAssistant
from simulator.clock import SimClock
from simulator.ppc import PpcGateway
from simulator.ppc.view import Account

from .by_certificate import KNOWING, by_certificate
from .conftest import START, Timeline, set_up
from .test_coordinator import SETTLED
from .test_doctor import WAY
from .test_logins import add


async def test_diagnostics(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    loaded: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
    snapshot: SnapshotAssertion,
) -> None:
    """All facts, a skipped row with its reason, and no secret."""
    gateway.override("1emh0012345678", "1-0:1.8.0", wert="1e9999")
    await timeline.go_to(START.replace(minute=30) + SETTLED)
    diagnostics = await get_diagnostics_for_config_entry(hass, hass_client, loaded)
    assert diagnostics == snapshot(exclude=props("seconds"))
    (page,) = diagnostics["unreadable_pages"]
    assert page["cause"] == "no_value"
    assert '<td id="table_metervalues_col_wert">9x9999</td>' in page["page"]
    tells_nobody(diagnostics, gateway)


def tells_nobody(diagnostics: object, gateway: PpcGateway) -> None:
    """Assert that diagnostics do not tell whose home it is."""
    text = json.dumps(diagnostics).upper()
    for secret in (
        *gateway.users,
        *(account.password for account in gateway.users.values()),
        gateway.gateway_id,
        gateway.host,
        "BEGIN CERTIFICATE",
        "1EMH0012345678",
        "0060178981",
    ):
        assert secret.upper() not in text


def ends(steps: list[dict[str, str]]) -> dict[str, str]:
    """Return how the doctor's steps ended."""
    return {step["step"]: step["outcome"] for step in steps}


async def test_diagnostics_of_a_failing_gateway(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    loaded: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
) -> None:
    """The last error is named."""
    gateway.faults.add("server_error")
    await timeline.go_to(START.replace(minute=30) + SETTLED)
    diagnostics = await get_diagnostics_for_config_entry(hass, hass_client, loaded)
    assert diagnostics["coordinator"]["last_update_success"] is False
    assert diagnostics["coordinator"]["last_error"] == {
        "key": "gateway_fault",
        "detail": "HTTP 500",
    }


async def test_diagnostics_of_an_entry_that_failed_to_load(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    entry: MockConfigEntry,
    gateway: PpcGateway,
) -> None:
    """What is known is told: this is when diagnostics are needed most."""
    gateway.faults.add("truncated")
    assert not await set_up(hass, entry)
    diagnostics = await get_diagnostics_for_config_entry(hass, hass_client, entry)
    assert diagnostics["entry"]["failed_with"] == "page_unreadable"
    assert diagnostics["memory"]["trouble"]["key"] == "page_unreadable"
    assert "snapshot" not in diagnostics
    assert ends(diagnostics["doctor"]) == dict.fromkeys(WAY, "ok")
    login = diagnostics["logins"]["login 1"]
    assert ends(login["steps"]) == {
        "login": "ok",
        "meters": "failed",
        "freshness": "skipped",
    }
    assert login["steps"][1]["error"]["key"] == "page_unreadable"
    (page,) = diagnostics["unreadable_pages"]
    assert page["cause"].startswith("page_unreadable: ")
    assert any("<html>" in line for line in page["page"])
    tells_nobody(diagnostics, gateway)


@pytest.mark.usefixtures("impatient")
async def test_doctor_in_diagnostics(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    loaded: MockConfigEntry,
    gateway: PpcGateway,
) -> None:
    """The way is walked at the moment of the download; no session is opened."""
    gateway.clear_requests()
    diagnostics = await get_diagnostics_for_config_entry(hass, hass_client, loaded)
    assert ends(diagnostics["doctor"]) == dict.fromkeys(WAY, "ok")
    assert [request.status for request in gateway.requests] == [401]

    gateway.faults.add("hang_tcp")
    diagnostics = await get_diagnostics_for_config_entry(hass, hass_client, loaded)
    assert ends(diagnostics["doctor"]) == {
        "tcp": "ok",
        "tls": "failed",
        "certificate": "skipped",
        "http": "skipped",
    }
    assert diagnostics["doctor"][1]["error"]["key"] == "tls_failed"
    # the session before was a good one
    assert diagnostics["logins"]["login 1"]["steps"][0]["outcome"] == "ok"


async def test_diagnostics_of_each_login(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    loaded: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
) -> None:
    """One works, one is refused; neither is named."""
    gas = frozenset({"7els0045678901"})
    gateway.users["tenant"] = Account("three", gas)
    await add(
        hass, loaded, username="tenant", password="three", name="Erika Mustermann"
    )
    gateway.users[gateway.user] = Account("changed")
    await timeline.go_to(START.replace(minute=30) + SETTLED)
    diagnostics = await get_diagnostics_for_config_entry(hass, hass_client, loaded)
    first, second = diagnostics["logins"]["login 1"], diagnostics["logins"]["login 2"]
    assert first["steps"][0]["error"]["key"] == "wrong_password"
    good = dict.fromkeys(("login", "meters", "freshness"), "ok")
    assert ends(second["steps"]) == good
    assert second["steps"][1]["meters"] == 1
    assert first["way"] == second["way"] == "password"
    assert first["last_session"] > second["last_session"]
    tells_nobody(diagnostics, gateway)
    assert "Erika" not in json.dumps(diagnostics)


async def test_diagnostics_of_a_login_by_certificate(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    socket_enabled: None,
    clock: SimClock,
) -> None:
    """The way is named; neither certificate nor key is in it."""
    with PpcGateway(clock=clock, **KNOWING) as gateway:
        entry = by_certificate(gateway)
        await set_up(hass, entry)
        diagnostics = await get_diagnostics_for_config_entry(hass, hass_client, entry)
        login = diagnostics["logins"]["login 1"]
        assert login["way"] == "certificate"
        assert login["steps"][0]["outcome"] == "ok"
        del gateway.users["second"]
        tells_nobody(diagnostics, gateway)
    text = json.dumps(diagnostics)
    assert "BEGIN" not in text
    assert "ecpr" not in text
