"""Driver for the consumer interface of EMH CASA 1.1.

JSON over GET below one prefix, HTTP Digest with the gateway's id as realm. Protocol
facts: the vendor's adapter for the official transparency software and observations of
independent clients.
"""

from collections.abc import Callable, MutableMapping
from datetime import datetime
import logging
import re
from typing import Any

from . import emh_pages as pages, ids, jsonpage
from .errors import NoMeterAssigned, SessionExpired, WrongGateway, WrongPassword
from .failures import unexpected_status
from .model import Credentials, Gateway, Meter, Skipped, Snapshot
from .transport import Answer, Connection, Transport
from .trust import Trust

_LOGGER = logging.getLogger(__name__)

PREFIX = "/json"
METERS = "/json/metering/origin/"

_REALM = re.compile(r'realm="?([^",]+)')


class EmhDriver:
    """Reads one CASA; see `driver.Driver`. It learns nothing worth remembering."""

    def __init__(
        self,
        transport: Transport,
        memory: MutableMapping[str, Any],
        now: Callable[[], datetime],
    ) -> None:
        """Take the way to the gateway and our clock (UTC); `memory` stays empty."""
        self._transport = transport
        self._now = now
        self._trust: dict[str, Trust] = {}

    async def check(self) -> None:
        """See that the interface asks for Digest, in the name of this gateway.

        Raises `WrongGateway` if the realm is another gateway's id.
        """
        if await realm(self._transport) not in (None, self._transport.gateway_id):
            raise WrongGateway("realm of another gateway")

    async def read_latest(self, credentials: Credentials) -> Snapshot:
        """Log in and read the newest value of every register of every meter."""
        trust = self._trust.setdefault(credentials.user, Trust())
        async with (
            self._transport.queue,
            self._transport.connect(credentials) as connection,
        ):
            session = _Session(connection)
            meter_ids = pages.meters(await session.get(METERS))
            if not meter_ids:
                raise NoMeterAssigned("empty list of meters")
            gateway = self._gateway(await session.get(f"{PREFIX}/systeminformations"))
            meters: list[Meter] = []
            skipped: list[Skipped] = []
            for meter_id in meter_ids:
                answer = await session.find(f"{METERS}{meter_id.lower()}/extended")
                if answer is None:
                    # Exchanged between the list and now; the next list knows better.
                    skipped.append(Skipped(where=meter_id, reason="meter_gone"))
                    continue
                meters.append(self._meter(meter_id, answer, trust, skipped))
            trust.keep_only({meter.meter_id for meter in meters})
            return Snapshot.of(gateway, meters, skipped, connection.requests)

    def _gateway(self, info: object) -> Gateway:
        """Return the gateway. Raises `WrongGateway` if another one answers."""
        gateway_id = ids.gateway_id(jsonpage.text(info, "huid"))
        if gateway_id not in (None, self._transport.gateway_id):
            raise WrongGateway("another gateway id")
        return Gateway(
            gateway_id=self._transport.gateway_id,
            firmware=jsonpage.text(info, "firmwareversion").partition("/")[0].strip()
            or None,
            clock=jsonpage.moment(jsonpage.text(info, "systemtime")),
            last_sync=None,
        )

    def _meter(
        self, meter_id: str, answer: object, trust: Trust, skipped: list[Skipped]
    ) -> Meter:
        found, bad = pages.readings(answer, meter_id)
        skipped += bad
        return Meter.of(
            f"{meter_id.lower()}.sm",
            meter_id,
            trust.choose(meter_id, found, self._now(), skipped),
        )


async def realm(transport: Transport) -> str | None:
    """Return the gateway id in the realm of the challenge; None if it is another text.

    Needs no account: the way to know a gateway before any login (observed). Raises
    `SmgwError` if nothing asks for Digest.
    """
    async with transport.queue, transport.connect(None) as connection:
        answer = await connection.request("GET", METERS)
    challenge = answer.headers.get("WWW-Authenticate", "")
    if answer.status != 401 or not challenge.lower().startswith("digest"):
        raise unexpected_status(answer.status)
    found = _REALM.search(challenge)
    return ids.gateway_id(found[1]) if found else None


class _Session:
    """One login: requests over one connection, one at a time."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._logged_in = False

    async def get(self, path: str) -> object:
        """Return what a path answers."""
        answer = await self._ask(path)
        if answer.status != 200:
            raise unexpected_status(answer.status)
        found: object = await jsonpage.load_aside(answer.body)
        return found

    async def find(self, path: str) -> object | None:
        """Return what a path answers; None if the gateway does not know it."""
        answer = await self._ask(path)
        if answer.status == 404:
            return None
        if answer.status != 200:
            raise unexpected_status(answer.status)
        found: object = await jsonpage.load_aside(answer.body)
        return found

    async def _ask(self, path: str) -> Answer:
        answer = await self._connection.request("GET", path)
        if answer.status in (401, 403):
            if self._logged_in:
                raise SessionExpired(f"HTTP {answer.status}")
            raise WrongPassword(f"HTTP {answer.status}")
        self._logged_in = True
        return answer
