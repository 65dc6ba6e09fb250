"""Theben: TLS, the first call, header rules, status codes."""

from datetime import timedelta
import json
import socket
import ssl

from cryptography import x509
import pytest

from simulator.theben import Account, ThebenGateway

from .box_client import ROOT, ThebenClient
from .conftest import NOW, StartTheben, Talk
from .openssl import s_client


@pytest.fixture
def gateway(start_theben: StartTheben) -> ThebenGateway:
    """Return a running gateway."""
    return start_theben()


@pytest.fixture
def client(gateway: ThebenGateway, talk: Talk) -> ThebenClient:
    """Return a client that knows its path."""
    made: ThebenClient = talk(gateway)
    assert made.first().status == 307
    return made


def test_tls(gateway: ThebenGateway) -> None:
    """TLS 1.2 and secp384r1, nothing else."""
    said = s_client(gateway)
    assert "Protocol  : TLSv1.2" in said or "New, TLSv1.2" in said
    assert "ECDHE-ECDSA" in said
    assert "secp384r1" in said
    for options in (("-tls1_3",), ("-curves", "prime256v1"), ("-curves", "X25519")):
        assert "Cipher is (NONE)" in s_client(gateway, *options)


def test_certificate(gateway: ThebenGateway) -> None:
    """CN, country, SAN, key."""
    certificate = x509.load_der_x509_certificate(gateway.certificate_der)
    assert certificate.subject.rfc4514_string() == "CN=ETHE0300123456.SMGW,C=DE"
    assert certificate.issuer == certificate.subject
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert names.value.get_values_for_type(x509.DNSName) == ["ethe0300123456.sm"]
    context = ssl.create_default_context(cadata=gateway.certificate_pem)
    with (
        socket.create_connection((gateway.host, gateway.port), 5) as plain,
        context.wrap_socket(plain, server_hostname="ethe0300123456.sm") as sock,
    ):
        assert sock.version() == "TLSv1.2"


def test_rotation(gateway: ThebenGateway) -> None:
    """A new certificate keeps the names."""
    old = gateway.fingerprint
    assert gateway.rotate_certificate() != old
    certificate = x509.load_der_x509_certificate(gateway.certificate_der)
    assert "CN=ETHE0300123456.SMGW" in certificate.subject.rfc4514_string()


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_first_call(gateway: ThebenGateway, talk: Talk, method: str) -> None:
    """401, then 307 to a path with the user id, which is not the login's name."""
    client = talk(gateway)
    body = b"" if method == "POST" else None
    reply = client.ask(method, ROOT, body, Content_Type="application/json")
    assert reply.status == 307
    assert reply.headers["Location"] == "/smgw/m2m/lv-hv-kunde.sm/json"
    assert gateway.requests[0].status == 401
    assert gateway.requests[0].action == "m2m"


def test_user_id(start_theben: StartTheben, talk: Talk) -> None:
    """An operator may choose the id; another user's path is not found."""
    users = {"zwei": Account("pw", user_id="lv-0815")}
    gateway = start_theben(users=users)
    second = talk(gateway, "zwei", "pw")
    assert second.first().headers["Location"] == "/smgw/m2m/lv-0815.sm/json"
    second.place = "/smgw/m2m/lv-hv-kunde.sm/json"
    assert second.call("smgw-info").status == 404


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("application/json", 200),
        ("application/json; charset=utf-8", 400),
        ("application/json;charset=utf-8", 400),
        ("Application/JSON", 400),
        ("text/plain", 400),
        ("", 400),
    ],
)
def test_content_type(client: ThebenClient, kind: str, status: int) -> None:
    """Exactly application/json."""
    body = json.dumps({"method": "smgw-info"}).encode()
    headers = {"Content_Type": kind} if kind else {}
    assert client.ask("POST", client.place, body, **headers).status == status


def test_first_call_needs_content_type(gateway: ThebenGateway, talk: Talk) -> None:
    """The same for the first call."""
    assert talk(gateway).ask("GET", ROOT).status == 400


def test_chunked(client: ThebenClient) -> None:
    """A chunked body is refused, and the connection closed."""
    client.connection.request(
        "POST",
        client.place,
        iter([b'{"method":', b'"smgw-info"}']),
        {"Content-Type": "application/json"},
        encode_chunked=True,
    )
    response = client.connection.getresponse()
    assert response.status == 400
    assert response.headers["Connection"] == "close"


