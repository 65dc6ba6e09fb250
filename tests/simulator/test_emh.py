"""EMH: resources, readings, contracts, log."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
import re

from cryptography import x509
from cryptography.hazmat.primitives.serialization import pkcs7
import pytest

from simulator.clock import BERLIN
from simulator.emh import SCENARIOS, Account, EmhGateway
from simulator.scenario import GAS, GRID_STATE

from .box_client import EmhClient, check, seen
from .conftest import HOUSE, NOW, STAIRS, StartEmh, Talk

SLOT = NOW - timedelta(minutes=7)
QUARTER = timedelta(minutes=15)
TAF1 = "01005e318021.taf041emh0012345678.sm"
TAF2 = "01005e318022.taf051emh0012345678.sm"
TAF7 = "01005e318027.taf031emh0012345678.sm"


@pytest.fixture
def gateway(start_emh: StartEmh) -> EmhGateway:
    """Return a running gateway."""
    return start_emh()


@pytest.fixture
def client(gateway: EmhGateway, talk: Talk) -> EmhClient:
    """Return a client."""
    made: EmhClient = talk(gateway)
    return made


def test_realm(client: EmhClient) -> None:
    """The gateway's id is known before the login, on every path."""
    for path in ("/", "/json/metering/origin/", "/json/nothing"):
        reply = client.send("GET", path)
        assert reply.status == 401
        header = reply.headers["WWW-Authenticate"]
        assert 'realm="eemh0112345678"' in header
        assert "algorithm=MD5" in header
        assert 'qop="auth"' in header


def test_tls(gateway: EmhGateway, start_emh: StartEmh, talk: Talk) -> None:
    """TLS 1.2, unless told otherwise; the CN is the id."""
    certificate = x509.load_der_x509_certificate(gateway.certificate_der)
    assert certificate.subject.rfc4514_string() == "CN=EEMH0112345678"
    for top, version in ((True, "TLSv1.2"), (False, "TLSv1.3")):
        client = talk(start_emh(max_tls12=top))
        client.ping()
        assert client.connection.sock.version() == version


def test_system(client: EmhClient) -> None:
    """Firmware with hash, id, time with offset."""
    found = client.read("systeminformations")
    assert re.fullmatch(r"3\.45\.1 / [0-9a-f]{64}", found["firmwareversion"])
    assert found["huid"] == "eemh0112345678"
    assert found["systemtime"] == "2026-05-12T10:07:00+02:00"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "metering/origin", 200),
        ("GET", "metering/derived/", 200),
        ("GET", "metering/origin/1xyz0099000010/extended", 404),
        ("GET", "metering/origin/1xyz0099000010/0/extended", 404),
        ("GET", "metering/derived/nothing", 404),
        ("GET", "metering/derived/nothing/current/extended", 404),
        ("GET", f"metering/derived/{TAF1}/billingperiods/900/extended", 404),
        ("GET", f"metering/origin/{STAIRS}/-1/extended", 404),
        ("GET", "realtimedata/", 404),
        ("GET", "", 404),
        ("POST", "metering/origin/", 405),
        ("HEAD", "metering/origin/", 405),
    ],
)
def test_paths(client: EmhClient, method: str, path: str, status: int) -> None:
    """With or without a slash; what is not there; wrong verbs."""
    client.ping()
    assert client.ask(method, f"/json/{path}").status == status


def test_meters(client: EmhClient) -> None:
    """Ids in lower case."""
    assert client.meters() == [
        *(STAIRS, HOUSE, GAS.id, "8hyd0056789012", "6kam0067890123")
    ]


def test_current_container(client: EmhClient) -> None:
    """Keys and types of a container."""
    found = client.read(f"metering/origin/{STAIRS}/extended")
    assert found == {
        "capture_time": found["capture_time"],
        "timestamp": "2026-05-12T10:00:00+02:00",
        "status": "a000000020003800",
        "values": [
            {
                "logical_name": f"0100010800ff.{STAIRS}.sm",
                "scaler": -1,
                "unit": 30,
                "value": "2457540",
                "signature": "-",
            }
        ],
    }
    assert re.fullmatch(r"2026-05-12T10:00:0[1-5]\+02:00", found["capture_time"])


