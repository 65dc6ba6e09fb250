"""Contracts of a gateway as sensors and repair issues, and the registers kept for them."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.smgw.const import DOMAIN
from homeassistant.const import STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.core import HomeAssistant, State
from homeassistant.helpers import (
    device_registry as dr,
    entity_registry as er,
    issue_registry as ir,
)
from homeassistant.util import dt as dt_util
from simulator.clock import SimClock
from simulator.emh import EmhGateway
from simulator.ppc import PpcGateway
from simulator.ppc.view import Account
from simulator.scenario import Contract

from .conftest import START, Timeline, make_entry, restart, set_up
from .test_coordinator import SETTLED
from .test_logins import add, login_id

HOUSE = "1EMH0012345678"
PROFILE = "01005e318027.taf031emh0012345678.sm"
TIME_VARIABLE = "01005e318022.taf051emh0012345678.sm"
MONTHLY = "01005e318021.taf041emh0012345678.sm"
ENDED = "01005e318027.taf011esy0060178981.sm"
SUCCESSOR = "01005e318027.taf021esy0060178981.sm"
SLOT = START.replace(minute=30) + SETTLED
DAY = timedelta(days=1)


@pytest.fixture
async def read(hass: HomeAssistant, box: Any) -> MockConfigEntry:
    """An entry of each maker's, set up."""
    entry = make_entry(box)
    assert await set_up(hass, entry)
    return entry


def entity_of(hass: HomeAssistant, gateway: Any, key: str) -> er.RegistryEntry | None:
    """Return the sensor of `<logical name>_<key>`."""
    registry = er.async_get(hass)
    unique_id = f"{gateway.gateway_id}_{key}"
    entity_id = registry.async_get_entity_id("sensor", DOMAIN, unique_id)
    return registry.async_get(entity_id) if entity_id else None


def shown(hass: HomeAssistant, gateway: Any, key: str) -> State:
    """Return what the sensor of `<logical name>_<key>` shows."""
    entity = entity_of(hass, gateway, key)
    assert entity is not None, key
    state = hass.states.get(entity.entity_id)
    assert state is not None, key
    return state


def issues(hass: HomeAssistant) -> dict[str, dict[str, str]]:
    """Return what the issues of contracts are told, by their kind."""
    return {
        issue.translation_key: issue.translation_placeholders or {}
        for issue in ir.async_get(hass).issues.values()
        if issue.translation_key and issue.translation_key.startswith("contract_e")
    }


def change(gateway: Any, logical_name: str, **fields: Any) -> None:
    """Have the operator change a contract."""
    gateway.scenario.contracts = [
        replace(contract, **fields)
        if contract.logical_name == logical_name
        else contract
        for contract in gateway.scenario.contracts
    ]


