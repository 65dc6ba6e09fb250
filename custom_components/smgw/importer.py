"""The gateway's history gets into long-term statistics by itself.

An errand that rides in the sessions of the polls: it asks for every hour that is not
recorded yet, the newest first, until the beginning of what the gateway keeps. Outages
leave such hours, so they are filled in the same way; and once a night the last days are
read again, for what was corrected.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from functools import cache
from typing import NamedTuple

from sqlalchemy.exc import SQLAlchemyError

from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.util import dt as dt_util

from . import coverage
from .const import LOGGER
from .coordinator import SmgwCoordinator
from .errands import Time
from .han.errors import NotAGateway, PageTooLarge, PageUnreadable, SmgwError
from .han.history import HistorySession, ProfileSlice, Span
from .han.model import Register, Snapshot
from .han.obis import Obis
from .logins import Login
from .notes import RegisterKey
from .progress import Progress, Speed, State, end_of
from .schedule import HOUR
from .seals import async_broken, async_came
from .statistics import measure, of_meter, of_profile
from .writer import Counted, Writer

# Gateways keep 15 to 24 months.
KEPT = timedelta(days=760)
# So long without a value: there was none before either.
_NOTHING_BEFORE = timedelta(days=92)
# Values may come that late; a gap that is older stays one.
_LATE = timedelta(days=2)
_CORRECTED = timedelta(days=3)
# The hour (local time) from which the last days are read again.
_NIGHT = timedelta(hours=2)
# What is missing of the last days is not worth a word.
_RECENT = timedelta(days=4)
# A gateway shows a value within a minute after its slot.
_SETTLES = timedelta(minutes=1)
# What a gateway has not shown is asked for again after so long: at first it is late.
_SOON = timedelta(minutes=10)
_LATER = timedelta(hours=1)
# What could not be read, and the days around it; at first for so long, then twice that.
_LEFT_OUT = timedelta(days=31)
_LEFT_OUT_FOR = timedelta(minutes=25)
_LEFT_OUT_MOST = timedelta(days=1)


class _LeftOut(NamedTuple):
    """What of a meter's history could not be read."""

    span: Span
    until: datetime
    """When it is tried again (UTC)."""
    pause: timedelta


type SliceListener = Callable[[Login, ProfileSlice], None]


