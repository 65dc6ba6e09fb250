"""Logging in to the gateways that talk JSON: how often a password is sent, and when."""

import asyncio
from collections.abc import Generator
from dataclasses import replace
from datetime import timedelta
import logging
import traceback

import pytest

from custom_components.smgw.han import errors
from custom_components.smgw.han.errors import SmgwError
from simulator.box import BoxGateway
from simulator.clock import SimClock
from simulator.emh import EmhGateway
from simulator.theben import ThebenGateway
from tests.network import Names

from .helpers import QUICK, WRONG, Reader, read_at, truths
from .hostile import CHALLENGE, hostile, ok

MAKERS = [ThebenGateway, EmhGateway]


@pytest.fixture(params=MAKERS, ids=["theben", "emh"])
def gateway(
    socket_enabled: None, clock: SimClock, request: pytest.FixtureRequest
) -> Generator[BoxGateway]:
    """A gateway of each maker."""
    with request.param(clock=clock) as running:
        yield running


async def test_honest_md5(reader: Reader, gateway: BoxGateway) -> None:
    """The usual: one login a poll, remembered as proven."""
    for count in (1, 2, 3):
        truths(await reader.read(), gateway)
        assert gateway.logins == count
    assert gateway.failed_logins == 0
    assert reader.memory == {"digest": {"MD5": "MD5"}}


async def test_honest_sha256(reader: Reader, gateway: BoxGateway) -> None:
    """What is announced is used."""
    gateway.faults.add("digest_sha256")
    for _ in range(2):
        truths(await reader.read(), gateway)
    assert gateway.failed_logins == 0
    assert reader.memory == {"digest": {"SHA-256": "SHA-256"}}


@pytest.mark.parametrize(
    "refusal", [None, "refuse_by_drop", "refuse_by_empty_body", "refuse_403"]
)
async def test_announced_sha256_verified_md5(
    reader: Reader, gateway: BoxGateway, refusal: str | None
) -> None:
    """Found out with one failed login, the only one for good."""
    gateway.faults.add("digest_sha256_lie")
    if refusal:
        gateway.faults.add(refusal)
    for _ in range(3):
        truths(await reader.read(), gateway)
        assert gateway.failed_logins == 1
    assert reader.memory == {"digest": {"SHA-256": "MD5"}}
    # and after a restart
    again = Reader(gateway, memory=reader.memory)
    truths(await again.read(), gateway)
    assert gateway.failed_logins == 1


REFUSALS = [
    (None, errors.WrongPassword),
    ("refuse_403", errors.WrongPassword),
    ("refuse_by_drop", errors.LoginDropped),
    ("refuse_by_empty_body", errors.LoginDropped),
]


@pytest.mark.parametrize(("refusal", "error"), REFUSALS)
@pytest.mark.parametrize(
    ("digest", "attempts"), [(None, 1), ("digest_sha256", 2), ("digest_sha256_lie", 2)]
)
async def test_wrong_password(
    reader: Reader,
    gateway: BoxGateway,
    refusal: str | None,
    error: type[SmgwError],
    digest: str | None,
    attempts: int,
) -> None:
    """Sent once; twice where another algorithm than MD5 is announced. Not learned from."""
    for fault in filter(None, (refusal, digest)):
        gateway.faults.add(fault)
    await reader.fails(error, wrong=True)
    assert gateway.failed_logins == attempts
    assert reader.memory == {}
    gateway.faults.clear()
    truths(await reader.read(), gateway)


@pytest.mark.parametrize(
    ("refusal", "error"),
    [
        (None, errors.WrongPassword),
        ("refuse_403", errors.WrongPassword),
        ("refuse_by_drop", errors.LoginUnanswered),
        ("refuse_by_empty_body", errors.LoginUnanswered),
    ],
)
@pytest.mark.parametrize("digest", [None, "digest_sha256", "digest_sha256_lie"])
async def test_password_changed(
    reader: Reader,
    gateway: BoxGateway,
    refusal: str | None,
    error: type[SmgwError],
    digest: str | None,
) -> None:
    """Once a login has worked: sent once, and silence is not yet a refusal."""
    if digest:
        gateway.faults.add(digest)
    await reader.read()
    if refusal:
        gateway.faults.add(refusal)
    failed, proven = gateway.failed_logins, dict(reader.memory["digest"])
    await reader.fails(error, wrong=True)
    assert gateway.failed_logins == failed + 1
    assert reader.memory["digest"] == proven


