"""Rows of statistics that others are made of: read from the recorder, and made there.

All of this reads the database, in the recorder's executor.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from homeassistant.components.recorder.models import StatisticData
from homeassistant.components.recorder.statistics import statistics_during_period
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util

from .han.history import ProfileRow
from .statistics import HOUR, Row
from .tariff.amounts import Amount, Plan, Point, Readings, plan, stored_amount
from .tariff.prices import Rates

_NEAR = timedelta(days=31)
_EVER = dt_util.utc_from_timestamp(0)


class Due(NamedTuple):
    """What of a statistic is to be made anew."""

    first: datetime
    """The first reading (UTC)."""
    last: datetime | None
    """The last one; None for all there are."""
    quarters: Mapping[datetime, Decimal]
    """Readings of quarter hours, in the unit of the source."""
    rows: tuple[tuple[Decimal, tuple[ProfileRow, ...]], ...] = ()
    """More of them as they were read, with the factor of their unit."""

    def joined(self, other: Due) -> Due:
        """Return what both ask for."""
        ends = (self.last, other.last)
        return Due(
            first=min(self.first, other.first),
            last=None if None in ends else max(filter(None, ends)),
            quarters={**self.quarters, **other.quarters},
            rows=(*self.rows, *other.rows),
        )

    def readings(self) -> Readings:
        """Return all quarter hours; takes its time."""
        found = dict(self.quarters)
        for factor, rows in self.rows:
            found.update(
                (row.target_time, row.value * factor)
                for row in rows
                if row.value is not None and row.usable
            )
        return found


def make(
    hass: HomeAssistant,
    source: str,
    statistic: str,
    due: Due,
    rates: Rates,
    changed: datetime | None,
) -> Plan:
    """Return how a statistic gets what is due."""
    points = _points(hass, source, due.first, due.last)
    last = due.last
    if last is not None:
        # The next reading's amount begins with the last one here.
        last = next((one.time for one in points if one.time > last), last)
    stored = _amounts(hass, statistic, due.first, last)
    return plan(points, stored, due.first, rates, due.readings(), changed, last)


def as_data(rows: Iterable[Amount]) -> list[StatisticData]:
    """Return rows as the recorder takes them; the state is the amount."""
    return [
        StatisticData(
            start=row.time - HOUR, state=float(row.amount), sum=float(row.total)
        )
        for row in rows
    ]


def _points(
    hass: HomeAssistant, source: str, first: datetime, last: datetime | None
) -> list[Point]:
    found = _around(hass, source, first, last)
    rows = [Row.stored(start, state, total) for start, state, total in found]
    return [Point(row.start + HOUR, row.state, row.sum) for row in rows]


def _amounts(
    hass: HomeAssistant, statistic: str, first: datetime, last: datetime | None
) -> list[Amount]:
    return [
        stored_amount(dt_util.utc_from_timestamp(start) + HOUR, state, total)
        for start, state, total in _around(hass, statistic, first, last)
    ]


def _around(
    hass: HomeAssistant, statistic: str, first: datetime, last: datetime | None
) -> list[tuple[float, float, float]]:
    """Return the rows of readings from the first to the last, and one before and behind."""
    rows = _between(hass, statistic, max(first - _NEAR, _EVER), last and last + _NEAR)
    if first - _NEAR > _EVER and (not rows or rows[0][0] >= (first - HOUR).timestamp()):
        rows = _between(hass, statistic, _EVER, first - _NEAR)[-1:] + rows
    if last and (not rows or rows[-1][0] <= (last - HOUR).timestamp()):
        rows += _between(hass, statistic, last + _NEAR, None)[:1]
    return rows


def _between(
    hass: HomeAssistant, statistic: str, start: datetime, end: datetime | None
) -> list[tuple[float, float, float]]:
    found = statistics_during_period(
        hass, start, end, {statistic}, "hour", None, {"state", "sum"}
    )
    return [
        (row["start"], state, total)
        for row in found.get(statistic, ())
        if (state := row.get("state")) is not None
        and (total := row.get("sum")) is not None
    ]
