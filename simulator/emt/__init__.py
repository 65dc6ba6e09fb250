"""An external market participant: backend, library, console.

Written from docs/cls-api.md and docs/ledger.md; it knows nothing of the home's code.
"""

from .backend import Emt
from .calls import Call, Span
from .home import Home
from .pipe import LostError
from .session import ProblemError

__all__ = ["Call", "Emt", "Home", "LostError", "ProblemError", "Span"]
