"""Polls on the full hour become statistics, to the last digit of the registers."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
)
from sqlalchemy.exc import OperationalError

from custom_components.smgw import writer
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.recorder import get_instance
from homeassistant.util import dt as dt_util
from simulator.clock import SimClock
from simulator.emh import EmhGateway
from simulator.ppc import PpcGateway
from simulator.scenario import grid_state
from simulator.theben import ThebenGateway

from .conftest import START, Timeline, make_entry, restart, set_up
from .recorder_rows import GAS, HOUSE, counting, id_of, metadata, recorded
from .test_coordinator import SETTLED

HOUR = timedelta(hours=1)
TEN = START.replace(hour=10, minute=0)
pytestmark = pytest.mark.usefixtures("recorder_mock", "nothing_kept")


async def check(hass: HomeAssistant, gateway: Any) -> dict[str, list[datetime]]:
    """Have each bar be what the register counted; return the rows' ends by statistic."""
    found = await recorded(hass)
    registers = counting(gateway)
    ends = {}
    for statistic, rows in found.items():
        ends[statistic] = [dt_util.utc_from_timestamp(row["end"]) for row in rows]
        truth = [
            gateway.true_register(*registers[statistic], end) for end in ends[statistic]
        ]
        assert [row["state"] for row in rows] == [float(one) for one in truth]
        assert [row["sum"] for row in rows] == [float(one - truth[0]) for one in truth]
        for number, row in enumerate(rows):
            bar = truth[number] - truth[max(number - 1, 0)]
            assert row["change"] == pytest.approx(float(bar), abs=1e-9), statistic
    registry = er.async_get(hass)
    assert found.keys() == {
        statistic
        for statistic, (meter, code) in registers.items()
        if registry.async_get_entity_id(
            "sensor", "smgw", f"{gateway.gateway_id}_{meter.upper()}_{code}"
        )
    }
    return ends


