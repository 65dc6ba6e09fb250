"""From single rows to load profiles, whatever the maker."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache, partial
from itertools import chain

from .history import Profile, ProfileRow, ProfileSlice, SignedFile, Span
from .jsonlarge import aside
from .model import Register, Skipped
from .slots import QUARTER, period_of, slots_of
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
        start, end = span.start, span.end
        first, last = start - period, end + period
        slot_of = slots_of(period)
        slots: dict[datetime, ProfileRow] = {}
        disputed: set[datetime] = set()
        for row in chain.from_iterable(self._sources):
            target = row.target_time
            if not first < target <= last:
                continue
            slot = slot_of(target)
            if not start < slot <= end:
                continue
            if slot not in slots:
                slots[slot] = row if slot == target else ProfileRow(slot, *row[1:])
                continue
            known = slots[slot]
            if row.usable and not known.usable:
                slots[slot] = row._replace(target_time=slot)
            elif row.usable and row.value != known.value:
                disputed.add(slot)
        where = f"{self.register.meter_id} {self.register.obis}"
        skipped += [Skipped(where=where, reason="contradiction") for _ in disputed]
        return Profile(
            register=self.register,
            period=period,
            rows=tuple(slots[slot] for slot in sorted(slots.keys() - disputed)),
        )


async def slice_of(
    meter_id: str,
    span: Span,
    builders: Mapping[str, ProfileBuilder],
    skipped: list[Skipped],
    signed: SignedFile | None = None,
) -> ProfileSlice:
    """Return the profiles that have rows; made in a worker thread, one by one."""
    profiles = {}
    for code, builder in builders.items():
        profile = await aside(partial(builder.build, span, skipped))
        if profile.rows:
            profiles[code] = profile
    return ProfileSlice(
        meter_id=meter_id,
        span=span,
        profiles=profiles,
        skipped=tuple(skipped),
        signed=signed,
    )


def newest(span: Span, longest: timedelta) -> Span:
    """Return the newest part of a span, not longer than `longest`."""
    return Span(max(span.start, span.end - longest), span.end)
