"""A PPC gateway's consumer interface, simulated."""

from ..clock import SimClock
from ..scenario import SCENARIOS, Scenario
from ..server import RequestRecord
from .gateway import PpcGateway

__all__ = ["SCENARIOS", "PpcGateway", "RequestRecord", "Scenario", "SimClock"]
