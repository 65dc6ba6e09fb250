"""The faults and variants that both gateways with JSON have."""

from collections import Counter
from datetime import datetime, timedelta
import http.client
import json
import ssl
import time
from typing import Any

import pytest

from simulator.clock import BERLIN
from simulator.faults import BOX_FAULTS, COMMON_FAULTS

from .box_client import BoxClient, Seen, check
from .conftest import HOUSE, NOW, STAIRS, StartBox, Talk

QUARTER = timedelta(minutes=15)
GONE = (http.client.RemoteDisconnected, ConnectionResetError, ssl.SSLError)


def test_each_fault_has_a_test() -> None:
    """The table and the tests of this module name the same faults."""
    tested = {n.removeprefix("test_fault_") for n in globals() if "test_fault_" in n}
    assert tested == set(BOX_FAULTS) - set(COMMON_FAULTS)
    assert all(info.sentence.endswith((".", ").")) for info in BOX_FAULTS.values())


def good(client: Any) -> bool:
    """Tell whether a request succeeds."""
    return client.ping().status in {200, 307}


def totals(values: list[Seen]) -> list[Seen]:
    """Return the readings of 1.8.0."""
    return [value for value in values if value.obis == "0100010800ff"]


@pytest.mark.parametrize("name", sorted(COMMON_FAULTS))
def test_common_fault(start_box: StartBox, talk: Talk, name: str) -> None:
    """What breaks any gateway breaks these too, and passes."""
    gateway = start_box()
    client = talk(gateway)
    assert good(client)
    values = client.newest(HOUSE)
    client.connection.close()
    client.connection.timeout = 0.5
    params: dict[str, float] = {"slow": {"seconds": 1}}.get(name, {})
    gateway.faults.add(name, **params)
    if name == "gzip":
        assert client.newest(HOUSE) == values
        assert client.send("GET", "/", Accept_Encoding="gzip").status in {404, 302}
    elif name in {"big_page", "refuse_server_name"}:
        # this client calls the gateway by its address
        client.connection.timeout = 10
        assert client.newest(HOUSE) == values
    else:
        with pytest.raises(
            (OSError, http.client.HTTPException, AssertionError, ValueError, KeyError)
        ):
            client.newest(HOUSE)
    gateway.faults.clear()
    assert talk(gateway).newest(HOUSE) == values


def test_fault_certificate_swapped(start_box: StartBox, talk: Talk) -> None:
    """Another key while the fault is on; the old one comes back."""
    gateway = start_box()
    before = gateway.certificate_pem
    print_before = gateway.fingerprint
    gateway.faults.add("certificate_swapped")
    assert gateway.fingerprint != print_before
    with pytest.raises(ssl.SSLCertVerificationError):
        talk(gateway, ca=before).ping()
    assert good(talk(gateway))
    gateway.faults.clear()
    assert gateway.fingerprint == print_before
    assert good(talk(gateway, ca=before))


def test_fault_certificate_expired(start_box: StartBox, talk: Talk) -> None:
    """The validity has ended."""
    gateway = start_box("certificate_expired")
    with pytest.raises(ssl.SSLCertVerificationError, match="expired"):
        talk(gateway).ping()


def test_fault_idle_close(start_box: StartBox, talk: Talk) -> None:
    """Closed after a short rest, by the real or the simulated clock."""
    gateway = start_box("idle_close:seconds=30")
    client = talk(gateway)
    assert good(client)
    gateway.clock.advance(timedelta(seconds=31))
    with pytest.raises(GONE):
        client.ping()
    gateway.faults.add("idle_close", seconds=0.1)
    client = talk(gateway)
    assert good(client)
    time.sleep(0.5)
    with pytest.raises(GONE):
        client.ping()


def test_lifetime(start_box: StartBox, talk: Talk) -> None:
    """Without a fault: ten minutes idle, 48 hours in all."""
    gateway = start_box()
    client = talk(gateway)
    assert good(client)
    for _ in range(318):
        gateway.clock.advance(timedelta(minutes=9))
        assert good(client)
    for _ in range(2):
        gateway.clock.advance(timedelta(minutes=9))
    with pytest.raises(GONE):
        client.ping()
    assert gateway.open_connections == 0


def test_fault_single_connection(start_box: StartBox, talk: Talk) -> None:
    """A second connection is closed while the first is open."""
    gateway = start_box("single_connection")
    first, second = talk(gateway), talk(gateway)
    assert good(first)
    with pytest.raises((*GONE, OSError)):
        second.ping()
    assert good(first)
    first.connection.close()
    second.connection.close()
    assert good(second)
    assert gateway.most_connections == 1


