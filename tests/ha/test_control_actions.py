"""The owner's actions: release, receipts, evidence for others, prices, test commands."""

from datetime import timedelta
from decimal import Decimal
from http import HTTPStatus
from pathlib import Path
import subprocess
import sys
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.smgw.control.command import SetPrices, Slot
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import device_registry as dr
from homeassistant.util import dt as dt_util

from .conftest import Timeline, set_up
from .control_home import (
    GRID,
    SUPPLIER,
    cls_switch,
    entity,
    grid,
    hours,
    item,
    limit,
    order,
    room_of,
    settle,
    shown,
    supplier,
    with_subentries,
)

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
async def home(hass: HomeAssistant, entry: MockConfigEntry) -> MockConfigEntry:
    """A home with a grid operator, a supplier of the laboratory and a switch."""
    limits = {"consumption": {"low": "1000"}}
    channel = {"tunnel": "direct", "bind_host": "127.0.0.1", "bind_port": 4433}
    made = with_subentries(
        entry,
        grid(),
        supplier(limits=limits, **channel),
        cls_switch("BOILER", "Boiler", participants=[GRID, SUPPLIER], rest=False),
        lab=True,
    )
    assert await set_up(hass, made)
    return made


async def act(
    hass: HomeAssistant, entry: MockConfigEntry, action: str, key: str = "", **data: Any
) -> Any:
    """Perform an action on the device of a subentry, or of the gateway."""
    room = room_of(entry)
    device_id = room.device_id(key) if key else None
    if not key:
        gateway = dr.async_get(hass).async_get_device_by_identifier(
            ("smgw", room.gateway_id), entry.entry_id
        )
        device_id = gateway and gateway.id
    answer = await hass.services.async_call(
        "smgw",
        action,
        {"device_id": device_id, **data},
        blocking=True,
        return_response=True,
    )
    await settle(hass, entry)
    return answer


async def test_release(hass: HomeAssistant, home: MockConfigEntry) -> None:
    """The owner ends contracts' commands; the grid operator's stay."""
    await order(hass, home, SUPPLIER, limit(2000))
    held = await order(hass, home, SUPPLIER, item("BOILER", True))
    await order(hass, home, GRID, limit(3000))
    assert shown(hass, home, "sensor", "consumption_limit")[0] == "2000"
    answer = await act(hass, home, "release", "BOILER")
    assert answer == {
        "commands": [
            {
                "participant": "Ökostrom",
                "transaction_id": held.transaction_id,
                "released": True,
                "reason": "possible",
            }
        ]
    }
    assert shown(hass, home, "switch", "BOILER_switch")[0] == "off"
    answer = await act(hass, home, "release")
    assert [(one["participant"], one["reason"]) for one in answer["commands"]] == [
        ("Ökostrom", "possible"),
        ("Stadtwerke", "protected"),
    ]
    assert shown(hass, home, "sensor", "consumption_limit")[0] == "3000"
    with pytest.raises(ServiceValidationError):
        await act(hass, home, "release", GRID)
    with pytest.raises(ServiceValidationError) as caught:
        await act(hass, home, "release", transaction_id=held.transaction_id)
    assert caught.value.translation_key == "no_such_command"


async def test_receipts_and_evidence(
    hass: HomeAssistant,
    home: MockConfigEntry,
    timeline: Timeline,
    hass_client: ClientSessionGenerator,
    tmp_path: Path,
) -> None:
    """What the actions give is what a stranger's checker accepts, for one participant or all."""
    ordered = await order(hass, home, SUPPLIER, item("BOILER", True), until=hours(0.1))
    await order(hass, home, GRID, limit(3000))
    await timeline.pass_by(minutes=7)
    await settle(hass, home)
    answer = await act(hass, home, "get_receipts", SUPPLIER)
    (receipt,) = answer["receipts"]
    assert receipt["receipt"]["transaction"] == ordered.transaction_id
    assert receipt["receipt"]["state"] == "expired"
    assert (await act(hass, home, "get_receipts", GRID))["receipts"] == []
    # Of a switch: what was about it, whoever ordered it.
    other = await order(hass, home, SUPPLIER, limit(2000), until=hours(0.1))
    await timeline.pass_by(minutes=7)
    await settle(hass, home)
    assert len((await act(hass, home, "get_receipts"))["receipts"]) == 2
    (receipt,) = (await act(hass, home, "get_receipts", "BOILER"))["receipts"]
    assert receipt["receipt"]["transaction"] == ordered.transaction_id
    assert other.transaction_id != ordered.transaction_id
    later = hours(1).isoformat()
    nothing = await act(hass, home, "get_receipts", SUPPLIER, start=later)
    assert nothing["receipts"] == []

    client = await hass_client()
    for key in (SUPPLIER, ""):
        export = await act(hass, home, "export_evidence", key)
        assert export["key"] == answer["key"]
        response = await client.get(export["url"])
        assert response.status == HTTPStatus.OK
        content = await response.read()
        assert len(content) == export["size"]
        file = tmp_path / export["name"]
        await hass.async_add_executor_job(file.write_bytes, content)
        checked = await hass.async_add_executor_job(verify, file, answer["key"])
        assert checked.returncode == 0, checked.stdout + checked.stderr
        assert (b"Stadtwerke" in content) == (key == "")


