"""What is served: one method for each route that reads; all writes are one."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from aiohttp import web

from ..control import values
from ..control.codec import read_command
from ..control.command import SetPrices, SetSchedule
from ..control.errors import InvalidInput, LedgerError
from ..control.ledger import SLICE
from ..control.model import Participant
from ..control.reasons import Reason
from ..control.record import Record
from . import messages, openapi, shapes
from .callers import Caller
from .http import HttpStream
from .ports import ClsPorts
from .problems import Code, Problem
from .replies import json_response
from .routes import ROOT, Route

MOST_EVENTS = 200
LONGEST_WAIT = 50
_FAR = timedelta(days=36500)
type Body = dict[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One request, after everything about its form was found good."""

    route: Route
    caller: Caller
    participant: Participant
    request: web.BaseRequest
    given: str | None
    body: Body
    stream: HttpStream

    @property
    def whose(self) -> str:
        """Return the participant's id."""
        return self.participant.participant_id

    def count(self, name: str, most: int) -> int | None:
        """Return a whole number of the query. Raises InvalidInput."""
        text = self.request.query.get(name)
        if text is None:
            return None
        if not (text.isascii() and text.isdigit() and len(text) <= 16):
            raise InvalidInput(Reason.NOT_A_NUMBER, name)
        return values.whole(int(text), name, 0, most)

    def moment(self, name: str) -> datetime | None:
        """Return a time of the query. Raises InvalidInput."""
        text = self.request.query.get(name)
        return None if text is None else values.moment(text, name)


