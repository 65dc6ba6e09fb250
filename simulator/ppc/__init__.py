"""A PPC gateway's consumer interface, simulated."""

from simulator.account import Account
from simulator.clock import SimClock
from simulator.scenario import SCENARIOS, Scenario
from simulator.server import RequestRecord

from .door import Rules
from .gateway import PpcGateway

__all__ = [
    "SCENARIOS",
    "Account",
    "PpcGateway",
    "RequestRecord",
    "Rules",
    "Scenario",
    "SimClock",
]
