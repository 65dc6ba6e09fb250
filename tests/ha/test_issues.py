"""Repair issues that tell the owner what is wrong though nothing seems to be."""

from collections.abc import Callable, Generator
from datetime import timedelta
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.smgw.const import CONF_INTERVAL, CONF_SESSIONS, DOMAIN
from homeassistant.config_entries import ConfigEntryDisabler, ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
from simulator.clock import SimClock
from simulator.emh import EmhGateway
from simulator.ppc import PpcGateway
from simulator.ppc.view import Account
from simulator.theben import ThebenGateway

from .conftest import START, Timeline, make_entry, restart, set_up
from .test_coordinator import SETTLED
from .test_logins import add, reauth
from .test_repairs import issues

SLOT = START.replace(minute=30) + SETTLED
QUARTER = timedelta(minutes=15)


def placeholders(hass: HomeAssistant, kind: str) -> dict[str, str]:
    """Return what the text of the one issue of a kind is told."""
    (found,) = (
        issue
        for (domain, _), issue in ir.async_get(hass).issues.items()
        if domain == DOMAIN and issue.translation_key == kind
    )
    return found.translation_placeholders or {}


async def quarters(timeline: Timeline, since: int, until: int) -> None:
    """Let slots pass, one by one; the first of all is at half past."""
    for number in range(since, until):
        await timeline.go_to(SLOT + number * QUARTER)


@pytest.fixture
def maker(socket_enabled: None, clock: SimClock) -> Generator[Callable[..., Any]]:
    """Start a gateway of a maker."""
    running: list[Any] = []

    def start(kind: type[Any], **options: Any) -> Any:
        running.append(kind(clock=clock, **options).start())
        return running[-1]

    yield start
    for box in running:
        box.stop()


async def test_port_hangs(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
) -> None:
    """Login and clock go on, values and synchronisation stand; gone with the first new value."""
    await quarters(timeline, 0, 2)
    gateway.faults.add("han_hang")
    await quarters(timeline, 2, 9)
    assert issues(hass) == set()
    await quarters(timeline, 9, 11)
    assert issues(hass) == {"port_hangs"}
    assert placeholders(hass, "port_hangs") == {
        "gateway_id": gateway.gateway_id,
        "newest": "10:45",
        "synced": "10:38",
    }
    gateway.faults.clear()
    await quarters(timeline, 11, 12)
    assert issues(hass) == set()


async def test_stale_after_a_restart(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
) -> None:
    """The rhythm was known before: no need to watch for hours again."""
    await quarters(timeline, 0, 3)
    gateway.faults.add("han_hang")
    await quarters(timeline, 12, 13)
    assert issues(hass) == {"port_hangs"}
    await restart(hass, loaded, timeline)
    assert issues(hass) == {"port_hangs"}


async def test_no_haste_without_evidence(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
) -> None:
    """Old readings at the first sight may be those of a daily contract; after days not."""
    gateway.faults.add("han_hang", age_hours=20)
    await set_up(hass, entry)
    await quarters(timeline, 0, 20)
    assert issues(hass) == set()
    await timeline.pass_by(hours=40)
    assert issues(hass) == set()
    await timeline.pass_by(hours=10)
    assert issues(hass) == {"port_hangs"}
    assert placeholders(hass, "port_hangs")["newest"].startswith("2026-11-19 ")


async def test_day_values_are_not_late(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
) -> None:
    """A contract that delivers once a day is not called stale in the evening."""
    gateway.faults.add("han_hang")
    await set_up(hass, entry)
    for day in range(5):
        for hours in range(5, 24, 6):
            await timeline.go_to(START + timedelta(days=day, hours=hours))
            assert issues(hass) == set()
        # One new value a day, and then it stands again.
        gateway.faults.clear()
        gateway.faults.add("han_hang")


