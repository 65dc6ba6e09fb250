"""HTTP Digest as a gateway checks it (server side), stricter than the RFC.

qop=auth only; the hash covers the path. PPC gateways take MD5 only, and quoted
``qop``, ``nc`` or ``algorithm`` count as a malformed header (observed: the
gateway answers "Login falsch"). A nonce serves one session, with strictly
growing ``nc``.
"""

from dataclasses import dataclass, field
from enum import Enum
import hashlib
import hmac
import re
import secrets

from .http import Request

_PART = re.compile(r'\s*([A-Za-z]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))\s*(?:,|$)')
_BARE = ("qop", "nc", "algorithm")
_NEEDED = ("username", "realm", "nonce", "uri", "response", "qop", "nc", "cnonce")
_MAX_NONCES = 1000


class Verdict(Enum):
    """What the check of one request found."""

    MISSING = "missing"
    MALFORMED = "malformed"
    WRONG = "wrong"
    STALE = "stale"
    GOOD = "good"


@dataclass(slots=True)
class Nonce:
    """A challenge that was sent: last count seen, session it serves."""

    value: str
    count: int = 0
    session: str | None = None
    dead: bool = False


@dataclass(frozen=True, slots=True)
class Check:
    """The verdict, the user as sent, and the nonce if it is one of ours."""

    verdict: Verdict
    user: str = ""
    nonce: Nonce | None = None


@dataclass(slots=True)
class DigestGuard:
    """Issues challenges and checks answers.

    ``announces`` is the algorithm of the challenge, ``checks`` the one that the
    hash must have been made with; ``any_name``: which algorithm the answer
    names does not matter; ``with_query``: the hash covers path and query.
    ``lenient`` takes quotes where the RFC has none.
    """

    realm: str
    lenient: bool = False
    announces: str = "MD5"
    checks: str = "MD5"
    any_name: bool = False
    with_query: bool = False
    opaque: str = field(default_factory=lambda: secrets.token_hex(16))
    _nonces: dict[str, Nonce] = field(default_factory=dict)

    def challenge(self, *, stale: bool = False) -> str:
        """Return a WWW-Authenticate value with a new nonce."""
        nonce = Nonce(secrets.token_hex(16))
        self._nonces[nonce.value] = nonce
        while len(self._nonces) > _MAX_NONCES:
            del self._nonces[next(iter(self._nonces))]
        text = (
            f'Digest realm="{self.realm}", nonce="{nonce.value}", qop="auth", '
            f'algorithm={self.announces}, opaque="{self.opaque}"'
        )
        return text + ", stale=true" if stale else text

    def check(self, request: Request, passwords: dict[str, str]) -> Check:
        """Judge the Authorization header of a request."""
        header = request.header("authorization")
        if not header or not header.lower().startswith("digest "):
            return Check(Verdict.MISSING)
        parsed = parse_header(header[7:])
        if parsed is None:
            return Check(Verdict.MALFORMED)
        values, quoted = parsed
        user = values.get("username", "")
        if not self._well_formed(values, quoted):
            return Check(Verdict.MALFORMED, user)
        nonce = self._nonces.get(values["nonce"])
        password = passwords.get(user)
        if password is None or not self._right(values, request, password):
            return Check(Verdict.WRONG, user, nonce)
        count = int(values["nc"], 16)
        if nonce is None or nonce.dead or count <= nonce.count:
            return Check(Verdict.STALE, user, nonce)
        nonce.count = count
        return Check(Verdict.GOOD, user, nonce)

    def bind(self, nonce: Nonce, session: str) -> bool:
        """Give a nonce to a session; False if it already serves another."""
        if nonce.session not in (None, session):
            return False
        nonce.session = session
        return True

    def kill(self, session: str | None = None) -> None:
        """End the nonces of one session, or all of them."""
        for nonce in self._nonces.values():
            if session is None or nonce.session == session:
                nonce.dead = True

    def _well_formed(self, values: dict[str, str], quoted: set[str]) -> bool:
        if any(name not in values for name in _NEEDED) or values["qop"] != "auth":
            return False
        named = values.get("algorithm", "MD5").upper()
        if named not in _HASHES or not (self.any_name or named == self.checks):
            return False
        if not re.fullmatch("[0-9a-fA-F]{8}", values["nc"]):
            return False
        return self.lenient or not quoted.intersection(_BARE)

    def _right(self, values: dict[str, str], request: Request, password: str) -> bool:
        target = request.target if self.with_query else request.path
        if values["realm"] != self.realm or values["uri"] != target:
            return False
        expected = response(values, request.method, password, self.checks)
        return hmac.compare_digest(
            expected.encode(),
            values["response"].lower().encode("utf-8", "surrogateescape"),
        )


def parse_header(text: str) -> tuple[dict[str, str], set[str]] | None:
    """Return the fields by lower-case name, and which of them were quoted."""
    values: dict[str, str] = {}
    quoted: set[str] = set()
    position = 0
    while position < len(text):
        match = _PART.match(text, position)
        if match is None or match[1].lower() in values:
            return None
        name = match[1].lower()
        if match[2] is not None:
            quoted.add(name)
            values[name] = re.sub(r"\\(.)", r"\1", match[2])
        else:
            values[name] = match[3]
        position = match.end()
    return values, quoted


def response(
    values: dict[str, str], method: str, password: str, algorithm: str = "MD5"
) -> str:
    """Return the response hash that RFC 2617 and 7616 ask for (qop=auth)."""
    make = _HASHES[algorithm]
    first = make(f"{values['username']}:{values['realm']}:{password}")
    second = make(f"{method}:{values['uri']}")
    middle = ":".join(values[name] for name in ("nonce", "nc", "cnonce", "qop"))
    return make(f"{first}:{middle}:{second}")


def _md5(text: str) -> str:
    data = text.encode("utf-8", "surrogateescape")
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


_HASHES = {"MD5": _md5, "SHA-256": _sha256}
