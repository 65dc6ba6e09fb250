"""What every gateway with meters behind it tells a test, whoever made it."""

from datetime import datetime
from decimal import Decimal

from .scenario import Scenario
from .server import SimulatedServer


class MeteringServer(SimulatedServer):
    """A server in whose house there are meters."""

    scenario: Scenario

    def true_register(self, meter_id: str, obis: str, at: datetime) -> Decimal:
        """Return a register's exact value at an aware time, four decimals.

        In kWh, m3 or the unit of a momentary value. Holds for history too, and of an
        exchanged meter. The register rests in the first five seconds of each quarter
        hour: target time and capture time have the same value.
        """
        return self.scenario.meters.ever(meter_id).register(obis).truth(at)

    def override(
        self, meter_id: str, obis: str, at: datetime | None = None, **change: str | None
    ) -> None:
        """Change what readings show; see ``MeterPark.override``."""
        self.scenario.meters.override(meter_id, obis, at, **change)
