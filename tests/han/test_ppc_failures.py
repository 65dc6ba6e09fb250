"""Everything that can go wrong in a session: its error, its cost, and the way out."""

import asyncio
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import timedelta
import logging
import re
import traceback

import pytest

from custom_components.smgw.han import errors
from custom_components.smgw.han.errors import SmgwError
from custom_components.smgw.han.model import Credentials, Snapshot
from custom_components.smgw.han.ppc import PpcDriver
from simulator.ppc import PpcGateway

from .helpers import QUICK, START, WRONG, Reader, truths
from .hostile import CHALLENGE, HostileServer, hostile, ok
from .markup import Line, framed, meter_list, profile

COOKIE = "Set-Cookie: session=0123456789abcdef;secure;HttpOnly"
LIST = meter_list(
    ("1111", "01005e318002.1esy0060178981.sm"),
    ("2222", "01005e318002.1emh0012345678.sm"),
)


async def prove(reader: Reader) -> None:
    """Let the driver see that the first form logs in here."""
    await reader.read()
    await reader.read()
    assert reader.memory["login_by_post"] is True
    reader.gateway.clear_requests()


def playing(
    *pages: str, welcome: str = framed("Willkommen"), cookie: str = COOKIE
) -> AbstractContextManager[HostileServer]:
    """Return a server that plays a session: welcome, these pages, farewell."""
    answers = [
        CHALLENGE,
        ok(welcome.encode(), cookie),
        *(ok(p.encode()) for p in pages),
    ]
    return hostile(lambda n, _: [(answers + [ok(b"abgemeldet")] * 9)[n - 1]])


async def play(
    server: HostileServer, memory: dict[str, object] | None = None
) -> Snapshot:
    """Read such a server."""
    driver = PpcDriver(
        server.transport(), {} if memory is None else memory, lambda: START
    )
    return await driver.read_latest(Credentials(user="1", password="x"))


@pytest.mark.parametrize("fault", [None, "refuse_200"])
async def test_wrong_password(
    reader: Reader, gateway: PpcGateway, fault: str | None
) -> None:
    """Wrong from the start: one failed login."""
    if fault:
        gateway.faults.add(fault)
    wrong = errors.LoginRefused if fault else errors.WrongPassword
    with pytest.raises(wrong):
        await reader.read_wrong()
    assert gateway.failed_logins == 1
    assert reader.memory == {}


@pytest.mark.parametrize("fault", [None, "refuse_200"])
async def test_password_changed(
    reader: Reader, gateway: PpcGateway, fault: str | None
) -> None:
    """Wrong after good sessions: one failed login again.

    The next attempt takes the welcome page, in case only the form was refused.
    """
    await prove(reader)
    if fault:
        gateway.faults.add(fault)
    wrong = errors.LoginRefused if fault else errors.WrongPassword
    with pytest.raises(wrong):
        await reader.read_wrong()
    assert gateway.failed_logins == 1
    assert "login_by_post" not in reader.memory
    assert len(gateway.requests) == 2
    gateway.faults.clear()
    gateway.clear_requests()
    await reader.read()
    assert [record.method for record in gateway.requests][:2] == ["GET", "GET"]
    assert reader.memory["login_by_post"] is None


@pytest.mark.parametrize("fault", [None, "refuse_200"])
async def test_password_changed_before_the_way_was_tried(
    reader: Reader, gateway: PpcGateway, fault: str | None
) -> None:
    """Only here a wrong password is sent twice; never a second time."""
    await reader.read()
    if fault:
        gateway.faults.add(fault)
    for failed in (2, 3, 4):
        with pytest.raises(errors.SmgwLoginError):
            await reader.read_wrong()
        assert gateway.failed_logins == failed
    truths(await reader.read(), gateway)


@pytest.mark.parametrize("proven", [False, True])
async def test_locked(reader: Reader, gateway: PpcGateway, proven: bool) -> None:
    """The countdown is told, and the right password makes no difference."""
    if proven:
        await prove(reader)
    gateway.faults.add("locked", seconds=277)
    error = await reader.fails(errors.PortalLocked)
    assert error.placeholders == {"remaining": "4:37"}
    # asked once: a locked portal says nothing against the way in
    assert len(gateway.requests) == 2
    gateway.faults.clear()
    assert (await reader.read()).requests == (5 if proven else 6)


async def test_lockout_after_wrong_passwords(
    reader: Reader, gateway: PpcGateway
) -> None:
    """The gateway locks by itself, and opens by itself."""
    gateway.faults.add("lockout", after=2, seconds=300)
    for _ in range(2):
        with pytest.raises(errors.WrongPassword):
            await reader.read_wrong()
    await reader.fails(errors.PortalLocked)
    gateway.clock.advance(timedelta(seconds=301))
    await reader.read()


