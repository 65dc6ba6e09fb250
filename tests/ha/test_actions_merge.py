"""A register's history before its sensor's own statistics, in a real recorder."""

from collections.abc import Generator
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
    do_adhoc_statistics,
)

from custom_components.smgw.const import DOMAIN
from custom_components.smgw.merging import merge
from custom_components.smgw.statistics import Row
from homeassistant.components.recorder.models import (
    StatisticData,
    StatisticMeanType,
    StatisticMetaData,
)
from homeassistant.components.recorder.statistics import (
    StatisticsRow,
    async_add_external_statistics,
)
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.recorder import get_instance
from homeassistant.util import dt as dt_util
from simulator.clock import SimClock
from simulator.ppc import PpcGateway
from simulator.scenario import two_meters

from .calling import HOUSE, IMPORT, act
from .conftest import START, Timeline, set_up
from .recorder_rows import rows_of

HOUR = timedelta(hours=1)
TEN = START.replace(minute=0)
STATISTIC = "smgw:eppc0210123456_1emh0012345678_1_0_1_8_0"
pytestmark = pytest.mark.usefixtures("recorder_mock")


@pytest.fixture
def gateway(socket_enabled: None, clock: SimClock) -> Generator[PpcGateway]:
    """A gateway that keeps four days of one meter."""
    scenario = replace(two_meters(), history=timedelta(days=4))
    with PpcGateway(clock=clock, scenario=scenario) as running:
        yield running


@pytest.fixture
def sensor(hass: HomeAssistant, gateway: PpcGateway) -> str:
    """The sensor of the household's import, named before it is made."""
    return (
        er.async_get(hass)
        .async_get_or_create(
            "sensor", DOMAIN, f"{gateway.gateway_id}_{HOUSE.upper()}_{IMPORT}"
        )
        .entity_id
    )


def true(gateway: PpcGateway, when: datetime) -> Decimal:
    """Return what the register really was."""
    return Decimal(gateway.true_register(HOUSE, IMPORT, when))


