"""Prices become statistics of money, factors those of gas in kWh, beside their registers."""

from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
import logging
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
)

from custom_components.smgw import importer
from homeassistant.components.recorder.statistics import (
    StatisticsRow,
    list_statistic_ids,
    statistics_during_period,
)
from homeassistant.core import HomeAssistant
from homeassistant.helpers.recorder import get_instance
from homeassistant.util import dt as dt_util
from simulator.clock import SimClock
from simulator.ppc import PpcGateway

from .conftest import START, Timeline, restart, set_up
from .test_coordinator import SETTLED
from .test_recording import GAS, HOUSE, id_of

HOUR = timedelta(hours=1)
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


@pytest.fixture(autouse=True)
def custom_integration(
    recorder_mock: None,
    enable_custom_integrations: None,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Let Home Assistant load ours; the recorder has to be there before."""
    caplog.set_level(logging.WARNING, "sqlalchemy.engine")


@pytest.fixture(autouse=True)
async def berlin(custom_integration: None, hass: HomeAssistant) -> None:
    """Live where the gateways are."""
    await hass.config.async_set_time_zone("Europe/Berlin")


@pytest.fixture(autouse=True)
def kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Want a few days: years take the recorder of this version minutes."""
    monkeypatch.setattr(importer, "KEPT", 4 * DAY)


@pytest.fixture
def gateway(socket_enabled: None, clock: SimClock) -> Generator[PpcGateway]:
    """A gateway with the household's meter and a gas meter."""
    with PpcGateway(clock=clock) as running:
        meters = running.scenario.meters
        for meter in list(meters):
            if meter.id not in (HOUSE[0], GAS[0]):
                meters.remove_meter(meter.id)
        yield running


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


async def rows_of(hass: HomeAssistant, statistic: str) -> list[StatisticsRow]:
    """Return all rows of a statistic, as the dashboard gets them."""
    await async_wait_recording_done(hass)
    found = await get_instance(hass).async_add_executor_job(
        statistics_during_period,
        *(hass, dt_util.utc_from_timestamp(0), None, {statistic}, "hour", None),
        {"change", "state", "sum"},
    )
    return found.get(statistic, [])


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
    gateway: Any, register: tuple[str, str], end: datetime, entry: dict[str, Any]
) -> Decimal:
    """Return the costs of an hour, quarter hour by quarter hour."""
    total = Decimal(0)
    for number in range(4):
        start = end - HOUR + number * timedelta(minutes=15)
        used = gateway.true_register(
            *register, start + timedelta(minutes=15)
        ) - gateway.true_register(*register, start)
        total += used * price_at(dt_util.as_local(start), entry)
    return total


async def check(
    hass: HomeAssistant,
    gateway: Any,
    register: tuple[str, str],
    entry: dict[str, Any],
    *,
    suffix: str = "cost",
    since: datetime | None = None,
) -> list[datetime]:
    """Have each bar of money be what the quarter hours cost; return the rows' ends."""
    source = await rows_of(hass, id_of(gateway, *register))
    rows = await rows_of(hass, f"{id_of(gateway, *register)}_{suffix}")
    # The oldest reading has nothing before it.
    expected = [row["end"] for row in source[1:]]
    if since is not None:
        expected = [end for end in expected if end > since.timestamp()]
    assert [row["end"] for row in rows] == expected
    total = Decimal(0)
    ends = []
    for row in rows:
        ends.append(dt_util.utc_from_timestamp(row["end"]))
        amount = truth(gateway, register, ends[-1], entry)
        total += amount
        assert row["state"] == pytest.approx(float(amount), abs=1e-9)
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

    [cost] = await get_instance(hass).async_add_executor_job(
        list_statistic_ids, hass, {f"{id_of(gateway, *HOUSE)}_cost"}
    )
    assert cost["display_unit_of_measurement"] == hass.config.currency
    assert cost["name"] == "Grid import, meter 1EMH0012345678 (costs)"
    [credit] = await get_instance(hass).async_add_executor_job(
        list_statistic_ids, hass, {f"{id_of(gateway, *EXPORT)}_cost"}
    )
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
        await timeline.go_to(NINE + quarter * timedelta(minutes=15) + SETTLED)
    ends = await check(hass, gateway, HOUSE, STEPS)
    assert ends[-1] == datetime(2026, 11, 20, 17, tzinfo=UTC)


async def test_price_change(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
) -> None:
    """Nothing before the day changes; all behind it does, over a restart as well."""
    await choose(hass, loaded, gateway, house={"prices": [FIXED]})
    cost = f"{id_of(gateway, *HOUSE)}_cost"
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
    [found] = await get_instance(hass).async_add_executor_job(
        list_statistic_ids, hass, {f"{id_of(gateway, *GAS)}_energy"}
    )
    assert found["statistics_unit_of_measurement"] == "kWh"
    assert found["unit_class"] == "energy"
