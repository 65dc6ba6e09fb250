"""How a history is put before a sensor's own statistics: pure functions.

Rows that the recorder has made itself keep their course: all of them are lifted by the
same amount, so that they go on where the history ends.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import NamedTuple

from .statistics import Row

# What floats in a database may be off.
_NOISE = Decimal("0.000001")


class Merge(NamedTuple):
    """What is to be done to a sensor's statistics."""

    lift: Decimal
    """To be added, first, to the sums of all its rows."""
    rows: tuple[Row, ...]
    """To be put before them, by time."""


def _same(_: Row) -> Decimal:
    return Decimal(0)


def merge(
    history: Sequence[Row], first: Row, ahead: Callable[[Row], Decimal] = _same
) -> Merge | None:
    """Return how to put a history before the first row of a sensor's own.

    `history` by time, of the same register and in the same unit. `ahead` tells how much
    the meter of a row is ahead of the first one, where one has taken another's place.
    None if the two do not fit: the sensor begins below the register that the history
    ends with.
    """
    rows = tuple(row for row in history if row.start < first.start)
    if not rows:
        return Merge(Decimal(0), ())
    used = (first.state - ahead(first)) - (rows[-1].state - ahead(rows[-1]))
    if used < -_NOISE:
        return None
    lift = rows[-1].sum + used - first.sum
    return Merge(lift if abs(lift) > _NOISE else Decimal(0), rows)
