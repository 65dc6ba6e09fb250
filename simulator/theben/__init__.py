"""A Theben CONEXA 3.0's consumer interface, simulated.

Sources: the maker's interface description 1.4 (2020) and consumer handbook
2.13 (2025), and what users and authors of clients observed. Where neither says
anything the docstrings say "decided here".
"""

from simulator.account import Account
from simulator.clock import SimClock
from simulator.scenario import Scenario
from simulator.server import RequestRecord

from .gateway import ThebenGateway
from .usage import SCENARIOS

__all__ = [
    "SCENARIOS",
    "Account",
    "RequestRecord",
    "Scenario",
    "SimClock",
    "ThebenGateway",
]
