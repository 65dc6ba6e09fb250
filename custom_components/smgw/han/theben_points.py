"""Which usage points of a Theben to ask for a reading, and in which order.

Several usage points often deliver the same register, and each request takes a gateway
one to three seconds. The rule: live ones first (TAF 14, 10, 9), then the load profile
(TAF 7), then all others, running before ready ones; those that had nothing to say the
last time come last. A usage point is asked only if one of its registers is still
missing, or has no value of the last hour: so no register is ever lost.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from .model import Reading
from .theben_pages import RegisterKey, UsagePoint

# By the number of the use case (TAF).
_RANKS = {"14": 0, "10": 1, "9": 2, "7": 3}
# Gas meters are read each hour, and that takes its time.
_FRESH = timedelta(minutes=70)
# A new scaler moves a reading by a factor of ten at least; a household does not, once
# its meter has counted a little.
_LEAP = Decimal("1.5")


def ordered(points: Iterable[UsagePoint], barren: Collection[str]) -> list[UsagePoint]:
    """Return usage points in the order to ask them; `barren` ids come last."""
    return sorted(
        points,
        key=lambda point: (
            point.id in barren,
            _RANKS.get(point.taf.lstrip("0"), len(_RANKS)),
            point.state != "running",
        ),
    )


def is_needed(
    point: UsagePoint, found: Mapping[RegisterKey, Reading], now: datetime
) -> bool:
    """Say whether a usage point may tell more than what was found already."""
    return not point.channels or any(
        (reading := found.get((meter_id or point.only_meter, code))) is None
        or not is_fresh(reading, now)
        for meter_id, code in point.channels
    )


def is_fresh(reading: Reading, now: datetime) -> bool:
    """Say whether a reading is as new as one may expect."""
    return now - reading.capture_time <= _FRESH


def leaps(before: Reading | None, reading: Reading) -> bool:
    """Say whether a meter reading falls, or grows by more than half and 1 unit."""
    if before is None or not reading.register.obis.counts_up:
        return False
    return not before.value <= reading.value <= before.value * _LEAP + 1
