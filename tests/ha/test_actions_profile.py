"""The quarter hours of a meter as an answer, of each maker, beside the true registers."""

from datetime import timedelta
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser

from custom_components.smgw.const import DOMAIN
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import ServiceValidationError, Unauthorized
from homeassistant.helpers import device_registry as dr
from simulator.emh import EmhGateway
from simulator.ppc import PpcGateway
from simulator.theben import ThebenGateway

from .calling import EXPORT, GAS, HOUSE, IMPORT, QUARTER, act, device, moment
from .conftest import START

DAY = timedelta(days=1)


@pytest.fixture
def gateway(box: Any) -> Any:
    """A simulated gateway of each maker."""
    return box


async def test_a_day(hass: HomeAssistant, free: MockConfigEntry, gateway: Any) -> None:
    """Each quarter hour of both directions, with its energy, to the last digit."""
    end = START.replace(minute=0)
    answer = await act(
        hass,
        "get_load_profile",
        device_id=device(hass, free, HOUSE),
        start=(end - DAY).isoformat(),
        end=end.isoformat(),
    )
    assert answer["gateway_id"] == gateway.gateway_id
    assert answer["meter_id"] == HOUSE.upper()
    assert {one["register"] for one in answer["registers"]} >= {IMPORT, EXPORT}
    for one in answer["registers"]:
        assert (one["unit"], one["period_minutes"]) == ("kWh", 15)
        assert (one["missing"], one["unusable"]) == (0, 0)
        rows = one["rows"]
        assert [moment(row["end"]) for row in rows] == [
            end - DAY + n * QUARTER for n in range(1, 97)
        ]
        for row in rows:
            true = gateway.true_register(HOUSE, one["register"], moment(row["end"]))
            before = gateway.true_register(HOUSE, one["register"], moment(row["start"]))
            assert row["value"] == float(true)
            assert row["energy"] == float(true - before)
            assert row["quality"] == "good"
            assert "signature" not in row


async def test_one_register_of_gas(
    hass: HomeAssistant, free: MockConfigEntry, gateway: Any
) -> None:
    """Gas is kept by the hour; without an end it is until now."""
    start = START.replace(minute=0) - DAY
    answer = await act(
        hass,
        "get_load_profile",
        device_id=device(hass, free, GAS),
        start=start.isoformat(),
        register="7-0:3.0.0",
    )
    (one,) = answer["registers"]
    assert (one["unit"], one["period_minutes"], len(one["rows"])) == ("m³", 60, 24)
    for row in one["rows"]:
        true = gateway.true_register(GAS, "7-0:3.0.0", moment(row["end"]))
        before = gateway.true_register(GAS, "7-0:3.0.0", moment(row["start"]))
        assert (row["value"], row["energy"]) == (float(true), float(true - before))


async def test_signatures_where_asked_for(
    hass: HomeAssistant, free: MockConfigEntry, gateway: Any
) -> None:
    """Only who wants them gets them; the simulated PPC signs each value."""
    answer = await act(
        hass,
        "get_load_profile",
        device_id=device(hass, free, HOUSE),
        start=START.replace(hour=7, minute=0).isoformat(),
        end=START.replace(minute=0).isoformat(),
        register=IMPORT,
        signatures=True,
    )
    found = [row["signature"] for row in answer["registers"][0]["rows"]]
    assert len(found) == 8
    signs = isinstance(gateway, PpcGateway)
    assert all(len(bytes.fromhex(one)) >= 32 if signs else one is None for one in found)


async def test_the_doubled_hour(
    hass: HomeAssistant, free: MockConfigEntry, gateway: Any
) -> None:
    """A day of 25 hours has 100 quarter hours, told apart by their offsets."""
    answer = await act(
        hass,
        "get_load_profile",
        device_id=device(hass, free, HOUSE),
        # Without a zone: the home's.
        start="2026-10-25 00:00:00",
        end="2026-10-26 00:00:00",
        register=IMPORT,
    )
    (one,) = answer["registers"]
    assert answer["start"] == "2026-10-25T00:00:00+02:00"
    assert answer["end"] == "2026-10-26T00:00:00+01:00"
    assert len(one["rows"]) == len({row["end"] for row in one["rows"]}) == 100
    assert one["missing"] == 0
    total = sum(row["energy"] for row in one["rows"])
    true = [
        gateway.true_register(HOUSE, IMPORT, moment(answer[end]))
        for end in ("start", "end")
    ]
    assert total == pytest.approx(float(true[1] - true[0]))