def test_fault_overlap_drops(start_box: StartBox, talk: Talk) -> None:
    """Two connections hurt each other."""
    gateway = start_box("overlap_drops")
    first, second = talk(gateway), talk(gateway)
    assert good(first)
    with pytest.raises(GONE):
        second.ping()
    assert gateway.most_connections == 2


def test_fault_nat_host(start_box: StartBox, talk: Talk) -> None:
    """Only its own names pass."""
    gateway = start_box("nat_host")
    client: BoxClient = talk(gateway)
    assert client.ping().status == 400
    for host in ("192.168.1.200", "192.168.1.200:443", "smgw.local"):
        assert client.send("GET", "/", Host=host).status == 401
    own = gateway.gateway_id.lower()
    assert client.send("GET", "/", Host=f"{own}.sm").status == 401


def test_fault_close_each(start_box: StartBox, talk: Talk) -> None:
    """Connection: close on what succeeds."""
    gateway = start_box("close_each")
    client = talk(gateway)
    assert client.ping().headers["Connection"] == "close"
    assert good(client)
    assert gateway.connections == 2


def test_fault_digest_sha256(start_box: StartBox, talk: Talk) -> None:
    """SHA-256 all through; MD5 is wrong."""
    gateway = start_box("digest_sha256")
    client = talk(gateway)
    assert good(client)
    assert client.challenge["algorithm"] == "SHA-256"
    assert talk(gateway, algorithm="MD5").ping().status == 401


def test_fault_digest_sha256_lie(start_box: StartBox, talk: Talk) -> None:
    """The challenge lies: only MD5 gets in."""
    gateway = start_box("digest_sha256_lie")
    client = talk(gateway)
    assert client.ping().status == 401
    assert client.challenge["algorithm"] == "SHA-256"
    assert gateway.failed_logins == 1
    assert good(talk(gateway, algorithm="MD5"))


def test_fault_nonce_once(start_box: StartBox, talk: Talk) -> None:
    """A nonce serves one request."""
    gateway = start_box("nonce_once")
    client = talk(gateway)
    assert good(client)
    assert good(client)
    statuses = [record.status for record in gateway.requests]
    assert statuses[::2] == [401, 401]
    assert gateway.failed_logins == 0


@pytest.mark.parametrize("lie", [False, True])
def test_fault_refuse_by_drop(start_box: StartBox, talk: Talk, lie: bool) -> None:
    """No answer at all; also for a right password hashed as the challenge says."""
    faults = ["refuse_by_drop", *(["digest_sha256_lie"] if lie else [])]
    gateway = start_box(*faults)
    with pytest.raises(GONE):
        talk(gateway, password="" if lie else "wrong").ping()
    assert gateway.requests[-1].status == 0
    assert gateway.failed_logins == 1
    assert good(talk(gateway, algorithm="MD5"))


def test_fault_refuse_by_hang(start_box: StartBox, talk: Talk) -> None:
    """Silence, until the client gives up."""
    gateway = start_box("refuse_by_hang")
    with pytest.raises(TimeoutError):
        talk(gateway, password="wrong", timeout=1.5).ping()
    assert gateway.failed_logins == 1
    assert good(talk(gateway))


def test_fault_refuse_by_empty_body(start_box: StartBox, talk: Talk) -> None:
    """HTTP 200 and nothing."""
    reply = talk(start_box("refuse_by_empty_body"), password="wrong").ping()
    assert (reply.status, reply.body) == (200, b"")


def test_fault_refuse_403(start_box: StartBox, talk: Talk) -> None:
    """Forbidden."""
    assert talk(start_box("refuse_403"), password="wrong").ping().status == 403


def test_fault_lockout(start_box: StartBox, talk: Talk) -> None:
    """After three wrong passwords nobody gets in for a while."""
    gateway = start_box("lockout:after=3,seconds=60")
    for _ in range(2):
        assert talk(gateway, password="wrong").ping().status == 401
    with pytest.raises(GONE):
        talk(gateway, password="wrong").ping()
    with pytest.raises(OSError):
        talk(gateway).ping()
    assert gateway.lockouts == 1
    gateway.clock.advance(timedelta(seconds=61))
    assert good(talk(gateway))
    assert gateway.lockouts == 1


