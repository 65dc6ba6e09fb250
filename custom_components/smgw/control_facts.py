"""Facts about participants, CLS switches and the home for diagnostics: by name, without keys, names and addresses."""

from collections.abc import Mapping
from typing import Any

from homeassistant.config_entries import ConfigEntryState

from .bridge.setup import ControlSetup
from .cls.identity import Identity
from .cls.model import ChannelState
from .const_cls import (
    CONF_EFFECT,
    CONF_EXECUTORS,
    CONF_LAB,
    CONF_MINIMUM,
    CONF_NOMINAL,
    CONF_RAMP,
    CONF_RESTORE,
    CONF_SOURCES,
)
from .control.model import Grant, ItemGrant, LimitGrant, ThingGrant
from .household import HouseConfig
from .models import SmgwConfigEntry
from .participants import ChannelConfig, ParticipantConfig
from .switches import SwitchConfig

HOME_OPTIONS = frozenset(
    {
        CONF_EFFECT,
        CONF_EXECUTORS,
        CONF_LAB,
        CONF_MINIMUM,
        CONF_NOMINAL,
        CONF_RAMP,
        CONF_RESTORE,
        CONF_SOURCES,
    }
)
"""Options that are told here, without the names of entities."""


def control_facts(entry: SmgwConfigEntry) -> dict[str, Any]:
    """Return what is set up for the CLS interface, and how it stands."""
    setup = ControlSetup.of(entry)
    loaded = entry.state is ConfigEntryState.LOADED
    room = entry.runtime_data.control if loaded else None
    channels: Mapping[str, ChannelState] = room.channels if room else {}
    return {
        "home": _home(setup.home),
        "participants": {
            f"participant {number}": _participant(
                participant, channels.get(participant.participant_id)
            )
            for number, participant in enumerate(setup.participants, 1)
        },
        "switches": {
            f"switch {number}": _switch(switch)
            for number, switch in enumerate(setup.switches, 1)
        },
        "running": room is not None,
        "rows": None if room is None else room.ledger.newest,
    }


def _home(home: HouseConfig) -> dict[str, Any]:
    house = home.house
    return {
        "laboratory": home.lab,
        "measured": sorted(house.measured),
        "nominal": {way: str(watts) for way, watts in house.nominal.items()},
        "minimum": {way: str(watts) for way, watts in house.minimum.items()},
        "executors": {
            way: [executor.mode for executor in executors]
            for way, executors in house.executors.items()
        },
        "effect_seconds": house.rules.effect.total_seconds(),
        "restore_seconds": house.rules.restore.total_seconds(),
        "ramp_seconds": house.rules.ramp.total_seconds(),
    }


def _participant(
    participant: ParticipantConfig, state: ChannelState | None
) -> dict[str, Any]:
    silence = participant.silence
    return {
        "role": participant.role,
        "valid_from": _text(participant.valid_from),
        "valid_until": _text(participant.valid_until),
        "silence_seconds": silence and silence.total_seconds(),
        "grants": [_grant(grant) for grant in participant.grants],
        "channel": _channel(participant.channel),
        "state": state and _state(state),
    }


def _channel(channel: ChannelConfig) -> dict[str, Any]:
    return {
        "kind": channel.kind,
        "curve": channel.curve,
        "peers": len(channel.peers),
        "own": [_own(one.certificate) for one in channel.identities],
        "inner": len(channel.inner),
        "signed": channel.message_key is not None,
        "forward": channel.forward is not None,
    }


def _own(certificate: str) -> dict[str, Any] | str:
    """Return what our certificate says; the key is not even looked at."""
    try:
        facts = Identity(certificate=certificate, key="").facts
    except ValueError:
        return "unreadable"
    return {"curve": facts.curve, "not_after": facts.not_after.isoformat()}


def _state(state: ChannelState) -> dict[str, Any]:
    return {
        "phase": state.phase,
        "since": state.since.isoformat(),
        "reason": state.reason,
        "last_contact": _text(state.last_contact),
        "next_try": _text(state.next_try),
        "renew_at": _text(state.renew_at),
        "peer_expires": _text(state.peer_expires),
    }


def _grant(grant: Grant) -> dict[str, Any]:
    kind: dict[str, Any] = {"kind": type(grant).__name__}
    match grant:
        case ThingGrant() | ItemGrant():
            kind |= {"access": grant.access, "open_ended": grant.open_ended}
        case LimitGrant():
            kind |= {
                "direction": grant.direction,
                "low": str(grant.low),
                "failsafe": grant.failsafe and str(grant.failsafe.watts),
                "open_ended": grant.open_ended,
            }
    return kind


def _switch(switch: SwitchConfig) -> dict[str, Any]:
    return {
        "drives": switch.drives is not None,
        "participants": len(switch.participants),
        "rest": switch.rest,
    }


def _text(moment: Any) -> str | None:
    return None if moment is None else moment.isoformat()
