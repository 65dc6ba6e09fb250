"""A gateway per test, with a clock that stands still."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

import pytest

from simulator.ppc import PpcGateway, SimClock
from simulator.theben import ThebenGateway

from .client import HanClient

NOW = datetime(2026, 5, 12, 8, 7, 0, tzinfo=UTC)
HOUSE = "1emh0012345678"
STAIRS = "1esy0060178981"

type Start = Callable[..., PpcGateway]
type Connect = Callable[..., HanClient]
type StartTheben = Callable[..., ThebenGateway]


@pytest.fixture
def start(socket_enabled: None) -> Iterator[Start]:
    """Return a function that starts gateways; they end with the test."""
    with ExitStack() as stack:

        def begin(*faults: Any, **options: Any) -> PpcGateway:
            options.setdefault("clock", SimClock(NOW))
            return stack.enter_context(PpcGateway(faults=faults, **options))

        yield begin


@pytest.fixture
def start_theben(socket_enabled: None) -> Iterator[StartTheben]:
    """Return a function that starts Theben gateways; they end with the test."""
    with ExitStack() as stack:

        def begin(*faults: Any, **options: Any) -> ThebenGateway:
            options.setdefault("clock", SimClock(NOW))
            return stack.enter_context(ThebenGateway(faults=faults, **options))

        yield begin


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
