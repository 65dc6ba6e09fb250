"""A small client of its own: http.client, hand-made Digest, html.parser."""

from dataclasses import dataclass, field
import hashlib
from html.parser import HTMLParser
import http.client
from pathlib import Path
import secrets
import ssl
from urllib.parse import urlencode

from simulator.ppc import PpcGateway

PATH = "/cgi-bin/hanservice.cgi"


@dataclass
class Element:
    """An element with its text (children's text included)."""

    tag: str
    attrs: dict[str, str]
    text: str = ""


class Page(HTMLParser):
    """All elements of a page, in order."""

    VOID = frozenset({"input", "meta", "br", "link", "img"})

    def __init__(self, text: str) -> None:
        """Parse."""
        super().__init__(convert_charrefs=True)
        self.elements: list[Element] = []
        self._open: list[Element] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Open an element."""
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.elements.append(element)
        if tag not in self.VOID:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        """Close the innermost element of that name."""
        for position in reversed(range(len(self._open))):
            if self._open[position].tag == tag:
                del self._open[position:]
                return

    def handle_data(self, data: str) -> None:
        """Add text to all that is open."""
        for element in self._open:
            element.text += data

    def texts(self, element_id: str) -> list[str]:
        """Return the texts of all elements with an id."""
        return [e.text for e in self.elements if e.attrs.get("id") == element_id]

    def named(self, name: str) -> list[str]:
        """Return the values of all inputs with a name."""
        return [
            e.attrs.get("value", "")
            for e in self.elements
            if e.tag == "input" and e.attrs.get("name") == name
        ]

    def options(self) -> dict[str, str]:
        """Return option texts and values."""
        return {e.text: e.attrs["value"] for e in self.elements if e.tag == "option"}


@dataclass
class Reply:
    """An answer."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes
    _page: list[Page] = field(default_factory=list)

    @property
    def text(self) -> str:
        """Return the body as text."""
        return self.body.decode("utf-8", "replace")

    @property
    def page(self) -> Page:
        """Return the parsed page."""
        return Page(self.text)

    @property
    def content(self) -> str:
        """Return the text of the content element, blanks at the ends cut."""
        return (self.page.texts("content") or [""])[0].strip()


class HanClient:
    """One connection, one cookie, one nonce; everything can be bent by a test."""

    def __init__(
        self,
        gateway: PpcGateway,
        user: str = "",
        password: str = "",
        certificate: Path | None = None,
    ) -> None:
        """Use the gateway's own account unless told otherwise."""
        context = ssl.create_default_context(cadata=gateway.certificate_pem)
        context.check_hostname = False
        if certificate is not None:
            context.load_cert_chain(certificate)
        self.connection = http.client.HTTPSConnection(
            gateway.host, gateway.port, timeout=10, context=context
        )
        self.user = user or gateway.user
        self.password = password or gateway.password
        self.cookie = ""
        self.nonce = ""
        self.realm = ""
        self.count = 0
        self.bare: tuple[str, ...] = ("qop", "nc", "algorithm")
        self.uri = PATH

    def authorization(self, method: str) -> str:
        """Return a Digest header for the next count."""
        self.count += 1
        fields = {
            "username": self.user,
            "realm": self.realm,
            "nonce": self.nonce,
            "uri": self.uri,
            "qop": "auth",
            "nc": f"{self.count:08x}",
            "cnonce": secrets.token_hex(8),
            "algorithm": "MD5",
        }
        first = _md5(f"{self.user}:{self.realm}:{self.password}")
        second = _md5(f"{method}:{self.uri}")
        middle = ":".join(fields[key] for key in ("nonce", "nc", "cnonce", "qop"))
        fields["response"] = _md5(f"{first}:{middle}:{second}")
        parts = (
            f"{key}={value}" if key in self.bare else f'{key}="{value}"'
            for key, value in fields.items()
        )
        return "Digest " + ", ".join(parts)

    def raw(
        self, method: str, form: dict[str, str] | None = None, *, path: str = PATH
    ) -> Reply:
        """Send one request as things stand, no repeat after 401."""
        headers = {}
        if self.nonce:
            headers["Authorization"] = self.authorization(method)
        if self.cookie:
            headers["Cookie"] = f"session={self.cookie}"
        body = None
        if form is not None:
            body = urlencode(form)
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        self.connection.request(method, path, body, headers)
        response = self.connection.getresponse()
        reply = Reply(response.status, response.headers, response.read())
        cookie = reply.headers.get("Set-Cookie", "")
        if cookie.startswith("session="):
            self.cookie = cookie.removeprefix("session=").partition(";")[0]
        return reply

    def challenge(self) -> None:
        """Fetch a nonce."""
        self.nonce = ""
        text = self.raw("GET").headers["WWW-Authenticate"]
        values = dict(
            part.split("=", 1) for part in text.removeprefix("Digest ").split(", ")
        )
        self.nonce = values["nonce"].strip('"')
        self.realm = values["realm"].strip('"')
        self.count = 0

    def login(self) -> Reply:
        """Log in by GET."""
        self.challenge()
        return self.raw("GET")

    def post(self, action: str, **fields: str) -> Reply:
        """Send a form; ``from_`` becomes ``from``."""
        form = {key.rstrip("_"): value for key, value in fields.items()}
        return self.raw("POST", {"action": action, **form})

    def meters(self) -> dict[str, str]:
        """Return the meter list: device number to mid."""
        page = self.post("meterform").page
        return {name.split(".")[1]: mid for name, mid in page.options().items()}

    def profile(self, meter_id: str) -> Reply:
        """Return a meter's profile page."""
        return self.post("showMeterProfile", mid=self.meters()[meter_id])

    def value_mid(self, meter_id: str) -> str:
        """Return the mid of a meter's date form."""
        reply = self.post("showMeterValuesForm", mid=self.meters()[meter_id])
        return reply.page.named("mid")[-1]

    def values(self, meter_id: str, begin: str, end: str, **more: str) -> Reply:
        """Return a page of history."""
        mid = self.value_mid(meter_id)
        return self.post("showMeterValues", mid=mid, from_=begin, to=end, **more)


def column(reply: Reply, name: str) -> list[str]:
    """Return a column of the value table."""
    return reply.page.texts(f"table_metervalues_col_{name}")


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
