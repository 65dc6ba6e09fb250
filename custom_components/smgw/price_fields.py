"""Fields of the options about money and gas, and what is typed into them."""

from collections.abc import Iterable, Mapping
from typing import Any

import probatio

from homeassistant.helpers.selector import (
    DateSelector,
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    ObjectSelector,
    ObjectSelectorConfig,
    ObjectSelectorField,
    SelectSelector,
    SelectSelectorConfig,
    TimeSelector,
)

from .cost_settings import WEEKDAYS
from .grant_steps import plain_number
from .han.model import Register
from .han.units import Unit

CONF_BEGIN = "begin"
CONF_PRICE = "price"
CONF_PER_KWH = "per_kwh"
CONF_WINDOWS = "windows"
CONF_HOLIDAYS = "holidays"
CONF_STATE_NUMBER = "state_number"
CONF_CALORIFIC = "calorific"


def number_field(
    unit: str | None, low: float, high: float | None = None
) -> NumberSelector:
    """Return the field of a number."""
    config = NumberSelectorConfig(min=low, step="any", mode=NumberSelectorMode.BOX)
    if high is not None:
        config["max"] = high
    if unit:
        config["unit_of_measurement"] = unit
    return NumberSelector(config)


FACTOR_SCHEMA = probatio.Schema(
    {
        probatio.Required(CONF_BEGIN): DateSelector(),
        probatio.Required(CONF_STATE_NUMBER): number_field(None, 0.5, 5),
        probatio.Required(CONF_CALORIFIC): number_field("kWh/m³", 5, 20),
    }
)


def may_be_per_kwh(register: Register) -> bool:
    """Say whether it counts something else that is billed as energy."""
    gas = register.obis.a == 7
    return register.unit is Unit.MEGAJOULE or (
        gas and register.unit is Unit.CUBIC_METRE
    )


def windows_field(unit: str) -> ObjectSelector:
    """Return the field of the windows of a day with prices of their own."""
    weekdays = SelectSelector(
        SelectSelectorConfig(
            options=list(WEEKDAYS), multiple=True, translation_key="weekdays"
        )
    )
    return ObjectSelector(
        ObjectSelectorConfig(
            fields={
                "from": ObjectSelectorField(selector=TimeSelector(), required=True),
                "to": ObjectSelectorField(selector=TimeSelector(), required=True),
                CONF_PRICE: ObjectSelectorField(
                    selector=number_field(unit, 0), required=True
                ),
                "weekdays": ObjectSelectorField(selector=weekdays),
            },
            multiple=True,
            label_field="from",
            description_field=CONF_PRICE,
            translation_key="price_windows",
        )
    )


def stored_windows(typed: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return windows as they are stored: numbers as text."""
    return [{**one, CONF_PRICE: plain_number(one[CONF_PRICE])} for one in typed]


def typed_windows(stored: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return windows as the form has them."""
    return [{**one, CONF_PRICE: float(one[CONF_PRICE])} for one in stored]