@pytest.mark.parametrize("box", [ThebenGateway, EmhGateway], indirect=True)
async def test_missing(
    hass: HomeAssistant, free: MockConfigEntry, gateway: Any
) -> None:
    """Slots without a row are counted from the first row on to the end, but not before."""
    end = START.replace(minute=0)
    start = end - 4 * QUARTER
    before = (start - 2 * QUARTER, start - QUARTER)
    for slot in (*before, start + 2 * QUARTER, end):
        gateway.override(HOUSE, IMPORT, slot, istvalide="3")
    answer = await act(
        hass,
        "get_load_profile",
        device_id=device(hass, free, HOUSE),
        start=start.isoformat(),
        end=end.isoformat(),
        register=IMPORT,
    )
    (one,) = answer["registers"]
    assert [moment(row["end"]) for row in one["rows"]] == [
        start + QUARTER,
        start + 3 * QUARTER,
    ]
    assert one["missing"] == 2


async def test_asked_again(
    hass: HomeAssistant, free: MockConfigEntry, gateway: Any
) -> None:
    """What was read is not read again."""
    data = {
        "device_id": device(hass, free, HOUSE),
        "start": (START - DAY).isoformat(),
        "end": (START - timedelta(hours=3)).isoformat(),
    }
    first = await act(hass, "get_load_profile", **data)
    # What else was to be asked in that session.
    await hass.async_block_till_done(wait_background_tasks=True)
    gateway.clear_requests()
    again = await act(hass, "get_load_profile", **data)
    assert again["registers"] == first["registers"]
    assert gateway.requests == []


@pytest.mark.parametrize(
    ("data", "key"),
    [
        ({"start": "2026-11-20 09:00:00", "end": "2026-11-20 08:00:00"}, "span_empty"),
        ({"start": "2027-01-01 00:00:00"}, "span_empty"),
        ({"start": "2026-01-01 00:00:00"}, "span_too_long"),
        ({"register": "consumption"}, "register_unreadable"),
        ({"register": "1-0:99.8.0"}, "no_such_register"),
    ],
    ids=str,
)
async def test_what_cannot_be(
    hass: HomeAssistant, free: MockConfigEntry, data: dict[str, str], key: str
) -> None:
    """Each mistake has its own words."""
    data = {"start": "2026-11-20 00:00:00", **data}
    with pytest.raises(ServiceValidationError) as error:
        await act(hass, "get_load_profile", device_id=device(hass, free, HOUSE), **data)
    assert error.value.translation_key == key
    assert str(error.value)


async def test_another_device(hass: HomeAssistant, free: MockConfigEntry) -> None:
    """The gateway is no meter."""
    gateway_device = dr.async_get_device_id_by_identifier(
        hass, (DOMAIN, free.unique_id), config_entry_id=free.entry_id
    )
    for device_id in (gateway_device, "unknown"):
        with pytest.raises(ServiceValidationError) as error:
            await act(
                hass,
                "get_load_profile",
                device_id=device_id,
                start="2026-11-20 00:00:00",
            )
        assert error.value.translation_key == "not_a_meter"


async def test_not_loaded(hass: HomeAssistant, free: MockConfigEntry) -> None:
    """Nobody can be asked."""
    device_id = device(hass, free, HOUSE)
    await hass.config_entries.async_unload(free.entry_id)
    with pytest.raises(ServiceValidationError) as error:
        await act(
            hass, "get_load_profile", device_id=device_id, start="2026-11-20 00:00:00"
        )
    assert error.value.translation_key == "service_config_entry_not_loaded"


@pytest.mark.parametrize(
    "action", ["get_load_profile", "export", "check_bill", "get_log", "merge_history"]
)
async def test_administrators_only(
    hass: HomeAssistant,
    free: MockConfigEntry,
    hass_read_only_user: MockUser,
    action: str,
) -> None:
    """They show how a household lives, or change what is recorded."""
    data = {
        "get_log": {"config_entry_id": free.entry_id, "start": "2026-11-20 00:00:00"},
        "merge_history": {"entity_id": "sensor.any"},
        "check_bill": {"device_id": "any"},
    }.get(action, {"device_id": "any", "start": "2026-11-20 00:00:00"})
    if action == "export":
        data["format"] = "csv"
    with pytest.raises(Unauthorized):
        await hass.services.async_call(
            DOMAIN,
            action,
            data,
            blocking=True,
            return_response=True,
            context=Context(user_id=hass_read_only_user.id),
        )
