"""Readings become rows of long-term statistics, whoever has read them.

Polls and history write through the same one, one after the other, so that they never
disagree about a statistic's base; and each waits until the recorder has taken it.

Rows of a meter in another's place go into that one's statistic. What is noted of the two
is on disk before the rows are changed: killed in between, the rows follow the notes.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
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
from .notes import RegisterKey
from .statistics import (
    HOUR,
    NOTHING,
    Beginning,
    Edge,
    Measure,
    Readings,
    Row,
    as_data,
    changes,
    edges_of,
    metadata,
    plan,
    statistic_id,
)
from .succession import Line, Successions
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

    def __init__(
        self,
        hass: HomeAssistant,
        gateway_id: str,
        successions: Successions | None = None,
        keep: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """Take the gateway whose registers are written.

        `successions` are the meters in another's place; `keep` has them on disk.
        """
        self._hass = hass
        self._gateway_id = gateway_id
        self._successions = successions or Successions()
        self._keep = keep
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
            for one in counted:
                await self._async_join(one.register, one.measure, written)
                await self._async_write(one, written)
            await async_done(get_instance(self._hass))
        self._tell(written)

    async def async_join(self, registers: Iterable[tuple[Register, Measure]]) -> None:
        """Have what was recorded of new meters go over into what they continue.

        Raises as above.
        """
        written: list[tuple[str, Counted]] = []
        async with self._lock:
            for register, recorded in registers:
                await self._async_join(register, recorded, written)
        self._tell(written)

    @callback
    def _tell(self, written: Sequence[tuple[str, Counted]]) -> None:
        """Tell who listens what the recorder has taken."""
        if written:
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
                await self._async_follow_edges(register, recorded)
                await async_done(recorder)
                statistic = self._statistic(register)
                rows = await recorder.async_add_executor_job(
                    _rows, self._hass, statistic, _EVER, None
                )
                if rows and rows[0].sum:
                    self._lift(statistic, rows[0].start, -rows[0].sum, recorded)
            await async_done(recorder)

    async def async_empty(self, registers: Iterable[Register]) -> set[Register]:
        """Return the registers whose statistic has no row (any more). Raises as above."""
        by_register = {register: self._statistic(register) for register in registers}
        async with self._lock:
            recorder = get_instance(self._hass)
            await async_done(recorder)
            filled = await recorder.async_add_executor_job(
                _with_rows, self._hass, set(by_register.values())
            )
        return {
            register
            for register, statistic in by_register.items()
            if statistic not in filled
        }

    def _statistic(self, register: Register) -> str:
        """Return the id of the statistic that a register's rows are in."""
        return statistic_id(self._gateway_id, self._successions.named(register))

    async def _async_write(
        self, one: Counted, written: list[tuple[str, Counted]]
    ) -> None:
        """Have readings of a register recorded; note what there is to be told."""
        recorder, key = get_instance(self._hass), key_of(one.register)
        readings = self._successions.admit(
            key, one.readings, edges_of(one.rows, one.measure)
        )
        await self._async_follow_edges(one.register, one.measure)
        if not readings:
            return
        # Rows of a moment ago are not to be read before they are there.
        await async_done(recorder)
        statistic, line = self._statistic(one.register), self._successions.line(key)
        changed = await recorder.async_add_executor_job(
            _change, self._hass, statistic, readings, line, line.offset_of(key)
        )
        self._queue(statistic, one, changed, await self._async_texts())
        written.append((statistic, one._replace(readings=readings)))

    async def _async_follow_edges(self, register: Register, recorded: Measure) -> None:
        """Have each meter's first row stand where the last one of its forerunner ends.

        It does, unless one of the two has just turned out to be another.
        """
        key = key_of(register)
        root = self._successions.root(key)
        if root not in self._successions.unsettled:
            return
        await self._async_keep()
        recorder = get_instance(self._hass)
        await async_done(recorder)
        statistic, line = self._statistic(register), self._successions.line(key)
        rows = await recorder.async_add_executor_job(
            _rows, self._hass, statistic, _EVER, None
        )
        for start, by in _steps(rows, line):
            self._lift(statistic, start, by, recorded)
        await async_done(recorder)
        self._successions.unsettled.discard(root)

    async def _async_join(
        self,
        register: Register,
        recorded: Measure,
        written: list[tuple[str, Counted]],
    ) -> None:
        """Have all meters of a register's statistic go over into it that have yet to."""
        for meter_id, _ in self._successions.waiting(key_of(register)):
            member = replace(register, meter_id=meter_id)
            await self._async_join_one(member, recorded, written)

    async def _async_join_one(
        self,
        register: Register,
        recorded: Measure,
        written: list[tuple[str, Counted]],
    ) -> None:
        """Have what was recorded of a meter go over into what it continues.

        Whoever is stopped in between does it again.
        """
        key, recorder = key_of(register), get_instance(self._hass)
        await async_done(recorder)
        own = statistic_id(self._gateway_id, register)
        old = await recorder.async_add_executor_job(
            _rows, self._hass, self._statistic(register), _EVER, None
        )
        last = Edge(old[-1].end, old[-1].state) if old else None
        self._successions.close(key, last)
        await self._async_keep()
        rows = await recorder.async_add_executor_job(
            _rows, self._hass, own, _EVER, None
        )
        for owner, part in _parts(rows, self._successions.line(key), key):
            member = replace(register, meter_id=owner[0])
            readings = {row.end: row.state for row in part}
            await self._async_write(Counted(member, recorded, readings), written)
        await async_done(recorder)
        if rows:
            recorder.async_clear_statistics([own])
            await async_done(recorder)
        self._successions.joined.add(key)
        await self._async_keep()

    async def _async_keep(self) -> None:
        if self._keep:
            await self._keep()

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
            named = self._successions.named(one.register)
            async_add_external_statistics(
                self._hass,
                metadata(statistic, statistic_name(named, texts), one.measure),
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


def key_of(register: Register) -> RegisterKey:
    """Return what a register is noted by."""
    return register.meter_id, str(register.obis)


def _change(
    hass: HomeAssistant,
    statistic: str,
    readings: Readings,
    line: Line,
    offset: Decimal,
) -> _Change:
    """Return what readings change; the base is that of the row before them.

    `offset` is that of their meter in the statistic's line. Reads the database.
    """
    near = _near(hass, statistic, readings)
    first = min(readings) - HOUR
    beginning: Beginning | None = None
    if near:
        beginning = near[0].beginning(line.offset_at(near[0].end))
    before = [row for row in near if row.start < first]
    if before:
        base = before[-1].base(line.offset_at(before[-1].end))
        beginning = Beginning(before[0].start, base)
    planned = plan(readings, beginning, offset)
    return _Change(
        lift=planned.lift,
        oldest=near[0].start if near else None,
        rows=as_data(changes(planned, near)),
    )


def _steps(rows: list[Row], line: Line) -> list[tuple[datetime, Decimal]]:
    """Return from where on rows are to be lifted, and by how much.

    Between the rows of two meters the sum grows by what both have shown.
    """
    found = []
    for before, row in pairwise(rows):
        was, now = line.offset_at(before.end), line.offset_at(row.end)
        if line.part_at(before.end) != line.part_at(row.end):
            step = row.base(now) - before.base(was)
            if abs(step) > NOTHING:
                found.append((row.start, step))
    return found


def _parts(
    rows: list[Row], line: Line, key: RegisterKey
) -> list[tuple[RegisterKey, list[Row]]]:
    """Return the rows of a meter's own statistic in parts that a recorder takes at once.

    By time. Others may have continued it: each part is of one meter.
    """
    keys = [part.key for part in line.parts]
    later = keys[keys.index(key) + 1 :] if key in keys else []
    parts: list[tuple[RegisterKey, list[Row]]] = []
    for row in rows:
        found = line.part_at(row.end)
        owner = found.key if found and found.key in later else key
        if (
            not parts
            or parts[-1][0] != owner
            or row.start - parts[-1][1][0].start >= _NEAR
        ):
            parts.append((owner, []))
        parts[-1][1].append(row)
    return parts


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


def _with_rows(hass: HomeAssistant, statistics: set[str]) -> set[str]:
    """Return the statistics that have any row. Reads the database."""
    found = statistics_during_period(
        hass, _EVER, None, statistics, "month", None, {"state"}
    )
    return {statistic for statistic in statistics if found.get(statistic)}
