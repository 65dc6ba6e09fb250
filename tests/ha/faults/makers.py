"""The simulated gateways of each maker, and the faults of each."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from simulator import emh, ppc, theben

from .cases import (
    HOUSE_EXPORT,
    HOUSE_HIGH,
    HOUSE_IMPORT,
    HOUSE_LOW,
    STAIRS_IMPORT,
    Case,
)
from .emh_cases import CASES as EMH
from .ppc_cases import CASES as PPC
from .theben_cases import CASES as THEBEN


@dataclass(frozen=True, kw_only=True)
class Maker:
    """A maker, its table of faults, and what its gateway shows of the two meters."""

    gateway: Callable[..., Any]
    scenario: Callable[[], Any]
    cases: tuple[Case, ...]
    registers: frozenset[str] = frozenset(
        {STAIRS_IMPORT, HOUSE_IMPORT, HOUSE_EXPORT, HOUSE_HIGH, HOUSE_LOW}
    )
    live: frozenset[str] = frozenset()
    locking: str = "wrong_password"
    """What the owner is told when the gateway locks itself."""
    attempts: int = 1
    """How often a password that was changed is tried then."""
    locked: str = "portal_locked"
    """What the owner is told while it is locked."""


MAKERS = {
    "ppc": Maker(gateway=ppc.PpcGateway, scenario=ppc.SCENARIOS["two"], cases=PPC),
    "theben": Maker(
        gateway=theben.ThebenGateway,
        scenario=theben.SCENARIOS["two"],
        cases=THEBEN,
        registers=frozenset({STAIRS_IMPORT, HOUSE_IMPORT, HOUSE_EXPORT}),
        live=frozenset({HOUSE_IMPORT}),
        locking="login_dropped",
        attempts=2,
        locked="tls_failed",
    ),
    "emh": Maker(
        gateway=emh.EmhGateway,
        scenario=emh.SCENARIOS["two"],
        cases=EMH,
        locking="login_dropped",
        attempts=2,
        locked="tls_failed",
    ),
}
