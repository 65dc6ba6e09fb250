"""A new meter in an old one's place: asked, answered, and the statistic goes on."""

from collections.abc import Awaitable, Callable, Generator
from datetime import datetime, timedelta
from decimal import Decimal
import logging
from typing import Any, NamedTuple

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.smgw import importer
from homeassistant.components.recorder.statistics import (
    StatisticsRow,
    statistics_during_period,
)
from homeassistant.components.repairs import DOMAIN as REPAIRS
from homeassistant.core import HomeAssistant
from homeassistant.helpers.recorder import get_instance
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from simulator.clock import SimClock
from simulator.emh import EmhGateway
from simulator.ppc import PpcGateway
from simulator.theben import ThebenGateway

from .conftest import START, Timeline, fresh_token, restart
from .test_coordinator import SETTLED
from .test_recording import HOUSE, id_of
from .test_repairs import issues, start

HOUR = timedelta(hours=1)
QUARTER = timedelta(minutes=15)
DAY = timedelta(days=1)
NINE = START.replace(minute=0)
HALF = NINE + 2 * QUARTER
OLD, NEW, NEXT = "1emh0012345678", "1emh0087654321", "1emh0087654399"
BOTH = ("1-0:1.8.0", "1-0:2.8.0")


class Exchange(NamedTuple):
    """An exchange, as the readings tell it."""

    meter: str
    """The new one."""
    last: datetime
    """The quarter hour of the old one's last reading."""
    first: datetime
    """That of the new one's first reading."""


type Answer = Callable[[str, str], Awaitable[dict[str, Any]]]


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
    monkeypatch.setattr(importer, "KEPT", 3 * DAY)


@pytest.fixture(params=[PpcGateway], ids=lambda kind: kind.__name__)
def gateway(
    request: pytest.FixtureRequest, socket_enabled: None, clock: SimClock
) -> Generator[Any]:
    """A simulated gateway, of each maker where a test asks for them."""
    with request.param(clock=clock) as running:
        meters = running.scenario.meters
        for meter in list(meters):
            if meter.id != HOUSE[0]:
                meters.remove_meter(meter.id)
        yield running


@pytest.fixture
def answer(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    hass_admin_user: MockUser,
    entry: MockConfigEntry,
) -> Answer:
    """Open the repair issue of a new meter and choose; return what the flow says."""

    async def choose(new: str, old: str) -> dict[str, Any]:
        assert await async_setup_component(hass, REPAIRS, {})
        client = await hass_client(await fresh_token(hass, hass_admin_user))
        flow = await start(client, f"successor_{entry.entry_id}_{new.upper()}")
        assert flow["step_id"] == "choose", flow
        answered = await client.post(
            f"/api/repairs/issues/fix/{flow['flow_id']}", json={"vanished": old}
        )
        result: dict[str, Any] = await answered.json()
        await hass.async_block_till_done(wait_background_tasks=True)
        return {"form": flow, **result}

    return choose


async def quarters(timeline: Timeline, since: datetime, count: int) -> None:
    """Let slots pass, one by one."""
    for number in range(count):
        await timeline.go_to(since + number * QUARTER + SETTLED)


def exchange(gateway: Any, at: datetime, old: str = OLD, new: str = NEW) -> Exchange:
    """Exchange a meter a little behind a slot, before it is polled."""
    gateway.scenario.exchange_meter(old, new, at + timedelta(seconds=20))
    return Exchange(new, at - QUARTER, at)


async def recorded(hass: HomeAssistant) -> dict[str, list[StatisticsRow]]:
    """Return all rows of our statistics."""
    await async_wait_recording_done(hass)
    found = await get_instance(hass).async_add_executor_job(
        statistics_during_period,
        *(hass, dt_util.utc_from_timestamp(0), None, None, "hour", None),
        {"change", "state", "sum"},
    )
    return {key: rows for key, rows in found.items() if key.startswith("smgw:")}