LIE, HONEST = "digest_sha256_lie", "digest_sha256"


@pytest.mark.parametrize(("before", "after"), [(LIE, HONEST), (HONEST, LIE)])
async def test_new_firmware_verifies_another_algorithm(
    reader: Reader, gateway: BoxGateway, before: str, after: str
) -> None:
    """The password that was right is refused once, and works when it is entered again."""
    gateway.faults.add(before)
    await reader.read()
    gateway.faults.clear()
    gateway.faults.add(after)
    failed = gateway.failed_logins
    await reader.fails(errors.WrongPassword)
    assert gateway.failed_logins == failed + 1
    truths(await reader.read(), gateway)
    assert gateway.failed_logins == failed + 2
    # and from then on there is no more to find out
    truths(await Reader(gateway, memory=reader.memory).read(), gateway)
    assert gateway.failed_logins == failed + 2


async def test_doubt_about_the_algorithm_ends(
    reader: Reader, gateway: BoxGateway
) -> None:
    """While it lasts two logins for each wrong password; then one again."""
    gateway.faults.add(LIE)
    await reader.read()
    for attempts in (1, 2, 2):
        failed = gateway.failed_logins
        await reader.fails(errors.WrongPassword, wrong=True)
        assert gateway.failed_logins == failed + attempts
    await reader.read()
    failed = gateway.failed_logins
    await reader.fails(errors.WrongPassword, wrong=True)
    assert gateway.failed_logins == failed + 1


async def test_other_algorithm_after_an_update(
    reader: Reader, gateway: BoxGateway
) -> None:
    """Firmware that announces something new may be tried twice again."""
    await reader.read()
    gateway.faults.add("digest_sha256_lie")
    truths(await reader.read(), gateway)
    assert gateway.failed_logins == 1
    assert reader.memory == {"digest": {"MD5": "MD5", "SHA-256": "MD5"}}


@pytest.mark.parametrize("learned", ["MD5", None, ["x"], 7])
async def test_strange_memory(gateway: BoxGateway, learned: object) -> None:
    """What is no memory of ours is forgotten."""
    reader = Reader(gateway, memory={"digest": learned, "logins_unanswered": learned})
    await reader.read()
    assert reader.memory["digest"] == {"MD5": "MD5"}


async def test_lockout(reader: Reader, gateway: BoxGateway) -> None:
    """A gateway that locks itself shuts its door, and opens it again."""
    gateway.faults.add("lockout", after=1, seconds=300)
    await reader.fails(errors.LoginDropped, wrong=True)
    await reader.fails(errors.TlsFailed)
    gateway.clock.advance(timedelta(seconds=301))
    truths(await reader.read(), gateway)


@pytest.mark.parametrize(
    "fault",
    [
        *("nonce_once", "close_each", "single_connection", "overlap_drops"),
    ],
)
async def test_fussy_gateways(reader: Reader, gateway: BoxGateway, fault: str) -> None:
    """A challenge for each request, a connection for each, or just one at a time."""
    gateway.faults.add(fault)
    for _ in range(2):
        truths(await reader.read(), gateway)
    assert gateway.failed_logins == 0
    assert gateway.most_connections == 1


async def test_one_at_a_time(gateway: BoxGateway) -> None:
    """Polls of two drivers at once are served one after the other."""
    gateway.faults.add("single_connection")
    readers = [Reader(gateway), Reader(gateway)]
    snapshots = await asyncio.gather(
        *(reader.read() for _ in range(3) for reader in readers)
    )
    for snapshot in snapshots:
        truths(snapshot, gateway)
    assert len(snapshots) == gateway.logins == gateway.connections == 6
    assert gateway.most_connections == 1


