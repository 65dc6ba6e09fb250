"""Each reading on the full hour becomes a row of long-term statistics at once."""

import asyncio

from sqlalchemy.exc import SQLAlchemyError

from homeassistant.core import HomeAssistant, callback

from .const import LOGGER
from .coordinator import SmgwCoordinator
from .han.history import Span
from .han.model import Meter
from .statistics import HOUR, of_meter, statistic_id
from .writer import Counted, Writer


class Recording:
    """Records the readings of one gateway."""

    def __init__(
        self, hass: HomeAssistant, coordinator: SmgwCoordinator, writer: Writer
    ) -> None:
        """Take the coordinator whose readings are recorded."""
        self._hass = hass
        self._coordinator = coordinator
        self._writer = writer
        # By statistic id.
        self._waiting: dict[str, Counted] = {}
        self._newest: dict[str, object] = {}
        # By meter, what was last taken of it: most polls are of other meters.
        self._taken: dict[str, Meter] = {}
        self._task: asyncio.Task[None] | None = None

    @callback
    def async_take(self) -> None:
        """Take what the last poll has brought; the poll does not wait for it."""
        if not self._coordinator.last_update_success:
            return
        for meter in self._coordinator.data.meters.values():
            if self._taken.get(meter.meter_id) is meter:
                continue
            self._taken[meter.meter_id] = meter
            for register, measure, readings in of_meter(meter):
                statistic = statistic_id(self._coordinator.gateway_id, register)
                newest = max(readings.items())
                if self._newest.get(statistic) != newest:
                    self._newest[statistic] = newest
                    if earlier := self._waiting.get(statistic):
                        readings = {**earlier.readings, **readings}
                    self._waiting[statistic] = Counted(register, measure, readings)
        if self._waiting and (self._task is None or self._task.done()):
            entry = self._coordinator.config_entry
            self._task = entry.async_create_background_task(
                self._hass, self._async_record(), f"{entry.title} statistics"
            )

    async def _async_record(self) -> None:
        """Record all that waits, and what comes while the recorder is busy."""
        memory = self._coordinator.memory
        while self._waiting:
            taken = dict(self._waiting)
            try:
                await self._writer.async_write(taken.values())
            except SQLAlchemyError as err:
                LOGGER.warning(
                    "%s: statistics cannot be read (%s), tried again after the next poll",
                    self._coordinator.name,
                    type(err).__name__,
                )
                return
            for statistic, one in taken.items():
                if self._waiting.get(statistic) is one:
                    del self._waiting[statistic]
                key = (one.register.meter_id, str(one.register.obis))
                for hour in one.readings:
                    memory.history.cover(key, Span(hour - HOUR, hour))
                memory.history.recorded(key, min(one.readings))
            memory.async_save(rarely=self._coordinator.vendor.per_hour is None)
