"""Home Assistant with its recorder in this process, measured: a JSON line for each line.

`python -m bench.flats_home CONFIG NOW`, in Home Assistant's own environment. Commands:
`add JSON` adds a gateway, `read ISO` moves the clock and lets the integration read what
is due, `settle` waits for the recorder, `wait SECONDS` lets it be.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta, tzinfo
import json
from pathlib import Path
import resource
import sys
import time
from types import MappingProxyType
from typing import Any

from custom_components.smgw import gentle, importer
from homeassistant import runner
from homeassistant.config_entries import ConfigEntry, ConfigEntryState
from homeassistant.const import STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.core import HomeAssistant, State
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.util import dt as dt_util

from .home import answer, measured, settle, started, stop

DOMAIN = "smgw"
_NOTHING = (STATE_UNAVAILABLE, STATE_UNKNOWN)
# Bytes per page of memory.
_PAGE = resource.getpagesize()


class _Calendar:
    """The time of day, which stands until it is moved; timers go by the real one."""

    def __init__(self, now: datetime) -> None:
        self.moment = now
        dt_util.utcnow = lambda: self.moment  # type: ignore[assignment]
        dt_util.now = self._now

    def _now(self, time_zone: tzinfo | None = None) -> datetime:
        return self.moment.astimezone(time_zone or dt_util.get_default_time_zone())


async def main(config: str, now: datetime) -> None:
    """Start, say how that went, obey, stop."""
    # Polls alone: the past would ride in their sessions, and hold them for minutes.
    importer.KEPT = timedelta(0)
    gentle.PAUSE = timedelta(0)
    calendar = _Calendar(now)
    facts: dict[str, Any] = {}
    with measured(facts):
        hass = await started(config)
    answer(**facts, **_state(hass))
    while line := await asyncio.to_thread(sys.stdin.readline):
        command, _, argument = line.strip().partition(" ")
        facts = {}
        with measured(facts):
            if command == "add":
                await _add(hass, json.loads(argument))
            elif command == "read":
                calendar.moment = datetime.fromisoformat(argument)
                await _read(hass)
            elif command == "settle":
                await settle(hass)
            else:
                await asyncio.sleep(float(argument))
            await hass.async_block_till_done()
        answer(**facts, **_state(hass))
    await stop(hass)


async def _add(hass: HomeAssistant, gateway: dict[str, Any]) -> None:
    """Add the entry, as the flows would have made it."""
    entry = ConfigEntry(
        version=1,
        minor_version=1,
        domain=DOMAIN,
        title=gateway["gateway_id"],
        unique_id=gateway["gateway_id"],
        source="user",
        data={
            "host": gateway["host"],
            "port": gateway["port"],
            "vendor": gateway["gateway_id"][1:4],
            "certificate": gateway["certificate"],
        },
        options={},
        discovery_keys=MappingProxyType({}),
        subentries_data=[
            {
                "data": {"username": user, "password": password},
                "subentry_type": "login",
                "title": user,
                "unique_id": f"login_{user}",
            }
            for user, password in gateway["accounts"]
        ],
    )
    await hass.config_entries.async_add(entry)


async def _read(hass: HomeAssistant) -> None:
    (entry,) = hass.config_entries.async_entries(DOMAIN)
    assert entry.state is ConfigEntryState.LOADED, entry.reason
    await entry.runtime_data.coordinator.async_refresh()


def _state(hass: HomeAssistant) -> dict[str, Any]:
    """Return the memory in bytes, the CPU so far in seconds, and what there is of ours."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    entries = hass.config_entries.async_entries(DOMAIN)
    ours = [
        entity.entity_id
        for entry in entries
        for entity in er.async_entries_for_config_entry(
            er.async_get(hass), entry.entry_id
        )
    ]
    return {
        "memory": pages * _PAGE,
        "cpu_so_far": time.process_time(),
        "devices": sum(
            len(dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id))
            for entry in entries
        ),
        "sensors": sum(map(_shows_something, map(hass.states.get, ours))),
    }


def _shows_something(state: State | None) -> bool:
    return state is not None and state.state not in _NOTHING


if __name__ == "__main__":
    loop = runner.create_event_loop()
    asyncio.set_event_loop(loop)
    loop.run_until_complete(main(sys.argv[1], datetime.fromisoformat(sys.argv[2])))
