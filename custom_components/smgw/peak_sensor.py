"""Sensors of a meter's quarter hours: the highest of the month, the last one, yesterday.

What is not certain is unknown; the attributes say which quarter hours are missing.
"""

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, override

from homeassistant.components.sensor import (
    SensorDeviceClass,
    SensorEntity,
    SensorEntityDescription,
    SensorStateClass,
)
from homeassistant.const import MATCH_ALL, UnitOfEnergy, UnitOfPower
from homeassistant.core import callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.event import async_track_utc_time_change
from homeassistant.util import dt as dt_util

from .coordinator import SmgwCoordinator
from .entity import MeterEntity
from .han.localtime import BERLIN
from .han.model import Meter, Register
from .models import SmgwConfigEntry
from .notes import RegisterKey
from .quarters import MAIN, Quarters, Series, Stretch
from .registers import describe
from .schedule import DAY, HOUR, QUARTER
from .statistics import measure
from .tariff.bill import Period
from .tariff.peaks import QuarterHour, of_day, quarter_hours

# So many gaps are told, and kept; more help nobody.
_MOST = 10
# What the gateway has not shown for so long may hold a higher one.
_OUT_OF_SIGHT = DAY + HOUR


@dataclass(frozen=True, slots=True)
class Finding:
    """What the quarter hours say, and where some are missing (begin and end, UTC)."""

    value: Decimal | None
    missing: tuple[Stretch, ...] = ()
    """The first of them."""
    quarter: QuarterHour | None = None


type Look = Callable[[Series, datetime, timedelta], Finding]
"""Finds something now (UTC); the newest reading may be so old."""

type Clock = Callable[[Series, datetime, timedelta], Hashable]
"""Of the same: what of the time a finding depends on."""

_NONE = Series("")


@dataclass(frozen=True, kw_only=True)
class PeakDescription(SensorEntityDescription):
    """What is looked for, and of which registers."""

    look: Look
    clock: Clock
    of: frozenset[str] = frozenset({"import_total", "export_total"})
    lasting: bool = True
    """Whether it stays known while the gateway is away."""


def _month(series: Series, now: datetime, _patience: timedelta) -> Hashable:
    today = now.astimezone(BERLIN).date()
    # What is missing at the end grows; once a day is enough to say so.
    return today if _is_older(series, now, _OUT_OF_SIGHT) else (today.year, today.month)


def _day(_series: Series, now: datetime, _patience: timedelta) -> Hashable:
    return now.astimezone(BERLIN).date()


def _quarter(series: Series, now: datetime, patience: timedelta) -> Hashable:
    if _is_older(series, now, patience):
        return now.timestamp() // 900
    return None


def _is_older(series: Series, now: datetime, age: timedelta) -> bool:
    return series.newest is None or now - series.newest > age


def _of_month(series: Series, now: datetime, _patience: timedelta) -> Finding:
    today = now.astimezone(BERLIN).date()
    start = Period(first=today.replace(day=1), last=today).start
    best, doubts = series.highest(start)
    newest = series.newest
    if _is_older(series, now, _OUT_OF_SIGHT):
        doubts.append((max(newest or start, start), now))
    certain = best is not None and not doubts
    value = best.power if best and certain else None
    return Finding(value, tuple(doubts[:_MOST]), best)


