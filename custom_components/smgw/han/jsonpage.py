"""JSON answers of a gateway, read without believing their shape.

Gateways write almost every scalar as a string, some as a number; both are text here.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import partial
import json
from typing import Any

from .errors import PageUnreadable
from .jsonlarge import aside, load_in_steps

_LARGE = 64 * 1024

type Record = Mapping[str, Any]


def load(body: bytes) -> Any:
    """Return what an answer holds. Raises `PageUnreadable` if it is no JSON."""
    try:
        return json.loads(body)
    except ValueError, RecursionError:
        # Not `from err`: it holds the answer.
        raise PageUnreadable("not JSON") from None


async def load_aside(body: bytes, depth: int = 0) -> Any:
    """Return what an answer holds; a large one is read in a worker thread.

    `depth`: how deep the many single items of a long list begin.
    """
    if len(body) < _LARGE:
        return load(body)
    return await aside(partial(load_in_steps, body, depth))


def record(value: Any) -> Record:
    """Return an object. Raises `PageUnreadable` if it is none."""
    if not isinstance(value, dict):
        raise PageUnreadable("not an object")
    return value


def part(value: Any, key: str) -> Record:
    """Return the object under a key, empty if it is missing."""
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}


def records(value: Any, *keys: str) -> list[Record]:
    """Return the objects in the list under the first of these keys that has one."""
    for key in keys:
        found = value.get(key) if isinstance(value, dict) else None
        if isinstance(found, list):
            return [item for item in found if isinstance(item, dict)]
    return []


def text(value: Any, key: str) -> str:
    """Return a scalar as text, empty if it is missing or no scalar.

    Halves of characters, which JSON can hold and nothing can store, become `?`.
    """
    found = value.get(key) if isinstance(value, dict) else None
    if not isinstance(found, (str, int)):
        return ""
    if isinstance(found, str) and found.isascii():
        return found
    return str(found).encode("utf-8", "replace").decode()


def texts(item: Record, keys: Iterable[str]) -> list[str]:
    """Return several scalars of an object, each as `text` does."""
    return [
        # Nearly all are, and there may be a million of them.
        found
        if type(found := item.get(key)) is str and found.isascii()
        else text(item, key)
        for key in keys
    ]


def moment(value: str) -> datetime | None:
    """Return an ISO 8601 time with offset in UTC; None if it is none, or has no offset."""
    try:
        found = datetime.fromisoformat(value)
        if found.tzinfo is UTC:
            return found
        return found.astimezone(UTC) if found.tzinfo else None
    except ValueError, OverflowError:
        return None