def test_fault_overwhelmed(start_box: StartBox, talk: Talk) -> None:
    """Too many requests in a minute."""
    gateway = start_box("overwhelmed:requests=5,seconds=60")
    client = talk(gateway)
    while gateway.alive():
        client.ping()
    assert len(gateway.requests) == 6
    assert gateway.lockouts == 1
    with pytest.raises(OSError):
        client.ping()
    gateway.clock.advance(timedelta(seconds=61))
    assert good(talk(gateway))


def test_fault_clock_skew(start_box: StartBox, talk: Talk) -> None:
    """Everything happens an hour later there."""
    gateway = start_box("clock_skew:seconds=3600")
    client = talk(gateway)
    assert client.time() == NOW + timedelta(hours=1)
    (value,) = client.newest(STAIRS)
    assert value.target == datetime.fromisoformat("2026-05-12T09:00:00+00:00")
    check(gateway, STAIRS, [value])


def test_fault_clock_stands(start_box: StartBox, talk: Talk) -> None:
    """Time and values stand still."""
    gateway = start_box("clock_stands")
    client = talk(gateway)
    before = client.newest(STAIRS)
    gateway.clock.advance(timedelta(minutes=5))
    assert client.time() == NOW
    gateway.clock.advance(timedelta(hours=3))
    assert talk(gateway).newest(STAIRS) == before


@pytest.mark.parametrize("slots", [92, 100])
def test_fault_dst_day(start_box: StartBox, talk: Talk, slots: int) -> None:
    """Yesterday had 23 or 25 hours."""
    gateway = start_box(f"dst_day:slots={slots}")
    gateway.scenario.meters[HOUSE].seed = 3
    client = talk(gateway)
    today = client.time().astimezone(BERLIN).replace(hour=0, minute=0, second=0)
    begin = today - timedelta(days=1)
    values = totals(client.history(HOUSE, begin, today))
    missing = sum(
        gateway.scenario.meters[HOUSE].validity(begin + QUARTER * n) == "3"
        for n in range(1, slots + 1)
    )
    assert len(values) + missing == slots
    check(gateway, HOUSE, values)


def test_fault_stale_values(start_box: StartBox, talk: Talk) -> None:
    """The clock goes on, the values do not."""
    gateway = start_box("stale_values:age_hours=5")
    gateway.clock.advance(timedelta(minutes=30))
    client = talk(gateway)
    assert client.time() == NOW + timedelta(minutes=30)
    (value,) = client.newest(STAIRS)
    assert value.target == NOW - timedelta(hours=5, minutes=7)


def test_fault_gap(start_box: StartBox, talk: Talk) -> None:
    """Slots stay missing; what comes later is there."""
    gateway = start_box("gap:slots=8")
    client = talk(gateway)
    slot = NOW - timedelta(minutes=7)
    assert client.newest(STAIRS)[0].target == slot - 8 * QUARTER
    gateway.clock.advance(timedelta(minutes=9))
    found = client.history(STAIRS, slot - 10 * QUARTER, slot + QUARTER)
    assert [v.target for v in found] == [
        slot - 9 * QUARTER,
        slot - 8 * QUARTER,
        slot + QUARTER,
    ]
    check(gateway, STAIRS, found)


def test_fault_not_valid(start_box: StartBox, talk: Talk) -> None:
    """The newest and every n-th are marked."""
    gateway = start_box("not_valid:every=4")
    client = talk(gateway)
    assert client.newest(STAIRS)[0].status == "a002000020003800"
    found = client.history(STAIRS, NOW - timedelta(hours=10), NOW)
    marks = Counter(value.status for value in found)
    assert marks["a002000020003800"] in {10, 11}


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("ptb_warning", "a0080000"),
        ("clock_invalid", "a0400000"),
        ("fatal_status", "a0800000"),
    ],
)
def test_status_words(start_box: StartBox, talk: Talk, name: str, word: str) -> None:
    """Bits of the gateway's half, least significant first."""
    (value,) = talk(start_box(name)).newest(STAIRS)
    assert value.status == word + "20003800"


test_fault_ptb_warning = test_fault_clock_invalid = test_fault_fatal_status = None


def test_fault_meter_status(start_box: StartBox, talk: Talk) -> None:
    """The meter's half as some real sample has it."""
    (value,) = talk(start_box("meter_status")).newest(STAIRS)
    assert value.status == "a000000010229100"


