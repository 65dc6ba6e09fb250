"""What the owner enters about prices and gas, and what is refused."""

from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.smgw.succession import Handover, Old
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType, InvalidData
from simulator.ppc import PpcGateway

from .recorder_rows import GAS, HOUSE, id_of

type Flow = dict[str, Any]

pytestmark = pytest.mark.meters(HOUSE[0], GAS[0])


@pytest.fixture(autouse=True)
async def euros(hass: HomeAssistant) -> None:
    """Pay in euros."""
    await hass.config.async_update(currency="EUR")


async def send(hass: HomeAssistant, flow: Flow, **fields: Any) -> Flow:
    """Send a form, or choose from a menu."""
    result: Flow = await hass.config_entries.options.async_configure(
        flow["flow_id"], fields
    )
    await hass.async_block_till_done(wait_background_tasks=True)
    return result


async def opened(hass: HomeAssistant, entry: MockConfigEntry, topic: str) -> Flow:
    """Open the options about prices, and a topic of them."""
    flow: Flow = await hass.config_entries.options.async_init(entry.entry_id)
    flow = await send(hass, flow, next_step_id="prices")
    if flow["type"] is not FlowResultType.MENU:
        return flow
    return await send(hass, flow, next_step_id=topic)


async def price_form(
    hass: HomeAssistant, entry: MockConfigEntry, gateway: Any, register: Any
) -> Flow:
    """Open the form of a register's price."""
    flow = await opened(hass, entry, "price")
    assert flow["step_id"] == "price"
    return await send(hass, flow, register=id_of(gateway, *register))


def suggested(flow: Flow) -> dict[str, Any]:
    """Return what the fields hold when the form opens."""
    return {
        str(key): (key.description or {}).get("suggested_value")
        for key in flow["data_schema"].schema
    }


async def test_price(
    hass: HomeAssistant, loaded: MockConfigEntry, gateway: PpcGateway
) -> None:
    """A price, another one later, one that takes the first one's place, and none."""
    flow = await price_form(hass, loaded, gateway, HOUSE)
    told = flow["description_placeholders"]
    assert told["statistic"] == "Grid import, meter 1EMH0012345678 (costs)"
    assert (told["entries"], suggested(flow)["begin"]) == ("–", "2026-11-20")
    result = await send(hass, flow, begin="2026-01-01", price=0.3214)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    source = id_of(gateway, *HOUSE)
    stored = {"meter": "1EMH0012345678", "obis": "1-0:1.8.0", "unit": "kWh"}
    first = {"begin": "2026-01-01", "price": "0.3214"}
    assert loaded.options["priced"] == {source: {**stored, "prices": [first]}}

    flow = await price_form(hass, loaded, gateway, HOUSE)
    assert flow["description_placeholders"]["entries"] == "- 2026-01-01: 0.3214"
    assert suggested(flow)["price"] == 0.3214
    window = {"from": "22:00:00", "to": "06:00:00", "price": 0.25, "weekdays": ["sun"]}
    await send(
        hass,
        flow,
        begin="2027-01-01",
        price=0.35,
        windows=[window],
        holidays=["2027-05-01"],
    )
    second = {
        "begin": "2027-01-01",
        "price": "0.35",
        "windows": [{**window, "price": "0.25"}],
        "holidays": ["2027-05-01"],
    }
    assert loaded.options["priced"][source]["prices"] == [first, second]

    flow = await price_form(hass, loaded, gateway, HOUSE)
    assert suggested(flow)["windows"] == [window]
    await send(hass, flow, begin="2026-01-01", price=0)
    free = {"begin": "2026-01-01", "price": "0"}
    assert loaded.options["priced"][source]["prices"] == [free, second]

    flow = await opened(hass, loaded, "forget")
    ids = [f"{source} prices {begin}" for begin in ("2026-01-01", "2027-01-01")]
    await send(hass, flow, forgotten=ids[:1])
    assert loaded.options["priced"][source]["prices"] == [second]
    flow = await opened(hass, loaded, "forget")
    await send(hass, flow, forgotten=ids[1:])
    assert loaded.options["priced"] == {}
    flow = await opened(hass, loaded, "forget")
    assert (flow["type"], flow["reason"]) == (FlowResultType.ABORT, "no_prices")


