"""Gateways that announce themselves: which are shown, which are followed, which are left."""

from collections.abc import Generator
from contextlib import closing
from ipaddress import ip_address
import socket
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.smgw.const import DOMAIN
from custom_components.smgw.discovery import announced_addresses
from custom_components.smgw.han.address import Address
from homeassistant.config_entries import (
    SOURCE_IGNORE,
    SOURCE_ZEROCONF,
    ConfigEntryState,
)
from homeassistant.const import CONF_HOST, CONF_PORT
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers.service_info.zeroconf import ZeroconfServiceInfo
from simulator.clock import SimClock
from simulator.emh import EmhGateway
from simulator.tls import self_signed
from tests.han.hostile import hostile, ok
from tests.network import Names

from .conftest import Timeline, make_entry, set_up
from .test_config_flow import Flow, choose, submit, to_certificate

NAME = "smgw consumerinterface._http._tcp.local."


@pytest.fixture
def gateway(socket_enabled: None, clock: SimClock) -> Generator[EmhGateway]:
    """An EMH gateway."""
    with EmhGateway(clock=clock) as running:
        yield running


@pytest.fixture
async def loaded(hass: HomeAssistant, gateway: EmhGateway) -> MockConfigEntry:
    """Its entry, made from an announcement, and loaded."""
    return await finish(hass, await discover(hass, gateway), gateway)


def announcement(
    *addresses: str, port: int | None, name: str = NAME
) -> ZeroconfServiceInfo:
    """Return what Home Assistant's mDNS browser hands over."""
    found = [ip_address(address) for address in addresses]
    return ZeroconfServiceInfo(
        ip_address=found[0],
        ip_addresses=found,
        port=port,
        hostname="smgw.local.",
        type="_http._tcp.local.",
        name=name,
        properties={},
    )


async def announce(hass: HomeAssistant, info: ZeroconfServiceInfo) -> Flow:
    """Have something announce itself."""
    return await hass.config_entries.flow.async_init(
        DOMAIN, context={"source": SOURCE_ZEROCONF}, data=info
    )


async def discover(
    hass: HomeAssistant, gateway: EmhGateway, *before: str, name: str = NAME
) -> Flow:
    """Have a gateway announce itself, with addresses where it is not before its own."""
    return await announce(
        hass, announcement(*before, gateway.host, port=gateway.port, name=name)
    )


async def finish(hass: HomeAssistant, flow: Flow, gateway: EmhGateway) -> Any:
    """Confirm the certificate and log in."""
    flow = await choose(hass, await submit(hass, flow))
    assert flow["step_id"] == "login"
    result = await submit(hass, flow, username=gateway.user, password=gateway.password)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done(wait_background_tasks=True)
    assert result["result"].state is ConfigEntryState.LOADED
    return result["result"]


def assert_aborted(flow: Flow, reason: str) -> None:
    """Assert that a flow ended without a form."""
    assert (flow["type"], flow.get("reason")) == (FlowResultType.ABORT, reason)


def web_page(*_: object) -> list[bytes]:
    """Answer like a device with a web page."""
    return [ok(b"<html>Welcome</html>")]


