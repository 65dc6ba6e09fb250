"""Clients for the gateways with JSON: http.client, and urllib's Digest."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
import http.client
import json
from pathlib import Path
import ssl
from typing import Any
from urllib.request import (
    AbstractDigestAuthHandler,
    HTTPPasswordMgrWithDefaultRealm,
    Request,
    parse_http_list,
    parse_keqv_list,
)

from simulator.box import BoxGateway
from simulator.emh import EmhGateway
from simulator.theben import ThebenGateway

ROOT = "/smgw/m2m"


@dataclass(frozen=True)
class Reply:
    """An answer."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        """Return the parsed body."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Seen:
    """One reading of one register as it came."""

    obis: str
    value: str
    scaler: int
    unit: int
    target: datetime
    captured: datetime
    status: str
    signature: str | None
    owner: str

    @property
    def number(self) -> Decimal:
        """Return the value in the unit."""
        return Decimal(self.value).scaleb(self.scaler)


class BoxClient:
    """One connection; answers a challenge once, then uses its nonce again."""

    def __init__(
        self,
        gateway: BoxGateway,
        user: str = "",
        password: str = "",
        *,
        certificate: Path | None = None,
        algorithm: str = "",
        timeout: float = 10,
        ca: str = "",
    ) -> None:
        """Use the gateway's own account unless told otherwise."""
        context = ssl.create_default_context(cadata=ca or gateway.certificate_pem)
        context.check_hostname = False
        if certificate is not None:
            context.load_cert_chain(certificate)
        self.gateway = gateway
        self.connection = http.client.HTTPSConnection(
            gateway.host, gateway.port, timeout=timeout, context=context
        )
        self.algorithm = algorithm
        self.challenge: dict[str, str] = {}
        self._digest = AbstractDigestAuthHandler(HTTPPasswordMgrWithDefaultRealm())
        self._digest.passwd.add_password(
            None, gateway.url, user or gateway.user, password or gateway.password
        )

    def send(
        self, method: str, path: str, body: bytes | None = None, **headers: str
    ) -> Reply:
        """Send one request as things stand; header names with underscores."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.challenge:
            request = Request(self.gateway.url + path, body, method=method)
            made = self._digest.get_authorization(request, self.challenge)
            sent["Authorization"] = f"Digest {made}"
        self.connection.request(method, path, body, sent)
        response = self.connection.getresponse()
        return Reply(response.status, response.headers, response.read())

    def ask(
        self, method: str, path: str, body: bytes | None = None, **headers: str
    ) -> Reply:
        """Send a request, and once more if there is a challenge."""
        reply = self.send(method, path, body, **headers)
        if reply.status == 401:
            self.take_challenge(reply)
            reply = self.send(method, path, body, **headers)
        return reply

    def take_challenge(self, reply: Reply) -> None:
        """Use the nonce of a 401 from now on."""
        text = reply.headers["WWW-Authenticate"].removeprefix("Digest ")
        self.challenge = parse_keqv_list(parse_http_list(text))
        if self.algorithm:
            self.challenge["algorithm"] = self.algorithm


class ThebenClient(BoxClient):
    """Finds its path by the first call."""

    gateway: ThebenGateway
    place = ""

    def first(self, **headers: str) -> Reply:
        """Make the first call."""
        headers.setdefault("Content_Type", "application/json")
        reply = self.ask("GET", ROOT, **headers)
        self.place = reply.headers.get("Location", "")
        return reply

    def call(self, name: str, **asked: Any) -> Reply:
        """Call a method; parameter names with underscores."""
        if not self.place:
            assert self.first().status == 307
        content = {"method": name}
        content |= {key.replace("_", "-"): value for key, value in asked.items()}
        body = json.dumps(content).encode()
        return self.ask("POST", self.place, body, Content_Type="application/json")

    def read(self, name: str, **asked: Any) -> Any:
        """Call a method that succeeds; return its payload."""
        reply = self.call(name, **asked)
        assert reply.status == 200, reply.body
        return reply.json[name]

    def points(self) -> list[dict[str, Any]]:
        """Return the usage points."""
        return list(self.read("user-info")["usage-points"])

    def point(self, meter: str, taf: str = "7", *, name: str = "") -> str:
        """Return the id of a running usage point."""
        for point in self.points():
            ids = [item["meter-id"] for item in point["meter"]]
            fits = name in point["usage-point-name"] and point["taf-number"] == taf
            if meter in ids and fits and point["taf-state"] != "archive":
                return str(point["usage-point-id"])
        raise AssertionError(f"no usage point for {meter}")

    def values(self, point: str, database: str = "origin", **asked: Any) -> list[Seen]:
        """Return readings of a list, with the channels' scalers and units."""
        info = self.read("usage-point-info", usage_point_id=point, database=database)
        scales = {c["obis"]: c for c in info["databases"][0]["channels"]}
        found = self.read("readings", usage_point_id=point, database=database, **asked)
        return [
            Seen(
                channel["obis"],
                row["value"],
                int(scales[channel["obis"]]["scaler"]),
                int(scales[channel["obis"]]["unit"]),
                datetime.fromisoformat(row["target-time"]),
                datetime.fromisoformat(row["capture-time"]),
                row["cosem-status"],
                row["signature"],
                row["owner-number"],
            )
            for channel in found["channels"]
            for row in channel["readings"]
        ]

    def newest(self, meter: str) -> list[Seen]:
        """Return a meter's newest values."""
        return self.values(self.point(meter), last_reading=True)

    def history(self, meter: str, begin: datetime, end: datetime) -> list[Seen]:
        """Return a meter's values, begin < t <= end."""
        return self.values(self.point(meter), fromtime=utc(begin), totime=utc(end))

    def ping(self) -> Reply:
        """Make a request that needs a login."""
        return self.call("smgw-info") if self.place else self.first()

    def time(self) -> datetime:
        """Return the gateway's clock."""
        text = self.read("smgw-info")["smgw-time"]
        return datetime.fromisoformat(text).replace(tzinfo=UTC)

    def meters(self) -> list[str]:
        """Return the meters behind the usage points."""
        found = (m["meter-id"] for p in self.points() for m in p["meter"])
        return list(dict.fromkeys(found))

    def contracts(self) -> list[str]:
        """Return the contracts."""
        return [point["usage-point-id"] for point in self.points()]


