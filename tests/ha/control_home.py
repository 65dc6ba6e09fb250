"""An entry with participants and CLS switches, and commands as a door hands them in."""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any
from uuid import uuid4

from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.smgw.bridge.room import ControlRoom
from custom_components.smgw.control.command import (
    Body,
    Command,
    Door,
    Origin,
    SetItem,
    SetLimit,
)
from custom_components.smgw.control.model import Direction, LimitKind, Value
from custom_components.smgw.control.reply import Answer
from homeassistant.config_entries import ConfigSubentryData
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.util import dt as dt_util

GRID, SUPPLIER = "GRID", "SUPPLIER"
ORIGIN = Origin(door=Door.CLS, outer="ab" * 32)


def participant(
    subentry_id: str, title: str, role: str, **more: Any
) -> ConfigSubentryData:
    """Return a participant's subentry, reached through the gateway."""
    data = {
        "role": role,
        "tunnel": "out_socks",
        "host": "192.0.2.10",
        "port": 8443,
        "emt_host": "emt.example",
        "emt_port": 443,
        "peers": ["ab" * 32],
        "curve": "brainpoolP256r1",
        "identities": [],
        **more,
    }
    return ConfigSubentryData(
        data=MappingProxyType(data),
        subentry_id=subentry_id,
        subentry_type="participant",
        title=title,
        unique_id=f"participant_{subentry_id}",
    )


def cls_switch(subentry_id: str, title: str, **data: Any) -> ConfigSubentryData:
    """Return a CLS switch's subentry."""
    return ConfigSubentryData(
        data=MappingProxyType(data),
        subentry_id=subentry_id,
        subentry_type="switch",
        title=title,
        unique_id=f"switch_{subentry_id}",
    )


def with_subentries(
    entry: MockConfigEntry, *subentries: ConfigSubentryData, **options: Any
) -> MockConfigEntry:
    """Return the entry with further subentries, and options."""
    present = [
        ConfigSubentryData(
            data=subentry.data,
            subentry_id=subentry.subentry_id,
            subentry_type=subentry.subentry_type,
            title=subentry.title,
            unique_id=subentry.unique_id,
        )
        for subentry in entry.subentries.values()
    ]
    return MockConfigEntry(
        domain=entry.domain,
        title=entry.title,
        unique_id=entry.unique_id,
        data=entry.data,
        options={**entry.options, **options},
        subentries_data=[*present, *subentries],
    )


def grid(**more: Any) -> ConfigSubentryData:
    """Return the grid operator, with limits in both directions and a failsafe."""
    limits = {
        "consumption": {"low": "4200", "open_ended": True, "failsafe": "4200"},
        "production": {"open_ended": True},
    }
    return participant(
        GRID, "Stadtwerke", "grid_operator", **{"limits": limits, **more}
    )


def supplier(**more: Any) -> ConfigSubentryData:
    """Return a supplier, without any grant but prices."""
    return participant(SUPPLIER, "Ökostrom", "supplier", **{"prices": True, **more})


def room_of(entry: MockConfigEntry) -> ControlRoom:
    """Return the control side of a loaded entry."""
    room = entry.runtime_data.control
    assert isinstance(room, ControlRoom)
    return room


async def order(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    who: str,
    body: Body,
    **more: Any,
) -> Answer:
    """Hand a command in, as a door does, and let everything happen that follows."""
    room = room_of(entry)
    more.setdefault("until", None if "duration" in more else hours(1))
    command = Command(
        participant_id=who,
        transaction_id=str(uuid4()),
        created=dt_util.utcnow(),
        body=body,
        origin=ORIGIN,
        **more,
    )
    await room.authority.contact(who)
    answer = await room.authority.submit(command)
    await settle(hass, entry)
    return answer


async def settle(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Wait until everything is written, to devices and to the ledger."""
    authority = room_of(entry).authority
    await hass.async_block_till_done(wait_background_tasks=True)
    while tasks := [*authority._carrier._tasks.values(), *authority._critical]:
        await asyncio.wait(tasks)
        await hass.async_block_till_done(wait_background_tasks=True)


def hours(number: float) -> datetime:
    """Return a time so many hours from now."""
    return dt_util.utcnow() + timedelta(hours=number)


def limit(watts: int, direction: Direction = Direction.CONSUMPTION) -> SetLimit:
    """Return a limit."""
    kind = LimitKind.CONTRACT
    return SetLimit(direction=direction, kind=kind, watts=Decimal(watts))


def item(item_id: str, value: Value, unit: str | None = None) -> SetItem:
    """Return a value for an item."""
    return SetItem(item_id=item_id, value=value, unit=unit)


def entity(hass: HomeAssistant, domain: str, key: str, gateway_id: str) -> str:
    """Return the entity of a unique id."""
    found = er.async_get(hass).async_get_entity_id(
        domain, "smgw", f"{gateway_id}_{key}"
    )
    assert found is not None, key
    return found


def shown(
    hass: HomeAssistant, entry: MockConfigEntry, domain: str, key: str
) -> tuple[str, Mapping[str, Any]]:
    """Return state and attributes of an entity of ours."""
    state = hass.states.get(entity(hass, domain, key, entry.unique_id or ""))
    assert state is not None
    return state.state, state.attributes
