"""The frame around each page: menu, content, footer."""

from simulator.clock import local_text
from simulator.http import Response

from .markup import HOSTILE, entities, finish, hidden, text
from .refusals import RefusedError, TooManyError
from .view import Download, Html, Look, View

PATH = "/cgi-bin/hanservice.cgi"
_HEAD = (
    "\r\n<!DOCTYPE HTML PUBLIC '-//W3C//DTD HTML 4.01 Transitional//EN'>\r\n"
    "<html><head><title>Smart Meter Gateway Customer Interface</title>\r\n"
    "<meta http-equiv='Cache-control' content='no-cache'>\r\n"
    "</head><body>\r\n"
)
_MENU = (
    ("zaehler", "meterform", "Zähler"),
    ("tarife", "tariffform", "Auswertungsprofile"),
    ("kommunikation", "commprofile", "Kommunikationsprofil"),
    ("logs", "log", "Logs"),
    ("versionen", "swversions", "Softwareversionen"),
    ("selbsttest", "selftest", "Selbsttest"),
    ("abmelden", "logout", "Abmelden"),
)
_HEADERS = [("X-Frame-Options", "DENY"), ("Cache-Control", "no-cache")]


def secrets_of(view: View) -> str:
    """Return the hidden fields that every form carries: tkn, V1 sessionid."""
    fields = hidden("tkn", view.token)
    if "v1_sessionid" in view.faults:
        fields = hidden("sessionid", view.session.value) + fields
    return fields


def form_open(view: View, name: str, action: str, form_id: str = "") -> str:
    """Return a form's start with its hidden fields; ``action`` comes first."""
    identity = f" id='{form_id}'" if form_id else ""
    return (
        f"<form{identity} name='{name}' method='post' action='{PATH}'>"
        + hidden("action", action)
        + secrets_of(view)
    )


def page(view: View, html: Html) -> Response:
    """Return a whole page of a session."""
    menu = "".join(
        form_open(view, "menu", action)
        + f"<input id='button_menu_{name}' type='submit' value='{label}'></form>\r\n"
        for name, action, label in _MENU
    )
    headline = f"<h2>{text(html.headline)}</h2>\r\n" if html.headline else ""
    body = (
        f"<div><div><h2>{text(view.look.gateway_id)}</h2></div>\r\n<div>{menu}</div>\r\n"
        f"<div></div>\r\n<div id='content' class='content'>{headline}{html.content}"
        f"</div></div>\r\n"
    )
    if "hostile_entities" in view.faults:
        body += f"<p>{HOSTILE}</p>"
    return _answer(finish(_HEAD + body + _footer(view.look), view.faults))


def bare(look: Look, content: str) -> Response:
    """Return a page without menu, token and ids (logged out, session in use)."""
    body = (
        "<div><div></div><div></div><div></div>"
        f"<div id='content' class='content'>{content}</div></div>\r\n"
    )
    return _answer(finish(_HEAD + body + _footer(look), look.faults))


def login_refused(look: Look, phrase: str) -> Response:
    """Return a login refusal: a block of its own, no menu, no footer."""
    body = (
        "<html><body><div id='content'><div><h1><center>Fehler</center></h1>"
        f"{text(phrase)}</div></div></body></html>"
    )
    return _answer(finish(body, look.faults))


def refusal_page(view: View, refusal: RefusedError) -> Response:
    """Return a page with a phrase as its content.

    "Too many" is the second text node of the content's inner division: there
    the vendor's transparency-software adapter looks for it.
    """
    phrase = text(refusal.phrase).replace("&#x27;", "'")
    if isinstance(refusal, TooManyError):
        phrase = f"<div><div>Fehler<br>{phrase}</div></div>"
    return page(view, Html(phrase))


def refusal_body(look: Look, phrase: str) -> Response:
    """Return an export's refusal: the bare phrase, entities as in pages."""
    raw = "raw_umlauts" in look.faults
    if not raw:
        phrase = entities(phrase, twice="double_entities" in look.faults)
    headers = [*_HEADERS, ("Content-Type", "text/html")]
    return Response(200, headers, phrase.encode())


def blank() -> Response:
    """Return HTTP 200 with a page that says nothing."""
    return _answer(b"\r\n<html><head></head><body></body></html>\r\n")


def download(item: Download) -> Response:
    """Return a file, or an empty body."""
    headers = [*_HEADERS, ("Content-Type", "application/octet-stream")]
    if item.filename:
        value = f'attachment; filename="{item.filename}"'
        headers.append(("Content-Disposition", value))
    return Response(item.status, headers, item.body)


def challenge(value: str) -> Response:
    """Return 401 with a Digest challenge."""
    headers = [*_HEADERS, ("Content-Type", "text/html"), ("WWW-Authenticate", value)]
    return Response(401, headers, b"<html><body>401 Unauthorized</body></html>\r\n")


def not_found() -> Response:
    """Return 404: there is only one path."""
    headers = [*_HEADERS, ("Content-Type", "text/html")]
    return Response(404, headers, b"<html><body>404 Not Found</body></html>\r\n")


def _footer(look: Look) -> str:
    return (
        f"<p id='div_fwversion'>{text(look.firmware)}</p>\r\n"
        f"<p id='div_timestamp'>{local_text(look.now)} "
        f"(Letzte Synchronisation: {look.sync})</p>\r\n"
        "</body></html>\r\n"
    )


def _answer(body: bytes) -> Response:
    return Response(200, [*_HEADERS, ("Content-Type", "text/html")], body)