class Importer:
    """The history of one gateway; an `Errand`."""

    def __init__(
        self, hass: HomeAssistant, coordinator: SmgwCoordinator, writer: Writer
    ) -> None:
        """Take the gateway, and what writes its statistics."""
        self._hass = hass
        self._coordinator = coordinator
        self._writer = writer
        self._notes = coordinator.memory.history
        self._speed = Speed()
        self._running = False
        self._error: str | None = None
        self._comparing = asyncio.Lock()
        self._compared = False
        # By meter: how far back there was nothing, and what is left out until when.
        self._nothing: dict[str, Span] = {}
        self._left_out: dict[str, _LeftOut] = {}
        self._asked: dict[str, tuple[datetime, datetime]] = {}
        self._registers: dict[RegisterKey, Register] = {}
        self._listeners: list[Callable[[], None]] = []
        self._slice_listeners: list[SliceListener] = []

    @callback
    def async_listen(self, listener: Callable[[], None]) -> CALLBACK_TYPE:
        """Have a listener called whenever the progress may have changed."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    @callback
    def async_listen_slices(self, listener: SliceListener) -> CALLBACK_TYPE:
        """Have a listener called with each slice that was read, after it is recorded."""
        self._slice_listeners.append(listener)
        return lambda: self._slice_listeners.remove(listener)

    @property
    def untouched(self) -> bool:
        """Say whether nothing was imported yet."""
        return not self._notes.checked and self._notes.not_before is None

    @callback
    def async_cancel(self) -> None:
        """Want no more of the past; what comes from now on is filled in as before."""
        self._notes.not_before = self._newest(dt_util.utcnow())
        self._changed()

    @callback
    def async_restart(self, span: Span | None = None) -> None:
        """Want all of the past again; a span even if it was imported."""
        self._notes.not_before = None
        if span is not None:
            self._notes.forget(list(self._notes.done), span)
        self._left_out.clear()
        self._asked.clear()
        self._nothing.clear()
        self._changed()
        self._coordinator.errands.async_open(list(self._coordinator.logins))

    @callback
    def async_read_again(self, keys: Iterable[RegisterKey], span: Span) -> None:
        """Want a span of some registers again, if the past is wanted at all."""
        self._notes.forget(list(keys), span)
        self._coordinator.memory.async_save()
        self._changed()

    def wanted(self, login: Login, now: datetime) -> bool:
        """Say whether hours are missing that this login may deliver."""
        # Before its first reading nobody knows what it sees.
        return not login.notes.registers or any(self._gaps(login, now))

    async def run(
        self, login: Login, snapshot: Snapshot, session: HistorySession, time: Time
    ) -> None:
        """Read and record slice after slice."""
        self._running, self._error = True, None
        self._changed()
        try:
            await self.async_compare(snapshot)
            while time() and (gap := self._next(login, snapshot)):
                await self._step(login, snapshot, session, *gap)
        except SmgwError as err:
            self._error = err.key
            raise
        except SQLAlchemyError as err:
            LOGGER.warning(
                "%s: statistics cannot be read (%s), the history waits",
                self._coordinator.name,
                type(err).__name__,
            )
            self._error = "database"
        finally:
            self._running = False
            self._changed()

    async def _step(
        self,
        login: Login,
        snapshot: Snapshot,
        session: HistorySession,
        meter_id: str,
        gap: Span,
    ) -> None:
        """Read a slice and record it."""
        begun = dt_util.utcnow()
        self._notes.checked.setdefault(meter_id, begun)
        try:
            part = await session.profile(meter_id, gap)
        except (PageUnreadable, NotAGateway, PageTooLarge) as err:
            async_broken(self._coordinator, meter_id, gap, err)
            # Whatever is wrong there: what lies before it is not to wait for ever.
            bad = Span(max(gap.start, gap.end - _LEFT_OUT), gap.end)
            known = self._left_out.get(meter_id)
            pause = min(2 * known.pause, _LEFT_OUT_MOST) if known else _LEFT_OUT_FOR
            self._left_out[meter_id] = _LeftOut(bad, begun + pause, pause)
            raise
        if gap.end > begun - _LATE:
            self._asked[meter_id] = (gap.end, begun)
        async_came(self._coordinator, meter_id, part.span, part.signed)
        counted = await self._hass.async_add_executor_job(_counted, part)
        await self._writer.async_write(counted)
        now = dt_util.utcnow()
        self._note(self._keys(login, snapshot), part, counted, now)
        self._speed.measured(now - begun, part.span.end - part.span.start)
        self._changed()
        LOGGER.debug(
            "%s: history of %s from %s to %s, %s readings, in %s",
            self._coordinator.name,
            meter_id,
            part.span.start,
            part.span.end,
            sum(len(one.readings) for one in counted),
            now - begun,
        )
        for listener in tuple(self._slice_listeners):
            listener(login, part)

    def _note(
        self,
        sees: set[RegisterKey],
        part: ProfileSlice,
        counted: list[Counted],
        now: datetime,
    ) -> None:
        """Note what is done with a slice that the recorder has taken."""
        meter_id, span = part.meter_id, part.span
        for one in counted:
            key = (meter_id, str(one.register.obis))
            self._registers[key] = one.register
            self._notes.recorded(key, min(one.readings))
        keys = {key for key in sees if key[0] == meter_id}
        keys |= {(meter_id, str(one.register.obis)) for one in counted}
        ends = {
            code: profile.rows[-1].target_time
            for code, profile in part.profiles.items()
        }
        for key in keys:
            # A register without a profile is not waited for alone.
            newest = ends.get(key[1]) or max(ends.values(), default=span.start)
            end = max(min(span.end, _hour(newest)), min(span.end, now - _LATE))
            if end > span.start:
                self._notes.cover(key, Span(span.start, end))
        if (bad := self._left_out.get(meter_id)) and span.end in bad.span:
            del self._left_out[meter_id]
        before = self._nothing.get(meter_id)
        if any(profile.rows for profile in part.profiles.values()):
            self._nothing.pop(meter_id, None)
        elif span.end <= now - _LATE:
            together = before is not None and before.start == span.end
            nothing = Span(span.start, before.end if before and together else span.end)
            self._nothing[meter_id] = nothing
            if nothing.end - nothing.start >= _NOTHING_BEFORE:
                for key in keys:
                    self._notes.cover(key, Span(now - 2 * KEPT, span.end))
        self._coordinator.memory.async_save()

    async def async_compare(self, snapshot: Snapshot) -> None:
        """Find out, once in a run, what of the recorded has gone since, and set it right."""
        self._see(snapshot)
        async with self._comparing:
            if self._compared:
                return
            try:
                await self._compare()
            except SQLAlchemyError as err:
                LOGGER.debug("Statistics cannot be compared: %s", type(err).__name__)
            else:
                self._compared = True
                self._changed()

    async def _compare(self) -> None:
        known = {
            key: register
            for key, register in self._registers.items()
            if key in self._notes.oldest
        }
        empty = await self._writer.async_empty(known.values())
        for key, register in known.items():
            if register in empty:
                self._notes.done.pop(key, None)
                self._notes.oldest.pop(key)
        await self._writer.async_settle(
            (register, recorded)
            for register in known.values()
            if register not in empty and (recorded := measure(register))
        )

    def _see(self, snapshot: Snapshot) -> None:
        """Learn which registers there are."""
        for meter in snapshot.meters.values():
            for obis, reading in meter.readings.items():
                if measure(reading.register):
                    self._registers[meter.meter_id, obis] = reading.register

    @staticmethod
    def _keys(login: Login, snapshot: Snapshot | None = None) -> set[RegisterKey]:
        """Return the registers of a login that count, of the meters that are there.

        A snapshot of this moment may have more than the login has noted.
        """
        snapshot = snapshot or login.snapshot
        keys = set(login.notes.registers)
        if snapshot is not None:
            keys = {key for key in keys if key[0] in snapshot.meters}
            for meter in snapshot.meters.values():
                keys.update((meter.meter_id, obis) for obis in meter.readings)
        return {key for key in keys if _counts_up(key[1])}

    @staticmethod
    def _newest(now: datetime) -> datetime:
        """Return the newest hour that may be there."""
        return _hour(now - _SETTLES)

    def _wanted_span(self, now: datetime) -> Span:
        floor = _hour(now - KEPT)
        if self._notes.not_before:
            floor = max(floor, self._notes.not_before)
        return Span(floor, self._newest(now))

    def _next(self, login: Login, snapshot: Snapshot) -> tuple[str, Span] | None:
        """Return the meter with the newest gap, and the gap; None if there is none.

        What the reading of this session has is recorded without us.
        """
        now = dt_util.utcnow()
        polled = {
            (register.meter_id, str(register.obis)): set(readings)
            for meter in snapshot.meters.values()
            for register, _, readings in of_meter(meter)
        }
        gaps = self._gaps(login, now, snapshot, polled)
        return max(gaps, key=lambda gap: (gap[1].end, gap[0]), default=None)

    def _gaps(
        self,
        login: Login,
        now: datetime,
        snapshot: Snapshot | None = None,
        polled: dict[RegisterKey, set[datetime]] | None = None,
    ) -> Iterator[tuple[str, Span]]:
        """Return the newest gap of each meter that can be asked for now."""
        self._check_again(now)
        within = self._wanted_span(now)
        newest: dict[str, Span] = {}
        for key in self._keys(login, snapshot):
            for span in reversed(self._missing(key, within, now)):
                if span.end - span.start == HOUR and span.end in (polled or {}).get(
                    key, ()
                ):
                    continue
                known = newest.get(key[0])
                if known is None or (span.end, known.start) > (known.end, span.start):
                    newest[key[0]] = span
                break
        for meter_id, span in newest.items():
            if span.end > now - _LATE and self._was_asked(meter_id, span, now):
                continue
            yield meter_id, span

    def _was_asked(self, meter_id: str, gap: Span, now: datetime) -> bool:
        """Say whether the gateway did not have it a moment ago."""
        asked = self._asked.get(meter_id)
        if asked is None or asked[0] < gap.end:
            return False
        pause = _SOON if now - gap.end < _LATER else _LATER
        return now - asked[1] < pause

    def _missing(self, key: RegisterKey, within: Span, now: datetime) -> list[Span]:
        left_out = self._left_out.get(key[0])
        found = self._notes.missing(key, within)
        if left_out is None or now >= left_out.until:
            return list(found)
        return list(coverage.without(found, left_out.span))

    def _check_again(self, now: datetime) -> None:
        """Have the last days read again, once a night."""
        wall = dt_util.as_local(now)
        night = wall.replace(hour=0, minute=0, second=0, microsecond=0) + _NIGHT
        if now < night:
            night -= timedelta(days=1)
        for meter_id, checked in self._notes.checked.items():
            if checked < night:
                self._notes.checked[meter_id] = now
                keys = [key for key in self._notes.done if key[0] == meter_id]
                self._notes.forget(keys, Span(_hour(now - _CORRECTED), _hour(now)))

    @property
    def progress(self) -> Progress:
        """Return how far it has come."""
        now = dt_util.utcnow()
        within = self._wanted_span(now)
        past = Span(within.start, max(within.start, within.end - _RECENT))
        keys = set().union(*(self._keys(login) for login in self._coordinator.logins))
        gaps = {key: self._notes.missing(key, past) for key in keys}
        oldest = min(self._notes.oldest.values(), default=None)
        open_gaps = [spans for spans in gaps.values() if spans]
        reached = max((spans[-1].end for spans in open_gaps), default=oldest)
        return Progress(
            state=self._state(bool(keys), bool(open_gaps)),
            reached=reached,
            oldest=oldest,
            done=len(gaps) - len(open_gaps),
            registers=len(gaps),
            end=self._end(gaps, now) if open_gaps else None,
            error=self._error,
        )

    def _state(self, known: bool, gaps: bool) -> State:
        if self._notes.not_before and not self._running:
            return State.CANCELLED
        if not known or self.untouched:
            return State.RUNNING if self._running else State.IDLE
        if not gaps:
            return State.DONE
        if self._running:
            return State.RUNNING
        return State.FAILED if self._error else State.WAITING

    def _end(
        self, gaps: dict[RegisterKey, tuple[Span, ...]], now: datetime
    ) -> datetime | None:
        """Return when all will be there, if the gateway keeps all that it may."""
        left: dict[str, timedelta] = {}
        for (meter_id, _), spans in gaps.items():
            missing = sum((span.end - span.start for span in spans), timedelta(0))
            left[meter_id] = max(missing, left.get(meter_id, timedelta(0)))
        needed = self._speed.needed(sum(left.values(), timedelta(0)))
        if needed is None:
            return None
        coordinator = self._coordinator
        polls = coordinator.polls_ahead(4 * HOUR)
        ride = coordinator.errands.ride
        open_until = (
            max(now, min(polls[:1] or [now + needed])) if self._running else now
        )
        return end_of(now, needed, open_until, polls, ride)

    @callback
    def _changed(self) -> None:
        for listener in tuple(self._listeners):
            listener()


def _counted(part: ProfileSlice) -> list[Counted]:
    """Return what of a slice statistics are made of; takes its time."""
    return [
        Counted(profile.register, recorded, readings, profile.rows)
        for profile in part.profiles.values()
        if (recorded := measure(profile.register))
        and (readings := of_profile(profile.rows, recorded))
    ]


@cache
def _counts_up(code: str) -> bool:
    obis = Obis.parse(code)
    return obis is not None and obis.counts_up


def _hour(moment: datetime) -> datetime:
    """Return the full hour before a moment (UTC)."""
    return moment.replace(minute=0, second=0, microsecond=0)
