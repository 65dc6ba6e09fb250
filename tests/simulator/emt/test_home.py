"""The EMT's library, with a small home at the other end of a real tunnel."""

import base64
from datetime import UTC, datetime, timedelta
from decimal import Decimal
import hashlib
import json
from queue import Queue
import time
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
import pytest

from simulator.cls import World
from simulator.emt import Call, Home, LostError, ProblemError, Span
from tests.simulator.cls.conftest import MakeDevice, StartWorld
from tests.simulator.cls.device import Device

from .conftest import Come
from .house import House

T = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)


def last(house: House, method: str, start: str) -> tuple[str, dict[str, str], Any]:
    """Return path, headers and body of the newest such request."""
    found = [row for row in house.seen if row[0] == method and row[1].startswith(start)]
    return found[-1][1:]


def test_home_is_known(home: Home, house: House) -> None:
    """What the root says is kept; signs of life and events are asked for."""
    assert (home.id, home.gateway) == ("1EMH0012345678", "ESIM0000000001.SMGW")
    assert home.connected and home.ledger == house.ledger.name
    assert home.key == house.ledger.id
    home.heartbeat()
    _, headers, body = last(house, "POST", "/cls/v1/heartbeat")
    assert "transactionid" not in headers
    sent = datetime.fromisoformat(body["time"])
    assert abs(datetime.now(UTC) - sent) < timedelta(seconds=5)


@pytest.mark.parametrize(
    ("send", "method", "path", "body"),
    [
        (
            lambda home: home.set("switch.boiler/1", True, Span(seconds=60)),
            "POST",
            "/items/switch.boiler%2F1/commands",
            {"value": True, "duration_s": 60},
        ),
        (
            lambda home: home.set("number.x", Decimal("21.5"), Span(endless=True), "°C"),
            "POST",
            "/items/number.x/commands",
            {"value": "21.5", "unit": "°C", "until": None},
        ),
        (
            lambda home: home.limit(4200, Span(until=T), kind="para14a"),
            "POST",
            "/limits",
            {"direction": "consumption", "kind": "para14a", "watts": "4200", "until": "2026-11-20T10:00:00Z"},
        ),
        (
            lambda home: home.schedule([(T, T + timedelta(minutes=15), 6000)]),
            "PUT",
            "/schedules",
            {
                "direction": "consumption",
                "kind": "contract",
                "slots": [{"from": "2026-11-20T10:00:00Z", "until": "2026-11-20T10:15:00Z", "watts": "6000"}],
            },
        ),
        (
            lambda home: home.put_prices([(T, T + timedelta(minutes=15), "0.2815")]),
            "PUT",
            "/prices",
            {
                "unit": "EUR/kWh",
                "slots": [{"from": "2026-11-20T10:00:00Z", "until": "2026-11-20T10:15:00Z", "price": "0.2815"}],
            },
        ),
        (
            lambda home: home.failsafe(watts=4200, minimum=7200),
            "PUT",
            "/failsafe",
            {"direction": "consumption", "watts": "4200", "minimum_s": 7200},
        ),
        (lambda home: home.release_limit("production"), "POST", "/limits/release", {"direction": "production"}),
        (lambda home: home.release_item("a"), "POST", "/items/a/release", None),
        (lambda home: home.release("t"), "POST", "/commands/t/release", None),
        (lambda home: home.release(), "POST", "/release", None),
    ],
)  # fmt: skip
def test_writes(
    home: Home, house: House, send: Any, method: str, path: str, body: Any
) -> None:
    """Each write as docs/cls-api.md has it, with its headers and its digest."""
    told = send(home)
    sent, headers, got = last(house, method, f"/cls/v1{path}")
    assert (sent, got) == (f"/cls/v1{path}", body)
    assert told["transaction_id"] == headers["transactionid"]
    created = headers["creationdatetime"]
    assert datetime.fromisoformat(created).tzinfo is not None
    content = b""
    if body is not None:
        content = json.dumps(
            body, sort_keys=True, separators=(",", ":"), ensure_ascii=False
        ).encode()
    parts = (
        sent.encode(),
        content,
        created.encode(),
        headers["transactionid"].encode(),
    )
    digest = hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts))
    assert base64.b64decode(headers["digest"]) == digest.digest()


