"""The tunnels of an entry's participants: from what is stored to what the room `cls/` opens."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import override

from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.loader import async_get_integration

from ..cls import ports
from ..cls.errors import BadConfig, ClsError
from ..cls.identity import Identity
from ..cls.model import ChannelState, Endpoint, InnerTls, TunnelConfig, TunnelKind
from ..cls.ports import About, ClsPorts, Thing
from ..cls.room import ClsRoom
from ..const import DOMAIN, LOGGER
from ..control.authority import Authority
from ..control.clock import TrustedClock
from ..control.values import MAX_TEXT
from ..keyring import Keyring, async_keyring
from ..participants import Endpoint as Place, ParticipantConfig
from .home import HomeItems
from .setup import ControlSetup

# By SNI, the participant's port means nothing.
_ANY_PORT = 443


class Devices(ports.Catalogue):
    """Implements the port."""

    def __init__(self, hass: HomeAssistant, home: HomeItems) -> None:
        """Take the items whose devices these are."""
        self._hass = hass
        self._home = home

    @override
    def things(self) -> Mapping[str, Thing]:
        """Return the devices of all items, by id."""
        registry = dr.async_get(self._hass)
        found: dict[str, Thing] = {}
        for item in self._home.items().values():
            if item.thing_id in found:
                continue
            name, kind = item.name, "entity"
            device = registry.async_get(item.thing_id)
            if isinstance(device, dr.DeviceEntry):
                name = device.name_by_user or device.name or item.name
                kind = device.model or "device"
            elif self._home.is_switch(item.thing_id):
                kind = "CLS switch"
            found[item.thing_id] = Thing(
                thing_id=item.thing_id, name=name[:MAX_TEXT], kind=kind[:MAX_TEXT]
            )
        return found


class Doors:
    """The tunnels, open as long as the entry is loaded."""

    def __init__(self, room: ClsRoom, keyring: Keyring, clock: TrustedClock) -> None:
        """Take the room of the tunnels; `async_open` makes one."""
        self._room = room
        self._keyring = keyring
        self._clock = clock

    @classmethod
    async def async_open(
        cls,
        hass: HomeAssistant,
        gateway_id: str,
        authority: Authority,
        clock: TrustedClock,
        home: HomeItems,
        changed: Callable[[ChannelState], None],
        clock_told: Callable[[str, timedelta], None],
    ) -> Doors:
        """Return doors behind which nobody is yet."""
        integration = await async_get_integration(hass, DOMAIN)
        made = ClsPorts(
            authority=authority,
            home=home,
            catalogue=Devices(hass, home),
            about=About(version=str(integration.version)),
            now=clock.now,
            changed=changed,
            clock_told=clock_told,
        )
        return cls(ClsRoom(made), await async_keyring(hass, gateway_id), clock)

    async def async_set_up(self, setup: ControlSetup) -> frozenset[str]:
        """Have the tunnels of these participants; one that cannot be leaves the others alone.

        Return who has one.
        """
        good: dict[object, TunnelConfig] = {}
        now = self._clock.now().utc
        for participant in setup.participants:
            if not participant.is_valid(now):
                continue
            if participant.channel.kind is TunnelKind.DIRECT and not setup.home.lab:
                LOGGER.warning(
                    "No tunnel for %s: it is for the laboratory only, which is off",
                    participant.name,
                )
                continue
            try:
                config = tunnel_of(participant, self._keyring)
            except ClsError as err:
                LOGGER.error("No tunnel for %s: %s", participant.name, err)
                continue
            if good.setdefault(config.place, config) is not config:
                LOGGER.error("No tunnel for %s: another one is there", participant.name)
        await self._room.configure(good.values())
        return frozenset(config.participant_id for config in good.values())

    async def async_close(self) -> None:
        """Close all of them."""
        await self._room.close()


def tunnel_of(participant: ParticipantConfig, keyring: Keyring) -> TunnelConfig:
    """Return a participant's tunnel. Raises ClsError."""
    channel = participant.channel
    if not channel.identities:
        raise BadConfig("own")
    own, *more = (
        # Without its key it cannot be used, which the tunnel tells as its reason.
        Identity(
            certificate=stored.certificate, key=keyring.key(stored.certificate) or ""
        )
        for stored in channel.identities
    )
    return TunnelConfig(
        tunnel_id=participant.participant_id,
        participant_id=participant.participant_id,
        kind=channel.kind,
        peers=channel.peers,
        own=own,
        next_own=more[0] if more else None,
        gateway=_endpoint(channel.gateway),
        destination=_endpoint(channel.emt),
        listen=_endpoint(channel.bind),
        inner=InnerTls(peers=channel.inner) if channel.inner else None,
        message_key=channel.message_key,
        forward=_endpoint(channel.forward),
    )


def _endpoint(place: Place | None) -> Endpoint | None:
    if place is None:
        return None
    return Endpoint(place.host, place.port or _ANY_PORT)
