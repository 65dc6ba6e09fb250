"""Set-up as an owner does it: every error shown, and every error recovered from."""

from collections.abc import Callable
import socket
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.smgw.const import DOMAIN
from homeassistant.config_entries import SOURCE_USER, ConfigEntryState
from homeassistant.const import (
    CONF_HOST,
    CONF_NAME,
    CONF_PASSWORD,
    CONF_PORT,
    CONF_USERNAME,
)
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from simulator.clock import SimClock
from simulator.ppc import PpcGateway

from .conftest import START, Timeline, set_up
from .test_coordinator import SETTLED

type Flow = dict[str, Any]


async def start(hass: HomeAssistant) -> Flow:
    """Open the flow."""
    return await hass.config_entries.flow.async_init(
        DOMAIN, context={"source": SOURCE_USER}
    )


async def submit(hass: HomeAssistant, flow: Flow, **fields: Any) -> Flow:
    """Fill in the form shown."""
    return await hass.config_entries.flow.async_configure(flow["flow_id"], fields)


async def choose(hass: HomeAssistant, flow: Flow, way: str = "login") -> Flow:
    """Choose how to log in."""
    assert flow["type"] is FlowResultType.MENU
    assert {"login", "client_certificate"} <= set(flow["menu_options"])
    return await submit(hass, flow, next_step_id=way)


async def to_certificate(hass: HomeAssistant, gateway: PpcGateway) -> Flow:
    """Go to the step that shows the certificate."""
    flow = await start(hass)
    return await submit(hass, flow, host=f"{gateway.host}:{gateway.port}")


async def to_login(
    hass: HomeAssistant, gateway: PpcGateway, way: str = "login"
) -> Flow:
    """Go to the step that asks for the account."""
    flow = await submit(hass, await to_certificate(hass, gateway))
    return await choose(hass, flow, way)


async def log_in(hass: HomeAssistant, flow: Flow, gateway: PpcGateway) -> Flow:
    """Enter the right account."""
    if flow["type"] is FlowResultType.MENU:
        flow = await choose(hass, flow)
    return await submit(hass, flow, username=gateway.user, password=gateway.password)


def assert_created(result: Flow, gateway: PpcGateway) -> None:
    """Assert that the flow ended in a complete entry."""
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["title"] == gateway.gateway_id
    assert result["result"].unique_id == gateway.gateway_id
    assert result["data"] == {
        CONF_HOST: gateway.host,
        CONF_PORT: gateway.port,
        "vendor": "PPC",
        "certificate": gateway.certificate_pem,
    }
    (login,) = result["result"].subentries.values()
    assert login.subentry_type == "login"
    assert login.title == gateway.user
    assert login.unique_id == f"login_{gateway.user}"
    assert login.data == {
        CONF_USERNAME: gateway.user,
        CONF_PASSWORD: gateway.password,
    }


async def test_set_up(hass: HomeAssistant, gateway: PpcGateway) -> None:
    """Host, certificate, login; then the entry is loaded."""
    flow = await start(hass)
    assert (flow["type"], flow["step_id"]) == (FlowResultType.FORM, "user")
    assert not flow["errors"]

    flow = await submit(hass, flow, host=f"{gateway.host}:{gateway.port}")
    assert (flow["type"], flow["step_id"]) == (FlowResultType.FORM, "certificate")
    assert flow["description_placeholders"]["gateway_id"] == gateway.gateway_id
    assert flow["description_placeholders"]["fingerprint"] == gateway.fingerprint
    # nothing was said to a gateway nobody has confirmed yet
    assert gateway.requests == []

    flow = await submit(hass, flow)
    assert (flow["type"], flow["step_id"]) == (FlowResultType.MENU, "way")
    assert [(r.method, r.status) for r in gateway.requests] == [("GET", 401)]

    result = await log_in(hass, flow, gateway)
    assert_created(result, gateway)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert result["result"].state is ConfigEntryState.LOADED
    assert gateway.open_sessions == 0
    assert gateway.failed_logins == 0


