"""What the gateways with JSON share: login, time, values, exchange of meters."""

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
import json
from typing import Any, ClassVar

from .account import Account
from .clock import BERLIN, SimClock
from .door import Door
from .faults import BOX_FAULTS, ActiveFault, FaultRequest
from .http import Request, Response
from .journal import Journal
from .lifetime import Lifetime
from .metering import MeteringServer
from .meters import Meter
from .readout import Readout
from .scenario import Scenario, house
from .server import Answer
from .signer import Signer
from .tls import Certificate, TlsOptions


class BoxGateway(MeteringServer):
    """A gateway without sessions in a thread; each request stands for itself.

    Options as for the PPC gateway: ``anchor`` (aware) is when the scenario's
    start values hold; ``users`` adds accounts that see a part of the meters,
    registers or contracts; ``client_certificates`` lets users in by TLS client
    certificate, others fall back to Digest. None takes the vendor's default.
    A connection may be idle for 10 minutes and last 48 hours (Theben's
    document; assumed for other makers), by the real or the simulated clock.

    In ``override``, ``wert`` is the raw value, ``zeitstempel`` the capture time,
    ``istvalide`` 2 an invalid status and 3 no reading, ``obis_text`` the hex code,
    ``einheit`` the unit, ``status`` the status word.
    """

    fault_table = BOX_FAULTS
    answers_chunked = True
    lifetime = Lifetime(600, 48 * 3600, by_clock=True)
    default_user: ClassVar[str]
    default_password: ClassVar[str]
    default_id: ClassVar[str]
    default_firmware: ClassVar[str]
    default_curve: ClassVar[str]

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        user: str | None = None,
        password: str | None = None,
        gateway_id: str | None = None,
        firmware: str | None = None,
        seed: int = 1,
        clock: SimClock | None = None,
        anchor: datetime | None = None,
        scenario: Scenario | None = None,
        faults: Iterable[FaultRequest] = (),
        certificate: Certificate | None = None,
        curve: str | None = None,
        expired: bool = False,
        max_tls12: bool = True,
        users: Mapping[str, Account] | None = None,
        client_certificates: Mapping[str, Certificate] | None = None,
    ) -> None:
        """Prepare the gateway; ``start`` makes it listen."""
        clients = dict(client_certificates or {})
        gateway_id = gateway_id or self.default_id
        tls = self.tls_options(
            gateway_id,
            TlsOptions(
                curve or self.default_curve,
                expired,
                max_tls12,
                tuple(clients.values()),
            ),
        )
        super().__init__(host, port, gateway_id, clock, faults, certificate, tls)
        start = self.clock.now()
        self.user = user or self.default_user
        self.password = password or self.default_password
        self.firmware = firmware or self.default_firmware
        self.scenario = scenario or self.default_scenario()
        self.scenario.bind(seed, anchor or start)
        self.journal = Journal(seed, start)
        self.users = {self.user: Account(self.password), **(users or {})}
        self.certificate_users = {c.der: name for name, c in clients.items()}
        self.signer = Signer(gateway_id, f"{gateway_id.upper()}.SMGW")
        self._door = Door(self, self.realm)
        self._exchanged: ActiveFault | None = None
        self.prepare()

    def prepare(self) -> None:
        """Set up what only this maker has."""

    def default_scenario(self) -> Scenario:
        """Return what stands behind the gateway if nobody says."""
        return house()

    @property
    @abstractmethod
    def realm(self) -> str:
        """Return the Digest realm."""

    @abstractmethod
    def tls_options(self, gateway_id: str, options: TlsOptions) -> TlsOptions:
        """Return the maker's ways with certificates and curves."""

    @abstractmethod
    def answer(self, request: Request, user: str) -> Response:
        """Answer a request of a user who may come in."""

    @property
    def logins(self) -> int:
        """Return how often somebody logged in (a nonce's first good use)."""
        return self._door.logins

    @property
    def failed_logins(self) -> int:
        """Return how many wrong passwords or users came since the start."""
        return self._door.failed

    @property
    def lockouts(self) -> int:
        """Return how often it has refused all connections since the start.

        After wrong logins, or too many requests.
        """
        return self._door.lockouts

    def exchange_meter(self, old_id: str, new_id: str) -> Meter:
        """Put a new meter in an old one's place, now, counting from zero."""
        return self.scenario.exchange_meter(old_id, new_id, self.now())

    def shift(self) -> timedelta:
        """Return how far the gateway's clock is ahead of the simulator's."""
        ahead = timedelta(0)
        if fault := self.faults.get("dst_day"):
            ahead -= _back_to_change(self.clock.now(), int(fault["slots"]))
        if fault := self.faults.get("clock_skew"):
            ahead += timedelta(seconds=float(fault["seconds"]))
        return ahead

    def now(self) -> datetime:
        """Return the gateway's idea of time, aware UTC."""
        stands = self.faults.get("clock_stands")
        return (stands.since if stands else self.clock.now()) + self.shift()

    def readout(self, user: str) -> Readout:
        """Return a user's view."""
        now, shift = self.now(), self.shift()
        came = now
        if fault := self.faults.get("stale_values"):
            age = timedelta(hours=float(fault["age_hours"]))
            came = min(now, fault.since + shift - age)
        account = self.users[user]
        return Readout(self.scenario, self.faults, account, now, came, shift)

    def alive(self) -> bool:
        """Tell whether the gateway takes connections."""
        return self._door.open

    def handle(self, request: Request) -> Answer:
        """Answer one request."""
        self._exchange_once()
        if "overlap_drops" in self.faults and self.open_connections > 1:
            return Answer(Response(), silence="drop")
        if request.chunked:
            return Answer(_bad_request("transfer-encoding", close=True))
        if self._foreign_host(request):
            return Answer(_bad_request("host"))
        passage = self._door.enter(request)
        if passage.refusal is not None:
            return passage.refusal
        response = self.answer(request, passage.user)
        response.close |= "close_each" in self.faults
        return Answer(response, authenticated=True)

    def _foreign_host(self, request: Request) -> bool:
        fault = self.faults.get("nat_host")
        if fault is None:
            return False
        own = self.gateway_id.lower()
        names = {str(fault["host"]), "smgw.local", f"{own}.sm", f"{own}.local"}
        host = request.header("host").lower()
        return host not in names and host.rpartition(":")[0] not in names

    def _exchange_once(self) -> None:
        fault = self.faults.get("meter_exchange")
        if fault is None or fault is self._exchanged:
            return
        self._exchanged = fault
        electric = (m.id for m in self.scenario.meters if m.medium == "1")
        old = str(fault["meter"]) or next(electric, "")
        if old in self.scenario.meters:
            self.exchange_meter(old, str(fault["new"]) or _next_number(old))


def json_response(content: Any, status: int = 200) -> Response:
    """Return an answer with compact JSON."""
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    return Response(status, [("Content-Type", "application/json")], body)


def text_response(status: int, text: str) -> Response:
    """Return an answer with a line of text (the wording is made up)."""
    return Response(status, [("Content-Type", "text/plain")], text.encode())


def _bad_request(what: str, *, close: bool = False) -> Response:
    response = text_response(400, f"bad request: {what}")
    response.close = close
    return response


def _next_number(meter_id: str) -> str:
    digits = meter_id[-8:]
    return f"{meter_id[:-8]}{(int(digits) + 1) % 10**8:08d}"


def _back_to_change(now: datetime, slots: int) -> timedelta:
    """Return the whole days since the day after the last one of so many slots."""
    local = now.astimezone(BERLIN).replace(hour=0, minute=0, second=0, microsecond=0)
    for days in range(800):
        today = (local - timedelta(days=days)).replace(fold=0)
        length = today.timestamp() - (today - timedelta(days=1)).timestamp()
        if length == slots * 900:
            back = now.astimezone(BERLIN) - timedelta(days=days)
            return timedelta(seconds=now.timestamp() - back.timestamp())
    raise ValueError(f"no day has {slots} quarter hours")
