"""Who may do what: participants, their grants, and the items of the home.

All values are immutable. Times are timezone-aware UTC, powers are watts as `Decimal` >= 0
with the direction beside them. What the owner configures is checked like what strangers
send: a wrong value raises InvalidInput.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from enum import IntEnum, StrEnum

from . import values
from .errors import InvalidInput
from .limitation import Failsafe
from .reasons import Reason

type Value = bool | Decimal | str
"""Of a switch, a number, a choice."""


class Direction(StrEnum):
    """Which way power flows at the grid connection point."""

    CONSUMPTION = "consumption"
    PRODUCTION = "production"


class Priority(IntEnum):
    """Who goes before whom."""

    OWNER = 1
    CONTRACT = 2
    GRID = 3
    SAFETY = 4


class Role(StrEnum):
    """What a participant is to this home."""

    GRID_OPERATOR = "grid_operator"
    METERING_OPERATOR = "metering_operator"
    SUPPLIER = "supplier"
    SERVICE_PROVIDER = "service_provider"
    OWNER = "owner"
    """The owner's automations; never a stranger."""
    SAFETY = "safety"
    """The home's own protections; never a stranger."""


class LimitKind(StrEnum):
    """What a limit rests on, as its participant states it."""

    PARA14A = "para14a"
    PARA9 = "para9"
    CONTRACT = "contract"
    TEST = "test"
    OWN = "own"


PRIORITIES = {
    Role.GRID_OPERATOR: Priority.GRID,
    Role.METERING_OPERATOR: Priority.CONTRACT,
    Role.SUPPLIER: Priority.CONTRACT,
    Role.SERVICE_PROVIDER: Priority.CONTRACT,
    Role.OWNER: Priority.OWNER,
    Role.SAFETY: Priority.SAFETY,
}
_CONTRACT_KINDS = frozenset({LimitKind.CONTRACT, LimitKind.TEST})
KINDS = {
    Role.GRID_OPERATOR: frozenset(
        {LimitKind.PARA14A, LimitKind.PARA9, *_CONTRACT_KINDS}
    ),
    Role.METERING_OPERATOR: _CONTRACT_KINDS,
    Role.SUPPLIER: _CONTRACT_KINDS,
    Role.SERVICE_PROVIDER: _CONTRACT_KINDS,
    Role.OWNER: frozenset({LimitKind.OWN}),
    Role.SAFETY: frozenset({LimitKind.OWN}),
}


class Access(StrEnum):
    """What a grant allows."""

    READ = "read"
    WRITE = "write"
    """Reading as well."""


class ItemKind(StrEnum):
    """What values an item has."""

    SWITCH = "switch"
    NUMBER = "number"
    CHOICE = "choice"
    TEXT = "text"
    """To be read only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One channel of the home that may be granted."""

    item_id: str
    thing_id: str
    """The device it belongs to."""
    name: str
    kind: ItemKind
    unit: str | None = None
    writable: bool = False
    alone: bool = False
    """Only a grant of this very item reaches it, never one of its whole device."""
    low: Decimal | None = None
    high: Decimal | None = None
    options: tuple[str, ...] = ()
    rest: Value | None = None
    """What it returns to when no command holds it; None: it is left as it is."""
    shown: bool = False
    """It exists in the published picture only: there is no device to write to, nor a value to read back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ThingGrant:
    """A whole device: all its items, also later ones, within their own bounds."""

    thing_id: str
    access: Access = Access.READ
    open_ended: bool = False
    longest: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemGrant:
    """A single item, with bounds narrower than its own."""

    item_id: str
    access: Access = Access.READ
    low: Decimal | None = None
    high: Decimal | None = None
    open_ended: bool = False
    longest: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitGrant:
    """Limits at the grid connection point, in one direction."""

    direction: Direction
    low: Decimal = Decimal(0)
    """Smallest limit in W. The grid operator is obeyed below it too, and it is recorded (BK6-22-300, 4.6)."""
    open_ended: bool = False
    longest: timedelta | None = None
    failsafe: Failsafe | None = None
    """With one, the participant's silence limits the home."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceGrant:
    """Price tables, which are shown and never move anything by themselves."""


type Grant = ThingGrant | ItemGrant | LimitGrant | PriceGrant


@dataclass(frozen=True, slots=True, kw_only=True)
class Participant:
    """Somebody who may command; without grants, nothing."""

    participant_id: str
    name: str
    role: Role
    grants: tuple[Grant, ...] = ()
    silence: timedelta | None = timedelta(seconds=120)
    """After this long without a sign of life the contact counts as lost; None: it is not watched."""
    orphaned_after: timedelta = timedelta(hours=2)
    """How long after the loss of contact its commands without an end are kept."""
    most_open: int = 100
    """Commands it may have open at once."""
    things: Mapping[str, tuple[ThingGrant, ...]] = field(
        init=False, repr=False, compare=False
    )
    """Grants of whole devices, by device."""
    _items: Mapping[str, ItemGrant] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Check what people typed."""
        things: dict[str, tuple[ThingGrant, ...]] = {}
        items: dict[str, ItemGrant] = {}
        for grant in self.grants:
            if isinstance(grant, ItemGrant):
                items.setdefault(grant.item_id, grant)
            elif isinstance(grant, ThingGrant):
                things[grant.thing_id] = (*things.get(grant.thing_id, ()), grant)
        object.__setattr__(self, "things", things)
        object.__setattr__(self, "_items", items)
        values.identifier(self.participant_id, "participant")
        values.text(self.name, "name")
        limits = [g.direction for g in self.grants if isinstance(g, LimitGrant)]
        if len(limits) != len(set(limits)):
            raise InvalidInput(Reason.MALFORMED, "grants")

    @property
    def priority(self) -> Priority:
        """Return whom it goes before."""
        return PRIORITIES[self.role]

    @property
    def at_home(self) -> bool:
        """Say whether it is the home itself, which needs no grants."""
        return self.role in (Role.OWNER, Role.SAFETY)

    def limits(self, direction: Direction) -> LimitGrant | None:
        """Return the grant for limits of a direction."""
        if self.at_home:
            return LimitGrant(direction=direction, open_ended=True)
        for grant in self.grants:
            if isinstance(grant, LimitGrant) and grant.direction is direction:
                return grant
        return None

    @property
    def prices(self) -> bool:
        """Say whether it may send price tables."""
        return self.at_home or any(
            isinstance(grant, PriceGrant) for grant in self.grants
        )

    def item(self, item: Item, access: Access) -> ItemGrant | None:
        """Return what it may do with an item, as a grant of that item; None: nothing.

        A grant of the item itself goes before one of its device, also where it is the narrower one.
        """
        if access is Access.WRITE and not item.writable:
            return None
        if self.at_home:
            return ItemGrant(item_id=item.item_id, access=access, open_ended=True)
        if (own := self._items.get(item.item_id)) is not None:
            return own if _covers(own.access, access) else None
        for grant in self.things.get(item.thing_id, ()):
            if not item.alone and _covers(grant.access, access):
                return ItemGrant(
                    item_id=item.item_id,
                    access=grant.access,
                    open_ended=grant.open_ended,
                    longest=grant.longest,
                )
        return None


def _covers(granted: Access, wanted: Access) -> bool:
    return granted is Access.WRITE or wanted is Access.READ
