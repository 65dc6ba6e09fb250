"""The EMH gateway: its paths."""

from collections.abc import Callable
from dataclasses import dataclass
import hashlib
import re
from typing import Any, ClassVar

from simulator.box import BoxGateway, json_response, text_response
from simulator.derived import month_back
from simulator.http import Request, Response
from simulator.journal import Entry
from simulator.meters import Meter
from simulator.readout import Readout
from simulator.tls import TlsOptions

from . import meters
from .containers import local_iso
from .contracts import Derived, derived
from .faults import EMH_FAULTS

_LEVELS = {1: "info", 2: "warning", 3: "error"}
_CERTIFICATE = "/download/certificate.pem"


@dataclass(frozen=True, slots=True)
class Announcement:
    """What the gateway says by mDNS (observed)."""

    type: str
    name: str
    server: str
    addresses: tuple[str, ...]
    port: int


class EmhGateway(BoxGateway):
    """An EMH CASA 1.1 in a thread; options as for ``BoxGateway``.

    TLS 1.2 at most unless ``max_tls12`` is false. Every path needs Digest,
    whose realm is the gateway's id in lower case, or a client certificate.
    """

    vendor: ClassVar[str] = "emh"
    fault_table = EMH_FAULTS
    default_user = "consumer1"
    default_password = "Linde-Bach.7"
    default_id = "EEMH0112345678"
    default_firmware = "3.45.1"
    default_curve = "prime256v1"

    def prepare(self) -> None:
        """Give electricity meters the values of a live configuration."""
        self._give_live_values()

    @property
    def realm(self) -> str:
        """Return the realm: the gateway's id (observed)."""
        return self.gateway_id.lower()

    @property
    def announcement(self) -> Announcement | None:
        """Return what mDNS would say, None if it is off."""
        if "mdns_off" in self.faults:
            return None
        kind = "_http._tcp.local."
        name = f"smgw consumerinterface.{kind}"
        return Announcement(kind, name, "smgw.local.", (self.host,), self.port)

    def tls_options(self, gateway_id: str, options: TlsOptions) -> TlsOptions:
        """Brainpool keys go with a brainpool exchange; names decided here."""
        brainpool = options.curve.startswith("brainpool")
        return TlsOptions(
            options.curve,
            options.expired,
            options.max_tls12,
            options.clients,
            exchange=options.curve if brainpool else "",
            name=gateway_id.upper(),
            san=("smgw.local",),
        )

    def action_of(self, request: Request) -> str | None:
        """Return the name of the resource."""
        found = _route(request.path)
        return found[0].name if found else None

    def answer(self, request: Request, user: str) -> Response:
        """Answer a user; 404 for what is not there, 405 for anything but GET."""
        self._give_live_values()
        found = _route(request.path)
        if found is None:
            return text_response(404, "not found")
        if request.method != "GET":
            return text_response(405, "method not allowed")
        resource, parts = found
        asked = Asked(self, user, self.readout(user), parts)
        content = resource.answer(asked)
        if isinstance(content, Response):
            return content
        if content is None:
            return text_response(resource.without, "no data")
        return json_response(content)

    def _give_live_values(self) -> None:
        for meter in self.scenario.meters:
            if meter.medium == "1" and not meter.live:
                self.scenario.meters.add_live(meter.id, meters.LIVE)


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: who asks for what; ``parts`` are the blanks of the path."""

    house: EmhGateway
    user: str
    view: Readout
    parts: dict[str, str]

    @property
    def meter(self) -> Meter | None:
        """Return the meter asked for."""
        return self.view.meter(self.parts["meter"])

    @property
    def contract(self) -> Derived | None:
        """Return the contract asked for, by logical name."""
        wanted = self.parts["contract"]
        found = derived(self.view)
        return next((d for d in found if d.contract.logical_name == wanted), None)

    @property
    def consumer(self) -> str:
        """Return the name in the consumer's logical name."""
        given = self.house.users[self.user].user_id or f"lv-{self.user}"
        return given.removesuffix(".sm")

    @property
    def number(self) -> int:
        """Return the month or period asked for."""
        return int(self.parts["number"])


