"""One way to write down a value, so that a digest means something.

A subset of RFC 8785 (JSON Canonicalization Scheme): objects with keys of small ASCII
letters, digits and `_`; arrays, texts, booleans, null and whole numbers up to 2^53 - 1.
Fractions are texts in plain decimal notation, never binary floats. For these types
Python's own encoder, told to sort and to leave out blanks, writes what the RFC asks for.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import sha256
import json
import re

type Json = bool | int | str | Sequence[Json] | Mapping[str, Json] | None

LARGEST = 2**53 - 1
_KEY = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)
_encode = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")
).encode


class NotCanonical(TypeError):
    """A value that has no canonical form; a mistake of the caller."""


def encode(value: Json) -> bytes:
    """Return the canonical form as UTF-8. Raises NotCanonical."""
    _check(value)
    try:
        return _encode(value).encode()
    except UnicodeEncodeError as err:
        raise NotCanonical("a lone surrogate") from err


def digest(value: Json) -> str:
    """Return the SHA-256 of the canonical form, hex."""
    return sha256(encode(value)).hexdigest()


def number(value: Decimal) -> str:
    """Return a decimal in plain notation: `4200` and `4200.0` are the same text."""
    if not value.is_finite():
        raise NotCanonical("not a finite number")
    return format(value.normalize() if value else Decimal(0), "f")


def moment(value: datetime) -> str:
    """Return a time as UTC with microseconds: texts of one length, in the order of time."""
    if value.tzinfo is None:
        raise NotCanonical("a time without a zone")
    text = value.astimezone(UTC).isoformat(timespec="microseconds")
    return f"{text.removesuffix('+00:00')}Z"


def _check(value: Json) -> None:
    match value:
        case None | bool() | str():
            return
        case int():
            if abs(value) > LARGEST:
                raise NotCanonical("a number too large")
        case dict():
            for key, part in value.items():
                if not (isinstance(key, str) and _KEY.fullmatch(key)):
                    raise NotCanonical("a key")
                _check(part)
        case list() | tuple():
            for part in value:
                _check(part)
        case _:
            raise NotCanonical(type(value).__name__)
