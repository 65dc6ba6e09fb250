"""An owner with one gateway, and what Home Assistant shows them."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
import logging
import re
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.smgw.const import DOMAIN
from homeassistant.config_entries import SOURCE_USER
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import entity_registry as er, issue_registry as ir
from homeassistant.helpers.entity_component import async_update_entity
from homeassistant.util import dt as dt_util
from tests.ha.conftest import Timeline, make_entry, set_up
from tests.ha.test_coordinator import SETTLED

from .cases import (
    ELSE,
    LAST,
    NOTHING,
    NOW,
    SLOT,
    TRUE,
    UNAVAILABLE,
    UNKNOWN,
    Case,
    Shown,
    Word,
)

type Flow = dict[str, Any]

QUARTER = timedelta(minutes=15)
# Sensors of what Home Assistant itself knows.
_OURS = {"interval"}
# How the names of contracts begin, which are read once a day.
_CONTRACT = "01005e3180"
# What is kept of quarter hours stays known.
_KEPT = ("_month_peak", "_yesterday")
_REGISTER = re.compile(r"[0-9A-Z]+ \d+-\d+:[\d.]+")
NEW_PASSWORD = "from the second letter"


class Patience:
    """Time limits in seconds, short while there is nothing to wait for."""

    def __init__(self) -> None:
        """Start with all the time in the world."""
        self.connect = self.answer = self.farewell = 60.0

    def lose(self) -> None:
        """Wait no longer."""
        # an answer has to be there sooner than a busy machine makes a handshake
        self.connect, self.answer, self.farewell = 0.4, 0.8, 0.3

    def regain(self) -> None:
        """Wait as long as it takes."""
        self.__init__()


@dataclass
class Owner:
    """Somebody with a gateway and a Home Assistant."""

    hass: HomeAssistant
    gateway: Any
    timeline: Timeline
    patience: Patience
    caplog: pytest.LogCaptureFixture
    registers: frozenset[str]
    """What the gateway delivers: "<meter id> <OBIS code>"."""
    live: frozenset[str]
    """Those of them that are read as they are now, not as of the last slot."""
    entry: MockConfigEntry | None = None

    # What is done to the gateway.

    def switch_on(self, case: Case) -> None:
        """Bring the fault about."""
        self.gateway.faults.add(case.fault, **case.params)
        for other in case.also:
            self.gateway.faults.add(other)
        if case.slow:
            self.patience.lose()

    def switch_off(self) -> None:
        """Mend the gateway; a changed password stays."""
        self.gateway.faults.clear()
        self.patience.regain()

    def change_password(self) -> None:
        """Have the operator change it."""
        users = self.gateway.users
        users[self.gateway.user] = replace(
            users[self.gateway.user], password=NEW_PASSWORD
        )

    @property
    def password(self) -> str:
        """Return the one that is right now."""
        password: str = self.gateway.users[self.gateway.user].password
        return password

    # What the owner does.

    async def lives_with_it(self) -> None:
        """Have an entry, loaded, and read it once more.

        Two slots later: what a fault may cost then has room in the hour.
        """
        self.entry = make_entry(self.gateway)
        await set_up(self.hass, self.entry)
        before = self.gateway.connections
        await self.timeline.go_to(self.slot + 3 * QUARTER + SETTLED)
        assert self.gateway.connections > before

    async def restarts(self) -> bool:
        """Start Home Assistant anew, as far as the entry is concerned."""
        assert self.entry is not None
        assert await self.hass.config_entries.async_unload(self.entry.entry_id)
        done = await self.hass.config_entries.async_setup(self.entry.entry_id)
        await self.hass.async_block_till_done(wait_background_tasks=True)
        return done

    async def starts_to_add(self) -> Flow:
        """Open the set-up."""
        return await self.hass.config_entries.flow.async_init(
            DOMAIN, context={"source": SOURCE_USER}
        )

    async def fills_in(self, flow: Flow, password: str | None = None) -> Flow:
        """Fill in the step shown, and send it; of the ways to log in take the password."""
        fields = {
            "user": {"host": f"{self.gateway.host}:{self.gateway.port}"},
            "certificate": {},
        }
        account = {
            "username": self.gateway.user,
            "password": password or self.password,
        }
        flow = await self.hass.config_entries.flow.async_configure(
            flow["flow_id"], fields.get(flow["step_id"], account)
        )
        flow = await self._by_password(flow)
        if flow["type"] is FlowResultType.CREATE_ENTRY:
            self.entry = flow["result"]
        if flow["type"] is not FlowResultType.FORM:
            await self.hass.async_block_till_done(wait_background_tasks=True)
        return flow

    async def _by_password(self, flow: Flow) -> Flow:
        if flow["type"] is not FlowResultType.MENU:
            return flow
        return await self.hass.config_entries.flow.async_configure(
            flow["flow_id"], {"next_step_id": "login"}
        )

    async def answers(self, question: Flow, password: str | None = None) -> Flow:
        """Answer the question for the login, by default with the right one."""
        if question["step_id"] == "reauth_confirm":
            await self.hass.config_entries.flow.async_configure(
                question["flow_id"], {"next_step_id": "login"}
            )
        flow = await self.hass.config_entries.flow.async_configure(
            question["flow_id"],
            {
                "username": self.gateway.user,
                "password": password or self.password,
            },
        )
        await self.hass.async_block_till_done(wait_background_tasks=True)
        return flow

    async def asks_again(self) -> None:
        """Ask for an update some minutes later, as an automation would."""
        await self.timeline.pass_by(minutes=5)
        for state in self.hass.states.async_all("sensor")[:1]:
            await async_update_entity(self.hass, state.entity_id)
        await self.hass.async_block_till_done(wait_background_tasks=True)

    async def until_it_is_read(self) -> None:
        """Wait until the gateway is spoken to, and that session is over."""
        before = self.gateway.connections
        while self.gateway.connections == before:
            await self.next_reading()

    async def next_reading(self, fault: Case | None = None) -> None:
        """Wait for the next slot's reading; a fault may come about right before it."""
        moment = self.slot + QUARTER + SETTLED
        if fault is not None:
            self.gateway.clock.set(moment)
            self.switch_on(fault)
        await self.timeline.go_to(moment)

    # What the owner sees.

    @property
    def slot(self) -> datetime:
        """Return the newest slot."""
        now = dt_util.utcnow()
        return now.replace(minute=now.minute // 15 * 15, second=0, microsecond=0)

    @property
    def sensors(self) -> dict[str, str]:
        """Return the states of all sensors by register, or by what they tell."""
        shown: dict[str, str] = {}
        registry = er.async_get(self.hass)
        assert self.entry is not None
        for item in er.async_entries_for_config_entry(registry, self.entry.entry_id):
            state = self.hass.states.get(item.entity_id)
            _, *name = item.unique_id.split("_", 2)
            if item.disabled_by is None and item.domain == "sensor":
                shown[" ".join(name)] = state.state if state else NOTHING
        return shown

    @property
    def sees_nothing(self) -> bool:
        """Say whether all is unavailable that the gateway tells with each reading."""
        shown = {
            state
            for name, state in self.sensors.items()
            if name not in _OURS
            and not name.startswith(_CONTRACT)
            and not name.endswith(_KEPT)
        }
        return shown == {UNAVAILABLE}

    @property
    def states(self) -> dict[str, str]:
        """Return what is shown of each register."""
        sensors = self.sensors
        return {
            name: _plain(sensors.get(name, NOTHING))
            for name in self.registers
            | {name for name in sensors if _REGISTER.fullmatch(name)}
        }

    def expected(self, shown: Shown, before: dict[str, str]) -> dict[str, str]:
        """Return the states that such words mean; `before` are the last good ones."""
        named = shown.keys() - {ELSE} if isinstance(shown, dict) else set()
        return {
            name: self._state(name, self._word(shown, name), before)
            for name in self.registers | named
        }

    def expected_times(
        self, shown: Shown, captured: timedelta
    ) -> dict[str, tuple[datetime, datetime]]:
        """Return between which times each time shown has to be, as far as it is known."""
        clock = getattr(self.gateway, "now", self.gateway.clock.now)()
        times = {"clock": (clock, clock)}
        for name in sorted(self.registers):
            word = self._word(shown, name)
            if word in (UNKNOWN, UNAVAILABLE, NOTHING, LAST):
                continue
            moment = self._moment(name, word) + captured
            # gateways stamp their values some seconds after the slot
            span = moment, moment + timedelta(seconds=6)
            key = f"{name.split()[0]} last_reading"
            times[key] = max(times.get(key, span), span)
        return times

    def _moment(self, name: str, word: Word) -> datetime:
        """Return the time at which a meter held what is shown."""
        ago = word if isinstance(word, timedelta) else timedelta(0)
        now: datetime = self.gateway.clock.now() - ago
        if word == NOW:
            return now
        if word != SLOT and name in self.live:
            return now.replace(second=0)
        return self.slot - ago

    @staticmethod
    def _word(shown: Shown, name: str) -> Word:
        if isinstance(shown, dict):
            return shown.get(name, shown.get(ELSE, TRUE))
        return shown

    def _state(self, name: str, word: Word, before: dict[str, str]) -> str:
        if word == LAST:
            return before[name]
        if word in (UNKNOWN, UNAVAILABLE, NOTHING):
            return str(word)
        meter, obis = name.lower().split()
        value: Decimal = self.gateway.true_register(
            meter, obis, self._moment(name, word)
        )
        if obis.split(".")[1] == "7":
            value = value.quantize(Decimal("0.1"), ROUND_HALF_UP)
        return _plain(str(value))

    @property
    def issues(self) -> set[str]:
        """Return the kinds of repair issues shown."""
        return {issue.translation_key or "" for issue in self._issues()} - {
            # what Home Assistant itself says of a question for the login
            "config_entry_reauth"
        }

    def _issues(self) -> Iterator[ir.IssueEntry]:
        yield from ir.async_get(self.hass).issues.values()

    @property
    def questions(self) -> list[Flow]:
        """Return the open questions for a login."""
        return self.hass.config_entries.flow.async_progress()

    @property
    def log(self) -> list[tuple[str, str]]:
        """Return level and text of what was logged for the owner."""
        return [
            (record.levelname, record.getMessage())
            for record in self.caplog.records
            if record.name == "custom_components.smgw"
            and record.levelno > logging.DEBUG
        ]


def _plain(state: str) -> str:
    """Return a number without zeros at its end, anything else as it is."""
    try:
        return format(Decimal(state).normalize(), "f")
    except InvalidOperation:
        return state
