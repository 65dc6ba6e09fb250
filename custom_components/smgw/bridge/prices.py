"""Price tables of participants: which one counts, and what it says."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from ..control.command import Slot
from ..control.model import Role

if TYPE_CHECKING:
    from .room import ControlRoom

# Whose prices count, where several send some.
_ORDER = (
    Role.SUPPLIER,
    Role.SERVICE_PROVIDER,
    Role.GRID_OPERATOR,
    Role.METERING_OPERATOR,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceTable:
    """One participant's prices, in the order of time."""

    participant_id: str
    unit: str
    slots: Sequence[Slot]

    def at(self, moment: datetime) -> Slot | None:
        """Return the slot of a moment (UTC)."""
        found = (slot for slot in self.slots if slot.start <= moment < slot.end)
        return next(found, None)

    def next_edge(self, moment: datetime) -> datetime | None:
        """Return when the price changes next (UTC)."""
        edges = (edge for slot in self.slots for edge in (slot.start, slot.end))
        return min((edge for edge in edges if edge > moment), default=None)


def price_table(
    room: ControlRoom, participant_id: str | None = None
) -> PriceTable | None:
    """Return a participant's table, or the one that counts: a supplier's before others'."""
    tables = room.picture.prices
    order = sorted(
        (p for p in room.setup.participants if p.participant_id in tables),
        key=lambda p: _ORDER.index(p.role),
    )
    for participant in order:
        if participant_id in (None, participant.participant_id):
            found = tables[participant.participant_id]
            return PriceTable(
                participant_id=participant.participant_id,
                unit=found.unit,
                slots=found.slots,
            )
    return None
