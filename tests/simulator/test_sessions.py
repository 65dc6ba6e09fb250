"""Sessions, tokens and rotating ids."""

import contextlib
from datetime import timedelta
import re

from simulator.ppc import Account, PpcGateway, Rules

from .client import PATH, HanClient
from .conftest import HOUSE, STAIRS, Connect, Start


def test_get_opens_a_session(gateway: PpcGateway, connect: Connect) -> None:
    """The welcome page, the cookie exactly so, a token in every form."""
    client = connect(gateway)
    reply = client.login()
    cookie = reply.headers["Set-Cookie"]
    assert re.fullmatch(r"session=[0-9a-f]+;secure;HttpOnly", cookie)
    assert reply.page.texts("headline_willkommen") == ["Willkommen"]
    tokens = reply.page.named("tkn")
    forms = [e for e in reply.page.elements if e.tag == "form"]
    assert len(tokens) == len(forms)
    assert re.fullmatch("[0-9a-f]{64}", tokens[0])
    assert reply.body.startswith(b"\r\n<!DOCTYPE")
    assert gateway.open_sessions == gateway.logins == 1
    assert "Set-Cookie" not in client.post("meterform").headers


def test_post_meterform_opens_a_session(gateway: PpcGateway, connect: Connect) -> None:
    """The meter list as the first request logs in as well."""
    client = connect(gateway)
    client.challenge()
    reply = client.post("meterform")
    assert client.cookie
    assert f"01005e318002.{STAIRS}.sm" in reply.page.options()


def test_other_first_posts_do_not(gateway: PpcGateway, connect: Connect) -> None:
    """Any other action without a session is an invalid session."""
    client = connect(gateway)
    client.challenge()
    assert client.post("swversions").content == "Invalide Session"
    assert gateway.open_sessions == 0
    assert client.post("exportLogData").text == "Invalide Session"


def test_one_session_per_gateway(
    client: HanClient, gateway: PpcGateway, connect: Connect
) -> None:
    """A second login gets a page without token and cookie until the logout."""
    second = connect(gateway)
    reply = second.login()
    assert reply.status == 200
    assert not second.cookie
    assert not reply.page.named("tkn")
    assert "abgemeldet" in client.post("logout").content
    assert gateway.open_sessions == 0
    second.raw("GET")
    assert second.cookie


def test_one_session_per_user(start: Start, connect: Connect) -> None:
    """Where sessions are per user, two users may be in at once."""
    users = {"feed": Account("pw", frozenset({HOUSE}), frozenset({"1-0:2.8.0"}))}
    gateway = start(users=users, rules=Rules(session_per_user=True))
    first, second = connect(gateway), connect(gateway, "feed", "pw")
    first.login()
    second.login()
    assert gateway.open_sessions == 2
    assert list(second.meters()) == [HOUSE]
    foreign = first.meters()[STAIRS]
    reply = second.post("showMeterProfile", mid=foreign)
    assert reply.content == "Unerlaubter Zugriff"
    reply = second.profile(HOUSE)
    assert reply.page.texts("table_metervalues_col_obis") == ["1-0:2.8.0"]
    second.cookie = first.cookie
    assert second.post("meterform").content == "Unerlaubter Zugriff"


def test_welcome_again(client: HanClient) -> None:
    """GET inside a session is the welcome page without a new cookie."""
    reply = client.raw("GET")
    assert reply.page.texts("headline_willkommen")
    assert "Set-Cookie" not in reply.headers


def test_idle_expiry(client: HanClient, gateway: PpcGateway) -> None:
    """After the idle time: the phrase, bare for exports."""
    gateway.clock.advance(timedelta(minutes=9))
    assert client.meters()
    gateway.clock.advance(timedelta(minutes=11))
    assert client.post("meterform").content == "Sitzung abgelaufen"
    assert client.post("exportLogData").text == "Sitzung abgelaufen"
    assert gateway.open_sessions == 0


def test_unknown_cookie(client: HanClient) -> None:
    """A cookie that never was is an invalid session."""
    client.cookie = "0" * 32
    assert client.post("meterform").content == "Invalide Session"


def test_mids_rotate(client: HanClient, gateway: PpcGateway) -> None:
    """New ids on each form page and at each login; old ones are foreign."""
    first = client.meters()
    second = client.meters()
    assert all(re.fullmatch("[0-9a-f]{32}", mid) for mid in first.values())
    assert not set(first.values()) & set(second.values())
    assert client.value_mid(HOUSE) not in {*first.values(), *second.values()}
    client.post("logout")
    client.cookie = ""
    client.login()
    reply = client.post("showMeterProfile", mid=first[HOUSE])
    assert reply.content == "Parameterfehler"


def test_wrong_ids(client: HanClient) -> None:
    """No id, a made-up one, one of another kind."""
    tid = next(iter(client.post("tariffform").page.options().values()))
    for mid in ("", "f" * 32, tid):
        assert client.post("showMeterProfile", mid=mid).content == "Parameterfehler"
    assert client.post("noSuchAction").content == "Parameterfehler"


def test_only_one_path(client: HanClient) -> None:
    """Everything else is 404, even with a session."""
    for path in ("/", "/index.html", f"{PATH}/x"):
        assert client.raw("GET", path=path).status == 404


def test_request_log(gateway: PpcGateway, connect: Connect) -> None:
    """Each request is recorded, the unanswered too."""
    client = connect(gateway)
    client.login()
    client.post("meterform")
    gateway.faults.add("drop_before_answer", times=1)
    with contextlib.suppress(OSError):
        client.post("log")
    seen = [(r.method, r.action, r.status, r.authenticated) for r in gateway.requests]
    assert seen == [
        ("GET", None, 401, False),
        ("GET", None, 200, True),
        ("POST", "meterform", 200, True),
        ("POST", "log", 0, True),
    ]
    assert gateway.requests[0].at == gateway.clock.now()
    gateway.clear_requests()
    assert gateway.requests == []


def test_lockout_by_default(gateway: PpcGateway, connect: Connect) -> None:
    """Five wrong passwords lock the portal, the right one too; it counts down."""
    wrong = connect(gateway, password="x")
    assert gateway.lockouts == 0
    statuses = [wrong.login().status for _ in range(6)]
    assert statuses == [401] * 5 + [200]
    assert gateway.lockouts == 1
    right = connect(gateway)
    assert (
        "für 5 Minuten und 0 Sekunden gesperrt"
        in right.login().page.texts("content")[0]
    )
    gateway.clock.advance(timedelta(seconds=23))
    assert "für 4 Minuten und 37 Sekunden gesperrt." in right.raw("GET").content
    gateway.clock.advance(timedelta(seconds=280))
    assert right.login().page.texts("headline_willkommen")
    assert gateway.failed_logins == 5
