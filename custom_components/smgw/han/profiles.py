"""From single rows to load profiles, whatever the maker."""

from datetime import datetime, timedelta
from functools import lru_cache

from .history import Profile, ProfileRow, Span
from .model import Register, Skipped
from .slots import QUARTER, period_of, slot_of
from .status import quality

# Status words repeat: most rows of a year have the same one.
cached_quality = lru_cache(maxsize=256)(quality)


class ProfileBuilder:
    """Collects the rows of one register; each target time has one row in the end.

    The first source that has a usable value for a slot wins; sources are added in
    the order they are trusted in.
    """

    def __init__(self, register: Register) -> None:
        """Take the register."""
        self.register = register
        self._sources: list[list[ProfileRow]] = []

    def add(self, rows: list[ProfileRow]) -> None:
        """Add what one source has, in any order."""
        self._sources.append(rows)

    def build(self, span: Span, skipped: list[Skipped]) -> Profile:
        """Return the profile in a span; add slots that contradict themselves to `skipped`.

        Target times are snapped to the grid, which the rows themselves show.
        """
        period = (
            period_of(row.target_time for rows in self._sources for row in rows)
            or QUARTER
        )
        around = Span(span.start - period, span.end + period)
        slots: dict[datetime, ProfileRow] = {}
        disputed: set[datetime] = set()
        for rows in self._sources:
            for row in rows:
                if row.target_time not in around:
                    continue
                slot = slot_of(row.target_time, period)
                if slot not in span:
                    continue
                known = slots.get(slot)
                if known is None or (row.usable and not known.usable):
                    if slot != row.target_time:
                        row = row._replace(target_time=slot)
                    slots[slot] = row
                elif row.usable and row.value != known.value:
                    disputed.add(slot)
        where = f"{self.register.meter_id} {self.register.obis}"
        skipped += [Skipped(where=where, reason="contradiction") for _ in disputed]
        kept = (row for slot, row in slots.items() if slot not in disputed)
        return Profile(
            register=self.register,
            period=period,
            rows=tuple(sorted(kept, key=lambda row: row.target_time)),
        )


def newest(span: Span, longest: timedelta) -> Span:
    """Return the newest part of a span, not longer than `longest`."""
    return Span(max(span.start, span.end - longest), span.end)