async def test_hourly_interval_is_more_patient(
    hass: HomeAssistant, gateway: PpcGateway, timeline: Timeline
) -> None:
    """Read once an hour, the third reading without news is one too many."""
    await set_up(hass, make_entry(gateway, **{CONF_INTERVAL: 60}))
    hour = START.replace(hour=10, minute=0) + SETTLED
    await timeline.go_to(hour)
    await timeline.go_to(hour + timedelta(hours=1))
    gateway.faults.add("han_hang")
    for hours in (2, 3):
        await timeline.go_to(hour + timedelta(hours=hours))
    assert issues(hass) == set()
    await timeline.go_to(hour + timedelta(hours=4))
    assert issues(hass) == {"port_hangs"}


async def test_contracts_ended(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
) -> None:
    """A PPC shows the last values for ever: asked, it says why."""
    await quarters(timeline, 0, 2)
    gateway.faults.add("contract_expired", days=0)
    await quarters(timeline, 11, 12)
    assert issues(hass) == {"contracts_ended"}
    assert placeholders(hass, "contracts_ended")["login"] == gateway.user
    state = hass.states.get("sensor.electricity_meter_1emh0012345678_grid_import")
    assert float(state.state) > 0
    gateway.faults.clear()
    await quarters(timeline, 12, 13)
    assert issues(hass) == set()


async def test_contracts_ended_before(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
) -> None:
    """Values fall back to those of days ago and are not used: it is still the contract."""
    await quarters(timeline, 0, 2)
    gateway.faults.add("contract_expired")
    await quarters(timeline, 11, 12)
    assert issues(hass) == {"contracts_ended"}


@pytest.mark.parametrize("kind", [ThebenGateway, EmhGateway], ids=lambda k: k.__name__)
async def test_readings_stale(
    hass: HomeAssistant,
    maker: Callable[..., Any],
    timeline: Timeline,
    kind: type[Any],
) -> None:
    """Makers that do not tell when the clock was set: the text names both causes."""
    box = maker(kind)
    await set_up(hass, make_entry(box))
    await quarters(timeline, 0, 2)
    box.faults.add("stale_values")
    await quarters(timeline, 11, 12)
    assert issues(hass) == {"readings_stale"}
    assert placeholders(hass, "readings_stale")["newest"].startswith("10:4")
    box.faults.clear()
    await quarters(timeline, 12, 13)
    assert issues(hass) == set()


async def test_theben_contracts_ended(
    hass: HomeAssistant, maker: Callable[..., Any], timeline: Timeline
) -> None:
    """Only archived contracts: unavailable, and the issue says why."""
    box = maker(ThebenGateway)
    await set_up(hass, make_entry(box))
    box.faults.add("contracts_expired")
    await timeline.pass_by(days=1)
    assert issues(hass) == {"contracts_ended"}
    box.faults.clear()
    await timeline.pass_by(minutes=30)
    assert issues(hass) == set()


@pytest.mark.parametrize("kind", [ThebenGateway, EmhGateway], ids=lambda k: k.__name__)
async def test_clock_stands(
    hass: HomeAssistant,
    maker: Callable[..., Any],
    timeline: Timeline,
    kind: type[Any],
) -> None:
    """It is the cause of the old readings, and the only issue."""
    box = maker(kind)
    await set_up(hass, make_entry(box))
    await quarters(timeline, 0, 1)
    box.faults.add("clock_stands")
    await quarters(timeline, 12, 14)
    assert issues(hass) == {"clock_stands"}
    assert placeholders(hass, "clock_stands")["shown"] == "10:31"
    box.faults.clear()
    await quarters(timeline, 14, 15)
    assert issues(hass) == set()


async def test_ppc_clock_stands(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    gateway: PpcGateway,
    clock: SimClock,
    timeline: Timeline,
) -> None:
    """The same from the footer of its pages."""
    await quarters(timeline, 0, 1)
    stands = clock.now()
    for number in range(1, 14):
        clock.set(stands)
        timeline.jump_alone(SLOT + number * QUARTER)
        await hass.async_block_till_done(wait_background_tasks=True)
    assert issues(hass) == {"clock_stands"}
    await quarters(timeline, 14, 15)
    assert issues(hass) == set()


