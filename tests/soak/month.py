"""What happens in a month, by a seed, and what must hold after each quarter hour."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from threading import Event

import pytest

from homeassistant.config_entries import ConfigEntryState
from homeassistant.util import dt as dt_util
from simulator.ppc import PpcGateway
from tests.ha.conftest import Timeline, restart

from . import faults
from .conftest import Patience
from .faults import Effect
from .home import Home

QUARTER = timedelta(minutes=15)
# After the quarter hour and the longest spread: every reading of that slot is done.
SETTLED = timedelta(seconds=100)
# After failures in a row a gateway is left alone for an hour and a fifth of it.
LONGEST_REST = timedelta(minutes=72)
# A gateway's clock may have been ahead: until then its readings are older than before.
CLOCK_AHEAD = timedelta(hours=1)


@dataclass
class Month:
    """Lets time pass in a home, and trouble with it."""

    home: Home
    timeline: Timeline
    patience: Patience
    caplog: pytest.LogCaptureFixture
    rng: Random
    refusals: int = 0
    """Wrong logins that the client may have sent: those of another algorithm."""
    trace: list[str] = field(default_factory=list)
    """What happened, for whoever looks for the reason of a failure."""
    _calm: int = 0
    """Quarter hours since the last one with trouble."""
    _bearable: set[str] = field(default_factory=set)
    """Faults that are no trouble any more: the owner has seen to them."""
    _episode_faults: set[str] = field(default_factory=set)
    """Faults that were on since the slot before, those used up included."""
    _deck: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Sort the faults of this gateway."""
        self.effects = faults.effects(self.home.gateway.fault_table)

    @property
    def enough(self) -> int:
        """Return after how many calm quarter hours everything must be fresh.

        The gateway may rest; then accounts that were read just before have their turns
        after the interval, one per slot.
        """
        accounts = len(self.home.entry.subentries)
        turns = max(self.home.interval, LONGEST_REST) + (accounts + 1) * QUARTER
        return (turns + CLOCK_AHEAD) // QUARTER + 1

    async def pass_until(self, end: datetime) -> None:
        """Let one episode follow the other."""
        while dt_util.utcnow() < end:
            try:
                await self._episode()
            except (AssertionError, KeyError) as err:
                on = list(self.home.gateway.faults)
                err.add_note(f"at {dt_util.utcnow()}; faults that are on: {on}")
                err.add_note("\n".join(self.trace[-12:]))
                raise

    async def pass_calmly(self, slots: int) -> None:
        """Let quarter hours pass in which nothing new happens."""
        for _ in range(slots):
            await self.pass_slot()

    async def exchange_meter(self) -> None:
        """Have another meter put in the place of the house's."""
        self._note("meter exchanged")
        self.home.exchange_meter()
        self._calm = 0
        await self.pass_calmly(self.enough + 2)

    async def pass_slot(self) -> None:
        """Let a quarter hour pass, and check what must always hold."""
        self._calm += 1
        on = set(self.home.gateway.faults) - self._bearable
        if self._is_trouble(on) or self._wall_time_is_doubled():
            self._calm = 0
        now = dt_util.utcnow().timestamp()
        slot = dt_util.utc_from_timestamp(now - now % QUARTER.total_seconds())
        await self.timeline.go_to(slot + QUARTER + SETTLED)
        await self._all_closed()
        self._check()

    async def _all_closed(self) -> None:
        """Wait until the gateway, in its thread, has noticed that its client is gone."""
        loop, pause = self.home.hass.loop, Event()
        for _ in range(3000):
            if self.home.gateway.open_connections == 0:
                return
            await loop.run_in_executor(None, pause.wait, 0.001)

    def _check(self) -> None:
        home, gateway = self.home, self.home.gateway
        assert gateway.lockouts == 0
        assert gateway.failed_logins <= self.refusals
        assert gateway.open_connections == 0
        if isinstance(gateway, PpcGateway):
            assert gateway.open_sessions == 0 or self._session_is_lost()
        home.check_values()
        if self._calm > self.enough:
            home.check_fresh((self.enough + 1) * QUARTER)
        for record in self.caplog.records:
            text = record.getMessage()
            assert record.exc_info is None, text
            assert "never retrieved" not in text
        self.caplog.clear()
        gateway.clear_requests()

    def _session_is_lost(self) -> bool:
        """Say whether the gateway may have opened a session that nobody was told of."""
        on = self._episode_faults
        losing = faults.LOSES_PAGE if "v1_sessionid" in on else faults.LOSES_SESSION
        return not on.isdisjoint(losing)

    def _is_trouble(self, names: Iterable[str]) -> bool:
        return any(self.effects[name] is not Effect.NONE for name in names)

    def _wall_time_is_doubled(self) -> bool:
        """Say whether it is the hour of which wall times say too little."""
        now = dt_util.now()
        twice = now.utcoffset() != now.replace(fold=1 - now.fold).utcoffset()
        return twice and isinstance(self.home.gateway, PpcGateway)

    async def _episode(self) -> None:
        """One trouble, and the time after it: short, or until all must be well."""
        what = self.rng.random()
        if what < 0.08:
            await self._reload()
        elif what < 0.16:
            await self._gateway_restarts()
        else:
            await self._faults_on_and_off()
        await self.pass_calmly(self.rng.randint(1, 6))
        if self.rng.random() < 0.6:
            await self.pass_calmly(max(0, self.enough + 2 - self._calm))

    async def _reload(self) -> None:
        """Let the integration be loaded anew: at once, after a while, by a restart."""
        hass, entry = self.home.hass, self.home.entry
        self._note("reload")
        self.home.forget_shown()
        what = self.rng.random()
        if what < 0.3:
            await restart(hass, entry, self.timeline)
        elif what < 0.6 and entry.state is ConfigEntryState.LOADED:
            await hass.config_entries.async_unload(entry.entry_id)
            for _ in range(self.rng.randint(1, 5)):
                self._calm = 0
                await self.pass_slot()
            await hass.config_entries.async_setup(entry.entry_id)
        else:
            await hass.config_entries.async_reload(entry.entry_id)
        await hass.async_block_till_done(wait_background_tasks=True)
        self._calm = 0

    async def _gateway_restarts(self) -> None:
        gateway = self.home.gateway
        self._note("gateway restarts")
        gateway.stop()
        for _ in range(self.rng.randint(0, 4)):
            self._calm = 0
            await self.pass_slot()
        self._calm = 0
        gateway.start()

    async def _faults_on_and_off(self) -> None:
        gateway, rng = self.home.gateway, self.rng
        names = {self._draw() for _ in range(rng.choice((1, 1, 1, 2)))}
        for name in sorted(names):
            chosen = faults.parameters(name, gateway.fault_table[name], rng)
            self._note(f"{name} {chosen or ''}")
            gateway.faults.add(name, **chosen)
        self._episode_faults |= names
        asks_owner = not names.isdisjoint(faults.OWNER)
        if asks_owner:
            # one for each account, and as many when the owner enters them anew
            self.refusals += 2 * len(self.home.entry.subentries)
        self.patience.short = not names.isdisjoint(faults.HANGS)
        if rng.random() < 0.1:
            await self._reload()
        await self.pass_calmly(rng.randint(1, 6))
        if asks_owner and not self._is_trouble(names - faults.FIRMWARE):
            await self._live_with(names & faults.FIRMWARE)
        if self._is_trouble(names):
            # some act a few times only, and are no longer there
            self._calm = 0
        gateway.faults.clear()
        self._bearable = set()
        self._note("faults off")
        self.patience.short = False
        await self.pass_slot()
        self._episode_faults = set()
        if asks_owner:
            await self._owner_acts()

    async def _live_with(self, firmware: set[str]) -> None:
        """Let a new firmware stay on until everything must be well with it."""
        await self._owner_acts()
        self._bearable = firmware
        await self.pass_calmly(self.enough + 2)
        self.refusals += 2 * len(self.home.entry.subentries)

    async def _owner_acts(self) -> None:
        self._note("owner enters the logins anew")
        self._calm = 0
        await self.home.enter_logins_anew()

    def _draw(self) -> str:
        """Return the next fault: all have their turn before one comes again."""
        if not self._deck:
            self._deck = sorted(self.effects)
            self.rng.shuffle(self._deck)
        return self._deck.pop()

    def _note(self, what: str) -> None:
        self.trace.append(f"{dt_util.utcnow():%m-%d %H:%M} {what}")
