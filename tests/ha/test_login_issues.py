"""Repair issues of single logins, and the form that mends one."""

from datetime import timedelta
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.smgw.const import DOMAIN
from homeassistant.components.repairs import DOMAIN as REPAIRS
from homeassistant.const import STATE_UNAVAILABLE
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
from simulator.ppc import PpcGateway
from simulator.ppc.view import Account

from . import accounts
from .conftest import Timeline, fresh_token, set_up
from .test_logins import EXPORT, IMPORT, SLOT, add, login_id
from .test_repairs import issues, start

pytestmark = pytest.mark.gateway(**accounts.THREE)


@pytest.fixture
async def both(hass: HomeAssistant, entry: MockConfigEntry) -> MockConfigEntry:
    """A loaded entry with a login for import and one for export."""
    assert await async_setup_component(hass, REPAIRS, {})
    await set_up(hass, entry)
    await add(hass, entry, username="export", password="two", name="Feed-in")
    return entry


@pytest.fixture
async def failing(
    hass: HomeAssistant, both: MockConfigEntry, gateway: PpcGateway, timeline: Timeline
) -> str:
    """The password of one of the two was changed; the id of the issue."""
    gateway.users["export"] = Account(
        "changed", accounts.METER, frozenset({"1-0:2.8.0"})
    )
    for quarters in range(2):
        await timeline.go_to(SLOT + quarters * timedelta(minutes=15))
    assert hass.states.get(EXPORT).state == STATE_UNAVAILABLE
    assert issues(hass) == {"login_failed"}
    return f"login_failed_{both.entry_id}_{login_id(both, 'export')}"


@pytest.fixture
async def client(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    hass_admin_user: MockUser,
    failing: str,
) -> Any:
    """The owner's browser."""
    return await log_in(hass, hass_client, hass_admin_user)


async def log_in(
    hass: HomeAssistant, hass_client: ClientSessionGenerator, user: MockUser
) -> Any:
    """Log a browser in."""
    return await hass_client(await fresh_token(hass, user))


async def to_account(client: Any, issue: str, way: str = "login") -> dict[str, Any]:
    """Open the fix flow and choose how to log in."""
    flow = await start(client, issue)
    assert (flow["type"], flow["step_id"]) == ("menu", "init")
    assert flow["description_placeholders"]["login"] == "Feed-in"
    flow = await submit(client, flow, next_step_id=way)
    assert (flow["type"], flow["step_id"]) == ("form", way)
    return flow


async def submit(client: Any, flow: dict[str, Any], **fields: str) -> dict[str, Any]:
    """Send the form of a fix flow."""
    answer = await client.post(
        f"/api/repairs/issues/fix/{flow['flow_id']}", json=fields
    )
    result: dict[str, Any] = await answer.json()
    return result


async def test_mend_a_login(
    hass: HomeAssistant,
    client: Any,
    both: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
    failing: str,
) -> None:
    """The form names the login, shows what is wrong, and ends with values and no issue."""
    flow = await to_account(client, failing)
    assert flow["description_placeholders"]["login"] == "Feed-in"
    fields = {field["name"]: field for field in flow["data_schema"]}
    assert fields["username"]["description"] == {"suggested_value": "export"}
    assert "description" not in fields["password"]

    before = gateway.failed_logins
    flow = await submit(client, flow, username="export", password="mistyped")
    assert flow["errors"] == {"base": "wrong_password"}
    assert gateway.failed_logins == before + 1
    assert "mistyped" not in str(flow)
    assert hass.states.get(EXPORT).state == STATE_UNAVAILABLE

    result = await submit(client, flow, username="export", password="changed")
    assert result["type"] == "create_entry"
    await hass.async_block_till_done(wait_background_tasks=True)
    assert hass.states.get(EXPORT).state != STATE_UNAVAILABLE
    assert issues(hass) == set()
    login = both.subentries[login_id(both, "export")]
    assert (login.title, login.data["password"]) == ("Feed-in", "changed")

    # what the owner and the gateway needed so far has passed out of the hour
    await timeline.go_to(SLOT + timedelta(minutes=75))
    logins = gateway.logins
    for quarters in range(6, 10):
        await timeline.go_to(SLOT + quarters * timedelta(minutes=15))
    assert gateway.logins == logins + 4
    assert issues(hass) == set()


