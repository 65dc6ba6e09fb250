"""What is known of a login beyond its account: what it delivers, and how often."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Self

from homeassistant.util import dt as dt_util

from .contract_notes import ContractNotes
from .han.model import Snapshot
from .log_notes import LogMark

type RegisterKey = tuple[str, str]
"""Meter id and OBIS code."""

# So many steps are remembered: a contract that became slower is believed after as many.
_STEPS = 4
# Readings may be late by so many of their steps, but at least by a few quarter hours.
_LATE = 3
_SOONEST = timedelta(hours=2)
# Until the rhythm is known: a contract of day values may have just begun.
_UNKNOWN_RHYTHM = timedelta(days=3)
# One bad slot is not worth a word.
_EMPTY = timedelta(hours=1)


@dataclass(slots=True, kw_only=True)
class LoginNotes:
    """Notes of one login; what is not said to be of this run outlives a restart."""

    registers: set[RegisterKey] = field(default_factory=set)
    """All that was ever delivered."""
    steps: list[timedelta] = field(default_factory=list)
    """Between the last newest readings: the rhythm new ones come in."""
    empty_since: datetime | None = None
    """Since when sessions have brought no reading at all (UTC)."""
    log: LogMark = field(default_factory=LogMark)
    """How far its consumer log has been read."""
    contracts: ContractNotes = field(default_factory=ContractNotes)
    """What it sees of its contracts."""
    newest: datetime | None = None
    """When the newest reading of the last session was taken (UTC; of this run)."""
    read_at: datetime | None = None
    """When the last good session was (UTC; of this run)."""

    def saw(self, snapshot: Snapshot, now: datetime) -> None:
        """Note a good session; `now` is UTC."""
        self.read_at = now
        for meter in snapshot.meters.values():
            self.registers.update((meter.meter_id, obis) for obis in meter.readings)
        before = self.newest
        self.newest = snapshot.last_capture
        if self.newest is None:
            self.empty_since = self.empty_since or now
            return
        self.empty_since = None
        if before is not None and self.newest > before:
            self.steps = [*self.steps, self.newest - before][-_STEPS:]

    def forget_rhythm(self) -> None:
        """Start over: another account may have other contracts."""
        self.steps, self.empty_since, self.newest = [], None, None
        self.contracts.read_at = None
        self.log = LogMark()

    @property
    def patience(self) -> timedelta:
        """Return how old the newest reading may be when it is read.

        Compared with how often new ones came before; a contract of day values is not
        late in the evening.
        """
        return max(_SOONEST, _LATE * min(self.steps)) if self.steps else _UNKNOWN_RHYTHM

    @property
    def overdue(self) -> bool:
        """Say whether the newest reading was too old when it was read."""
        if self.newest is None or self.read_at is None:
            return False
        return self.read_at - self.newest > self.patience

    @property
    def barren(self) -> bool:
        """Say whether sessions bring no reading: never yet, or no more for an hour."""
        if self.empty_since is None or self.read_at is None:
            return False
        return not self.registers or self.read_at - self.empty_since >= _EMPTY

    def as_dict(self) -> dict[str, Any]:
        """Return what is stored."""
        registers: dict[str, list[str]] = {}
        for meter_id, obis in sorted(self.registers):
            registers.setdefault(meter_id, []).append(obis)
        return {
            "registers": registers,
            "steps": [step.total_seconds() for step in self.steps],
            "empty_since": self.empty_since and self.empty_since.isoformat(),
            "contracts": self.contracts.as_dict(),
            "log": self.log.as_dict(),
        }

    @classmethod
    def of(cls, stored: dict[str, Any]) -> Self:
        """Read what was stored."""
        empty_since = stored["empty_since"]
        return cls(
            registers={
                (meter_id, obis)
                for meter_id, codes in stored["registers"].items()
                for obis in codes
            },
            steps=[timedelta(seconds=seconds) for seconds in stored["steps"]],
            empty_since=empty_since
            and dt_util.parse_datetime(empty_since, raise_on_error=True),
            contracts=ContractNotes.of(stored.get("contracts") or {}),
            log=LogMark.of(stored.get("log") or {}),
        )
