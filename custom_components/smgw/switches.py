"""A CLS switch as the owner has set it up: a switch of its own that participants may set."""

from dataclasses import dataclass
from typing import Self

from homeassistant.config_entries import ConfigSubentry

from .const_cls import (
    CONF_DRIVES,
    CONF_OPEN_ENDED,
    CONF_PARTICIPANTS,
    CONF_REST,
    SUBENTRY_SWITCH,
)
from .control.model import Access, Item, ItemGrant, ItemKind
from .models import SmgwConfigEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchConfig:
    """One CLS switch, from its subentry."""

    switch_id: str
    """The id of the subentry; the id of the item and of its device as well."""
    name: str
    drives: str | None = None
    """The entity it drives and whose state it reports, as the id of an item; None: it stands for itself."""
    participants: tuple[str, ...] = ()
    """Who may set it, by id."""
    rest: bool | None = None
    """What it returns to when no command holds it; None: it is left as it is."""
    open_ended: bool = True
    """Whether commands need no end."""

    @classmethod
    def of(cls, subentry: ConfigSubentry) -> Self:
        """Read it from a subentry."""
        data = subentry.data
        return cls(
            switch_id=subentry.subentry_id,
            name=subentry.title,
            drives=data.get(CONF_DRIVES),
            participants=tuple(data.get(CONF_PARTICIPANTS, ())),
            rest=data.get(CONF_REST),
            open_ended=data.get(CONF_OPEN_ENDED, True),
        )

    @property
    def item(self) -> Item:
        """Return it as an item of the home."""
        return Item(
            item_id=self.switch_id,
            thing_id=self.switch_id,
            name=self.name,
            kind=ItemKind.SWITCH,
            writable=True,
            alone=True,
            rest=self.rest,
            shown=self.drives is None,
        )

    @property
    def grant(self) -> ItemGrant:
        """Return what those get who may set it."""
        return ItemGrant(
            item_id=self.switch_id, access=Access.WRITE, open_ended=self.open_ended
        )


def switches_of(entry: SmgwConfigEntry) -> list[SwitchConfig]:
    """Return the CLS switches of an entry, in the order they were added."""
    return [
        SwitchConfig.of(subentry)
        for subentry in entry.get_subentries_of_type(SUBENTRY_SWITCH)
    ]
