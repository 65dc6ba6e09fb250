"""An owner for each case."""

from collections.abc import Generator
import logging
from typing import Any

import pytest

from custom_components.smgw.han import transport
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
from simulator.clock import SimClock
from tests.ha.conftest import Timeline

from .cases import Case
from .makers import Maker
from .owner import Owner, Patience


@pytest.fixture
def patience(
    request: pytest.FixtureRequest, case: Case, monkeypatch: pytest.MonkeyPatch
) -> Patience:
    """Time limits that can be changed while a gateway is loaded."""
    patience = Patience()
    if case.slow:
        request.getfixturevalue("impatient")
        monkeypatch.setattr(transport, "TIMEOUTS", patience)
    return patience


@pytest.fixture
def box(socket_enabled: None, clock: SimClock, maker: Maker) -> Generator[Any]:
    """The simulated gateway of a case."""
    with maker.gateway(clock=clock, scenario=maker.scenario()) as running:
        yield running


@pytest.fixture
async def owner(
    hass: HomeAssistant,
    box: Any,
    maker: Maker,
    timeline: Timeline,
    patience: Patience,
    caplog: pytest.LogCaptureFixture,
) -> Owner:
    """Somebody with this gateway."""
    # asyncio's own checks would cost a quarter of these many tests; the others have them
    hass.loop.set_debug(False)
    await async_setup_component(hass, "homeassistant", {})
    caplog.set_level(logging.INFO, "custom_components.smgw")
    return Owner(
        hass=hass,
        gateway=box,
        timeline=timeline,
        patience=patience,
        caplog=caplog,
        registers=maker.registers,
        live=maker.live,
    )
