"""Several accounts on one gateway: each sees its own, fails alone, is read in turn."""

from datetime import timedelta
import logging
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.smgw.const import CONF_INTERVAL
from homeassistant.config_entries import (
    SOURCE_RECONFIGURE,
    SOURCE_USER,
    ConfigEntryState,
)
from homeassistant.const import CONF_PASSWORD, STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import device_registry as dr, issue_registry as ir
from simulator.ppc import PpcGateway
from simulator.ppc.view import Account

from . import accounts
from .conftest import START, Timeline, make_entry, set_up
from .test_coordinator import SETTLED, session_starts

HOUSE = "sensor.electricity_meter_1emh0012345678"
IMPORT, EXPORT = f"{HOUSE}_grid_import", f"{HOUSE}_grid_export"
GAS = "sensor.gas_meter_7els0045678901_gas_volume"
SLOT = START.replace(minute=30) + SETTLED
pytestmark = pytest.mark.gateway(**accounts.THREE)


type Flow = dict[str, Any]


async def answer(hass: HomeAssistant, flow: Flow, **fields: str) -> Flow:
    """Fill in a form of a login's flow, or choose from its menu."""
    result: Flow = await hass.config_entries.subentries.async_configure(
        flow["flow_id"], fields
    )
    return result


async def to_account(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    login: str | None = None,
    way: str = "login",
) -> Flow:
    """Open the flow for a new login, or to change one by its id, up to the account."""
    source = {"source": SOURCE_USER}
    if login is not None:
        source = {"source": SOURCE_RECONFIGURE, "subentry_id": login}
    flow = await hass.config_entries.subentries.async_init(
        (entry.entry_id, "login"), context=source
    )
    assert (flow["type"], flow["step_id"]) == (FlowResultType.MENU, source["source"])
    flow = await answer(hass, flow, next_step_id=way)
    assert (flow["type"], flow["step_id"]) == (FlowResultType.FORM, way)
    return flow


async def reauth(
    hass: HomeAssistant, login: str | None = None, way: str = "login"
) -> Flow:
    """Go on with the flow that asks for a login; of several it asks which one."""
    (flow,) = hass.config_entries.flow.async_progress()
    configure = hass.config_entries.flow.async_configure
    if login is not None:
        assert flow["step_id"] == "reauth_login"
        flow = await configure(flow["flow_id"], {"login": login})
    assert flow["step_id"] == "reauth_confirm"
    result: Flow = await configure(flow["flow_id"], {"next_step_id": way})
    return result


async def add(hass: HomeAssistant, entry: MockConfigEntry, **fields: str) -> Flow:
    """Add a login by its flow."""
    flow = await to_account(hass, entry)
    result = await answer(hass, flow, **fields)
    await hass.async_block_till_done(wait_background_tasks=True)
    return result


def login_id(entry: MockConfigEntry, user: str) -> str:
    """Return the id of a login."""
    return next(
        login.subentry_id
        for login in entry.subentries.values()
        if login.unique_id == f"login_{user}"
    )


@pytest.fixture
async def both(hass: HomeAssistant, entry: MockConfigEntry) -> MockConfigEntry:
    """A loaded entry with a login for import and one for export."""
    await set_up(hass, entry)
    result = await add(hass, entry, username="export", password="two", name="Feed-in")
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["title"] == "Feed-in"
    return entry


async def test_two_logins_make_one_meter(
    hass: HomeAssistant,
    both: MockConfigEntry,
    gateway: PpcGateway,
    device_registry: dr.DeviceRegistry,
) -> None:
    """What one sees of a meter and what the other sees is the same device."""
    assert hass.states.get(IMPORT).state == "14210.3372"
    assert hass.states.get(EXPORT).state == "21877.9051"
    devices = dr.async_entries_for_config_entry(device_registry, both.entry_id)
    assert len(devices) == 2
    assert gateway.open_sessions == 0