def verify(file: Path, key: str) -> subprocess.CompletedProcess[str]:
    """Let the independent checker look at an export."""
    checker = ROOT / "script" / "lib" / "verify_ledger.py"
    return subprocess.run(
        [sys.executable, checker, file, "--key", key],
        capture_output=True,
        text=True,
        check=False,
    )


async def test_prices(
    hass: HomeAssistant, home: MockConfigEntry, timeline: Timeline
) -> None:
    """The price of the slot, the next one when it begins, and the whole table."""
    assert (await act(hass, home, "get_prices"))["slots"] == []
    start = dt_util.utcnow().replace(minute=0)
    slots = tuple(
        Slot(
            start=start + timedelta(hours=number),
            end=start + timedelta(hours=number + 1),
            value=Decimal(price),
        )
        for number, price in enumerate(("0.3105", "-0.01", "0.28"))
    )
    body = SetPrices(unit="EUR/kWh", slots=slots)
    await order(hass, home, SUPPLIER, body, until=None)
    state, attributes = shown(hass, home, "sensor", "price")
    assert (state, attributes["unit_of_measurement"]) == ("0.3105", "EUR/kWh")
    assert attributes["participant"] == "Ökostrom"
    for key in ("", SUPPLIER):
        answer = await act(hass, home, "get_prices", key)
        assert answer["participant"] == "Ökostrom"
        assert answer["now"] == 0.3105
        assert answer["slots"][1] == {
            "start": "2026-11-20T11:00:00+01:00",
            "end": "2026-11-20T12:00:00+01:00",
            "price": -0.01,
        }
    await timeline.pass_by(hours=1)
    assert shown(hass, home, "sensor", "price")[0] == "-0.01"
    await timeline.pass_by(hours=2)
    assert shown(hass, home, "sensor", "price")[0] == "unknown"


async def test_test_commands(hass: HomeAssistant, home: MockConfigEntry) -> None:
    """Only in the laboratory, only what was granted, and they end."""
    answer = await act(
        hass,
        home,
        "send_test_command",
        SUPPLIER,
        direction="consumption",
        watts=2000,
    )
    assert answer["done"] is True
    assert shown(hass, home, "sensor", "consumption_limit")[0] == "2000"
    boiler = entity(hass, "switch", "BOILER_switch", home.unique_id or "")
    await act(hass, home, "send_test_command", SUPPLIER, entity_id=boiler, value=True)
    assert shown(hass, home, "switch", "BOILER_switch")[0] == "on"
    for data in (
        {"direction": "production", "watts": 1},
        {"entity_id": "switch.unknown", "value": True},
    ):
        with pytest.raises(ServiceValidationError) as caught:
            await act(hass, home, "send_test_command", SUPPLIER, **data)
        assert caught.value.translation_key == "command_refused"
    with pytest.raises(ServiceValidationError) as caught:
        await act(hass, home, "send_test_command", SUPPLIER, watts=1)
    assert caught.value.translation_key == "item_or_limit"
    # Not through a gateway, not for all of a home, not for a switch, not without the laboratory.
    for key in (GRID, "", "BOILER"):
        await refused_outside(hass, home, key, boiler)
    hass.config_entries.async_update_entry(home, options={"lab": False})
    await settle(hass, home)
    await refused_outside(hass, home, SUPPLIER, boiler)


async def refused_outside(
    hass: HomeAssistant, home: MockConfigEntry, key: str, entity_id: str
) -> None:
    """A test command does nothing, and the owner is told what is missing."""
    before = hass.states.get(entity_id)
    with pytest.raises(ServiceValidationError) as caught:
        await act(
            hass, home, "send_test_command", key, entity_id=entity_id, value=False
        )
    assert caught.value.translation_key == "laboratory_only"
    assert "in the gateway's options" in str(caught.value)
    assert hass.states.get(entity_id) is before


async def test_other_devices(hass: HomeAssistant, loaded: MockConfigEntry) -> None:
    """A gateway without participants has nothing of this."""
    gateway = dr.async_get(hass).async_get_device_by_identifier(
        ("smgw", loaded.unique_id or ""), loaded.entry_id
    )
    assert gateway is not None
    for device_id in (gateway.id, "unknown"):
        with pytest.raises(HomeAssistantError) as caught:
            await hass.services.async_call(
                "smgw",
                "get_prices",
                {"device_id": device_id},
                blocking=True,
                return_response=True,
            )
        assert caught.value.translation_key == "nothing_controlled"
