"""The simulated gateways of each maker, and the faults of each."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from simulator import ppc

from .cases import (
    HOUSE_EXPORT,
    HOUSE_HIGH,
    HOUSE_IMPORT,
    HOUSE_LOW,
    STAIRS_IMPORT,
    Case,
)
from .ppc_cases import CASES as PPC


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
    locked: str = "portal_locked"
    """What the owner is told while the gateway has locked itself."""


MAKERS = {
    "ppc": Maker(gateway=ppc.PpcGateway, scenario=ppc.SCENARIOS["two"], cases=PPC),
}
