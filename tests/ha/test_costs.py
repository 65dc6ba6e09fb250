"""Prices become statistics of money, factors those of gas in kWh, beside their registers."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
)
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.smgw import quarters
from homeassistant.core import HomeAssistant
from homeassistant.helpers.recorder import get_instance
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from simulator.ppc import PpcGateway

from .conftest import START, Timeline, fresh_token, make_entry, restart, set_up
from .recorder_rows import GAS, HOUSE, id_of, metadata, rows_of
from .test_coordinator import SETTLED
from .test_history_import import exports

HOUR = timedelta(hours=1)
QUARTER = timedelta(minutes=15)
DAY = timedelta(days=1)
NINE = START.replace(minute=0)
EXPORT = (HOUSE[0], "1-0:2.8.0")
FIXED = {"begin": "2026-01-01", "price": "0.3214"}
# Over the night, in the middle of an hour, and all of Sunday.
STEPS = {
    "begin": "2026-01-01",
    "price": "0.3214",
    "windows": [
        {"from": "17:30:00", "to": "21:00:00", "price": "0.3987"},
        {"from": "22:00:00", "to": "06:15:00", "price": "0.2579"},
        {"from": "00:00:00", "to": "00:00:00", "price": "0.25", "weekdays": ["sun"]},
    ],
}

pytestmark = [
    pytest.mark.usefixtures("recorder_mock"),
    pytest.mark.meters(HOUSE[0], GAS[0]),
    pytest.mark.past(days=4),
]


def settings(
    register: tuple[str, str], unit: str = "kWh", **parts: Any
) -> dict[str, Any]:
    """Return the settings of a register as the options hold them."""
    meter, obis = register
    return {"meter": meter.upper(), "obis": obis, "unit": unit, **parts}


async def choose(
    hass: HomeAssistant, entry: MockConfigEntry, gateway: Any, **priced: Any
) -> None:
    """Have other options: settings by `house`, `export` and `gas`."""
    registers = {"house": HOUSE, "export": EXPORT, "gas": GAS}
    options = {
        id_of(gateway, *registers[name]): settings(registers[name], **one)
        for name, one in priced.items()
    }
    hass.config_entries.async_update_entry(entry, options={"priced": options})
    await hass.async_block_till_done(wait_background_tasks=True)


@pytest.fixture
async def cost(
    hass: HomeAssistant, loaded: MockConfigEntry, gateway: PpcGateway
) -> str:
    """The statistic of what the household's import costs, at a fixed price."""
    await choose(hass, loaded, gateway, house={"prices": [FIXED]})
    return f"{id_of(gateway, *HOUSE)}_cost"


def price_at(local: datetime, entry: dict[str, Any]) -> Decimal:
    """Return the price of a slot by the text of the German wall clock."""
    price = entry["price"]
    for window in entry.get("windows", ()):
        if "weekdays" in window:
            if local.isoweekday() == 7:
                price = window["price"]
            continue
        begin, end, now = window["from"], window["to"], f"{local:%H:%M:%S}"
        within = begin <= now < end if begin < end else now >= begin or now < end
        if within:
            price = window["price"]
    return Decimal(price)


def truth(
    gateway: Any,
    register: tuple[str, str],
    begin: datetime,
    end: datetime,
    entry: dict[str, Any],
) -> Decimal:
    """Return the costs between two readings, quarter hour by quarter hour."""
    total = Decimal(0)
    while begin < end:
        used = gateway.true_register(*register, begin + QUARTER)
        used -= gateway.true_register(*register, begin)
        total += used * price_at(dt_util.as_local(begin), entry)
        begin += QUARTER
    return total


async def check(
    hass: HomeAssistant,
    gateway: Any,
    register: tuple[str, str],
    entry: dict[str, Any],
    *,
    suffix: str = "cost",
    since: datetime = datetime(2026, 1, 1, tzinfo=UTC),
) -> list[datetime]:
    """Have each bar of money be what the quarter hours cost; return the rows' ends."""
    source = await rows_of(hass, id_of(gateway, *register))
    rows = await rows_of(hass, f"{id_of(gateway, *register)}_{suffix}")
    # The oldest reading has nothing before it, and an hour may lack a valid one.
    times = [dt_util.utc_from_timestamp(row["end"]) for row in source]
    stretches = [(begin, end) for begin, end in pairwise(times) if end > since]
    ends = [end for _, end in stretches]
    assert [dt_util.utc_from_timestamp(row["end"]) for row in rows] == ends
    total = Decimal(0)
    for row, (begin, end) in zip(rows, stretches, strict=True):
        amount = truth(gateway, register, begin, end, entry)
        total += amount
        assert row["state"] == pytest.approx(float(amount), abs=1e-9), end
        assert row["change"] == pytest.approx(float(amount), abs=1e-9)
        assert row["sum"] == pytest.approx(float(total), abs=1e-8)
    return ends