@pytest.mark.parametrize(
    "typed",
    [
        "https://{host}:{port}/cgi-bin/hanservice.cgi",
        "http://{host}:{port}",
        "  {host}:{port}/ ",
    ],
)
async def test_addresses_as_people_paste_them(
    hass: HomeAssistant, gateway: PpcGateway, typed: str
) -> None:
    """A pasted URL is as good as host and port."""
    flow = await submit(
        hass,
        await start(hass),
        host=typed.format(host=gateway.host, port=gateway.port),
    )
    assert flow["step_id"] == "certificate"
    flow = await submit(hass, flow)
    assert_created(await log_in(hass, flow, gateway), gateway)


def _closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@pytest.mark.parametrize(
    ("host", "error"),
    [
        pytest.param(lambda: "not a host", "invalid_address", id="no address"),
        pytest.param(lambda: "ftp://127.0.0.1", "invalid_address", id="no https"),
        pytest.param(
            lambda: f"127.0.0.1:{_closed_port()}", "connection_refused", id="closed"
        ),
    ],
)
async def test_wrong_address(
    hass: HomeAssistant, gateway: PpcGateway, host: Callable[[], str], error: str
) -> None:
    """A wrong address is named as such; what was typed stays in the field."""
    typed = host()
    flow = await submit(hass, await start(hass), host=typed)
    assert (flow["step_id"], flow["errors"]) == ("user", {"base": error})
    field = next(iter(flow["data_schema"].schema))
    assert field.description == {"suggested_value": typed}

    flow = await submit(hass, flow, host=f"{gateway.host}:{gateway.port}")
    flow = await submit(hass, flow)
    assert_created(await log_in(hass, flow, gateway), gateway)


@pytest.mark.parametrize(
    ("fault", "error"),
    [("tls_close", "tls_failed"), ("hang_tcp", "tls_failed")],
)
@pytest.mark.usefixtures("impatient")
async def test_no_tls(
    hass: HomeAssistant, gateway: PpcGateway, fault: str, error: str
) -> None:
    """A port without TLS is told apart from a closed one."""
    gateway.faults.add(fault)
    flow = await to_certificate(hass, gateway)
    assert (flow["step_id"], flow["errors"]) == ("user", {"base": error})

    gateway.faults.clear()
    flow = await submit(hass, flow, host=f"{gateway.host}:{gateway.port}")
    flow = await submit(hass, flow)
    assert_created(await log_in(hass, flow, gateway), gateway)


async def test_certificate_of_something_else(
    hass: HomeAssistant, gateway: PpcGateway, socket_enabled: None
) -> None:
    """A certificate without a gateway's number, and nothing like a gateway behind it."""
    with PpcGateway(gateway_id="fritz.box", faults=["other_web_server"]) as router:
        flow = await to_certificate(hass, router)
    assert (flow["step_id"], flow["errors"]) == ("user", {"base": "not_a_gateway"})

    flow = await submit(hass, flow, host=f"{gateway.host}:{gateway.port}")
    flow = await submit(hass, flow)
    assert_created(await log_in(hass, flow, gateway), gateway)


async def test_another_makers_gateway(
    hass: HomeAssistant, gateway: PpcGateway, socket_enabled: None
) -> None:
    """A gateway without a driver is named, with its number."""
    with PpcGateway(gateway_id="ELGZ0012345678") as other:
        flow = await to_certificate(hass, other)
    assert (flow["step_id"], flow["errors"]) == ("user", {"base": "unsupported_vendor"})
    assert flow["description_placeholders"]["gateway_id"] == "ELGZ0012345678"

    flow = await submit(hass, flow, host=f"{gateway.host}:{gateway.port}")
    flow = await submit(hass, flow)
    assert_created(await log_in(hass, flow, gateway), gateway)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("other_web_server", "not_a_gateway"),
        ("redirect", "not_a_gateway"),
        ("garbage", "not_a_gateway"),
        ("server_error", "gateway_fault"),
        ("big_page", "page_too_large"),
        ("trickle", "answer_timeout"),
        ("drop_before_answer", "connection_cut"),
    ],
)
async def test_no_consumer_interface(
    hass: HomeAssistant, gateway: PpcGateway, fault: str, error: str
) -> None:
    """The certificate is a gateway's, but what answers behind it is not its CGI."""
    flow = await to_certificate(hass, gateway)
    gateway.faults.add(fault)
    flow = await submit(hass, flow)
    assert (flow["step_id"], flow["errors"]) == ("certificate", {"base": error})

    gateway.faults.clear()
    flow = await submit(hass, flow)
    assert_created(await log_in(hass, flow, gateway), gateway)


