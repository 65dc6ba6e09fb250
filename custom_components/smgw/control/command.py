"""What participants order, and what is said about it."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from .model import Direction, LimitKind, Value
from .reasons import Reason


class Door(StrEnum):
    """How a command came into the house."""

    CLS = "cls"
    EEBUS = "eebus"
    ACTION = "action"
    """By an action of Home Assistant: the owner, or a test in the laboratory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What the door knows of the one who came through it; goes into the ledger as it is."""

    door: Door
    outer: str | None = None
    """Fingerprint of the certificate of the outer connection, hex SHA-256."""
    inner: str | None = None
    """The same of the inner one, end to end."""
    digest: str | None = None
    """Digest of the message, as received."""
    signature: str | None = None
    """Signature of the message, as received; not checked in this room."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetItem:
    """Set one item."""

    item_id: str
    value: Value
    unit: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SetLimit:
    """Limit the power at the grid connection point."""

    direction: Direction
    kind: LimitKind
    watts: Decimal | None = None
    percent: Decimal | None = None
    """Of the nominal power that the owner has stated; one of the two is there."""
    scope: str = "connection"


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A part of a schedule or of a price table: from start (included) to end (not included)."""

    start: datetime
    end: datetime
    value: Decimal
    """Watts, or the price in the table's unit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetSchedule:
    """Limits that change with time; outside its slots it limits nothing."""

    direction: Direction
    kind: LimitKind
    slots: tuple[Slot, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SetPrices:
    """A price table; it takes the place of the participant's former one."""

    unit: str
    slots: tuple[Slot, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """End own commands: all, or those that fit what is stated."""

    transaction_id: str | None = None
    direction: Direction | None = None
    item_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SetFailsafe:
    """Change what applies when the participant falls silent."""

    direction: Direction
    watts: Decimal | None = None
    minimum: timedelta | None = None


type Body = SetItem | SetLimit | SetSchedule | SetPrices | Release | SetFailsafe


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One order of one participant."""

    participant_id: str
    transaction_id: str
    """UUID, small letters."""
    created: datetime
    """When the participant made it, by its own clock."""
    body: Body
    initial_id: str | None = None
    """Of the first try, if this is a repetition of it."""
    start: datetime | None = None
    """None: at once."""
    until: datetime | None = None
    duration: timedelta | None = None
    """Instead of `until`, from the start on; neither: without an end."""
    origin: Origin = field(default=Origin(door=Door.ACTION))

    @property
    def key(self) -> tuple[str, str]:
        """Return what makes it the same command: participant, and id of the first try."""
        return self.participant_id, self.initial_id or self.transaction_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What was decided about a command."""

    reason: Reason
    where: str | None = None
    """The field it is about."""

    @property
    def accepted(self) -> bool:
        """Say whether it was taken."""
        return self.reason is Reason.POSSIBLE


class State(StrEnum):
    """What a participant is told about its command (the states of the market's own process)."""

    SCHEDULED = "scheduled"
    POSSIBLE = "possible"
    """Taken and about to be carried out."""
    ACTIVE = "active"
    EFFECTIVE = "effective"
    RELEASED = "released"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"
    FAILED = "failed"
    UNKNOWN = "unknown"
    """We were stopped in the middle; whether it was carried out is not known."""
    REJECTED = "rejected"