def test_reads(home: Home) -> None:
    """Each read returns what is inside."""
    assert home.info()["api"] == "cls/v1"
    assert home.items()[0]["id"] == home.item("switch.boiler/1")["id"]
    assert home.things() == home.schedules() == home.prices() == home.commands() == []
    assert home.limits()[0]["state"] == "limited"
    assert home.openapi()["openapi"] == "3.1.0"
    with pytest.raises(ProblemError) as refused:
        home.thing("none")
    assert (refused.value.status, refused.value.code) == (404, "not_found")


@pytest.mark.parametrize(
    "more", [{}, {"seconds": 1, "endless": True}, {"until": T, "seconds": 1}]
)
def test_a_command_has_one_end(more: Any) -> None:
    """None, or two, is an error before anything is sent."""
    with pytest.raises(ValueError, match="one end"):
        Span(**more).fields()


def test_span_with_a_start() -> None:
    """``from`` is stated if it is not now."""
    assert Span(seconds=5, start=T).fields() == {
        "from": "2026-11-20T10:00:00Z",
        "duration_s": 5,
    }


def test_refused(home: Home, house: House) -> None:
    """A problem tells status, code and field."""
    house.refusal = (422, "out_of_bounds")
    with pytest.raises(ProblemError, match=r"422 out_of_bounds at item\.value"):
        home.set("a", 1, Span(seconds=60))


def test_wrong_clock(world: World, home: Home, house: House) -> None:
    """An EMT whose clock is wrong says so in all that it sends."""
    world.emt.ahead = 400
    home.limit(4200, Span(seconds=60))
    home.heartbeat()
    _, headers, _ = last(house, "POST", "/cls/v1/limits")
    _, _, body = last(house, "POST", "/cls/v1/heartbeat")
    for sent in (headers["creationdatetime"], body["time"]):
        wrong = datetime.fromisoformat(sent) - datetime.now(UTC)
        assert abs(wrong - timedelta(seconds=400)) < timedelta(seconds=30)


def test_too_many(home: Home, house: House) -> None:
    """A request that came too soon is repeated, unless that is not wanted."""
    house.busy = 1
    assert home.items()
    assert house.busy == 0
    house.busy = 1
    assert home.session is not None
    home.session.yields = False
    with pytest.raises(ProblemError, match="429 too_many_requests"):
        home.items()


def test_signed_messages(
    begin: StartWorld, make_device: MakeDevice, house: House
) -> None:
    """An EMT with a message key signs; Brainpool as TR-03116-3 wants it."""
    world, device = begin(), make_device()
    key = ec.generate_private_key(ec.BrainpoolP256R1())
    emt = world.add_emt("signer", message_key=key)
    world.admit(device.pem, "signer")
    device.serve(device.socks(world, emt.name, emt.port), house.handler)
    home = emt.wait_home(10)
    home.limit(4200, Span(seconds=60))
    _, headers, _ = last(house, "POST", "/cls/v1/limits")
    raw = base64.b64decode(headers["signature"])
    der = utils.encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
    digest = base64.b64decode(headers["digest"])
    key.public_key().verify(der, digest, ec.ECDSA(hashes.SHA256()))


def test_receipts_come_by_themselves(home: Home) -> None:
    """A receipt arrives as an event, is checked and kept; the evidence holds it."""
    told = home.limit(4200, Span(seconds=60))
    home.release_limit()
    receipt = home.wait_receipt(told["transaction_id"])
    assert receipt.good
    assert home.wait_event("ended", transaction=told["transaction_id"])
    assert home.wait_state(told["transaction_id"])["state"] == "released"
    report = home.verify()
    assert (report.good, report.receipts >= 1) == (True, True)
    assert home.verify(home.head()).good


