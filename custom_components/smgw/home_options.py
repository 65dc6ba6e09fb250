"""Options about the home under control: what is measured, who carries limits out, the laboratory."""

from collections.abc import Mapping
from typing import Any

import probatio

from homeassistant.components.sensor import SensorDeviceClass
from homeassistant.config_entries import ConfigFlowResult, OptionsFlow
from homeassistant.const import Platform
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.selector import (
    BooleanSelector,
    EntitySelector,
    EntitySelectorConfig,
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    SelectSelector,
    SelectSelectorConfig,
)

from .bridge import table
from .const_cls import (
    CONF_DIRECTION,
    CONF_EFFECT,
    CONF_EXECUTOR_MODE,
    CONF_EXECUTORS,
    CONF_EXECUTORS_CONSUMPTION,
    CONF_EXECUTORS_PRODUCTION,
    CONF_HIGH,
    CONF_INVERTED,
    CONF_INVERTED_CONSUMPTION,
    CONF_INVERTED_PRODUCTION,
    CONF_ITEM,
    CONF_LAB,
    CONF_LOW,
    CONF_MINIMUM,
    CONF_MINIMUM_CONSUMPTION,
    CONF_MINIMUM_PRODUCTION,
    CONF_NOMINAL,
    CONF_NOMINAL_CONSUMPTION,
    CONF_NOMINAL_PRODUCTION,
    CONF_RAMP,
    CONF_RELIEVED,
    CONF_RESTORE,
    CONF_SOURCE,
    CONF_SOURCE_CONSUMPTION,
    CONF_SOURCE_PRODUCTION,
    CONF_SOURCES,
    CONF_STEP,
    CONF_WATTS_PER_UNIT,
)
from .control.model import Direction, ItemKind
from .control.settings import ExecutorMode
from .grant_steps import BOUND, DIRECTION, WATTS, plain_number
from .household import HouseConfig
from .models import SmgwConfigEntry
from .participants import item_id

EXECUTING = ("input_boolean", "input_number", "light", "number", "switch")
"""Domains of what can carry a limit out."""
_SOURCE_FIELDS = {
    Direction.CONSUMPTION: (CONF_SOURCE_CONSUMPTION, CONF_INVERTED_CONSUMPTION),
    Direction.PRODUCTION: (CONF_SOURCE_PRODUCTION, CONF_INVERTED_PRODUCTION),
}
_WATT_FIELDS = {
    CONF_NOMINAL: {
        Direction.CONSUMPTION: CONF_NOMINAL_CONSUMPTION,
        Direction.PRODUCTION: CONF_NOMINAL_PRODUCTION,
    },
    CONF_MINIMUM: {
        Direction.CONSUMPTION: CONF_MINIMUM_CONSUMPTION,
        Direction.PRODUCTION: CONF_MINIMUM_PRODUCTION,
    },
}
_ORDER_FIELDS = {
    Direction.CONSUMPTION: CONF_EXECUTORS_CONSUMPTION,
    Direction.PRODUCTION: CONF_EXECUTORS_PRODUCTION,
}