async def test_certificate_changed_after_the_look(
    hass: HomeAssistant, gateway: PpcGateway
) -> None:
    """What was confirmed is what must answer; nothing is sent to another."""
    flow = await to_certificate(hass, gateway)
    gateway.rotate_certificate()
    flow = await submit(hass, flow)
    assert flow["errors"] == {"base": "certificate_changed"}
    assert gateway.requests == []

    flow = await to_certificate(hass, gateway)
    flow = await submit(hass, flow)
    assert_created(await log_in(hass, flow, gateway), gateway)


async def test_wrong_password(hass: HomeAssistant, gateway: PpcGateway) -> None:
    """One attempt per password entered; the user name stays, the password does not."""
    flow = await to_login(hass, gateway)
    flow = await submit(hass, flow, username=gateway.user, password="wrong")
    assert (flow["step_id"], flow["errors"]) == ("login", {"base": "wrong_password"})
    assert gateway.failed_logins == 1
    suggested = {
        str(field): (field.description or {}).get("suggested_value")
        for field in flow["data_schema"].schema
    }
    assert suggested == {
        CONF_USERNAME: gateway.user,
        CONF_PASSWORD: None,
        CONF_NAME: None,
    }
    assert_created(await log_in(hass, flow, gateway), gateway)


async def test_user_name_with_colon(hass: HomeAssistant, gateway: PpcGateway) -> None:
    """Digest has no room for a colon; the gateway is not even asked."""
    flow = await to_login(hass, gateway)
    flow = await submit(hass, flow, username="a:b", password="x")
    assert flow["errors"] == {"base": "invalid_user"}
    assert gateway.failed_logins == 0
    assert_created(await log_in(hass, flow, gateway), gateway)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("portal_error", "login_refused"),
        ("session_in_use", "session_in_use"),
        ("no_meters", "no_meter"),
        ("truncated", "page_unreadable"),
        ("garbage_body", "not_a_gateway"),
        ("drop_mid_answer", "connection_cut"),
        ("trickle", "answer_timeout"),
        ("server_error", "gateway_fault"),
    ],
)
async def test_login_fails(
    hass: HomeAssistant, gateway: PpcGateway, fault: str, error: str
) -> None:
    """Each failure of login and meters is named, and the next attempt succeeds."""
    flow = await to_login(hass, gateway)
    gateway.faults.add(fault)
    flow = await log_in(hass, flow, gateway)
    assert (flow["step_id"], flow["errors"]) == ("login", {"base": error})

    gateway.faults.clear()
    assert_created(await log_in(hass, flow, gateway), gateway)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert gateway.open_sessions == 0


async def test_locked(
    hass: HomeAssistant, gateway: PpcGateway, timeline: Timeline
) -> None:
    """The countdown is shown; afterwards the flow goes on."""
    flow = await to_login(hass, gateway)
    gateway.faults.add("locked", seconds=277)
    flow = await log_in(hass, flow, gateway)
    assert flow["errors"] == {"base": "portal_locked"}
    assert flow["description_placeholders"]["remaining"] == "4:37"

    gateway.faults.clear()
    await timeline.pass_by(minutes=5)
    assert_created(await log_in(hass, flow, gateway), gateway)


async def test_known_gateway_moves(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    gateway: PpcGateway,
    clock: SimClock,
    timeline: Timeline,
) -> None:
    """Adding a known gateway at another address updates the address."""
    assert loaded.state is ConfigEntryState.LOADED
    with _moved(gateway, clock) as moved:
        result = await to_certificate(hass, moved)
        assert result["type"] is FlowResultType.ABORT
        assert result["reason"] == "already_configured"
        await hass.async_block_till_done(wait_background_tasks=True)
        assert loaded.data[CONF_PORT] == moved.port
        assert loaded.state is ConfigEntryState.LOADED
        # read from its new place when it is time: moving costs no session
        assert moved.logins == 0
        await timeline.go_to(START.replace(minute=30) + SETTLED)
        assert moved.logins == 1


