"""Driver for the consumer interface of EMH CASA 1.1.

JSON over GET below one prefix, HTTP Digest with the gateway's id as realm. Protocol
facts: the vendor's adapter for the official transparency software and observations of
independent clients.

One connection is kept for all requests of a poll, as the transparency software does:
several at once confuse the gateway (observed). One that it closes is opened anew.
"""

from collections.abc import AsyncIterator, Callable, MutableMapping
from contextlib import asynccontextmanager
from datetime import datetime
import re
from typing import Any

from . import emh_pages as pages, ids, jsonpage
from .clock import Exchange
from .emh_history import EmhHistory
from .errors import (
    GatewayFault,
    NoMeterAssigned,
    NotAGateway,
    PageUnreadable,
    WrongGateway,
)
from .history import HistorySession, Visit
from .jsonsession import BadRequest, JsonSession, NotThere, challenge_of, logged_in
from .model import Account, Gateway, Meter, Skipped, Snapshot
from .status import worst
from .transport import Transport
from .trust import Trust

SYSTEM = "/json/systeminformations"
METERS = "/json/metering/origin/"

_REALM = re.compile(r'realm="?([^",]+)', re.IGNORECASE)


class EmhDriver:
    """Reads one CASA; see `driver.Driver`. `memory["digest"]` is `jsonsession`'s."""

    def __init__(
        self,
        transport: Transport,
        memory: MutableMapping[str, Any],
        now: Callable[[], datetime],
    ) -> None:
        """Take the way to the gateway, its memory, and our clock (UTC)."""
        self._transport = transport
        self._memory = memory
        self._now = now
        self._trust: dict[str, Trust] = {}

    async def check(self) -> None:
        """See that the interface asks for Digest, in the name of this gateway.

        Raises `WrongGateway` if the realm is another gateway's id.
        """
        self._compare(await realm(self._transport))

    def recall(self, account: Account, snapshot: Snapshot) -> None:
        """Take what an account saw in an earlier run as the readings before."""
        trust = self._trust.setdefault(account.identity, Trust())
        trust.recall(snapshot.meters.values())

    async def read_latest(self, account: Account) -> Snapshot:
        """Log in and read the newest value of every register; see `visit`."""
        async with self.visit(account) as visit:
            return visit.snapshot

    @asynccontextmanager
    async def visit(self, account: Account) -> AsyncIterator[Visit]:
        """Log in, read the newest value of every register, and keep the session open.

        A challenge, the list of meters, what the gateway says of itself, and one
        request for each meter.
        """
        trust = self._trust.setdefault(account.identity, Trust())
        async with logged_in(
            self._transport,
            self._memory,
            account,
            lambda session: self._read(session, trust),
        ) as (session, snapshot):
            yield Visit(snapshot=snapshot, history=EmhHistory(session, self._now))

    @asynccontextmanager
    async def history(self, account: Account) -> AsyncIterator[HistorySession]:
        """Open a session for what the gateway keeps, in the queue's turn."""
        async with logged_in(self._transport, self._memory, account, self._gateway) as (
            session,
            _,
        ):
            yield EmhHistory(session, self._now)

    async def _read(self, session: JsonSession, trust: Trust) -> Snapshot:
        try:
            meter_ids = pages.meters(await session.load("GET", METERS))
        except NotThere as err:
            raise PageUnreadable("no list of meters") from err
        gateway = await self._gateway(session)
        if not meter_ids:
            raise NoMeterAssigned("empty list of meters")
        meters: list[Meter] = []
        skipped: list[Skipped] = []
        for meter_id in meter_ids:
            try:
                answer = await session.load(
                    "GET", f"{METERS}{meter_id.lower()}/extended"
                )
            except (NotThere, BadRequest) as err:
                # Exchanged between the list and now, and the next list knows better;
                # or of a kind that has no current values.
                gone = isinstance(err, NotThere)
                reason = "meter_gone" if gone else "not_readable"
                skipped.append(Skipped(where=meter_id, reason=reason))
                continue
            found, bad = pages.readings(answer, meter_id)
            chosen = trust.choose(meter_id, found, self._now(), bad)
            session.keep_if_odd(bad)
            skipped += bad
            state = worst((*(r.quality for r in found), *(s.quality for s in bad)))
            meters.append(
                Meter.of(f"{meter_id.lower()}.sm", meter_id, chosen, quality=state)
            )
        trust.keep_only({meter.meter_id for meter in meters})
        return Snapshot.of(gateway, meters, skipped, session.requests)

    async def _gateway(self, session: JsonSession) -> Gateway:
        """Return what the gateway says of itself. Raises `WrongGateway`.

        Only the transparency software of 2021 knows this path: values do not depend
        on it.
        """
        sent = self._now()
        try:
            info = await session.load("GET", SYSTEM)
        except PageUnreadable, GatewayFault, NotAGateway:
            info = None
        self._compare(ids.gateway_id(jsonpage.text(info, "huid")))
        exchange = Exchange(sent, self._now())
        clock = jsonpage.moment(jsonpage.text(info, "systemtime"))
        firmware, _, _ = jsonpage.text(info, "firmwareversion").partition("/")
        return Gateway(
            gateway_id=self._transport.gateway_id,
            firmware=firmware.strip() or None,
            clock=clock,
            last_sync=None,
            clock_offset=exchange.offset(clock),
        )

    def _compare(self, told: str | None) -> None:
        """Compare a gateway id, if there is one, with the one that was confirmed."""
        if told not in (None, self._transport.gateway_id):
            raise WrongGateway("another gateway id")


async def realm(transport: Transport) -> str | None:
    """Return the gateway id that the challenge names, before any login (observed).

    None if it names none. Raises `NotAGateway` if there is no Digest challenge.
    """
    match = _REALM.search(await challenge_of(transport, METERS))
    return ids.gateway_id(match[1]) if match else None