def hours(first: datetime, last: datetime) -> list[datetime]:
    """Return full hours, the last one included."""
    return [first + number * HOUR for number in range((last - first) // HOUR + 1)]


def leave_out_live(gateway: Any) -> None:
    """End the contract whose values are of the minute (TAF 14)."""
    contracts = gateway.scenario.contracts
    gateway.scenario.contracts = [one for one in contracts if one.taf != 14]


@pytest.mark.parametrize(
    "gateway",
    [PpcGateway, ThebenGateway, EmhGateway],
    indirect=True,
    ids=lambda kind: kind.__name__,
)
async def test_a_day(
    hass: HomeAssistant, gateway: Any, entry: MockConfigEntry, timeline: Timeline
) -> None:
    """Each hour is there with the first poll after it, over a restart and a reload."""

    async def complete_until(last: datetime) -> None:
        ends = await check(hass, gateway)
        assert len(ends) >= 6
        assert set(map(tuple, ends.values())) == {tuple(hours(TEN - HOUR, last))}

    leave_out_live(gateway)
    await set_up(hass, entry)
    await complete_until(TEN - HOUR)
    for quarter in range(6):
        await timeline.go_to(TEN + quarter * HOUR / 4 + SETTLED)
    await complete_until(TEN + HOUR)
    await restart(hass, entry, timeline)
    await complete_until(TEN + HOUR)
    for hour in hours(TEN + 2 * HOUR, TEN + 12 * HOUR):
        await timeline.go_to(hour + SETTLED)
    assert await hass.config_entries.async_reload(entry.entry_id)
    for hour in hours(TEN + 13 * HOUR, TEN + 24 * HOUR):
        await timeline.go_to(hour + SETTLED)
    await complete_until(TEN + 24 * HOUR)


@pytest.mark.parametrize("gateway", [ThebenGateway], indirect=True)
async def test_values_of_the_minute(
    hass: HomeAssistant, gateway: Any, loaded: MockConfigEntry, timeline: Timeline
) -> None:
    """What a gateway shows of 10:01 is not what the register was at 10:00."""
    for number in range(3):
        await timeline.go_to(TEN + number * HOUR + SETTLED)
    found = await recorded(hass)
    assert id_of(gateway, *HOUSE) not in found
    assert len(found[id_of(gateway, HOUSE[0], "1-0:2.8.0")]) == 4


async def test_outage_of_home_assistant(
    hass: HomeAssistant, gateway: Any, loaded: MockConfigEntry, timeline: Timeline
) -> None:
    """The row after it carries what was used in the meantime."""
    await timeline.go_to(TEN + SETTLED)
    await hass.config_entries.async_unload(loaded.entry_id)
    await timeline.go_to(TEN + 3 * HOUR + timedelta(minutes=20))
    await hass.config_entries.async_setup(loaded.entry_id)
    await timeline.go_to(TEN + 4 * HOUR + SETTLED)
    ends = await check(hass, gateway)
    assert ends[id_of(gateway, *HOUSE)] == [TEN - HOUR, TEN, TEN + 4 * HOUR]
    # Gas is read by the hour: what was shown at 13:20 is of 13:00.
    assert ends[id_of(gateway, *GAS)][2:] == [TEN + 3 * HOUR, TEN + 4 * HOUR]


async def test_outage_of_the_gateway(
    hass: HomeAssistant, gateway: Any, loaded: MockConfigEntry, timeline: Timeline
) -> None:
    """The same; nothing is recorded of a poll that failed."""
    await timeline.go_to(TEN + SETTLED)
    gateway.faults.add("server_error")
    for quarter in range(1, 12):
        await timeline.go_to(TEN + quarter * HOUR / 4 + SETTLED)
    assert {len(ends) for ends in (await check(hass, gateway)).values()} == {2}
    gateway.faults.clear()
    for quarter in range(12, 21):
        await timeline.go_to(TEN + quarter * HOUR / 4 + SETTLED)
    found = await check(hass, gateway)
    ends = found[id_of(gateway, *HOUSE)]
    assert ends[1] == TEN
    assert TEN + 3 * HOUR <= ends[2] <= TEN + 4 * HOUR
    assert ends[-1] == TEN + 5 * HOUR


async def test_exchanged_meter(
    hass: HomeAssistant, gateway: Any, loaded: MockConfigEntry, timeline: Timeline
) -> None:
    """A new meter has a statistic of its own; what the old one counted stays."""
    await timeline.go_to(TEN + SETTLED)
    old = id_of(gateway, *HOUSE)
    before = (await recorded(hass))[old]
    gateway.scenario.meters.exchange_meter(
        HOUSE[0], "1emh0087654321", TEN + timedelta(minutes=20)
    )
    for quarter in range(2, 13):
        await timeline.go_to(TEN + quarter * HOUR / 4 + SETTLED)
    found = await recorded(hass)
    new = ("1emh0087654321", HOUSE[1])
    rows = found[id_of(gateway, *new)]
    assert found[old] == before
    assert rows[0]["sum"] == rows[0]["change"] == 0
    assert rows[-1]["sum"] == pytest.approx(
        float(
            gateway.true_register(*new, TEN + 3 * HOUR)
            - gateway.true_register(*new, TEN + HOUR)
        ),
        abs=1e-9,
    )


async def test_reading_not_to_count_with(
    hass: HomeAssistant, gateway: Any, loaded: MockConfigEntry, timeline: Timeline
) -> None:
    """What the gateway marks invalid makes no row, and the others do."""
    gateway.override(*HOUSE, TEN, istvalide="2")
    await timeline.go_to(TEN + SETTLED)
    await timeline.go_to(TEN + HOUR + SETTLED)
    found = await recorded(hass)
    truth = [gateway.true_register(*HOUSE, at) for at in (TEN - HOUR, TEN + HOUR)]
    rows = found.pop(id_of(gateway, *HOUSE))
    assert [row["sum"] for row in rows] == [0, float(truth[1] - truth[0])]
    assert {len(rows) for rows in found.values()} == {3}


async def test_cleared_by_the_owner(
    hass: HomeAssistant, gateway: Any, loaded: MockConfigEntry, timeline: Timeline
) -> None:
    """A statistic that was deleted begins anew, without a bar of the whole register."""
    await timeline.go_to(TEN + SETTLED)
    await async_wait_recording_done(hass)
    get_instance(hass).async_clear_statistics(list(counting(gateway)))
    await async_wait_recording_done(hass)
    for hour in hours(TEN + HOUR, TEN + 2 * HOUR):
        await timeline.go_to(hour + SETTLED)
    ends = await check(hass, gateway)
    assert ends[id_of(gateway, *HOUSE)] == [TEN + HOUR, TEN + 2 * HOUR]


async def test_database_in_trouble(
    hass: HomeAssistant,
    gateway: Any,
    loaded: MockConfigEntry,
    timeline: Timeline,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Hours that could not be recorded are recorded after the next poll."""

    def fail(*_: object) -> None:
        raise OperationalError("select", {}, Exception("disk I/O error"))

    with monkeypatch.context() as broken:
        broken.setattr(writer, "statistics_during_period", fail)
        await timeline.go_to(TEN + SETTLED)
    assert "statistics cannot be read (OperationalError)" in caplog.text
    # Gone with the hour, but not forgotten.
    await timeline.go_to(TEN + HOUR / 4 + SETTLED)
    ends = await check(hass, gateway)
    assert ends[id_of(gateway, *HOUSE)] == [TEN - HOUR, TEN]


@pytest.mark.parametrize(
    ("language", "name"),
    [
        ("en", "Grid import, meter 1EMH0012345678 (hourly values)"),
        ("de", "Netzbezug, Zähler 1EMH0012345678 (Stundenwerte)"),
    ],
)
async def test_metadata(
    hass: HomeAssistant,
    gateway: Any,
    entry: MockConfigEntry,
    language: str,
    name: str,
) -> None:
    """A person recognises a statistic; the dashboard accepts its unit."""
    hass.config.language = language
    await set_up(hass, entry)
    told = {one["statistic_id"]: one for one in await metadata(hass)}
    assert told[id_of(gateway, *HOUSE)] == {
        "statistic_id": id_of(gateway, *HOUSE),
        "name": name,
        "source": "smgw",
        "has_sum": True,
        "has_mean": False,
        "mean_type": 0,
        "unit_class": "energy",
        "statistics_unit_of_measurement": "kWh",
        "display_unit_of_measurement": "kWh",
    }
    gas = told[id_of(gateway, *GAS)]
    assert gas["unit_class"] == "volume"
    assert gas["statistics_unit_of_measurement"] == "m³"


async def test_momentary_values_are_not_recorded(
    hass: HomeAssistant, socket_enabled: None, clock: SimClock, timeline: Timeline
) -> None:
    """Of a meter with power, voltage and angles only the energies are."""
    with PpcGateway(scenario=grid_state(), clock=clock) as gateway:
        await set_up(hass, make_entry(gateway))
        await timeline.go_to(TEN + SETTLED)
        assert len(await check(hass, gateway)) == 2
