"""The PPC gateway: its state, and which page answers what."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import ClassVar

from simulator.account import Account
from simulator.clock import Deadline, SimClock
from simulator.faults import FaultRequest
from simulator.http import Request, Response
from simulator.metering import MeteringServer
from simulator.scenario import Scenario, house
from simulator.server import Answer
from simulator.signer import Signer
from simulator.tls import Certificate, TlsOptions

from . import exports, frame, pages_log, pages_meter, pages_misc, pages_tariff
from .door import Door, Rules
from .faults import PPC_FAULTS
from .frame import PATH
from .logbook import Logbook
from .refusals import PARAMETER, RefusedError
from .session import Session, SessionBook
from .view import Download, Html, Look, View, last_sync

type Page = Callable[[View, dict[str, str]], Html | Download]

PAGES: dict[str, Page] = {
    "": pages_misc.welcome,
    "meterform": pages_meter.meter_list,
    "meterprofile": pages_meter.meter_list,
    "showMeterProfile": pages_meter.meter_profile,
    "showMeterValuesForm": pages_meter.values_form,
    "showMeterValues": pages_meter.meter_values,
    "exportMeterValues": exports.meter_values,
    "exportMeterProfile": exports.meter_profile,
    "tariffform": pages_tariff.contract_list,
    "showTariffProfile": pages_tariff.contract_profile,
    "exportTariffProfile": exports.contract_profile,
    "showTarificationForm": pages_tariff.tarification_form,
    "showTarification": pages_tariff.tarification,
    "showTarificationRegister": pages_tariff.period_registers,
    "commprofile": pages_misc.comm_profile,
    "exportCommProfile": exports.comm_profile,
    "log": pages_log.log_page,
    "exportLogData": exports.log_data,
    "swversions": pages_misc.software_versions,
    "selftest": pages_misc.self_test,
}


class PpcGateway(MeteringServer):
    """A PPC gateway in a thread.

    ``anchor`` (aware) is when the scenario's start values hold: the clock's
    start, unless a second gateway is to go on where a first one ended.
    ``users`` adds accounts that see a part of the meters or registers.
    ``client_certificates`` lets users in by TLS client certificate, without
    Digest (that the login exists is from the document; the rest is our guess).
    ``rules`` sets how sessions and the lockout work.
    """

    vendor: ClassVar[str] = "ppc"
    fault_table = PPC_FAULTS

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        user: str = "1234567890",
        password: str = "Gitter#Tor?7",
        gateway_id: str = "EPPC0210123456",
        firmware: str = "21929-21929",
        seed: int = 1,
        clock: SimClock | None = None,
        anchor: datetime | None = None,
        scenario: Scenario | None = None,
        faults: Iterable[FaultRequest] = (),
        certificate: Certificate | None = None,
        curve: str = "prime256v1",
        expired: bool = False,
        max_tls12: bool = False,
        users: dict[str, Account] | None = None,
        client_certificates: Mapping[str, Certificate] | None = None,
        rules: Rules | None = None,
    ) -> None:
        """Prepare the gateway; ``start`` makes it listen."""
        clients = client_certificates or {}
        tls = TlsOptions(curve, expired, max_tls12, tuple(clients.values()))
        super().__init__(host, port, gateway_id, clock, faults, certificate, tls)
        rules = rules or Rules()
        start = self.clock.now()
        self.user = user
        self.password = password
        self.firmware = firmware
        self.scenario = scenario or house()
        self.scenario.bind(seed, anchor or start)
        self.logbook = Logbook(seed, start)
        self.users = {user: Account(password), **(users or {})}
        self.certificate_users = {c.der: name for name, c in clients.items()}
        self.sessions = SessionBook(
            self.clock, rules.session_idle, per_user=rules.session_per_user
        )
        self._door = Door(self, rules)
        self.signer = Signer(self.gateway_id)
        self._booted = start - timedelta(days=7)
        self._outage: Deadline | None = None

    def rotate_signer(self, name: str = "") -> None:
        """Sign exports with a new key from now on; ``name`` is another CN."""
        self.signer = Signer(self.gateway_id, name)

    @property
    def open_sessions(self) -> int:
        """Return how many sessions are open now."""
        return self.sessions.count()

    @property
    def logins(self) -> int:
        """Return how many sessions were opened since the start."""
        return self.sessions.opened

    @property
    def failed_logins(self) -> int:
        """Return how many wrong passwords or users came since the start."""
        return self._door.failed

    @property
    def lockouts(self) -> int:
        """Return how often the portal has locked itself since the start."""
        return self._door.lockouts

    def alive(self) -> bool:
        """Tell whether the gateway is not just restarting."""
        if self._outage is not None and self._outage.passed():
            self._outage = None
        worn = self.faults.get("worn_out")
        dead = worn is not None and self.logins >= int(worn["logins"])
        return self._outage is None and not dead

    def action_of(self, request: Request) -> str | None:
        """Return the form's action of a POST."""
        return request.form.get("action") if request.method == "POST" else None

    def look(self) -> Look:
        """Return what the footer shows now."""
        now = self.clock.now()
        sync = last_sync(self.faults, now, self._booted)
        return Look(self.faults, now, sync, self.gateway_id, self.firmware)

    def handle(self, request: Request) -> Answer:
        """Answer one request."""
        if request.path != PATH or request.method not in {"GET", "POST"}:
            return Answer(frame.not_found())
        passage = self._door.pass_through(request)
        session = passage.session
        if session is None:
            return Answer(passage.refusal or frame.blank(), passage.authenticated)
        form = request.form if request.method == "POST" else {}
        if form.get("action") == "logout":
            response = self._log_out(session)
        else:
            response = self._page(session, form)
        if session.fresh or "cookie_every_page" in self.faults:
            session.fresh = False
            if "v1_sessionid" not in self.faults:
                cookie = f"session={session.value};secure;HttpOnly"
                response.headers.append(("Set-Cookie", cookie))
        return Answer(response, authenticated=True)

    def _page(self, session: Session, form: dict[str, str]) -> Response:
        action = form.get("action", "")
        account = self.users[session.user]
        token = session.new_token()
        look = self.look()
        view = View(
            look,
            self.scenario,
            session,
            self.sessions,
            account,
            self.logbook,
            self.signer,
            token,
        )
        try:
            made = PAGES.get(action, _unknown)(view, form)
        except RefusedError as refusal:
            if action.startswith("export"):
                return frame.refusal_body(look, refusal.phrase)
            return frame.refusal_page(view, refusal)
        if isinstance(made, Download):
            return frame.download(made)
        response = frame.page(view, made)
        if action == "selftest":
            self._restart()
            response.close = True
        return response

    def _log_out(self, session: Session) -> Response:
        self._door.end(session)
        if "no_logout_page" in self.faults:
            return Response(200)
        return frame.bare(self.look(), pages_misc.GOOD_BYE)

    def _restart(self) -> None:
        fault = self.faults.get("selftest_outage")
        seconds = float(fault["seconds"]) if fault else 30.0
        self._outage = Deadline(self.clock, seconds)
        self._booted = self.clock.now() + timedelta(seconds=seconds)
        self._door.end_all()
        self.faults.discard("han_hang")
        self.logbook.restart(self._booted)


def _unknown(view: View, form: dict[str, str]) -> Html:
    raise RefusedError(PARAMETER)
