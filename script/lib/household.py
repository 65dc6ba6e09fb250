"""The meters of the demo: registers that go on counting where they were when the demo is started again."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal
import json
from pathlib import Path
import sys

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from simulator.scenario import Scenario, house, one_meter  # noqa: E402

SEED = 2017
# The meter that the Energy dashboard shows.
GRID_METER = "1emh0012345678"
CONSUMPTION = "1-0:1.8.0"
FEED_IN = "1-0:2.8.0"


class Household:
    """What stands behind a simulated gateway, as the demo knows it without asking the gateway.

    The gateway is a process of its own; with the same seed both compute the
    same registers.
    """

    def __init__(self, scenario: Scenario, anchor: datetime) -> None:
        """Fix the registers to the time of the first start."""
        self._scenario = scenario
        scenario.bind(SEED, anchor)

    def truth(self, meter: str, obis: str, at: datetime) -> Decimal:
        """Return what a register shows at a time."""
        return self._scenario.meters[meter].register(obis).truth(at)

    def read_at(self, meter: str, now: datetime) -> datetime:
        """Return the time of the newest reading."""
        return self._scenario.meters[meter].latest_target(now)

    def write(self, file: Path, now: datetime) -> None:
        """Write the scenario file that lets a gateway which starts now go on from here."""
        meters = []
        for spec in self._scenario.meter_specs:
            target = self.read_at(spec.id, now)
            registers = [
                asdict(register)
                | {"start": str(self.truth(spec.id, register.obis, target))}
                for register in spec.registers
            ]
            meters.append(asdict(spec) | {"registers": registers})
        contracts = [asdict(spec) for spec in self._scenario.contract_specs]
        content = {
            "consumer": self._scenario.consumer,
            "meters": meters,
            "contracts": contracts,
        }
        file.write_text(json.dumps(content, indent=1), encoding="utf-8")


def first_start(config: Path) -> datetime:
    """Return when the demo with this config folder was started for the first time."""
    file = config / "demo.json"
    if not file.exists():
        file.write_text(json.dumps({"first_start": datetime.now(UTC).isoformat()}))
    return datetime.fromisoformat(json.loads(file.read_text())["first_start"])


def main_household(anchor: datetime) -> Household:
    """Return the five meters of the gateway that is added already."""
    return Household(house(), anchor)


def second_household(anchor: datetime) -> Household:
    """Return the one meter of the gateway that is left to be added by hand."""
    return Household(one_meter(), anchor)
