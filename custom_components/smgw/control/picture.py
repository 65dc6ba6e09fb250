"""How things stand, in one piece: what is shown to the owner and to automations."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from .command import SetPrices, State
from .limitation import LimitState
from .model import Direction, Value
from .reasons import EffectReason, EndReason, Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class HouseLimit:
    """What the home has to keep in one direction now: the smallest of all limits."""

    watts: Decimal
    until: datetime | None
    """When this limit ends by itself; another one may apply then."""
    participant_id: str
    """Whose it is."""
    transaction_id: str | None
    """None: nobody's command, but the failsafe limit of this participant."""

    @property
    def whose(self) -> str | tuple[str, str]:
        """Return participant and, if it is a command, its transaction."""
        if self.transaction_id is None:
            return self.participant_id
        return self.participant_id, self.transaction_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """An item that a command holds at a value."""

    value: Value
    until: datetime | None
    participant_id: str
    transaction_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Supervision:
    """Where the state machine of one participant and direction stands."""

    state: LimitState
    applies: Decimal | None
    until: datetime | None
    failsafe: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """Whether a participant gives signs of life."""

    present: bool
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One open command, for lists and calendars."""

    participant_id: str
    transaction_id: str
    body: object
    state: State
    start: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """How things stand."""

    limits: Mapping[Direction, HouseLimit] = field(default_factory=dict)
    """No entry: that direction is not limited."""
    items: Mapping[str, Hold] = field(default_factory=dict)
    supervision: Mapping[tuple[str, Direction], Supervision] = field(
        default_factory=dict
    )
    contacts: Mapping[str, Contact] = field(default_factory=dict)
    prices: Mapping[str, SetPrices] = field(default_factory=dict)
    """By participant."""
    commands: tuple[Line, ...] = ()
    """Open ones, in the order they came."""
    fault: str | None = None
    """Key of the error that keeps commands from being taken."""


class EventKind(StrEnum):
    """What happened."""

    RECEIVED = "received"
    REFUSED = "refused"
    STARTED = "started"
    EFFECTIVE = "effective"
    FAILED = "failed"
    ENDED = "ended"
    CONTACT_LOST = "contact_lost"
    CONTACT_REGAINED = "contact_regained"
    DEVIATION = "deviation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened once."""

    kind: EventKind
    at: datetime
    participant_id: str
    transaction_id: str | None = None
    reason: Reason | EffectReason | EndReason | None = None
    body: object = None
    """The command's body."""