def _last(series: Series, now: datetime, patience: timedelta) -> Finding:
    newest = series.newest
    if newest is None or now - newest > patience:
        end = dt_util.utc_from_timestamp(now.timestamp() // 900 * 900)
        return Finding(None, ((newest or end - QUARTER, end),))
    found = quarter_hours(series.since(newest - QUARTER))
    if not found:
        return Finding(None, ((newest - QUARTER, newest),))
    return Finding(found[0].power, (), found[0])


def _last_energy(series: Series, now: datetime, patience: timedelta) -> Finding:
    found = _last(series, now, patience)
    return replace(found, value=found.quarter.energy if found.quarter else None)


def _yesterday(series: Series, now: datetime, _patience: timedelta) -> Finding:
    day = now.astimezone(BERLIN).date() - DAY
    period = Period(first=day, last=day)
    values = series.since(period.start)
    missing = tuple(
        (moment - QUARTER, moment)
        for moment in (period.start, period.end)
        if moment not in values
    )
    return Finding(of_day(values, day), missing)


SENSORS = (
    PeakDescription(
        key="month_peak",
        device_class=SensorDeviceClass.POWER,
        state_class=SensorStateClass.MEASUREMENT,
        native_unit_of_measurement=UnitOfPower.KILO_WATT,
        suggested_display_precision=2,
        look=_of_month,
        clock=_month,
    ),
    PeakDescription(
        key="last_quarter_power",
        device_class=SensorDeviceClass.POWER,
        state_class=SensorStateClass.MEASUREMENT,
        native_unit_of_measurement=UnitOfPower.KILO_WATT,
        suggested_display_precision=2,
        look=_last,
        clock=_quarter,
        lasting=False,
    ),
    PeakDescription(
        key="last_quarter_energy",
        device_class=SensorDeviceClass.ENERGY,
        native_unit_of_measurement=UnitOfEnergy.KILO_WATT_HOUR,
        suggested_display_precision=3,
        entity_registry_enabled_default=False,
        look=_last_energy,
        clock=_quarter,
        lasting=False,
    ),
    PeakDescription(
        key="yesterday",
        look=_yesterday,
        clock=_day,
        of=MAIN,
    ),
)


@callback
def async_add_peaks(
    entry: SmgwConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Have the sensors of each main register, once it is seen."""
    coordinator = entry.runtime_data.coordinator
    quarters = entry.runtime_data.quarters
    known: set[RegisterKey] = set()

    @callback
    def add_new() -> None:
        known.intersection_update(coordinator.logins.registers)
        new = [
            (meter, reading.register)
            for meter in coordinator.data.meters.values()
            for obis, reading in meter.readings.items()
            if (meter.meter_id, obis) not in known
        ]
        known.update((meter.meter_id, str(register.obis)) for meter, register in new)
        async_add_entities(
            make()
            for meter, register in new
            for make in _sensors(coordinator, quarters, meter, register)
        )

    add_new()
    entry.async_on_unload(coordinator.async_add_listener(add_new))


def _sensors(
    coordinator: SmgwCoordinator, quarters: Quarters, meter: Meter, register: Register
) -> Iterator[Callable[[], PeakSensor]]:
    name = describe(register).translation_key
    for description in SENSORS:
        if name in description.of and measure(register):
            yield partial(
                PeakSensor, coordinator, quarters, meter, register, description
            )


def _describe(what: PeakDescription, register: Register) -> PeakDescription:
    """Return the sensor of one register; of a day, in the register's unit and class."""
    usual, recorded = describe(register), measure(register)
    own = what.native_unit_of_measurement is not None
    return PeakDescription(
        key=f"{register.obis}_{what.key}",
        translation_key=f"{usual.translation_key}_{what.key}",
        device_class=what.device_class if own else usual.device_class,
        state_class=what.state_class,
        native_unit_of_measurement=what.native_unit_of_measurement
        if own or recorded is None
        else recorded.unit,
        suggested_display_precision=what.suggested_display_precision
        if own
        else usual.suggested_display_precision,
        entity_registry_enabled_default=what.entity_registry_enabled_default,
        look=what.look,
        clock=what.clock,
        of=what.of,
        lasting=what.lasting,
    )


class PeakSensor(MeterEntity, SensorEntity):
    """Something that the quarter hours of a register tell."""

    entity_description: PeakDescription
    _unrecorded_attributes = frozenset({MATCH_ALL})

    def __init__(
        self,
        coordinator: SmgwCoordinator,
        quarters: Quarters,
        meter: Meter,
        register: Register,
        description: PeakDescription,
    ) -> None:
        """Take class and unit of a day from the register's own sensor."""
        obis = str(register.obis)
        description = _describe(description, register)
        super().__init__(coordinator, meter, description)
        self._key = (meter.meter_id, obis)
        self._quarters = quarters
        self._finding = Finding(None)
        self._seen: tuple[object, ...] = ()
        # Most polls are of other accounts, and bring nothing new for this register.
        self._looked_at: tuple[object, ...] = ()

    @override
    async def async_added_to_hass(self) -> None:
        """Follow the polls, the history, and the calendar."""
        self._look()
        await super().async_added_to_hass()
        self.async_on_remove(
            self._quarters.async_listen(self._handle_coordinator_update)
        )
        self.async_on_remove(
            async_track_utc_time_change(self.hass, self._tick, minute=0, second=5)
        )

    @callback
    def _tick(self, _now: datetime) -> None:
        self._handle_coordinator_update()

    @callback
    @override
    def _handle_coordinator_update(self) -> None:
        """Look again if something is new, and write what has changed."""
        before = self._seen
        self._look()
        if self._seen != before:
            self.async_write_ha_state()

    def _look(self) -> None:
        now = dt_util.utcnow()
        what = self.entity_description
        series = self._quarters.get(self._key) or _NONE
        patience = self.coordinator.patience
        available = self.available
        at = (series, series.version, available, what.clock(series, now, patience))
        if at != self._looked_at:
            self._looked_at = at
            self._finding = what.look(series, now, patience)
            self._seen = (self._finding, available)

    @property
    @override
    def available(self) -> bool:
        """Return whether it is known without the gateway, or the gateway is there."""
        return self.entity_description.lasting or super().available

    @property
    @override
    def native_value(self) -> Decimal | None:
        """Return what was found; None if it is not certain."""
        return self._finding.value

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, Any]:
        """Return which quarter hour it is, and which are missing."""
        quarter, missing = self._finding.quarter, self._finding.missing
        told: dict[str, Any] = {}
        if quarter:
            told["start"] = dt_util.as_local(quarter.end - QUARTER)
            told["end"] = dt_util.as_local(quarter.end)
            told["energy"] = float(quarter.energy)
        if missing:
            told["missing"] = [
                {"from": dt_util.as_local(start), "to": dt_util.as_local(end)}
                for start, end in missing
            ]
        return told
