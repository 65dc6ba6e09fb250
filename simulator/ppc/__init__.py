"""A PPC gateway's consumer interface, simulated."""

from simulator.clock import SimClock
from simulator.scenario import SCENARIOS, Scenario
from simulator.server import RequestRecord

from .gateway import PpcGateway
from .view import Account

__all__ = [
    "SCENARIOS",
    "Account",
    "PpcGateway",
    "RequestRecord",
    "Scenario",
    "SimClock",
]
