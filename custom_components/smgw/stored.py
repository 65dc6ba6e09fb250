"""The client's values as JSON and back, so that what was read outlives a restart.

The classes say by their fields what they hold; whoever adds a field need not think of
this module, if it is of a kind below or has a default.
"""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum
from functools import cache
from types import MappingProxyType, NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

from .han.obis import Obis


def as_json(value: Any) -> Any:
    """Return a value of the client as JSON."""
    match value:
        case Obis() | Decimal():
            return str(value)
        case datetime():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case Enum():
            return value.value
        case Mapping():
            return {key: as_json(item) for key, item in value.items()}
        case tuple():
            return [as_json(item) for item in value]
    if is_dataclass(value):
        return {
            field.name: as_json(getattr(value, field.name)) for field in fields(value)
        }
    return value


def of_json[T](kind: type[T], stored: Any) -> T:
    """Return a value of a class from its JSON.

    Raises `ValueError`, `TypeError`, `KeyError` or `ArithmeticError` for what is none.
    """
    value: T = _of_json(kind, stored)
    return value


def _of_json(kind: Any, stored: Any) -> Any:
    origin, parts = get_origin(kind), get_args(kind)
    if origin is UnionType:
        if stored is None and NoneType in parts:
            return None
        (kind,) = (part for part in parts if part is not NoneType)
        return _of_json(kind, stored)
    if origin is Mapping:
        found = {key: _of_json(parts[1], item) for key, item in stored.items()}
        return MappingProxyType(found)
    if origin is tuple:
        return tuple(_of_json(parts[0], item) for item in stored)
    return _of_scalar(kind, stored)


@cache
def _hints(kind: type[Any]) -> dict[str, Any]:
    """Return the fields' types; to find them out takes longer than to read a value."""
    return get_type_hints(kind)


def _of_scalar(kind: type[Any], stored: Any) -> Any:
    if kind is Obis:
        if (obis := Obis.parse(stored)) is None:
            raise ValueError("no OBIS code")
        return obis
    if is_dataclass(kind):
        hints = _hints(kind)
        known = {field.name for field in fields(kind)} & stored.keys()
        return kind(**{name: _of_json(hints[name], stored[name]) for name in known})
    if issubclass(kind, tuple):
        return kind(*map(_of_json, _hints(kind).values(), stored, strict=True))
    if issubclass(kind, datetime):
        return datetime.fromisoformat(stored)
    if issubclass(kind, timedelta):
        return timedelta(seconds=stored)
    if issubclass(kind, (Decimal, Enum)):
        return kind(stored)
    if not isinstance(stored, kind):
        raise TypeError(f"no {kind.__name__}")
    return stored
