"""Readings become rows of long-term statistics, whoever has read them.

Polls and history write through the same one, one after the other, so that they never
disagree about a statistic's base; and each waits until the recorder has taken it.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from homeassistant.components.recorder.core import Recorder
from homeassistant.components.recorder.models import StatisticData
from homeassistant.components.recorder.statistics import (
    async_add_external_statistics,
    statistics_during_period,
)
from homeassistant.components.recorder.tasks import SynchronizeTask
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.recorder import get_instance
from homeassistant.util import dt as dt_util

from .dashboard import statistic_name
from .han.history import ProfileRow
from .han.model import Register
from .statistics import (
    HOUR,
    Beginning,
    Measure,
    Readings,
    Row,
    as_data,
    changes,
    metadata,
    plan,
    statistic_id,
)
from .texts import Texts

# Rows that near tell the base; only what lies apart makes us look through the rest.
_NEAR = timedelta(days=31)
_EVER = dt_util.utc_from_timestamp(0)


async def async_done(recorder: Recorder) -> None:
    """Return when the recorder has done all that it was asked for.

    Its own `async_block_till_done` does not wait for what is just being done.
    """
    if recorder.is_alive():
        done: asyncio.Future[None] = recorder.hass.loop.create_future()
        recorder.queue_task(SynchronizeTask(done))
        await done


class Counted(NamedTuple):
    """Readings of one register, by target time; at least one."""

    register: Register
    measure: Measure
    readings: Readings
    rows: Sequence[ProfileRow] = ()
    """Where they come from, with the quarter hours in between."""


type WrittenListener = Callable[[Sequence[tuple[str, Counted]]], None]


class _Change(NamedTuple):
    """What is to be changed in a statistic."""

    lift: Decimal
    oldest: datetime | None
    """Of the rows to lift."""
    rows: list[StatisticData]


class Writer:
    """Writes the statistics of one gateway."""

    def __init__(self, hass: HomeAssistant, gateway_id: str) -> None:
        """Take the gateway whose registers are written."""
        self._hass = hass
        self._gateway_id = gateway_id
        self._lock = asyncio.Lock()
        self._texts: Texts | None = None
        self._listeners: list[WrittenListener] = []

    @callback
    def async_listen(self, listener: WrittenListener) -> CALLBACK_TYPE:
        """Have a listener told what the recorder has taken, by statistic."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    async def async_write(self, counted: Iterable[Counted]) -> None:
        """Have readings recorded; return when the recorder has taken them.

        What is there already is not written again. Raises `SQLAlchemyError` if the
        database cannot be read.
        """
        written: list[tuple[str, Counted]] = []
        async with self._lock:
            recorder = get_instance(self._hass)
            texts = await self._async_texts()
            for one in counted:
                # Rows of a moment ago are not to be read before they are there.
                await async_done(recorder)
                statistic = statistic_id(self._gateway_id, one.register)
                changed = await recorder.async_add_executor_job(
                    _change, self._hass, statistic, one.readings
                )
                self._queue(statistic, one, changed, texts)
                written.append((statistic, one))
            await async_done(recorder)
        for listener in tuple(self._listeners):
            listener(written)

    async def async_settle(self, registers: Iterable[tuple[Register, Measure]]) -> None:
        """Have the oldest row of each statistic begin with the sum 0.

        It does, unless Home Assistant was killed between the lift of a statistic and
        the older rows it was lifted for, and those are gone. Raises as above.
        """
        async with self._lock:
            recorder = get_instance(self._hass)
            for register, recorded in registers:
                await async_done(recorder)
                statistic = statistic_id(self._gateway_id, register)
                rows = await recorder.async_add_executor_job(
                    _rows, self._hass, statistic, _EVER, None
                )
                if rows and rows[0].sum:
                    self._lift(statistic, rows[0].start, -rows[0].sum, recorded)
            await async_done(recorder)

    async def async_empty(self, registers: Iterable[Register]) -> set[Register]:
        """Return the registers whose statistic has no row (any more). Raises as above."""
        async with self._lock:
            recorder = get_instance(self._hass)
            await async_done(recorder)
            return await recorder.async_add_executor_job(
                _without_rows, self._hass, self._gateway_id, list(registers)
            )

    @callback
    def _queue(
        self, statistic: str, one: Counted, changed: _Change, texts: Texts
    ) -> None:
        """Tell the recorder what to change.

        First the lift, then the older rows it makes room for: killed in between, the
        oldest row says so itself by its sum, and the next writing goes on rightly.
        """
        if changed.lift and changed.oldest:
            self._lift(statistic, changed.oldest, changed.lift, one.measure)
        if changed.rows:
            async_add_external_statistics(
                self._hass,
                metadata(statistic, statistic_name(one.register, texts), one.measure),
                changed.rows,
            )

    @callback
    def _lift(
        self, statistic: str, start: datetime, by: Decimal, recorded: Measure
    ) -> None:
        get_instance(self._hass).async_adjust_statistics(
            statistic, start, float(by), recorded.unit or ""
        )

    async def _async_texts(self) -> Texts:
        if self._texts is None:
            self._texts = await Texts.async_load(self._hass, self._hass.config.language)
        return self._texts


def _change(hass: HomeAssistant, statistic: str, readings: Readings) -> _Change:
    """Return what readings change; the base is that of the row before them.

    Reads the database.
    """
    near = _near(hass, statistic, readings)
    first = min(readings) - HOUR
    beginning: Beginning | None = near[0].beginning() if near else None
    before = [row for row in near if row.start < first]
    if before:
        beginning = Beginning(before[0].start, before[-1].base())
    planned = plan(readings, beginning)
    return _Change(
        lift=planned.lift,
        oldest=near[0].start if near else None,
        rows=as_data(changes(planned, near)),
    )


def _near(hass: HomeAssistant, statistic: str, readings: Readings) -> list[Row]:
    """Return the rows around readings, and one before or behind if they are far.

    Reads the database. No row before the first of them: there is none.
    """
    first, last = min(readings) - HOUR, max(readings) - HOUR
    rows = _rows(hass, statistic, first - _NEAR, last + _NEAR)
    if not rows or rows[0].start >= first:
        rows = _rows(hass, statistic, _EVER, first - _NEAR)[-1:] + rows
    return rows or _rows(hass, statistic, last + _NEAR, None)[:1]


def _rows(
    hass: HomeAssistant, statistic: str, start: datetime, end: datetime | None
) -> list[Row]:
    found = statistics_during_period(
        hass, start, end, {statistic}, "hour", None, {"state", "sum"}
    )
    return [
        Row.stored(row["start"], state, total)
        for row in found.get(statistic, ())
        if (state := row.get("state")) is not None
        and (total := row.get("sum")) is not None
    ]


def _without_rows(
    hass: HomeAssistant, gateway_id: str, registers: Iterable[Register]
) -> set[Register]:
    by_id = {statistic_id(gateway_id, register): register for register in registers}
    found = statistics_during_period(
        hass, _EVER, None, set(by_id), "month", None, {"state"}
    )
    return {register for key, register in by_id.items() if not found.get(key)}
