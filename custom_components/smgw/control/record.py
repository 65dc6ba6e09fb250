"""One command's life, as it is kept on disk."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, Self

from . import canonical, codec
from .canonical import Json, moment, number
from .clock import Stamp
from .command import Command, Door, Origin, SetLimit, SetSchedule, Slot, State, Verdict
from .model import Direction
from .reasons import EffectReason, EndReason, Reason

type Key = tuple[str, str]
"""Participant, and transaction id of the first try."""


class Phase(StrEnum):
    """Where a command stands."""

    SCHEDULED = "scheduled"
    STARTING = "starting"
    """What is to be done is in the ledger; what came of it is not yet."""
    ACTIVE = "active"
    OVER = "over"


class EffectState(StrEnum):
    """Whether the home is where the command wants it."""

    EFFECTIVE = "effective"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What is known of a command's effect, since when."""

    state: EffectState
    reason: EffectReason
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Powers in W at the grid connection point under one limit."""

    before: Decimal | None = None
    effect: Decimal | None = None
    """When it became effective."""
    highest: Decimal | None = None
    total: Decimal = Decimal(0)
    samples: int = 0
    """One a minute."""
    above: int = 0
    """Samples above the limit."""

    def sampled(self, watts: Decimal, limit: Decimal) -> Measured:
        """Return it with one sample more."""
        return replace(
            self,
            highest=watts if self.highest is None else max(self.highest, watts),
            total=self.total + watts,
            samples=self.samples + 1,
            above=self.above + (watts > limit),
        )

    def written(self) -> dict[str, Json]:
        """Return it as JSON."""
        fields: dict[str, Json] = {
            name: number(value)
            for name in ("before", "effect", "highest")
            if (value := getattr(self, name)) is not None
        }
        if self.samples:
            fields |= {
                "total": number(self.total),
                "samples": self.samples,
                "above": self.above,
            }
        return fields

    @classmethod
    def read(cls, fields: Mapping[str, Any]) -> Self:
        """Return what `written` wrote."""
        powers = ("before", "effect", "highest", "total")
        return cls(
            **{name: Decimal(fields[name]) for name in powers if name in fields},
            samples=fields.get("samples", 0),
            above=fields.get("above", 0),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A command, what was decided, and what became of it."""

    command: Command
    digest: str
    """Of its content."""
    verdict: Verdict
    received: datetime
    order: int
    """Number of the row that tells of it: later commands have larger ones."""
    phase: Phase
    start: datetime
    until: datetime | None
    """As resolved; None: without an end, or there is nothing to end."""
    watts: Decimal | None = None
    """Of a limit, resolved from percent."""
    value: Json = None
    """What an item was to get, as it was resolved when the command began."""
    rest: Json = None
    """What it returns to afterwards; None: it is left as it is."""
    active: datetime | None = None
    effect: Effect | None = None
    ended: datetime | None = None
    end: EndReason | None = None
    measured: Measured = Measured()
    registers: tuple[Json, ...] = ()
    """Meter readings at the start."""
    starts: float = 0
    ends: float | None = None
    """Start and end on this run's monotonic clock; not kept."""
    recovered: bool = False
    """An earlier run was stopped in the middle of it; not kept."""
    carried: bool = False
    """An earlier run took it, so that its times here rest on what the clock said at the start; not kept."""

    @property
    def key(self) -> Key:
        """Return what names it."""
        return self.command.key

    @property
    def direction(self) -> Direction | None:
        """Return what a limit limits; None: it is no limit."""
        body = self.command.body
        return body.direction if isinstance(body, SetLimit | SetSchedule) else None

    @property
    def follows_clock(self) -> bool:
        """Say whether its times are to move if the clock is found to have been wrong at the start."""
        is_schedule = isinstance(self.command.body, SetSchedule)
        return self.carried and (self.phase is Phase.SCHEDULED or is_schedule)

    def limit_at(self, now: Stamp) -> Decimal | None:
        """Return the limit in W at a moment; None: nothing is limited then."""
        match self.command.body:
            case SetLimit():
                return self.watts
            case SetSchedule():
                slot = self.slot_at(now)
                return None if slot is None else slot.value
        return None

    def slot_at(self, now: Stamp) -> Slot | None:
        """Return the slot of a schedule at a moment, counted from its start: a clock that jumps skips none."""
        body = self.command.body
        at = self.start + timedelta(seconds=now.monotonic - self.starts)
        if isinstance(body, SetSchedule):
            for slot in body.slots:
                if slot.start <= at < slot.end:
                    return slot
        return None

    @property
    def state(self) -> State:
        """Return what its participant is told."""
        if self.phase is Phase.OVER:
            return self._last_state()
        if self.phase is Phase.SCHEDULED:
            return State.SCHEDULED
        if self.effect is not None:
            return State(self.effect.state)
        return State.POSSIBLE if self.phase is Phase.STARTING else State.ACTIVE

    def _last_state(self) -> State:
        if not self.verdict.accepted:
            return State.REJECTED
        match self.end:
            case EndReason.EXPIRED:
                return State.EXPIRED
            case EndReason.SUPERSEDED | EndReason.OUTRANKED:
                return State.SUPERSEDED
            case EndReason.DONE:
                return State.EFFECTIVE
            case EndReason.FAILED | EndReason.NOT_STARTED:
                unknown = self.effect and self.effect.state is EffectState.UNKNOWN
                return State.UNKNOWN if unknown else State.FAILED
        return State.RELEASED

    def written(self) -> dict[str, Json]:
        """Return it as JSON, for the state on disk."""
        effect = self.effect
        fields: dict[str, Json] = {
            "command": codec.written(self.command),
            "origin": written_origin(self.command.origin),
            "verdict": self.verdict.reason,
            "where": self.verdict.where,
            "received": moment(self.received),
            "order": self.order,
            "phase": self.phase,
            "start": moment(self.start),
            "until": _at(self.until),
            "watts": None if self.watts is None else number(self.watts),
            "value": self.value,
            "rest": self.rest,
            "active": _at(self.active),
            "effect": None if effect is None else _effect(effect),
            "ended": _at(self.ended),
            "end": self.end,
            "measured": self.measured.written() or None,
            "registers": self.registers or None,
        }
        return {name: value for name, value in fields.items() if value is not None}

    @classmethod
    def read(cls, participant_id: str, digest: str, fields: Mapping[str, Any]) -> Self:
        """Return what `written` wrote."""

        def at(name: str) -> datetime | None:
            return datetime.fromisoformat(fields[name]) if name in fields else None

        effect = fields.get("effect")
        received, start = at("received"), at("start")
        assert received is not None
        assert start is not None
        return cls(
            command=codec.read_command(
                fields["command"], participant_id, _read_origin(fields["origin"])
            ),
            digest=digest,
            verdict=Verdict(
                reason=Reason(fields["verdict"]), where=fields.get("where")
            ),
            received=received,
            order=fields["order"],
            phase=Phase(fields["phase"]),
            start=start,
            until=at("until"),
            watts=Decimal(fields["watts"]) if "watts" in fields else None,
            value=fields.get("value"),
            rest=fields.get("rest"),
            active=at("active"),
            effect=effect
            and Effect(
                state=EffectState(effect[0]),
                reason=EffectReason(effect[1]),
                at=datetime.fromisoformat(effect[2]),
            ),
            ended=at("ended"),
            end=EndReason(fields["end"]) if "end" in fields else None,
            measured=Measured.read(fields.get("measured", {})),
            registers=tuple(fields.get("registers", ())),
        )


def _at(value: datetime | None) -> Json:
    return None if value is None else moment(value)


def _effect(effect: Effect) -> list[Json]:
    return [effect.state, effect.reason, moment(effect.at)]


def written_origin(origin: Origin) -> dict[str, Json]:
    """Return an origin as JSON."""
    fields = {
        "door": origin.door,
        "outer": origin.outer,
        "inner": origin.inner,
        "digest": origin.digest,
        "signature": origin.signature,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _read_origin(fields: Mapping[str, Any]) -> Origin:
    return Origin(**{**fields, "door": Door(fields["door"])})


def digest_of(command: Command) -> str:
    """Return the digest of a command's content."""
    return canonical.digest(codec.content(command))
