"""Large JSON answers, read in small steps.

The standard library reads a document in one go and holds the interpreter meanwhile, in
a worker thread as well; a month of quarter hours would hold it for a tenth of a second.
Here only the small parts of a document are read in one go.
"""

import asyncio
from collections.abc import Callable
import json
import re
from typing import Any

from .errors import PageUnreadable

_BLANK = re.compile(r"[ \t\r\n]*")
_decode = json.JSONDecoder().raw_decode


def load_in_steps(body: bytes, depth: int) -> Any:
    """Return what an answer holds; containers above `depth` are walked item by item.

    Raises `PageUnreadable` if it is no JSON.
    """
    try:
        text = body.decode()
        value, at = _value(text, _skip(text, 0), depth)
        if _skip(text, at) != len(text):
            raise PageUnreadable("more than one document")
    except ValueError, IndexError, RecursionError:
        # Not `from err`: it holds the answer.
        raise PageUnreadable("not JSON") from None
    return value


async def aside[T](work: Callable[[], T]) -> T:
    """Do what takes its time in a worker thread."""
    return await asyncio.get_running_loop().run_in_executor(None, work)


def _value(text: str, at: int, depth: int) -> tuple[Any, int]:
    """Return the value that stands at a place, and the place behind it."""
    if depth and text[at] == "[":
        return _array(text, at + 1, depth - 1)
    if depth and text[at] == "{":
        return _object(text, at + 1, depth - 1)
    return _decode(text, at)


def _array(text: str, at: int, depth: int) -> tuple[list[Any], int]:
    items: list[Any] = []
    at = _skip(text, at)
    if text[at] == "]":
        return items, at + 1
    while True:
        item, at = _value(text, at, depth)
        items.append(item)
        at = _skip(text, at)
        if text[at] == "]":
            return items, at + 1
        at = _skip(text, _expect(text, at, ","))


def _object(text: str, at: int, depth: int) -> tuple[dict[str, Any], int]:
    items: dict[str, Any] = {}
    at = _skip(text, at)
    if text[at] == "}":
        return items, at + 1
    while True:
        if text[at] != '"':
            raise ValueError("no key")
        key, at = _decode(text, at)
        at = _skip(text, _expect(text, _skip(text, at), ":"))
        items[key], at = _value(text, at, depth)
        at = _skip(text, at)
        if text[at] == "}":
            return items, at + 1
        at = _skip(text, _expect(text, at, ","))


def _skip(text: str, at: int) -> int:
    match = _BLANK.match(text, at)
    return match.end() if match else at


def _expect(text: str, at: int, sign: str) -> int:
    if text[at] != sign:
        raise ValueError(f"no {sign}")
    return at + 1
