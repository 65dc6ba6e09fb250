"""The connection doctor: it names the step where it stops, and what to do."""

from datetime import timedelta
import socket
from typing import Any
from unittest.mock import Mock

import ifaddr
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.smgw.const import CONF_INTERVAL, DOMAIN
from homeassistant.const import CONF_HOST, CONF_PORT
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import ServiceValidationError, Unauthorized
from homeassistant.setup import async_setup_component
from simulator.clock import SimClock
from simulator.ppc import PpcGateway
from tests.han.test_tls import deaf_port

from .conftest import START, Timeline, make_entry, set_up
from .test_coordinator import STAIRWELL, text

WAY = ("tcp", "tls", "certificate", "http")
ALL = (*WAY, "login", "meters", "freshness")
# The floor has passed since the set-up's session, and the hourly poll has not come.
FREE = START + timedelta(minutes=14)


@pytest.fixture
def entry(gateway: PpcGateway) -> MockConfigEntry:
    """An entry that is read each hour."""
    return make_entry(gateway, **{CONF_INTERVAL: 60})


async def check(hass: HomeAssistant, entry: MockConfigEntry) -> dict[str, Any]:
    """Run the doctor."""
    assert await async_setup_component(hass, DOMAIN, {})
    report = await hass.services.async_call(
        DOMAIN,
        "check_connection",
        {"config_entry_id": entry.entry_id},
        blocking=True,
        return_response=True,
    )
    assert isinstance(report, dict)
    return report


def outcomes(report: dict[str, Any]) -> dict[str, str]:
    """Return how the steps ended, by their names."""
    return {step["step"]: step["outcome"] for step in report["steps"]}


def stops_at(report: dict[str, Any], step: str, verdict: str) -> None:
    """Assert that a report stops at a step, with nothing failed or judged behind it."""
    assert (report["stopped_at"], report["verdict"]) == (step, verdict)
    found = outcomes(report)
    where = ALL.index(step)
    assert all(found[before] == "ok" for before in ALL[:where])
    assert found[step] == "failed"
    assert all(found.get(after, "skipped") == "skipped" for after in ALL[where + 1 :])


