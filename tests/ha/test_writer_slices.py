"""Slices in any order, far apart or overlapping, make the same statistic in the end."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random

import pytest

from custom_components.smgw.han.model import Register
from custom_components.smgw.han.obis import Obis
from custom_components.smgw.han.units import Unit
from custom_components.smgw.statistics import measure
from custom_components.smgw.writer import Counted, Writer
from homeassistant.core import HomeAssistant
from homeassistant.helpers.recorder import get_instance
from homeassistant.util import dt as dt_util

from .recorder_rows import rows_of

GATEWAY = "EPPC0210123456"
HOUR = timedelta(hours=1)
BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
STATISTIC = "smgw:eppc0210123456_1emh0012345678_1_0_1_8_0"
OBIS = Obis.parse("1-0:1.8.0")
assert OBIS
pytestmark = pytest.mark.usefixtures("recorder_mock")


def register(unit: Unit = Unit.KILOWATT_HOUR) -> Register:
    """Return a register of a meter."""
    return Register(meter_id="1EMH0012345678", obis=OBIS, unit=unit, name="Bezug")


@pytest.fixture
def writer(hass: HomeAssistant) -> Writer:
    """What writes the statistics of a gateway."""
    return Writer(hass, GATEWAY)


def truth(dice: Random, hours: int) -> dict[datetime, Decimal]:
    """Return a register of many hours with holes, hours and digits as they come."""
    value, found = Decimal("12345.6789"), {}
    for number in range(hours):
        value += Decimal(dice.randrange(20000)) / 10000
        if dice.random() > 0.05:
            found[BEGIN + number * HOUR] = value
    return found


async def stored(hass: HomeAssistant) -> dict[datetime, tuple[float, float, float]]:
    """Return state, sum and bar of each row, by its end."""
    return {
        dt_util.utc_from_timestamp(row["end"]): (
            row["state"],
            row["sum"],
            row["change"],
        )
        for row in await rows_of(hass, STATISTIC)
    }


async def write(writer: Writer, readings: dict[datetime, Decimal]) -> None:
    """Have readings recorded."""
    one = register()
    recorded = measure(one)
    assert recorded
    await writer.async_write([Counted(one, recorded, readings)])


def check(
    rows: dict[datetime, tuple[float, float, float]], known: dict[datetime, Decimal]
) -> None:
    """Compare rows with what is known of a register."""
    ends = sorted(known)
    assert sorted(rows) == ends
    before = known[ends[0]]
    for end in ends:
        state, total, bar = rows[end]
        assert state == float(known[end])
        assert total == pytest.approx(float(known[end] - known[ends[0]]), abs=1e-8)
        assert bar == pytest.approx(float(known[end] - before), abs=1e-8)
        before = known[end]


@pytest.mark.parametrize("seed", range(4))
async def test_any_order(hass: HomeAssistant, writer: Writer, seed: int) -> None:
    """After each slice all that is known is right; in the end it is all."""
    dice = Random(seed)
    readings = truth(dice, 400)
    # The last days lie far behind the others.
    moved = {
        end + (90 * 24 * HOUR if end > BEGIN + 300 * HOUR else timedelta(0)): value
        for end, value in readings.items()
    }
    ends = sorted(moved)
    known: dict[datetime, Decimal] = {}
    slices = [
        ends[max(0, first - dice.randrange(20)) : first + 60]
        for first in range(0, len(ends), 60)
    ]
    dice.shuffle(slices)
    for piece in slices:
        part = {end: moved[end] for end in piece}
        await write(writer, part)
        known |= part
        check(await stored(hass), known)
    assert known == moved


async def test_nothing_new_is_not_written(hass: HomeAssistant, writer: Writer) -> None:
    """The same again changes nothing; a correction changes one row."""
    readings = truth(Random(7), 100)
    await write(writer, readings)
    before = await stored(hass)
    await write(writer, readings)
    assert await stored(hass) == before
    end = sorted(readings)[50]
    readings[end] += Decimal("0.0003")
    await write(writer, {end: readings[end]})
    check(await stored(hass), readings)


async def test_the_oldest_corrected(hass: HomeAssistant, writer: Writer) -> None:
    """All sums follow their beginning."""
    readings = truth(Random(8), 50)
    await write(writer, readings)
    first = min(readings)
    readings[first] -= Decimal("0.0100")
    await write(writer, {first: readings[first]})
    check(await stored(hass), readings)


async def test_settled(hass: HomeAssistant, writer: Writer) -> None:
    """A lift whose rows never came is taken back; nothing else is touched."""
    readings = truth(Random(9), 50)
    await write(writer, readings)
    one = register()
    recorded = measure(one)
    assert recorded
    await writer.async_settle([(one, recorded)])
    check(await stored(hass), readings)
    get_instance(hass).async_adjust_statistics(
        STATISTIC, min(readings) - HOUR, 17.25, "kWh"
    )
    assert min((await stored(hass)).items())[1][1] == 17.25
    await writer.async_settle([(one, recorded)])
    check(await stored(hass), readings)


async def test_adjusted_by_the_owner(hass: HomeAssistant, writer: Writer) -> None:
    """What the owner has moved stays moved; what comes behind it goes on from there."""
    readings = truth(Random(10), 100)
    ends = sorted(readings)
    await write(writer, {end: readings[end] for end in ends[:60]})
    get_instance(hass).async_adjust_statistics(STATISTIC, ends[30] - HOUR, 5.0, "kWh")
    await write(writer, {end: readings[end] for end in ends[60:]})
    rows = await stored(hass)
    for end in ends[30:]:
        moved = float(readings[end] - readings[ends[0]]) + 5
        assert rows[end][1] == pytest.approx(moved, abs=1e-8)


async def test_empty(hass: HomeAssistant, writer: Writer) -> None:
    """Whose rows are gone is told."""
    assert await writer.async_empty([register()]) == {register()}
    await write(writer, truth(Random(11), 5))
    assert await writer.async_empty([register()]) == set()
