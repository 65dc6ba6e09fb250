"""A PPC gateway's consumer interface, simulated."""

from simulator.clock import SimClock
from simulator.scenario import SCENARIOS, Scenario
from simulator.server import RequestRecord

from .door import Rules
from .gateway import PpcGateway
from .view import Account

__all__ = [
    "SCENARIOS",
    "Account",
    "PpcGateway",
    "RequestRecord",
    "Rules",
    "Scenario",
    "SimClock",
]
