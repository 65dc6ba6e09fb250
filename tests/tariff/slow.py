"""A second, slow way to compute a bill, made of fractions and wall-clock strings.

It shares nothing with the code under test: it walks the minutes of the German clock as
`zoneinfo` tells them, and looks stages up in a table of texts.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Europe/Berlin")


def bill(
    values: Mapping[datetime, Decimal],
    first: str,
    after: str,
    table: Mapping[str, Mapping[str, int]],
) -> dict[int, Fraction]:
    """Return energy by stage from the midnight of `first` to that of `after`.

    `table` holds, by day, the wall times `HH:MM` at which a stage begins.
    """
    start = datetime.fromisoformat(f"{first}T00:00").replace(tzinfo=ZONE)
    end = datetime.fromisoformat(f"{after}T00:00").replace(tzinfo=ZONE)
    minutes = int((end.astimezone(UTC) - start.astimezone(UTC)).total_seconds() // 60)
    energy: dict[int, Fraction] = {}
    last = Fraction(values[start.astimezone(UTC)])
    holes = False
    stage = 0
    for minute in range(minutes):
        now = start.astimezone(UTC) + timedelta(minutes=minute)
        if minute % 15 == 0:
            wall = now.astimezone(ZONE)
            begins = table[wall.strftime("%Y-%m-%d")]
            stage = begins[max(t for t in begins if t <= wall.strftime("%H:%M"))]
        if minute % 15 == 14:
            value = values.get(now + timedelta(minutes=1))
            if value is None:
                holes = True
                continue
            key = 63 if holes else stage
            energy[key] = energy.get(key, Fraction(0)) + Fraction(value) - last
            last, holes = Fraction(value), False
    return energy
