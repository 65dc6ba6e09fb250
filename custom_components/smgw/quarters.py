"""The last weeks' quarter hours of each main register, for what needs them at hand.

They come from the polls and from the slices of the history, and are kept over a restart:
a month and some days, as whole numbers, of which only the differences are stored.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Self

from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.storage import Store
from homeassistant.util import dt as dt_util

from .const import DOMAIN, LOGGER
from .han.history import ProfileSlice
from .han.model import Meter, Register
from .notes import RegisterKey
from .registers import describe
from .schedule import HOUR, QUARTER
from .statistics import measure, slot_of_reading
from .tariff.peaks import QuarterHour, highest_slot

_VERSION = 1
# A month, its day before, and what the next month's first days still ask of the last.
_KEPT = timedelta(days=36)
_SLOT = int(QUARTER.total_seconds())
# Meters show four decimals of a kWh.
_DIGITS = 4
_SCALE = 10**_DIGITS
MAIN = frozenset(
    {
        *("import_total", "export_total", "gas_volume", "gas_volume_corrected"),
        *("cold_water_total", "hot_water_total", "heat_total", "cooling_total"),
    }
)
"""Registers whose quarter hours are kept, by their names."""


type Stretch = tuple[datetime, datetime]
"""Begin and end (UTC)."""


class Series:
    """The meter readings of one register, each quarter hour."""

    def __init__(self, unit: str, first: int = 0, values: Iterable[int | None] = ()):
        """Take the unit, the number of the first slot since the epoch, and its readings."""
        self.unit = unit
        self._first = first
        self._values = list(values)
        self.version = 0
        """Rises with each change."""

    def put(self, moment: datetime, value: Decimal) -> None:
        """Note a reading at the end of a slot (UTC)."""
        slot, rest = divmod(int(moment.timestamp()), _SLOT)
        scaled = value * _SCALE
        number = int(scaled)
        if rest or moment.microsecond or number != scaled:
            # Of no quarter hour, or finer than we keep: rather none than another one.
            return
        if not self._values:
            self._first = slot
        ahead = self._first - slot
        if ahead > 0:
            self._values[:0] = [None] * ahead
            self._first = slot
        at = slot - self._first
        self._values += [None] * (at + 1 - len(self._values))
        if self._values[at] != number:
            self._values[at] = number
            self.version += 1

    def forget(self, before: datetime) -> None:
        """Forget the readings before a moment (UTC)."""
        gone = int(before.timestamp()) // _SLOT - self._first
        if gone > 0:
            del self._values[:gone]
            self._first += gone

    def since(self, start: datetime) -> dict[datetime, Decimal]:
        """Return the readings from a moment (UTC) on, by target time."""
        skip = max(0, -(-int(start.timestamp()) // _SLOT) - self._first)
        return {
            self._moment(at): Decimal(value).scaleb(-_DIGITS)
            for at, value in enumerate(self._values[skip:], skip)
            if value is not None
        }

    def highest(self, start: datetime) -> tuple[QuarterHour | None, list[Stretch]]:
        """Return the highest quarter hour since a moment (UTC), and where one may hide."""
        first = int(start.timestamp()) // _SLOT - self._first
        # The last reading before tells what a gap at the beginning may hold.
        begin = next(
            (at for at in range(first, -1, -1) if self._has(at)), max(first, 0)
        )
        known = next(
            (at for at in range(begin, len(self._values)) if self._has(at)), None
        )
        if known is None:
            return None, []
        best, doubts = highest_slot(self._values[begin:])
        found = [
            (max(self._moment(begin + one), start), self._moment(begin + other))
            for one, other in doubts
        ]
        if known > first:
            found.insert(0, (start, self._moment(known)))
        if best is None:
            return None, found
        values = self._values[begin + best - 1 : begin + best + 1]
        energy = Decimal((values[1] or 0) - (values[0] or 0)).scaleb(-_DIGITS)
        return QuarterHour(end=self._moment(begin + best), energy=energy), found

    @property
    def newest(self) -> datetime | None:
        """Return the target time of the newest reading."""
        return self._moment(len(self._values) - 1) if self._values else None

    def _has(self, at: int) -> bool:
        return at < len(self._values) and self._values[at] is not None

    def _moment(self, at: int) -> datetime:
        return dt_util.utc_from_timestamp((self._first + at) * _SLOT)

    def as_dict(self) -> dict[str, Any]:
        """Return what is stored: differences are shorter than readings."""
        before = 0
        differences: list[int | None] = []
        for value in self._values:
            differences.append(None if value is None else value - before)
            before = before if value is None else value
        return {"unit": self.unit, "first": self._first, "differences": differences}

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Self:
        """Read what was stored."""
        before = 0
        values: list[int | None] = []
        for difference in stored["differences"]:
            before += difference or 0
            values.append(None if difference is None else before)
        return cls(stored["unit"], stored["first"], values)


class Quarters:
    """The series of one gateway."""

    def __init__(self, hass: HomeAssistant, gateway_id: str) -> None:
        """Start empty; `async_load` reads what is on disk."""
        self._store = Store[dict[str, Any]](
            hass, _VERSION, f"{DOMAIN}.{gateway_id.lower()}.quarters"
        )
        self._series: dict[RegisterKey, Series] = {}
        self._listeners: list[Callable[[], None]] = []
        self._written = dt_util.utc_from_timestamp(0)
        # By meter, what was last taken of it: most polls are of other meters.
        self._taken: dict[str, Meter] = {}

    def get(self, key: RegisterKey) -> Series | None:
        """Return the series of a register."""
        return self._series.get(key)

    @callback
    def async_listen(self, listener: Callable[[], None]) -> CALLBACK_TYPE:
        """Have a listener called when a slice has brought something."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    @callback
    def async_take(self, meters: Iterable[Meter]) -> None:
        """Take what a poll has brought."""
        now = dt_util.utcnow()
        for meter in meters:
            if self._taken.get(meter.meter_id) is meter:
                continue
            self._taken[meter.meter_id] = meter
            for obis, reading in meter.readings.items():
                recorded = measure(reading.register)
                usable = reading.quality is None or reading.quality.usable
                if recorded is None or not usable or not _is_main(reading.register):
                    continue
                slot = slot_of_reading(reading, meter.capture_interval)
                # A clock that is years off would make a series of years.
                if _KEPT > now - slot > -HOUR:
                    series = self._of((meter.meter_id, obis), recorded.unit or "")
                    series.put(slot, reading.value * recorded.factor)
        self._changed()

    @callback
    def async_take_slice(self, part: ProfileSlice) -> None:
        """Take what a slice of the history holds of the last weeks."""
        now = dt_util.utcnow()
        first = now - _KEPT
        if part.span.end < first:
            return
        for obis, profile in part.profiles.items():
            recorded = measure(profile.register)
            if recorded is None or not _is_main(profile.register):
                continue
            series = self._of((part.meter_id, obis), recorded.unit or "")
            for row in profile.rows:
                recent = first <= row.target_time < now + HOUR
                if recent and row.value is not None and row.usable:
                    series.put(row.target_time, row.value * recorded.factor)
        self._changed()
        for listener in tuple(self._listeners):
            listener()

    @callback
    def async_keep_only(self, registers: set[RegisterKey]) -> None:
        """Forget registers that no login delivers any more."""
        for key in self._series.keys() - registers:
            del self._series[key]

    def _of(self, key: RegisterKey, unit: str) -> Series:
        series = self._series.get(key)
        if series is None or series.unit != unit:
            series = self._series[key] = Series(unit)
        return series

    def _changed(self) -> None:
        """Have it stored, at most once an hour; a proper end stores it anyway."""
        due = (self._written + HOUR - dt_util.utcnow()).total_seconds()
        delay = min(max(due, 1), HOUR.total_seconds())
        self._store.async_delay_save(self._as_dict, delay)

    async def async_load(self) -> None:
        """Read what an earlier run has kept; what cannot be read comes anew."""
        data = await self._store.async_load() or {}
        try:
            for meter_id, obis, stored in data.get("registers", ()):
                self._series[(meter_id, obis)] = Series.of(stored)
        except (ValueError, TypeError, KeyError, AttributeError) as err:
            LOGGER.debug("Quarter hours of before cannot be used: %r", err)

    async def async_close(self) -> None:
        """Write to disk: another run may read it soon."""
        await self._store.async_save(self._as_dict())

    async def async_remove(self) -> None:
        """Delete it from disk."""
        await self._store.async_remove()

    def _as_dict(self) -> dict[str, Any]:
        self._written = dt_util.utcnow()
        first = self._written - _KEPT
        for series in self._series.values():
            series.forget(first)
        return {
            "registers": [
                (*key, series.as_dict()) for key, series in self._series.items()
            ]
        }


def _is_main(register: Register) -> bool:
    return describe(register).translation_key in MAIN