async def test_queue_is_free_after_a_failure(
    reader: Reader, gateway: BoxGateway
) -> None:
    """The next one is served although the one before failed or was given up."""
    gateway.faults.add("server_error")
    await asyncio.gather(reader.read(), reader.read(), return_exceptions=True)
    gateway.faults.clear()
    gateway.faults.add("slow", seconds=5)
    task = asyncio.create_task(reader.read())
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    gateway.faults.clear()
    truths(await reader.read(), gateway)


async def test_check(reader: Reader, gateway: BoxGateway) -> None:
    """The consumer interface answers; no account is needed, nothing is sent."""
    await reader.driver.check()
    assert [(r.status, r.authenticated) for r in gateway.requests] == [(401, False)]
    assert gateway.failed_logins == 0


FAILURES = [
    ("drop_before_answer", errors.ConnectionCut),
    ("garbage", errors.NotAGateway),
    ("garbage_body", errors.NotAGateway),
    ("other_web_server", errors.NotAGateway),
    ("redirect", errors.NotAGateway),
    ("server_error", errors.GatewayFault),
    ("busy", errors.GatewayBusy),
    ("tls_close", errors.TlsFailed),
    ("refuse_tls", errors.TlsFailed),
    ("refuse_renegotiation_info", errors.RenegotiationRefused),
    ("nat_host", errors.HostRefused),
    ("certificate_swapped", errors.CertificateChanged),
    ("certificate_expired", errors.CertificateChanged),
]


@pytest.mark.parametrize("warm", [False, True])
@pytest.mark.parametrize(("fault", "error"), FAILURES)
async def test_each_failure_has_its_class(
    reader: Reader,
    gateway: BoxGateway,
    fault: str,
    error: type[SmgwError],
    warm: bool,
) -> None:
    """At the door, in the first poll or later; then all is well again."""
    if warm:
        await reader.read()
    gateway.faults.add(fault)
    with pytest.raises(error):
        await reader.driver.check()
    await reader.fails(error)
    assert gateway.failed_logins == 0
    gateway.faults.clear()
    truths(await reader.read(), gateway)


async def test_name_it_does_not_know(
    ipv6: None, gateway: BoxGateway, names: Names
) -> None:
    """A name of the owner's own network is no gateway's business: TLS does not tell it."""
    gateway.faults.add("refuse_server_name")
    names["gateway.home.arpa"] = [gateway.host]
    snapshot = await read_at(gateway, f"gateway.home.arpa:{gateway.port}")
    truths(snapshot, gateway)


@pytest.mark.parametrize("fault", ["slow", "trickle", "hang_tcp"])
async def test_too_late(gateway: BoxGateway, fault: str) -> None:
    """What does not come in time before any login is no refusal of it."""
    reader = Reader(gateway, replace(QUICK, connect=0.3, answer=0.3))
    gateway.faults.add(fault, seconds=5)
    await reader.fails(errors.AnswerTimeout)
    gateway.faults.clear()
    truths(await Reader(gateway).read(), gateway)


VALUES = {ThebenGateway: "readings", EmhGateway: "extended"}


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("drop_before_answer", errors.ConnectionCut),
        ("drop_mid_answer", errors.ConnectionCut),
        ("truncated", errors.PageUnreadable),
        ("garbage_body", errors.PageUnreadable),
        ("empty_body", errors.PageUnreadable),
        ("big_page", errors.PageTooLarge),
        ("garbage", errors.NotAGateway),
        ("redirect", errors.NotAGateway),
        ("server_error", errors.GatewayFault),
    ],
)
async def test_failures_between_the_values(
    reader: Reader, gateway: BoxGateway, fault: str, error: type[SmgwError]
) -> None:
    """After the login, in the middle of a poll: never a login error."""
    action = VALUES[type(gateway)]
    gateway.faults.add(fault, action=action)
    await reader.fails(error)
    assert gateway.failed_logins == 0
    gateway.faults.clear()
    snapshot = await reader.read()
    assert snapshot.skipped == ()
    truths(snapshot, gateway)


