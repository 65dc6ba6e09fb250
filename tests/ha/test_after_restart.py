"""What was read before a restart is what later readings are judged by."""

from datetime import timedelta

import pytest

from homeassistant.const import STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from simulator.emh import EmhGateway
from simulator.ppc import PpcGateway
from simulator.theben import ThebenGateway

from .conftest import START, Timeline, make_entry, restart, set_up
from .test_coordinator import SETTLED

type Gateway = PpcGateway | ThebenGateway | EmhGateway
QUARTER = timedelta(minutes=15)
METER, IMPORT = "1esy0060178981", "1-0:1.8.0"


@pytest.fixture
def gateway(box: Gateway) -> Gateway:
    """A simulated gateway of each maker."""
    return box


async def test_no_older_reading_after_a_restart(
    hass: HomeAssistant, gateway: Gateway, timeline: Timeline
) -> None:
    """A gateway that shows values of hours ago does not turn a sensor back."""
    slot = START.replace(minute=30)
    entry = make_entry(gateway)
    await set_up(hass, entry)
    await timeline.go_to(slot + SETTLED)
    entity_id = er.async_get(hass).async_get_entity_id(
        "sensor", "smgw", f"{gateway.gateway_id}_{METER.upper()}_{IMPORT}"
    )
    before = str(gateway.true_register(METER, IMPORT, slot))
    assert hass.states.get(entity_id).state == before

    stale = "han_hang" if "han_hang" in gateway.fault_table else "stale_values"
    gateway.faults.add(stale, age_hours=2)
    await restart(hass, entry, timeline)
    # Some gateways are read at once, others when their time has come.
    nothing = (STATE_UNKNOWN, STATE_UNAVAILABLE)
    assert hass.states.get(entity_id).state in (before, *nothing)
    await timeline.go_to(slot + QUARTER + SETTLED)
    assert hass.states.get(entity_id).state in nothing

    gateway.faults.clear()
    await timeline.go_to(slot + 2 * QUARTER + SETTLED)
    now = str(gateway.true_register(METER, IMPORT, slot + 2 * QUARTER))
    assert hass.states.get(entity_id).state == now