def test_simple_object(client: EmhClient) -> None:
    """Numbers with units in text."""
    found = client.read(f"metering/origin/{HOUSE}")
    assert found["0100010800ff"] == "14210.3372 kWh"
    assert found["timestamp_nom"] == "2026-05-12T10:00:00+02:00"
    assert set(found) >= {"timestamp_act", "status", "0100020800ff"}
    assert client.read(f"metering/origin/{GAS.id}")["0700030000ff"].endswith(" m^3")


def test_months(client: EmhClient, gateway: EmhGateway) -> None:
    """Whole local months, oldest first; the present one ends now."""
    now = client.read(f"metering/origin/{STAIRS}/0/extended")
    assert now[-1]["timestamp"] == "2026-05-12T10:00:00+02:00"
    march = client.read(f"metering/origin/{STAIRS}/2/extended")
    times = [datetime.fromisoformat(container["timestamp"]) for container in march]
    assert march[0]["timestamp"].startswith("2026-03-01T00:00:00+01:00")
    assert march[-1]["timestamp"].startswith("2026-03-31T23:45:00+02:00")
    assert all(before < after for before, after in pairwise(times))
    meter = gateway.scenario.meters[STAIRS]
    first = datetime(2026, 2, 28, 23, tzinfo=UTC)
    slots = [first + QUARTER * n for n in range(31 * 96 - 4)]
    assert times == [at for at in slots if meter.validity(at) != "3"]
    check(gateway, STAIRS, [value for c in march for value in seen(c)])
    assert client.read(f"metering/origin/{STAIRS}/30/extended") == []
    assert client.read(f"metering/origin/{STAIRS}/999/extended") == []


def test_grid_state(start_emh: StartEmh, talk: Talk) -> None:
    """Sixteen registers a quarter hour."""
    gateway = start_emh(scenario=SCENARIOS["taf10"]())
    values = talk(gateway).newest(GRID_STATE.id)
    assert len(values) == 16
    check(gateway, GRID_STATE.id, values)


def test_meter_exchange(client: EmhClient, gateway: EmhGateway) -> None:
    """404 on the old id, the new one in its place in the list."""
    gateway.exchange_meter(STAIRS, "1esy0060199999")
    assert client.get(f"metering/origin/{STAIRS}/extended").status == 404
    assert client.meters()[0] == "1esy0060199999"
    check(gateway, "1esy0060199999", client.newest("1esy0060199999"))
    (own,) = client.read("metering/origin/1esy0060199999/0/extended")
    assert own["timestamp"] == "2026-05-12T10:00:00+02:00"
    assert client.read("metering/origin/1esy0060199999/1/extended") == []
    name = "01005e318027.taf021esy0060178981.sm"
    assert client.read(f"metering/derived/{name}")["sensor_domains"] == [
        "1esy0060199999"
    ]


def test_contract(client: EmhClient) -> None:
    """Keys and types of a contract."""
    assert TAF7 in client.contracts()
    assert client.read(f"metering/derived/{TAF7}") == {
        "active_tariff": 0,
        "capture_period": 900,
        "emt_channel_name": "emt1.sm",
        "logical_name": TAF7,
        "metering_point_id": "DE0009999900000000000010012345678",
        "sensor_domains": [HOUSE],
        "taf_identifier": "taf031emh0012345678",
        "taf_name": "TAF7_OCT_B+E",
        "taf_type": "TAF-7",
        "user_domain": "01005e318011.lv-consumer1.sm",
        "validity_start": 1709420400,
        "validity_end": 0,
    }
    old = client.read("metering/derived/01005e318027.taf011esy0060178981.sm")
    assert 0 < old["validity_end"] < NOW.timestamp()
    assert client.read(f"metering/derived/{TAF2}")["active_tariff"] == 1


