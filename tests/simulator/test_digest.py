"""The Digest check: what is let in and what is not."""

import subprocess

import pytest

from simulator.ppc import PpcGateway

from .client import PATH, HanClient
from .conftest import Connect, Start


def test_challenge(gateway: PpcGateway, connect: Connect) -> None:
    """The first answer is 401 with a Digest challenge and no cookie."""
    reply = connect(gateway).raw("GET")
    assert reply.status == 401
    assert 'qop="auth"' in reply.headers["WWW-Authenticate"]
    assert "Set-Cookie" not in reply.headers
    assert reply.headers["X-Frame-Options"] == "DENY"
    assert gateway.failed_logins == 0


def test_nonces_differ(gateway: PpcGateway, connect: Connect) -> None:
    """Each challenge has a nonce of its own."""
    client = connect(gateway)
    client.challenge()
    first = client.nonce
    client.challenge()
    assert client.nonce != first


@pytest.mark.parametrize("field", ["qop", "nc", "algorithm"])
def test_quoted_fields_are_refused(
    gateway: PpcGateway, field: str, connect: Connect
) -> None:
    """Quotes where the gateway wants none: "Login falsch", no session."""
    client = connect(gateway)
    client.challenge()
    client.bare = tuple({"qop", "nc", "algorithm"} - {field})
    reply = client.raw("GET")
    assert reply.status == 200
    assert "Login falsch" in reply.text
    assert not client.cookie
    assert gateway.open_sessions == 0


def test_quoted_fields_lenient(start: Start, connect: Connect) -> None:
    """A variant accepts the quotes."""
    client = connect(start("lenient_digest"))
    client.challenge()
    client.bare = ()
    assert client.raw("GET").status == 200
    assert client.cookie


@pytest.mark.parametrize("uri", ["/", f"{PATH}?x=1", f"https://127.0.0.1{PATH}"])
def test_hash_covers_the_path(gateway: PpcGateway, uri: str, connect: Connect) -> None:
    """Another uri in the hash is a wrong answer."""
    client = connect(gateway)
    client.challenge()
    client.uri = uri
    assert client.raw("GET").status == 401
    assert gateway.failed_logins == 1


def test_wrong_password_and_user(gateway: PpcGateway, connect: Connect) -> None:
    """Both get 401 and are counted."""
    for client in (
        connect(gateway, password="x"),
        connect(gateway, user="nobody"),
    ):
        assert client.login().status == 401
        assert not client.cookie
    assert gateway.failed_logins == 2
    assert gateway.logins == 0


@pytest.mark.parametrize("password", ['#?!@:"\\ä€ß', "a b c"])
def test_odd_passwords(start: Start, password: str, connect: Connect) -> None:
    """Passwords are hashed as UTF-8."""
    gateway = start(password=password)
    assert connect(gateway).login().status == 200
    assert gateway.logins == 1


def test_odd_user(start: Start, connect: Connect) -> None:
    """A user name with an umlaut and quotes."""
    gateway = start(user="Müller 0815")
    client = connect(gateway)
    client.challenge()
    header = client.authorization("GET").encode()
    client.connection.putrequest("GET", PATH)
    client.connection.putheader("Authorization", header)
    client.connection.endheaders()
    assert client.connection.getresponse().status == 200


def test_count_must_grow(client: HanClient) -> None:
    """A repeated nc is stale."""
    client.count -= 1
    reply = client.post("meterform")
    assert reply.status == 401
    assert "stale=true" in reply.headers["WWW-Authenticate"]


def test_digest_on_each_request(client: HanClient) -> None:
    """The cookie alone does not do."""
    client.nonce = ""
    assert client.post("meterform").status == 401


def test_nonce_serves_one_session(client: HanClient, gateway: PpcGateway) -> None:
    """After logout the nonce is dead."""
    client.post("logout")
    client.cookie = ""
    assert client.raw("GET").status == 401
    assert client.login().status == 200
    assert gateway.logins == 2


def test_fresh_nonce_inside_a_session(client: HanClient) -> None:
    """A client may ask for a new challenge for each request."""
    cookie = client.cookie
    client.challenge()
    assert client.post("meterform").status == 200
    assert client.cookie == cookie


def test_curl(gateway: PpcGateway) -> None:
    """The curl program logs in with its own Digest."""
    done = subprocess.run(
        [
            *("curl", "--silent", "--insecure", "--include", "--digest"),
            *("--user", f"{gateway.user}:{gateway.password}", gateway.url + PATH),
        ],
        capture_output=True,
        check=True,
        timeout=20,
    )
    assert b"headline_willkommen" in done.stdout
    assert b";secure;HttpOnly\r\n" in done.stdout