@pytest.mark.parametrize("kind", [ThebenGateway, EmhGateway], ids=lambda k: k.__name__)
@pytest.mark.parametrize("hours", [-5, 3])
async def test_clock_off(
    hass: HomeAssistant,
    maker: Callable[..., Any],
    timeline: Timeline,
    kind: type[Any],
    hours: int,
) -> None:
    """Running, but hours off: whatever happens to the readings, this is why."""
    box = maker(kind)
    await set_up(hass, make_entry(box))
    await quarters(timeline, 0, 1)
    box.faults.add("clock_skew", seconds=hours * 3600)
    await quarters(timeline, 10, 12)
    assert issues(hass) == {"clock_off"}
    assert placeholders(hass, "clock_off")["minutes"] == f"{hours * 60:+}"
    box.faults.clear()
    await quarters(timeline, 12, 13)
    assert issues(hass) == set()


async def test_one_login_is_stale(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
) -> None:
    """The others get new readings, so it is this account's contract."""
    gateway.users["gas"] = Account("three", frozenset({"7els0045678901"}))
    await set_up(hass, entry)
    await add(hass, entry, username="gas", password="three", name="Gas")
    await quarters(timeline, 0, 8)
    assert issues(hass) == set()
    gateway.override("7els0045678901", "7-0:3.0.0", zeitstempel="2026-11-20 12:00:09")
    await quarters(timeline, 8, 22)
    assert issues(hass) == {"login_stale"}
    assert placeholders(hass, "login_stale")["login"] == "Gas"
    gateway.scenario.meters.clear_overrides()
    await quarters(timeline, 22, 24)
    assert issues(hass) == set()


async def test_no_register(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
) -> None:
    """One slot without values is nothing; an hour is."""
    gateway.faults.add("no_values")
    await quarters(timeline, 0, 4)
    assert issues(hass) == set()
    await quarters(timeline, 4, 5)
    assert issues(hass) == {"no_register"}
    gateway.faults.clear()
    await quarters(timeline, 5, 6)
    assert issues(hass) == set()


async def test_no_register_from_the_start(
    hass: HomeAssistant, entry: MockConfigEntry, gateway: PpcGateway, timeline: Timeline
) -> None:
    """Somebody who has just set it up learns at once why there are no sensors."""
    gateway.faults.add("no_values")
    await set_up(hass, entry)
    assert entry.state is ConfigEntryState.LOADED
    assert issues(hass) == {"no_register"}
    gateway.faults.clear()
    await quarters(timeline, 0, 1)
    assert issues(hass) == set()


async def test_no_meter(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
) -> None:
    """The operator took the meters away from the account."""
    gateway.faults.add("no_meters")
    await quarters(timeline, 0, 1)
    assert issues(hass) == {"no_meter"}
    gateway.faults.clear()
    await quarters(timeline, 1, 2)
    assert issues(hass) == set()


async def test_locked(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
) -> None:
    """Until when, in local time; gone when the lock has ended, and then it is read."""
    gateway.faults.add("locked", seconds=1800)
    await quarters(timeline, 0, 1)
    assert issues(hass) == {"gateway_locked"}
    assert placeholders(hass, "gateway_locked")["until"] == "10:37"
    await timeline.pass_by(minutes=4)
    assert issues(hass) == {"gateway_locked"}
    await timeline.pass_by(minutes=2)
    assert issues(hass) == set()
    await quarters(timeline, 1, 2)
    assert loaded.runtime_data.coordinator.last_update_success


async def test_locked_at_the_start(
    hass: HomeAssistant, entry: MockConfigEntry, gateway: PpcGateway, timeline: Timeline
) -> None:
    """The same where the entry could not be loaded."""
    gateway.faults.add("locked", seconds=277)
    await set_up(hass, entry)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    assert issues(hass) == {"gateway_locked"}
    await timeline.pass_by(minutes=6)
    assert entry.state is ConfigEntryState.LOADED
    assert issues(hass) == set()


