"""The history of a gateway with several logins, and of one that is seldom read."""

from collections.abc import Generator
from datetime import timedelta
import threading

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.smgw import errands
from custom_components.smgw.const import CONF_INTERVAL
from homeassistant.core import HomeAssistant
from homeassistant.helpers.recorder import get_instance
from simulator.clock import SimClock
from simulator.ppc import PpcGateway
from simulator.ppc.view import Account

from .conftest import START, Timeline, entry_with, make_entry, set_up
from .recorder_rows import GAS, HOUSE, id_of, recorded
from .test_coordinator import SETTLED, session_starts
from .test_history_import import exports, state
from .test_logins import add
from .test_writer import Busy

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
NINE = START.replace(minute=0)


pytestmark = [
    pytest.mark.usefixtures("recorder_mock"),
    pytest.mark.past(days=4),
]


@pytest.fixture
def gateway(socket_enabled: None, clock: SimClock) -> Generator[PpcGateway]:
    """A gateway where one account sees the household's meter, another one the gas."""
    with PpcGateway(clock=clock) as running:
        running.users[running.user] = Account(running.password, frozenset({HOUSE[0]}))
        running.users["gas"] = Account("Gas#1", frozenset({GAS[0]}))
        yield running


async def test_each_login_reads_its_meters(
    hass: HomeAssistant,
    gateway: PpcGateway,
    loaded: MockConfigEntry,
    timeline: Timeline,
) -> None:
    """Whoever has the turn fills in what it sees; in the end there is no hole."""
    await add(hass, loaded, username="gas", password="Gas#1")
    await hass.async_block_till_done(wait_background_tasks=True)
    for quarter in range(2, 18):
        await timeline.go_to(NINE + quarter * HOUR / 4 + SETTLED)
    found = await recorded(hass)
    for meter, code in (HOUSE, GAS):
        rows = found[id_of(gateway, meter, code)]
        ends = [row["end"] for row in rows]
        assert ends[0] == (NINE - 4 * DAY + HOUR).timestamp()
        assert ends[-1] >= (NINE + 3 * HOUR).timestamp()
        assert len(rows) >= 4 * 24 + 2
        truth = gateway.true_register(meter, code, NINE)
        assert float(truth) in [row["state"] for row in rows]
    assert state(hass).state == "done"


async def test_seldom_read(
    hass: HomeAssistant,
    gateway: PpcGateway,
    timeline: Timeline,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What does not fit into one ride goes on where the polls leave room."""
    monkeypatch.setattr(errands, "_LONGEST", timedelta(seconds=0))
    entry = make_entry(gateway, **{CONF_INTERVAL: 240})
    await set_up(hass, entry)
    assert exports(gateway) == 0
    before = len(session_starts(gateway))
    monkeypatch.setattr(errands, "_LONGEST", timedelta(minutes=12))
    await timeline.pass_by(minutes=14)
    await timeline.breathe()
    assert len(session_starts(gateway)) == before + 1
    assert exports(gateway) >= 1
    assert state(hass).state == "done"
    await timeline.pass_by(minutes=20)
    assert len(session_starts(gateway)) == before + 1


async def test_a_start_waits_for_no_history(
    hass: HomeAssistant, gateway: PpcGateway
) -> None:
    """Every login is read before a recorder that does not work yet is waited for."""
    entry = entry_with(
        gateway,
        {user: account.password for user, account in gateway.users.items()},
    )
    busy = Busy(lambda: None, threading.Event())
    get_instance(hass).queue_task(busy)
    entry.add_to_hass(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    assert not busy.ended.is_set()
    assert len(session_starts(gateway)) == 2
    assert not exports(gateway)
    busy.go_on.set()
    await hass.async_block_till_done(wait_background_tasks=True)
    assert exports(gateway)