@pytest.mark.parametrize("proven", [False, True])
@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("session_in_use", errors.SessionInUse),
        ("portal_error", errors.LoginRefused),
        ("no_meters", errors.NoMeterAssigned),
        ("forbidden", errors.SessionExpired),
        ("redirect", errors.NotAGateway),
        ("other_web_server", errors.NotAGateway),
        ("garbage", errors.NotAGateway),
        ("server_error", errors.GatewayFault),
        ("busy", errors.GatewayBusy),
        ("drop_before_answer", errors.ConnectionCut),
        ("drop_mid_answer", errors.ConnectionCut),
        ("tls_close", errors.TlsFailed),
        ("truncated", errors.PageUnreadable),
    ],
)
async def test_each_failure_has_its_class(
    reader: Reader,
    gateway: PpcGateway,
    fault: str,
    error: type[SmgwError],
    proven: bool,
) -> None:
    """Whichever way the driver logs in, the reason is told; then all is well again."""
    if proven:
        await prove(reader)
    action = {"truncated": {"action": "meterform"}}.get(fault, {})
    gateway.faults.add(fault, **action)
    await reader.fails(error)
    assert gateway.open_sessions == 0
    assert gateway.failed_logins == 0
    gateway.faults.clear()
    truths(await reader.read(), gateway)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("server_error", errors.GatewayFault),
        ("busy", errors.GatewayBusy),
        ("drop_before_answer", errors.ConnectionCut),
        ("drop_mid_answer", errors.ConnectionCut),
        ("truncated", errors.PageUnreadable),
        ("big_page", errors.PageTooLarge),
        ("garbage", errors.NotAGateway),
        ("garbage_body", errors.NotAGateway),
        ("empty_body", errors.NotAGateway),
        ("other_web_server", errors.NotAGateway),
        ("redirect", errors.NotAGateway),
    ],
)
async def test_logged_out_after_a_failure(
    reader: Reader, gateway: PpcGateway, fault: str, error: type[SmgwError]
) -> None:
    """A session that failed half-way does not lock others out."""
    gateway.faults.add(fault, action="showMeterProfile")
    await reader.fails(error)
    assert gateway.open_sessions == 0
    assert gateway.requests[-1].action == "logout"


@pytest.mark.parametrize("fault", ["slow", "trickle"])
async def test_answer_too_late(gateway: PpcGateway, fault: str) -> None:
    """A page that does not come in time: told, and logged out."""
    reader = Reader(gateway, replace(QUICK, answer=0.5))
    gateway.faults.add(fault, action="showMeterProfile", seconds=1)
    await reader.fails(errors.AnswerTimeout)
    assert gateway.open_sessions == 0


@pytest.mark.parametrize(
    "fault", ["server_error", "drop_before_answer", "garbage", "empty_body", "big_page"]
)
async def test_failed_logout_harms_nothing(
    reader: Reader, gateway: PpcGateway, fault: str
) -> None:
    """What was read is kept, whatever the gateway says to the farewell."""
    gateway.faults.add(fault, action="logout")
    snapshot = await reader.read()
    truths(snapshot, gateway)
    assert snapshot.gateway.firmware == gateway.firmware


async def test_slow_logout_is_not_waited_for(gateway: PpcGateway) -> None:
    """The farewell has a limit of its own."""
    reader = Reader(gateway, replace(QUICK, farewell=0.2))
    gateway.faults.add("slow", action="logout", seconds=1)
    truths(await reader.read(), gateway)


@pytest.mark.parametrize("action", ["meterform", "showMeterProfile"])
async def test_cancelled(reader: Reader, gateway: PpcGateway, action: str) -> None:
    """A poll given up half-way logs out."""
    gateway.faults.add("slow", action=action, seconds=1)
    task = asyncio.create_task(reader.read())
    while gateway.open_sessions == 0:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)
    gateway.faults.clear()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert gateway.open_sessions == 0
    truths(await reader.read(), gateway)


@pytest.mark.parametrize("proven", [False, True])
async def test_expired_once(reader: Reader, gateway: PpcGateway, proven: bool) -> None:
    """A session that ended is opened once more."""
    if proven:
        await prove(reader)
    logins = gateway.logins
    gateway.faults.add("session_expired_once", action="showMeterProfile")
    truths(await reader.read(), gateway)
    assert gateway.logins == logins + 2
    assert gateway.open_sessions == 0


async def test_expires_again(reader: Reader, gateway: PpcGateway) -> None:
    """And then not again."""
    gateway.faults.add("forbidden")
    await reader.fails(errors.SessionExpired)
    assert gateway.logins == 2
    assert gateway.open_sessions == 0


async def test_meter_without_data(socket_enabled: None) -> None:
    """One meter that has nothing yet does not hide the other."""
    nothing = framed("Keine Z&auml;hlerdaten vorhanden")
    whole = profile(Line(), meter="1emh0012345678.sm")
    with playing(LIST, nothing, whole) as server:
        snapshot = await play(server)
    assert [len(m.readings) for m in snapshot.meters.values()] == [0, 1]
    assert [(s.where, s.reason) for s in snapshot.skipped] == [
        ("1ESY0060178981", "no_data")
    ]


