"""Digest, client certificates and accounts, on each gateway with JSON."""

from pathlib import Path
import ssl
import subprocess

from cryptography.hazmat.primitives.serialization import pkcs12
import pytest

from simulator.account import Account
from simulator.box import BoxGateway
from simulator.clients import first_certificate
from simulator.tls import CURVES, Certificate, self_signed

from .conftest import HOUSE, STAIRS, StartBox, Talk
from .openssl import s_client


def write(certificate: Certificate, folder: Path) -> Path:
    """Write certificate and key where ssl can load them."""
    path = folder / "client.pem"
    path.write_text(certificate.pem + certificate.key_pem)
    return path


def test_curl(start_box: StartBox) -> None:
    """An everyday client gets in with one challenge."""
    gateway = start_box()
    path = "/smgw/m2m" if gateway.vendor == "theben" else "/json/systeminformations"
    done = subprocess.run(
        [
            *("curl", "--silent", "--insecure", "--digest", "--include"),
            *("--user", f"{gateway.user}:{gateway.password}"),
            *("--header", "Content-Type: application/json", gateway.url + path),
        ],
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )
    assert ("307" if gateway.vendor == "theben" else "200 OK") in done.stdout
    assert gateway.requests[0].status == 401
    assert [r.authenticated for r in gateway.requests] == [False, True]
    assert (gateway.logins, gateway.failed_logins) == (1, 0)


def test_nonce_serves_many(start_box: StartBox, talk: Talk) -> None:
    """With a growing count one nonce, and one login, serve a whole round."""
    gateway = start_box()
    client = talk(gateway)
    for _ in range(3):
        assert client.ping().status in {200, 307}
    assert [r.status for r in gateway.requests].count(401) == 1
    assert (gateway.logins, gateway.connections, gateway.open_connections) == (1, 1, 1)
    client.connection.close()


def test_wrong_count(start_box: StartBox, talk: Talk) -> None:
    """A count that does not grow gets 401 with stale=true, no failed login."""
    gateway = start_box()
    client = talk(gateway)
    client.ping()
    client._digest.nonce_count = 0
    reply = client.send("GET", "/smgw/m2m", Content_Type="application/json")
    assert reply.status == 401
    assert "stale=true" in reply.headers["WWW-Authenticate"]
    assert gateway.failed_logins == 0


def test_wrong_password_and_user(start_box: StartBox, talk: Talk) -> None:
    """401 again, and counted."""
    gateway = start_box()
    assert talk(gateway, password="wrong").ping().status == 401
    assert talk(gateway, "nobody").ping().status == 401
    assert (gateway.logins, gateway.failed_logins) == (0, 2)
    assert gateway.journal.entries()[-1].level == 2


def test_malformed_digest(start_box: StartBox, talk: Talk) -> None:
    """Half a header is no failed login."""
    gateway = start_box()
    client = talk(gateway)
    header = {"Authorization": 'Digest username="x"'}
    assert client.send("GET", "/", **header).status == 401
    assert client.send("GET", "/", Authorization="Basic eDp5").status == 401
    assert gateway.failed_logins == 0


def test_client_certificate(start_box: StartBox, talk: Talk, tmp_path: Path) -> None:
    """A known certificate needs no Digest; each connection is a login."""
    own = self_signed("consumer", curve="secp384r1")
    users = {"zwei": Account("pw", frozenset({HOUSE}))}
    gateway = start_box(client_certificates={"zwei": own}, users=users)
    client = talk(gateway, certificate=write(own, tmp_path))
    assert client.meters() == [HOUSE]
    assert client.time()
    assert all(record.authenticated for record in gateway.requests)
    assert gateway.logins == 1
    client.connection.close()
    assert client.meters() == [HOUSE]
    assert gateway.logins == 2
    assert STAIRS in talk(gateway).meters()


@pytest.mark.parametrize("which", ["unknown", "expired", "without user"])
def test_other_client_certificate(
    start_box: StartBox, talk: Talk, tmp_path: Path, which: str
) -> None:
    """Any other certificate passes the handshake and falls back to Digest."""
    own = self_signed("consumer", curve="secp384r1", expired=which == "expired")
    known = self_signed("other") if which == "unknown" else own
    gateway = start_box()
    name = "nobody" if which == "without user" else gateway.user
    gateway = start_box(client_certificates={name: known})
    client = talk(gateway, certificate=write(own, tmp_path))
    assert client.send("GET", "/smgw/m2m").status == 401
    assert client.ping().status in {200, 307}


def test_pkcs12() -> None:
    """Keys come as operators hand them out, with a password or without."""
    own = self_signed("consumer", valid_days=60)
    for password in (None, b"geheim"):
        loaded = pkcs12.load_key_and_certificates(own.pkcs12(password), password)
        assert loaded[1] is not None
        assert loaded[1].subject.rfc4514_string() == "CN=consumer"
    with pytest.raises(ValueError):
        pkcs12.load_key_and_certificates(own.pkcs12(b"geheim"), b"falsch")
    assert not own.expired
    assert first_certificate(b"\x0b\x00\x00\x03\x00\x00\x00") == b""


def test_accounts(start_box: StartBox, talk: Talk) -> None:
    """Accounts by direction, by meter, by contract."""
    one, two = frozenset({"1-0:1.8.0"}), frozenset({"1-0:2.8.0"})
    users = {
        "bezug": Account("a", frozenset({HOUSE}), one),
        "einsp": Account("b", frozenset({HOUSE}), two),
        "vertrag": Account("c", contracts=frozenset({"TAF7_OCT_B+E"})),
    }
    gateway = start_box(users=users)
    seen = talk(gateway, "bezug", "a").newest(HOUSE)
    assert {value.obis for value in seen} == {"0100010800ff"}
    seen = talk(gateway, "einsp", "b").newest(HOUSE)
    assert {value.obis for value in seen} == {"0100020800ff"}
    contracts = talk(gateway, "vertrag", "c").contracts()
    assert contracts
    assert all("taf03" in name for name in contracts)
    assert gateway.logins == 3


@pytest.mark.parametrize("curve", list(CURVES))
def test_every_curve(start_box: StartBox, curve: str) -> None:
    """Key and, for brainpool, key exchange lie on the curve; TLS 1.2."""
    gateway = start_box(curve=curve)
    offered = f"{curve}:X448" if "brainpool" in curve else curve
    told = s_client(gateway, "-curves", offered)
    assert "TLSv1.2" in told
    assert "Cipher is ECDHE-ECDSA" in told
    if "brainpool" in curve:
        context = ssl.create_default_context(cadata=gateway.certificate_pem)
        context.check_hostname = False
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ecdh_curve("prime256v1")
        with pytest.raises(ssl.SSLError):
            connect(gateway, context)


def connect(gateway: BoxGateway, context: ssl.SSLContext) -> None:
    """Shake hands."""
    import socket

    with (
        socket.create_connection((gateway.host, gateway.port), 5) as plain,
        context.wrap_socket(plain),
    ):
        pass


def test_ipv6(start_box: StartBox) -> None:
    """An IPv6 literal (by a program: sockets of tests stay on 127.0.0.1)."""
    gateway = start_box(host="::1")
    assert gateway.url.startswith("https://[::1]:")
    done = subprocess.run(
        ["curl", "--globoff", "--silent", "--insecure", "--include", gateway.url],
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )
    assert done.stdout.startswith("HTTP/1.1 401")
