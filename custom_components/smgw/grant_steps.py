"""Steps about what a participant may do. By itself it may do nothing."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import probatio

from homeassistant.config_entries import SubentryFlowResult
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.helpers.selector import (
    BooleanSelector,
    DeviceSelector,
    EntitySelector,
    EntitySelectorConfig,
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
)

from .bridge import table
from .const import DOMAIN
from .const_cls import (
    CONF_ACCESS,
    CONF_AFTER_FAILSAFE,
    CONF_DIRECTION,
    CONF_FAILSAFE,
    CONF_FAILSAFE_HOURS,
    CONF_GRANTS,
    CONF_HIGH,
    CONF_ITEM,
    CONF_ITEMS,
    CONF_LIMITS,
    CONF_LONGEST,
    CONF_LOW,
    CONF_OPEN_ENDED,
    CONF_PRICES,
    CONF_THING,
    CONF_THINGS,
)
from .control.limitation import AfterFailsafe
from .control.model import Access, Direction, ItemKind
from .participant_draft import ParticipantDraft
from .participant_summary import async_grants
from .participants import item_id

LARGEST_POWER = 1_000_000
"""W; what a form takes."""
LONGEST_MINUTES = 7 * 24 * 60
WATTS = NumberSelector(
    NumberSelectorConfig(
        min=0,
        max=LARGEST_POWER,
        step=1,
        unit_of_measurement="W",
        mode=NumberSelectorMode.BOX,
    )
)
ACCESS = SelectSelector(
    SelectSelectorConfig(
        options=[access.value for access in Access], translation_key="access"
    )
)
DIRECTION = SelectSelector(
    SelectSelectorConfig(
        options=[direction.value for direction in Direction],
        translation_key="direction",
    )
)
MINUTES = NumberSelector(
    NumberSelectorConfig(
        min=1,
        max=LONGEST_MINUTES,
        step=1,
        unit_of_measurement="min",
        mode=NumberSelectorMode.BOX,
    )
)
BOUND = NumberSelector(NumberSelectorConfig(step="any", mode=NumberSelectorMode.BOX))
THING_SCHEMA = probatio.Schema(
    {
        probatio.Required(CONF_THING): DeviceSelector(),
        probatio.Required(CONF_ACCESS, default=Access.READ.value): ACCESS,
        probatio.Optional(CONF_OPEN_ENDED, default=False): BooleanSelector(),
        probatio.Optional(CONF_LONGEST): MINUTES,
    }
)
ITEM_SCHEMA = probatio.Schema(
    {
        probatio.Required(CONF_ITEM): EntitySelector(
            EntitySelectorConfig(domain=sorted(map(str, table.SORTS)))
        ),
        probatio.Required(CONF_ACCESS, default=Access.READ.value): ACCESS,
        probatio.Optional(CONF_LOW): BOUND,
        probatio.Optional(CONF_HIGH): BOUND,
        probatio.Optional(CONF_OPEN_ENDED, default=False): BooleanSelector(),
        probatio.Optional(CONF_LONGEST): MINUTES,
    }
)
LIMIT_SCHEMA = probatio.Schema(
    {
        probatio.Required(CONF_DIRECTION): DIRECTION,
        probatio.Optional(CONF_LOW, default=0): WATTS,
        probatio.Optional(CONF_FAILSAFE): WATTS,
        probatio.Optional(CONF_FAILSAFE_HOURS, default=2): NumberSelector(
            NumberSelectorConfig(
                min=2,
                max=24,
                step=1,
                unit_of_measurement="h",
                mode=NumberSelectorMode.BOX,
            )
        ),
        probatio.Optional(
            CONF_AFTER_FAILSAFE, default=AfterFailsafe.RELEASE.value
        ): SelectSelector(
            SelectSelectorConfig(
                options=[after.value for after in AfterFailsafe],
                translation_key="after_failsafe",
            )
        ),
        probatio.Optional(CONF_OPEN_ENDED, default=True): BooleanSelector(),
        probatio.Optional(CONF_LONGEST): MINUTES,
    }
)
PRICES_SCHEMA = probatio.Schema({probatio.Required(CONF_PRICES): BooleanSelector()})


class GrantSteps(ParticipantDraft):
    """Part of the flow of a participant."""

    async def async_step_grant_thing(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Grant a whole device."""
        errors: dict[str, str] = {}
        if user_input is not None:
            thing = user_input[CONF_THING]
            if dr.async_get(self.hass).async_get(thing) is None:
                errors[CONF_THING] = "device_unknown"
            else:
                self._put(CONF_THINGS, CONF_THING, stored_grant(user_input))
                return await self._go_on()
        return self._form("grant_thing", THING_SCHEMA, user_input, errors)

    async def async_step_grant_item(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Grant a single entity, within bounds."""
        errors: dict[str, str] = {}
        shape: table.Shape | None = None
        if user_input is not None:
            registry = er.async_get(self.hass)
            entity_id = er.async_resolve_entity_id(registry, user_input[CONF_ITEM])
            shape = self._shape(entity_id, user_input[CONF_ACCESS], errors)
            if shape is not None and not errors:
                self._check_bounds(user_input, shape, errors)
                for name in outside(user_input, shape):
                    errors[name] = "bounds_too_wide"
            if entity_id is not None and not errors:
                granted = stored_grant(user_input)
                granted[CONF_ITEM] = item_id(registry, entity_id)
                self._put(CONF_ITEMS, CONF_ITEM, granted)
                return await self._go_on()
        low, high = (shape.low, shape.high) if shape else (None, None)
        return self._form(
            "grant_item",
            ITEM_SCHEMA,
            user_input,
            errors,
            low="-∞" if low is None else f"{low:f}",
            high="∞" if high is None else f"{high:f}",
        )

    async def async_step_grant_limit(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Grant limits of one direction, with what applies in silence."""
        if user_input is not None:
            limit = stored_grant(user_input)
            if CONF_FAILSAFE in limit:
                limit[CONF_FAILSAFE_HOURS] = int(user_input[CONF_FAILSAFE_HOURS])
                limit[CONF_AFTER_FAILSAFE] = user_input[CONF_AFTER_FAILSAFE]
            limits = self._data.get(CONF_LIMITS, {})
            self._data[CONF_LIMITS] = limits | {user_input[CONF_DIRECTION]: limit}
            return await self._go_on()
        return self._form("grant_limit", LIMIT_SCHEMA, user_input)

    async def async_step_grant_prices(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Grant price tables, or take them back."""
        if user_input is not None:
            self._data[CONF_PRICES] = user_input[CONF_PRICES]
            return await self._go_on()
        present = {CONF_PRICES: bool(self._data.get(CONF_PRICES))}
        return self._form("grant_prices", PRICES_SCHEMA, present)

    async def async_step_grant_remove(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Take grants back."""
        if user_input is not None:
            self._take_back(set(user_input[CONF_GRANTS]))
            return await self._go_on()
        return self._form(
            "grant_remove",
            _removal_schema(await async_grants(self.hass, self._data)),
        )

    def _put(self, part: str, field: str, granted: dict[str, Any]) -> None:
        """Store a grant; another one of the same thing goes."""
        kept = [one for one in self._data.get(part, ()) if one[field] != granted[field]]
        self._data[part] = [*kept, granted]

    def _take_back(self, keys: set[str]) -> None:
        for part, field in ((CONF_THINGS, CONF_THING), (CONF_ITEMS, CONF_ITEM)):
            self._data[part] = [
                one
                for one in self._data.get(part, ())
                if f"{part} {one[field]}" not in keys
            ]
        self._data[CONF_LIMITS] = {
            direction: limit
            for direction, limit in self._data.get(CONF_LIMITS, {}).items()
            if f"{CONF_LIMITS} {direction}" not in keys
        }
        if CONF_PRICES in keys:
            self._data[CONF_PRICES] = False

    def _shape(
        self, entity_id: str | None, access: str, errors: dict[str, str]
    ) -> table.Shape | None:
        """Return what an entity is as an item; `errors` tell why it cannot be granted."""
        state = None if entity_id is None else self.hass.states.get(entity_id)
        if state is None:
            errors[CONF_ITEM] = "entity_unknown"
            return None
        sort = table.sort_of(state.entity_id)
        entity = er.async_get(self.hass).async_get(state.entity_id)
        classes = (entity.device_class, entity.original_device_class) if entity else ()
        shape = None
        if sort is not None and not table.forbidden(sort, state, *classes):
            shape = sort.shape(state, self.hass.config.units.temperature_unit)
        if sort is None or shape is None:
            errors[CONF_ITEM] = "entity_forbidden"
            return None
        ours = entity is not None and entity.platform == DOMAIN
        if access == Access.WRITE and (sort.call is None or ours):
            # Whoever could write to an entity of ours would pass for the owner.
            errors[CONF_ACCESS] = "entity_read_only"
        return shape

    def _check_bounds(
        self, typed: Mapping[str, Any], shape: table.Shape, errors: dict[str, str]
    ) -> None:
        """Tell in `errors` what is wrong with the bounds of an item."""
        bounds = bounds_of(typed)
        if shape.kind is not ItemKind.NUMBER:
            for name in bounds:
                errors[name] = "no_bounds"
        elif len(bounds) > 1 and bounds[CONF_LOW] > bounds[CONF_HIGH]:
            errors[CONF_LOW] = "bounds_crossed"


def bounds_of(typed: Mapping[str, Any]) -> dict[str, Decimal]:
    """Return the bounds that were typed, by field."""
    return {
        name: Decimal(str(typed[name]))
        for name in (CONF_LOW, CONF_HIGH)
        if typed.get(name) is not None
    }


def outside(typed: Mapping[str, Any], shape: table.Shape) -> list[str]:
    """Return the fields whose bounds are wider than those of the entity itself."""
    return [
        name
        for name, bound in bounds_of(typed).items()
        if (shape.low is not None and bound < shape.low)
        or (shape.high is not None and bound > shape.high)
    ]


def stored_grant(typed: Mapping[str, Any]) -> dict[str, Any]:
    """Return a grant as it is stored, from what was typed: numbers as text, nothing empty."""
    granted: dict[str, Any] = {
        name: typed[name] for name in (CONF_THING, CONF_ACCESS) if name in typed
    }
    for name in (CONF_LOW, CONF_HIGH, CONF_FAILSAFE):
        if typed.get(name) is not None:
            granted[name] = plain_number(typed[name])
    granted[CONF_OPEN_ENDED] = bool(typed.get(CONF_OPEN_ENDED))
    if typed.get(CONF_LONGEST):
        granted[CONF_LONGEST] = int(typed[CONF_LONGEST])
    return granted


def plain_number(value: float) -> str:
    """Return a number as decimal text: what was typed, not the digits of a binary float."""
    number = Decimal(str(value))
    whole = number.to_integral_value()
    return f"{whole if number == whole else number.normalize():f}"


def _removal_schema(grants: Mapping[str, str]) -> probatio.Schema:
    """Return the field that chooses among grants."""
    choice = SelectSelector(
        SelectSelectorConfig(
            options=[
                SelectOptionDict(value=key, label=label)
                for key, label in grants.items()
            ],
            multiple=True,
            mode=SelectSelectorMode.LIST,
        )
    )
    return probatio.Schema({probatio.Required(CONF_GRANTS): choice})
