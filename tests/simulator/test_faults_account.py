"""Faults of accounts and sessions, as a client sees them."""

from datetime import timedelta

from .client import HanClient
from .conftest import STAIRS, Connect, Start

REFUSED = (
    "FehlerAnmeldung fehlgeschlagen."
    "Bitte schliessen Sie das Fenster und melden Sie sich erneut an."
)


def test_fault_refuse_200(start: Start, connect: Connect) -> None:
    """A wrong password: HTTP 200, the refusal page, no cookie."""
    gateway = start("refuse_200")
    client = connect(gateway, password="x")
    reply = client.login()
    assert reply.status == 200
    assert reply.content == REFUSED
    centers = [e.text for e in reply.page.elements if e.tag == "center"]
    assert centers == ["Fehler"]
    assert not client.cookie
    assert connect(gateway).login().page.texts("headline_willkommen")


def test_fault_portal_error(start: Start, connect: Connect) -> None:
    """The right password: the same page, no failed login is counted."""
    gateway = start("portal_error")
    client = connect(gateway)
    reply = client.login()
    assert reply.status == 200
    assert reply.content == REFUSED
    assert not client.cookie
    assert gateway.failed_logins == gateway.logins == 0
    gateway.faults.discard("portal_error")
    assert client.raw("GET").page.texts("headline_willkommen")


def test_fault_lockout(start: Start, connect: Connect) -> None:
    """Locks after fewer tries; ends by itself."""
    gateway = start(("lockout", {"after": 2, "seconds": 60}))
    wrong = connect(gateway, password="x")
    assert wrong.login().status == 401
    assert wrong.login().status == 401
    client = connect(gateway)
    assert "1 Minuten und 0 Sekunden gesperrt" in client.login().content
    gateway.clock.advance(timedelta(seconds=61))
    assert client.raw("GET").page.texts("headline_willkommen")


def test_fault_locked(start: Start, connect: Connect) -> None:
    """Locked from the start, counting down."""
    gateway = start("locked")
    client = connect(gateway)
    phrase = "Das Portal ist für 4 Minuten und 37 Sekunden gesperrt."
    assert phrase in client.login().content
    gateway.clock.advance(timedelta(seconds=278))
    assert client.raw("GET").page.texts("headline_willkommen")


def test_fault_session_in_use(start: Start, connect: Connect) -> None:
    """A page without token and cookie; the footer is there."""
    gateway = start("session_in_use")
    client = connect(gateway)
    reply = client.login()
    assert reply.status == 200
    assert reply.content == ""
    assert not client.cookie
    assert not reply.page.named("tkn")
    assert reply.page.texts("div_fwversion")
    assert gateway.open_sessions == gateway.failed_logins == 0


def test_fault_session_expires(start: Start, connect: Connect) -> None:
    """A session ends though it is used."""
    gateway = start(("session_expires", {"after_s": 60}))
    client = connect(gateway)
    client.login()
    gateway.clock.advance(timedelta(seconds=50))
    assert client.meters()
    gateway.clock.advance(timedelta(seconds=11))
    assert client.post("meterform").content == "Sitzung abgelaufen"


def test_fault_session_expired_once(start: Start, connect: Connect) -> None:
    """The next request finds it expired; a new login works."""
    gateway = start()
    client = connect(gateway)
    client.login()
    gateway.faults.add("session_expired_once", action="exportLogData")
    assert client.meters()
    assert client.post("exportLogData").text == "Sitzung abgelaufen"
    assert gateway.open_sessions == 0
    assert not len(gateway.faults)
    client.cookie = ""
    client.login()
    assert client.meters()


def test_fault_old_nonce_blank(start: Start, connect: Connect) -> None:
    """An old nonce gets a blank page with HTTP 200."""
    gateway = start("old_nonce_blank")
    client = connect(gateway)
    client.login()
    client.post("logout")
    client.cookie = ""
    reply = client.raw("GET")
    assert reply.status == 200
    assert "content" not in reply.text
    assert not client.cookie
    assert client.login().page.texts("headline_willkommen")


def test_fault_new_nonce_each_time(start: Start, connect: Connect) -> None:
    """A nonce serves one request; the session goes on with a new one."""
    client: HanClient = connect(start("new_nonce_each_time"))
    client.login()
    reply = client.post("meterform")
    assert reply.status == 401
    assert "stale=true" in reply.headers["WWW-Authenticate"]
    client.challenge()
    assert client.meters()


def test_fault_forbidden(start: Start, connect: Connect) -> None:
    """Meters of somebody else."""
    client = connect(start("forbidden"))
    client.login()
    mid = client.meters()[STAIRS]
    assert client.post("showMeterProfile", mid=mid).content == "Unerlaubter Zugriff"
    assert client.post("exportMeterProfile", mid=mid).text == "Unerlaubter Zugriff"


def test_fault_lenient_digest(start: Start, connect: Connect) -> None:
    """Quoted fields are let through."""
    client = connect(start("lenient_digest"))
    client.bare = ()
    assert client.login().page.texts("headline_willkommen")


def test_fault_get_first_only(start: Start, connect: Connect) -> None:
    """A first POST gets an odd page and no session; a GET logs in."""
    gateway = start("get_first_only")
    client = connect(gateway)
    client.challenge()
    reply = client.post("meterform")
    assert reply.status == 200
    assert not reply.page.options()
    assert not client.cookie
    client.raw("GET")
    assert client.meters()