def _system(asked: Asked) -> Any:
    firmware = asked.house.firmware
    digest = hashlib.sha256(firmware.encode()).hexdigest()
    return {
        "firmwareversion": f"{firmware} / {digest}",
        "huid": asked.house.gateway_id.lower(),
        "systemtime": local_iso(asked.view.now),
    }


def _meter(
    answer: Callable[[Readout, Meter], Any],
) -> Callable[[Asked], Any]:
    def find(asked: Asked) -> Any:
        meter = asked.meter
        return None if meter is None else answer(asked.view, meter)

    return find


def _month(asked: Asked) -> Any:
    meter = asked.meter
    return None if meter is None else meters.month(asked.view, meter, asked.number)


def _contract(answer: Callable[[Derived, Asked], Any]) -> Callable[[Asked], Any]:
    def find(asked: Asked) -> Any:
        contract = asked.contract
        if contract is None:
            return text_response(404, "not found")
        return answer(contract, asked)

    return find


def _signed(contract: Derived, asked: Asked) -> Response:
    text = f"<profile><id>{contract.contract.logical_name}</id></profile>"
    body = asked.house.signer.sign(text)
    return Response(200, [("Content-Type", "application/octet-stream")], body)


def _log(asked: Asked) -> Any:
    begin, end = month_back(asked.view.now, asked.number)
    entries = asked.house.journal.entries()
    return [_log_entry(entry) for entry in entries if begin <= entry.at < end]


def _log_entry(entry: Entry) -> dict[str, Any]:
    return {
        "level": _LEVELS[entry.level],
        "outcome": "erfolgreich" if entry.good else "fehlgeschlagen",
        "recordnumber": entry.index,
        "repetition": 0,
        "text": entry.message,
        "timestamp": local_iso(entry.at),
        "vendor": "EMH" if entry.maker else "BSI",
    }


def _certificate(asked: Asked) -> Response:
    pem = asked.house.signer.issued.pem.encode()
    return Response(200, [("Content-Type", "application/x-pem-file")], pem)


@dataclass(frozen=True, slots=True)
class Resource:
    """A path and its answer; ``without`` is the status where there is none."""

    name: str
    path: re.Pattern[str]
    answer: Callable[[Asked], Any]
    without: int = 404


def _resource(
    name: str, path: str, answer: Callable[[Asked], Any], without: int = 404
) -> Resource:
    pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path)
    pattern = pattern.replace("(?P<number>[^/]+)", r"(?P<number>\d{1,3})")
    return Resource(name, re.compile(f"/json/{pattern}/?"), answer, without)


_ORIGIN = "metering/origin"
_DERIVED = "metering/derived"
_ONE = f"{_DERIVED}/{{contract}}"
RESOURCES = (
    _resource("systeminformations", "systeminformations", _system),
    _resource("origin", _ORIGIN, lambda asked: [m.id for m in asked.view.meters]),
    _resource("meter", f"{_ORIGIN}/{{meter}}", _meter(meters.plain)),
    _resource("extended", f"{_ORIGIN}/{{meter}}/extended", _meter(meters.current)),
    _resource("month", f"{_ORIGIN}/{{meter}}/{{number}}/extended", _month),
    _resource(
        "derived",
        _DERIVED,
        lambda asked: [d.contract.logical_name for d in derived(asked.view)],
    ),
    _resource("contract", _ONE, _contract(lambda d, asked: d.profile(asked.consumer))),
    _resource(
        "billingperiods",
        f"{_ONE}/billingperiods",
        _contract(lambda d, _: d.period_list()),
    ),
    _resource(
        "period",
        f"{_ONE}/billingperiods/{{number}}/extended",
        _contract(lambda d, asked: d.period_values(asked.number)),
    ),
    _resource("daily", f"{_ONE}/daily", _contract(lambda d, _: d.daily())),
    _resource(
        "current", f"{_ONE}/current/extended", _contract(lambda d, _: d.current()), 400
    ),
    _resource("signedprofile", f"{_ONE}/signedprofile", _contract(_signed)),
    _resource("conlogbook", "conlogbook/{number}", _log),
    Resource("certificate", re.compile(re.escape(_CERTIFICATE)), _certificate),
)


def _route(path: str) -> tuple[Resource, dict[str, str]] | None:
    """Return the resource of a path and what stands in its blanks."""
    for resource in RESOURCES:
        if match := resource.path.fullmatch(path):
            return resource, match.groupdict()
    return None