async def compile_hours(hass: HomeAssistant, timeline: Timeline, count: int) -> None:
    """Let hours pass and the recorder compile its rows, five minutes each."""
    now = dt_util.utcnow()
    step = now.replace(minute=now.minute // 5 * 5, second=0, microsecond=0)
    for _ in range(count * 12):
        await timeline.go_to(step + timedelta(minutes=5, seconds=10))
        await async_wait_recording_done(hass)
        do_adhoc_statistics(hass, start=step)
        step += timedelta(minutes=5)
    await async_wait_recording_done(hass)


async def put_history(
    hass: HomeAssistant,
    gateway: PpcGateway,
    first: datetime,
    last: datetime,
    ahead: Decimal = Decimal(0),
) -> None:
    """Store the history of a register, hour by hour; or of one that is ahead of it."""
    base = true(gateway, first) + ahead
    metadata = StatisticMetaData(
        mean_type=StatisticMeanType.NONE,
        has_sum=True,
        name="history",
        source=DOMAIN,
        statistic_id=STATISTIC,
        unit_class="energy",
        unit_of_measurement="kWh",
    )
    data, end = [], first
    while end <= last:
        value = true(gateway, end) + ahead
        data.append(
            StatisticData(start=end - HOUR, state=float(value), sum=float(value - base))
        )
        end += HOUR
    async_add_external_statistics(hass, metadata, data)
    await async_wait_recording_done(hass)


async def test_merged(
    hass: HomeAssistant,
    sensor: str,
    gateway: PpcGateway,
    entry: MockConfigEntry,
    timeline: Timeline,
) -> None:
    """The history that was read and the sensor's own rows meet without a step."""
    await set_up(hass, entry)
    await compile_hours(hass, timeline, 3)
    before = await rows_of(hass, sensor)
    assert len(before) >= 2
    begin = before[0]["start"]
    history = [one for one in await rows_of(hass, STATISTIC) if one["start"] < begin]
    assert len(history) > 90

    answer = await act(hass, "merge_history", entity_id=sensor)
    assert answer["rows"] == len(history)
    assert answer["statistic_id"] == STATISTIC
    merged = await rows_of(hass, sensor)
    assert len(merged) == len(history) + len(before)
    for row, old in zip(merged, history, strict=False):
        assert [row[key] for key in ("start", "state", "sum")] == [
            old[key] for key in ("start", "state", "sum")
        ]
    # The sensor's own bars are as they were, but for the first, which had no past.
    assert [row["change"] for row in merged[-len(before) + 1 :]] == [
        pytest.approx(row["change"]) for row in before[1:]
    ]
    without_a_step(merged)
    begun, ended = (dt_util.utc_from_timestamp(begin + n * 3600) for n in (0, 1))
    first = merged[len(history)]
    assert first["change"] == pytest.approx(
        first["state"] - float(true(gateway, begun)), abs=1e-6
    )
    assert ended > begun

    # Once more: nothing is left to be done.
    again = await act(hass, "merge_history", entity_id=sensor)
    assert (again["rows"], again["lifted_by"]) == (0, 0)
    assert await rows_of(hass, sensor) == merged

    # What the recorder compiles next goes on.
    await compile_hours(hass, timeline, 2)
    later = await rows_of(hass, sensor)
    assert len(later) > len(merged)
    without_a_step(later)


def without_a_step(found: list[StatisticsRow]) -> None:
    """Assert that all sums are counted from the oldest row's register."""
    assert found[0]["sum"] == 0
    for row in found:
        assert row["sum"] == pytest.approx(row["state"] - found[0]["state"], abs=1e-6)


def row_of(hour: int, state: str, total: str) -> Row:
    """Return a row of a day."""
    return Row(TEN + hour * HOUR, Decimal(state), Decimal(total))


def test_older_history_later() -> None:
    """What is merged in two parts is the same as merged at once."""
    history = [row_of(n, f"{100 + n}", f"{n}") for n in range(6)]
    own = row_of(6, "106.5", "0.2")
    late = [row._replace(sum=row.sum - 3) for row in history[3:]]

    first = merge(late, own)
    assert first is not None
    # From 105 to 106.5, behind the 2 that history counted.
    assert first.lift == Decimal("3.3")
    lifted = own._replace(sum=own.sum + first.lift)
    assert lifted.sum == Decimal("3.5")
    second = merge(history, first.rows[0])
    assert second is not None
    assert second.lift == 3
    assert lifted.sum + second.lift == Decimal("6.5")
    assert [*second.rows, *first.rows] == [*history[:3], *late]
    at_once = merge(history, own)
    assert at_once is not None
    assert own.sum + at_once.lift == Decimal("6.5")


def test_another_meter_before() -> None:
    """What a new meter has counted since the exchange goes on from the old one's end."""
    old = [row_of(n, f"{1000 + n}", f"{n}") for n in range(4)]
    own = row_of(4, "0.75", "0.5")
    # The new one began at 0.25, where the old one ended at 1003.
    offset = Decimal("0.25") - 1003

    def ahead(row: Row) -> Decimal:
        return offset if row is own else Decimal(0)

    assert merge(old, own) is None
    found = merge(old, own, ahead)
    assert found is not None
    assert own.sum + found.lift == Decimal("3.5")
    assert list(found.rows) == old


async def refused(hass: HomeAssistant, entity_id: str) -> str | None:
    """Return why nothing was merged."""
    with pytest.raises(ServiceValidationError) as error:
        await act(hass, "merge_history", entity_id=entity_id)
    assert str(error.value)
    return error.value.translation_key


async def test_what_cannot_be_merged(
    hass: HomeAssistant,
    sensor: str,
    gateway: PpcGateway,
    entry: MockConfigEntry,
    timeline: Timeline,
) -> None:
    """Nothing is changed, and the owner is told what is missing."""
    await set_up(hass, entry)
    assert await refused(hass, "sensor.anything") == "not_our_sensor"
    assert await refused(hass, sensor) == "merge_no_statistics"
    await compile_hours(hass, timeline, 2)
    before = await rows_of(hass, sensor)
    get_instance(hass).async_clear_statistics([STATISTIC])
    await async_wait_recording_done(hass)
    assert await refused(hass, sensor) == "merge_no_history"
    # Of a meter that stood higher.
    last = dt_util.utc_from_timestamp(before[0]["start"])
    await put_history(hass, gateway, last - 5 * HOUR, last, ahead=Decimal(1000))
    assert await refused(hass, sensor) == "merge_no_fit"
    assert await rows_of(hass, sensor) == before
