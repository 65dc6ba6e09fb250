"""Which entities can be granted at all, and what they are as items. What is not in this table does not exist.

Never in it, because a stranger's mistake there opens a house or does something nobody can foresee:
buttons, locks, alarm panels, scenes, scripts, automations, and every domain nobody has thought of.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from homeassistant.components.climate.const import ClimateEntityFeature
from homeassistant.components.cover import CoverDeviceClass, CoverEntityFeature
from homeassistant.components.valve.const import ValveDeviceClass, ValveEntityFeature
from homeassistant.components.water_heater.const import WaterHeaterEntityFeature
from homeassistant.const import (
    ATTR_DEVICE_CLASS,
    ATTR_ENTITY_ID,
    ATTR_SUPPORTED_FEATURES,
    ATTR_TEMPERATURE,
    ATTR_UNIT_OF_MEASUREMENT,
    PERCENTAGE,
    SERVICE_TURN_OFF,
    SERVICE_TURN_ON,
    STATE_ON,
    STATE_OPEN,
    STATE_UNAVAILABLE,
    STATE_UNKNOWN,
    Platform,
    UnitOfTemperature,
)
from homeassistant.core import State
from homeassistant.util.unit_conversion import TemperatureConverter

from ..control.model import ItemKind, Value

_INPUT_BOOLEAN = "input_boolean"
_INPUT_NUMBER = "input_number"
_DEAD = {STATE_UNAVAILABLE, STATE_UNKNOWN}


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """An action that gives an entity a value."""

    service: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What an entity is as an item: its values and their bounds."""

    kind: ItemKind
    unit: str | None = None
    low: Decimal | None = None
    high: Decimal | None = None
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sort:
    """One domain of entities."""

    shape: Callable[[State, str], Shape | None]
    """From a state and the system's unit of temperature; None: this one cannot be an item."""
    value: Callable[[State], Value | None]
    """What it shows; None: unknown."""
    call: Callable[[Value, State], Call] | None = None
    """How it is set; None: it can only be read."""
    alone: bool = False
    """Only a grant of this very entity reaches it, never one of its device."""
    never: frozenset[str] = frozenset()
    """Classes of devices that are no items."""


def sort_of(entity_id: str) -> Sort | None:
    """Return what an entity may be; None: no item."""
    return SORTS.get(entity_id.partition(".")[0])


def value_of(sort: Sort, state: State) -> Value | None:
    """Return what an entity shows; None: unknown or unavailable."""
    return None if state.state in _DEAD else sort.value(state)


# Numbers.


def _decimal(value: object) -> Decimal | None:
    """Return a number as Home Assistant shows it; never the digits of a binary float."""
    if value is None or isinstance(value, bool):
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _number(state: State, _: str) -> Shape:
    return Shape(
        kind=ItemKind.NUMBER,
        unit=state.attributes.get(ATTR_UNIT_OF_MEASUREMENT),
        low=_decimal(state.attributes.get("min")),
        high=_decimal(state.attributes.get("max")),
    )


def _set_number(value: Value, _: State) -> Call:
    return Call(service="set_value", data={"value": float(value)})


# Switches.


def _switch(_: State, __: str) -> Shape:
    return Shape(kind=ItemKind.SWITCH)


def _is_on(state: State) -> bool:
    return state.state == STATE_ON


def _turn(value: Value, _: State) -> Call:
    return Call(service=SERVICE_TURN_ON if value else SERVICE_TURN_OFF, data={})


# Choices.


def _choice(state: State, _: str) -> Shape:
    options = state.attributes.get("options") or ()
    return Shape(kind=ItemKind.CHOICE, options=tuple(map(str, options)))


def _choose(value: Value, _: State) -> Call:
    return Call(service="select_option", data={"option": value})


# Temperatures, within bounds that no grant widens.


def _temperature(
    low: int, high: int, feature: int
) -> Callable[[State, str], Shape | None]:
    def shape(state: State, unit: str) -> Shape | None:
        if not _can(state, feature):
            return None
        bounds = [_in_unit(bound, unit) for bound in (low, high)]
        least = _decimal(state.attributes.get("min_temp"))
        most = _decimal(state.attributes.get("max_temp"))
        return Shape(
            kind=ItemKind.NUMBER,
            unit=unit,
            low=bounds[0] if least is None else max(least, bounds[0]),
            high=bounds[1] if most is None else min(most, bounds[1]),
        )

    return shape