def test_no_content_length(client: ThebenClient) -> None:
    """A POST without a length is refused."""
    client.first()
    connection = client.connection
    connection.putrequest("POST", client.place, skip_accept_encoding=True)
    connection.putheader("Content-Type", "application/json")
    from urllib.request import Request

    request = Request(client.gateway.url + client.place, b"", method="POST")
    made = client._digest.get_authorization(request, client.challenge)
    connection.putheader("Authorization", f"Digest {made}")
    connection.endheaders()
    assert connection.getresponse().status == 400


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/smgw/m2m/lv-hv-kunde.sm/json", 405),
        ("PUT", ROOT, 405),
        ("GET", "/smgw/m2m/nobody.sm/json", 404),
        ("GET", "/cgi-bin/hanservice.cgi", 404),
        ("GET", "/json/metering/origin/", 404),
        ("GET", "/", 302),
    ],
)
def test_paths(client: ThebenClient, method: str, path: str, status: int) -> None:
    """Wrong verbs and paths."""
    reply = client.ask(method, path, Content_Type="application/json")
    assert reply.status == status


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"{}",
        b'{"method":"nothing"}',
        b'{"method":{}}',
        b"[" * 200_000,
    ],
)
def test_bad_body(client: ThebenClient, body: bytes) -> None:
    """What cannot be read is 400 with some text."""
    reply = client.ask("POST", client.place, body, Content_Type="application/json")
    assert reply.status == 400
    assert reply.body


def test_envelope(client: ThebenClient) -> None:
    """Elapsed time in the maker's spelling, method, payload, version."""
    answer = client.call("smgw-info").json
    assert list(answer) == ["elapsed-time", "method", "smgw-info", "version"]
    spelling = " miliseconds"  # codespell:ignore miliseconds
    assert answer["elapsed-time"].endswith(spelling)
    assert answer["method"] == "smgw-info"
    assert answer["version"] == "1.3.0"


def test_old_firmware(start_theben: StartTheben, talk: Talk) -> None:
    """An old firmware has the interface of the document."""
    client = talk(start_theben(firmware="v3.40.2-cc"))
    assert client.call("smgw-info").json["version"] == "1.2.0"


def test_gateway_info(client: ThebenClient, gateway: ThebenGateway) -> None:
    """Id, state, time, firmware, and the certificates in hex."""
    info = client.read("smgw-info")
    assert info["smgw-id"] == "ethe0300123456"
    assert info["smgw-state"] == "a0000000"
    assert info["smgw-time"] == "2026-05-12T08:07:00"
    assert info["firmware-info"]["component"] == "Firmware"
    assert info["firmware-info"]["version"] == "v3.87.0-cc"
    assert len(bytes.fromhex(info["firmware-info"]["hash"])) == 32
    pem = bytes.fromhex(info["certificates"]["han"]["tls"])
    assert pem.decode() == gateway.certificate_pem
    (wan,) = info["certificates"]["wan"]
    signer = x509.load_der_x509_certificate(bytes.fromhex(wan["sig"]))
    authority = x509.load_der_x509_certificate(bytes.fromhex(wan["sub-ca"]))
    signer.verify_directly_issued_by(authority)
    assert signer.subject.rfc4514_string() == "CN=ETHE0300123456.SMGW"


def test_self_test(gateway: ThebenGateway, client: ThebenClient) -> None:
    """200, then 403 for ten minutes; the result is in the log."""
    assert client.call("self-test").status == 200
    assert client.call("self-test").status == 403
    gateway.clock.advance(timedelta(seconds=590))
    assert client.call("self-test").status == 403
    gateway.clock.advance(timedelta(seconds=11))
    assert client.call("self-test").status == 200
    newest = gateway.journal.entries()[-1]
    assert "Selbsttest" in newest.message
    assert newest.at == NOW + timedelta(seconds=601)


def test_truncated_request(gateway: ThebenGateway, talk: Talk) -> None:
    """A client that goes away in the middle harms nobody."""
    client = talk(gateway)
    client.first()
    client.connection.putrequest("POST", client.place)
    client.connection.putheader("Content-Length", "100")
    client.connection.endheaders(b"{")
    client.connection.close()
    assert talk(gateway).first().status == 307
