"""One connection: what it sends, what it survives, who waits for whom."""

import asyncio
from collections.abc import Iterator
import gzip
from threading import Event

import pytest

from custom_components.smgw.han.address import Address
from custom_components.smgw.han.errors import (
    AnswerTimeout,
    ConnectionCut,
    InvalidUser,
    NotAGateway,
    PageTooLarge,
    SmgwError,
    WrongPassword,
)
from custom_components.smgw.han.model import Credentials
from custom_components.smgw.han.ppc import PATH
from custom_components.smgw.han.transport import (
    MAX_BODY,
    Answer,
    Timeouts,
    Transport,
    queue_for,
)
from simulator.ppc import PpcGateway

from .helpers import transport_to
from .hostile import CHALLENGE, RESET, HostileServer, hostile, ok

pytestmark = pytest.mark.usefixtures("socket_enabled")
ACCOUNT = Credentials(user="1234567890", password="Gitter#Tor?7")


async def ask(
    server: HostileServer,
    credentials: Credentials | None = None,
    timeouts: Timeouts | None = None,
) -> Answer:
    """Send one request."""
    transport = server.transport(timeouts) if timeouts else server.transport()
    async with transport.connect(credentials) as connection:
        return await connection.request("GET", PATH)


async def test_what_is_sent() -> None:
    """A name, no language, no secret; a form is written in UTF-8."""
    with hostile(
        lambda *_: [ok(b"x", "Set-Cookie: session=1;secure;HttpOnly")]
    ) as server:
        async with server.transport().connect(ACCOUNT) as connection:
            assert connection.cookies == set()
            answer = await connection.request("POST", PATH, {"action": "a b", "ä": "&"})
            assert connection.cookies == {"session"}
            assert connection.requests == 1
            assert (answer.status, answer.body) == (200, b"x")
            await connection.request("GET", PATH)
            assert connection.requests == 2
    first, second = server.received
    assert first.startswith(f"POST {PATH} HTTP/1.1\r\n".encode())
    assert b"User-Agent: smgw\r\n" in first
    assert b"Content-Type: application/x-www-form-urlencoded\r\n" in first
    assert first.endswith(b"\r\n\r\naction=a+b&%C3%A4=%26")
    assert b"Cookie: session=1\r\n" in second
    assert b"Authorization" not in first + second


async def test_cookies_are_of_one_connection() -> None:
    """The next session knows nothing of the last."""
    with hostile(lambda *_: [ok(b"", "Set-Cookie: session=1")]) as server:
        for _ in range(2):
            await ask(server)
    assert all(b"Cookie" not in request for request in server.received)


async def test_challenge_is_answered() -> None:
    """Digest: unquoted where gateways want it so, once for each challenge."""
    with hostile(lambda n, _: [CHALLENGE if n == 1 else ok(b"x")]) as server:
        async with server.transport().connect(ACCOUNT) as connection:
            assert (await connection.request("GET", PATH)).status == 200
            await connection.request("GET", PATH)
            assert connection.requests == 3
    _, second, third = server.received
    assert b", qop=auth, nc=00000001, " in second
    assert b"algorithm=MD5" in second
    assert b", qop=auth, nc=00000002, " in third


@pytest.mark.parametrize("user", ["a:b", "a\r\nX: y", "a\x00", "\ud800", "a\u200b"])
async def test_user_that_cannot_be_sent(user: str) -> None:
    """A user name with a colon or control characters never reaches the wire."""
    with hostile(lambda *_: [CHALLENGE]) as server, pytest.raises(InvalidUser):
        await ask(server, Credentials(user=user, password="x"))
    assert server.received == []


@pytest.mark.parametrize("password", ["ä€😀", "#?!@&=+\"'\\", " ", ""])
@pytest.mark.parametrize("user", ["1234567890", 'ä"\\'])
async def test_any_password_can_be_sent(user: str, password: str) -> None:
    """Whatever the operator made up."""
    with hostile(lambda n, _: [CHALLENGE if n == 1 else ok(b"")]) as server:
        assert (
            await ask(server, Credentials(user=user, password=password))
        ).status == 200


async def test_password_that_is_no_text() -> None:
    """Half a character cannot be hashed, and is no gateway's password."""
    with hostile(lambda *_: [CHALLENGE]) as server, pytest.raises(WrongPassword):
        await ask(server, Credentials(user="1", password="\ud800"))
    assert server.received == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_not_followed(status: int) -> None:
    """Least of all with credentials."""
    head = f"HTTP/1.1 {status} Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n"
    with hostile(lambda *_: [head.encode()]) as server:
        assert (await ask(server)).status == status
    assert len(server.received) == 1


def endless(piece: bytes) -> Iterator[bytes]:
    """Return a body without end."""
    yield b"HTTP/1.1 200 OK\r\n\r\n"
    while True:
        yield piece


@pytest.mark.parametrize(
    "pieces",
    [
        lambda: [ok(b" " * 10_000_000)],
        lambda: endless(b" " * 65536),
        lambda: [ok(gzip.compress(b" " * 50_000_000), "Content-Encoding: gzip")],
    ],
    ids=["10 MB", "endless", "compressed"],
)
async def test_large_pages_are_capped(pieces: object) -> None:
    """No page fills the memory."""
    assert callable(pieces)
    with hostile(lambda *_: pieces()) as server, pytest.raises(PageTooLarge):
        await ask(server)


