"""Who may come in: Digest, lockout, sessions."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from simulator.account import Account
from simulator.clients import expired
from simulator.clock import Deadline, SimClock
from simulator.digest import Check, DigestGuard, Nonce, Verdict
from simulator.faults import FaultSet
from simulator.http import Request, Response
from simulator.scenario import Scenario

from . import frame
from .logbook import Logbook
from .refusals import (
    EXPIRED,
    FORBIDDEN,
    INVALID_SESSION,
    LOGIN_WRONG,
    NOT_LOGGED_IN,
    PARAMETER,
    locked,
)
from .session import Session, SessionBook
from .view import Look

REALM = "SMGW"


class House(Protocol):
    """What the door needs of the gateway."""

    clock: SimClock
    faults: FaultSet
    users: dict[str, Account]
    certificate_users: dict[bytes, str]
    sessions: SessionBook
    logbook: Logbook
    scenario: Scenario

    def look(self) -> Look:
        """Return what the footer shows now."""
        ...


@dataclass(frozen=True, slots=True)
class Rules:
    """How many may be in, how long, and when the portal locks.

    One session for each user, or one for the gateway (which of them is not
    known); the idle time a session survives (real value unknown); the wrong
    logins in a row that lock the portal (unknown) and for how many seconds
    (observed on gateways: about five minutes).
    """

    session_per_user: bool = False
    session_idle: timedelta = timedelta(minutes=10)
    lockout_after: int = 5
    lockout_seconds: float = 300


@dataclass(frozen=True, slots=True)
class Passage:
    """Where a request may go: into a session, or away with a refusal."""

    session: Session | None = None
    refusal: Response | None = None
    authenticated: bool = False


class Door:
    """Judges each request before a page is made."""

    def __init__(self, house: House, rules: Rules) -> None:
        """Guard a house by its rules."""
        self.failed = 0
        self.lockouts = 0
        self._house = house
        self._rules = rules
        self._wrong = 0
        self._locked_until: datetime | None = None
        self._guard = DigestGuard(REALM)

    def pass_through(self, request: Request) -> Passage:
        """Return the request's session, opening one where that is allowed."""
        faults = self._house.faults
        user = self._house.certificate_users.get(request.client_der)
        if user in self._house.users and not expired(request.client_der):
            return self._known(request, Check(Verdict.GOOD, user))
        self._guard.lenient = "lenient_digest" in faults
        passwords = {name: a.password for name, a in self._house.users.items()}
        check = self._guard.check(request, passwords)
        match check.verdict:
            case Verdict.MISSING:
                return Passage(None, frame.challenge(self._guard.challenge()))
            case Verdict.MALFORMED:
                return self._refuse(LOGIN_WRONG)
        if (rest := self._locked_for()) > 0:
            good = check.verdict is Verdict.GOOD
            return self._refuse(locked(rest), authenticated=good)
        match check.verdict:
            case Verdict.WRONG:
                return self._wrong_password()
            case Verdict.STALE:
                return self._stale()
        self._wrong = 0
        if check.nonce is not None and "new_nonce_each_time" in faults:
            check.nonce.dead = True
        return self._known(request, check)

    def end(self, session: Session) -> None:
        """End a session and its nonces."""
        self._house.sessions.close(session.value)
        self._guard.kill(session.value)

    def end_all(self) -> None:
        """End everything (restart)."""
        self._house.sessions.close_all()
        self._guard.kill()

    def _known(self, request: Request, check: Check) -> Passage:
        """Handle a request with the right password."""
        form = request.form if request.method == "POST" else {}
        old = "v1_sessionid" in self._house.faults
        values = form if old else request.cookies
        value = values.get("sessionid" if old else "session", "")
        session = self._house.sessions.find(value) if value else None
        if session is None:
            return self._without_session(request, form, value, check)
        if session.user != check.user:
            return self._phrase(FORBIDDEN, form)
        nonce = check.nonce
        if nonce is not None and not self._guard.bind(nonce, session.value):
            return self._stale()
        if self._house.faults.take("session_expired_once", form.get("action")):
            self.end(session)
            return self._phrase(EXPIRED, form)
        enforced = "token_enforced" in self._house.faults
        if enforced and form and form.get("tkn") != session.token:
            return self._phrase(PARAMETER, form)
        return Passage(session, authenticated=True)

    def _without_session(
        self, request: Request, form: dict[str, str], value: str, check: Check
    ) -> Passage:
        if request.method == "POST":
            if value and self._house.sessions.was_open(value):
                return self._phrase(EXPIRED, form)
            if value or form.get("action") != "meterform":
                return self._phrase(INVALID_SESSION, form)
            if "get_first_only" in self._house.faults:
                return Passage(None, frame.blank(), authenticated=True)
        return self._log_in(check)

    def _log_in(self, check: Check) -> Passage:
        house = self._house
        if "portal_error" in house.faults:
            return self._refuse(NOT_LOGGED_IN, authenticated=True)
        if _serves_another(check.nonce):
            return self._stale()
        session = None
        if "session_in_use" not in house.faults:
            session = house.sessions.open(check.user)
        if session is None:
            return Passage(None, frame.bare(house.look(), ""), authenticated=True)
        if check.nonce is not None:
            self._guard.bind(check.nonce, session.value)
        if fault := house.faults.get("session_expires"):
            session.deadline = Deadline(house.clock, float(fault["after_s"]))
        house.logbook.login(house.clock.now(), house.scenario.consumer)
        return Passage(session, authenticated=True)

    def _wrong_password(self) -> Passage:
        house = self._house
        self.failed += 1
        self._wrong += 1
        house.logbook.failed_login(house.clock.now())
        fault = house.faults.get("lockout")
        after = int(fault["after"]) if fault else self._rules.lockout_after
        if self._wrong >= after:
            seconds = float(fault["seconds"]) if fault else self._rules.lockout_seconds
            self._locked_until = house.clock.now() + timedelta(seconds=seconds)
            self.lockouts += 1
            self._wrong = 0
        if "refuse_200" in house.faults:
            return self._refuse(NOT_LOGGED_IN)
        return Passage(None, frame.challenge(self._guard.challenge()))

    def _stale(self) -> Passage:
        if "old_nonce_blank" in self._house.faults:
            return Passage(None, frame.blank(), authenticated=True)
        return Passage(None, frame.challenge(self._guard.challenge(stale=True)))

    def _locked_for(self) -> float:
        now = self._house.clock.now()
        until = self._locked_until
        if fault := self._house.faults.get("locked"):
            until = fault.since + timedelta(seconds=float(fault["seconds"]))
        return 0 if until is None else (until - now).total_seconds()

    def _refuse(self, phrase: str, *, authenticated: bool = False) -> Passage:
        page = frame.login_refused(self._house.look(), phrase)
        return Passage(None, page, authenticated)

    def _phrase(self, phrase: str, form: Mapping[str, str]) -> Passage:
        """Refuse outside a session: a page, or for exports the bare phrase."""
        look = self._house.look()
        if form.get("action", "").startswith("export"):
            return Passage(None, frame.refusal_body(look, phrase), authenticated=True)
        return Passage(None, frame.bare(look, phrase), authenticated=True)


def _serves_another(nonce: Nonce | None) -> bool:
    return nonce is not None and nonce.session is not None