async def test_values_of_another_meter(socket_enabled: None) -> None:
    """A page about another meter than the one asked for is not believed."""
    with (
        playing(LIST, profile(Line(), meter="1emh0012345678.sm")) as server,
        pytest.raises(errors.PageUnreadable),
    ):
        await play(server)


async def test_strange_and_repeated_meters(socket_enabled: None) -> None:
    """Meters whose id cannot be one are left out with the reason."""
    listing = meter_list(
        ("1", "../../etc/passwd"),
        ("2", "&lt;script&gt;" + "x" * 100),
        ("3", "01005e318002.1esy0060178981.sm"),
        ("4", "1ESY0060178981.sm"),
    )
    with playing(listing, profile(Line())) as server:
        snapshot = await play(server)
    assert list(snapshot.meters) == ["1ESY0060178981"]
    assert [s.reason for s in snapshot.skipped] == [
        "strange_meter_id",
        "strange_meter_id",
        "duplicate",
    ]
    assert all(len(s.where) <= 60 for s in snapshot.skipped)


async def test_no_footer(socket_enabled: None) -> None:
    """Firmware and clock may be missing; what was learned is kept."""
    memory: dict[str, object] = {"firmware": "1-2", "login_by_post": False}
    bare = (LIST, profile(Line()), profile(Line(), meter="1emh0012345678.sm"))
    with playing(*(page.replace("id='div_", "id='no_") for page in bare)) as server:
        snapshot = await play(server, memory)
    assert snapshot.gateway.firmware is None
    assert snapshot.gateway.clock is None
    assert memory == {"firmware": "1-2", "login_by_post": False}


@pytest.mark.parametrize(
    ("welcome", "error"),
    [
        ("", errors.NotAGateway),
        ("<html>Router</html>", errors.NotAGateway),
        ("<div id='content'>Login falsch</div>", errors.LoginRefused),
    ],
)
async def test_cookie_without_welcome(
    socket_enabled: None, welcome: str, error: type[SmgwError]
) -> None:
    """A cookie alone is no session of ours; it is given back."""
    with playing(welcome=welcome) as server, pytest.raises(error):
        await play(server)
    assert b"action=logout" in server.received[-1]


@pytest.mark.parametrize("page", ["", "<html></html>"])
async def test_blank_page_without_cookie(socket_enabled: None, page: str) -> None:
    """A second client gets nothing to work with."""
    with (
        playing(welcome=page, cookie="X: y") as server,
        pytest.raises(errors.SessionInUse),
    ):
        await play(server)


async def test_cut_list(socket_enabled: None) -> None:
    """Half a list would look as if meters had gone."""
    for end in ("</option>", "size='1'>"):
        cut = LIST[: LIST.index(end) + len(end)]
        with playing(cut) as server, pytest.raises(errors.PageUnreadable):
            await play(server)


def test_plain_error() -> None:
    """An error without variables, and one without a detail."""
    assert errors.WrongPassword("401").placeholders == {}
    assert str(errors.NoData()) == "no_data"


async def test_list_that_is_another_page(socket_enabled: None) -> None:
    """Something else than the list that was asked for."""
    with playing(framed("Willkommen")) as server, pytest.raises(errors.PageUnreadable):
        await play(server)


SECRETS = ("Gitter#Tor?7", WRONG, "session=", "Authorization", "1234567890")


def hidden(text: str) -> None:
    """Check that a text shows no secret, and nothing like a token, cookie or nonce."""
    assert not [secret for secret in SECRETS if secret in text]
    assert not re.search(r"[0-9a-f]{32}", text)


SPOILT = ("drop_mid_answer", "garbage", "other_web_server", "redirect", "big_page")


@pytest.mark.parametrize(
    ("fault", "action"),
    [
        *((fault, None) for fault in ("locked", "portal_error", "session_in_use")),
        *((fault, None) for fault in ("forbidden", "no_meters", "drop_before_answer")),
        *((fault, "meterform") for fault in SPOILT),
        *((fault, "showMeterProfile") for fault in SPOILT),
        *((fault, "logout") for fault in SPOILT),
    ],
)
async def test_no_secret_is_told(
    reader: Reader,
    gateway: PpcGateway,
    caplog: pytest.LogCaptureFixture,
    fault: str,
    action: str | None,
) -> None:
    """Neither logs nor errors hold password, user, cookie or token."""
    caplog.set_level(logging.DEBUG)
    await reader.read()
    gateway.faults.add(fault, **({"action": action} if action else {}))
    for read in (reader.read, reader.read, reader.read_wrong):
        try:
            await read()
        except SmgwError as err:
            told = "".join(traceback.format_exception(err))
            cause: BaseException | None = err
            while cause is not None:
                told += f"{cause} {cause!r} {cause.args}"
                cause = cause.__cause__
            hidden(told)
    for record in caplog.records:
        hidden(f"{record.getMessage()} {record.args}")
