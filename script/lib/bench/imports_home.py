"""Two years of history on their way into the recorder, in this process and measured.

`python -m bench.imports_home CONFIG ours|bare REGISTERS`, in Home Assistant's own
environment. `ours` goes through the integration's writer, newest slice first, as the
history reader does; `bare` hands the same rows to Home Assistant as they are.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
import sys
from typing import Any

from custom_components.smgw.han.history import ProfileRow, Span
from custom_components.smgw.han.model import Register
from custom_components.smgw.han.obis import Obis
from custom_components.smgw.han.status import Quality
from custom_components.smgw.han.units import Unit
from custom_components.smgw.statistics import (
    HOUR,
    Measure,
    Row,
    as_data,
    measure,
    metadata,
    of_profile,
    statistic_id,
)
from custom_components.smgw.writer import Counted, Writer
from homeassistant import runner
from homeassistant.components.recorder.models import StatisticData
from homeassistant.components.recorder.statistics import (
    async_add_external_statistics,
    statistics_during_period,
)
from homeassistant.core import HomeAssistant
from homeassistant.helpers.recorder import get_instance

from .cases import HISTORY_DAYS
from .gaps import forget_peak, gaps, peak, summary
from .home import answer, measured, settle, started, stop

GATEWAY = "EPPC0210123456"
_SLICE = timedelta(days=31)
_QUARTER = timedelta(minutes=15)
_END = datetime(2026, 1, 15, 9, tzinfo=UTC)
_START = _END - timedelta(days=HISTORY_DAYS)
_BASE = Decimal("14210.3372")
_STEP = Decimal("0.0421")
# The oldest full hour; there the sums begin.
_FIRST = _BASE + 4 * _STEP


async def main(config: str, way: str, count: int) -> None:
    """Start, import, say what that took, stop."""
    hass = await started(config)
    await settle(hass)
    registers = [_register(number) for number in range(count)]
    facts: dict[str, Any] = {}
    found: list[float] = []
    writer = Writer(hass, GATEWAY)
    # What is loaded once, such as texts.
    await writer.async_write([])
    idle = forget_peak()
    with measured(facts):
        async with gaps(found):
            if way == "ours":
                await _ours(writer, registers)
            else:
                await _bare(hass, registers)
    facts |= {"memory": peak() - idle, **summary(found)}
    for register in registers:
        await _check(hass, statistic_id(GATEWAY, register))
    answer(**facts)
    await asyncio.to_thread(sys.stdin.readline)
    await stop(hass)


async def _ours(writer: Writer, registers: list[Register]) -> None:
    for span in _slices():
        # As the driver hands them over: made in a worker thread.
        parts = [(one, await asyncio.to_thread(_rows, span)) for one in registers]
        await writer.async_write(
            Counted(register, recorded, of_profile(rows, recorded))
            for register, rows in parts
            if (recorded := measure(register))
        )


async def _bare(hass: HomeAssistant, registers: list[Register]) -> None:
    for span in reversed(list(_slices())):
        for register in registers:
            data = await asyncio.to_thread(_data, span)
            statistic = statistic_id(GATEWAY, register)
            async_add_external_statistics(
                hass, metadata(statistic, statistic, _measure(register)), data
            )
        await get_instance(hass).async_block_till_done()


def _data(span: Span) -> list[StatisticData]:
    return as_data(
        Row(row.target_time - HOUR, row.value, row.value - _FIRST)
        for row in _rows(span)
        if row.value is not None and not row.target_time.minute
    )


def _slices() -> Iterator[Span]:
    """Return what a gateway hands out at once, newest first."""
    end = _END
    while end > _START:
        start = max(_START, end - _SLICE)
        yield Span(start, end)
        end = start


def _rows(span: Span) -> list[ProfileRow]:
    first = (span.start - _START) // _QUARTER
    return [
        ProfileRow(
            _START + number * _QUARTER,
            _START + number * _QUARTER,
            _BASE + number * _STEP,
            Quality.GOOD,
            "0",
            None,
        )
        for number in range(first + 1, first + 1 + (span.end - span.start) // _QUARTER)
    ]


def _register(number: int) -> Register:
    obis = Obis.parse(f"1-0:{1 + number % 2}.8.{number // 2}")
    assert obis is not None
    return Register(
        meter_id="1EMH0012345678", obis=obis, unit=Unit.KILOWATT_HOUR, name=""
    )


def _measure(register: Register) -> Measure:
    found = measure(register)
    assert found is not None
    return found


async def _check(hass: HomeAssistant, statistic: str) -> None:
    """See that all is there, and counts from the oldest row to the newest."""
    found = await get_instance(hass).async_add_executor_job(
        statistics_during_period,
        *(hass, _START - HOUR, None, {statistic}, "hour", None, {"sum"}),
    )
    rows = found.get(statistic, [])
    hours = HISTORY_DAYS * 24
    whole = float((hours - 1) * 4 * _STEP)
    last = rows[-1].get("sum") if rows else None
    if len(rows) != hours or last is None or abs(last - whole) > 4 * _STEP:
        raise ValueError(f"{len(rows)} rows of {hours}, sum {last} and not {whole}")


if __name__ == "__main__":
    loop = runner.create_event_loop()
    asyncio.set_event_loop(loop)
    loop.run_until_complete(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
