"""Readers of what strangers send: each gives one clean value or InvalidInput with a stable code.

Numbers arrive as texts, whole numbers or `Decimal`; a JSON parser in front of this must
be told to read fractions as `Decimal`. Binary floats are refused: they do not belong into evidence.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
import re
from typing import Any
import unicodedata

from .errors import InvalidInput
from .reasons import Reason

MAX_TEXT = 120
MAX_ID = 128
# Twelve digits before the point, six behind: more than any power, price or set point has.
_NUMBER = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,6})?", re.ASCII)
_LONG_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?", re.ASCII)
_LARGEST = 10**12
_FINEST = Decimal("0.000001")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]*", re.ASCII)
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})?",
    re.ASCII,
)
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_LATEST = datetime(2100, 1, 1, tzinfo=UTC)


def mapping(
    value: object, where: str, required: Iterable[str], optional: Iterable[str] = ()
) -> Mapping[str, Any]:
    """Return an object that has the required fields and no unknown one."""
    if not isinstance(value, Mapping):
        raise InvalidInput(Reason.MALFORMED, where)
    known = {*required, *optional}
    if any(key not in known for key in value):
        raise InvalidInput(Reason.UNKNOWN_FIELD, where)
    for name in required:
        if name not in value:
            raise InvalidInput(Reason.MISSING_FIELD, f"{where}.{name}")
    return value


def sequence(value: object, where: str, most: int) -> list[Any]:
    """Return a list of one to `most` entries."""
    if not isinstance(value, list | tuple) or not value:
        raise InvalidInput(Reason.MALFORMED, where)
    if len(value) > most:
        raise InvalidInput(Reason.TOO_LARGE, where)
    return list(value)


def number(value: object, where: str) -> Decimal:
    """Return a finite decimal below 10^12 in size, with at most six decimal places."""
    match value:
        case bool() | float():
            raise InvalidInput(Reason.NOT_A_NUMBER, where)
        case int():
            if abs(value) >= _LARGEST:
                raise InvalidInput(Reason.NUMBER_OUT_OF_RANGE, where)
            return Decimal(value)
        case Decimal():
            if not value.is_finite():
                raise InvalidInput(Reason.NOT_A_NUMBER, where)
            # The size first: rounding 1e999999 to six places would be a long text.
            if abs(value) >= _LARGEST or (plain := value.quantize(_FINEST)) != value:
                raise InvalidInput(Reason.NUMBER_OUT_OF_RANGE, where)
            return _plain(plain) if plain else Decimal(0)
        case str():
            if not _NUMBER.fullmatch(value):
                long = len(value) <= MAX_TEXT and _LONG_NUMBER.fullmatch(value)
                raise InvalidInput(
                    Reason.NUMBER_OUT_OF_RANGE if long else Reason.NOT_A_NUMBER, where
                )
            return number(Decimal(value), where)
        case _:
            raise InvalidInput(Reason.NOT_A_NUMBER, where)


def _plain(value: Decimal) -> Decimal:
    """Return a number without zeros at its end, and never as a power of ten: people will see it."""
    whole = value.to_integral_value()
    return whole if value == whole else value.normalize()


def whole(value: object, where: str, low: int, high: int) -> int:
    """Return a whole number within bounds, both included."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidInput(Reason.NOT_A_NUMBER, where)
    if not low <= value <= high:
        raise InvalidInput(Reason.NUMBER_OUT_OF_RANGE, where)
    return value


def moment(value: object, where: str) -> datetime:
    """Return a time in UTC, from RFC 3339 with a zone or from a `datetime` that has one."""
    if isinstance(value, str):
        match = _TIME.fullmatch(value)
        if not match:
            raise InvalidInput(Reason.INVALID_TIME, where)
        if not match[2]:
            raise InvalidInput(Reason.NO_TIME_ZONE, where)
        try:
            value = datetime.fromisoformat(value)
        except ValueError as err:
            raise InvalidInput(Reason.INVALID_TIME, where) from err
    if not isinstance(value, datetime):
        raise InvalidInput(Reason.INVALID_TIME, where)
    if value.tzinfo is None or value.utcoffset() is None:
        raise InvalidInput(Reason.NO_TIME_ZONE, where)
    try:
        utc = value.astimezone(UTC)
    except OverflowError as err:
        raise InvalidInput(Reason.INVALID_TIME, where) from err
    if not _EARLIEST <= utc < _LATEST:
        raise InvalidInput(Reason.INVALID_TIME, where)
    return utc


def seconds(value: object, where: str, longest: timedelta) -> timedelta:
    """Return a span of whole seconds, at least one."""
    return timedelta(seconds=whole(value, where, 1, int(longest.total_seconds())))


def text(value: object, where: str, most: int = MAX_TEXT) -> str:
    """Return a text a person may be shown: nothing invisible, nothing that looks like something else.

    Normal form C, only ordinary blanks and none at the ends, no control, format, private or
    unassigned characters.
    """
    if not isinstance(value, str):
        raise InvalidInput(Reason.MALFORMED, where)
    if len(value) > most:
        raise InvalidInput(Reason.TOO_LARGE, where)
    good = (
        bool(value)
        and value == value.strip()
        and all(_visible(character) for character in value)
        and unicodedata.is_normalized("NFC", value)
    )
    if not good:
        raise InvalidInput(Reason.INVALID_TEXT, where)
    return value


def _visible(character: str) -> bool:
    return (
        character == " " or unicodedata.category(character)[0] not in "CZ"
    )  # other and separators


def identifier(value: object, where: str) -> str:
    """Return an id of ours: ASCII letters, digits and `._:/-`."""
    if not isinstance(value, str):
        raise InvalidInput(Reason.MALFORMED, where)
    if len(value) > MAX_ID or not _ID.fullmatch(value):
        raise InvalidInput(Reason.INVALID_ID, where)
    return value


def transaction(value: object, where: str) -> str:
    """Return a transaction id: a UUID, small letters."""
    if not isinstance(value, str):
        raise InvalidInput(Reason.MALFORMED, where)
    # Only ASCII is made small: other letters could turn into ASCII ones.
    small = value.lower() if value.isascii() else value
    if not _UUID.fullmatch(small):
        raise InvalidInput(Reason.INVALID_ID, where)
    return small


def choice[T](value: object, where: str, kinds: Mapping[str, T]) -> T:
    """Return what a fixed word stands for."""
    if not isinstance(value, str) or value not in kinds:
        raise InvalidInput(Reason.MALFORMED, where)
    return kinds[value]


def flag(value: object, where: str) -> bool:
    """Return true or false, nothing that merely counts as it."""
    if not isinstance(value, bool):
        raise InvalidInput(Reason.MALFORMED, where)
    return value