async def test_largest_page() -> None:
    """The limit itself is allowed."""
    with hostile(lambda *_: [ok(b" " * MAX_BODY)]) as server:
        assert len((await ask(server)).body) == MAX_BODY


def trickle() -> Iterator[bytes]:
    """Make an answer whose body comes byte by byte, for as long as anybody listens."""
    yield b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"
    while True:
        Event().wait(0.01)
        yield b" "


@pytest.mark.parametrize(
    "pieces", [trickle, lambda: [b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"], list]
)
async def test_answers_that_do_not_end(pieces: object) -> None:
    """Trickle, half an answer, none at all: there is one limit for all of it.

    Without it, or with any other, this would not end.
    """
    assert callable(pieces)
    limits = Timeouts(connect=3600, answer=0.3, farewell=3600)
    with hostile(lambda *_: pieces()) as server, pytest.raises(AnswerTimeout):
        await ask(server, timeouts=limits)


async def test_own_limit_of_a_request() -> None:
    """A farewell waits less long."""
    with hostile(lambda *_: []) as server:
        async with server.transport().connect(None) as connection:
            with pytest.raises(AnswerTimeout):
                await connection.request("GET", PATH, within=0.2)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"SSH-2.0-OpenSSH_9.9\r\n\r\n", NotAGateway),
        (b"\x00" * 100 + b"\r\n\r\n", NotAGateway),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n", NotAGateway),
        (b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", NotAGateway),
        (ok(b"no gzip", "Content-Encoding: gzip"), ConnectionCut),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
            NotAGateway,
        ),
        (ok(b"", "Set-Cookie: \x01=\xff;;;=;expires=x"), None),
        (b"HTTP/1.0 200\r\n\r\n", None),
    ],
)
async def test_hostile_http(answer: bytes, error: type[SmgwError] | None) -> None:
    """What is no HTTP has its error; what is odd but harmless is an answer."""

    def once(number: int, _: bytes) -> Iterator[bytes]:
        yield answer
        raise OSError  # hang up

    with hostile(once) as server:
        if error is None:
            assert (await ask(server)).status == 200
        else:
            with pytest.raises(error):
                await ask(server)


@pytest.mark.parametrize(
    "challenge",
    [
        b'Digest realm="r", nonce=""',
        b'Digest realm="r"',
        b'Digest nonce="n"',
        b'Digest realm="r", nonce="n", qop="auth-conf"',
        b'Digest realm="r", nonce="n", algorithm=ROT13',
        b'Digest realm="r", nonce="\xff\xfe", qop="auth"',
        b'Digest realm="r", nonce="n", domain="https://[::1 /x"',
    ],
)
async def test_hostile_challenges(challenge: bytes) -> None:
    """A challenge nobody can answer is no gateway's."""
    answer = CHALLENGE.replace(CHALLENGE.split(b"\r\n")[1][18:], challenge)
    with hostile(lambda n, _: [answer]) as server, pytest.raises(NotAGateway):
        await ask(server, ACCOUNT)


@pytest.mark.parametrize("challenge", [b"Basic realm=x", b"Digest", b"Digest x", b""])
async def test_no_digest(challenge: bytes) -> None:
    """The password is sent in no other way."""
    answer = CHALLENGE.replace(CHALLENGE.split(b"\r\n")[1][18:], challenge)
    with hostile(lambda *_: [answer]) as server:
        assert (await ask(server, ACCOUNT)).status == 401
    assert len(server.received) == 1
    assert b"Authorization" not in server.received[0]


@pytest.mark.parametrize("fault", ["drop_before_answer", "drop_mid_answer"])
async def test_connection_cut(gateway: PpcGateway, fault: str) -> None:
    """The gateway hangs up in the middle."""
    gateway.faults.add(fault)
    async with transport_to(gateway).connect(None) as connection:
        with pytest.raises(ConnectionCut):
            await connection.request("GET", PATH)


@pytest.mark.parametrize(
    "before", [[], [b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n1"]]
)
async def test_connection_reset(before: list[bytes]) -> None:
    """The connection breaks before or within the answer."""
    with (
        hostile(lambda *_: [*before, RESET]) as server,
        pytest.raises(ConnectionCut),
    ):
        await ask(server)


async def test_one_queue_for_a_gateway() -> None:
    """Whoever talks to a gateway waits in the same queue, wherever it moved."""
    one = Transport(Address("127.0.0.1"), "EPPC0210123456", b"")
    other = Transport(Address("127.0.0.2"), "EPPC0210123456", b"")
    stranger = Transport(Address("127.0.0.1"), "EPPC0210123457", b"")
    assert one.queue is other.queue is queue_for("EPPC0210123456")
    assert stranger.queue is not one.queue


def test_no_queue_of_an_earlier_loop() -> None:
    """A queue that outlived its loop, as a task that was never collected does, is not taken up."""

    async def queue() -> asyncio.Lock:
        return queue_for("EPPC0210123456")

    assert asyncio.run(queue()) is not (kept := asyncio.run(queue()))
    assert not kept.locked()


async def test_cancelled_request_leaves_nothing() -> None:
    """A request given up ends at once."""
    with hostile(lambda *_: []) as server:
        task = asyncio.create_task(ask(server))
        while not server.received:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


def test_accounts_do_not_show() -> None:
    """A printed account shows nothing of it."""
    assert repr(ACCOUNT) == str(ACCOUNT) == "Credentials(…)"
