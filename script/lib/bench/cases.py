"""What is measured: a gateway, the clients that read it, and the goals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

MAX_CPU_RATIO = 0.5
MAX_HOLD = 0.005  # seconds

# The clock stands: every poll of both clients finds the same values.
CLOCK = "2026-01-15T10:05:00"

OURS = "bench.our_client"


@dataclass(frozen=True, slots=True)
class Case:
    """One gateway and how often it may be asked per poll."""

    title: str
    gateway: tuple[str, ...]
    """Arguments of the simulator, the maker first."""
    max_requests: int
    """See the driver: challenge, login, lists, one per meter or usage point, logout."""
    peer: str = ""
    """The published client; empty where there is none, or none that reads as much."""
    first: bool = False
    """Whether each poll is a client's first one, which knows nothing yet."""
    max_cpu_ratio: float | None = None


def _ppc(title: str, max_requests: int, *arguments: str) -> Case:
    return Case(
        f"PPC, {title}",
        ("ppc", *arguments),
        max_requests,
        peer="bench.peer_ppc",
        max_cpu_ratio=MAX_CPU_RATIO,
    )


_ONE = ("--scenario", "one")
_HOUSE = ("--scenario", "house")
_THEBEN = "bench.peer_theben"

POLLS = (
    _ppc("1 meter, 1 register", 4, *_ONE),
    _ppc("the same, welcome page needed", 5, *_ONE, "--fault", "get_first_only"),
    _ppc("5 meters, 8 registers", 8, *_HOUSE),
    Case("Theben, 1 meter, 1 register", ("theben", *_ONE), 3, _THEBEN),
    Case(
        "Theben, 1 meter, 1 register, first poll",
        ("theben", *_ONE),
        6,
        _THEBEN,
        first=True,
    ),
    Case("Theben, 5 meters, 8 registers", ("theben", *_HOUSE), 8),
    # nine usage points, each asked for its registers and for its readings
    Case(
        "Theben, 5 meters, 8 registers, first poll",
        ("theben", *_HOUSE),
        22,
        first=True,
    ),
    Case(
        "Theben, contracts with years of daily periods, first poll",
        ("theben", *_HOUSE, "--fault", "daily_periods"),
        22,
        first=True,
    ),
    Case("EMH, 1 meter, 1 register", ("emh", *_ONE), 4),
    Case("EMH, 5 meters, 8 registers", ("emh", *_HOUSE), 8),
)

PAGE_ROWS = 200
PAGE = Case(
    f"PPC, page of {PAGE_ROWS} rows",
    ("ppc", *_ONE, "--fault", f"small_pages:rows={PAGE_ROWS}"),
    max_requests=0,
    peer="bench.peer_ppc",
)

# Two years of quarter hours of two registers.
HISTORY_DAYS = 730
HISTORY_METER = "1emh0012345678"
HISTORY_REGISTERS = ("1-0:1.8.0", "1-0:2.8.0")
HISTORY_READINGS = HISTORY_DAYS * 96 * len(HISTORY_REGISTERS)
MIN_READINGS = 80_000  # a second
HISTORY = (
    Case("PPC, signed exports", ("ppc",), 0, "bench.peer_ppc"),
    Case("Theben, JSON", ("theben",), 0),
    Case("EMH, JSON", ("emh",), 0),
)


def history_scenario(registers: tuple[str, ...] = HISTORY_REGISTERS) -> dict[str, Any]:
    """Return the file of a meter that has been there all the time."""
    return {
        "meters": [
            {
                "id": HISTORY_METER,
                "registers": [
                    {"obis": obis, "start": "90000", "yearly": 3500}
                    for obis in registers
                ],
            }
        ],
        "contracts": [
            {
                "name": "TAF7",
                "taf": 7,
                "meter": HISTORY_METER,
                "obis": list(registers),
                "begin_days": -HISTORY_DAYS - 1,
            }
        ],
    }
