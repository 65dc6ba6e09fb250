"""What rides in a poll's session: behind the sensors, before the next poll."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import datetime, timedelta
import logging

from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.smgw.budget import Kind
from custom_components.smgw.const import CONF_INTERVAL
from custom_components.smgw.coordinator import SmgwCoordinator
from custom_components.smgw.errands import Job, Time, Unfinished
from custom_components.smgw.han.errors import NoData
from custom_components.smgw.han.history import HistorySession, LogSlice, Span
from custom_components.smgw.han.model import Snapshot
from custom_components.smgw.logins import Login
from homeassistant.const import STATE_UNAVAILABLE
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util import dt as dt_util
from simulator.clock import SimClock
from simulator.ppc import PpcGateway

from .conftest import START, Timeline, make_entry, set_up
from .test_budget import press, sessions
from .test_buttons import SELF_TEST, owner_enables
from .test_coordinator import SETTLED, STAIRWELL, session_starts

METER = "1ESY0060178981"
SLOT = START.replace(minute=30) + SETTLED
DAY = timedelta(days=1)


class Asker:
    """An errand that asks for the log when it is let, and notes what happened."""

    def __init__(self) -> None:
        """Begin with the gate closed."""
        self.gate = asyncio.Event()
        self.inside = asyncio.Event()
        self.done: list[str] = []
        self.once = True

    def wanted(self, login: Login, now: datetime) -> bool:
        """Want to ride, again and again or once."""
        return not (self.once and "asked" in self.done)

    async def run(
        self, login: Login, snapshot: Snapshot, session: HistorySession, time: Time
    ) -> None:
        """Wait at the gate, then ask."""
        self.inside.set()
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.done.append("cancelled")
            raise
        await session.log(Span(dt_util.utcnow() - DAY, dt_util.utcnow()))
        self.done.append("asked")


def coordinator_of(entry: MockConfigEntry) -> SmgwCoordinator:
    """Return what reads the gateway."""
    coordinator: SmgwCoordinator = entry.runtime_data.coordinator
    return coordinator


@pytest.fixture
async def asker(loaded: MockConfigEntry, gateway: PpcGateway) -> AsyncGenerator[Asker]:
    """An errand of the gateway."""
    errand = Asker()
    coordinator_of(loaded).errands.async_register(errand)
    gateway.clear_requests()
    yield errand
    errand.gate.set()


async def until_inside(asker: Asker, timeline: Timeline) -> None:
    """Let the poll happen and the errand begin."""
    while not asker.inside.is_set():
        await timeline.breathe()
    for _ in range(5):
        await timeline.breathe()


def value_at(gateway: PpcGateway, slot: datetime) -> str:
    """Return what the stairwell's meter holds."""
    return str(gateway.true_register(METER.lower(), "1-0:1.8.0", slot))


async def test_sensors_do_not_wait(
    hass: HomeAssistant, asker: Asker, gateway: PpcGateway, timeline: Timeline
) -> None:
    """Values are there while the session is open; it is one, and logged out from."""
    timeline.jump(SLOT)
    await until_inside(asker, timeline)
    assert hass.states.get(STAIRWELL).state == value_at(
        gateway, START.replace(minute=30)
    )
    assert gateway.open_sessions == 1
    assert asker.done == []

    asker.gate.set()
    await hass.async_block_till_done(wait_background_tasks=True)
    assert asker.done == ["asked"]
    assert gateway.open_sessions == 0
    assert len(sessions(gateway)) == 1
    actions = [record.action for record in gateway.requests]
    assert actions[-2:] == ["exportLogData", "logout"]


async def test_counted_once(
    hass: HomeAssistant,
    asker: Asker,
    loaded: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
) -> None:
    """A poll with a ride takes no more of the hour than one without."""
    budget = coordinator_of(loaded).budget
    before = len(budget.sessions)
    asker.gate.set()
    await timeline.go_to(SLOT)
    assert len(budget.sessions) == before + 1
    await timeline.go_to(START.replace(minute=45) + SETTLED)
    assert len(budget.sessions) == before + 2
    assert gateway.open_sessions == 0