async def test_refused_though_it_worked(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    hass_admin_user: MockUser,
    both: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
) -> None:
    """Upon the refusal page the form has a text for the operator; the same account mends it."""
    right = gateway.users["export"]
    gateway.users["export"] = Account("changed", accounts.METER)
    gateway.faults.add("refuse_200")
    for quarters in range(2):
        await timeline.go_to(SLOT + quarters * timedelta(minutes=15))
    assert issues(hass) == {"login_failed"}
    client = await log_in(hass, hass_client, hass_admin_user)
    flow = await start(
        client, f"login_failed_{both.entry_id}_{login_id(both, 'export')}"
    )
    assert flow["step_id"] == "refused"
    told = flow["description_placeholders"]
    assert told["gateway_id"] == gateway.gateway_id
    assert told["worked"] in {"10:07", "10:31", "10:32"}
    flow = await submit(client, flow, next_step_id="login")
    flow = await submit(client, flow, username="export", password="two")
    assert (flow["step_id"], flow["errors"]) == ("login", {"base": "login_refused"})
    gateway.users["export"] = right
    result = await submit(client, flow, username="export", password="two")
    assert result["type"] == "create_entry"
    await hass.async_block_till_done(wait_background_tasks=True)
    assert hass.states.get(EXPORT).state != STATE_UNAVAILABLE
    assert issues(hass) == set()


async def test_the_account_of_another_login(
    hass: HomeAssistant,
    client: Any,
    gateway: PpcGateway,
    failing: str,
) -> None:
    """It is refused before the gateway is asked, and can be corrected."""
    flow = await to_account(client, failing)
    gateway.clear_requests()
    flow = await submit(client, flow, username="import", password="one")
    assert flow["errors"] == {"base": "account_taken"}
    assert gateway.requests == []
    result = await submit(client, flow, username="export", password="changed")
    assert result["type"] == "create_entry"
    await hass.async_block_till_done(wait_background_tasks=True)
    assert issues(hass) == set()


async def test_variables_of_an_error(
    hass: HomeAssistant,
    client: Any,
    gateway: PpcGateway,
    failing: str,
) -> None:
    """A locked gateway says how long."""
    flow = await to_account(client, failing)
    gateway.faults.add("locked", seconds=277)
    flow = await submit(client, flow, username="export", password="changed")
    assert flow["errors"] == {"base": "portal_locked"}
    assert flow["description_placeholders"]["remaining"] == "4:37"


async def test_deleted_while_the_form_was_open(
    hass: HomeAssistant,
    client: Any,
    both: MockConfigEntry,
    failing: str,
) -> None:
    """The issue goes with the login, and the form says that nothing is left to do."""
    flow = await to_account(client, failing)
    hass.config_entries.async_remove_subentry(both, login_id(both, "export"))
    await hass.async_block_till_done(wait_background_tasks=True)
    assert issues(hass) == set()
    result = await submit(client, flow, username="export", password="changed")
    assert (result["type"], result["reason"]) == ("abort", "no_login")


async def test_an_ignored_issue_stays_ignored(
    hass: HomeAssistant,
    both: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
    failing: str,
) -> None:
    """What the owner has ignored is not shown again by the next poll."""
    ir.async_ignore_issue(hass, DOMAIN, failing, ignore=True)
    await timeline.go_to(SLOT + timedelta(minutes=45))
    issue = ir.async_get(hass).async_get_issue(DOMAIN, failing)
    assert issue is not None
    assert issue.dismissed_version is not None


async def test_all_logins_fail(
    hass: HomeAssistant,
    both: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
    failing: str,
) -> None:
    """Then the entry asks by itself, and no issue asks beside it."""
    gateway.users["import"] = Account("changed", accounts.METER)
    for quarters in range(2, 5):
        await timeline.go_to(SLOT + quarters * timedelta(minutes=15))
    assert hass.states.get(IMPORT).state == STATE_UNAVAILABLE
    assert len(hass.config_entries.flow.async_progress()) == 1
    assert issues(hass) == set()
