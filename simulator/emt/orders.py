"""The market's side of a metering operator: orders of grid operators and suppliers.

After the public OpenAPI ``controlMeasuresV1`` of EDI@Energy (Universalbestellprozess,
1.0.0), as far as a home is concerned:

    POST /steuerbefehl/konfiguration/   ?locationId=&commandControl={"maximumPowerValue": kW, ...}
    POST /steuerbefehl/initialZustand/  ?locationId=&commandRegular={"executionTimeFrom": ...}
    GET  /steuerbefehl/antworten        what has been answered: no part of that API, where each
                                        answer would be a call of its own to the sender

Headers: ``transactionId`` (UUID), ``creationDateTime``, and on a retry ``initialTransactionId``.
202 says that the order was understood; what becomes of it is answered later: first
``vorlaeufigePositiveAntwort`` or ``vorlaeufigeNegativeAntwort``, then ``positiveAntwort``
or ``negativeAntwort`` (``unknown`` where nobody measured the effect before it was over).
The order's id is that of the home's command as well.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
import json
import re
from typing import TYPE_CHECKING, Any
from uuid import UUID

from aiohttp import web

from simulator.clock import utc_text
from simulator.tunnel.guard import problem

from . import calls
from .calls import Call, Span
from .home import Home
from .pipe import LostError
from .session import ProblemError

if TYPE_CHECKING:
    from simulator.cls.world import World

_LOCATION = re.compile(r"[CE][A-Z0-9]{9}[0-9]")
_KILOWATTS = re.compile(r"[0-9]{1,6}(\.[0-9]{1,3})?")
_LOOK = 0.5
_REASONS = {
    "communication_failure": "communicationFailure",
    "overload": "overload",
}


@dataclass(frozen=True, slots=True)
class Result:
    """One answer to an order; ``reason`` only of a failure."""

    operation: str
    reference: str
    state: str
    reason: str
    at: datetime

    def shown(self) -> dict[str, str]:
        """Return it as JSON can hold it."""
        return {
            "operation": self.operation,
            "referenceId": self.reference,
            "state": self.state,
            **({"reason": self.reason} if self.reason else {}),
            "at": utc_text(self.at),
        }


class Orders:
    """Takes orders, lets the first EMT carry them out, keeps the answers.

    ``locations``: id of a controllable resource or network location to the id of a
    home; one that is not there means the EMT's first home.
    """

    def __init__(self, world: World) -> None:
        """Serve a world."""
        self._world = world
        self.locations: dict[str, str] = {}
        self.results: list[Result] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def routes(self) -> list[web.RouteDef]:
        """Return them; the document writes its paths with ``/[Post]`` before them."""
        found = [web.get("/steuerbefehl/antworten", self._answers)]
        for start in ("", "/[Post]"):
            for end in ("", "/"):
                path = f"{start}/steuerbefehl/"
                found.append(web.post(f"{path}konfiguration{end}", self._limit))
                found.append(web.post(f"{path}initialZustand{end}", self._release))
        return found

    async def stop(self, _: web.Application) -> None:
        """Leave what is not answered."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _answers(self, _: web.Request) -> web.Response:
        return web.json_response({"answers": [row.shown() for row in self.results]})

    async def _limit(self, request: web.Request) -> web.Response:
        order = _object(
            request, "commandControl", "maximumPowerValue", "executionTimeFrom"
        )
        told = str(order["maximumPowerValue"])
        if not _KILOWATTS.fullmatch(told):
            raise ValueError("maximumPowerValue is kW: six digits, three decimals")
        watts = (Decimal(told) * 1000).normalize()
        start, until = (
            _time(order, "executionTimeFrom"),
            order.get("executionTimeUntil"),
        )
        later = start if start and start > self._world.now() else None
        end = _time(order, "executionTimeUntil") if until else None
        span = Span(until=end, endless=end is None, start=later)
        call = calls.limit("consumption", span, watts=f"{watts:f}", kind="para14a")
        return self._take(request, call)

    async def _release(self, request: web.Request) -> web.Response:
        order = _object(request, "commandRegular", "executionTimeFrom")
        start = _time(order, "executionTimeFrom")
        return self._take(request, calls.release_limit("consumption"), start)

    def _take(
        self, request: web.Request, call: Call, start: datetime | None = None
    ) -> web.Response:
        """Answer 202 and carry it out, not before ``start``; 400, 404 if it is no order."""
        location = request.query.get("locationId", "")
        if not _LOCATION.fullmatch(location):
            return problem(400, "locationId is no id of the market")
        headers = request.headers
        home = self._home(location)
        call = replace(
            call,
            transaction=str(UUID(headers.get("transactionId", ""))),
            initial=headers.get("initialTransactionId", ""),
            created=_moment(headers.get("creationDateTime", "")),
        )
        task = asyncio.create_task(self._carry_out(home, call, start))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return web.Response(status=202)

    def _home(self, location: str) -> Home:
        wanted = self.locations.get(location, "")
        for home in self._world.emt.homes:
            if wanted in ("", home.id):
                return home
        raise KeyError(location)

    async def _carry_out(self, home: Home, call: Call, start: datetime | None) -> None:
        note = self._noter(call.initial or call.transaction)
        if start is not None and start > self._world.now():
            # A home knows no release ahead, and takes nothing made long ago.
            while start > self._world.now():
                await asyncio.sleep(_LOOK)
            call = replace(call, created=None)
        try:
            told = await home.ask(call)
        except ProblemError as err:
            note("vorlaeufigeNegativeAntwort", "failed", _reason(err.code))
            return
        except LostError, TimeoutError:
            note("vorlaeufigeNegativeAntwort", "failed", "communicationFailure")
            return
        note("vorlaeufigePositiveAntwort", "possible", "")
        state, reason = await self._outcome(home, str(told["transaction_id"]))
        match state:
            case "failed" | "rejected":
                note("negativeAntwort", "failed", _reason(reason))
            case "effective":
                note("positiveAntwort", "succeeded", "")
            case _:
                note("negativeAntwort", "unknown", "")

    async def _outcome(self, home: Home, transaction: str) -> tuple[str, str]:
        """Wait until the command has had its effect, or is over."""
        while True:
            await asyncio.sleep(_LOOK)
            try:
                told = await home.ask(calls.command(transaction))
            except LostError, ProblemError, TimeoutError:
                continue
            if told["state"] not in ("received", "possible", "scheduled", "active"):
                effect = told.get("effect") or {}
                # What has ended since then has had it all the same; else nobody has seen it.
                state = effect.get("state") or told["state"]
                return str(state), str(effect.get("reason") or told.get("end"))

    def _noter(self, reference: str) -> Callable[[str, str, str], None]:
        def note(operation: str, state: str, reason: str) -> None:
            now = self._world.now()
            self.results.append(Result(operation, reference, state, reason, now))

        return note


def _reason(code: str) -> str:
    """Return the market's word for why something failed."""
    return _REASONS.get(code, "unable")


def _object(request: web.Request, name: str, *fields: str) -> dict[str, Any]:
    """Return an object in the query that has these fields."""
    told = json.loads(request.query.get(name, "{}"))
    if not isinstance(told, dict) or not told.keys() >= set(fields):
        raise ValueError(f"{name} has to be an object with {', '.join(fields)}")
    return told


def _time(order: dict[str, Any], name: str) -> datetime:
    return _moment(str(order[name]))


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time needs its zone")
    return moment