async def test_outage(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
) -> None:
    """After six hours of silence, with the time of the first failure; also over a restart."""
    await quarters(timeline, 0, 1)
    gateway.faults.add("tls_close")
    await quarters(timeline, 1, 24)
    assert issues(hass) == set()
    await quarters(timeline, 24, 27)
    assert issues(hass) == {"outage"}
    assert placeholders(hass, "outage")["since"] in {"10:46", "10:47"}
    await restart(hass, loaded, timeline)
    assert loaded.state is ConfigEntryState.SETUP_RETRY
    assert issues(hass) == {"outage"}
    gateway.faults.clear()
    await timeline.pass_by(minutes=15)
    assert loaded.state is ConfigEntryState.LOADED
    assert issues(hass) == set()


@pytest.mark.parametrize("fault", ["server_error", "session_in_use", "garbage_body"])
async def test_unreadable(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
    fault: str,
) -> None:
    """Cable and address are fine where something answers; after hours it is told."""
    await quarters(timeline, 0, 1)
    gateway.faults.add(fault)
    await quarters(timeline, 1, 8)
    assert issues(hass) == set()
    # Failing readings become rarer.
    for _ in range(3):
        await timeline.pass_by(hours=2)
    assert issues(hass) == {"unreadable"}
    assert placeholders(hass, "unreadable")["since"] in {"10:46", "10:47"}
    await restart(hass, loaded, timeline)
    assert issues(hass) == {"unreadable"}
    gateway.faults.clear()
    await timeline.pass_by(hours=2)
    assert loaded.state is ConfigEntryState.LOADED
    assert issues(hass) == set()


async def test_account_refused(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
) -> None:
    """It worked, nothing was changed: besides the question a text for the operator."""
    await quarters(timeline, 0, 1)
    gateway.faults.add("portal_error")
    await quarters(timeline, 1, 2)
    assert issues(hass) == {"account_refused"}
    assert placeholders(hass, "account_refused")["worked"] in {"10:31", "10:32"}
    await restart(hass, loaded, timeline)
    assert issues(hass) == {"account_refused"}
    gateway.faults.clear()
    flow = await reauth(hass)
    await hass.config_entries.flow.async_configure(
        flow["flow_id"], {"username": gateway.user, "password": gateway.password}
    )
    await hass.async_block_till_done(wait_background_tasks=True)
    assert issues(hass) == set()


async def test_refused_from_the_start(
    hass: HomeAssistant, entry: MockConfigEntry, gateway: PpcGateway
) -> None:
    """An account that never worked is only asked for."""
    gateway.faults.add("portal_error")
    await set_up(hass, entry)
    assert len(hass.config_entries.flow.async_progress()) == 1
    assert issues(hass) == set()


async def test_disabled_entry(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
) -> None:
    """Who switches a gateway off is not told about it any more."""
    gateway.faults.add("no_meters")
    await quarters(timeline, 0, 1)
    assert issues(hass) == {"no_meter"}
    await hass.config_entries.async_set_disabled_by(
        loaded.entry_id, ConfigEntryDisabler.USER
    )
    assert issues(hass) == set()


async def test_polled_often(
    hass: HomeAssistant, gateway: PpcGateway, timeline: Timeline
) -> None:
    """More sessions an hour than usual are the owner's choice, with their price told."""
    entry = make_entry(gateway, **{CONF_SESSIONS: 12})
    await set_up(hass, entry)
    assert issues(hass) == {"polled_often"}
    told = placeholders(hass, "polled_often")
    assert (told["chosen"], told["usual"]) == ("12", "4")
    hass.config_entries.async_update_entry(entry, options={CONF_SESSIONS: 4})
    await hass.async_block_till_done(wait_background_tasks=True)
    assert issues(hass) == set()
