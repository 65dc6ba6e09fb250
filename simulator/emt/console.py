"""The EMT's console: a page on loopback and the JSON it works with.

    GET  /                                   the page
    GET  /emt                                EMTs and their homes
    GET  /emt/EMT/HOME                       everything about a home, asked for now
    POST /emt/EMT/HOME/call                  {"method", "path", "body"}: any call of cls/v1
    GET  /emt/EMT/HOME/verify                evidence and receipts, checked now
    GET  /emt/EMT/HOME/audit                 the evidence itself, text

``path`` is below ``/cls/v1``. What the home refuses comes as its own status and JSON.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiohttp import web

from simulator.clock import real_seconds, utc_text
from simulator.tunnel.guard import body_of, problem

from . import calls
from .home import Home
from .pipe import LostError
from .session import ProblemError

if TYPE_CHECKING:
    from simulator.cls.world import World

_PAGES = Path(__file__).parent / "pages"
_KINDS = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}
_NEWEST = 40
_PRICES_FOR = 30.0
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


class Console:
    """The routes; handlers run in the world's loop."""

    def __init__(self, world: World) -> None:
        """Serve a world's EMTs."""
        self._world = world
        self._prices: dict[int, tuple[float, dict[str, Any]]] = {}

    def routes(self) -> list[web.RouteDef]:
        """Return them."""
        one = "/emt/{emt}/{home}"
        return [
            web.get("/", self._page),
            web.get("/console.{kind:js|css}", self._page),
            web.get("/emt", self._overview),
            web.get(one, self._home),
            web.post(f"{one}/call", self._call),
            web.get(f"{one}/verify", self._verify),
            web.get(f"{one}/audit", self._audit),
        ]

    async def _page(self, request: web.Request) -> web.Response:
        name = "console." + request.match_info.get("kind", "html")
        file = _PAGES / name
        return web.Response(
            text=file.read_text(encoding="utf-8"),
            content_type=_KINDS[file.suffix],
            charset="utf-8",
            headers=_HEADERS,
        )

    async def _overview(self, _: web.Request) -> web.Response:
        emts = [
            {
                "key": emt.key,
                "name": emt.name,
                "port": emt.port,
                "silent": emt.silent,
                "homes": [summary(home) for home in emt.homes],
            }
            for emt in self._world.emts.values()
        ]
        return web.json_response({"now": utc_text(self._world.now()), "emts": emts})

    async def _home(self, request: web.Request) -> web.Response:
        home = self._of(request)
        told: dict[str, Any] = summary(home) | {
            "root": home.root,
            "clock": home.clock,
            "events": home.events[-_NEWEST:][::-1],
            "receipts": _receipts(home),
        }
        if home.connected:
            try:
                # few, as a home allows ten requests a second
                for name in ("items", "limits", "commands"):
                    told |= await home.ask(calls.get(f"/{name}"), 10)
                told |= await self._prices_of(home)
            except (LostError, ProblemError, TimeoutError) as err:
                told["error"] = str(err) or "no answer"
        return web.json_response(told)

    async def _call(self, request: web.Request) -> web.Response:
        home = self._of(request)
        told = await body_of(request)
        method, path = str(told.get("method", "GET")), str(told["path"])
        call = (
            calls.get(path)
            if method == "GET"
            else calls.post(path, told.get("body"), method)
        )
        try:
            answer = await home.ask(call)
        except ProblemError as err:
            return web.json_response(err.body, status=err.status)
        except (LostError, TimeoutError) as err:
            return problem(502, str(err) or "no answer", transaction=call.transaction)
        self._prices.pop(id(home), None)
        return web.json_response(answer)

    async def _verify(self, request: web.Request) -> web.Response:
        home = self._of(request)
        try:
            export = str(await home.ask(calls.audit()))
        except (LostError, ProblemError, TimeoutError) as err:
            return problem(502, str(err) or "no answer")
        return web.json_response(home.verify(export).as_json())

    async def _audit(self, request: web.Request) -> web.Response:
        try:
            text = str(await self._of(request).ask(calls.audit()))
        except (LostError, ProblemError, TimeoutError) as err:
            return problem(502, str(err) or "no answer")
        return web.Response(text=text)

    async def _prices_of(self, home: Home) -> dict[str, Any]:
        """Return the price tables, asked for anew when a price call may have changed them."""
        asked, told = self._prices.get(id(home), (0.0, {}))
        if real_seconds() - asked > _PRICES_FOR:
            told = await home.ask(calls.get("/prices"), 10)
            self._prices[id(home)] = real_seconds(), told
        return told

    def _of(self, request: web.Request) -> Home:
        wanted = request.match_info["home"]
        emt = self._world.emts[request.match_info["emt"]]
        for home in emt.homes:
            if home.id == wanted:
                return home
        raise KeyError(wanted)


def summary(home: Home) -> dict[str, Any]:
    """Return a home in one line."""
    return {
        "id": home.id,
        "connected": home.connected,
        "gateway": home.gateway,
        "tunnels": home.tunnels,
        "participant": home.root["participant"],
        "key": home.key,
        "last_contact": utc_text(home.last_contact) if home.last_contact else None,
        "good_receipts": sum(row.good for row in home.receipts.values()),
        "bad_receipts": sum(not row.good for row in home.receipts.values()),
    }


def _receipts(home: Home) -> list[dict[str, Any]]:
    newest = list(home.receipts.values())[-_NEWEST:][::-1]
    return [{**row.found, "good": row.good, "problems": row.problems} for row in newest]
