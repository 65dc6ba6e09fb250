"""Meters in one another's place: pieces of all of them, in any order, make one statistic."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
import json
from random import Random
from typing import Any, NamedTuple

import pytest

from custom_components.smgw.han.history import ProfileRow
from custom_components.smgw.han.model import Register
from custom_components.smgw.han.obis import Obis
from custom_components.smgw.han.status import Quality
from custom_components.smgw.han.units import Unit
from custom_components.smgw.statistics import Edge, measure
from custom_components.smgw.succession import Handover, Old, Successions
from custom_components.smgw.writer import Counted, Writer
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util

from .recorder_rows import metadata, recorded

pytestmark = pytest.mark.usefixtures("recorder_mock")

GATEWAY = "EPPC0210123456"
HOUR = timedelta(hours=1)
QUARTER = timedelta(minutes=15)
BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
CODE = "1-0:1.8.0"
OBIS = Obis.parse(CODE)
assert OBIS
METERS = ("1EMH0012345678", "1EMH0087654321", "1ISK0000000003")
STATISTIC = "smgw:eppc0210123456_1emh0012345678_1_0_1_8_0"
# The second one is read in another unit.
UNITS = (Unit.KILOWATT_HOUR, Unit.WATT_HOUR, Unit.KILOWATT_HOUR)

type Readings = dict[datetime, Decimal]


class Piece(NamedTuple):
    """Readings of a meter, as its profile has them: by quarter hours."""

    meter: int
    readings: Readings


def truths(dice: Random, hours: int) -> list[Readings]:
    """Return the quarter hours, in kWh, of meters that follow one another, with holes."""
    found: list[Readings] = []
    begun = BEGIN
    for start in ("12345.6789", "0.0", "77.125"):
        value, readings = Decimal(start), {}
        for number in range(4 * hours + dice.randrange(4)):
            value += Decimal(dice.randrange(5000)) / 10000
            if dice.random() > 0.04:
                readings[begun + number * QUARTER] = value
        found.append(readings)
        begun = max(readings) + dice.randrange(6) * QUARTER
    return found


def register(meter: int) -> Register:
    """Return the register of a meter."""
    assert OBIS
    return Register(meter_id=METERS[meter], obis=OBIS, unit=UNITS[meter], name="")


def counted(piece: Piece) -> Counted | None:
    """Return a piece as the importer hands it on; None without a full hour."""
    one = register(piece.meter)
    recorded = measure(one)
    assert recorded
    # As a gateway delivers it, and normalised again.
    raw = {at: value / recorded.factor for at, value in piece.readings.items()}
    values = {at: value * recorded.factor for at, value in raw.items()}
    full = {at: value for at, value in values.items() if not at.minute}
    rows = [
        ProfileRow(at, at, raw[at], Quality.GOOD, "", None) for at in sorted(values)
    ]
    return Counted(one, recorded, full, rows) if full else None


def golden(known: list[Readings]) -> list[tuple[datetime, float, float]]:
    """Return end, state and sum of each row that there is to be, from all that is known."""
    rows: list[tuple[datetime, float, float]] = []
    before, first, taken = Decimal(0), None, set()
    for readings in known:
        if not readings:
            continue
        begin = readings[min(readings)]
        for at in sorted(readings):
            if at.minute or at in taken:
                continue
            taken.add(at)
            total = before + readings[at] - begin
            if first is None:
                first = total
            rows.append((at, float(readings[at]), float(total - first)))
        before += readings[max(readings)] - begin
    return rows


async def stored(hass: HomeAssistant) -> dict[str, list[Any]]:
    """Return end, state, sum and bar of all rows."""
    return {
        key: [
            (
                dt_util.utc_from_timestamp(row["end"]),
                row["state"],
                row["sum"],
                row["change"],
            )
            for row in rows
        ]
        for key, rows in (await recorded(hass)).items()
    }


async def check(hass: HomeAssistant, known: list[Readings]) -> None:
    """Compare the one statistic with what is known."""
    found = await stored(hass)
    expected = golden(known)
    assert found.keys() == {STATISTIC}
    assert [row[0] for row in found[STATISTIC]] == [row[0] for row in expected]
    before = 0.0
    for (end, state, total, bar), (_, true_state, true_total) in zip(
        found[STATISTIC], expected, strict=True
    ):
        assert state == true_state, end
        assert total == pytest.approx(true_total, abs=1e-7), end
        assert bar == pytest.approx(true_total - before, abs=1e-7)
        assert bar >= -1e-7
        before = true_total


def accept(
    successions: Successions, new: int, truth: list[Readings] | None = None
) -> None:
    """Answer that a meter continues the one before it.

    Polls have shown the edges of both if there is a `truth`.
    """
    handover = Handover(None, None)
    if truth:
        last, first = max(truth[new - 1].items()), min(truth[new].items())
        handover = Handover(Edge(*last), Edge(*first))
    successions.accept(METERS[new], Old(METERS[new - 1], {CODE: handover}))


def again(successions: Successions) -> Successions:
    """Return the notes as they come back from disk."""
    return Successions.of(json.loads(json.dumps(successions.as_dict())))


def pieces(dice: Random, truth: list[Readings], size: int) -> list[Piece]:
    """Return all readings in pieces that overlap, by meter and time."""
    found = []
    for meter, readings in enumerate(truth):
        ends = sorted(readings)
        for first in range(0, len(ends), size):
            begin = max(0, first - dice.randrange(20))
            part = {at: readings[at] for at in ends[begin : first + size]}
            found.append(Piece(meter, part))
    return found


@pytest.mark.parametrize("seed", range(6))
async def test_any_order(hass: HomeAssistant, seed: int) -> None:
    """After the answers, each piece of any meter leaves all that is known right.

    Between two pieces Home Assistant may be started anew.
    """
    dice = Random(seed)
    truth = truths(dice, 100)
    parts = [one for one in pieces(dice, truth, 80) if counted(one)]
    if seed:
        dice.shuffle(parts)
    successions = Successions()
    accept(successions, 1)
    accept(successions, 2)
    known: list[Readings] = [{}, {}, {}]
    for part in parts:
        one = counted(part)
        assert one
        await Writer(hass, GATEWAY, successions).async_write([one])
        known[part.meter] |= part.readings
        await check(hass, known)
        if dice.random() < 0.3:
            successions = again(successions)
    assert known == truth


@pytest.mark.parametrize("seed", range(3))
async def test_answered_later(hass: HomeAssistant, seed: int) -> None:
    """What the meters have recorded in statistics of their own goes over."""
    dice = Random(100 + seed)
    truth = truths(dice, 900)
    successions = Successions()
    writer = Writer(hass, GATEWAY, successions)
    for meter in range(3):
        part = Piece(meter, truth[meter])
        one = counted(part)
        assert one
        await writer.async_write([one])
    assert len(await stored(hass)) == 3
    order = [1, 2] if dice.random() < 0.5 else [2, 1]
    for new in order:
        accept(successions, new, truth)
        one = register(new)
        recorded = measure(one)
        assert recorded
        await writer.async_join([(one, recorded)])
    await check(hass, truth)
    (told,) = await metadata(hass)
    assert METERS[0] in told["name"]
    assert told["statistics_unit_of_measurement"] == "kWh"


class Killed(Exception):
    """Home Assistant is gone."""


@pytest.mark.parametrize("after", range(7))
async def test_killed(hass: HomeAssistant, after: int) -> None:
    """Wherever it is stopped, what is on disk is enough to go on rightly.

    What was not noted as done is read again, as the importer does it.
    """
    truth = truths(Random(after), 60)[:2]
    disk: list[Successions] = [Successions()]
    left = after

    async def step() -> None:
        nonlocal left
        if left == 0:
            raise Killed
        left -= 1

    successions = disk[0]

    async def keep() -> None:
        await step()
        disk[0] = again(successions)
        await step()

    writer = Writer(hass, GATEWAY, successions, keep)
    old, new = (counted(Piece(meter, truth[meter])) for meter in range(2))
    assert old
    assert new
    late = {at: value for at, value in truth[0].items() if at > BEGIN + 40 * HOUR}
    early = {at: value for at, value in truth[0].items() if at <= BEGIN + 40 * HOUR}
    first, second = counted(Piece(0, early)), counted(Piece(0, late))
    assert first
    assert second
    try:
        await writer.async_write([first, new])
        accept(successions, 1, truth)
        await keep()
        await writer.async_join([(new.register, new.measure)])
        await writer.async_write([second])
    except Killed:
        pass
    else:
        assert after == 6
    left = -1
    if not disk[0].old:
        accept(disk[0], 1, truth)
    successions = again(disk[0])
    writer = Writer(hass, GATEWAY, successions, keep)
    await writer.async_join([(new.register, new.measure)])
    await writer.async_settle([(new.register, new.measure)])
    await writer.async_write([second])
    await check(hass, truth)