def closed_port() -> int:
    """Return a port of this machine where nobody listens."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        return listener.getsockname()[1]


async def test_found(hass: HomeAssistant, gateway: EmhGateway) -> None:
    """Shown with maker and number; the owner confirms it as a typed address."""
    flow = await discover(hass, gateway)
    assert flow["step_id"] == "certificate"
    assert flow["description_placeholders"]["fingerprint"] == gateway.fingerprint
    (card,) = hass.config_entries.flow.async_progress()
    assert card["context"]["title_placeholders"] == {
        "gateway_id": gateway.gateway_id,
        "vendor": "EMH metering",
    }
    # nothing was said to a gateway nobody has confirmed yet
    assert gateway.requests == []
    entry = await finish(hass, flow, gateway)
    assert entry.unique_id == gateway.gateway_id
    assert entry.data[CONF_HOST] == gateway.host
    assert entry.data[CONF_PORT] == gateway.port


async def test_found_by_its_realm(
    hass: HomeAssistant, socket_enabled: None, clock: SimClock
) -> None:
    """A certificate without the number: one question, and no credentials in it."""
    with EmhGateway(clock=clock, certificate=self_signed("smgw.local")) as gateway:
        flow = await discover(hass, gateway)
        shown = flow["description_placeholders"]
        assert shown["gateway_id"] == gateway.gateway_id
        assert [(r.status, r.authenticated) for r in gateway.requests] == [(401, False)]
        await finish(hass, flow, gateway)


async def test_every_address_is_tried(
    hass: HomeAssistant, ipv6: None, clock: SimClock
) -> None:
    """Nobody at the first one; the one that answers is kept."""
    with EmhGateway(clock=clock, host="::1") as gateway:
        flow = await discover(hass, gateway, "127.0.0.1", "0.0.0.0", "fe80::1")
        entry = await finish(hass, flow, gateway)
    assert entry.data[CONF_HOST] == "::1"


async def test_another_device_at_the_first_address(
    hass: HomeAssistant, ipv6: None, clock: SimClock
) -> None:
    """An address of a foreign subnet may be another device's in this one."""
    with hostile(web_page, self_signed("fritz.box")) as router:
        port = router.address.port
        with EmhGateway(clock=clock, host="::1", port=port) as gateway:
            flow = await discover(hass, gateway, "127.0.0.1")
            assert flow["step_id"] == "certificate"
            assert f"[::1]:{port}" in flow["description_placeholders"]["address"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [("fritz.box", "not_a_gateway"), ("EDNT0300123456", "unsupported_vendor")],
)
async def test_what_is_not_for_us(
    hass: HomeAssistant, ipv6: None, name: str, reason: str
) -> None:
    """Other devices, and gateways nobody can read: no card, no credentials."""
    with hostile(web_page, self_signed(name)) as server:
        where = server.address
        flow = await announce(hass, announcement(where.host, "::1", port=where.port))
        assert_aborted(flow, reason)
        assert all(b"uthorization" not in request for request in server.received)
    assert hass.config_entries.flow.async_progress() == []


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["fe80::1"]], ids=str)
async def test_out_of_reach(
    hass: HomeAssistant, socket_enabled: None, addresses: list[str]
) -> None:
    """Nobody answers, or nothing is announced that could be asked."""
    flow = await announce(hass, announcement(*addresses, port=closed_port()))
    assert_aborted(flow, "cannot_connect")


async def test_known_and_well(
    hass: HomeAssistant, loaded: MockConfigEntry, gateway: EmhGateway
) -> None:
    """A gateway that is read without trouble is not even looked at."""
    before = gateway.connections
    flow = await discover(hass, gateway, "192.0.2.1")
    assert_aborted(flow, "already_configured")
    assert gateway.connections == before


async def test_known_by_its_name(
    hass: HomeAssistant, loaded: MockConfigEntry, gateway: EmhGateway
) -> None:
    """An entry may hold the host's name instead of an address."""
    before = dict(loaded.data)
    info = announcement("127.0.0.1", port=gateway.port)
    info.hostname = f"{gateway.host}."
    info.ip_addresses = [ip_address("fe80::1")]
    assert_aborted(await announce(hass, info), "already_configured")
    assert dict(loaded.data) == before


async def test_known_gateway_has_moved(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    gateway: EmhGateway,
    clock: SimClock,
    timeline: Timeline,
) -> None:
    """Its new address is taken over, and it is read there from the next slot on."""
    gateway.stop()
    with EmhGateway(clock=clock, certificate=gateway.certificate) as moved:
        flow = await discover(hass, moved)
        assert_aborted(flow, "already_configured")
        await hass.async_block_till_done(wait_background_tasks=True)
        assert loaded.data[CONF_PORT] == moved.port
        assert loaded.state is ConfigEntryState.LOADED
        await timeline.pass_by(minutes=20)
        assert moved.logins >= 1
        assert loaded.runtime_data.coordinator.last_update_success


