"""The Theben gateway: its paths, header rules and state."""

from datetime import timedelta
import json
from typing import ClassVar

from simulator.box import BoxGateway, json_response, text_response
from simulator.clock import Deadline
from simulator.http import Request, Response
from simulator.scenario import Scenario
from simulator.tls import TlsOptions

from .faults import THEBEN_FAULTS
from .methods import METHODS, Call
from .refusals import RefusedError, bad
from .usage import theben_house

ROOT = "/smgw/m2m"
BETWEEN_SELF_TESTS = timedelta(seconds=600)


class ThebenGateway(BoxGateway):
    """A Theben CONEXA 3.0 in a thread; options as for ``BoxGateway``.

    TLS 1.2 only. The key and the key exchange lie on one curve, secp384r1 if
    nothing else is asked for, and so must a client's certificate. Users log in
    by Digest or certificate, are sent from ``/smgw/m2m`` to the path with their
    user id, and post methods in JSON there.
    """

    vendor: ClassVar[str] = "theben"
    fault_table = THEBEN_FAULTS
    default_user = "hv-kunde"
    default_password = "Birke+Fluss=42"
    default_id = "ETHE0300123456"
    default_firmware = "v3.87.0-cc"
    default_curve = "secp384r1"

    def prepare(self) -> None:
        """Begin with a finished start and a self-test of yesterday."""
        start = self.clock.now()
        self.journal.boot(start - timedelta(minutes=2))
        self._tested = start - timedelta(days=1)
        self._outage: Deadline | None = None
        self._profiles: dict[str, str] = {}

    def default_scenario(self) -> Scenario:
        """Return the shared house with a contract to come."""
        return theben_house()

    @property
    def realm(self) -> str:
        """Return the realm (that of real gateways is not known)."""
        return "smgw"

    def tls_options(self, gateway_id: str, options: TlsOptions) -> TlsOptions:
        """TLS 1.2, one curve, CN ``<ID>.SMGW``, SAN ``<id>.sm`` (observed)."""
        return TlsOptions(
            options.curve,
            options.expired,
            True,
            options.clients,
            exchange=options.curve,
            name=f"{gateway_id.upper()}.SMGW",
            san=(f"{gateway_id.lower()}.sm",),
            country="DE",
        )

    def alive(self) -> bool:
        """Tell whether the gateway takes connections."""
        if self._outage is not None and self._outage.passed():
            self._outage = None
        off = "han_off" in self.faults or self._outage is not None
        return super().alive() and not off

    def user_id(self, user: str) -> str:
        """Return the id a user is known by, not the name of the login."""
        if "user_id_gateway" in self.faults:
            return f"{self.gateway_id.lower()}.sm"
        given = self.users[user].user_id or f"lv-{user}"
        return given if given.endswith(".sm") else f"{given}.sm"

    def action_of(self, request: Request) -> str | None:
        """Return the JSON method, or ``m2m`` for the first call."""
        if request.path == ROOT:
            return "m2m"
        try:
            method = json.loads(request.body)["method"]
        except ValueError, TypeError, KeyError, RecursionError:
            return None
        return method if isinstance(method, str) else None

    def answer(self, request: Request, user: str) -> Response:
        """Answer a user: the first call, a method, or the page for people."""
        try:
            if request.path == ROOT:
                return self._first_call(request, user)
            if request.path == f"{ROOT}/{self.user_id(user)}/json":
                return self._method(request, user)
        except RefusedError as refusal:
            return text_response(refusal.status, refusal.text)
        if request.path == f"{ROOT}/{self.user_id(user)}/getdata":
            return text_response(500, "not simulated")
        if request.path == "/":
            # for people: their start page (its address is decided here)
            return Response(302, [("Location", f"/smgw/web/{self.user_id(user)}")])
        return text_response(404, "not found")

    def start_self_test(self) -> None:
        """Begin a self-test; RefusedError (403) within ten minutes of the last."""
        now = self.clock.now()
        running = "self_test_running" in self.faults
        if running or now - self._tested < BETWEEN_SELF_TESTS:
            raise RefusedError(403, "self test locked")
        self._tested = now
        self.journal.self_test(now)
        if fault := self.faults.get("self_test_outage"):
            self._outage = Deadline(self.clock, float(fault["seconds"]))

    def profile(self, usage_point: str, name: str) -> str:
        """Return the signed tariff profile of a usage point, hex of CMS."""
        if usage_point not in self._profiles:
            text = f"<profile><id>{usage_point}</id><name>{name}</name></profile>"
            self._profiles[usage_point] = self.signer.sign(text).hex()
        return self._profiles[usage_point]

    def _first_call(self, request: Request, user: str) -> Response:
        if request.method not in {"GET", "POST"}:
            raise RefusedError(405, "method not allowed")
        self._check_headers(request, body=request.method == "POST")
        old = "old_xml_api" in self.faults
        place = f"{ROOT}/{self.user_id(user)}/{'getdata' if old else 'json'}"
        if "redirect_absolute" in self.faults:
            place = f"https://{request.header('host')}{place}"
        status = 302 if "redirect_302" in self.faults else 307
        return Response(status, [("Location", place)])

    def _method(self, request: Request, user: str) -> Response:
        if request.method != "POST":
            raise RefusedError(405, "method not allowed")
        self._check_headers(request, body=True)
        try:
            asked = json.loads(request.body)
        except ValueError, RecursionError:
            raise bad("body") from None
        name = asked.get("method") if isinstance(asked, dict) else None
        if not isinstance(name, str) or name not in METHODS:
            raise bad("method")
        if fault := self.faults.get("long_log"):
            self.journal.lengthen(int(fault["entries"]))
        payload = METHODS[name](Call(self, user, self.readout(user), asked))
        return json_response(
            {
                # the maker's spelling
                "elapsed-time": f"{20 + len(request.body) * 3} miliseconds",  # codespell:ignore miliseconds
                "method": name,
                **payload,
                "version": self._version(),
            }
        )

    def _check_headers(self, request: Request, *, body: bool) -> None:
        kind = request.header("content-type")
        if "charset_accepted" in self.faults:
            kind = kind.partition(";")[0].strip()
        if kind != "application/json":
            raise RefusedError(400, "Content-Type")
        if body and not request.header("content-length"):
            raise RefusedError(400, "Content-Length")

    def _version(self) -> str:
        """Return the interface's version: 1.2.0 in 2020, 1.3.0 on v3.80 and v3.87."""
        old = "interface_120" in self.faults or self.firmware < "v3.80"
        return "1.2.0" if old else "1.3.0"
