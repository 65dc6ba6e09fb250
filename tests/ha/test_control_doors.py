"""A market participant at Home Assistant's door: real TLS, the API, entities and receipts behind it."""

import asyncio
from datetime import timedelta
from types import MappingProxyType
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from tests.cls.emt import Emt, write_headers
from tests.cls.world import free_port, gateway_context, identity

from .conftest import Timeline, set_up
from .control_home import (
    SUPPLIER,
    cls_switch,
    hours,
    room_of,
    settle,
    shown,
    supplier,
    with_subentries,
)

LAMP = "input_boolean.lamp"
OWN, PEER = identity(name="home"), identity(name="emt")


@pytest.fixture
def port() -> int:
    """Where the home listens."""
    return free_port()


@pytest.fixture
async def home(
    hass: HomeAssistant, entry: MockConfigEntry, port: int, impatient: None
) -> MockConfigEntry:
    """A home in the laboratory, with a supplier that comes without a gateway."""
    lamp = {"input_boolean": {"lamp": {}}}
    assert await async_setup_component(hass, "input_boolean", lamp)
    channel = {
        "tunnel": "direct",
        "bind_host": "127.0.0.1",
        "bind_port": port,
        "peers": [PEER.facts.fingerprint],
        "curve": "secp256r1",
        "identities": [{"certificate": OWN.certificate, "key": OWN.key}],
        "items": [{"item": LAMP, "access": "write"}],
    }
    made = with_subentries(
        entry,
        supplier(**channel),
        cls_switch("BOILER", "Boiler", participants=[SUPPLIER]),
        lab=True,
    )
    assert await set_up(hass, made)
    await listening(hass, made)
    return made


async def listening(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Wait until somebody may come in."""
    room = room_of(entry)
    while SUPPLIER not in room.channels or room.channels[SUPPLIER].phase != "listening":
        await asyncio.sleep(0)
    await settle(hass, entry)


async def come_in(port: int) -> Emt:
    """Connect as the participant."""
    context = gateway_context(PEER, OWN, server=False)
    context.load_verify_locations(cadata=OWN.certificate)
    return Emt(*await asyncio.open_connection("127.0.0.1", port, ssl=context))


async def write(emt: Emt, path: str, body: Any) -> str:
    """Order something and return its id."""
    headers = write_headers(dt_util.utcnow())
    reply = await emt.ask("POST", path, body, headers)
    assert reply.status == 202, reply.body
    return str(reply.json["transaction_id"])


async def test_from_the_door_to_the_lamp(
    hass: HomeAssistant, home: MockConfigEntry, port: int
) -> None:
    """What was granted is there, a command reaches the entity, and the receipt says so."""
    connection = f"{SUPPLIER}_connection"
    assert shown(hass, home, "binary_sensor", connection) == (
        "off",
        {
            "tunnel": "listening",
            "reason": None,
            "next_try": None,
            "device_class": "connectivity",
            "friendly_name": "Ökostrom Connection",
        },
    )
    emt = await come_in(port)
    root = await emt.ask("GET", "")
    assert root.status == 200
    await settle(hass, home)
    assert shown(hass, home, "binary_sensor", connection)[0] == "on"
    heard = shown(hass, home, "sensor", f"{SUPPLIER}_last_contact")[0]
    # Time-outs run, so the time does a little.
    assert (
        timedelta(0)
        <= dt_util.parse_datetime(heard, raise_on_error=True) - (dt_util.utcnow())
        < timedelta(seconds=30)
    )
    items = (await emt.ask("GET", "items")).json["items"]
    assert [(item["id"], item["value"]) for item in items] == [
        ("BOILER", False),
        (LAMP, False),
    ]
    until = hours(1).isoformat()
    ordered = await write(
        emt, f"items/{LAMP}/commands", {"value": True, "until": until}
    )
    await settle(hass, home)
    lamp = hass.states.get(LAMP)
    assert lamp is not None
    assert lamp.state == "on"
    told = (await emt.ask("GET", f"commands/{ordered}")).json
    assert told["state"] == "effective"
    await write(emt, "items/BOILER/commands", {"value": True, "until": until})
    await settle(hass, home)
    assert shown(hass, home, "switch", "BOILER_switch")[0] == "on"
    await write(emt, f"items/{LAMP}/release", {})
    await settle(hass, home)
    receipts = await room_of(home).ledger.receipts(SUPPLIER, ordered)
    assert receipts[0]["receipt"]["state"] == "released"


async def test_a_clock_that_is_off_is_known_before_a_command_fails(
    hass: HomeAssistant, home: MockConfigEntry, port: int
) -> None:
    """A sign of life tells the participant's time: too far off is an issue, until it is right."""

    def issues() -> list[str | None]:
        return [
            issue.translation_key
            for issue in ir.async_get(hass).issues.values()
            if issue.active
        ]

    emt = await come_in(port)
    for minutes, expected in (
        (6, ["participant_clock"]),
        (4, []),
        (-6, ["participant_clock"]),
        (0, []),
    ):
        told = dt_util.utcnow() + timedelta(minutes=minutes)
        body = {"time": told.strftime("%Y-%m-%dT%H:%M:%SZ")}
        reply = await emt.ask("POST", "heartbeat", body)
        assert reply.status == 200, reply.body
        await settle(hass, home)
        assert issues() == expected
    # Without a time nothing is said of it.
    assert (await emt.ask("POST", "heartbeat", {})).status == 200
    await settle(hass, home)
    assert issues() == []


async def test_a_renamed_participant_keeps_its_tunnel(
    hass: HomeAssistant, home: MockConfigEntry, port: int
) -> None:
    """A change that does not concern the tunnel does not cut it; the next grant counts at once."""
    emt = await come_in(port)
    assert (await emt.ask("GET", "")).status == 200
    subentry = home.subentries[SUPPLIER]
    hass.config_entries.async_update_subentry(
        home,
        subentry,
        title="Stromhandel",
        data=MappingProxyType({**subentry.data, "items": []}),
    )
    await settle(hass, home)
    items = (await emt.ask("GET", "items")).json["items"]
    assert [item["id"] for item in items] == ["BOILER"]
    hass.config_entries.async_remove_subentry(home, "BOILER")
    await settle(hass, home)
    assert (await emt.ask("GET", "items")).json["items"] == []


async def test_nobody_comes_in_after_unload(
    hass: HomeAssistant, home: MockConfigEntry, port: int, timeline: Timeline
) -> None:
    """The door closes with the entry, and opens again with it."""
    assert (await (await come_in(port)).ask("GET", "")).status == 200
    await hass.config_entries.async_unload(home.entry_id)
    with pytest.raises(OSError):
        await come_in(port)
    await hass.config_entries.async_setup(home.entry_id)
    await listening(hass, home)
    assert (await (await come_in(port)).ask("GET", "")).status == 200


async def test_without_the_laboratory_nobody_comes_in_directly(
    hass: HomeAssistant, home: MockConfigEntry, port: int
) -> None:
    """The direct way is for the laboratory only."""
    hass.config_entries.async_update_entry(home, options={"lab": False})
    await settle(hass, home)
    with pytest.raises(OSError):
        await come_in(port)