POWER = EntitySelector(
    EntitySelectorConfig(domain=Platform.SENSOR, device_class=SensorDeviceClass.POWER)
)
SECONDS = NumberSelector(
    NumberSelectorConfig(
        min=0,
        max=600,
        step=1,
        unit_of_measurement="s",
        mode=NumberSelectorMode.BOX,
    )
)
MEASURED_SCHEMA = probatio.Schema(
    {
        probatio.Optional(CONF_SOURCE_CONSUMPTION): POWER,
        probatio.Required(CONF_INVERTED_CONSUMPTION, default=False): BooleanSelector(),
        probatio.Optional(CONF_SOURCE_PRODUCTION): POWER,
        probatio.Required(CONF_INVERTED_PRODUCTION, default=False): BooleanSelector(),
        probatio.Required(CONF_EFFECT, default=5): NumberSelector(
            NumberSelectorConfig(
                min=1,
                max=60,
                step=1,
                unit_of_measurement="min",
                mode=NumberSelectorMode.BOX,
            )
        ),
    }
)
POWERS_SCHEMA = probatio.Schema(
    {
        probatio.Optional(CONF_NOMINAL_CONSUMPTION): WATTS,
        probatio.Optional(CONF_NOMINAL_PRODUCTION): WATTS,
        probatio.Optional(CONF_MINIMUM_CONSUMPTION): WATTS,
        probatio.Optional(CONF_MINIMUM_PRODUCTION): WATTS,
        probatio.Required(CONF_RESTORE, default=0): SECONDS,
        probatio.Required(CONF_RAMP, default=0): SECONDS,
    }
)
EXECUTOR_SCHEMA = probatio.Schema(
    {
        probatio.Required(CONF_DIRECTION): DIRECTION,
        probatio.Required(CONF_ITEM): EntitySelector(
            EntitySelectorConfig(domain=list(EXECUTING))
        ),
        probatio.Required(CONF_EXECUTOR_MODE): SelectSelector(
            SelectSelectorConfig(
                options=[mode.value for mode in ExecutorMode],
                translation_key="executor_mode",
            )
        ),
        probatio.Optional(CONF_LOW): BOUND,
        probatio.Optional(CONF_HIGH): BOUND,
        probatio.Optional(CONF_STEP): BOUND,
        probatio.Optional(CONF_WATTS_PER_UNIT, default=1): BOUND,
        probatio.Optional(CONF_RELIEVED, default=False): BooleanSelector(),
    }
)
LABORATORY_SCHEMA = probatio.Schema({probatio.Required(CONF_LAB): BooleanSelector()})