def near(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give this host an address in the subnet of the simulated gateways."""
    here = Mock(
        nice_name="eth1",
        ips=[Mock(is_IPv6=False, ip="127.0.0.2", network_prefix=8)],
        index=1,
    )
    monkeypatch.setattr(ifaddr, "get_adapters", lambda: [here])


async def test_everything_works(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
) -> None:
    """A login that may be made is made, once; it is a reading like any other."""
    timeline.jump(FREE)
    gateway.clear_requests()
    report = await check(hass, loaded)
    assert report["verdict"] == "works"
    assert report["stopped_at"] is None
    assert outcomes(report) == dict.fromkeys(ALL, "ok")
    assert report["sentence"] == (
        "Everything works, up to the newest reading of 2026-11-20 10:15."
    )
    assert report["notes"] == report["hints"] == []
    assert "letter" not in report
    assert [r.action for r in gateway.requests].count("logout") == 1
    truth = gateway.true_register(
        "1esy0060178981", "1-0:1.8.0", START.replace(minute=15)
    )
    assert hass.states.get(STAIRWELL).state == str(truth)


async def test_no_login_within_the_floor(
    hass: HomeAssistant, loaded: MockConfigEntry, gateway: PpcGateway
) -> None:
    """Asked again and again, the doctor judges the last session and says so."""
    gateway.clear_requests()
    for _ in range(3):
        report = await check(hass, loaded)
        assert report["verdict"] == "works"
        assert report["notes"][0] == (
            "The gateway is left alone until 2026-11-20 10:20."
        )
        assert "2026-11-20 10:07" in report["notes"][1]
        login = report["steps"][4]
        assert login["step"] == "login"
        assert login["session"] == "2026-11-20T10:07:00+01:00"
    assert {r.action for r in gateway.requests} == {None}
    assert {r.status for r in gateway.requests} == {401}


async def test_port_closed(
    hass: HomeAssistant, entry: MockConfigEntry, gateway: PpcGateway
) -> None:
    """A device, but nobody at the port; the entry is not even loaded."""
    gateway.stop()
    assert not await set_up(hass, entry)
    report = await check(hass, entry)
    stops_at(report, "tcp", "connection_refused")
    assert text("connection_refused") in report["sentence"]


async def test_name_without_address(
    hass: HomeAssistant,
    gateway: PpcGateway,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A name that leads nowhere is told apart from a gateway that does not answer."""

    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    entry = make_entry(gateway)
    entry.add_to_hass(hass)
    hass.config_entries.async_update_entry(
        entry, data={**entry.data, CONF_HOST: "smgw.invalid"}
    )
    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    stops_at(await check(hass, entry), "tcp", "host_not_found")


@pytest.mark.usefixtures("impatient")
async def test_nothing_answers(
    hass: HomeAssistant, gateway: PpcGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another subnet and a dead HAN port are different things to do."""
    entry = make_entry(gateway)
    entry.add_to_hass(hass)
    with deaf_port() as address:
        hass.config_entries.async_update_entry(
            entry, data={**entry.data, CONF_PORT: address.port}
        )
        report = await check(hass, entry)
        stops_at(report, "tcp", "other_subnet")
        assert "10.10.10.10/24" in report["sentence"]
        assert str(address) in report["sentence"]
        assert "letter" not in report

        near(monkeypatch)
        report = await check(hass, entry)
    stops_at(report, "tcp", "han_port_off")
    assert "lights" in report["sentence"]
    assert report["steps"][0]["subnet"] == "same"
    assert gateway.gateway_id in report["letter"]
    assert "HAN-Anschluss freigeschaltet" in report["letter"]
    assert "Verbindung (TCP): fehlgeschlagen" in report["letter"]
    assert "HAN port is enabled" in report["letter_translated"]


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("fault", ["tls_close", "hang_tcp"])
async def test_no_encryption(
    hass: HomeAssistant, loaded: MockConfigEntry, gateway: PpcGateway, fault: str
) -> None:
    """TCP, and then silence."""
    gateway.faults.add(fault)
    stops_at(await check(hass, loaded), "tls", "tls_failed")


async def test_encryption_refused(
    hass: HomeAssistant, loaded: MockConfigEntry, gateway: PpcGateway
) -> None:
    """Refused for what OpenSSL announces: told by name, with a letter to the operator."""
    gateway.faults.add("refuse_renegotiation_info")
    report = await check(hass, loaded)
    stops_at(report, "tls", "renegotiation_refused")
    assert "RFC 5746" in report["letter"]
    gateway.faults.clear()
    gateway.faults.add("refuse_tls")
    stops_at(await check(hass, loaded), "tls", "tls_failed")


async def test_certificate(
    hass: HomeAssistant, loaded: MockConfigEntry, gateway: PpcGateway
) -> None:
    """A changed certificate: nothing is said to its owner."""
    gateway.rotate_certificate()
    gateway.clear_requests()
    stops_at(await check(hass, loaded), "certificate", "certificate_changed")
    assert gateway.requests == []


@pytest.mark.parametrize(
    ("name", "verdict"),
    [("EPPC0299999999", "other_gateway"), ("fritz.box", "not_a_gateway")],
)
async def test_another_device(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    clock: SimClock,
    name: str,
    verdict: str,
) -> None:
    """Another gateway, and something that is none, at the gateway's address."""
    with PpcGateway(clock=clock, gateway_id=name) as other:
        hass.config_entries.async_update_entry(
            loaded, data={**loaded.data, CONF_PORT: other.port}
        )
        await hass.async_block_till_done(wait_background_tasks=True)
        report = await check(hass, loaded)
        assert other.requests == []
    stops_at(report, "certificate", verdict)
    assert (name in report["sentence"]) is (verdict == "other_gateway")


@pytest.mark.parametrize(
    ("fault", "verdict"),
    [("other_web_server", "not_a_gateway"), ("server_error", "gateway_fault")],
)
async def test_consumer_interface(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    gateway: PpcGateway,
    fault: str,
    verdict: str,
) -> None:
    """The right certificate, but no consumer interface behind it."""
    gateway.faults.add(fault)
    stops_at(await check(hass, loaded), "http", verdict)


async def test_over_the_api(
    hass: HomeAssistant, hass_client: ClientSessionGenerator, loaded: MockConfigEntry
) -> None:
    """The answer is plain JSON, as the developer tools get it."""
    assert await async_setup_component(hass, "api", {})
    client = await hass_client()
    answer = await client.post(
        "/api/services/smgw/check_connection?return_response",
        json={"config_entry_id": loaded.entry_id},
    )
    report = (await answer.json())["service_response"]
    assert report["steps"][0]["outcome"] == "ok"
    assert report == await check(hass, loaded) | {
        "steps": report["steps"],
        "checked_at": report["checked_at"],
    }


async def test_for_administrators_only(
    hass: HomeAssistant, loaded: MockConfigEntry, hass_read_only_user: MockUser
) -> None:
    """A login costs the gateway something."""
    with pytest.raises(Unauthorized):
        await hass.services.async_call(
            DOMAIN,
            "check_connection",
            {"config_entry_id": loaded.entry_id},
            blocking=True,
            return_response=True,
            context=Context(user_id=hass_read_only_user.id),
        )


async def test_no_such_entry(hass: HomeAssistant) -> None:
    """An entry that is not there, or not ours."""
    other = MockConfigEntry(domain="sun")
    other.add_to_hass(hass)
    with pytest.raises(ServiceValidationError, match="not found"):
        await check(hass, MockConfigEntry(entry_id="gone"))
    with pytest.raises(ServiceValidationError, match=r"not found|does not belong"):
        await check(hass, other)


async def test_no_login_at_all(hass: HomeAssistant, loaded: MockConfigEntry) -> None:
    """A gateway without a login is a valid thing; the way to it is judged."""
    (login,) = loaded.subentries
    hass.config_entries.async_remove_subentry(loaded, login)
    await hass.async_block_till_done(wait_background_tasks=True)
    report = await check(hass, loaded)
    assert report["verdict"] == "unjudged"
    assert outcomes(report) == dict.fromkeys(WAY, "ok")
