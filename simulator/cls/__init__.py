"""The other half of the CLS world: a gateway's proxy, and EMTs behind it.

``World`` is what tests, demo and benchmarks use; see docs/cls-simulator.md.
"""

from .profiles import Profile
from .world import World

__all__ = ["Profile", "World"]
