"""What a removed login leaves: nothing, also when it was not read since the start."""

import re

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.smgw.const import DOMAIN
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er
from simulator.ppc import PpcGateway
from simulator.ppc.view import Account

from . import accounts
from .conftest import START, Timeline, restart, set_up, shut_down
from .test_logins import add, login_id

HOUSE, GAS = "1EMH0012345678", "7ELS0045678901"
pytestmark = pytest.mark.gateway(**accounts.THREE)


@pytest.fixture
async def three(hass: HomeAssistant, entry: MockConfigEntry) -> MockConfigEntry:
    """A loaded entry with three logins."""
    await set_up(hass, entry)
    await add(hass, entry, username="export", password="two")
    await add(hass, entry, username="gas", password="three")
    return entry


def registers(hass: HomeAssistant, entry: MockConfigEntry) -> set[str]:
    """Return meter and OBIS code of all registers that some entity is of."""
    return {
        match[1]
        for item in er.async_entries_for_config_entry(
            er.async_get(hass), entry.entry_id
        )
        if (match := re.match(r"[^_]+_([^_.]+_\d+-\d+:[\d.]+)", item.unique_id))
    }


def serials(hass: HomeAssistant, entry: MockConfigEntry) -> set[str | None]:
    """Return the numbers of all devices."""
    devices = dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
    return {device.serial_number for device in devices}


async def start_refusing(
    hass: HomeAssistant, entry: MockConfigEntry, gateway: PpcGateway, *users: str
) -> None:
    """Load the entry when nothing of some can be read any more: other passwords hold."""
    for user in users:
        gateway.users[user] = Account("changed")
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)


async def test_before_it_was_read(
    hass: HomeAssistant,
    three: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
) -> None:
    """After a restart all but one login are out of reach; what those saw is known."""
    assert registers(hass, three) == {
        f"{HOUSE}_1-0:1.8.0",
        f"{HOUSE}_1-0:2.8.0",
        f"{GAS}_7-0:3.0.0",
    }
    await shut_down(hass, three, timeline)
    await start_refusing(hass, three, gateway, "export", "gas")

    hass.config_entries.async_remove_subentry(three, login_id(three, "gas"))
    await hass.async_block_till_done(wait_background_tasks=True)
    assert registers(hass, three) == {f"{HOUSE}_1-0:1.8.0", f"{HOUSE}_1-0:2.8.0"}
    assert serials(hass, three) == {gateway.gateway_id, HOUSE}
    hass.config_entries.async_remove_subentry(three, login_id(three, "export"))
    await hass.async_block_till_done(wait_background_tasks=True)
    assert registers(hass, three) == {f"{HOUSE}_1-0:1.8.0"}


async def test_device_of_a_login_that_is_not_read_yet(
    hass: HomeAssistant,
    three: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
) -> None:
    """A meter that another login sees stays, even if that one is silent for now."""
    await shut_down(hass, three, timeline)
    await start_refusing(hass, three, gateway, "import", "export")
    hass.config_entries.async_remove_subentry(three, login_id(three, "import"))
    await hass.async_block_till_done(wait_background_tasks=True)
    assert registers(hass, three) == {f"{HOUSE}_1-0:2.8.0", f"{GAS}_7-0:3.0.0"}
    assert serials(hass, three) == {gateway.gateway_id, HOUSE, GAS}


async def test_while_the_entry_was_not_loaded(
    hass: HomeAssistant,
    three: MockConfigEntry,
    timeline: Timeline,
) -> None:
    """Nobody heard of it; it is made up for at the next start."""
    await shut_down(hass, three, timeline)
    hass.config_entries.async_remove_subentry(three, login_id(three, "gas"))
    assert f"{GAS}_7-0:3.0.0" in registers(hass, three)
    assert await hass.config_entries.async_setup(three.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert registers(hass, three) == {f"{HOUSE}_1-0:1.8.0", f"{HOUSE}_1-0:2.8.0"}
    assert GAS not in serials(hass, three)


async def test_secrets_are_not_in_the_notes(
    hass: HomeAssistant,
    three: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
    hass_storage: dict[str, dict[str, object]],
) -> None:
    """Notes go with the login, and hold no account."""
    hass.config_entries.async_remove_subentry(three, login_id(three, "gas"))
    await restart(hass, three, timeline)
    stored = hass_storage[f"{DOMAIN}.{gateway.gateway_id.lower()}"]["data"]
    assert isinstance(stored, dict)
    assert stored["logins"].keys() == three.subentries.keys()
    assert len(stored["worked"]) == 2
    assert GAS not in str(stored)
    assert "three" not in str(stored)
    assert START.date().isoformat() in str(stored["worked"])