class EmhClient(BoxClient):
    """Asks for resources below /json/."""

    gateway: EmhGateway

    def get(self, path: str) -> Reply:
        """Return a resource's answer."""
        return self.ask("GET", f"/json/{path}")

    def read(self, path: str) -> Any:
        """Return a resource that is there."""
        reply = self.get(path)
        assert reply.status == 200, reply.body
        return reply.json

    def newest(self, meter: str) -> list[Seen]:
        """Return a meter's newest values."""
        return seen(self.read(f"metering/origin/{meter}/extended"))

    def history(self, meter: str, begin: datetime, end: datetime) -> list[Seen]:
        """Return a meter's values, begin < t <= end, of this and the last month."""
        found = [
            value
            for number in (1, 0)
            for container in self.read(f"metering/origin/{meter}/{number}/extended")
            for value in seen(container)
        ]
        return [value for value in found if begin < value.target <= end]

    def ping(self) -> Reply:
        """Make a request that needs a login."""
        return self.get("systeminformations")

    def time(self) -> datetime:
        """Return the gateway's clock."""
        return datetime.fromisoformat(self.read("systeminformations")["systemtime"])

    def meters(self) -> list[str]:
        """Return the meters."""
        return list(self.read("metering/origin/"))

    def contracts(self) -> list[str]:
        """Return the contracts."""
        return list(self.read("metering/derived"))


def seen(container: dict[str, Any]) -> list[Seen]:
    """Return what a value container holds."""
    return [
        Seen(
            value["logical_name"].split(".")[0],
            value["value"],
            value["scaler"],
            value["unit"],
            datetime.fromisoformat(container["timestamp"]),
            datetime.fromisoformat(container["capture_time"]),
            container["status"],
            value["signature"],
            value["logical_name"].partition(".")[2],
        )
        for value in container["values"]
    ]


def utc(at: datetime) -> str:
    """Return a time as the requests want it."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def check(gateway: BoxGateway, meter: str, values: list[Seen]) -> None:
    """Compare values with the truth: exact for counters, else to the last digit."""
    assert values
    known = {}
    whole = gateway.scenario.meters.ever(meter)
    for register in (*whole.registers, *whole.live):
        medium, _, rest = register.obis.partition("-")
        parts = [int(part) for part in (medium, *rest.replace(":", ".").split("."))]
        known[bytes([*parts, 255]).hex()] = register
    for value in values:
        register = known[value.obis.partition(".")[0]]
        at = value.target
        truth = gateway.true_register(meter, register.obis, at)
        factor = {30: 1000, 31: 1000, 32: 1000}.get(value.unit, 1)
        step = Decimal(1).scaleb(value.scaler)
        if register.is_energy:
            assert value.number == truth * factor
        else:
            assert abs(value.number - truth) <= step / 2
        assert abs(value.captured - at) <= timedelta(seconds=60)
