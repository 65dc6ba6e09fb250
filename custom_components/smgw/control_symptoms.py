"""The table of repair issues of the control side: when each is there, and what its text is told."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.event import async_track_time_interval
from homeassistant.helpers.issue_registry import IssueSeverity
from homeassistant.util import dt as dt_util

from .bridge.room import ControlRoom
from .channel_ends import channel_ends
from .cls.model import TunnelKind
from .issues import Shown, async_show
from .models import SmgwConfigEntry
from .participants import ParticipantConfig
from .symptoms import local_time

_EVERY = timedelta(minutes=5)
_AHEAD = timedelta(days=30)
# Without a failsafe: as long as it lasts at least where there is one.
_SILENT = timedelta(hours=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What is known now."""

    room: ControlRoom | None = None
    closed: str | None = None
    """Why the ledger cannot be opened; there is no room then."""
    now: datetime

    @property
    def participants(self) -> tuple[ParticipantConfig, ...]:
        """Return the participants that may come in."""
        return () if self.room is None else self.room.setup.participants


@dataclass(frozen=True, slots=True)
class Found:
    """An issue that holds now, of the home or of one participant."""

    placeholders: Mapping[str, str]
    participant: ParticipantConfig | None = None


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of issue; `find` says for what it holds now."""

    key: str
    find: Callable[[Situation], Iterator[Found]]
    severity: IssueSeverity = IssueSeverity.WARNING


def _silent(now: Situation) -> Iterator[Found]:
    for its in now.participants:
        assert now.room is not None
        since = now.room.down_since(its.participant_id)
        shut = its.channel.kind is TunnelKind.DIRECT and not now.room.setup.home.lab
        if since is None or shut or not its.is_valid(now.now):
            continue
        # Nobody is missed before the first day.
        since = max(since, its.valid_from or since)
        longest = now.room.setup.failsafe(its.participant_id) or _SILENT
        if now.now - since >= longest:
            shown = local_time(since, now.now)
            yield Found({"participant": its.name, "since": shown}, its)


def _certificate_expiring(now: Situation) -> Iterator[Found]:
    for its in now.participants:
        assert now.room is not None
        if its.is_over(now.now):
            continue
        ends = channel_ends(its, now.room.channels.get(its.participant_id))
        soon = [end for end in ends if end <= now.now + _AHEAD]
        if soon:
            day = dt_util.as_local(min(soon)).date().isoformat()
            yield Found({"participant": its.name, "valid_until": day}, its)


def _clocks_differ(now: Situation) -> Iterator[Found]:
    for its in now.participants:
        if now.room is not None and its.participant_id in now.room.untimely:
            yield Found({"participant": its.name}, its)


def _no_grants(now: Situation) -> Iterator[Found]:
    for its in now.participants:
        assert now.room is not None
        if not its.is_over(now.now) and not now.room.setup.granted(its):
            yield Found({"participant": its.name}, its)


def _ledger_stuck(now: Situation) -> Iterator[Found]:
    if now.room is not None and now.room.picture.fault is not None:
        yield Found({})


def _ledger_replaced(now: Situation) -> Iterator[Found]:
    if now.room is not None and now.room.replaces is not None:
        yield Found({"file": now.room.replaces})


def _ledger_closed(now: Situation) -> Iterator[Found]:
    if now.closed is not None:
        yield Found({"reason": now.closed})


KINDS = (
    Kind("participant_silent", _silent, IssueSeverity.ERROR),
    Kind("participant_certificate", _certificate_expiring),
    Kind("participant_clock", _clocks_differ),
    Kind("participant_no_grants", _no_grants),
    Kind("ledger_stuck", _ledger_stuck, IssueSeverity.ERROR),
    Kind("ledger_replaced", _ledger_replaced),
    Kind("ledger_closed", _ledger_closed, IssueSeverity.ERROR),
)
_KEYS = {kind.key for kind in KINDS}


@callback
def async_follow(
    hass: HomeAssistant, entry: SmgwConfigEntry, room: ControlRoom
) -> None:
    """Let the issues follow how things stand."""

    @callback
    def look(_: datetime | None = None) -> None:
        async_sync(hass, entry, Situation(room=room, now=dt_util.utcnow()))

    look()
    entry.async_on_unload(room.stage.async_view(look))
    entry.async_on_unload(
        async_track_time_interval(hass, look, _EVERY, cancel_on_shutdown=True)
    )


@callback
def async_sync(
    hass: HomeAssistant, entry: SmgwConfigEntry, situation: Situation
) -> None:
    """Create the issues that hold now and delete the others."""
    shown = [
        Shown(
            key=kind.key,
            placeholders=found.placeholders,
            severity=kind.severity,
            about={"participant": found.participant.participant_id}
            if found.participant
            else {},
        )
        for kind in KINDS
        for found in kind.find(situation)
    ]
    async_show(hass, entry, _KEYS, shown)
