"""Whether a gateway delivers values of this moment, or those of its slots only.

That depends on how the operator has configured the meters, and may change (observed
with EMH: some show power, voltage and current of this minute, others two registers
every quarter hour).
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal

from .model import Reading, Snapshot
from .slots import QUARTER

# About a minute, and what an answer may take.
_FRESH = timedelta(seconds=90)
# Values of a slot are stamped some seconds behind it.
_STAMPED = timedelta(seconds=30)
# Whoever shows the same numbers for so long shows nothing live.
_STILL = QUARTER


class Liveness:
    """What the readings of one account tell of that, one snapshot after the other."""

    def __init__(self) -> None:
        """Start with a gateway that is not live."""
        self.live = False
        """Whether it is worth being read more often than each quarter hour."""
        self._values: dict[tuple[str, str], Decimal] = {}
        self._changed: datetime | None = None

    def saw(self, snapshot: Snapshot, now: datetime) -> None:
        """Judge by a snapshot; `now` (UTC) is when it was taken."""
        readings = list(_momentary(snapshot))
        values = {
            (reading.register.meter_id, str(reading.register.obis)): reading.value
            for reading in readings
        }
        if values != self._values or self._changed is None:
            self._values, self._changed = values, now
        clock = snapshot.gateway.clock or now
        fresh = [r for r in readings if abs(clock - r.capture_time) <= _FRESH]
        if not fresh or now - self._changed >= _STILL:
            self.live = False
        elif any(_between_slots(reading) for reading in fresh):
            self.live = True
        # Else it was asked right behind a slot, where both kinds look alike.


def _momentary(snapshot: Snapshot) -> Iterator[Reading]:
    """Return the readings of this moment: power, voltage, current ... (C.7.0)."""
    for meter in snapshot.meters.values():
        for reading in meter.readings.values():
            obis = reading.register.obis
            if (obis.a, obis.d) == (1, 7):
                yield reading


def _between_slots(reading: Reading) -> bool:
    behind = timedelta(
        seconds=reading.capture_time.timestamp() % QUARTER.total_seconds()
    )
    return _STAMPED < behind < QUARTER - _STAMPED
