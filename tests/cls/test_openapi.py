"""The API's document: true in both directions, found out with requests made of it."""

import asyncio
from collections.abc import Generator
from datetime import UTC, datetime
import json
from pathlib import Path
import re
from threading import Thread
import time
from typing import Any
from uuid import uuid4

from hypothesis import HealthCheck, settings
import jsonschema_rs
import pytest
import pytest_socket
import schemathesis
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from custom_components.smgw.cls import openapi, problems, rate, routes, schemas
from custom_components.smgw.cls.api import Api
from custom_components.smgw.cls.callers import Caller
from custom_components.smgw.cls.model import TunnelKind
from custom_components.smgw.cls.ports import About, ClsPorts
from custom_components.smgw.control.keys import LedgerKey
from custom_components.smgw.control.ledger import Ledger
from custom_components.smgw.control.store import Store
from tests.control.helpers import FakeClock
from tests.control.house import Bench

from .conftest import Things

PAGE = Path(__file__).parents[2] / "docs" / "cls-api.md"
document = openapi.document("1.2.3")
KNOWN = {"items": "switch.boiler", "things": "boiler"}
# What is checked by calculation is not to be guessed: tests of its own are in test_signatures.py.
_CALCULATED = ("DIGEST", "SIGNATURE", "initialTransactionId")


def _guessable() -> dict[str, Any]:
    copy = json.loads(json.dumps(document))
    for operations in copy["paths"].values():
        for operation in operations.values():
            operation["parameters"] = [
                parameter
                for parameter in operation.get("parameters", ())
                if parameter["name"] not in _CALCULATED
            ]
    return dict(copy)


schema = schemathesis.openapi.from_dict(_guessable())
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    unsupported_method,
]


class _Hurried:
    """A clock so fast that no rate is ever too high, and no wait long."""

    def monotonic(self) -> float:
        return time.monotonic() * 10_000

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / 10_000)


class _World(Thread):
    """The API on a port, in a loop of its own."""

    def __init__(self, folder: Path) -> None:
        super().__init__(daemon=True)
        self.folder = folder
        self.loop = asyncio.new_event_loop()
        self.port = 0
        self.bench: Bench | None = None

    def run(self) -> None:
        self.loop.run_until_complete(self._open())
        self.loop.run_forever()

    async def _open(self) -> None:
        clock = FakeClock()
        clock.wall = datetime.now(UTC)
        ledger = Ledger(Store(self.folder / "ledger.db", LedgerKey.made()))
        await ledger.open(clock.stamp())
        self.bench = bench = Bench.of(ledger, clock)
        await bench.authority.start()
        api = Api(
            ClsPorts(
                authority=bench.authority,
                home=bench.home,
                catalogue=Things(),
                about=About(version="1.2.3"),
                now=clock.stamp,
                changed=lambda _: None,
                timer=_Hurried(),
            )
        )
        caller = Caller(participant_id="supplier", tunnel=TunnelKind.DIRECT)
        server = await self.loop.create_server(
            lambda: api.stream(caller), "127.0.0.1", 0
        )
        self.port = server.sockets[0].getsockname()[1]

    def call(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(30)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Generator[_World]:
    """The API on a port."""
    # It is opened before the first test that uses it can allow that.
    pytest_socket.enable_socket()
    made = _World(tmp_path_factory.mktemp("openapi"))
    made.start()
    while made.port == 0:
        time.sleep(0.01)
    yield made
    assert made.bench is not None
    made.call(made.bench.authority.close())
    made.call(made.bench.ledger.close())
    made.loop.call_soon_threadsafe(made.loop.stop)
    made.join()
    made.loop.close()


@schema.parametrize()
@settings(
    max_examples=6,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
)
def test_document(case: Any, world: _World, socket_enabled: None) -> None:
    """Whatever the document allows is answered as it says, and what it does not allow as well."""
    headers = case.headers or {}
    if re.match(r"20[0-9]{2}-.*Z$", str(headers.get("creationDateTime"))):
        # Made now, or everything would be refused as stale.
        now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        headers["creationDateTime"] = now
    if re.fullmatch("[0-9a-fA-F-]{36}", str(headers.get("transactionId"))):
        headers["transactionId"] = str(uuid4())
    given = (case.path_parameters or {}).get("id")
    if given is not None and len(given) % 2:
        kind = case.operation.path.split("/")[3]
        case.path_parameters["id"] = KNOWN.get(kind, given)
    case.call_and_validate(base_url=f"http://127.0.0.1:{world.port}", checks=CHECKS)


def test_every_route_has_an_example_on_the_page() -> None:
    """The page for people names each path of the document, and nothing else."""
    named = set(re.findall(r"`(?:[A-Z, ]+ )?(/cls/v1[^`?]*)", PAGE.read_text()))
    named = {path for path in named if not path.endswith("cls/v1/")}
    assert set(document["paths"]) <= named
    assert {path for path in named if path != routes.ROOT} <= set(document["paths"])


def test_every_code_is_on_the_page() -> None:
    """With its status."""
    rows = re.findall(r"^\| (4\d\d|5\d\d) \| (.*) \|$", PAGE.read_text(), re.MULTILINE)
    told = {
        (code, int(status))
        for status, text in rows
        for code in re.findall(r"`([a-z_]+)`", text)
    }
    for code in set(problems.CODES) - {"protected"}:
        assert (code, problems.status_of(code)) in told, code


def test_examples_of_the_page_fit_the_document() -> None:
    """Those of requests and answers, each against its schema."""
    examples = re.findall(
        r"^```json\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL
    )
    parsed = [json.loads(text.replace("…", "")) for text in examples]
    assert len(parsed) >= 14
    for example in parsed:
        fitting = [
            name
            for name in schemas.REQUESTS | schemas.ANSWERS
            if name not in ("Heartbeat", "Nothing")
            and jsonschema_rs.is_valid(
                {**document, "$ref": f"#/components/schemas/{name}"}, example
            )
        ]
        assert fitting or set(example) == {"time"}, example


def test_the_limits_told_are_the_limits() -> None:
    """Numbers on the page."""
    text = PAGE.read_text()
    assert f"{int(rate.PER_SECOND)} requests a second" in text
    assert f"bursts of {int(rate.BURST)}" in text
    assert f"{rate.WRITES} writes a minute" in text


def test_releases_are_told_alike() -> None:
    """The page and the document say what a release of nothing answers."""
    releases = {path for path in document["paths"] if path.endswith("/release")}
    assert len(releases) == 4
    for path in releases:
        operation = document["paths"][path]["post"]
        assert "nothing to end" in operation["description"]
        assert "202" in operation["responses"]
    assert "nothing to end it is taken all the same" in PAGE.read_text()