async def test_refused(
    hass: HomeAssistant, loaded: MockConfigEntry, gateway: PpcGateway
) -> None:
    """Cents, times off the quarter hour, and a price below zero."""
    flow = await price_form(hass, loaded, gateway, HOUSE)
    flow = await send(hass, flow, begin="2026-01-01", price=32.14)
    assert flow["errors"] == {"price": "price_too_high"}
    odd = {"from": "22:10:00", "to": "06:00:00", "price": 0.25}
    flow = await send(hass, flow, begin="2026-01-01", price=0.3, windows=[odd])
    assert flow["errors"] == {"windows": "window_off_quarter"}
    dear = {"from": "22:00:00", "to": "06:00:00", "price": 25}
    flow = await send(hass, flow, begin="2026-01-01", price=0.3, windows=[dear])
    assert flow["errors"] == {"price": "price_too_high"}
    for wrong in (
        {"begin": "2026-01-01", "price": -0.1},
        {"begin": "soon", "price": 0.1},
        {"begin": "2026-01-01", "price": 0.3, "windows": [{**dear, "price": -1}]},
        {"begin": "2026-01-01", "price": 0.3, "windows": [{"from": "22:00:00"}]},
    ):
        with pytest.raises(InvalidData):
            await send(hass, flow, **wrong)
    result = await send(hass, flow, begin="2026-01-01", price=0.3)
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_other_currency(
    hass: HomeAssistant, loaded: MockConfigEntry, gateway: PpcGateway
) -> None:
    """What is dear in one currency is not in another."""
    await hass.config.async_update(currency="HUF")
    flow = await price_form(hass, loaded, gateway, HOUSE)
    assert flow["description_placeholders"]["currency"] == "HUF"
    result = await send(hass, flow, begin="2026-01-01", price=36.9)
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_gas(
    hass: HomeAssistant, loaded: MockConfigEntry, gateway: PpcGateway
) -> None:
    """A price per kWh needs the factors first; one per m³ does not."""
    source = id_of(gateway, *GAS)
    flow = await price_form(hass, loaded, gateway, GAS)
    assert suggested(flow)["per_kwh"] is False
    flow = await send(hass, flow, begin="2026-01-01", price=0.11, per_kwh=True)
    assert flow["errors"] == {"per_kwh": "factors_needed"}
    result = await send(hass, flow, begin="2026-01-01", price=1.2, per_kwh=False)
    assert result["type"] is FlowResultType.CREATE_ENTRY

    flow = await opened(hass, loaded, "gas")
    assert flow["step_id"] == "gas_of"
    told = flow["description_placeholders"]["statistic"]
    assert told == "Gas volume, meter 7ELS0045678901 (in kWh)"
    for state_number, calorific in ((11.2, 0.95), (0.95, 0.95), (0, 11.2)):
        with pytest.raises(InvalidData):
            await send(
                hass,
                flow,
                begin="2026-01-01",
                state_number=state_number,
                calorific=calorific,
            )
    await send(hass, flow, begin="2026-01-01", state_number=0.9512, calorific=11.2)
    factor = {"begin": "2026-01-01", "state_number": "0.9512", "calorific": "11.2"}
    assert loaded.options["priced"][source]["factors"] == [factor]

    flow = await price_form(hass, loaded, gateway, GAS)
    await send(hass, flow, begin="2026-02-01", price=0.11, per_kwh=True)
    assert loaded.options["priced"][source]["prices"] == [
        {"begin": "2026-01-01", "price": "1.2"},
        {"begin": "2026-02-01", "price": "0.11", "per_kwh": True},
    ]
    flow = await opened(hass, loaded, "gas")
    assert suggested(flow)["calorific"] == 11.2
    assert "0.9512 × 11.2 kWh/m³" in flow["description_placeholders"]["entries"]


async def test_not_loaded(hass: HomeAssistant, loaded: MockConfigEntry) -> None:
    """Its registers are not known then."""
    await hass.config_entries.async_unload(loaded.entry_id)
    flow = await opened(hass, loaded, "price")
    assert (flow["type"], flow["reason"]) == (FlowResultType.ABORT, "not_loaded")


async def test_without_gas(
    hass: HomeAssistant, entry: MockConfigEntry, gateway: PpcGateway
) -> None:
    """Nobody is asked for the calorific value of electricity."""
    gateway.scenario.meters.remove_meter(GAS[0])
    entry.add_to_hass(hass)
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    flow: Flow = await hass.config_entries.options.async_init(entry.entry_id)
    flow = await send(hass, flow, next_step_id="prices")
    assert flow["menu_options"] == ("price", "forget")


async def test_meter_in_another_s_place(
    hass: HomeAssistant, loaded: MockConfigEntry, gateway: PpcGateway
) -> None:
    """The price is that of the statistic which it continues."""
    old = Old("1EMH0000000001", {"1-0:1.8.0": Handover(None, None)})
    memory = loaded.runtime_data.coordinator.memory
    memory.successions.accept(HOUSE[0].upper(), old)
    flow = await price_form(hass, loaded, gateway, (old.meter_id.lower(), HOUSE[1]))
    assert "1EMH0000000001" in flow["description_placeholders"]["statistic"]
    await send(hass, flow, begin="2026-01-01", price=0.3)
    [stored] = loaded.options["priced"].values()
    assert stored["meter"] == "1EMH0000000001"