def _in_unit(celsius: int, unit: str) -> Decimal:
    there = TemperatureConverter.convert(celsius, UnitOfTemperature.CELSIUS, unit)
    return Decimal(round(there))


def _target(state: State) -> Decimal | None:
    return _decimal(state.attributes.get(ATTR_TEMPERATURE))


def _set_temperature(value: Value, _: State) -> Call:
    return Call(service="set_temperature", data={ATTR_TEMPERATURE: float(value)})


# Covers and valves.


def _opening(feature: int) -> Callable[[State, str], Shape]:
    def shape(state: State, _: str) -> Shape:
        if _can(state, feature):
            return Shape(
                kind=ItemKind.NUMBER,
                unit=PERCENTAGE,
                low=Decimal(0),
                high=Decimal(100),
            )
        return Shape(kind=ItemKind.SWITCH)

    return shape


def _openness(feature: int) -> Callable[[State], Value | None]:
    def value(state: State) -> Value | None:
        if _can(state, feature):
            return _decimal(state.attributes.get("current_position"))
        return state.state == STATE_OPEN

    return value


def _move(domain: str, feature: int) -> Callable[[Value, State], Call]:
    def call(value: Value, state: State) -> Call:
        if _can(state, feature):
            return Call(service=f"set_{domain}_position", data={"position": int(value)})
        return Call(service=f"{'open' if value else 'close'}_{domain}", data={})

    return call


# Sensors.


def _measured(state: State, _: str) -> Shape:
    unit = state.attributes.get(ATTR_UNIT_OF_MEASUREMENT)
    if unit is None and "state_class" not in state.attributes:
        return Shape(kind=ItemKind.TEXT)
    return Shape(kind=ItemKind.NUMBER, unit=unit)


def _shown(state: State) -> Value | None:
    if _measured(state, "").kind is ItemKind.NUMBER:
        return _decimal(state.state)
    return state.state


def _can(state: State, feature: int) -> bool:
    return bool(int(state.attributes.get(ATTR_SUPPORTED_FEATURES) or 0) & feature)


_TOGGLE = Sort(shape=_switch, value=_is_on, call=_turn)
_NUMBER = Sort(
    shape=_number, value=lambda state: _decimal(state.state), call=_set_number
)
_COVER = CoverEntityFeature.SET_POSITION
_VALVE = ValveEntityFeature.SET_POSITION

SORTS: Mapping[str, Sort] = {
    Platform.SWITCH: _TOGGLE,
    Platform.LIGHT: _TOGGLE,
    _INPUT_BOOLEAN: _TOGGLE,
    Platform.NUMBER: _NUMBER,
    _INPUT_NUMBER: _NUMBER,
    Platform.SELECT: Sort(shape=_choice, value=lambda state: state.state, call=_choose),
    # °C; rooms neither freeze nor become an oven
    Platform.CLIMATE: Sort(
        shape=_temperature(5, 30, ClimateEntityFeature.TARGET_TEMPERATURE),
        value=_target,
        call=_set_temperature,
    ),
    # °C; below lukewarm legionella live, above people get scalded
    Platform.WATER_HEATER: Sort(
        shape=_temperature(30, 65, WaterHeaterEntityFeature.TARGET_TEMPERATURE),
        value=_target,
        call=_set_temperature,
    ),
    Platform.COVER: Sort(
        shape=_opening(_COVER),
        value=_openness(_COVER),
        call=_move("cover", _COVER),
        alone=True,
        never=frozenset(
            {CoverDeviceClass.GARAGE, CoverDeviceClass.GATE, CoverDeviceClass.DOOR}
        ),
    ),
    Platform.VALVE: Sort(
        shape=_opening(_VALVE),
        value=_openness(_VALVE),
        call=_move("valve", _VALVE),
        alone=True,
        never=frozenset({ValveDeviceClass.GAS}),
    ),
    Platform.SENSOR: Sort(shape=_measured, value=_shown),
    Platform.BINARY_SENSOR: Sort(shape=_switch, value=_is_on),
}


def forbidden(sort: Sort, state: State, *classes: str | None) -> bool:
    """Say whether its class rules an entity out: the one it shows, or any other it is known by."""
    return not sort.never.isdisjoint(
        {state.attributes.get(ATTR_DEVICE_CLASS), *classes}
    )


def target_of(entity_id: str) -> dict[str, Any]:
    """Return what an action is about."""
    return {ATTR_ENTITY_ID: entity_id}
