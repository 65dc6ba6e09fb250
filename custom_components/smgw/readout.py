"""A span of a meter's history, collected over as many sessions as it takes.

What was read is kept: who asks for the same span again goes on where it ended.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from homeassistant.util import dt as dt_util

from .billing import Counted
from .export.cms import Signed
from .han.errors import SignatureBroken
from .han.history import (
    Contract,
    HistorySession,
    Profile,
    ProfileRow,
    ProfileSlice,
    SignedFile,
    Span,
)
from .han.model import Register

if TYPE_CHECKING:
    from .supplement import Supplement

# Newer values may come in late.
_SETTLED = timedelta(hours=1)
_KEPT = timedelta(hours=2)
# Rows; about half a year of two registers.
_LARGE = 40_000


@dataclass(slots=True)
class _Column:
    """The rows of one register."""

    register: Register
    period: timedelta
    rows: dict[datetime, ProfileRow] = field(default_factory=dict)


class Readout:
    """What is known of one meter's load profiles, through one account."""

    def __init__(self, meter_id: str, *, originals: bool = False) -> None:
        """Start with nothing; `originals` keeps signed files in place of their rows."""
        self.meter_id = meter_id
        self.originals = originals
        self.contracts: tuple[Contract, ...] | None = None
        """Those of the account; None if they were not asked for."""
        self.counted: dict[object, Counted] = {}
        """What the gateway has counted itself, by what was asked for."""
        self.supplements: dict[object, Supplement] = {}
        """What else was read for a file that is not written yet, by what was asked for."""
        self.broken = False
        """Whether a signed original is broken; then its rows are missing."""
        self._columns: dict[str, _Column] = {}
        self._covered: list[Span] = []
        self._signed: list[tuple[Span, SignedFile]] = []
        self._opened: list[tuple[Span, Signed]] = []

    def missing(self, span: Span) -> Span | None:
        """Return the newest part of a span that was not read yet."""
        end = span.end
        for known in sorted(self._covered, key=lambda one: one.end, reverse=True):
            if known.end < end:
                return Span(max(known.end, span.start), end)
            end = min(end, known.start)
            if end <= span.start:
                return None
        return Span(span.start, end)

    def add(self, found: ProfileSlice, now: datetime) -> None:
        """Take what a slice holds, read at a time (UTC)."""
        newest = found.span.start
        for code, profile in found.profiles.items():
            if profile.rows:
                newest = max(newest, profile.rows[-1].target_time)
            if self.originals:
                continue
            column = self._columns.setdefault(
                code, _Column(profile.register, profile.period)
            )
            column.period = profile.period
            column.rows.update((row.target_time, row) for row in profile.rows)
        end = found.span.end
        if end > now - _SETTLED and not self.broken:
            end = min(end, max(newest, now - _SETTLED))
        self._cover(Span(found.span.start, end))
        if found.signed and self.originals:
            self._signed.append((found.span, found.signed))

    def profiles(self, span: Span) -> dict[str, Profile]:
        """Return what is known of a span, by OBIS code; takes its time."""
        found = {}
        for code, column in sorted(self._columns.items()):
            rows = tuple(
                column.rows[moment] for moment in sorted(column.rows) if moment in span
            )
            if rows:
                found[code] = Profile(
                    register=column.register, period=column.period, rows=rows
                )
        return found

    @property
    def size(self) -> int:
        """Return how many rows are kept."""
        return sum(len(column.rows) for column in self._columns.values())

    def signed(self, span: Span) -> list[SignedFile]:
        """Return the signed originals that touch a span, oldest first."""
        return _touching(self._signed, span)

    def opened(self, span: Span) -> list[Signed]:
        """Return what the originals' signatures say, without content."""
        return _touching(self._opened, span)

    async def async_fill(
        self,
        session: HistorySession,
        span: Span,
        may_go_on: Callable[[], bool],
        now: Callable[[], datetime],
    ) -> bool:
        """Read from the newest on back; say whether all of the span is known.

        Raises `SmgwError`; what was read until then is kept.
        """
        tried: set[Span] = set()
        while (part := self.missing(span)) and part not in tried:
            if not may_go_on():
                return False
            tried.add(part)
            try:
                found = await session.profile(self.meter_id, part)
            except SignatureBroken as err:
                if err.original is None:
                    raise
                found, self.broken = err.original, True
            if found.signed:
                self._opened.append((found.span, found.signed.opened))
            self.add(found, now())
        return True

    def _cover(self, span: Span) -> None:
        """Note that a span was read."""
        start, end = span.start, span.end
        apart: list[Span] = []
        for known in self._covered:
            if known.end < start or end < known.start:
                apart.append(known)
            else:
                start, end = min(start, known.start), max(end, known.end)
        self._covered = [*apart, Span(start, end)] if start < end else apart


class Readouts:
    """What was read of each meter by an action, by login and meter."""

    def __init__(self) -> None:
        """Start with nothing."""
        self._known: dict[tuple[str, str, bool], tuple[datetime, Readout]] = {}

    def of(self, login_id: str, meter_id: str, *, originals: bool = False) -> Readout:
        """Return what is known of a meter; it is kept for two hours from now on.

        What was broken is read anew.
        """
        key = login_id, meter_id, originals
        known = self._known.get(key)
        if known and not known[1].broken:
            readout = known[1]
        else:
            readout = Readout(meter_id, originals=originals)
        self._known[key] = dt_util.utcnow(), readout
        return readout

    def answered(self, readout: Readout) -> None:
        """Let go of what is large, now that whoever asked has it."""
        if readout.originals or readout.size > _LARGE:
            self._known = {k: v for k, v in self._known.items() if v[1] is not readout}

    def forget_old(self) -> None:
        """Let go of what nobody has asked for lately."""
        limit = dt_util.utcnow() - _KEPT
        self._known = {k: v for k, v in self._known.items() if v[0] > limit}


def _touching[T](parts: Iterable[tuple[Span, T]], span: Span) -> list[T]:
    """Return what belongs to parts that touch a span, oldest first; the newest of each."""
    touching = {
        part: one
        for part, one in parts
        if part.start < span.end and span.start < part.end
    }
    return [touching[part] for part in sorted(touching)]


def gaps(profile: Profile, span: Span) -> int:
    """Return how many slots have no row, from the first row in a span to its end."""
    there = [row.target_time for row in profile.rows if row.target_time in span]
    if not there:
        return 0
    return (span.end - there[0]) // profile.period + 1 - len(there)


def unusable(rows: Iterable[ProfileRow]) -> int:
    """Return how many rows are not to be counted with."""
    return sum(not row.usable for row in rows)