def test_events_go_on_after_a_cut(world: World, come: Come, house: House) -> None:
    """Nothing is lost between two tunnels, and nothing comes twice."""
    home = come()
    first = home.limit(4200, Span(seconds=60))["transaction_id"]
    home.wait_event("received", transaction=first)
    world.cut()
    world.journal.wait("channel_closed")
    house.end(first)
    with pytest.raises(LostError):
        home.limits()
    assert come() is home
    assert home.wait_receipt(first).good
    numbers = [event["seq"] for event in home.events]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def test_surely(world: World, come: Come, house: House) -> None:
    """A cut between command and answer: the same command again, once in the ledger."""
    home = come()
    world.faults.add("relay_cut", direction="up", bytes=0)
    call = Call("POST", "/cls/v1/limits", {"watts": "4200"}, write=True)
    with pytest.raises(LostError):
        home.do(call)
    come()
    told = home.surely(call)
    assert told["transaction_id"] == call.transaction
    received = [row for row in house.ledger.rows if row["kind"] == "received"]
    assert len(received) == 1
    ids = {row[2]["transactionid"] for row in house.seen if row[1] == "/cls/v1/limits"}
    assert ids == {call.transaction}


def test_silent(world: World, come: Come, house: House) -> None:
    """A silent EMT sends nothing by itself."""
    world.emt.silent = True
    world.emt.every = 0.1
    come()
    time.sleep(0.5)
    count = len(house.seen)
    assert [row[1] for row in house.seen] == ["/cls/v1", "/cls/v1/events"]
    world.emt.silent = False
    time.sleep(1)
    assert len(house.seen) > count + 4


def test_two_homes_of_one_emt(
    world: World, make_device: MakeDevice, come: Come
) -> None:
    """Homes are told apart by their ledgers, whatever they call themselves."""
    first = come()
    device, other = make_device(), House()
    world.admit(device.pem)
    device.serve(device.socks(world), other.handler)
    with world.emt.news:
        world.emt.news.wait_for(lambda: len(world.emt.homes) == 2, 10)
    assert [home.id for home in world.emt.homes] == [first.id, f"{first.id}-netz"]
    assert world.emt.home is first


def test_home_without_a_number(world: World, device: Device) -> None:
    """A home without HUID is called after its ledger."""
    house = House(huid=None)
    world.admit(device.pem)
    device.serve(device.socks(world), house.handler)
    assert world.emt.wait_home(10).id == house.ledger.name[:8]


def test_what_is_no_api(world: World, device: Device) -> None:
    """A home that answers nonsense is no home; the next tunnel is."""
    world.admit(device.pem, parallel=9)
    for told in ((404, {"code": "x"}), (200, []), (200, "text")):
        device.serve(device.socks(world), lambda *_, told=told: told)  # type: ignore[misc]
        world.journal.wait("channel_closed", after=world.journal.last - 1)
    with pytest.raises(LookupError):
        _ = world.emt.home
    device.serve(device.socks(world), House().handler)
    assert world.emt.wait_home(10).connected


def test_inner_tls(world: World, device: Device, house: House) -> None:
    """TLS in the tunnel: the EMT shows its own certificate to the home."""
    world.emt.inner = device.curve
    identity = world.emt.identity(device.curve)
    world.admit(device.pem)
    outer = device.plain(device.socks(world))
    trusted = world.pki.root.pem + world.pki.sub.pem
    context = device.context(world, server=True, trusted=trusted)
    inner = context.wrap_socket(outer, server_side=True)
    assert inner.getpeercert(binary_form=True) == identity.der
    device.serve(inner, house.handler)
    assert world.emt.wait_home(10).items()


def test_direct(world: World, device: Device, house: House) -> None:
    """The EMT dials the home itself, in the laboratory."""
    emt = world.emt
    lines: Queue[Any] = Queue()
    where = device.listen(
        world, take=lines.put, trusted=world.pki.root.pem + world.pki.sub.pem
    )
    emt.direct(*where, device.pem, device.curve)
    device.serve(lines.get(timeout=10), house.handler)
    assert emt.wait_home(10).gateway == "direct"
    with pytest.raises(OSError):
        emt.direct(*where, "00" * 32, device.curve)