@dataclass(slots=True)
class Views:
    """Serves what `Api` has let through."""

    ports: ClsPorts
    _exporting: set[str] = field(default_factory=set)

    async def serve(self, ask: Ask) -> web.StreamResponse:
        """Answer. Raises InvalidInput, Problem, LedgerError."""
        if ask.route.is_write:
            return await self._command(ask)
        view: Callable[[Ask], Any] = getattr(self, f"see_{ask.route.name}")
        found = view(ask)
        if asyncio.iscoroutine(found):
            found = await found
        return found if isinstance(found, web.StreamResponse) else json_response(found)

    # Writes.

    async def _command(self, ask: Ask) -> web.StreamResponse:
        route, headers, body = ask.route, ask.request.headers, ask.body
        assert route.command is not None
        transaction = messages.transaction(headers)
        digest, signature = messages.prove(
            headers, ask.request.raw_path, body, ask.caller.message_key
        )
        if route.fields is not None and any(f not in route.fields for f in body or ()):
            raise InvalidInput(Reason.UNKNOWN_FIELD, route.command)
        if route.fields and not body:
            raise InvalidInput(Reason.MISSING_FIELD, f"{route.command}.direction")
        given = {} if route.given is None else {route.given: ask.given}
        command = read_command(
            messages.frame(headers, route.command, body or {}, given),
            ask.whose,
            ask.caller.origin(digest, signature),
        )
        answer = await self.ports.authority.submit(command)
        if not answer.verdict.accepted:
            raise Problem(
                answer.verdict.reason,
                answer.verdict.where,
                transaction_id=transaction,
            )
        location = f"{ROOT}/commands/{answer.transaction_id}"
        return json_response(
            shapes.answer(answer), status=202, headers={"Location": location}
        )

    # Reads.

    def see_root(self, ask: Ask) -> Body:
        """Return who is who."""
        ports = self.ports
        return shapes.root(
            ask.participant,
            ask.caller.tunnel,
            ports.about,
            ports.authority.ledger,
            ports.now(),
        )

    def see_openapi(self, ask: Ask) -> Body:
        """Return the document."""
        return openapi.document(self.ports.about.version)

    def see_things(self, ask: Ask) -> Body:
        """Return the devices."""
        return {"things": self._things(ask)}

    def see_thing(self, ask: Ask) -> Body:
        """Return one device."""
        for thing in self._things(ask):
            if thing["id"] == ask.given:
                return thing
        raise Problem(Code.UNKNOWN_THING)

    def see_items(self, ask: Ask) -> Body:
        """Return the channels."""
        picture = self.ports.authority.picture
        return {"items": shapes.items(ask.participant, self.ports.home, picture)}

    def see_item(self, ask: Ask) -> Body:
        """Return one channel."""
        item = self.ports.home.items().get(ask.given or "")
        if item is not None:
            hold = self.ports.authority.picture.items.get(item.item_id)
            found = shapes.item_of(ask.participant, item, self.ports.home, hold)
            if found is not None:
                return found
        raise Problem(Reason.UNKNOWN_ITEM)

    async def see_limits(self, ask: Ask) -> Body:
        """Return where limits stand."""
        picture = self.ports.authority.picture
        own = await self._open(ask)
        now = self.ports.now()
        return {"limits": shapes.limits(ask.participant, picture, own, now)}

    async def see_commands(self, ask: Ask) -> Body:
        """Return the open commands."""
        own = await self._open(ask)
        return {"commands": [shapes.line(record) for record in own]}

    async def see_command(self, ask: Ask) -> Body:
        """Return one command."""
        authority = self.ports.authority
        transaction = values.transaction(ask.given, "id")
        record = await authority.status(ask.whose, transaction)
        if record is None:
            raise Problem(Reason.UNKNOWN_COMMAND)
        rows = await authority.ledger.rows_of(ask.whose, transaction)
        receipts = await authority.ledger.receipts(ask.whose, transaction)
        return shapes.command(record, rows, receipts)

    async def see_schedules(self, ask: Ask) -> Body:
        """Return the schedules."""
        return {"schedules": await self._tables(ask, SetSchedule)}

    async def see_prices(self, ask: Ask) -> Body:
        """Return the price table."""
        return {"prices": await self._tables(ask, SetPrices)}

    def see_heartbeat(self, ask: Ask) -> Body:
        """Compare clocks; the sign of life itself was the request."""
        now = self.ports.now()
        told = (ask.body or {}).get("time")
        ahead = None
        if told is not None:
            gap = values.moment(told, "time") - now.utc
            ahead = round(gap.total_seconds() * 1000)
            self.ports.clock_told(ask.whose, gap)
        return {
            "clock": shapes.clock(now),
            "ahead_ms": ahead,
            "revision": self.ports.authority.ledger.newest,
        }

    async def see_events(self, ask: Ask) -> Body:
        """Return rows, or wait for some: until time is up, or somebody has another question."""
        ledger = self.ports.authority.ledger
        after = ask.count("after", 2**53 - 1)
        wait = ask.count("wait", LONGEST_WAIT) or 0
        if after is None:
            return {"events": [], "next": ledger.newest}
        end, seen = self.ports.timer.monotonic() + wait, after
        with ledger.news.following(ask.whose) as something:
            while True:
                something.clear()
                newest = ledger.news.newest
                rows: list[Mapping[str, Any]] = []
                if ledger.news.upto(ask.whose) > seen:
                    rows = await ledger.rows(after, MOST_EVENTS, ask.whose)
                    seen = newest
                left = end - self.ports.timer.monotonic()
                if rows or left <= 0 or ask.stream.wanted.is_set():
                    break
                await self._either(something, ask.stream.wanted, left)
        last = rows[-1]["seq"] if rows else 0
        return {
            "events": rows,
            "next": last if len(rows) == MOST_EVENTS else max(newest, last),
        }

    async def see_audit(self, ask: Ask) -> web.StreamResponse:
        """Send evidence of a span of time."""
        since, until = ask.moment("from"), ask.moment("to")
        if since is not None and until is not None and until <= since:
            raise InvalidInput(Reason.INVALID_SPAN, "to")
        return await self._export(ask, since, until)

    async def see_audit_head(self, ask: Ask) -> web.StreamResponse:
        """Send a signed statement about where the ledger stands: evidence of no row at all."""
        return await self._export(ask, self.ports.now().utc + _FAR, None)

    async def _export(
        self, ask: Ask, since: datetime | None, until: datetime | None
    ) -> web.StreamResponse:
        if ask.whose in self._exporting:
            # It makes the ledger busy: one at a time.
            raise Problem(Code.TOO_MANY_REQUESTS, headers={"Retry-After": "5"})
        self._exporting.add(ask.whose)
        try:
            pieces = self.ports.authority.ledger.export(
                self.ports.now(), since, until, ask.whose
            )
            response = web.StreamResponse()
            response.content_type, response.charset = "text/plain", "utf-8"
            # Until here a failure can still be told as one.
            first = await anext(pieces)
            ask.stream.finish(response)
            await response.prepare(ask.request)
            await response.write(first)
            async for piece in pieces:
                await response.write(piece)
        except LedgerError as err:
            if ask.request.writer.output_size:
                # An export that breaks off must not look like a whole one.
                raise ConnectionResetError("the export broke off") from err
            raise
        finally:
            self._exporting.discard(ask.whose)
        return response

    def _things(self, ask: Ask) -> list[dict[str, Any]]:
        ports = self.ports
        return shapes.things(ask.participant, ports.catalogue.things(), ports.home)

    async def _open(self, ask: Ask) -> list[Record]:
        authority = self.ports.authority
        own = [
            await authority.status(ask.whose, line.transaction_id)
            for line in authority.picture.commands
            if line.participant_id == ask.whose
        ]
        return [record for record in own if record is not None]

    async def _tables(
        self, ask: Ask, kind: type[SetSchedule | SetPrices]
    ) -> list[dict[str, Any]]:
        own = await self._open(ask)
        return [shapes.table(r) for r in own if isinstance(r.command.body, kind)]

    async def _either(
        self, news: asyncio.Event, wanted: asyncio.Event, seconds: float
    ) -> None:
        waiting = [
            asyncio.ensure_future(one)
            for one in (
                news.wait(),
                wanted.wait(),
                self.ports.timer.sleep(seconds),
            )
        ]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)


assert SLICE >= MOST_EVENTS
