"""How much memory Home Assistant holds: what can be reached from it."""

from collections.abc import Iterable, Iterator
import functools
import gc
import logging
from pathlib import Path
import sys
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any

from custom_components.smgw.quarters import Series

# Code, and what hangs on it: the same for all, and the way to everything else. And the
# quarter hours, which are to grow for 36 days.
_NOT_FOLLOWED = (
    Series,
    ModuleType,
    type,
    CodeType,
    BuiltinFunctionType,
    logging.Logger,
    functools._lru_cache_wrapper,
)
_NOT_OURS = ("simulator", "tests", "_pytest", "pytest", "freezegun", "unittest")


def held(*roots: object) -> int:
    """Return the bytes of all objects that these hold, the loop's handles included.

    The simulated gateway lives in the same process and is left out, so this is more
    exact than the size of the process, and unlike that it knows no fragmentation.
    """
    gc.collect()
    seen: set[int] = set()
    total = 0
    queue: list[Any] = [*roots, *_module_data()]
    while queue:
        item = queue.pop()
        if id(item) in seen or isinstance(item, _NOT_FOLLOWED):
            continue
        if type(item).__module__.partition(".")[0] in _NOT_OURS:
            continue
        seen.add(id(item))
        total += sys.getsizeof(item)
        queue += _references(item)
    return total


def _references(item: object) -> Iterable[Any]:
    if isinstance(item, FunctionType):
        # not its globals
        return (*(item.__closure__ or ()), *(item.__defaults__ or ()))
    return gc.get_referents(item)


def _module_data() -> Iterator[Any]:
    """Return what the modules of the integration hold."""
    for name, module in list(sys.modules.items()):
        if name.startswith("custom_components.smgw"):
            yield from vars(module).values()


def open_files() -> int:
    """Return how many files and sockets the process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))