async def test_fixed_price(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
) -> None:
    """Of all that is there at once, then with each hour; the owner takes it away again."""
    await choose(
        hass,
        loaded,
        gateway,
        house={"prices": [FIXED]},
        export={"prices": [{"begin": "2026-01-01", "price": "0.0811"}]},
    )
    ends = await check(hass, gateway, HOUSE, FIXED)
    assert ends[-1] == NINE
    assert len(ends) > 90
    await timeline.go_to(NINE + HOUR + SETTLED)
    assert (await check(hass, gateway, HOUSE, FIXED))[-1] == NINE + HOUR
    await check(hass, gateway, EXPORT, {"price": "0.0811"})

    [cost] = await metadata(hass, f"{id_of(gateway, *HOUSE)}_cost")
    assert cost["display_unit_of_measurement"] == hass.config.currency
    assert cost["name"] == "Grid import, meter 1EMH0012345678 (costs)"
    [credit] = await metadata(hass, f"{id_of(gateway, *EXPORT)}_cost")
    assert credit["name"] == "Grid export, meter 1EMH0012345678 (credit)"

    before = await rows_of(hass, cost["statistic_id"])
    await choose(hass, loaded, gateway)
    await timeline.go_to(NINE + 2 * HOUR + SETTLED)
    assert await rows_of(hass, cost["statistic_id"]) == before


async def test_steps(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
) -> None:
    """Steps begin within an hour: the quarter hours of the history and of polls tell."""
    await set_up(hass, entry)
    await choose(hass, entry, gateway, house={"prices": [STEPS]})
    assert len(await check(hass, gateway, HOUSE, STEPS)) > 90
    # 17:30 in Berlin is in the middle of the hour from 16:00 UTC on.
    for quarter in range(1, 34):
        await timeline.go_to(NINE + quarter * QUARTER + SETTLED)
    ends = await check(hass, gateway, HOUSE, STEPS)
    assert ends[-1] == datetime(2026, 11, 20, 17, tzinfo=UTC)


async def test_price_change(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
    cost: str,
) -> None:
    """Nothing before the day changes; all behind it does, over a restart as well."""
    before = await rows_of(hass, cost)
    new = {"begin": "2026-11-19", "price": "0.5"}
    await choose(hass, loaded, gateway, house={"prices": [FIXED, new]})
    midnight = datetime(2026, 11, 18, 23, tzinfo=UTC).timestamp()
    after = await rows_of(hass, cost)
    assert [row for row in after if row["end"] <= midnight] == [
        row for row in before if row["end"] <= midnight
    ]
    for row, old in zip(after, before, strict=True):
        if row["end"] > midnight:
            assert row["state"] == pytest.approx(old["state"] / 0.3214 * 0.5, abs=1e-8)
    await restart(hass, loaded, timeline)
    assert await rows_of(hass, cost) == after


async def test_gas(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
) -> None:
    """Volume x state number x calorific value, and its price per kWh."""
    factor = {"begin": "2026-01-01", "state_number": "0.9512", "calorific": "11.2"}
    price = {"begin": "2026-11-18", "price": "0.1123", "per_kwh": True}
    await choose(
        hass,
        loaded,
        gateway,
        gas={"unit": "m³", "factors": [factor], "prices": [price]},
    )
    energy = Decimal("0.9512") * Decimal("11.2")
    await check(hass, gateway, GAS, {"price": str(energy)}, suffix="energy")
    money = str(energy * Decimal("0.1123"))
    since = datetime(2026, 11, 17, 23, tzinfo=UTC)
    ends = await check(hass, gateway, GAS, {"price": money}, since=since)
    assert ends[0] == since + HOUR
    [found] = await metadata(hass, f"{id_of(gateway, *GAS)}_energy")
    assert found["statistics_unit_of_measurement"] == "kWh"
    assert found["unit_class"] == "energy"


