"""A world per test, and devices that speak with it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from simulator.cls import World

from .device import Device

type StartWorld = Callable[..., World]
type MakeDevice = Callable[..., Device]


@pytest.fixture
def begin(socket_enabled: None) -> Iterator[StartWorld]:
    """Return a function that starts worlds; they end with the test."""
    with ExitStack() as stack:

        def start(**options: Any) -> World:
            return stack.enter_context(World(**options))

        yield start


@pytest.fixture
def world(begin: StartWorld) -> World:
    """Return a world with one EMT, ``grid``."""
    return begin()


@pytest.fixture
def make_device() -> Iterator[MakeDevice]:
    """Return a function that makes devices; their lines end with the test."""
    with ExitStack() as stack:

        def make(*arguments: Any, **options: Any) -> Device:
            return stack.enter_context(Device(*arguments, **options))

        yield make


@pytest.fixture
def device(make_device: MakeDevice) -> Device:
    """Return a device on the curve of the usual world."""
    return make_device()
