"""Meters that come, go and are exchanged, behind a gateway of each maker."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.smgw.const import DOMAIN
from homeassistant.const import STATE_UNAVAILABLE
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.setup import async_setup_component
from simulator.ppc import PpcGateway
from simulator.ppc.view import Account

from .conftest import START, Timeline, fresh_token, restart, set_up
from .test_coordinator import SETTLED
from .test_logins import add

SLOT = START.replace(minute=30)
QUARTER = timedelta(minutes=15)
OLD, NEW = "1EMH0012345678", "1EMH0087654321"
EXPORT = "1-0:2.8.0"

type Delete = Callable[[str], Awaitable[bool]]


@pytest.fixture
def gateway(box: Any) -> Any:
    """A simulated gateway of each maker."""
    return box


@pytest.fixture
async def delete(
    hass: HomeAssistant, hass_ws_client: WebSocketGenerator, hass_admin_user: MockUser
) -> Delete:
    """Press *Delete* on a device; a connection of its own, as time jumps in between."""
    assert await async_setup_component(hass, "config", {})

    async def press(device_id: str) -> bool:
        token = await fresh_token(hass, hass_admin_user)
        client = await hass_ws_client(hass, token)
        answer = await client.remove_device(device_id)
        await hass.async_block_till_done()
        return bool(answer["success"])

    return press


def exchange(gateway: Any, at: datetime) -> None:
    """Exchange the household's meter."""
    gateway.scenario.meters.exchange_meter(OLD.lower(), NEW.lower(), at)


def state(
    hass: HomeAssistant, gateway: Any, meter: str, key: str = EXPORT
) -> str | None:
    """Return what a sensor of a meter shows; None if there is none."""
    entity_id = er.async_get(hass).async_get_entity_id(
        "sensor", DOMAIN, f"{gateway.gateway_id}_{meter}_{key}"
    )
    found = hass.states.get(entity_id) if entity_id else None
    return found.state if found else None


def devices(hass: HomeAssistant, entry: MockConfigEntry) -> dict[str | None, str]:
    """Return the ids of the devices, by serial number."""
    return {
        device.serial_number: device.id
        for device in dr.async_entries_for_config_entry(
            dr.async_get(hass), entry.entry_id
        )
    }


async def test_exchange(
    hass: HomeAssistant,
    delete: Delete,
    gateway: Any,
    loaded: MockConfigEntry,
    timeline: Timeline,
) -> None:
    """The new meter is there by itself, the old one unavailable and free to be deleted."""
    await timeline.go_to(SLOT + SETTLED)
    before = state(hass, gateway, OLD)
    exchange(gateway, SLOT + timedelta(minutes=5))
    await timeline.go_to(SLOT + QUARTER + SETTLED)
    if state(hass, gateway, NEW) is None:
        # Some gateways are asked for their meters once the old ones are gone.
        await timeline.go_to(SLOT + 2 * QUARTER + SETTLED)
    assert before is not None
    assert state(hass, gateway, OLD) == STATE_UNAVAILABLE
    assert state(hass, gateway, OLD, "last_reading") == STATE_UNAVAILABLE
    truth = gateway.true_register(
        NEW.lower(), EXPORT, datetime.fromisoformat(last_slot(hass, gateway))
    )
    assert state(hass, gateway, NEW) == str(truth)
    assert truth < 10
    assert state(hass, gateway, "1ESY0060178981", "1-0:1.8.0") != STATE_UNAVAILABLE
    assert {OLD, NEW} <= devices(hass, loaded).keys()

    assert not await delete(devices(hass, loaded)[NEW])
    assert await delete(devices(hass, loaded)[OLD])
    assert OLD not in devices(hass, loaded)
    assert state(hass, gateway, OLD) is None
    await timeline.pass_by(minutes=30)
    assert OLD not in devices(hass, loaded)
    assert state(hass, gateway, NEW) not in (None, STATE_UNAVAILABLE)


def last_slot(hass: HomeAssistant, gateway: Any) -> str:
    """Return the slot of the new meter's last reading."""
    taken = state(hass, gateway, NEW, "last_reading")
    assert taken
    return datetime.fromisoformat(taken).replace(second=0).isoformat()


async def test_delete_after_a_restart(
    hass: HomeAssistant,
    delete: Delete,
    gateway: Any,
    loaded: MockConfigEntry,
    timeline: Timeline,
) -> None:
    """The old meter can be deleted later as well, and returns as new if it returns."""
    meters = gateway.scenario.meters
    meters.remove_meter("7els0045678901")
    await timeline.go_to(SLOT + SETTLED)
    await restart(hass, loaded, timeline)
    gas = "7ELS0045678901"
    assert state(hass, gateway, gas, "7-0:3.0.0") == STATE_UNAVAILABLE
    assert await delete(devices(hass, loaded)[gas])
    meters.add_meter("7els0045678901", ("7-0:3.0.0",))
    await timeline.pass_by(days=1)
    await timeline.pass_by(hours=1)
    assert gas in devices(hass, loaded)
    assert state(hass, gateway, gas, "7-0:3.0.0") not in (None, STATE_UNAVAILABLE)


async def test_deleted_meter_comes_back(
    hass: HomeAssistant,
    delete: Delete,
    gateway: Any,
    loaded: MockConfigEntry,
    timeline: Timeline,
) -> None:
    """The same without a restart in between."""
    gas = "7ELS0045678901"
    meters = gateway.scenario.meters
    meters.remove_meter(gas.lower())
    await timeline.go_to(SLOT + SETTLED)
    await timeline.pass_by(days=1)
    assert await delete(devices(hass, loaded)[gas])
    meters.add_meter(gas.lower(), ("7-0:3.0.0",))
    await timeline.pass_by(days=1)
    await timeline.pass_by(hours=1)
    assert gas in devices(hass, loaded)
    assert state(hass, gateway, gas, "7-0:3.0.0") not in (None, STATE_UNAVAILABLE)


@pytest.mark.parametrize("box", [PpcGateway], indirect=True)
async def test_exchange_behind_two_logins(
    hass: HomeAssistant,
    gateway: PpcGateway,
    entry: MockConfigEntry,
    timeline: Timeline,
) -> None:
    """The old meter goes when both have been read, and comes back with neither."""
    both = frozenset({OLD.lower(), NEW.lower()})
    gateway.users[gateway.user] = Account(
        gateway.password, both, frozenset({"1-0:1.8.0"})
    )
    gateway.users["export"] = Account("two", both, frozenset({EXPORT}))
    await set_up(hass, entry)
    await add(hass, entry, username="export", password="two")
    exchange(gateway, SLOT + timedelta(minutes=5))
    for number in range(5):
        await timeline.go_to(SLOT + number * QUARTER + SETTLED)
    for code in ("1-0:1.8.0", EXPORT):
        assert state(hass, gateway, OLD, code) == STATE_UNAVAILABLE
        assert float(state(hass, gateway, NEW, code) or "nan") < 10
