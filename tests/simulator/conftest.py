"""A gateway per test, with a clock that stands still."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

import pytest

from simulator.box import BoxGateway
from simulator.emh import EmhGateway
from simulator.ppc import PpcGateway, SimClock
from simulator.theben import ThebenGateway

from .box_client import EmhClient, ThebenClient
from .client import HanClient

NOW = datetime(2026, 5, 12, 8, 7, 0, tzinfo=UTC)
HOUSE = "1emh0012345678"
STAIRS = "1esy0060178981"

type Start = Callable[..., PpcGateway]
type Connect = Callable[..., HanClient]
type StartTheben = Callable[..., ThebenGateway]
type StartEmh = Callable[..., EmhGateway]
type StartBox = Callable[..., BoxGateway]
type AnyClient = ThebenClient | EmhClient
type Talk = Callable[..., Any]


@pytest.fixture
def start(socket_enabled: None) -> Iterator[Start]:
    """Return a function that starts gateways; they end with the test."""
    with ExitStack() as stack:

        def begin(*faults: Any, **options: Any) -> PpcGateway:
            options.setdefault("clock", SimClock(NOW))
            return stack.enter_context(PpcGateway(faults=faults, **options))

        yield begin


def _starter[G: BoxGateway](kind: type[G], stack: ExitStack) -> Callable[..., G]:
    def begin(*faults: Any, **options: Any) -> G:
        options.setdefault("clock", SimClock(NOW))
        return stack.enter_context(kind(faults=faults, **options))

    return begin


@pytest.fixture
def start_theben(socket_enabled: None) -> Iterator[StartTheben]:
    """Return a function that starts Theben gateways; they end with the test."""
    with ExitStack() as stack:
        yield _starter(ThebenGateway, stack)


@pytest.fixture
def start_emh(socket_enabled: None) -> Iterator[StartEmh]:
    """Return a function that starts EMH gateways; they end with the test."""
    with ExitStack() as stack:
        yield _starter(EmhGateway, stack)


@pytest.fixture(params=["theben", "emh"])
def start_box(
    request: pytest.FixtureRequest, start_theben: StartTheben, start_emh: StartEmh
) -> StartBox:
    """Return a function that starts a gateway with JSON, each in turn."""
    return start_theben if request.param == "theben" else start_emh


@pytest.fixture
def talk() -> Iterator[Talk]:
    """Return a function that makes the right client for a gateway with JSON."""
    with ExitStack() as stack:

        def make(gateway: BoxGateway, *account: Any, **more: Any) -> AnyClient:
            theben = isinstance(gateway, ThebenGateway)
            client = (ThebenClient if theben else EmhClient)(gateway, *account, **more)
            stack.callback(client.connection.close)
            return client

        yield make


@pytest.fixture
def gateway(start: Start) -> PpcGateway:
    """Return a running gateway at ``NOW``."""
    return start()


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Return a function that makes clients; they are closed with the test."""
    with ExitStack() as stack:

        def make(*account: Any, **more: Any) -> HanClient:
            client = HanClient(*account, **more)
            stack.callback(client.connection.close)
            return client

        yield make


@pytest.fixture
def client(gateway: PpcGateway, connect: Connect) -> HanClient:
    """Return a client that is logged in."""
    client = connect(gateway)
    assert client.login().status == 200
    return client