async def a_day_later(timeline: Timeline) -> None:
    """Wait for the next reading of contracts."""
    now = dt_util.utcnow() + DAY
    await timeline.go_to(now.replace(minute=now.minute // 15 * 15, second=0) + SETTLED)


async def test_running(hass: HomeAssistant, box: Any, read: MockConfigEntry) -> None:
    """Right after the set-up: what a contract is about, on its meter's device."""
    state = shown(hass, box, f"{SUCCESSOR}_state")
    assert state.state == "running"
    told = state.attributes
    assert told["use_case"] == "taf_7"
    assert told["supplier"].removesuffix(".sm") == "emt1"
    assert told["metering_point"].startswith("DE")
    assert told["meters"] == ["1ESY0060178981"]
    assert told["logical_name"] == SUCCESSOR
    end = shown(hass, box, f"{SUCCESSOR}_valid_until").state
    assert datetime.fromisoformat(end) == told["valid_until"]
    assert told["valid_from"] < START < told["valid_until"]
    entity = entity_of(hass, box, f"{SUCCESSOR}_state")
    assert entity is not None
    device = dr.async_get(hass).async_get(entity.device_id or "")
    assert device is not None
    assert device.serial_number == "1ESY0060178981"
    assert entity.config_subentry_id is None


async def test_billing_period(
    hass: HomeAssistant, box: Any, read: MockConfigEntry, timeline: Timeline
) -> None:
    """The one that runs, with the contract and with its registers; over the next listing."""
    begin = datetime.fromisoformat("2026-11-01T00:00+01:00")
    for _ in range(2):
        told = shown(hass, box, f"{MONTHLY}_state").attributes
        assert told["billing_period_start"] == begin
        assert told["billing_periods"] == 13
        register = shown(hass, box, f"{TIME_VARIABLE}_1-0:1.8.1").attributes
        assert register["billing_period_start"] == begin
        await a_day_later(timeline)


async def test_ended(hass: HomeAssistant, box: Any, read: MockConfigEntry) -> None:
    """One that ended is there, disabled at first; its successor has the same name."""
    entity = entity_of(hass, box, f"{ENDED}_state")
    assert entity is not None
    assert entity.disabled_by is er.RegistryEntryDisabler.INTEGRATION
    current = entity_of(hass, box, f"{SUCCESSOR}_state")
    assert current is not None
    assert current.original_name == entity.original_name
    assert issues(hass) == {}


async def test_outlives_a_restart(
    hass: HomeAssistant, box: Any, read: MockConfigEntry, timeline: Timeline
) -> None:
    """What was read is shown again at once, with no request for it."""
    before = shown(hass, box, f"{SUCCESSOR}_state")
    registers = shown(hass, box, f"{TIME_VARIABLE}_1-0:1.8.1")
    requests = len(box.requests)
    await restart(hass, read, timeline)
    after = shown(hass, box, f"{SUCCESSOR}_state")
    assert (after.state, after.attributes) == (before.state, before.attributes)
    assert shown(hass, box, f"{TIME_VARIABLE}_1-0:1.8.1").state == registers.state
    assert len(box.requests) - requests < 10


async def test_read_once_a_day(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
) -> None:
    """The list of contracts is asked for with one poll of a day."""

    def asked() -> int:
        return sum(record.action == "showTariffProfile" for record in gateway.requests)

    assert asked() == 7
    gateway.clear_requests()
    for hour in range(1, 22):
        await timeline.go_to(SLOT + timedelta(hours=hour))
    assert asked() == 0
    await timeline.go_to(SLOT + DAY)
    assert asked() == 7


async def test_gateway_away(
    hass: HomeAssistant,
    box: Any,
    read: MockConfigEntry,
    timeline: Timeline,
) -> None:
    """A contract stays as it is known; its registers are as unavailable as others."""
    box.faults.add("tls_close")
    await timeline.go_to(SLOT)
    assert shown(hass, box, f"{SUCCESSOR}_state").state == "running"
    register = shown(hass, box, f"{TIME_VARIABLE}_1-0:1.8.1")
    assert register.state == STATE_UNAVAILABLE


async def test_ends_soon(
    hass: HomeAssistant, box: Any, read: MockConfigEntry, timeline: Timeline
) -> None:
    """Thirty days ahead there is an issue; a longer contract lets it vanish."""
    end = dt_util.as_local(START + timedelta(days=25)).replace(hour=0, minute=0)
    change(box, MONTHLY, end=end)
    await a_day_later(timeline)
    assert issues(hass) == {
        "contract_expiring": {
            "gateway_id": box.gateway_id,
            "contract": "Bezug Monat",
            "use_case": "TAF 1",
            "valid_until": end.date().isoformat(),
        }
    }
    change(box, MONTHLY, end=None)
    await a_day_later(timeline)
    assert issues(hass) == {}


async def test_has_ended(
    hass: HomeAssistant, box: Any, read: MockConfigEntry, timeline: Timeline
) -> None:
    """Time alone ends a contract; some weeks later it is no news."""
    end = dt_util.as_local(START + timedelta(days=2)).replace(hour=0, minute=0)
    change(box, MONTHLY, end=end)
    await a_day_later(timeline)
    assert issues(hass).keys() == {"contract_expiring"}
    await timeline.go_to(SLOT + timedelta(days=2))
    assert issues(hass).keys() == {"contract_expired"}
    assert shown(hass, box, f"{MONTHLY}_state").state == "ended"
    await timeline.go_to(SLOT + timedelta(days=70))
    assert issues(hass) == {}


async def test_continued_by_another(
    hass: HomeAssistant, box: Any, read: MockConfigEntry, timeline: Timeline
) -> None:
    """No issue where another contract of the kind begins in time."""
    end = dt_util.as_local(START + timedelta(days=25)).replace(hour=0, minute=0)
    change(box, MONTHLY, end=end)
    box.scenario.contracts.append(
        Contract("Bezug Monat", 1, HOUSE.lower(), ("1-0:1.8.0",), end, None, 20)
    )
    await a_day_later(timeline)
    assert issues(hass) == {}
    new = f"01005e318021.taf20{HOUSE.lower()}.sm"
    assert shown(hass, box, f"{new}_state").state == "ready"
    await timeline.go_to(SLOT + timedelta(days=26))
    assert shown(hass, box, f"{new}_state").state == "running"


@pytest.mark.parametrize(("obis", "step"), [("1-0:1.8.1", 1), ("1-0:1.8.2", 2)])
async def test_tariff_registers(
    hass: HomeAssistant, box: Any, read: MockConfigEntry, obis: str, step: int
) -> None:
    """The registers of a time-variable tariff, as of the moment the gateway says."""
    state = shown(hass, box, f"{TIME_VARIABLE}_{obis}")
    moment = state.attributes["target_time"]
    true = box.true_register(HOUSE.lower(), obis, moment)
    assert Decimal(state.state) == true
    assert state.attributes["tariff_step"] == step
    assert state.attributes["device_class"] == "energy"
    assert state.attributes["state_class"] == "total_increasing"
    assert state.attributes["unit_of_measurement"] == "kWh"


async def test_day_values(hass: HomeAssistant, box: Any, read: MockConfigEntry) -> None:
    """Registers the meter's own sensor shows as well are disabled at first."""
    keys = [
        item.unique_id
        for item in er.async_entries_for_config_entry(er.async_get(hass), read.entry_id)
        if "01005e318026" in item.unique_id and item.unique_id.endswith("1.8.0")
    ]
    assert len(keys) == 1
    entity_id = er.async_get(hass).async_get_entity_id("sensor", DOMAIN, keys[0])
    assert hass.states.get(entity_id or "") is None


async def test_step_by_two_looks(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
) -> None:
    """The one register that has counted within the hour tells the step of now."""
    step = f"{TIME_VARIABLE}_tariff_step"
    assert shown(hass, gateway, step).state == STATE_UNKNOWN
    before = shown(hass, gateway, f"{TIME_VARIABLE}_1-0:1.8.1").state
    for quarter in range(1, 6):
        await timeline.go_to(SLOT + quarter * timedelta(minutes=15))
    assert shown(hass, gateway, f"{TIME_VARIABLE}_1-0:1.8.1").state != before
    assert shown(hass, gateway, step).state == "1"
    # 22:00 in Berlin begins the night: in the hour of the change both have counted.
    for hour in range(11, 15):
        await timeline.go_to(SLOT + timedelta(hours=hour))
    assert shown(hass, gateway, step).state == "2"


async def test_step_as_told(
    hass: HomeAssistant, socket_enabled: None, clock: SimClock, timeline: Timeline
) -> None:
    """A gateway that tells the step is asked with each poll."""
    with EmhGateway(clock=clock) as gateway:
        assert await set_up(hass, make_entry(gateway))
        step = f"{TIME_VARIABLE}_tariff_step"
        assert shown(hass, gateway, step).state == "1"
        evening = START.replace(hour=20, minute=45) + SETTLED
        for quarter in range(2):
            await timeline.go_to(evening + quarter * timedelta(minutes=15))
            assert shown(hass, gateway, step).state == str(1 + quarter)


async def test_removed_login(
    hass: HomeAssistant, socket_enabled: None, clock: SimClock, timeline: Timeline
) -> None:
    """A removed login takes with it the contracts that only it saw."""
    house, stairs = HOUSE.lower(), "1esy0060178981"
    with PpcGateway(clock=clock, user="house", password="one") as gateway:
        gateway.users["house"] = Account("one", frozenset({house}))
        gateway.users["stairs"] = Account("two", frozenset({stairs}))
        entry = make_entry(gateway)
        assert await set_up(hass, entry)
        await add(hass, entry, username="stairs", password="two")
        await timeline.go_to(SLOT)
        await timeline.go_to(SLOT + timedelta(minutes=15))
        assert shown(hass, gateway, f"{SUCCESSOR}_state").state == "running"
        assert shown(hass, gateway, f"{PROFILE}_state").state == "running"
        hass.config_entries.async_remove_subentry(entry, login_id(entry, "stairs"))
        await hass.async_block_till_done(wait_background_tasks=True)
        assert entity_of(hass, gateway, f"{SUCCESSOR}_state") is None
        assert shown(hass, gateway, f"{PROFILE}_state").state == "running"
