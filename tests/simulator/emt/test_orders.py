"""Orders of the market, through the metering operator, to the home and back."""

from contextlib import closing
from datetime import datetime, timedelta
from decimal import Decimal
from http.client import HTTPConnection
import json
import time
from typing import Any
from urllib.parse import urlencode, urlsplit
from uuid import uuid4

import pytest

from custom_components.smgw.cls.model import TunnelKind
from custom_components.smgw.control.settings import House
from simulator.cls import World
from simulator.emt import Span
from simulator.emt.calls import time_text
from tests.cls.conftest import Lab, lab, make_lab
from tests.control.house import CONSUMPTION, EVERYBODY, MEASURED
from tests.simulator.cls.conftest import StartWorld, begin

from .test_with_the_room import join, off

__all__ = ["begin", "lab", "make_lab"]

LOCATION = "C1234567890"


def http(
    world: World, method: str, path: str, query: dict[str, str], **headers: str
) -> tuple[int, Any]:
    """Send a request; return status and JSON, None without."""
    url = urlsplit(world.console_url)
    with closing(HTTPConnection(url.hostname or "", url.port, timeout=20)) as line:
        line.request(method, f"{path}?{urlencode(query)}", headers=headers)
        answer = line.getresponse()
        text = answer.read()
        return answer.status, json.loads(text) if text.startswith(b"{") else None


def order(world: World, path: str, what: str, **fields: str) -> tuple[int, str]:
    """Give an order; return status and its id."""
    name = str(uuid4())
    status, _ = http(
        world,
        "POST",
        path,
        {"locationId": LOCATION, what: json.dumps(fields)},
        transactionId=name,
        creationDateTime=time_text(world.now()),
    )
    return status, name


def answers(world: World, name: str, count: int) -> list[dict[str, str]]:
    """Return the answers to an order, as soon as there are so many."""
    end = time.monotonic() + 20
    while True:
        told = http(world, "GET", "/steuerbefehl/antworten", {})[1]["answers"]
        found = [row for row in told if row["referenceId"] == name]
        if len(found) >= count or time.monotonic() > end:
            return found
        time.sleep(0.1)


def said(found: list[dict[str, str]]) -> list[tuple[str, str, str]]:
    """Return operation, state and reason of each."""
    return [(row["operation"], row["state"], row.get("reason", "")) for row in found]


POSSIBLE = ("vorlaeufigePositiveAntwort", "possible", "")
DONE = ("positiveAntwort", "succeeded", "")


DIM, BACK = "/steuerbefehl/konfiguration/", "/[Post]/steuerbefehl/initialZustand"


@pytest.mark.parametrize("measured", [True, False])
async def test_dim_and_back(begin: StartWorld, lab: Lab, measured: bool) -> None:
    """A grid operator dims to 4.2 kW, then all is as before; done is what was measured."""
    world = begin(curve="prime256v1", console_port=0)
    home = await join(world, lab, TunnelKind.OUT_SOCKS, participant_id="grid")
    lab.bench.home.powers[CONSUMPTION] = Decimal(4000)
    if measured:
        house = House(measured=MEASURED)
        await lab.bench.authority.configure(house, EVERYBODY)
    now = world.now()
    status, name = await off(
        order,
        world,
        DIM,
        "commandControl",
        maximumPowerValue="4.2",
        executionTimeFrom=time_text(now),
        executionTimeUntil=time_text(now + timedelta(hours=2)),
    )
    assert status == 202
    assert said(await off(answers, world, name, 1))[0] == POSSIBLE
    told = await off(home.command, name)
    assert told["watts"] == "4200"
    assert told["command"]["limit"]["kind"] == "para14a"
    if measured:
        await lab.bench.look()
        assert said(await off(answers, world, name, 2)) == [POSSIBLE, DONE]
    at = time_text(now)
    status, other = await off(
        order, world, BACK, "commandRegular", executionTimeFrom=at
    )
    assert status == 202
    assert said(await off(answers, world, other, 2)) == [POSSIBLE, DONE]
    ended = DONE if measured else ("negativeAntwort", "unknown", "")
    assert said(await off(answers, world, name, 2)) == [POSSIBLE, ended]
    assert (await off(home.wait_receipt, name)).good


async def test_back_later(begin: StartWorld, lab: Lab) -> None:
    """What is ordered for a later time is not done before."""
    world = begin(curve="prime256v1", console_port=0)
    home = await join(world, lab, TunnelKind.OUT_SOCKS, participant_id="grid")
    span = Span(seconds=900)
    limit = await off(home.limit, 4200, span, kind="para14a")
    start = world.now().replace(microsecond=0) + timedelta(seconds=3)
    at = time_text(start)
    status, name = await off(order, world, BACK, "commandRegular", executionTimeFrom=at)
    assert status == 202
    found = await off(answers, world, name, 2)
    assert said(found) == [POSSIBLE, DONE]
    receipt = await off(home.wait_receipt, limit["transaction_id"])
    assert receipt.found["receipt"]["state"] == "released"
    assert min(datetime.fromisoformat(row["at"]) for row in found) >= start


async def test_refused(begin: StartWorld, lab: Lab) -> None:
    """What the home refuses, or no tunnel carries, is answered in the market's words."""
    world = begin(curve="prime256v1", console_port=0)
    await join(world, lab, TunnelKind.OUT_SOCKS)  # a supplier: no para14a for it
    fields = {"maximumPowerValue": "4.2", "executionTimeFrom": time_text(world.now())}
    path, what = DIM, "commandControl"
    _, name = await off(order, world, path, what, **fields)
    negative = "vorlaeufigeNegativeAntwort"
    assert said(await off(answers, world, name, 1)) == [(negative, "failed", "unable")]
    await lab.room.configure([])
    await off(world.journal.wait, "channel_closed")
    _, name = await off(order, world, path, what, **fields)
    lost = (negative, "failed", "communicationFailure")
    assert said(await off(answers, world, name, 1)) == [lost]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({}, 404),
        ({"locationId": "D1"}, 400),
        ({"commandControl": "[]"}, 400),
        ({"commandControl": "{"}, 400),
        ({"commandControl": "{}"}, 400),
        ({"commandControl": '{"maximumPowerValue": "1e3", "executionTimeFrom": "x"}'}, 400),
        ({"commandControl": '{"maximumPowerValue": "4.2", "executionTimeFrom": "2026-11-20T10:00:00"}'}, 400),
    ],
)  # fmt: skip
def test_no_orders(begin: StartWorld, change: dict[str, str], status: int) -> None:
    """What is no order, or for nobody, is refused at once."""
    world = begin(console_port=0)
    good = '{"maximumPowerValue": "4.2", "executionTimeFrom": "2026-11-20T10:00:00Z"}'
    query = {"locationId": LOCATION, "commandControl": good, **change}
    headers = {
        "transactionId": str(uuid4()),
        "creationDateTime": "2026-11-20T10:00:00Z",
    }
    assert http(world, "POST", DIM, query, **headers)[0] == status
    assert world.orders.results == []