@pytest.mark.past(days=27)
async def test_past_over_the_change_of_time(
    hass: HomeAssistant, gateway: PpcGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The price is there before the history, which comes newest first, in slices."""
    monkeypatch.setattr(quarters, "_KEPT", 3 * DAY)
    gateway.faults.add("range_limit_1000")
    gateway.scenario.meters.remove_meter(GAS[0])
    source = id_of(gateway, *HOUSE)
    await set_up(
        hass, make_entry(gateway, priced={source: settings(HOUSE, prices=[STEPS])})
    )
    assert exports(gateway) > 2
    ends = await check(hass, gateway, HOUSE, STEPS)
    days = [dt_util.as_local(end - HOUR).date() for end in ends]
    assert days.count(date(2026, 10, 25)) == 25


async def test_quarter_hours_are_read_again(
    hass: HomeAssistant,
    gateway: PpcGateway,
    timeline: Timeline,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Another price needs those that are not at hand any more: the gateway has them."""
    monkeypatch.setattr(quarters, "_KEPT", DAY)
    source = id_of(gateway, *HOUSE)
    entry = make_entry(gateway, priced={source: settings(HOUSE, prices=[STEPS])})
    await set_up(hass, entry)
    await restart(hass, entry, timeline)
    before = await check(hass, gateway, HOUSE, STEPS)
    dearer = {**STEPS, "price": "0.4"}
    exported = exports(gateway)
    await choose(hass, entry, gateway, house={"prices": [dearer]})
    await timeline.go_to(NINE + 2 * QUARTER + SETTLED)
    assert exports(gateway) == exported + 1
    assert await check(hass, gateway, HOUSE, dearer) == before


async def test_corrected(
    hass: HomeAssistant, gateway: PpcGateway, timeline: Timeline, cost: str
) -> None:
    """A value that is replaced at night moves money from one hour to the other."""
    before = {row["end"]: row for row in await rows_of(hass, cost)}
    hour = NINE - 20 * HOUR
    register = gateway.true_register(*HOUSE, hour)
    gateway.override(*HOUSE, hour, wert=f"{register + Decimal('0.01'):.4f}")
    night = (NINE + DAY).replace(hour=1, minute=15)
    await timeline.go_to(night - HOUR + SETTLED)
    await timeline.go_to(night + SETTLED)
    after = {row["end"]: row for row in await rows_of(hass, cost)}
    end = hour.timestamp()
    behind = (hour + HOUR).timestamp()
    assert after[end]["state"] == pytest.approx(before[end]["state"] + 0.003214)
    assert after[behind]["state"] == pytest.approx(before[behind]["state"] - 0.003214)
    assert after[behind]["sum"] == pytest.approx(before[behind]["sum"], abs=1e-9)
    changed = [one for one in before if after[one]["state"] != before[one]["state"]]
    assert changed == [end, behind]


async def test_what_was_cut_off_comes_back(
    hass: HomeAssistant, loaded: MockConfigEntry, timeline: Timeline, cost: str
) -> None:
    """As after a kill: rows and lifts that never came are found at the next start."""
    before = await rows_of(hass, cost)
    middle = dt_util.utc_from_timestamp(before[40]["start"])
    get_instance(hass).async_adjust_statistics(cost, middle, 5, hass.config.currency)
    await async_wait_recording_done(hass)
    assert await rows_of(hass, cost) != before
    await restart(hass, loaded, timeline)
    assert await rows_of(hass, cost) == before
    get_instance(hass).async_clear_statistics([cost])
    await restart(hass, loaded, timeline)
    assert await rows_of(hass, cost) == before


async def test_energy_dashboard(
    hass: HomeAssistant,
    hass_ws_client: WebSocketGenerator,
    hass_admin_user: MockUser,
    loaded: MockConfigEntry,
    gateway: PpcGateway,
) -> None:
    """It takes them as the costs of the register, and finds nothing wrong with it."""
    factor = {"begin": "2026-01-01", "state_number": "0.9512", "calorific": "11.2"}
    await choose(
        hass,
        loaded,
        gateway,
        house={"prices": [FIXED]},
        gas={"unit": "m³", "factors": [factor], "prices": [FIXED]},
    )
    await async_wait_recording_done(hass)
    assert await async_setup_component(hass, "energy", {})
    client = await hass_ws_client(hass, await fresh_token(hass, hass_admin_user))
    grid, gas = id_of(gateway, *HOUSE), id_of(gateway, *GAS)
    await client.send_json_auto_id(
        {
            "type": "energy/save_prefs",
            "energy_sources": [
                {
                    "type": "grid",
                    "stat_energy_from": grid,
                    "stat_cost": f"{grid}_cost",
                    "cost_adjustment_day": 0,
                },
                {
                    "type": "gas",
                    "stat_energy_from": f"{gas}_energy",
                    "stat_cost": f"{gas}_cost",
                },
            ],
        }
    )
    saved = await client.receive_json()
    assert saved["success"], saved
    await client.send_json_auto_id({"type": "energy/validate"})
    answer = await client.receive_json()
    assert answer["result"]["energy_sources"] == [[], []]