class HomeOptionSteps(OptionsFlow):
    """Part of the options flow; each step keeps what the others have set."""

    config_entry: SmgwConfigEntry

    async def async_step_measured(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for the sensors of the power at the grid connection point."""
        options = self.config_entry.options
        if user_input is not None:
            return self._keep(
                {
                    CONF_SOURCES: self._sources(user_input),
                    CONF_EFFECT: int(user_input[CONF_EFFECT]),
                }
            )
        present: dict[str, Any] = {CONF_EFFECT: options.get(CONF_EFFECT, 5)}
        for direction, source in HouseConfig.of(options).sources.items():
            field, inverted = _SOURCE_FIELDS[direction]
            present |= {field: self._entity(source.item_id), inverted: source.inverted}
        return self._home_form("measured", MEASURED_SCHEMA, present)

    async def async_step_powers(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for nominal powers, minimum, and how executors return."""
        options = self.config_entry.options
        if user_input is not None:
            changes: dict[str, Any] = {
                field: int(user_input[field]) for field in (CONF_RESTORE, CONF_RAMP)
            }
            for part, fields in _WATT_FIELDS.items():
                changes[part] = {
                    direction.value: plain_number(user_input[field])
                    for direction, field in fields.items()
                    if user_input.get(field) is not None
                }
            return self._keep(changes)
        present: dict[str, Any] = {
            field: options.get(field, 0) for field in (CONF_RESTORE, CONF_RAMP)
        }
        for part, fields in _WATT_FIELDS.items():
            for direction, watts in options.get(part, {}).items():
                present[fields[Direction(direction)]] = float(watts)
        return self._home_form("powers", POWERS_SCHEMA, present)

    async def async_step_executor(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for one more that carries limits out, or for another setting of one."""
        errors: dict[str, str] = {}
        if user_input is not None:
            state = self.hass.states.get(user_input[CONF_ITEM])
            sort = state and table.sort_of(state.entity_id)
            shape = state and sort and sort.shape(state, "")
            if not shape:
                errors[CONF_ITEM] = "entity_unknown"
            else:
                self._check_executor(user_input, shape, errors)
            if not errors:
                return self._keep_executor(user_input)
        return self._home_form("executor", EXECUTOR_SCHEMA, user_input, errors)

    async def async_step_executors(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for the order of those that are there; those left out are forgotten."""
        stored = self.config_entry.options.get(CONF_EXECUTORS, {})
        present = {
            _ORDER_FIELDS[Direction(direction)]: [
                self._entity(one[CONF_ITEM]) for one in executors
            ]
            for direction, executors in stored.items()
        }
        if user_input is not None:
            registry = er.async_get(self.hass)
            ordered: dict[str, list[Any]] = {}
            for direction, field in _ORDER_FIELDS.items():
                by_item = {one[CONF_ITEM]: one for one in stored.get(direction, ())}
                chosen = [item_id(registry, one) for one in user_input.get(field, ())]
                ordered[direction.value] = [
                    by_item[item] for item in chosen if item in by_item
                ]
            return self._keep({CONF_EXECUTORS: ordered})
        return self._home_form("executors", _order_schema(present), present)

    async def async_step_laboratory(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask whether things are allowed that no productive gateway knows."""
        if user_input is not None:
            return self._keep({CONF_LAB: user_input[CONF_LAB]})
        present = {CONF_LAB: bool(self.config_entry.options.get(CONF_LAB))}
        return self._home_form("laboratory", LABORATORY_SCHEMA, present)

    def _keep(self, changes: Mapping[str, Any]) -> ConfigFlowResult:
        return self.async_create_entry(data={**self.config_entry.options, **changes})

    def _entity(self, item: str) -> str:
        """Return the present name of an entity that is stored as an item."""
        entity = er.async_get(self.hass).entities.get_entry(item)
        return entity.entity_id if entity else item

    def _sources(self, typed: Mapping[str, Any]) -> dict[str, Any]:
        registry = er.async_get(self.hass)
        return {
            direction.value: {
                CONF_SOURCE: item_id(registry, typed[field]),
                CONF_INVERTED: bool(typed[inverted]),
            }
            for direction, (field, inverted) in _SOURCE_FIELDS.items()
            if typed.get(field)
        }

    def _check_executor(
        self, typed: Mapping[str, Any], shape: table.Shape, errors: dict[str, str]
    ) -> None:
        """Tell in `errors` what would lead nowhere."""
        switches = typed[CONF_EXECUTOR_MODE] == ExecutorMode.SWITCH
        if switches != (shape.kind is ItemKind.SWITCH):
            errors[CONF_EXECUTOR_MODE] = "wrong_mode"
        low, high = (typed.get(name) for name in (CONF_LOW, CONF_HIGH))
        if low is not None and low < 0:
            errors[CONF_LOW] = "below_zero"
        elif low is not None and high is not None and low > high:
            errors[CONF_LOW] = "bounds_crossed"
        for name in (CONF_STEP, CONF_WATTS_PER_UNIT):
            if typed.get(name) is not None and typed[name] <= 0:
                errors[name] = "above_zero_needed"

    def _keep_executor(self, typed: Mapping[str, Any]) -> ConfigFlowResult:
        """Store one behind those that are there; a known one keeps its place."""
        item = item_id(er.async_get(self.hass), typed[CONF_ITEM])
        new: dict[str, Any] = {
            CONF_ITEM: item,
            CONF_EXECUTOR_MODE: typed[CONF_EXECUTOR_MODE],
            CONF_RELIEVED: bool(typed.get(CONF_RELIEVED)),
        }
        for name in (CONF_LOW, CONF_HIGH, CONF_STEP, CONF_WATTS_PER_UNIT):
            if typed.get(name) is not None:
                new[name] = plain_number(typed[name])
        stored = self.config_entry.options.get(CONF_EXECUTORS, {})
        present = list(stored.get(typed[CONF_DIRECTION], ()))
        places = [one[CONF_ITEM] for one in present]
        if item in places:
            present[places.index(item)] = new
        else:
            present.append(new)
        return self._keep({CONF_EXECUTORS: {**stored, typed[CONF_DIRECTION]: present}})

    def _home_form(
        self,
        step_id: str,
        schema: probatio.Schema,
        suggested: Mapping[str, Any] | None,
        errors: dict[str, str] | None = None,
    ) -> ConfigFlowResult:
        return self.async_show_form(
            step_id=step_id,
            data_schema=self.add_suggested_values_to_schema(schema, suggested),
            errors=errors,
        )


def _order_schema(present: Mapping[str, list[str]]) -> probatio.Schema:
    """Return the fields that put the executors in order."""
    consumption, production = (
        EntitySelector(
            EntitySelectorConfig(
                include_entities=present.get(field, []), multiple=True, reorder=True
            )
        )
        for field in _ORDER_FIELDS.values()
    )
    return probatio.Schema(
        {
            probatio.Optional(CONF_EXECUTORS_CONSUMPTION): consumption,
            probatio.Optional(CONF_EXECUTORS_PRODUCTION): production,
        }
    )
