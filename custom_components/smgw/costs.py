"""Statistics of money, and of gas in kWh: made of the statistics of registers.

Each row that the recorder has taken has its amount made at once; a start and a change
of the options have all rows looked through. So what was cut off, corrected or changed
is right in the end, and what the owner has taken the price from stays as it is.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import batched
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from homeassistant.components.recorder.statistics import async_add_external_statistics
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.recorder import get_instance
from homeassistant.helpers.storage import Store
from homeassistant.util import dt as dt_util

from .const import DOMAIN, LOGGER
from .coordinator import SmgwCoordinator
from .cost_rows import Due, as_data, make
from .cost_settings import Derivation, changed_from, derivations
from .dashboard import kind_name
from .han.history import Span
from .history_setup import History
from .models import SmgwConfigEntry
from .notes import RegisterKey
from .quarters import Quarters
from .statistics import HOUR, metadata
from .tariff.amounts import Plan
from .texts import Texts
from .writer import Counted, async_done

_VERSION = 1
_EVER = dt_util.utc_from_timestamp(0) + timedelta(days=1)
# A reading before the first one due tells where its amount begins.
_BEFORE = timedelta(days=2)
# A month of rows, so that the recorder does other things in between.
_AT_ONCE = 744


class Costs:
    """The statistics of one gateway that are made of others."""

    def __init__(
        self,
        hass: HomeAssistant,
        coordinator: SmgwCoordinator,
        history: History,
        quarters: Quarters,
    ) -> None:
        """Take the gateway, what writes its statistics, and its quarter hours."""
        self._hass = hass
        self._coordinator = coordinator
        self._history = history
        self._quarters = quarters
        self._store = _store(hass, coordinator.gateway_id)
        self._wanted: dict[str, Derivation] = {}
        self._waiting: dict[str, Due] = {}
        self._applied: dict[str, list[dict[str, Any]]] | None = None
        """The entries that all rows were made by, by statistic."""
        self._task: asyncio.Task[None] | None = None

    @callback
    def async_look_through(self) -> None:
        """Have all rows be as the options want them."""
        options = self._coordinator.config_entry.options
        found = derivations(options, self._hass.config.currency)
        self._wanted = {one.statistic: one for one in found}
        for one in self._wanted.values():
            self._wait(one, Due(_EVER, None, self._known(one, _EVER)))
        self._start()

    @callback
    def async_options_changed(self) -> None:
        """Look through all rows if prices or factors have changed."""
        options = self._coordinator.config_entry.options
        found = derivations(options, self._hass.config.currency)
        wanted = {one.statistic: (one.entries, one.measure) for one in found}
        if wanted != {
            key: (one.entries, one.measure) for key, one in self._wanted.items()
        }:
            self.async_look_through()

    @callback
    def async_take(self, written: Sequence[tuple[str, Counted]]) -> None:
        """Take what the recorder has got of registers."""
        for source, counted in written:
            for one in self._wanted.values():
                if one.source == source:
                    self._add(one, counted)
        self._start()

    @callback
    def _add(self, one: Derivation, counted: Counted) -> None:
        first, last = min(counted.readings), max(counted.readings)
        due = Due(first, last, {})
        if one.fine:
            read = counted.register
            due = due._replace(
                quarters=self._known(
                    one, first - _BEFORE, (read.meter_id, str(read.obis))
                ),
                rows=((counted.measure.factor, tuple(counted.rows)),),
            )
        self._wait(one, due)

    @callback
    def _wait(self, one: Derivation, due: Due) -> None:
        earlier = self._waiting.get(one.statistic)
        self._waiting[one.statistic] = earlier.joined(due) if earlier else due

    @callback
    def _start(self) -> None:
        if self._waiting and (self._task is None or self._task.done()):
            entry = self._coordinator.config_entry
            self._task = entry.async_create_background_task(
                self._hass, self._async_make(), f"{entry.title} costs"
            )

    async def _async_make(self) -> None:
        """Make all that is due, and what becomes due meanwhile."""
        if self._applied is None:
            self._applied = await self._store.async_load() or {}
        while self._waiting:
            statistic, due = next(iter(self._waiting.items()))
            del self._waiting[statistic]
            if (one := self._wanted.get(statistic)) is None:
                continue
            try:
                await self._async_make_one(one, due)
            except SQLAlchemyError as err:
                LOGGER.warning(
                    "%s: statistics cannot be read (%s), costs are made later",
                    self._coordinator.name,
                    type(err).__name__,
                )
                self._wait(one, due)
                return

    async def _async_make_one(self, one: Derivation, due: Due) -> None:
        recorder = get_instance(self._hass)
        await async_done(recorder)
        changed = self._changed(one) if due.last is None else None
        planned = await recorder.async_add_executor_job(
            make, self._hass, one.source, one.statistic, due, one.rates, changed
        )
        await self._async_write(one, planned)
        if changed is not None and self._wanted.get(one.statistic) is one:
            if one.fine and planned.unknown:
                self._read_again(one, planned)
            await self._async_note(one)

    async def _async_write(self, one: Derivation, planned: Plan) -> None:
        """Have a plan recorded, a month after the other; a start finds what is cut off."""
        recorder = get_instance(self._hass)
        if planned.lift and planned.lift_from:
            recorder.async_adjust_statistics(
                one.statistic,
                planned.lift_from - HOUR,
                float(planned.lift),
                one.measure.unit or "",
            )
        texts = await Texts.async_load(self._hass, self._hass.config.language)
        name = kind_name(one.kind, one.register, texts)
        for rows in batched(planned.rows, _AT_ONCE, strict=False):
            async_add_external_statistics(
                self._hass, metadata(one.statistic, name, one.measure), as_data(rows)
            )
            await async_done(recorder)
        await async_done(recorder)

    def _changed(self, one: Derivation) -> datetime | None:
        """Return since when the rates are others than those of the stored rows."""
        return changed_from((self._applied or {}).get(one.statistic, ()), one.entries)

    async def _async_note(self, one: Derivation) -> None:
        """Note by which entries the rows were made, and forget what is not wanted."""
        noted = {
            key: entries
            for key, entries in (self._applied or {}).items()
            if key in self._wanted
        }
        noted[one.statistic] = [dict(entry) for entry in one.entries]
        self._applied = noted
        await self._store.async_save(noted)

    @callback
    def _read_again(self, one: Derivation, planned: Plan) -> None:
        """Have the gateway asked for quarter hours that are not at hand any more."""
        self._history.importer.async_read_again(
            self._keys(one),
            Span(planned.unknown[0][0], planned.unknown[-1][1]),
        )

    def _keys(self, one: Derivation) -> list[RegisterKey]:
        """Return the registers whose readings go into a source."""
        key = (one.register.meter_id, str(one.register.obis))
        return self._coordinator.memory.successions.members(key)

    def _known(
        self, one: Derivation, start: datetime, read: RegisterKey | None = None
    ) -> dict[datetime, Decimal]:
        """Return the quarter hours at hand, where they are needed.

        `read` is the register just read, if it is known: another meter may go on.
        """
        if not one.fine:
            return {}
        found: dict[datetime, Decimal] = {}
        for key in {*self._keys(one), *([read] if read else ())}:
            if series := self._quarters.get(key):
                found.update(series.since(start))
        return found


@callback
def async_follow_costs(
    hass: HomeAssistant,
    entry: SmgwConfigEntry,
    history: History,
    quarters: Quarters,
) -> None:
    """Make costs of all that is recorded from now on, and of what was before."""
    coordinator = entry.runtime_data.coordinator
    costs = Costs(hass, coordinator, history, quarters)

    async def changed(_hass: HomeAssistant, _entry: SmgwConfigEntry) -> None:
        costs.async_options_changed()

    entry.async_on_unload(history.writer.async_listen(costs.async_take))
    entry.async_on_unload(entry.add_update_listener(changed))
    costs.async_look_through()


async def async_forget_costs(hass: HomeAssistant, gateway_id: str) -> None:
    """Forget by which prices rows were made; the rows stay."""
    await _store(hass, gateway_id).async_remove()


def _store(
    hass: HomeAssistant, gateway_id: str
) -> Store[dict[str, list[dict[str, Any]]]]:
    return Store(hass, _VERSION, f"{DOMAIN}.{gateway_id.lower()}.costs")
