"""A participant as the owner has set it up: how it is reached, and what it may do.

Subentry data are JSON; these are its typed views. Powers are whole or decimal watts as
text, times ISO 8601 in UTC.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Self
import unicodedata

from homeassistant.config_entries import ConfigSubentry
from homeassistant.const import CONF_HOST, CONF_PORT
from homeassistant.helpers import entity_registry as er

from .cls.model import TunnelKind
from .const import CONF_CERTIFICATE
from .const_cls import (
    CONF_ACCESS,
    CONF_AFTER_FAILSAFE,
    CONF_BIND_HOST,
    CONF_BIND_PORT,
    CONF_CURVE,
    CONF_EMT_HOST,
    CONF_EMT_PORT,
    CONF_ENDS,
    CONF_FAILSAFE,
    CONF_FAILSAFE_HOURS,
    CONF_FORWARD_HOST,
    CONF_FORWARD_PORT,
    CONF_HIGH,
    CONF_IDENTITIES,
    CONF_INNER,
    CONF_ITEM,
    CONF_ITEMS,
    CONF_LIMITS,
    CONF_LONGEST,
    CONF_LOW,
    CONF_MESSAGE_KEY,
    CONF_OPEN_ENDED,
    CONF_PEERS,
    CONF_PRICES,
    CONF_ROLE,
    CONF_SILENCE,
    CONF_THING,
    CONF_THINGS,
    CONF_TUNNEL,
    CONF_VALID_FROM,
    CONF_VALID_UNTIL,
    SUBENTRY_PARTICIPANT,
)
from .control.limitation import AfterFailsafe, Failsafe
from .control.model import (
    Access,
    Direction,
    Grant,
    ItemGrant,
    LimitGrant,
    Participant,
    PriceGrant,
    Role,
    ThingGrant,
)
from .control.values import MAX_TEXT
from .models import SmgwConfigEntry
from .switches import SwitchConfig

DEFAULT_SILENCE = timedelta(seconds=120)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Host (name or address, a name is passed on unresolved) and port, as stored."""

    host: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredIdentity:
    """A certificate of ours, as stored: PEM. Its key is in the keyring."""

    certificate: str
    """With those that vouch for it, if it was imported."""

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Self:
        """Read it from what is stored."""
        return cls(certificate=data[CONF_CERTIFICATE])


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelConfig:
    """How a participant is reached: a change of anything here means a new connection."""

    kind: TunnelKind
    gateway: Endpoint | None = None
    """The gateway's CLS port, where we dial."""
    emt: Endpoint | None = None
    """The participant behind it, where we dial; by SNI only its name counts."""
    bind: Endpoint | None = None
    """Where we listen, if we are dialled."""
    peers: tuple[str, ...]
    """SHA-256 of the other side's certificates, 64 small hex digits: one, or two while it is renewed."""
    curve: str
    """Of the other side's key, and so of ours: a name of `cls.certificates.CURVES`."""
    identities: tuple[StoredIdentity, ...]
    """The one in use, then the one to come."""
    inner: tuple[str, ...] = ()
    """With fingerprints: TLS end to end as well, and only with these certificates."""
    message_key: str | None = field(default=None, repr=False)
    """PEM of a certificate or public key: every command has to be signed by it."""
    forward: Endpoint | None = None
    """The one local address to which the stream is passed on, instead of our API."""

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Self:
        """Read it from the data of a participant."""
        return cls(
            kind=TunnelKind(data[CONF_TUNNEL]),
            gateway=_endpoint(data, CONF_HOST, CONF_PORT),
            emt=_endpoint(data, CONF_EMT_HOST, CONF_EMT_PORT),
            bind=_endpoint(data, CONF_BIND_HOST, CONF_BIND_PORT),
            peers=tuple(data[CONF_PEERS]),
            curve=data[CONF_CURVE],
            identities=tuple(
                StoredIdentity.of(identity) for identity in data[CONF_IDENTITIES]
            ),
            inner=tuple(data.get(CONF_INNER, ())),
            message_key=data.get(CONF_MESSAGE_KEY),
            forward=_endpoint(data, CONF_FORWARD_HOST, CONF_FORWARD_PORT),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ParticipantConfig:
    """One participant, from its subentry."""

    participant_id: str
    """The id of the subentry."""
    name: str
    role: Role
    channel: ChannelConfig
    grants: tuple[Grant, ...] = ()
    silence: timedelta | None = DEFAULT_SILENCE
    ends: Mapping[str, datetime] = field(default_factory=dict)
    """By fingerprint: when a certificate of the other side ends, of those that were seen or pasted (UTC)."""
    valid_from: datetime | None = None
    valid_until: datetime | None = None

    @classmethod
    def of(cls, subentry: ConfigSubentry) -> Self:
        """Read it from a subentry."""
        data = subentry.data
        silence = data.get(CONF_SILENCE, DEFAULT_SILENCE.total_seconds())
        return cls(
            participant_id=subentry.subentry_id,
            name=shown_name(subentry.title) or subentry.subentry_id,
            role=Role(data[CONF_ROLE]),
            channel=ChannelConfig.of(data),
            grants=grants_of(data),
            silence=timedelta(seconds=silence) if silence else None,
            ends={
                pin: datetime.fromisoformat(end)
                for pin, end in data.get(CONF_ENDS, {}).items()
            },
            valid_from=_moment(data.get(CONF_VALID_FROM)),
            valid_until=_moment(data.get(CONF_VALID_UNTIL)),
        )

    def is_valid(self, now: datetime) -> bool:
        """Say whether it may do anything at a time (UTC)."""
        begun = self.valid_from is None or now >= self.valid_from
        return begun and not self.is_over(now)

    def is_over(self, now: datetime) -> bool:
        """Say whether its validity has ended (UTC)."""
        return self.valid_until is not None and now >= self.valid_until

    def next_change(self, now: datetime) -> datetime | None:
        """Return when its validity begins or ends next (UTC)."""
        ahead = [
            moment
            for moment in (self.valid_from, self.valid_until)
            if moment is not None and moment > now
        ]
        return min(ahead, default=None)

    def participant(
        self, now: datetime, switches: Iterable[SwitchConfig] = ()
    ) -> Participant:
        """Return it as the authority knows it: outside of its validity it may do nothing.

        A CLS switch that names it is granted to it by that.
        """
        grants = self.grants + tuple(
            switch.grant
            for switch in switches
            if self.participant_id in switch.participants
        )
        return Participant(
            participant_id=self.participant_id,
            name=self.name,
            role=self.role,
            grants=grants if self.is_valid(now) else (),
            silence=self.silence,
        )


def participants_of(entry: SmgwConfigEntry) -> list[ParticipantConfig]:
    """Return the participants of an entry, in the order they were added."""
    return [
        ParticipantConfig.of(subentry)
        for subentry in entry.get_subentries_of_type(SUBENTRY_PARTICIPANT)
    ]


def item_id(registry: er.EntityRegistry, entity_id: str) -> str:
    """Return the id of an entity as an item: one that no renaming changes, where there is one.

    It also tells a participant nothing of the names that the owner gives.
    """
    entity = registry.async_get(entity_id)
    return entity.id if entity else entity_id


def grants_of(data: Mapping[str, Any]) -> tuple[Grant, ...]:
    """Return the grants that are stored with a participant; none are nothing."""
    grants: list[Grant] = [
        ThingGrant(
            thing_id=thing[CONF_THING],
            access=Access(thing[CONF_ACCESS]),
            **_ends(thing),
        )
        for thing in data.get(CONF_THINGS, ())
    ]
    grants += [
        ItemGrant(
            item_id=item[CONF_ITEM],
            access=Access(item[CONF_ACCESS]),
            low=_decimal(item.get(CONF_LOW)),
            high=_decimal(item.get(CONF_HIGH)),
            **_ends(item),
        )
        for item in data.get(CONF_ITEMS, ())
    ]
    grants += [
        LimitGrant(
            direction=Direction(direction),
            low=_decimal(limit.get(CONF_LOW)) or Decimal(0),
            failsafe=_failsafe(limit),
            **_ends(limit),
        )
        for direction, limit in data.get(CONF_LIMITS, {}).items()
    ]
    if data.get(CONF_PRICES):
        grants.append(PriceGrant())
    return tuple(grants)


def shown_name(title: str) -> str:
    """Return a name without what cannot be seen; it may be nothing then."""
    plain = "".join(
        " " if unicodedata.category(character) == "Zs" else character
        for character in unicodedata.normalize("NFC", title)
        if unicodedata.category(character) == "Zs"
        or unicodedata.category(character)[0] not in "CZ"
    )
    return plain.strip()[:MAX_TEXT].strip()


def _endpoint(data: Mapping[str, Any], host: str, port: str) -> Endpoint | None:
    if not data.get(host):
        return None
    return Endpoint(host=data[host], port=int(data.get(port, 0)))


def _ends(grant: Mapping[str, Any]) -> dict[str, Any]:
    """Return how long commands of a grant may last."""
    minutes = grant.get(CONF_LONGEST)
    return {
        "open_ended": bool(grant.get(CONF_OPEN_ENDED)),
        "longest": timedelta(minutes=minutes) if minutes else None,
    }


def _failsafe(limit: Mapping[str, Any]) -> Failsafe | None:
    watts = _decimal(limit.get(CONF_FAILSAFE))
    if watts is None:
        return None
    return Failsafe(
        watts=watts,
        minimum=timedelta(hours=limit.get(CONF_FAILSAFE_HOURS, 2)),
        after=AfterFailsafe(limit.get(CONF_AFTER_FAILSAFE, AfterFailsafe.RELEASE)),
    )


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