def test_user_domain(start_emh: StartEmh, talk: Talk) -> None:
    """The operator's name of the consumer."""
    users = {"x": Account("pw", user_id="lv-0815.sm")}
    client = talk(start_emh(users=users), "x", "pw")
    found = client.read(f"metering/derived/{TAF7}")
    assert found["user_domain"] == "01005e318011.lv-0815.sm"


def test_periods(client: EmhClient, gateway: EmhGateway) -> None:
    """Months that meet; registers at both ends."""
    periods = client.read(f"metering/derived/{TAF1}/billingperiods")
    for before, after in pairwise(periods):
        assert before["end"] == after["start"]
    assert periods[-1]["start"] == "2026-05-01T00:00:00+02:00"
    path = f"metering/derived/{TAF1}/billingperiods/{len(periods) - 1}/extended"
    values = [value for container in client.read(path) for value in seen(container)]
    assert values[-1].target == SLOT
    assert {value.owner for value in values} == {"taf041emh0012345678.sm"}
    check(gateway, HOUSE, values)


def test_an_ended_period(client: EmhClient, gateway: EmhGateway) -> None:
    """Its last registers are those of the moment it ended."""
    root = f"metering/derived/{TAF1}/billingperiods"
    periods = client.read(root)
    number = len(periods) - 2
    found = client.read(f"{root}/{number}/extended")
    values = [value for container in found for value in seen(container)]
    ends = [datetime.fromisoformat(periods[number][key]) for key in ("start", "end")]
    assert [value.target for value in values] == ends
    check(gateway, HOUSE, values)


def test_daily(client: EmhClient, gateway: EmhGateway) -> None:
    """Six weeks of midnights."""
    found = client.read(f"metering/derived/{TAF7}/daily")
    assert 35 <= len(found) <= 42
    for row in found:
        at = datetime.fromisoformat(row["timestamp_nom"])
        assert at.astimezone(BERLIN).hour == 0
        number, unit = row["0100010800ff"].split()
        assert unit == "kWh"
        assert Decimal(number) == gateway.true_register(HOUSE, "1-0:1.8.0", at)


def test_current_registers(client: EmhClient, gateway: EmhGateway) -> None:
    """TAF 1 and 2 have them, TAF 7 answers 400."""
    values = seen(client.read(f"metering/derived/{TAF2}/current/extended"))
    assert [v.obis for v in values] == ["0100010801ff", "0100010802ff", "010001083fff"]
    check(gateway, HOUSE, values[:2])
    assert client.get(f"metering/derived/{TAF7}/current/extended").status == 400


def test_downloads(client: EmhClient) -> None:
    """The signed profile and the certificate that goes with it."""
    body = client.get(f"metering/derived/{TAF7}/signedprofile").body
    (signer,) = pkcs7.load_der_pkcs7_certificates(body)
    pem = client.ask("GET", "/download/certificate.pem").body
    issued = x509.load_pem_x509_certificate(pem)
    assert issued.subject == signer.subject


def test_log(client: EmhClient) -> None:
    """Entries of a month; the newest is our login."""
    newest = client.read("conlogbook/0")[-1]
    assert newest == {
        "level": "info",
        "outcome": "erfolgreich",
        "recordnumber": newest["recordnumber"],
        "repetition": 0,
        "text": "Der Letztverbraucher ist angemeldet.",
        "timestamp": "2026-05-12T10:07:00+02:00",
        "vendor": "BSI",
    }
    before = client.read("conlogbook/1")
    assert {entry["timestamp"][:7] for entry in before} == {"2026-04"}
    assert client.read("conlogbook/12") == []


def test_announcement(gateway: EmhGateway) -> None:
    """What mDNS would say."""
    announced = gateway.announcement
    assert announced is not None
    assert announced.type == "_http._tcp.local."
    assert announced.name.startswith("smgw")
    assert (announced.server, announced.port) == ("smgw.local.", gateway.port)
