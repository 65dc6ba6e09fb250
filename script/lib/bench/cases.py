"""What is measured: a gateway, the two clients that read it, and the goals."""

from __future__ import annotations

from dataclasses import dataclass

MAX_CPU_RATIO = 0.5
MAX_HOLD = 0.005  # seconds

# The clock stands: every poll of both clients finds the same values.
CLOCK = "2026-01-15T10:05:00"


@dataclass(frozen=True, slots=True)
class Case:
    """One gateway and how often it may be asked per poll."""

    title: str
    gateway: tuple[str, ...]
    """Arguments of the simulator."""
    max_requests: int
    """Challenge, login, meter list, one per meter, logout; see the driver."""
    ours: str = "bench.our_client"
    peer: str = "bench.peer_client"


POLLS = (
    Case("1 meter, 1 register", ("--scenario", "one"), max_requests=4),
    Case(
        "the same, welcome page needed",
        ("--scenario", "one", "--fault", "get_first_only"),
        max_requests=5,
    ),
    Case("5 meters, 8 registers", ("--scenario", "house"), max_requests=8),
)

PAGE_ROWS = 200
PAGE = Case(
    f"page of {PAGE_ROWS} rows",
    ("--scenario", "one", "--fault", f"small_pages:rows={PAGE_ROWS}"),
    max_requests=0,
)
