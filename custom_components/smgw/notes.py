"""What is known of a login beyond its account: what it delivers, and how often."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Self

from homeassistant.util import dt as dt_util

from .contract_notes import ContractNotes
from .han.model import Meter, Snapshot
from .log_notes import LogMark
from .statistics import Edge, edge_of
from .stored import as_json, of_json

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


class RegisterNotes(NamedTuple):
    """What polls have shown of a register that counts."""

    unit: str
    """Of its statistic."""
    first: Edge
    newest: Edge

    def joined(self, other: RegisterNotes) -> RegisterNotes:
        """Return what both have shown; the other one later."""
        earlier = self.first.moment <= other.first.moment
        later = self.newest.moment > other.newest.moment
        return RegisterNotes(
            unit=other.unit,
            first=self.first if earlier else other.first,
            newest=self.newest if later else other.newest,
        )


@dataclass(slots=True)
class MeterNotes:
    """A meter that counts: since when it is there, and until when it was."""

    registers: dict[str, RegisterNotes] = field(default_factory=dict)
    """By OBIS code; at least one."""

    @property
    def first(self) -> datetime:
        """Return the time of its first reading (UTC)."""
        return min(notes.first.moment for notes in self.registers.values())

    @property
    def newest(self) -> datetime:
        """Return the time of its newest reading (UTC)."""
        return max(notes.newest.moment for notes in self.registers.values())

    @classmethod
    def of_meter(cls, meter: Meter) -> Self:
        """Return what a session shows of a meter."""
        notes = cls()
        for reading in meter.readings.values():
            if found := edge_of(meter, reading):
                recorded, edge = found
                code = str(reading.register.obis)
                notes.registers[code] = RegisterNotes(recorded.unit or "", edge, edge)
        return notes

    def joined(self, other: MeterNotes) -> MeterNotes:
        """Return what two sessions have shown."""
        return MeterNotes(
            {
                **other.registers,
                **{
                    code: notes.joined(other.registers.get(code, notes))
                    for code, notes in self.registers.items()
                },
            }
        )


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
    meters: dict[str, MeterNotes] = field(default_factory=dict)
    """All meters that were ever delivered and count."""
    newest: datetime | None = None
    """When the newest reading of the last session was taken (UTC; of this run)."""
    read_at: datetime | None = None
    """When the last good session was (UTC; of this run)."""

    def saw(self, snapshot: Snapshot, now: datetime) -> None:
        """Note a good session; `now` is UTC."""
        self.read_at = now
        for meter in snapshot.meters.values():
            self.registers.update((meter.meter_id, obis) for obis in meter.readings)
            seen = MeterNotes.of_meter(meter)
            if seen.registers:
                known = self.meters.get(meter.meter_id, seen)
                self.meters[meter.meter_id] = known.joined(seen)
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
            "meters": {
                meter_id: as_json(notes.registers)
                for meter_id, notes in self.meters.items()
            },
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
            meters={
                meter_id: MeterNotes(
                    {
                        code: of_json(RegisterNotes, notes)
                        for code, notes in registers.items()
                    }
                )
                for meter_id, registers in (stored.get("meters") or {}).items()
            },
        )
