"""A world, a device, and a small home that serves the EMT through them."""

from collections.abc import Callable

import pytest

from simulator.cls import World
from simulator.emt import Home
from tests.simulator.cls.conftest import begin, device, make_device, world
from tests.simulator.cls.device import Device

from .house import House

__all__ = ["begin", "device", "make_device", "world"]

type Come = Callable[..., Home]


@pytest.fixture
def house() -> House:
    """Return a home with an empty ledger."""
    return House()


@pytest.fixture
def come(world: World, device: Device, house: House) -> Come:
    """Return a function that lets the home dial once (more), and the EMT's view of it."""
    world.admit(device.pem)
    tunnels = 0

    def dial() -> Home:
        nonlocal tunnels
        tunnels += 1
        device.serve(device.socks(world), house.handler)
        return world.emt.wait_home(10, tunnels=tunnels)

    return dial


@pytest.fixture
def home(come: Come) -> Home:
    """Return the EMT's view of a home that is connected."""
    return come()