async def test_a_register_goes_with_the_login_that_delivered_it(
    hass: HomeAssistant, both: MockConfigEntry, gateway: PpcGateway, timeline: Timeline
) -> None:
    """Though another login, whose turn it was not, still sees the meter."""
    slots = (SLOT + count * timedelta(minutes=15) for count in range(8))
    gateway.users["export"] = Account("two", frozenset({"7els0045678901"}))
    while hass.states.get(EXPORT).state != STATE_UNKNOWN:
        await timeline.go_to(next(slots))
    gateway.users["export"] = Account("another")
    while hass.states.get(GAS).state != STATE_UNAVAILABLE:
        assert hass.states.get(EXPORT).state == STATE_UNKNOWN
        await timeline.go_to(next(slots))
    assert hass.states.get(EXPORT).state == STATE_UNAVAILABLE
    assert hass.states.get(IMPORT).state not in (STATE_UNAVAILABLE, STATE_UNKNOWN)


async def test_accounts_are_read_in_turn(
    hass: HomeAssistant,
    both: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
) -> None:
    """One session per quarter hour, whatever the number of accounts."""
    users: list[str] = []
    # the sessions of the set-up have passed out of the hour
    await timeline.go_to(SLOT + timedelta(hours=1))
    for quarters in range(5, 9):
        gateway.clear_requests()
        before = hass.states.get(IMPORT).state, hass.states.get(EXPORT).state
        await timeline.go_to(SLOT + quarters * timedelta(minutes=15))
        after = hass.states.get(IMPORT).state, hass.states.get(EXPORT).state
        assert len(session_starts(gateway)) == 1
        users.append("import" if before[0] != after[0] else "export")
    assert users in (["import", "export"] * 2, ["export", "import"] * 2)


