"""The action that puts a register's history before its sensor's own statistics."""

from decimal import Decimal
from typing import Any, NamedTuple

import probatio

from homeassistant.components.recorder.models import StatisticMetaData
from homeassistant.components.recorder.statistics import (
    UNIT_CLASS_TO_UNIT_CONVERTER,
    async_import_statistics,
    get_metadata,
    statistics_during_period,
)
from homeassistant.const import ATTR_ENTITY_ID, Platform
from homeassistant.core import (
    HomeAssistant,
    ServiceCall,
    ServiceResponse,
    SupportsResponse,
    callback,
)
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import config_validation as cv, entity_registry as er
from homeassistant.helpers.recorder import DATA_INSTANCE, get_instance
from homeassistant.helpers.service import async_register_admin_service
from homeassistant.util import dt as dt_util, slugify

from . import answers
from .const import DOMAIN
from .memory import async_memory
from .merging import Merge, merge
from .notes import RegisterKey
from .statistics import Row, as_data
from .succession import Line
from .writer import async_done

SERVICE_MERGE_HISTORY = "merge_history"
_SCHEMA = probatio.Schema({probatio.Required(ATTR_ENTITY_ID): cv.entity_id})


class _Stored(NamedTuple):
    """What the recorder has of a sensor and of its register's history."""

    metadata: StatisticMetaData
    """The sensor's own."""
    history: list[Row]
    live: list[Row]
    """In the same unit."""
    unit: str | None
    """Of the register's own statistic."""


class _Source(NamedTuple):
    """Whose history is put before a sensor's rows."""

    statistic: str
    key: RegisterKey
    """The sensor's register."""
    line: Line
    """The meters of the statistic."""


@callback
def async_register(hass: HomeAssistant) -> None:
    """Register the action."""

    async def merge_history(call: ServiceCall) -> ServiceResponse:
        """Lift the sensor's rows, and put the history before them."""
        return await _async_merge(hass, call.data[ATTR_ENTITY_ID])

    async_register_admin_service(
        hass,
        DOMAIN,
        SERVICE_MERGE_HISTORY,
        merge_history,
        schema=_SCHEMA,
        supports_response=SupportsResponse.OPTIONAL,
    )


async def _async_merge(hass: HomeAssistant, entity_id: str) -> dict[str, Any]:
    """Merge one sensor's. Raises `ServiceValidationError`."""
    source = await _async_source(hass, entity_id)
    statistic = source.statistic
    if DATA_INSTANCE not in hass.data:
        raise ServiceValidationError(
            translation_domain=DOMAIN, translation_key="no_recorder"
        )
    recorder = get_instance(hass)
    # Rows of a moment ago are not to be missed.
    await async_done(recorder)
    stored = await recorder.async_add_executor_job(_stored, hass, entity_id, statistic)
    if stored is None or not stored.live:
        raise ServiceValidationError(
            translation_domain=DOMAIN, translation_key="merge_no_statistics"
        )
    if not stored.history:
        raise ServiceValidationError(
            translation_domain=DOMAIN, translation_key="merge_no_history"
        )
    plan = _plan(stored, source)
    if plan is None:
        raise ServiceValidationError(
            translation_domain=DOMAIN, translation_key="merge_no_fit"
        )
    unit = stored.metadata["unit_of_measurement"]
    # In this order: whoever is stopped in between can do it again.
    if plan.lift:
        recorder.async_adjust_statistics(
            entity_id, stored.live[0].start, float(plan.lift), unit or ""
        )
    if plan.rows:
        async_import_statistics(hass, stored.metadata, as_data(plan.rows))
    await async_done(recorder)
    return {
        "entity_id": entity_id,
        "statistic_id": statistic,
        "rows": len(plan.rows),
        "start": answers.moment(plan.rows[0].start) if plan.rows else None,
        "end": answers.moment(stored.live[0].start) if plan.rows else None,
        "lifted_by": answers.number(plan.lift),
        "unit": unit,
    }


async def _async_source(hass: HomeAssistant, entity_id: str) -> _Source:
    """Return what holds the history of a sensor's register.

    Raises `ServiceValidationError` for what is no sensor of ours.
    """
    entity = er.async_get(hass).async_get(entity_id)
    if entity is None or (entity.platform, entity.domain) != (DOMAIN, Platform.SENSOR):
        raise ServiceValidationError(
            translation_domain=DOMAIN, translation_key="not_our_sensor"
        )
    gateway_id, _, register = entity.unique_id.partition("_")
    meter_id, _, obis = register.rpartition("_")
    successions = (await async_memory(hass, gateway_id)).successions
    key = (meter_id, obis)
    named = "_".join((gateway_id, *successions.root(key)))
    if not meter_id:
        # A sensor of the gateway itself.
        named = entity.unique_id
    return _Source(f"{DOMAIN}:{slugify(named)}", key, successions.line(key))


def _plan(stored: _Stored, source: _Source) -> Merge | None:
    """Return how to merge, whichever meters the rows are of."""
    first = stored.live[0]
    merged = any(
        (row.start, row.state) == (first.start, first.state) for row in stored.history
    )

    def ahead(row: Row) -> Decimal:
        # The sensor's own rows are its meter's, whoever else counted that hour.
        own = row is first and not merged
        line = source.line
        offset = line.offset_of(source.key) if own else line.offset_at(row.end)
        return _converted(offset, stored)

    return merge(stored.history, first, ahead)


def _converted(value: Decimal, stored: _Stored) -> Decimal:
    """Return a value of the statistic in the sensor's unit."""
    unit = stored.metadata["unit_of_measurement"]
    converter = UNIT_CLASS_TO_UNIT_CONVERTER.get(stored.metadata["unit_class"])
    if converter is None or stored.unit == unit:
        return value
    return Decimal(repr(round(converter.convert(float(value), stored.unit, unit), 8)))


def _stored(hass: HomeAssistant, entity_id: str, statistic: str) -> _Stored | None:
    """Read what is stored; None if nothing of the sensor is. Reads the database."""
    known = get_metadata(hass, statistic_ids={entity_id, statistic})
    if entity_id not in known:
        return None
    _, metadata = known[entity_id]
    unit_class, unit = metadata["unit_class"], metadata["unit_of_measurement"]
    other = known[statistic][1] if statistic in known else metadata
    if other["unit_class"] != unit_class or (
        unit_class is None and other["unit_of_measurement"] != unit
    ):
        return _Stored(metadata, [], [], unit)
    found = statistics_during_period(
        hass,
        dt_util.utc_from_timestamp(0),
        None,
        {entity_id, statistic},
        "hour",
        {unit_class: unit} if unit_class and unit else None,
        {"state", "sum"},
    )
    rows = {
        name: [
            Row.stored(row["start"], state, total)
            for row in found.get(name, ())
            if (state := row.get("state")) is not None
            and (total := row.get("sum")) is not None
        ]
        for name in (entity_id, statistic)
    }
    own_unit = other["unit_of_measurement"]
    return _Stored(metadata, rows[statistic], rows[entity_id], own_unit)
