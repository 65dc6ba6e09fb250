"""Home Assistant with participants in this process: a JSON line for each JSON line.

`python -m bench.cls_home CONFIG`, in Home Assistant's own environment. Commands:

- `{"entry": {...}}` adds the gateway with its participants and CLS switches
- `{"subentries": [...]}` adds more of them
- `{"bare": [...]}` opens tunnels that end at a bare handler
- `{"things": N}` makes a device with as many entities
- `{"touch": ENTITY}` changes what one of them may be set to
- `{"watch": true}` begins to look at the loop, `{"seen": true}` tells what was seen
- `{"marks": true}` tells which states have changed since, and when

Each answer has memory and CPU. Times are seconds of the monotonic clock, which all processes of a
machine share.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from itertools import count
import json
import sys
import time
from types import MappingProxyType
from typing import Any

from custom_components.smgw.bridge.room import ControlRoom
from custom_components.smgw.cls.identity import Identity
from custom_components.smgw.const_control import (
    SWITCH_KEY,
    device_identifier,
    limit_key,
)
from custom_components.smgw.control.chain import Row
from custom_components.smgw.control.model import Direction
from custom_components.smgw.control.store import Batch, Store
from custom_components.smgw.keyring import async_keyring
from homeassistant import runner
from homeassistant.config_entries import ConfigEntry, ConfigEntryState, ConfigSubentry
from homeassistant.const import EVENT_STATE_CHANGED
from homeassistant.core import Event, EventStateChangedData, HomeAssistant, callback
from homeassistant.helpers import device_registry as dr, entity_registry as er

from .cls_bare import open_bare
from .gaps import memory
from .home import answer, measured, settle, started, stop

DOMAIN = "smgw"
_ATTRIBUTES = {"min": 0, "max": 100, "unit_of_measurement": "%"}

type Facts = dict[str, Any]


class Home:
    """Obeys."""

    def __init__(self, hass: HomeAssistant) -> None:
        """Note each change of a state from now on."""
        self._hass = hass
        self._marks: dict[str, list[list[Any]]] = {}
        self._appends: list[float] = []
        self._seen: Facts = {}
        self._steps = count(101)
        self._watching = ExitStack()
        self._bare: list[Any] = []
        hass.bus.async_listen(EVENT_STATE_CHANGED, self._changed)
        self._time_appends()

    async def obey(self, asked: Facts) -> Facts:
        """Do one thing and tell about it."""
        told: Facts = {}
        match asked:
            case {"entry": facts}:
                told = await self._add(facts)
            case {"subentries": many}:
                told = await self._add_more(many)
            case {"bare": tunnels}:
                self._bare = open_bare(self._hass, self._room, tunnels)
            case {"things": number}:
                told = self._things(number)
            case {"touch": entity}:
                step = {**_ATTRIBUTES, "max": next(self._steps)}
                self._hass.states.async_set(entity, "7", step)
            case {"watch": _}:
                self._seen = {}
                self._watching.enter_context(measured(self._seen))
            case {"seen": _}:
                self._watching.close()
                told = self._seen
            case {"marks": _}:
                told = {"marks": self._marks, "appends": self._appends}
                self._marks, self._appends = {}, []
        return {**told, "memory": memory(), "cpu": time.process_time()}

    async def close(self) -> None:
        """Hang up."""
        for tunnel in self._bare:
            await tunnel.close()

    # Inside.

    @property
    def _entry(self) -> ConfigEntry[Any]:
        (entry,) = self._hass.config_entries.async_entries(DOMAIN)
        return entry

    @property
    def _room(self) -> ControlRoom:
        room = self._entry.runtime_data.control
        assert isinstance(room, ControlRoom)
        return room

    async def _add(self, facts: Facts) -> Facts:
        """Add the entry, as the flows would have made it."""
        entry = ConfigEntry(
            version=1,
            minor_version=1,
            domain=DOMAIN,
            title=facts["gateway_id"],
            unique_id=facts["gateway_id"],
            source="user",
            # For CLS only: nothing is read.
            data={"host": "127.0.0.1", "port": 9, "vendor": "PPC", "certificate": ""},
            options={},
            discovery_keys=MappingProxyType({}),
            subentries_data=facts["subentries"],
        )
        await self._hass.config_entries.async_add(entry)
        await self._hass.async_block_till_done()
        if entry.state is not ConfigEntryState.LOADED:
            raise RuntimeError(f"the entry is {entry.state}: {entry.reason}")
        return self._entities()

    async def _add_more(self, many: list[Facts]) -> Facts:
        """Add participants and switches one after the other, as an owner does."""
        for facts in many:
            await self._keep_keys(facts["data"].get("identities", ()))
            data = {**facts, "data": MappingProxyType(facts["data"])}
            added = self._hass.config_entries.async_add_subentry(
                self._entry, ConfigSubentry(**data)
            )
            assert added
            await self._hass.async_block_till_done()
        return self._entities()

    async def _keep_keys(self, identities: list[Facts]) -> None:
        """Put private keys where the flows keep them."""
        if not identities:
            return
        keyring = await async_keyring(self._hass, self._entry.unique_id or "")
        made = [
            Identity(certificate=one["certificate"], key=one.pop("key"))
            for one in identities
        ]
        await keyring.async_keep(made)

    def _entities(self) -> Facts:
        """Return the entity of each CLS switch by its item, and that of the limit."""
        registry, room = er.async_get(self._hass), self._room
        wanted = {s.switch_id: s.switch_id for s in room.setup.switches}
        found = {
            item: registry.async_get_entity_id(
                "switch", DOMAIN, self._id(f"{item}_{SWITCH_KEY}")
            )
            for item in wanted
        }
        found["limit"] = registry.async_get_entity_id(
            "sensor", DOMAIN, self._id(limit_key(Direction.CONSUMPTION))
        )
        return {"entities": found}

    def _id(self, key: str) -> str:
        return device_identifier(self._room.gateway_id, key)

    def _things(self, most: int) -> Facts:
        """Make a device with entities; nothing is behind them, they are to be listed."""
        device = dr.async_get(self._hass).async_get_or_create(
            config_entry_id=self._entry.entry_id,
            identifiers={("bench", "loads")},
            name="Loads",
        )
        items = []
        for number in range(most):
            entity = er.async_get(self._hass).async_get_or_create(
                "number", "bench", f"load_{number}", device_id=device.id
            )
            shown = {**_ATTRIBUTES, "friendly_name": f"Load {number}"}
            self._hass.states.async_set(entity.entity_id, "7", shown)
            items.append(entity)
        return {
            "thing": device.id,
            "items": [entity.id for entity in items],
            "first": items[0].entity_id,
        }

    @callback
    def _changed(self, event: Event[EventStateChangedData]) -> None:
        now = time.monotonic()
        old, new = event.data["old_state"], event.data["new_state"]
        if new is not None and (old is None or old.state != new.state):
            self._marks.setdefault(new.entity_id, []).append([new.state, now])

    def _time_appends(self) -> None:
        """Note how long each of the ledger's transactions takes, with its sync."""
        append = Store.append

        def timed(
            store: Store, batch: Batch, committing: Callable[[], None] | None = None
        ) -> list[Row]:
            begun = time.perf_counter()
            try:
                return append(store, batch, committing)
            finally:
                self._appends.append(time.perf_counter() - begun)

        Store.append = timed  # type: ignore[assignment, method-assign]


async def main(config: str) -> None:
    """Start, obey, stop."""
    hass = await started(config)
    await settle(hass)
    home = Home(hass)
    answer(memory=memory())
    while line := await asyncio.to_thread(sys.stdin.readline):
        answer(**await home.obey(json.loads(line)))
    await home.close()
    await stop(hass)


if __name__ == "__main__":
    loop = runner.create_event_loop()
    asyncio.set_event_loop(loop)
    loop.run_until_complete(main(sys.argv[1]))
