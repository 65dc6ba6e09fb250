"""Who may come in to a gateway without sessions: TLS certificate or Digest."""

from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from .account import Account
from .clients import expired
from .clock import SimClock
from .digest import Check, DigestGuard, Verdict
from .faults import FaultSet
from .http import Request, Response
from .journal import Journal
from .server import Answer


class House(Protocol):
    """What the door needs of the gateway."""

    clock: SimClock
    faults: FaultSet
    users: dict[str, Account]
    certificate_users: dict[bytes, str]
    journal: Journal


@dataclass(frozen=True, slots=True)
class Passage:
    """The user that may pass, or the refusal."""

    user: str = ""
    refusal: Answer | None = None


class Door:
    """Judges each request by itself; counts logins and failures.

    A login is the first good use of a nonce, or the first request on a
    connection with a known client certificate.
    """

    def __init__(self, house: House, realm: str) -> None:
        """Guard a house."""
        self.logins = 0
        self.failed = 0
        self.lockouts = 0
        self._house = house
        self._guard = DigestGuard(realm, lenient=True, any_name=True, with_query=True)
        self._wrong = 0
        self._closed_until: datetime | None = None
        self._known_connections: set[int] = set()
        self._recent: deque[datetime] = deque()

    @property
    def open(self) -> bool:
        """Tell whether connections are taken at all."""
        until = self._closed_until
        return until is None or self._house.clock.now() >= until

    def enter(self, request: Request) -> Passage:
        """Return who may pass."""
        self._count()
        house = self._house
        user = house.certificate_users.get(request.client_der)
        if user in house.users and not expired(request.client_der):
            if request.connection not in self._known_connections:
                self._known_connections.add(request.connection)
                self._logged_in()
            return Passage(user)
        self._set_algorithms()
        passwords = {name: account.password for name, account in house.users.items()}
        check = self._guard.check(request, passwords)
        match check.verdict:
            case Verdict.MISSING | Verdict.MALFORMED:
                return Passage(refusal=Answer(self._challenge()))
            case Verdict.WRONG:
                return Passage(refusal=self._wrong_password())
            case Verdict.STALE:
                return Passage(refusal=Answer(self._challenge(stale=True)))
        return self._good(check)

    def _good(self, check: Check) -> Passage:
        self._wrong = 0
        if check.nonce is not None:
            if check.nonce.session is None:
                self._guard.bind(check.nonce, check.user)
                self._logged_in()
            elif check.nonce.session != check.user:
                return Passage(refusal=Answer(self._challenge(stale=True)))
            check.nonce.dead = "nonce_once" in self._house.faults
        return Passage(check.user)

    def _logged_in(self) -> None:
        self.logins += 1
        self._house.journal.login(self._house.clock.now())

    def _wrong_password(self) -> Answer:
        faults = self._house.faults
        self.failed += 1
        self._wrong += 1
        self._house.journal.failed_login(self._house.clock.now())
        fault = faults.get("lockout")
        if fault is not None and self._wrong >= int(fault["after"]):
            self._close(float(fault["seconds"]))
            return Answer(Response(), silence="drop")
        if "refuse_by_drop" in faults:
            return Answer(Response(), silence="drop")
        if "refuse_by_hang" in faults:
            return Answer(Response(), silence="hang")
        if "refuse_by_empty_body" in faults:
            return Answer(Response(200))
        if "refuse_403" in faults:
            return Answer(Response(403))
        return Answer(self._challenge())

    def _close(self, seconds: float) -> None:
        self.lockouts += 1
        self._wrong = 0
        self._closed_until = self._house.clock.now() + timedelta(seconds=seconds)

    def _count(self) -> None:
        fault = self._house.faults.get("overwhelmed")
        if fault is None:
            return
        now = self._house.clock.now()
        self._recent.append(now)
        while self._recent[0] < now - timedelta(minutes=1):
            self._recent.popleft()
        if len(self._recent) > int(fault["requests"]):
            self._recent.clear()
            self._close(float(fault["seconds"]))

    def _set_algorithms(self) -> None:
        faults = self._house.faults
        honest = "SHA-256" if "digest_sha256" in faults else "MD5"
        lie = "digest_sha256_lie" in faults
        self._guard.announces = "SHA-256" if lie else honest
        self._guard.checks = "MD5" if lie else honest

    def _challenge(self, *, stale: bool = False) -> Response:
        self._set_algorithms()
        header = ("WWW-Authenticate", self._guard.challenge(stale=stale))
        return Response(401, [header])