def test_fault_scaler(start_box: StartBox, talk: Talk) -> None:
    """Other powers of ten, the same value."""
    gateway = start_box("scaler:value=-3")
    (value,) = talk(gateway).newest(STAIRS)
    assert value.scaler == -3
    check(gateway, STAIRS, [value])
    gateway.faults.add("scaler", value=2)
    (value,) = talk(gateway).newest(STAIRS)
    truth = gateway.true_register(STAIRS, "1-0:1.8.0", NOW) * 1000
    assert abs(value.number - truth) <= 50


def test_fault_unit(start_box: StartBox, talk: Talk) -> None:
    """A code that nobody expects."""
    (value,) = talk(start_box("unit:code=26")).newest(STAIRS)
    assert value.unit == 26


def test_fault_signatures(start_box: StartBox, talk: Talk) -> None:
    """64 bytes in hex, else nothing."""
    (value,) = talk(start_box()).newest(STAIRS)
    assert value.signature in {None, "-"}
    (value,) = talk(start_box("signatures")).newest(STAIRS)
    assert value.signature is not None
    assert len(bytes.fromhex(value.signature)) == 64


def test_fault_meter_exchange(start_box: StartBox, talk: Talk) -> None:
    """A new meter, counting from zero; its contracts go on."""
    gateway = start_box()
    contracts = talk(gateway).contracts()
    new = "1esy0060199999"
    gateway.faults.add("meter_exchange", meter=STAIRS, new=new)
    client = talk(gateway)
    assert client.meters()[0] == new
    assert client.contracts() == contracts
    (value,) = client.newest(new)
    assert value.number < 100
    check(gateway, new, [value])
    assert gateway.true_register(STAIRS, "1-0:1.8.0", NOW) > 245
    gateway.clock.advance(timedelta(hours=1))
    client = talk(gateway)
    assert len(client.history(new, NOW, NOW + 4 * QUARTER)) == 4


def test_default_exchange(start_box: StartBox, talk: Talk) -> None:
    """Without parameters the first electricity meter gets the next number, once."""
    client = talk(start_box("meter_exchange"))
    assert client.meters()[0] == "1esy0060178982"
    assert client.meters()[0] == "1esy0060178982"


def test_fault_no_meters(start_box: StartBox, talk: Talk) -> None:
    """Nothing to see."""
    client = talk(start_box("no_meters"))
    assert (client.meters(), client.contracts()) == ([], [])


def test_fault_no_contracts(start_box: StartBox, talk: Talk) -> None:
    """No contract (on a Theben: no meter either)."""
    gateway = start_box("no_contracts")
    client = talk(gateway)
    assert client.contracts() == []
    assert bool(client.meters()) == (gateway.vendor == "emh")


def test_fault_no_values(start_box: StartBox, talk: Talk) -> None:
    """Empty lists."""
    client = talk(start_box("no_values"))
    assert client.newest(STAIRS) == []
    assert client.history(STAIRS, NOW - timedelta(hours=3), NOW) == []


def test_override(start_box: StartBox, talk: Talk) -> None:
    """A test may bend single readings."""
    gateway = start_box()
    client = talk(gateway)
    slot = NOW - timedelta(minutes=7)
    code = "1-0:1.8.0"
    gateway.override(STAIRS, code, wert="abc", status="zz")
    (value,) = client.newest(STAIRS)
    assert (value.value, value.status) == ("abc", "zz")
    gateway.scenario.meters.clear_overrides()
    gateway.override(STAIRS, code, slot, istvalide="2")
    assert client.newest(STAIRS)[0].status.startswith("a0020000")
    gateway.scenario.meters.duplicate_rows(STAIRS, code, slot)
    assert len(client.newest(STAIRS)) == 2
    gateway.override(STAIRS, code, slot, istvalide="3")
    assert client.newest(STAIRS) == []


def test_all_media(start_box: StartBox, talk: Talk) -> None:
    """Every meter of the house, newest value and history, equals the truth."""
    gateway = start_box()
    client = talk(gateway)
    assert set(client.meters()) == {meter.id for meter in gateway.scenario.meters}
    for meter in gateway.scenario.meters:
        check(gateway, meter.id, client.newest(meter.id))
        found = client.history(meter.id, NOW - timedelta(days=3), NOW)
        assert len(found) > 3 * 23
        check(gateway, meter.id, found)


def test_json_is_utf8(start_box: StartBox, talk: Talk) -> None:
    """Umlauts in the log are UTF-8."""
    client = talk(start_box())
    if client.gateway.vendor == "theben":
        reply = client.call("log")
    else:
        reply = client.get("conlogbook/1")
    assert "Empfänger" in reply.body.decode()
    assert json.loads(reply.body)
