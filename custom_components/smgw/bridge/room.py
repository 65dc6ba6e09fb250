"""The control side of one entry: its life, and what the owner asks of it."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self
from uuid import uuid4

from homeassistant.const import (
    ATTR_DEVICE_ID,
    ATTR_ENTITY_ID,
    EVENT_HOMEASSISTANT_STOP,
    Platform,
)
from homeassistant.core import (
    CALLBACK_TYPE,
    Context,
    CoreState,
    Event as BusEvent,
    HomeAssistant,
    callback,
)
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.helpers.event import async_call_later, async_track_point_in_utc_time
from homeassistant.helpers.start import async_at_started

from ..cls.model import ChannelPhase, ChannelState
from ..const import DOMAIN, LOGGER
from ..const_control import (
    ATTR_CONFIG_ENTRY,
    ATTR_PARTICIPANT,
    SWITCH_KEY,
    device_identifier,
    limit_key,
)
from ..control.authority import Authority
from ..control.clock import Stamp, TrustedClock
from ..control.command import (
    Body,
    Command,
    Door,
    Origin,
    SetItem,
    SetLimit,
    SetSchedule,
    Verdict,
)
from ..control.errors import LedgerError
from ..control.model import Item, Value
from ..control.picture import Event, EventKind, Picture
from ..control.ports import Ports
from ..control.reasons import Reason
from ..control.reply import Answer
from ..coordinator import SmgwCoordinator
from ..han.doctor import CLOCK_OFF
from ..models import SmgwConfigEntry
from . import vault
from .clock import LoopAlarm, LoopClock
from .doors import Doors
from .home import HomeItems, Wanted
from .meters import HomeMeters
from .setup import OWNER, ControlSetup
from .stage import Stage
from .vault import Opened

# How long an answer of the gateway is on its way, at most: a slow one's whole session.
_SESSION = 10.0
_SETTLED = (EventKind.STARTED, EventKind.FAILED, EventKind.ENDED)
_PATIENCE = 60.0
# Until settings that could not be written down are tried again.
_AGAIN = 60.0


@dataclass(frozen=True, slots=True)
class Ordered:
    """What became of a command that was given from here."""

    answer: Answer
    done: bool = False
    """It was taken, and its beginning did not fail."""


class ControlRoom:
    """Participants, CLS switches and limits of one gateway."""

    def __init__(
        self,
        hass: HomeAssistant,
        entry: SmgwConfigEntry,
        coordinator: SmgwCoordinator,
        clock: TrustedClock,
        opened: Opened,
    ) -> None:
        """Take what is needed; `async_begin` begins."""
        self.hass = hass
        self.entry = entry
        self.gateway_id = entry.unique_id or ""
        self.coordinator = coordinator
        self.setup = ControlSetup.of(entry)
        self.clock = clock
        self.ledger = opened.ledger
        self.replaces = opened.replaces
        """Name of the damaged ledger whose place the present one has taken."""
        self.stage = Stage(hass, self._details)
        self.home = HomeItems(hass, self.stage, self._moved)
        self.meters = HomeMeters(hass, coordinator, self.home.entity, self._moved)
        self._alarm = LoopAlarm(hass, self._look_soon)
        self.ports = Ports(
            home=self.home,
            meters=self.meters,
            publisher=self.stage,
            alarm=self._alarm,
        )
        self.authority = Authority(
            self.ledger,
            clock,
            self.ports,
            self.setup.home.house,
            self.setup.known(clock.now().utc),
        )
        self.channels: dict[str, ChannelState] = {}
        """How each participant's tunnel stands; empty for one that has none."""
        self.untimely: set[str] = set()
        """Participants whose clock, by what they told last, is so far off that commands are refused."""
        self._begun = clock.now().utc
        self._down: dict[str, datetime] = {}
        self._doors: Doors | None = None
        self._leave: list[CALLBACK_TYPE] = []
        self._next_change: CALLBACK_TYPE | None = None
        self._unfollow_stop: CALLBACK_TYPE | None = None
        self._looking = self._look_again = self._closed = False
        self._told: datetime | None = None
        """What the gateway's clock said last."""

    # From start to end.

    @classmethod
    async def async_begin(
        cls, hass: HomeAssistant, entry: SmgwConfigEntry, coordinator: SmgwCoordinator
    ) -> Self:
        """Take up the state of the run before, and show it. Raises LedgerError."""
        clock = TrustedClock(LoopClock(hass))
        opened = await vault.async_open(hass, entry.unique_id or "", clock.now())
        room = cls(hass, entry, coordinator, clock, opened)
        try:
            room._hear_clock()
            room._take_setup()
            await room.authority.start()
        except BaseException:
            await room.async_close()
            raise
        room._leave += [
            coordinator.async_add_listener(room._readings_came),
            room.stage.async_listen(room._note_clock),
        ]
        room._unfollow_stop = hass.bus.async_listen_once(
            EVENT_HOMEASSISTANT_STOP, room._stop
        )
        room._plan_change()
        return room

    async def async_open_doors(self) -> None:
        """Let participants in as soon as everything they may meet is there.

        While Home Assistant starts, devices of others may still be missing: a command for one would fail.
        """
        self._doors = await Doors.async_open(
            self.hass,
            self.gateway_id,
            self.authority,
            self.clock,
            self.home,
            self.channel_changed,
            self._clock_told,
        )
        if self.hass.state is CoreState.running:
            await self._set_doors()
        else:
            self._leave.append(async_at_started(self.hass, self._others_are_there))

    @callback
    def _others_are_there(self, _: HomeAssistant) -> None:
        self.entry.async_create_task(self.hass, self._set_doors())

    async def async_close(self) -> None:
        """Close the doors, then the books."""
        if self._closed:
            return
        self._closed = True
        if self._doors is not None:
            await self._doors.async_close()
        for leave in self._leave:
            leave()
        if self._unfollow_stop:
            self._unfollow_stop()
        if self._next_change:
            self._next_change()
        await self.authority.close()
        self.home.close()
        self.meters.close()
        await self.ledger.close()

    async def async_settings_changed(self) -> None:
        """Take over changed participants, switches or options. Raises LedgerError."""
        self.setup = ControlSetup.of(self.entry)
        self._take_setup()
        await self.authority.configure(
            self.setup.home.house, self.setup.known(self.clock.now().utc)
        )
        await self._set_doors()
        self._plan_change()
        self._rename()
        self.stage.show()

    # What the owner does.

    async def async_set(
        self, item_id: str, value: Value, context: Context | None
    ) -> Ordered:
        """Set an item by the owner's hand; return when that is done, or refused.

        It goes before contracts, never before the grid operator.
        """
        return await self.async_order(
            OWNER, SetItem(item_id=item_id, value=value), context=context, override=True
        )

    async def async_order(
        self,
        participant_id: str,
        body: Body,
        *,
        context: Context | None = None,
        override: bool = False,
        until: datetime | None = None,
    ) -> Ordered:
        """Give a command from here, and wait until it has begun."""
        command = Command(
            participant_id=participant_id,
            transaction_id=str(uuid4()),
            created=self.clock.now().utc,
            until=until,
            body=body,
            origin=Origin(door=Door.ACTION),
        )
        if context is not None:
            self.stage.adopt(command.key, context)
        begun: asyncio.Future[EventKind] = self.hass.loop.create_future()

        def settled(event: Event, _: Mapping[str, Any], __: Context) -> None:
            its = (event.participant_id, event.transaction_id) == command.key
            if its and event.kind in _SETTLED and not begun.done():
                begun.set_result(event.kind)

        leave = self.stage.async_listen(settled)
        try:
            answer = await self.authority.submit(command, override=override)
            if not answer.verdict.accepted:
                return Ordered(answer)
            async with asyncio.timeout(_PATIENCE):
                return Ordered(answer, await begun is not EventKind.FAILED)
        except TimeoutError:
            return Ordered(answer, False)
        finally:
            leave()

    async def async_override(self, participant_id: str, transaction_id: str) -> Verdict:
        """End a command by the owner's hand. Raises LedgerError."""
        return await self.authority.override(participant_id, transaction_id, OWNER)

    # What is known.

    @property
    def picture(self) -> Picture:
        """Return how things stand."""
        return self.stage.picture

    def name(self, participant_id: str) -> str | None:
        """Return a participant's name; None for the owner, and for one that is gone."""
        participant = self.setup.participant(participant_id)
        return None if participant is None else participant.name

    def item_of(self, entity_id: str) -> Item | None:
        """Return the item that an entity is, or that a CLS switch of ours shows."""
        for item in self.home.items().values():
            own = self.setup.switch(item.item_id) is not None
            shows = self._entity(SetItem(item_id=item.item_id, value=False))
            if entity_id == (shows if own else self.home.entity(item.item_id)):
                return item
        return None

    def last_contact(self, participant_id: str) -> datetime | None:
        """Return when a participant was last heard (UTC); None: never yet."""
        channel = self.channels.get(participant_id)
        if channel is not None and channel.last_contact is not None:
            return channel.last_contact
        contact = self.picture.contacts.get(participant_id)
        return None if contact is None else contact.since

    def connected(self, participant_id: str) -> bool:
        """Say whether a participant can be heard."""
        channel = self.channels.get(participant_id)
        if channel is not None:
            return channel.connected
        contact = self.picture.contacts.get(participant_id)
        return contact is not None and contact.present

    def down_since(self, participant_id: str) -> datetime | None:
        """Return since when a participant cannot be heard (UTC); None: it can, or is not watched."""
        if participant_id in self.channels:
            return self._down.get(participant_id)
        participant = self.setup.participant(participant_id)
        contact = self.picture.contacts.get(participant_id)
        if participant is None or participant.silence is None:
            return None
        if contact is None:
            return self._begun
        return None if contact.present else contact.since

    @callback
    def channel_changed(self, state: ChannelState) -> None:
        """Take how a tunnel stands."""
        self.channels[state.participant_id] = state
        if state.connected:
            self._down.pop(state.participant_id, None)
        else:
            self._down.setdefault(state.participant_id, state.since)
        self.stage.show()

    @callback
    def device_id(self, subentry_id: str) -> str | None:
        """Return the device of a participant or a CLS switch."""
        device = dr.async_get(self.hass).async_get_device_by_identifier(
            (DOMAIN, device_identifier(self.gateway_id, subentry_id)),
            self.entry.entry_id,
        )
        return None if device is None else device.id

    # Inside.

    async def _set_doors(self) -> None:
        """Let those in who may come, and nobody else."""
        if self._doors is not None:
            self._tunnels_are(await self._doors.async_set_up(self.setup))

    def _tunnels_are(self, present: frozenset[str]) -> None:
        """Forget the tunnels of those who are gone; of those who may have none now, say so."""
        there = {p.participant_id for p in self.setup.participants}
        for participant_id in self.channels.keys() - present:
            # Nobody misses what is not to be.
            self._down.pop(participant_id, None)
            state = self.channels.pop(participant_id)
            if participant_id in there:
                self.channels[participant_id] = state.but(
                    phase=ChannelPhase.STOPPED,
                    since=self.clock.now().utc,
                    reason=None,
                    next_try=None,
                    renew_at=None,
                )

    def _take_setup(self) -> None:
        participants = self.setup.known(self.clock.now().utc)
        self.home.set_up(
            Wanted.of(participants, self.setup.home.house, self.setup.switches)
        )
        self.meters.set_up(self.setup.home.sources)

    def _plan_change(self) -> None:
        """Be there when somebody's validity begins or ends."""
        if self._next_change:
            self._next_change()
            self._next_change = None
        moment = self.setup.next_change(self.clock.now().utc)
        if moment is not None:
            self._next_change = async_track_point_in_utc_time(
                self.hass, self._validity_changes, moment
            )

    def _rename(self) -> None:
        """Let devices have the names of their subentries."""
        registry = dr.async_get(self.hass)
        names = {p.participant_id: p.name for p in self.setup.participants}
        names |= {switch.switch_id: switch.name for switch in self.setup.switches}
        for subentry_id, name in names.items():
            if (device_id := self.device_id(subentry_id)) is not None:
                registry.async_update_device(device_id, name=name)

    async def _validity_changes(self, _: datetime) -> None:
        self._next_change = None
        try:
            await self.async_settings_changed()
        except LedgerError as err:
            LOGGER.error("A participant's validity is not in the ledger: %s", err)
            # Whoever may do nothing any more does not come in; the rest follows.
            await self._set_doors()
            if not self._closed:
                self._next_change = async_call_later(
                    self.hass, _AGAIN, self._validity_changes
                )

    async def _stop(self, _: BusEvent[Any]) -> None:
        # It is called once, and is gone by itself.
        self._unfollow_stop = None
        await self.async_close()

    def _details(self, event: Event) -> dict[str, Any]:
        """Say who and what an event is about, in the home's own names."""
        return {
            ATTR_CONFIG_ENTRY: self.entry.entry_id,
            ATTR_PARTICIPANT: self.name(event.participant_id),
            ATTR_DEVICE_ID: self.device_id(event.participant_id),
            ATTR_ENTITY_ID: self._entity(event.body),
        }

    def _entity(self, body: object) -> str | None:
        """Return the entity that shows what a command does."""
        registry = er.async_get(self.hass)
        match body:
            case SetItem(item_id=item_id):
                if self.setup.switch(item_id) is None:
                    return self.home.entity(item_id)
                domain, key = Platform.SWITCH, f"{item_id}_{SWITCH_KEY}"
            case SetLimit(direction=direction) | SetSchedule(direction=direction):
                domain, key = Platform.SENSOR, limit_key(direction)
            case _:
                return None
        return registry.async_get_entity_id(
            domain, DOMAIN, device_identifier(self.gateway_id, key)
        )

    @callback
    def _clock_told(self, participant_id: str, ahead: timedelta) -> None:
        """Note whether commands of this participant would be refused for their time."""
        off = abs(ahead) > self.setup.home.house.rules.freshness
        if off != (participant_id in self.untimely):
            self.untimely ^= {participant_id}
            self.stage.show()

    @callback
    def _note_clock(self, event: Event, _: Mapping[str, Any], __: Context) -> None:
        if event.reason in (Reason.STALE, Reason.FROM_THE_FUTURE):
            self.untimely.add(event.participant_id)
        elif event.kind in (EventKind.RECEIVED, EventKind.REFUSED):
            self.untimely.discard(event.participant_id)
        else:
            return
        self.stage.show()

    @callback
    def _readings_came(self) -> None:
        self._hear_clock()
        self._moved()

    def _hear_clock(self) -> None:
        """Take the gateway's time, unless it is plainly wrong."""
        snapshot = self.coordinator.data
        gateway = None if snapshot is None else snapshot.gateway
        if gateway is None or gateway.clock is None or gateway.clock == self._told:
            return
        self._told, offset = gateway.clock, gateway.clock_offset
        wrong = offset is None or abs(offset) > CLOCK_OFF
        if offset is None or wrong or self.coordinator.logins.clock_stands:
            return
        stamp: Stamp = self.clock.now()
        now = stamp.monotonic
        self.clock.gateway_said(stamp.utc - stamp.offset + offset, now - _SESSION, now)

    @callback
    def _moved(self) -> None:
        """Look at everything, if there is anything that may have changed by it."""
        if self.picture.limits or self.picture.commands:
            self._look_soon()
        if self.setup.switches:
            # They report what they drive.
            self.stage.show()

    @callback
    def _look_soon(self) -> None:
        if self._closed:
            return
        self._look_again = True
        if not self._looking:
            self._looking = True
            self.hass.async_create_background_task(
                self._look(), f"{self.entry.title} control"
            )

    async def _look(self) -> None:
        # Whatever goes wrong: the authority rings again by itself.
        try:
            while self._look_again and not self._closed:
                self._look_again = False
                await self.authority.tick()
        finally:
            self._looking = False