async def test_unloading_logs_out(
    hass: HomeAssistant,
    asker: Asker,
    loaded: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
) -> None:
    """A ride is cancelled; the gateway's session is not left open."""
    timeline.jump(SLOT)
    await until_inside(asker, timeline)
    await hass.config_entries.async_unload(loaded.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert asker.done == ["cancelled"]
    assert gateway.open_sessions == 0
    assert gateway.requests[-1].action == "logout"


class Endless(Asker):
    """An errand that never has enough."""

    def __init__(self, freezer: FrozenDateTimeFactory, clock: SimClock) -> None:
        """Take the clocks: each slice takes a while."""
        super().__init__()
        self._freezer = freezer
        self._clock = clock
        self.ended: datetime | None = None

    def wanted(self, login: Login, now: datetime) -> bool:
        """Always."""
        return True

    async def run(
        self, login: Login, snapshot: Snapshot, session: HistorySession, time: Time
    ) -> None:
        """Ask slice after slice."""
        while time():
            await session.log(Span(dt_util.utcnow() - DAY, dt_util.utcnow()))
            self._freezer.tick(20)
            self._clock.set(dt_util.utcnow())
            self.done.append("asked")
        self.ended = dt_util.utcnow()


@pytest.fixture
def endless(freezer: FrozenDateTimeFactory, clock: SimClock) -> Endless:
    """Such an errand."""
    return Endless(freezer, clock)


async def test_the_next_poll_goes_first(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
    endless: Endless,
) -> None:
    """A ride ends before the next slot, whatever is left to ask."""
    unregister = coordinator_of(loaded).errands.async_register(endless)
    gateway.clear_requests()
    await timeline.go_to(SLOT)
    assert 20 < len(endless.done) < 40
    assert endless.ended is not None
    assert endless.ended < START.replace(minute=45)
    assert gateway.open_sessions == 0
    await timeline.go_to(START.replace(minute=45) + SETTLED)
    assert hass.states.get(STAIRWELL).state == value_at(
        gateway, START.replace(minute=45)
    )
    starts = session_starts(gateway)
    assert len(starts) == 2
    assert starts[1] <= START.replace(minute=45) + SETTLED
    unregister()
    asked = len(endless.done)
    await timeline.go_to(START.replace(hour=10, minute=0) + SETTLED)
    assert len(endless.done) == asked


async def test_a_slot_that_is_left_out_ends_no_ride(
    hass: HomeAssistant, loaded: MockConfigEntry, endless: Endless
) -> None:
    """Nobody is kept waiting at 10:16: what was opened at 10:07 is too near."""
    coordinator = coordinator_of(loaded)
    coordinator.errands.async_register(endless)
    assert coordinator.errands.async_open(list(coordinator.logins), Kind.FIRST)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert endless.ended is not None
    assert START.replace(minute=18) < endless.ended < START.replace(minute=20)


@pytest.mark.parametrize("fault", ["drop_mid_answer", "server_error", "garbage_body"])
async def test_a_failure_is_not_the_readings(
    hass: HomeAssistant,
    asker: Asker,
    gateway: PpcGateway,
    timeline: Timeline,
    caplog: pytest.LogCaptureFixture,
    fault: str,
) -> None:
    """The sensors stay, the log has one line, and the errand is tried again."""
    gateway.faults.add(fault, action="exportLogData")
    asker.gate.set()
    for minute in (30, 45):
        await timeline.go_to(START.replace(minute=minute) + SETTLED)
        assert hass.states.get(STAIRWELL).state == value_at(
            gateway, START.replace(minute=minute)
        )
        assert gateway.open_sessions == 0
    assert asker.done == []
    lines = [r for r in caplog.records if "session ended before" in r.getMessage()]
    assert [r.levelno for r in lines if r.levelno > logging.DEBUG] == [logging.WARNING]

    gateway.faults.clear()
    await timeline.go_to(START.replace(hour=10, minute=0) + SETTLED)
    assert asker.done == ["asked"]


async def test_an_error_of_ours_takes_nobody_along(
    hass: HomeAssistant,
    asker: Asker,
    loaded: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """An errand that breaks is logged; the others ride on, and the session is closed."""

    class Broken(Asker):
        async def run(
            self, login: Login, snapshot: Snapshot, session: HistorySession, time: Time
        ) -> None:
            raise ValueError("ours")

    errands = coordinator_of(loaded).errands
    errands.async_register(Broken())
    last = Asker()
    last.gate.set()
    errands.async_register(last)
    asker.gate.set()
    await timeline.go_to(SLOT)
    assert asker.done == last.done == ["asked"]
    assert "an errand failed" in caplog.text
    assert gateway.open_sessions == 0
    caplog.clear()


async def ask_log(
    login: Login, snapshot: Snapshot, session: HistorySession, time: Time
) -> LogSlice:
    """Read the log of a day."""
    return await session.log(Span(dt_util.utcnow() - DAY, dt_util.utcnow()))


def call[T](
    hass: HomeAssistant, entry: MockConfigEntry, job: Job[T]
) -> asyncio.Task[T]:
    """Have something done, and wait for it aside."""
    # A task that Home Assistant does not wait for.
    return hass.loop.create_task(coordinator_of(entry).errands.async_call(job))


async def test_a_call_rides_with_the_next_poll(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
) -> None:
    """With four polls an hour there is no room for another session."""
    gateway.clear_requests()
    await timeline.go_to(START.replace(minute=10))
    waiting = call(hass, loaded, ask_log)
    await timeline.breathe()
    assert gateway.requests == []
    await timeline.go_to(SLOT)
    assert (await waiting).entries
    assert len(sessions(gateway)) == 1
    assert gateway.open_sessions == 0


async def test_a_call_goes_before_errands(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
    freezer: FrozenDateTimeFactory,
    clock: SimClock,
) -> None:
    """An owner waits; the history does not mind."""

    class Calling(Endless):
        async def run(
            self, login: Login, snapshot: Snapshot, session: HistorySession, time: Time
        ) -> None:
            """Call in mid ride."""
            if not self.inside.is_set():
                self.inside.set()
                self.waiting = call(hass, loaded, ask_log)
                await asyncio.sleep(0)
                assert not time()
                return
            assert (await self.waiting).entries
            await super().run(login, snapshot, session, time)

    errand = Calling(freezer, clock)
    coordinator_of(loaded).errands.async_register(errand)
    gateway.clear_requests()
    await timeline.go_to(SLOT)
    assert (await errand.waiting).entries
    assert errand.ended
    assert len(session_starts(gateway)) == 1


async def test_a_call_gets_a_session_where_there_is_room(
    hass: HomeAssistant, gateway: PpcGateway, timeline: Timeline
) -> None:
    """One reading an hour leaves room."""
    entry = make_entry(gateway, **{CONF_INTERVAL: 60})
    await set_up(hass, entry)
    await timeline.pass_by(minutes=20)
    gateway.clear_requests()
    waiting = call(hass, entry, ask_log)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert (await waiting).entries
    assert len(sessions(gateway)) == 1
    assert gateway.open_sessions == 0


async def test_a_call_in_parts(
    hass: HomeAssistant, loaded: MockConfigEntry, timeline: Timeline
) -> None:
    """What does not fit into one session goes on in the next."""
    parts = []

    async def job(
        login: Login, snapshot: Snapshot, session: HistorySession, time: Time
    ) -> int:
        parts.append(await ask_log(login, snapshot, session, time))
        if len(parts) < 2:
            raise Unfinished
        return len(parts)

    await timeline.go_to(START.replace(minute=10))
    waiting = call(hass, loaded, job)
    await timeline.breathe()
    await timeline.go_to(SLOT)
    assert not waiting.done()
    await timeline.go_to(START.replace(minute=45) + SETTLED)
    assert await waiting == 2


async def test_a_call_hears_what_the_gateway_says(
    hass: HomeAssistant, loaded: MockConfigEntry, timeline: Timeline
) -> None:
    """Its failure is the caller's, with a text."""

    async def job(*_: object) -> None:
        raise NoData("nothing there")

    await timeline.go_to(START.replace(minute=10))
    waiting = call(hass, loaded, job)
    await timeline.breathe()
    await timeline.go_to(SLOT)
    with pytest.raises(HomeAssistantError) as caught:
        await waiting
    assert caught.value.translation_key == "no_data"
    assert hass.states.get(STAIRWELL).state != STATE_UNAVAILABLE


async def test_a_call_fails_with_its_reading(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
) -> None:
    """Nobody waits on for a gateway that is away."""
    gateway.faults.add("tls_close")
    await timeline.go_to(START.replace(minute=10))
    waiting = call(hass, loaded, ask_log)
    await timeline.breathe()
    await timeline.go_to(SLOT)
    with pytest.raises(HomeAssistantError) as caught:
        await waiting
    assert caught.value.translation_key == "tls_failed"


async def test_a_call_has_an_end(
    hass: HomeAssistant,
    gateway: PpcGateway,
    timeline: Timeline,
    impatient: None,
) -> None:
    """After twenty minutes without a session, and when the gateway is unloaded."""
    entry = make_entry(gateway, **{CONF_INTERVAL: 1440})
    await set_up(hass, entry)
    waiting = call(hass, entry, ask_log)
    await timeline.breathe()
    await hass.config_entries.async_unload(entry.entry_id)
    with pytest.raises(HomeAssistantError) as caught:
        await waiting
    assert caught.value.translation_key == "unloaded_meanwhile"


async def test_a_button_ends_a_ride(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
    hass_storage: dict[str, dict[str, object]],
) -> None:
    """Who waits in the gateway's queue gets it after the slice in turn."""

    class Waiting(Asker):
        async def run(
            self, login: Login, snapshot: Snapshot, session: HistorySession, time: Time
        ) -> None:
            self.inside.set()
            while time():
                await asyncio.sleep(0)
                await session.log(Span(dt_util.utcnow() - DAY, dt_util.utcnow()))
            self.done.append("asked")

    await owner_enables(hass, SELF_TEST, timeline)
    errand = Waiting()
    coordinator_of(loaded).errands.async_register(errand)
    timeline.jump(SLOT)
    await until_inside(errand, timeline)
    assert errand.done == []
    await press(hass, SELF_TEST)
    assert errand.done == ["asked"]
    assert [r.action for r in gateway.requests].count("selftest") == 1
