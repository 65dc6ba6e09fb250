"""Actions and the gateway's sessions: they ride with polls, and go on where they ended."""

import asyncio
from datetime import timedelta

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from simulator.ppc import PpcGateway

from .calling import HOUSE, IMPORT, act, device
from .conftest import FREE, START, Timeline

DAY = timedelta(days=1)
END = START.replace(minute=0)


async def test_with_the_next_poll(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
) -> None:
    """Four polls an hour leave nothing: the action waits for one, and shares its session."""
    gateway.clear_requests()
    waiting = hass.async_create_task(
        act(
            hass,
            "get_load_profile",
            device_id=device(hass, loaded, HOUSE),
            start=(END - DAY).isoformat(),
            end=END.isoformat(),
            register=IMPORT,
        )
    )
    await timeline.breathe()
    assert not waiting.done()
    assert gateway.requests == []
    await timeline.pass_by(minutes=15)
    answer = await waiting
    assert len(answer["registers"][0]["rows"]) == 96
    actions = [request.action for request in gateway.requests]
    assert actions.count("logout") == 1
    assert actions.index("showMeterProfile") < actions.index("exportMeterValues")


async def test_it_goes_on(
    hass: HomeAssistant, free: MockConfigEntry, gateway: PpcGateway, timeline: Timeline
) -> None:
    """A session that ends in the middle: how far it came, and the rest later."""
    data = {
        "device_id": device(hass, free, HOUSE),
        "start": (END - 70 * DAY).isoformat(),
        "end": END.isoformat(),
        "register": IMPORT,
    }
    # The connection is cut behind the first slice.
    task = hass.async_create_task(act(hass, "get_load_profile", **data))
    while "exportMeterValues" not in [one.action for one in gateway.requests]:
        await asyncio.sleep(0)
    gateway.faults.add("drop_before_answer", action="exportMeterValues")
    with pytest.raises(HomeAssistantError) as error:
        await task
    assert error.value.translation_key == "still_reading"
    assert "2026-10-2" in str(error.value)
    gateway.faults.clear()
    gateway.clear_requests()
    await timeline.go_to(FREE + timedelta(minutes=14))
    answer = await act(hass, "get_load_profile", **data)
    (one,) = answer["registers"]
    assert len(one["rows"]) + one["missing"] == 70 * 96
    exports = [r for r in gateway.requests if r.action == "exportMeterValues"]
    assert len(exports) == 2


async def test_unloaded_meanwhile(
    hass: HomeAssistant, loaded: MockConfigEntry, timeline: Timeline
) -> None:
    """Nobody waits for a gateway that is gone."""
    waiting = hass.async_create_task(
        act(
            hass,
            "get_log",
            config_entry_id=loaded.entry_id,
            start=(END - DAY).isoformat(),
        )
    )
    await timeline.breathe()
    await hass.config_entries.async_unload(loaded.entry_id)
    with pytest.raises(HomeAssistantError) as error:
        await waiting
    assert error.value.translation_key == "unloaded_meanwhile"