async def test_known_by_an_address_of_the_owner(
    hass: HomeAssistant, loaded: MockConfigEntry, gateway: EmhGateway, names: Names
) -> None:
    """An address that is not announced but leads to the gateway stays."""
    names["gateway.home.arpa"] = [gateway.host]
    data = {**loaded.data, CONF_HOST: "gateway.home.arpa"}
    hass.config_entries.async_update_entry(loaded, data=data)
    await hass.async_block_till_done(wait_background_tasks=True)
    logins = gateway.logins
    assert_aborted(await discover(hass, gateway), "already_configured")
    await hass.async_block_till_done(wait_background_tasks=True)
    assert dict(loaded.data) == data
    assert gateway.logins == logins
    # nobody is there any more: the announced address is better than none
    names["gateway.home.arpa"] = []
    assert_aborted(await discover(hass, gateway), "already_configured")
    await hass.async_block_till_done(wait_background_tasks=True)
    assert loaded.data[CONF_HOST] == gateway.host


async def test_known_gateway_is_back(
    hass: HomeAssistant, gateway: EmhGateway, clock: SimClock
) -> None:
    """An entry that waits for its gateway is read as soon as that announces itself."""
    entry = make_entry(gateway)
    gateway.stop()
    assert not await set_up(hass, entry)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    with EmhGateway(
        clock=clock, certificate=gateway.certificate, port=gateway.port
    ) as back:
        assert_aborted(await discover(hass, back), "already_configured")
        await hass.async_block_till_done(wait_background_tasks=True)
        assert entry.state is ConfigEntryState.LOADED
        assert back.logins == 1


async def test_somebody_claims_to_be_a_known_gateway(
    hass: HomeAssistant, loaded: MockConfigEntry, clock: SimClock
) -> None:
    """An announcement proves nothing: only the pinned certificate moves an entry."""
    before = dict(loaded.data)
    with EmhGateway(clock=clock) as impostor:
        flow = await discover(hass, impostor)
        assert_aborted(flow, "other_certificate")
        assert impostor.requests == []
    assert dict(loaded.data) == before


async def test_announced_twice(hass: HomeAssistant, gateway: EmhGateway) -> None:
    """One card for one gateway, however often and by whatever name it is announced."""
    await discover(hass, gateway)
    before = gateway.connections
    again = await discover(hass, gateway, "127.0.0.1")
    assert_aborted(again, "already_in_progress")
    assert gateway.connections == before
    other = await discover(hass, gateway, name="smgw 2._http._tcp.local.")
    assert_aborted(other, "already_in_progress")
    assert len(hass.config_entries.flow.async_progress()) == 1


async def test_announced_while_it_is_typed(
    hass: HomeAssistant, gateway: EmhGateway
) -> None:
    """A set-up that is in progress goes on alone."""
    flow = await to_certificate(hass, gateway)
    assert_aborted(await discover(hass, gateway), "already_in_progress")
    await finish(hass, flow, gateway)


async def test_typed_while_it_is_announced(
    hass: HomeAssistant, gateway: EmhGateway
) -> None:
    """The card is gone when the gateway was added by hand."""
    await discover(hass, gateway)
    await finish(hass, await to_certificate(hass, gateway), gateway)
    assert hass.config_entries.flow.async_progress() == []


async def test_ignored(hass: HomeAssistant, gateway: EmhGateway) -> None:
    """An ignored gateway is not shown again, but can be added by hand."""
    await discover(hass, gateway)
    await hass.config_entries.flow.async_init(
        DOMAIN,
        context={"source": SOURCE_IGNORE},
        data={"unique_id": gateway.gateway_id, "title": "ignored"},
    )
    assert hass.config_entries.flow.async_progress() == []
    assert_aborted(await discover(hass, gateway), "already_configured")
    await finish(hass, await to_certificate(hass, gateway), gateway)
    (entry,) = hass.config_entries.async_entries(DOMAIN)
    assert entry.source != SOURCE_IGNORE


def test_addresses_in_order() -> None:
    """What lasts comes first; what leads nowhere is left out."""
    lo = socket.if_nametoindex("lo")
    info = announcement(
        f"fe80::1%{lo}",
        "fe80::2%lo",
        "fe80::3%4242",
        "fe80::4",
        "ff02::fb",
        "::",
        "2001:db8::1",
        "169.254.1.1",
        "192.168.33.2",
        port=None,
    )
    assert announced_addresses(info) == [
        Address("169.254.1.1"),
        Address("192.168.33.2"),
        Address("2001:db8::1"),
        Address("fe80::1%lo"),
        Address("fe80::2%lo"),
    ]