async def days(hass: HomeAssistant, statistic: str) -> dict[str, float]:
    """Return the bars of days, as the dashboard draws them."""
    await async_wait_recording_done(hass)
    found = await get_instance(hass).async_add_executor_job(
        statistics_during_period,
        *(hass, dt_util.utc_from_timestamp(0), None, {statistic}, "day", None),
        {"change"},
    )
    return {
        dt_util.as_local(dt_util.utc_from_timestamp(row["start"])).date().isoformat(): (
            row["change"] or 0
        )
        for row in found[statistic]
    }


def golden(
    gateway: Any, code: str, ends: list[datetime], exchanges: list[Exchange]
) -> list[tuple[float, float]]:
    """Return state and sum of rows, by the true registers of meters in turn.

    What a row holds is what all of them have counted since the oldest one.
    """
    spans = []
    begun, meter = ends[0], OLD
    for one in exchanges:
        spans.append((meter, begun, one.last))
        begun, meter = one.first, one.meter
    spans.append((meter, begun, ends[-1]))
    rows = []
    for end in ends:
        total, state = Decimal(0), None
        for meter, since, until in spans:
            if since <= end and (since < end or state is None):
                state = gateway.true_register(meter, code, min(end, until))
                total += state - gateway.true_register(meter, code, since)
        assert state is not None
        rows.append((float(state), float(total)))
    return rows


def codes(found: dict[str, list[StatisticsRow]]) -> set[str]:
    """Return the OBIS codes of statistics."""
    parts = [statistic.split("_")[-5:] for statistic in found]
    return {f"{a}-{b}:{c}.{d}.{e}" for a, b, c, d, e in parts}


def check(
    gateway: Any,
    found: dict[str, list[StatisticsRow]],
    exchanges: list[Exchange],
    last: datetime,
) -> None:
    """Have each row be right, without a hole, in the statistics of the first meter alone."""
    assert found.keys() == {id_of(gateway, OLD, code) for code in codes(found)}
    for code in codes(found):
        rows = found[id_of(gateway, OLD, code)]
        ends = [dt_util.utc_from_timestamp(row["end"]) for row in rows]
        assert ends[-1] == last
        assert all(row["change"] >= 0 for row in rows if row["change"] is not None)
        for row, (value, total) in zip(
            rows, golden(gateway, code, ends, exchanges), strict=True
        ):
            assert row["state"] == value
            assert row["sum"] == pytest.approx(total, abs=1e-7)


@pytest.mark.parametrize(
    "gateway",
    [PpcGateway, ThebenGateway, EmhGateway],
    indirect=True,
    ids=lambda kind: kind.__name__,
)
async def test_yes(
    hass: HomeAssistant,
    gateway: Any,
    loaded: MockConfigEntry,
    timeline: Timeline,
    answer: Answer,
) -> None:
    """What was recorded of the new meter goes over, and what comes follows."""
    await quarters(timeline, HALF, 1)
    assert issues(hass) == set()
    exchanged = exchange(gateway, HALF + QUARTER)
    await quarters(timeline, HALF + QUARTER, 11)
    before = await recorded(hass)
    assert len(before) == 2 * len(codes(before))
    assert set(BOTH) <= codes(before)
    assert issues(hass) == {"successor"}
    result = await answer(NEW, OLD.upper())
    assert result["type"] == "create_entry"
    assert result["form"]["description_placeholders"]["vanished"].startswith(
        f"- {OLD.upper()} ("
    )
    assert issues(hass) == set()
    await quarters(timeline, NINE + 14 * QUARTER, 1)
    check(gateway, await recorded(hass), [exchanged], NINE + 3 * HOUR)
    await quarters(timeline, NINE + 15 * QUARTER, 11)
    check(gateway, await recorded(hass), [exchanged], NINE + 6 * HOUR)
    await restart(hass, loaded, timeline)
    await quarters(timeline, NINE + 26 * QUARTER, 3)
    assert issues(hass) == set()
    check(gateway, await recorded(hass), [exchanged], NINE + 7 * HOUR)