async def test_gzip(reader: Reader, gateway: BoxGateway) -> None:
    """Compressed answers are answers."""
    gateway.faults.add("gzip")
    truths(await reader.read(), gateway)


async def test_password_changes_in_mid_session(
    reader: Reader, gateway: BoxGateway
) -> None:
    """A login that ends between two requests is told as such."""
    loop = asyncio.get_running_loop()
    gateway.faults.add("slow", seconds=0.3, action=VALUES[type(gateway)])
    account = gateway.users[gateway.user]
    loop.call_later(0.25, gateway.users.clear)
    await reader.fails(errors.SessionExpired)
    gateway.users[gateway.user] = account
    gateway.faults.clear()
    truths(await reader.read(), gateway)


SPOILT = ("drop_mid_answer", "garbage", "garbage_body", "redirect", "truncated")


@pytest.mark.parametrize("fault", [*SPOILT, "digest_sha256_lie", "refuse_by_drop"])
async def test_no_secret_is_told(
    reader: Reader,
    gateway: BoxGateway,
    caplog: pytest.LogCaptureFixture,
    fault: str,
) -> None:
    """Neither logs nor errors hold password, user, nonce, path or answer."""
    caplog.set_level(logging.DEBUG)
    # the simulator is allowed to log what it was asked
    caplog.set_level(logging.CRITICAL, "simulator")
    countable = gateway.faults.known[fault].countable
    if countable:
        gateway.faults.add(fault, action=VALUES[type(gateway)])
    else:
        gateway.faults.add(fault)
    secrets = (gateway.user, gateway.password, WRONG, "Authorization", "nonce", "lv-")
    told = ""
    for read in (reader.read, reader.read_wrong, reader.read):
        try:
            await read()
        except SmgwError as err:
            told += "".join(traceback.format_exception(err))
            cause: BaseException | None = err
            while cause is not None:
                told += f"{cause} {cause!r} {cause.args}"
                cause = cause.__cause__
    told += "".join(
        f"{record.getMessage()} {record.args}"
        for record in caplog.records
        if record.name.startswith("custom_components")
    )
    assert not [secret for secret in secrets if secret in told]


DOORS = [
    (b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n", errors.NotAGateway),
    (CHALLENGE.replace(b"Digest ", b"Basic "), errors.NotAGateway),
    (b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", errors.NotAGateway),
    (b"HTTP/1.1 400 No\r\nContent-Length: 0\r\n\r\n", errors.HostRefused),
    (b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", errors.NotAGateway),
    (b"HTTP/1.1 405 No\r\nContent-Length: 0\r\n\r\n", errors.PageUnreadable),
    (b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", errors.GatewayFault),
    (ok(b"[]"), errors.NotAGateway),
]


@pytest.mark.parametrize("flag", ["THE", "EMH"])
@pytest.mark.parametrize(("door", "error"), DOORS)
async def test_doors_without_digest(
    socket_enabled: None, flag: str, door: bytes, error: type[SmgwError]
) -> None:
    """Things that answer, and are no consumer interface."""
    with hostile(lambda *_: [door]) as server:
        driver = server.driver(flag)
        with pytest.raises(error):
            await driver.check()
        with pytest.raises((error, errors.NoMeterAssigned)):
            await server.read(driver)
    assert all(b"uthorization" not in request for request in server.received)


@pytest.mark.parametrize("status", [400, 500])
async def test_failed_login_that_is_no_refusal(
    socket_enabled: None, status: int
) -> None:
    """An inner fault right after the login says nothing about the password."""
    fault = f"HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n".encode()
    with hostile(lambda n, _: [CHALLENGE if n == 1 else fault]) as server:
        memory: dict[str, object] = {}
        with pytest.raises((errors.GatewayFault, errors.PageUnreadable)):
            await server.read(server.driver("EMH", memory))
    assert memory == {}
    assert len(server.received) == 2
