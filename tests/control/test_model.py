"""Grants: nothing without one, and no more than it says."""

from decimal import Decimal
from typing import Any

import pytest

from custom_components.smgw.control.errors import InvalidInput
from custom_components.smgw.control.model import (
    Access,
    Direction,
    Item,
    ItemGrant,
    ItemKind,
    LimitGrant,
    Participant,
    PriceGrant,
    Priority,
    Role,
    ThingGrant,
)


def item(name: str = "switch.boiler", **fields: Any) -> Item:
    """Return an item of the boiler."""
    return Item(
        **(
            {
                "item_id": name,
                "thing_id": "boiler",
                "name": "Boiler",
                "kind": ItemKind.SWITCH,
                "writable": True,
            }
            | fields
        )
    )


def participant(*grants: Any, role: Role = Role.SUPPLIER) -> Participant:
    """Return somebody with grants."""
    return Participant(participant_id="p", name="P", role=role, grants=grants)


def test_nothing_without_a_grant() -> None:
    """Who was granted nothing may do nothing."""
    nobody = participant()
    assert nobody.item(item(), Access.READ) is None
    assert nobody.limits(Direction.CONSUMPTION) is None
    assert not nobody.prices


@pytest.mark.parametrize(
    ("granted", "wanted", "allowed"),
    [
        (Access.READ, Access.READ, True),
        (Access.READ, Access.WRITE, False),
        (Access.WRITE, Access.READ, True),
        (Access.WRITE, Access.WRITE, True),
    ],
)
def test_access(granted: Access, wanted: Access, allowed: bool) -> None:
    """Writing includes reading; both kinds of grants say so."""
    for grant in (
        ThingGrant(thing_id="boiler", access=granted),
        ItemGrant(item_id="switch.boiler", access=granted),
    ):
        someone = participant(grant)
        assert (someone.item(item(), wanted) is not None) == allowed
        assert someone.item(item("x", thing_id="other"), wanted) is None


def test_read_only_item() -> None:
    """No grant makes an item writable that is not."""
    someone = participant(ThingGrant(thing_id="boiler", access=Access.WRITE))
    assert someone.item(item(writable=False), Access.WRITE) is None
    assert someone.item(item(writable=False), Access.READ)


def test_item_goes_before_thing() -> None:
    """A grant of the item itself counts, also where it is the narrower one."""
    someone = participant(
        ThingGrant(thing_id="boiler", access=Access.WRITE, open_ended=True),
        ItemGrant(item_id="switch.boiler"),
        ItemGrant(item_id="number.boiler", access=Access.WRITE, high=Decimal(60)),
    )
    assert someone.item(item(), Access.WRITE) is None
    found = someone.item(item("number.boiler"), Access.WRITE)
    assert found is not None
    assert (found.high, found.open_ended) == (60, False)
    found = someone.item(item("switch.other"), Access.WRITE)
    assert found is not None
    assert found.open_ended


def test_alone() -> None:
    """Some items are reached by their own grant only."""
    someone = participant(ThingGrant(thing_id="boiler", access=Access.WRITE))
    assert someone.item(item(alone=True), Access.READ) is None
    someone = participant(ItemGrant(item_id="switch.boiler", access=Access.WRITE))
    assert someone.item(item(alone=True), Access.WRITE)


def test_limits_and_prices() -> None:
    """Limits are granted by direction; prices by themselves."""
    someone = participant(LimitGrant(direction=Direction.CONSUMPTION), PriceGrant())
    assert someone.limits(Direction.CONSUMPTION)
    assert someone.limits(Direction.PRODUCTION) is None
    assert someone.prices
    with pytest.raises(InvalidInput):
        participant(*[LimitGrant(direction=Direction.CONSUMPTION)] * 2)


def test_priorities() -> None:
    """Safety before the grid operator before contracts before the owner's automations."""
    order = [
        participant(role=role).priority
        for role in (Role.OWNER, Role.SUPPLIER, Role.GRID_OPERATOR, Role.SAFETY)
    ]
    assert order == sorted(Priority)
    assert participant(role=Role.SERVICE_PROVIDER).priority is Priority.CONTRACT


@pytest.mark.parametrize(
    "fields", [{"name": "Stadt\u200bwerke"}, {"participant_id": "ä"}, {"name": ""}]
)
def test_names(fields: dict[str, str]) -> None:
    """Names that do not show what they are are refused."""
    with pytest.raises(InvalidInput):
        Participant(
            **({"participant_id": "p", "name": "P", "role": Role.SUPPLIER} | fields)  # type: ignore[arg-type]
        )
