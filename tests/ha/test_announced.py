"""A gateway that really announces itself, found by Home Assistant's own mDNS browser."""

import asyncio
from collections.abc import Generator
import json
import subprocess
import sys

import pytest

from custom_components.smgw.const import DOMAIN
from homeassistant.components import zeroconf
from homeassistant.config_entries import SOURCE_ZEROCONF, ConfigEntryState
from homeassistant.const import EVENT_HOMEASSISTANT_CLOSE
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.setup import async_setup_component
from tests.network import LAN

from .conftest import START
from .test_config_flow import choose, submit

pytestmark = pytest.mark.usefixtures("namespace", "ipv6", "impatient")


@pytest.fixture
def announced(namespace: None) -> Generator[dict[str, str]]:
    """What the simulator says of a gateway it runs and announces."""
    command = (
        f"-m simulator emh --announce --host {LAN} --port 0 --clock {START.isoformat()}"
    )
    with subprocess.Popen(
        [sys.executable, *command.split()], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, "the simulator did not start"
        try:
            yield json.loads(line)
        finally:
            process.terminate()


@pytest.fixture(autouse=True)
def other_tests_have_zeroconf(monkeypatch: pytest.MonkeyPatch) -> None:
    """Home Assistant hands its own instance to everybody, as long as the process lives."""
    monkeypatch.setattr(zeroconf, "install_multiple_zeroconf_catcher", lambda _: None)


async def test_found(hass: HomeAssistant, announced: dict[str, str]) -> None:
    """From the announcement to the sensors; the owner has only confirmed and logged in."""
    assert await async_setup_component(hass, "zeroconf", {})
    for _ in range(500):
        if flows := hass.config_entries.flow.async_progress_by_handler(DOMAIN):
            break
        await asyncio.sleep(0.02)
    (flow,) = flows
    assert flow["context"]["source"] == SOURCE_ZEROCONF
    assert (
        flow["context"]["title_placeholders"]["gateway_id"] == announced["gateway_id"]
    )
    form = await choose(hass, await submit(hass, flow))
    assert form["step_id"] == "login", form
    result = await submit(
        hass, form, username=announced["user"], password=announced["password"]
    )
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done(wait_background_tasks=True)
    assert result["result"].state is ConfigEntryState.LOADED
    assert result["data"]["host"] == LAN
    hass.bus.async_fire(EVENT_HOMEASSISTANT_CLOSE)
    await hass.async_block_till_done(wait_background_tasks=True)