async def test_one_login_fails_alone(
    hass: HomeAssistant,
    both: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Its registers are unavailable, an issue names it, the other goes on; then it is mended."""
    caplog.set_level(logging.INFO, "custom_components.smgw")
    gateway.users["export"] = Account(
        "changed", frozenset({"1emh0012345678"}), frozenset({"1-0:2.8.0"})
    )
    for quarters in range(6):
        await timeline.go_to(SLOT + quarters * timedelta(minutes=15))
    assert hass.states.get(EXPORT).state == STATE_UNAVAILABLE
    assert hass.states.get(IMPORT).state != STATE_UNAVAILABLE
    assert gateway.failed_logins == 1
    assert hass.config_entries.flow.async_progress() == []
    (issue,) = ir.async_get(hass).issues.values()
    assert issue.translation_key == "login_failed"
    assert issue.translation_placeholders["login"] == "Feed-in"

    flow = await to_account(hass, both, login_id(both, "export"))
    flow = await hass.config_entries.subentries.async_configure(
        flow["flow_id"], {"username": "export", "password": "mistyped"}
    )
    assert flow["errors"] == {"base": "wrong_password"}
    result = await hass.config_entries.subentries.async_configure(
        flow["flow_id"],
        {"username": "export", "password": "changed", "name": "Roof"},
    )
    assert result["reason"] == "reconfigure_successful"
    await hass.async_block_till_done(wait_background_tasks=True)
    assert hass.states.get(EXPORT).state != STATE_UNAVAILABLE
    assert ir.async_get(hass).issues == {}
    assert {login.title for login in both.subentries.values()} == {"import", "Roof"}
    lines = [r.levelname for r in caplog.records if r.name == "custom_components.smgw"]
    assert lines == ["WARNING"]


async def test_all_logins_refused(
    hass: HomeAssistant, both: MockConfigEntry, gateway: PpcGateway, timeline: Timeline
) -> None:
    """Only then the entry asks; one new password brings its part back."""
    for user in ("import", "export"):
        gateway.users[user] = Account("changed", frozenset({"1emh0012345678"}))
    for quarters in range(8):
        await timeline.go_to(SLOT + quarters * timedelta(minutes=15))
    assert gateway.failed_logins == 2
    assert hass.states.get(IMPORT).state == STATE_UNAVAILABLE
    flow = await reauth(hass, login_id(both, "export"))
    result = await hass.config_entries.flow.async_configure(
        flow["flow_id"], {"username": "export", "password": "changed"}
    )
    assert result["reason"] == "reauth_successful"
    await hass.async_block_till_done(wait_background_tasks=True)
    assert hass.states.get(EXPORT).state != STATE_UNAVAILABLE
    (issue,) = ir.async_get(hass).issues.values()
    assert issue.translation_placeholders["login"] == "import"
    assert both.subentries[login_id(both, "export")].data[CONF_PASSWORD] == "changed"


async def test_removed_login_takes_its_own(
    hass: HomeAssistant,
    both: MockConfigEntry,
    gateway: PpcGateway,
    device_registry: dr.DeviceRegistry,
) -> None:
    """What only it saw goes, what another sees stays; nothing is read for it."""
    await add(hass, both, username="gas", password="three")
    assert hass.states.get(GAS) is not None
    gateway.clear_requests()
    for user in ("gas", "export"):
        hass.config_entries.async_remove_subentry(both, login_id(both, user))
        await hass.async_block_till_done(wait_background_tasks=True)
    assert hass.states.get(GAS) is None
    assert hass.states.get(EXPORT) is None
    assert hass.states.get(IMPORT).state == "14210.3372"
    serials = {
        device.serial_number
        for device in dr.async_entries_for_config_entry(device_registry, both.entry_id)
    }
    assert serials == {gateway.gateway_id, "1EMH0012345678"}
    assert gateway.requests == []


async def test_no_login_is_a_valid_state(
    hass: HomeAssistant, both: MockConfigEntry, gateway: PpcGateway, timeline: Timeline
) -> None:
    """Without any login the entry stays loaded and leaves the gateway alone."""
    for login in list(both.subentries):
        hass.config_entries.async_remove_subentry(both, login)
    await hass.async_block_till_done(wait_background_tasks=True)
    gateway.clear_requests()
    await timeline.pass_by(hours=2)
    assert gateway.requests == []
    assert await hass.config_entries.async_reload(both.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert both.state is ConfigEntryState.LOADED
    assert gateway.requests == []
    assert hass.config_entries.flow.async_progress() == []

    await add(hass, both, username="import", password="one")
    assert hass.states.get(IMPORT) is not None


async def test_same_account_twice(
    hass: HomeAssistant, both: MockConfigEntry, gateway: PpcGateway
) -> None:
    """An account is one login; the gateway is not asked."""
    gateway.clear_requests()
    result = await add(hass, both, username="export", password="two")
    assert result["errors"] == {"base": "account_taken"}
    assert gateway.requests == []


async def test_account_of_another_login(
    hass: HomeAssistant, both: MockConfigEntry
) -> None:
    """A login cannot be changed into another one's account."""
    flow = await to_account(hass, both, login_id(both, "export"))
    result = await hass.config_entries.subentries.async_configure(
        flow["flow_id"], {"username": "import", "password": "one"}
    )
    assert result["errors"] == {"base": "account_taken"}


async def test_wrong_password_of_a_new_login(
    hass: HomeAssistant, both: MockConfigEntry, gateway: PpcGateway
) -> None:
    """The error is shown, the existing logins are not touched."""
    result = await add(hass, both, username="gas", password="wrong")
    assert result["errors"] == {"base": "wrong_password"}
    assert len(both.subentries) == 2
    result = await hass.config_entries.subentries.async_configure(
        result["flow_id"], {"username": "gas", "password": "three"}
    )
    assert result["title"] == "gas"


async def test_longer_interval_for_several(
    hass: HomeAssistant, gateway: PpcGateway, timeline: Timeline
) -> None:
    """With an interval of an hour two accounts cost two sessions an hour."""
    entry = make_entry(gateway, **{CONF_INTERVAL: 60})
    await set_up(hass, entry)
    await add(hass, entry, username="export", password="two")
    gateway.clear_requests()
    for minutes in range(0, 24 * 60, 5):
        await timeline.go_to(START + timedelta(minutes=minutes))
    assert 46 <= len(session_starts(gateway)) <= 50


async def test_unknown_is_not_unavailable(
    hass: HomeAssistant, both: MockConfigEntry, gateway: PpcGateway, timeline: Timeline
) -> None:
    """A register that a good session left out is unknown."""
    gateway.override("1emh0012345678", "1-0:2.8.0", istvalide="2")
    for quarters in range(2):
        await timeline.go_to(SLOT + quarters * timedelta(minutes=15))
    assert hass.states.get(EXPORT).state == "unknown"


async def test_gateway_fails_for_all(
    hass: HomeAssistant, both: MockConfigEntry, gateway: PpcGateway, timeline: Timeline
) -> None:
    """A fault of the gateway is no account's: everything is unavailable, then back."""
    gateway.faults.add("server_error")
    await timeline.go_to(SLOT)
    assert hass.states.get(EXPORT).state == STATE_UNAVAILABLE
    assert hass.states.get(IMPORT).state == STATE_UNAVAILABLE
    gateway.faults.clear()
    await timeline.go_to(SLOT + timedelta(minutes=45))
    assert hass.states.get(EXPORT).state != STATE_UNAVAILABLE
    assert hass.states.get(IMPORT).state != STATE_UNAVAILABLE
    assert ir.async_get(hass).issues == {}


async def test_start_with_one_login_refused(
    hass: HomeAssistant, both: MockConfigEntry, gateway: PpcGateway, timeline: Timeline
) -> None:
    """The entry loads with what the other login sees."""
    gateway.users["import"] = Account("changed", frozenset({"1emh0012345678"}))
    assert await hass.config_entries.async_unload(both.entry_id)
    await timeline.go_to(SLOT)
    assert await hass.config_entries.async_setup(both.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert both.state is ConfigEntryState.LOADED
    assert hass.states.get(EXPORT).state == "21877.9051"
    assert hass.states.get(IMPORT).state == STATE_UNAVAILABLE
    (issue,) = ir.async_get(hass).issues.values()
    assert issue.translation_placeholders["login"] == "import"


async def test_repaired_account_without_a_new_password(
    hass: HomeAssistant, entry: MockConfigEntry, gateway: PpcGateway, timeline: Timeline
) -> None:
    """The operator mended the account: the same password again brings everything back."""
    await set_up(hass, entry)
    gateway.faults.add("portal_error")
    await timeline.go_to(SLOT)
    assert hass.states.get(IMPORT).state == STATE_UNAVAILABLE
    gateway.faults.clear()
    flow = await reauth(hass)
    result = await hass.config_entries.flow.async_configure(
        flow["flow_id"], {"username": "import", "password": "one"}
    )
    assert result["reason"] == "reauth_successful"
    await hass.async_block_till_done(wait_background_tasks=True)
    assert hass.states.get(IMPORT).state != STATE_UNAVAILABLE
    before = gateway.logins
    await timeline.go_to(SLOT + timedelta(minutes=45))
    assert gateway.logins == before + 1


@pytest.mark.parametrize("loaded_before", [True, False])
async def test_changed_login_ends_the_question_for_one(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
    loaded_before: bool,
) -> None:
    """Whether the entry had loaded or not, *Change login* mends it and closes reauth."""
    if loaded_before:
        await set_up(hass, entry)
    gateway.users["import"] = Account("new", frozenset({"1emh0012345678"}))
    if loaded_before:
        await timeline.go_to(SLOT)
    else:
        await set_up(hass, entry)
    assert len(hass.config_entries.flow.async_progress()) == 1
    flow = await to_account(hass, entry, login_id(entry, "import"))
    result = await hass.config_entries.subentries.async_configure(
        flow["flow_id"], {"username": "import", "password": "new"}
    )
    assert result["reason"] == "reconfigure_successful"
    await hass.async_block_till_done(wait_background_tasks=True)
    assert entry.state is ConfigEntryState.LOADED
    assert hass.states.get(IMPORT).state != STATE_UNAVAILABLE
    assert hass.config_entries.flow.async_progress() == []


async def test_reauth_with_the_account_of_another_login(
    hass: HomeAssistant, both: MockConfigEntry, gateway: PpcGateway, timeline: Timeline
) -> None:
    """It is refused before the gateway is asked, and can be corrected."""
    for user in ("import", "export"):
        gateway.users[user] = Account("changed", frozenset({"1emh0012345678"}))
    for quarters in range(3):
        await timeline.go_to(SLOT + quarters * timedelta(minutes=15))
    flow = await reauth(hass, login_id(both, "import"))
    gateway.clear_requests()
    flow = await hass.config_entries.flow.async_configure(
        flow["flow_id"], {"username": "export", "password": "changed"}
    )
    assert flow["errors"] == {"base": "account_taken"}
    assert gateway.requests == []
    result = await hass.config_entries.flow.async_configure(
        flow["flow_id"], {"username": "import", "password": "changed"}
    )
    assert result["reason"] == "reauth_successful"
    await hass.async_block_till_done(wait_background_tasks=True)


async def test_reauth_without_a_login(
    hass: HomeAssistant, both: MockConfigEntry
) -> None:
    """Nothing can be asked for."""
    for login in list(both.subentries):
        hass.config_entries.async_remove_subentry(both, login)
    result = await both.start_reauth_flow(hass)
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "no_login")


async def test_reauth_after_the_login_was_deleted(
    hass: HomeAssistant, entry: MockConfigEntry, gateway: PpcGateway, timeline: Timeline
) -> None:
    """There is nothing left to mend."""
    await set_up(hass, entry)
    gateway.users["import"] = Account("new", frozenset({"1emh0012345678"}))
    await timeline.go_to(SLOT)
    flow = await reauth(hass)
    hass.config_entries.async_remove_subentry(entry, login_id(entry, "import"))
    await hass.async_block_till_done(wait_background_tasks=True)
    result = await hass.config_entries.flow.async_configure(
        flow["flow_id"], {"username": "import", "password": "new"}
    )
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "no_login")


