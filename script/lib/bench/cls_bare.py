"""What our API is measured against: aiohttp alone in a tunnel of the same kind.

The handler reads a JSON body and sets a state. The tunnel is the integration's own: TCP, TLS and
SOCKS are the same, only the protocol that gets the stream is another one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from math import inf
from typing import Any, cast, override

from aiohttp import web

from custom_components.smgw.bridge.doors import Devices
from custom_components.smgw.bridge.room import ControlRoom
from custom_components.smgw.cls.api import Api
from custom_components.smgw.cls.callers import Caller
from custom_components.smgw.cls.dialler import Dialler
from custom_components.smgw.cls.identity import Identity
from custom_components.smgw.cls.model import Endpoint, TunnelConfig, TunnelKind
from custom_components.smgw.cls.ports import About, ClsPorts
from homeassistant.core import HomeAssistant


class BareStream(web.RequestHandler):
    """aiohttp's own protocol, with what a tunnel's session asks of it."""

    __slots__ = ("begun", "heard", "on_lost")

    def __init__(self, server: web.Server, **settings: Any) -> None:
        """Take who answers."""
        super().__init__(server, loop=asyncio.get_running_loop(), **settings)
        self.begun: float | None = None
        self.heard = inf
        self.on_lost: Callable[[BaseException | None], None] = lambda _: None

    @override
    def connection_lost(self, exc: BaseException | None) -> None:
        """Tell that it is over."""
        super().connection_lost(exc)
        self.on_lost(exc)

    def drain(self) -> None:
        """Live on: no measurement lasts for two days."""

    async def too_slow(self) -> None:
        """Wait on: here nobody is slow."""

    async def gone(self) -> None:
        """Have nothing left to do."""


class BareApi:
    """Stands where the API stands."""

    def __init__(self, hass: HomeAssistant) -> None:
        """Take where states are set."""
        self._hass = hass
        self._server = web.Server(self._serve)

    def stream(self, _: Caller) -> BareStream:
        """Return a protocol for one connection."""
        return BareStream(self._server, access_log=None, keepalive_timeout=3600)

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        *_, what, last = request.path.split("/")
        if what == "sized":
            return web.json_response(text="x" * int(last))
        told = await request.json()
        # cls/v1/items/ENTITY/commands
        self._hass.states.async_set(what, "on" if told["value"] else "off")
        return web.json_response(told, status=202)


def open_bare(
    hass: HomeAssistant, room: ControlRoom, tunnels: list[dict[str, str]]
) -> list[Dialler]:
    """Open tunnels of kind `out_socks` that end at the bare handler."""
    ports = ClsPorts(
        authority=room.authority,
        home=room.home,
        catalogue=Devices(hass, room.home),
        about=About(version="bench"),
        now=room.clock.now,
        changed=lambda _: None,
    )
    api = cast("Api", BareApi(hass))
    opened = [Dialler(_config(facts), ports, api) for facts in tunnels]
    for tunnel in opened:
        tunnel.start()
    return opened


def _config(facts: dict[str, str]) -> TunnelConfig:
    return TunnelConfig(
        tunnel_id=facts["key"],
        participant_id=facts["key"],
        kind=TunnelKind.OUT_SOCKS,
        peers=(facts["peer"],),
        own=Identity(certificate=facts["certificate"], key=facts["private"]),
        gateway=Endpoint(facts["host"], int(facts["port"])),
        destination=Endpoint(facts["emt_host"], int(facts["emt_port"])),
    )
