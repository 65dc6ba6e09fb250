"""Each reading on the full hour becomes a row of long-term statistics at once."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy.exc import SQLAlchemyError

from homeassistant.components.recorder.statistics import (
    async_add_external_statistics,
    get_last_statistics,
)
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.recorder import DATA_INSTANCE, get_instance

from .const import LOGGER
from .coordinator import SmgwCoordinator
from .han.model import Register
from .models import SmgwConfigEntry
from .registers import describe
from .statistics import Measure, Row, as_data, metadata, of_meter, rows_of, statistic_id
from .texts import Texts


@dataclass(slots=True, kw_only=True)
class _Waiting:
    """Readings of one register that have yet to be recorded."""

    register: Register
    measure: Measure
    readings: dict[datetime, Decimal]


class Recording:
    """Records the readings of one gateway."""

    def __init__(self, hass: HomeAssistant, coordinator: SmgwCoordinator) -> None:
        """Take the coordinator whose readings are recorded."""
        self._hass = hass
        self._coordinator = coordinator
        # By statistic id.
        self._waiting: dict[str, _Waiting] = {}
        self._newest: dict[str, tuple[datetime, Decimal]] = {}
        self._task: asyncio.Task[None] | None = None

    @callback
    def async_take(self) -> None:
        """Take what the last poll has brought; the poll does not wait for it."""
        if not self._coordinator.last_update_success:
            return
        for meter in self._coordinator.data.meters.values():
            for register, measure, readings in of_meter(meter):
                statistic = statistic_id(self._coordinator.gateway_id, register)
                newest = max(readings.items())
                if self._newest.get(statistic) != newest:
                    self._newest[statistic] = newest
                    waiting = self._waiting.setdefault(
                        statistic,
                        _Waiting(register=register, measure=measure, readings={}),
                    )
                    waiting.readings.update(readings)
        if self._waiting and (self._task is None or self._task.done()):
            entry = self._coordinator.config_entry
            self._task = entry.async_create_background_task(
                self._hass, self._async_record(), f"{entry.title} statistics"
            )

    async def _async_record(self) -> None:
        """Record all that waits, and what comes while the recorder is busy."""
        texts = await Texts.async_load(self._hass, self._hass.config.language)
        recorder = get_instance(self._hass)
        while self._waiting:
            # Rows of a moment ago are not to be read before they are there.
            await recorder.async_block_till_done()
            known = list(self._waiting)
            try:
                last = await recorder.async_add_executor_job(
                    _last_rows, self._hass, known
                )
            except SQLAlchemyError as err:
                LOGGER.warning(
                    "%s: statistics cannot be read (%s), tried again after the next poll",
                    self._coordinator.name,
                    type(err).__name__,
                )
                return
            for statistic in known:
                one = self._waiting.pop(statistic)
                self._write(statistic, one, last.get(statistic), texts)

    @callback
    def _write(
        self, statistic: str, one: _Waiting, last: Row | None, texts: Texts
    ) -> None:
        """Have the recorder write rows behind, or instead of, the last one."""
        readings = one.readings
        base = last.base() if last else readings[min(readings)]
        rows = [
            row
            for row in rows_of(readings, base)
            # What is older may lie before the oldest: a sum below 0.
            if last is None or row.start >= last.start
        ]
        if rows:
            name = _name(one.register, texts)
            async_add_external_statistics(
                self._hass, metadata(statistic, name, one.measure), as_data(rows)
            )


@callback
def async_follow_readings(hass: HomeAssistant, entry: SmgwConfigEntry) -> None:
    """Record what is known and what each poll brings, if there is a recorder."""
    if DATA_INSTANCE not in hass.data:
        return
    coordinator = entry.runtime_data.coordinator
    recording = Recording(hass, coordinator)
    entry.async_on_unload(coordinator.async_add_listener(recording.async_take))
    recording.async_take()


def _last_rows(hass: HomeAssistant, statistics: Iterable[str]) -> Mapping[str, Row]:
    """Return the last row of each statistic that has one; reads the database."""
    found = {}
    for statistic in statistics:
        rows = get_last_statistics(hass, 1, statistic, False, {"state", "sum"})
        for row in rows.get(statistic, ()):
            state, total = row.get("state"), row.get("sum")
            if state is not None and total is not None:
                found[statistic] = Row.stored(row["start"], state, total)
    return found


def _name(register: Register, texts: Texts) -> str:
    """Return what the Energy dashboard calls the statistic of a register."""
    sensor = describe(register)
    return texts.say(
        "statistic_name",
        register=texts.sensor(
            sensor.translation_key or "", sensor.translation_placeholders or {}
        ),
        meter=register.meter_id,
    )