async def test_known_gateway_moves_while_unreachable(
    hass: HomeAssistant, entry: MockConfigEntry, gateway: PpcGateway, clock: SimClock
) -> None:
    """An entry that waits for its gateway finds it at the new address."""
    gateway.stop()
    assert not await set_up(hass, entry)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    with _moved(gateway, clock) as moved:
        result = await to_certificate(hass, moved)
        assert result["reason"] == "already_configured"
        await hass.async_block_till_done(wait_background_tasks=True)
        assert entry.state is ConfigEntryState.LOADED


def _moved(gateway: PpcGateway, clock: SimClock) -> PpcGateway:
    """Return the same gateway at another port."""
    return PpcGateway(clock=clock, certificate=gateway.certificate)


async def test_known_gateway_again(
    hass: HomeAssistant, loaded: MockConfigEntry, gateway: PpcGateway
) -> None:
    """At the same address nothing happens."""
    gateway.clear_requests()
    result = await to_certificate(hass, gateway)
    assert result["reason"] == "already_configured"
    await hass.async_block_till_done(wait_background_tasks=True)
    assert gateway.requests == []


async def test_somebody_claims_to_be_a_known_gateway(
    hass: HomeAssistant, loaded: MockConfigEntry, clock: SimClock
) -> None:
    """The number alone moves nothing: the certificate must be the confirmed one."""
    before = dict(loaded.data)
    with PpcGateway(clock=clock) as impostor:
        result = await to_certificate(hass, impostor)
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "other_certificate"
    assert dict(loaded.data) == before


async def test_two_flows_for_one_gateway(
    hass: HomeAssistant, gateway: PpcGateway
) -> None:
    """The first flow to end makes the entry; the other one is over with it."""
    first = await to_login(hass, gateway)
    await to_login(hass, gateway)
    assert_created(await log_in(hass, first, gateway), gateway)
    assert hass.config_entries.flow.async_progress() == []
    await hass.async_block_till_done(wait_background_tasks=True)
    assert len(hass.config_entries.async_entries(DOMAIN)) == 1


async def reconfigure(hass: HomeAssistant, entry: MockConfigEntry, host: str) -> Flow:
    """Open the reconfigure flow and enter an address."""
    flow = await entry.start_reconfigure_flow(hass)
    assert (flow["type"], flow["step_id"]) == (FlowResultType.FORM, "reconfigure")
    return await submit(hass, flow, host=host)


async def test_reconfigure_address(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    gateway: PpcGateway,
    clock: SimClock,
    timeline: Timeline,
) -> None:
    """A wrong address is shown; the same gateway elsewhere is taken over."""
    flow = await reconfigure(hass, loaded, "not a host")
    assert flow["errors"] == {"base": "invalid_address"}
    with _moved(gateway, clock) as moved:
        result = await submit(hass, flow, host=f"{moved.host}:{moved.port}")
        assert result["reason"] == "reconfigure_successful"
        await hass.async_block_till_done(wait_background_tasks=True)
        assert loaded.data[CONF_PORT] == moved.port
        await timeline.go_to(START.replace(minute=30) + SETTLED)
        assert moved.logins == 1


async def test_reconfigure_new_certificate(
    hass: HomeAssistant, loaded: MockConfigEntry, gateway: PpcGateway
) -> None:
    """Another certificate of the same gateway is shown beside the old and confirmed."""
    old = gateway.fingerprint
    gateway.rotate_certificate()
    flow = await reconfigure(hass, loaded, f"{gateway.host}:{gateway.port}")
    assert flow["step_id"] == "new_certificate"
    assert flow["description_placeholders"]["old"] == old
    assert flow["description_placeholders"]["new"] == gateway.fingerprint
    result = await submit(hass, flow)
    assert result["reason"] == "reconfigure_successful"
    await hass.async_block_till_done(wait_background_tasks=True)
    assert loaded.data["certificate"] == gateway.certificate_pem
    assert loaded.state is ConfigEntryState.LOADED


async def test_reconfigure_another_gateway(
    hass: HomeAssistant, loaded: MockConfigEntry, clock: SimClock
) -> None:
    """Another gateway is refused by its number."""
    before = dict(loaded.data)
    with PpcGateway(clock=clock, gateway_id="EPPC0299999999") as other:
        result = await reconfigure(hass, loaded, f"{other.host}:{other.port}")
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "other_gateway")
    assert dict(loaded.data) == before
