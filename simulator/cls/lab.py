"""The lab control API: what a GWA does and what goes wrong, for scripts and the console.

GET    /lab                    gateway, profiles, channels, EMTs, faults
POST   /lab/profiles           {"cls": fingerprint or PEM, "emt", "scenario", ...}
PATCH  /lab/profiles/KEY       {"session", "idle", "parallel", "every", "home"}
DELETE /lab/profiles/KEY       and its channels
POST   /lab/profiles/KEY/call  dial (HKS4)
POST   /lab/cut                {"profile", "how": reset, fin or close}
POST   /lab/certificate        {"curve"}: a new HAN certificate
PUT    /lab/faults/NAME        {parameters}
DELETE /lab/faults/NAME
POST   /lab/emts/KEY           {"silent", "every", "patience", "ahead", "inner", "raw"}
GET    /lab/journal?after=N
"""

from typing import TYPE_CHECKING, Any

from aiohttp import web

from simulator.tunnel.guard import body_of, problem

from .wan import WanError

if TYPE_CHECKING:
    from .world import World

_PROFILE = (
    "emt",
    "scenario",
    "key",
    "name",
    "port",
    "home",
    "session",
    "idle",
    "parallel",
    "every",
)
_CHANGES = ("home", "session", "idle", "parallel", "every")
_EMT = ("silent", "every", "patience", "ahead", "inner", "raw")


class Lab:
    """The routes; handlers run in the world's loop."""

    def __init__(self, world: World) -> None:
        """Serve a world."""
        self._world = world

    def routes(self) -> list[web.RouteDef]:
        """Return them."""
        one = "/lab/profiles/{key}"
        return [
            web.get("/lab", self._state),
            web.post("/lab/profiles", self._admit),
            web.patch(one, self._change),
            web.delete(one, self._revoke),
            web.post(f"{one}/call", self._call),
            web.post("/lab/cut", self._cut),
            web.post("/lab/certificate", self._rotate),
            web.put("/lab/faults/{name}", self._fault),
            web.delete("/lab/faults/{name}", self._heal),
            web.post("/lab/emts/{key}", self._emt),
            web.get("/lab/journal", self._journal),
        ]

    async def _state(self, _: web.Request) -> web.Response:
        return web.json_response(self.state())

    def state(self) -> dict[str, Any]:
        """Return what there is, as JSON can hold it."""
        world, gateway = self._world, self._world.gateway
        return {
            **world.described(),
            "profiles": [row.shown() for row in gateway.profiles],
            "channels": [row.shown() for row in gateway.channels],
            "faults": list(world.faults),
        }

    async def _admit(self, request: web.Request) -> web.Response:
        told = _only(await body_of(request), ("cls", *_PROFILE))
        if "home" in told:
            told["home"] = _address(told["home"])
        profile = self._world.admit(**told)
        return web.json_response(profile.shown(), status=201)

    async def _change(self, request: web.Request) -> web.Response:
        told = _only(await body_of(request), _CHANGES)
        if "home" in told:
            told["home"] = _address(told["home"])
        table = self._world.gateway.profiles
        profile = table.change(request.match_info["key"], **told)
        return web.json_response(profile.shown())

    async def _revoke(self, request: web.Request) -> web.Response:
        self._world.gateway.remove(request.match_info["key"])
        return web.json_response(self.state())

    async def _call(self, request: web.Request) -> web.Response:
        try:
            await self._world.gateway.call(request.match_info["key"])
        except (OSError, WanError) as err:
            return problem(502, str(err) or type(err).__name__)
        return web.json_response(self.state())

    async def _cut(self, request: web.Request) -> web.Response:
        told = _only(await body_of(request), ("profile", "how"))
        count = self._world.gateway.end_channels(
            "cut", key=told.get("profile", ""), how=told.get("how", "reset")
        )
        return web.json_response({"ended": count})

    async def _rotate(self, request: web.Request) -> web.Response:
        told = _only(await body_of(request), ("curve",))
        self._world.rotate(**told)
        return web.json_response(self.state(), status=201)

    async def _fault(self, request: web.Request) -> web.Response:
        told = await body_of(request)
        self._world.faults.add(request.match_info["name"], **told)
        return web.json_response({"faults": list(self._world.faults)})

    async def _heal(self, request: web.Request) -> web.Response:
        self._world.faults.discard(request.match_info["name"])
        return web.json_response({"faults": list(self._world.faults)})

    async def _emt(self, request: web.Request) -> web.Response:
        emt = self._world.emts[request.match_info["key"]]
        for name, value in _only(await body_of(request), _EMT).items():
            setattr(emt, name, value)
        return web.json_response(self.state())

    async def _journal(self, request: web.Request) -> web.Response:
        after = int(request.query.get("after", 0))
        found = self._world.journal.events(after=after)
        return web.json_response({"events": [event.shown() for event in found]})


def _only(told: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    if unknown := sorted(set(told) - set(names)):
        raise ValueError(f"unknown field {unknown[0]!r}")
    return told


def _address(told: Any) -> tuple[str, int] | None:
    if told is None:
        return None
    host, port = told
    return str(host), int(port)
