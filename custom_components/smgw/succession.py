"""Meters in one another's place: whose rows continue whose statistic; part of the memory.

A statistic is named after its first meter. Those that continue it are ahead of it by a
constant each: what the new one showed first, less what the old one showed last. Both are
kept, and moved when older or newer readings turn up or are corrected, so that readings
may come in any order. What lies between the two nobody has measured, and counts nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple, Self

from .han.model import Register
from .notes import RegisterKey
from .statistics import Edge, Readings, offset_of
from .stored import as_json, of_json


@dataclass(slots=True)
class Ends:
    """What a meter showed first and last, as far as that matters for its neighbours."""

    first: Edge | None = None
    last: Edge | None = None


class Handover(NamedTuple):
    """What polls have shown of a register before and after an exchange."""

    last: Edge | None
    """Of the old meter."""
    first: Edge | None
    """Of the new one."""


class Old(NamedTuple):
    """A meter that another one continues."""

    meter_id: str
    registers: Mapping[str, Handover]
    """By OBIS code."""


class Part(NamedTuple):
    """The share of one meter in a statistic."""

    key: RegisterKey
    ends: Ends
    offset: Decimal
    """By how much it is ahead of the first meter."""


class Line(NamedTuple):
    """The meters of a statistic, in their order; those without readings left out."""

    parts: tuple[Part, ...] = ()

    def offset_at(self, end: datetime) -> Decimal:
        """Return how much the meter is ahead whose row ends at a time (UTC)."""
        part = self.part_at(end)
        return part.offset if part else Decimal(0)

    def part_at(self, end: datetime) -> Part | None:
        """Return the meter whose row ends at a time (UTC)."""
        for part in self.parts:
            if part.ends.last is None or end <= part.ends.last.moment:
                return part
        return self.parts[-1] if self.parts else None

    def offset_of(self, key: RegisterKey) -> Decimal:
        """Return how much a meter is ahead; 0 if nothing of it is known."""
        return next((part.offset for part in self.parts if part.key == key), Decimal(0))


@dataclass(slots=True, kw_only=True)
class Successions:
    """What the owner has said of new meters, and what follows from it."""

    old: dict[str, list[Old]] = field(default_factory=dict)
    """By a new meter's id: those it continues; several where it counts what two did."""
    refused: dict[str, set[str]] = field(default_factory=dict)
    """By a new meter's id: those it does not continue."""
    ends: dict[RegisterKey, Ends] = field(default_factory=dict)
    joined: set[RegisterKey] = field(default_factory=set)
    """Of new meters: whose own statistic, if it had one, has gone over into the old one."""
    unsettled: set[RegisterKey] = field(default_factory=set)
    """Statistics, by their first meter's register, whose sums have yet to follow an edge."""

    def accept(self, meter_id: str, old: Old) -> None:
        """Note that a meter continues another one."""
        self.old.setdefault(meter_id, []).append(old)

    def refuse(self, meter_id: str, others: Iterable[str]) -> None:
        """Note that a meter is none's of these successor."""
        self.refused.setdefault(meter_id, set()).update(others)

    def before(self, key: RegisterKey) -> RegisterKey | None:
        """Return the register that one continues."""
        meter_id, obis = key
        for old in self.old.get(meter_id, ()):
            if obis in old.registers:
                return old.meter_id, obis
            # A meter in between may have lacked it.
            if earlier := self.before((old.meter_id, obis)):
                return earlier
        return None

    def root(self, key: RegisterKey) -> RegisterKey:
        """Return the register that a statistic is named after."""
        while earlier := self.before(key):
            key = earlier
        return key

    def named(self, register: Register) -> Register:
        """Return the register that the statistic of another one is named after."""
        meter_id, _ = self.root((register.meter_id, str(register.obis)))
        return replace(register, meter_id=meter_id)

    def is_continued(self, key: RegisterKey) -> bool:
        """Say whether another meter continues a register."""
        return any(
            old.meter_id == key[0] and key[1] in old.registers
            for olds in self.old.values()
            for old in olds
        )

    def ancestors(self, meter_id: str) -> set[str]:
        """Return the meters that one continues, and those that these do."""
        olds = {old.meter_id for old in self.old.get(meter_id, ())}
        return olds.union(*(self.ancestors(old) for old in olds))

    def waiting(self, key: RegisterKey) -> list[RegisterKey]:
        """Return which registers have yet to go over into the statistic of one."""
        return [member for member in self.members(key)[1:] if member not in self.joined]

    def line(self, key: RegisterKey) -> Line:
        """Return the meters of a register's statistic."""
        parts: list[Part] = []
        last: Edge | None = None
        offset = Decimal(0)
        for member in self.members(key):
            ends = self.ends.get(member)
            if ends is None or not (ends.first or ends.last):
                continue
            if last and ends.first:
                offset = offset_of(last.value, ends.first.value, offset)
            parts.append(Part(member, replace(ends), offset))
            last = ends.last
        return Line(tuple(parts))

    def close(self, key: RegisterKey, last: Edge | None) -> None:
        """Note where the statistic ended that a register is to continue.

        `last` is the reading of its last row; polls may have shown a newer one.
        """
        if (ends := self.ends.get(key)) and ends.first:
            # It has begun already, in an earlier run.
            return
        handover = self._handover(key)
        members = self.members(key)
        earlier = members[: members.index(key)]
        parts = [part for part in self.line(key).parts if part.key in earlier]
        owner = Line(tuple(parts)).part_at(last.moment) if last else None
        for member in earlier:
            ends = self.ends.setdefault(member, Ends())
            if last and member == (owner.key if owner else earlier[0]):
                ends.last = last
            elif ends.last is None:
                ends.last = ends.first
        ended = self.ends[earlier[-1]]
        if handover.last and (last is None or handover.last.moment > last.moment):
            ended.last = handover.last
        before = self._nearest(reversed(earlier)).last
        if handover.first and (
            before is None or handover.first.moment >= before.moment
        ):
            self.ends.setdefault(key, Ends()).first = handover.first

    def _handover(self, key: RegisterKey) -> Handover:
        meter_id, obis = key
        found = (
            old.registers[obis]
            for old in self.old.get(meter_id, ())
            if obis in old.registers
        )
        return next(found, Handover(None, None))

    def admit(
        self, key: RegisterKey, readings: Readings, edges: Iterable[Edge] = ()
    ) -> Readings:
        """Return which readings make rows of the statistic; move its edges by them.

        `edges` are those of the same piece that need not be of the full hour. Two meters never count the same hour: what is older than the end of the one
        before, or newer than the beginning of the next one, is left out.
        """
        members = self.members(key)
        if len(members) == 1:
            return readings
        place = members.index(key)
        before = self._nearest(reversed(members[:place])).last
        behind = self._nearest(members[place + 1 :]).first
        allowed = {
            moment: value
            for moment, value in {**readings, **dict(edges)}.items()
            if (before is None or moment >= before.moment)
            and (behind is None or moment <= behind.moment)
        }
        if not allowed:
            return {}
        known = self.ends.get(key, Ends())
        ends = replace(known)
        oldest, newest = min(allowed), max(allowed)
        if place and (ends.first is None or oldest <= ends.first.moment):
            ends.first = Edge(oldest, allowed[oldest])
        is_last = place == len(members) - 1
        if not is_last and (ends.last is None or newest >= ends.last.moment):
            ends.last = Edge(newest, allowed[newest])
        if ends != known:
            self.ends[key] = ends
            self.unsettled.add(members[0])
        return {
            moment: value
            for moment, value in allowed.items()
            # The row at the very exchange is the old meter's.
            if moment in readings and not (before and moment == before.moment)
        }

    def _nearest(self, members: Iterable[RegisterKey]) -> Ends:
        """Return the ends of the first of meters that has any."""
        found = (self.ends.get(member) for member in members)
        return next((one for one in found if one and (one.first or one.last)), Ends())

    def members(self, key: RegisterKey) -> list[RegisterKey]:
        """Return the registers of a statistic, oldest meter first."""
        if not self.old:
            return [key]
        root = self.root(key)
        later = [
            member
            for meter_id in self.old
            if (member := (meter_id, key[1])) != root and self.root(member) == root
        ]
        return [root, *sorted(later, key=lambda one: len(self.ancestors(one[0])))]

    def as_dict(self) -> dict[str, Any]:
        """Return what is stored."""
        return {
            "old": {
                meter_id: [[old.meter_id, as_json(old.registers)] for old in olds]
                for meter_id, olds in self.old.items()
            },
            "refused": {new: sorted(olds) for new, olds in self.refused.items()},
            "ends": [[*key, as_json(ends)] for key, ends in self.ends.items()],
            "joined": sorted(self.joined),
            "unsettled": sorted(self.unsettled),
        }

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Self:
        """Read what was stored."""
        return cls(
            old={
                meter_id: [
                    Old(
                        old_id,
                        {
                            code: of_json(Handover, handover)
                            for code, handover in registers.items()
                        },
                    )
                    for old_id, registers in olds
                ]
                for meter_id, olds in stored["old"].items()
            },
            refused={new: set(olds) for new, olds in stored["refused"].items()},
            ends={
                (meter_id, obis): of_json(Ends, ends)
                for meter_id, obis, ends in stored["ends"]
            },
            joined={(meter_id, obis) for meter_id, obis in stored["joined"]},
            unsettled={(meter_id, obis) for meter_id, obis in stored["unsettled"]},
        )
