"""An EMH CASA 1.1's consumer interface, simulated.

Sources: what authors of clients and users observed, and names, types and paths
that the official transparency software of 2019 to 2021 knows. Where nobody says
anything the docstrings say "decided here".
"""

from simulator.account import Account
from simulator.clock import SimClock
from simulator.scenario import SCENARIOS, Scenario
from simulator.server import RequestRecord

from .gateway import Announcement, EmhGateway

__all__ = [
    "SCENARIOS",
    "Account",
    "Announcement",
    "EmhGateway",
    "RequestRecord",
    "Scenario",
    "SimClock",
]