async def test_slots_without_a_turn_do_not_hide_a_fault(
    hass: HomeAssistant, gateway: PpcGateway, timeline: Timeline
) -> None:
    """With long intervals a dead gateway stays unavailable until it has answered."""
    entry = make_entry(gateway, **{CONF_INTERVAL: 60})
    await set_up(hass, entry)
    await add(hass, entry, username="export", password="two")
    gateway.faults.add("drop_before_answer")
    states = []
    for quarters in range(12):
        await timeline.go_to(SLOT + quarters * timedelta(minutes=15))
        states.append(hass.states.get(IMPORT).state)
    down = states.index(STATE_UNAVAILABLE)
    assert set(states[down:]) == {STATE_UNAVAILABLE}
    gateway.faults.clear()
    await timeline.go_to(SLOT + timedelta(hours=3, minutes=15))
    assert hass.states.get(IMPORT).state != STATE_UNAVAILABLE


async def test_a_refusal_comes_before_a_missing_meter(
    hass: HomeAssistant, both: MockConfigEntry, gateway: PpcGateway, timeline: Timeline
) -> None:
    """Of several failures the one that needs the owner is the one asked about."""
    gateway.users["import"] = Account("changed", frozenset({"1emh0012345678"}))
    gateway.users["export"] = Account("two", frozenset({"1xyz0000000000"}))
    for quarters in range(4):
        await timeline.go_to(SLOT + quarters * timedelta(minutes=15))
    (flow,) = hass.config_entries.flow.async_progress()
    assert flow["step_id"] == "reauth_login"
