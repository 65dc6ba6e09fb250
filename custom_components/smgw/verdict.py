"""What a checkup means for the owner: where it stops, why, and what to do.

Keys only; `texts` has the words.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from .checkup import Checkup, LoginCheckup
from .han import errors
from .han.doctor import (
    CLOCK_WRONG,
    NO_READINGS,
    OTHER_GATEWAY,
    STALE,
    Cause,
    Finding,
    Outcome,
    Step,
    Subnet,
    failure,
)
from .han.ids import gateway_id
from .han.model import Account, Credentials

WORKS = "works"
UNJUDGED = "unjudged"
"""The way is open, but there was no session to judge."""
OTHER_SUBNET = "other_subnet"
HAN_PORT_OFF = "han_port_off"

OWN_CAUSES = (
    OTHER_SUBNET,
    HAN_PORT_OFF,
    OTHER_GATEWAY,
    NO_READINGS,
    STALE,
    CLOCK_WRONG,
)
"""Causes that no error of the client has a text for."""

LETTERS = (
    HAN_PORT_OFF,
    NO_READINGS,
    STALE,
    CLOCK_WRONG,
    errors.LoginRefused.key,
    errors.NoMeterAssigned.key,
    errors.ContractsEnded.key,
    errors.ClientCertificateUnknown.key,
    errors.ClientCertificateRefused.key,
    errors.OldInterface.key,
    errors.RenegotiationRefused.key,
)
"""Causes that only the metering operator can mend."""

OTHER_PAIR = "other_pair"
HINTS = (
    "user_is_gateway",
    "user_is_id",
    "user_is_profile",
    "copied_along",
    OTHER_PAIR,
)
_REFUSALS = {
    kind.key
    for kind in (errors.WrongPassword, errors.LoginRefused, errors.LoginDropped)
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One cause, the first that stops the readings."""

    key: str
    """`works`, `unjudged`, one of `OWN_CAUSES`, or the key of an error."""
    step: Step | None = None
    """Where it stops; None if it does not."""
    login: str | None = None
    """Whose login it is, if there are several."""
    placeholders: Mapping[str, str | datetime] = field(default_factory=dict)
    hints: tuple[str, ...] = ()
    letter: bool = False
    """Whether the metering operator is to hear of it."""


def verdict(checkup: Checkup) -> Verdict:
    """Return the verdict on a checkup."""
    if found := failure(checkup.way):
        return _of_the_way(checkup, found)
    for login in checkup.logins:
        if found := failure(login.findings):
            return _of_a_login(checkup, login, found)
    newest = [
        finding.facts["newest"]
        for login in checkup.logins
        for finding in login.findings
        if finding.step is Step.FRESHNESS and finding.outcome is Outcome.OK
    ]
    if not newest:
        return Verdict(key=UNJUDGED)
    return Verdict(
        key=WORKS, placeholders={"newest": datetime.fromisoformat(max(newest))}
    )


def account_hints(account: Account, gateway: str) -> tuple[str, ...]:
    """Return what looks odd about an account; what people mix up, in field reports."""
    if not isinstance(account, Credentials):
        # Nothing of a certificate was typed.
        return ()
    user, secret = account.user, account.password
    odd = {
        "user_is_gateway": gateway_id(user) == gateway,
        "user_is_id": user.lower().endswith(".sm"),
        "user_is_profile": "|" in user,
        "copied_along": user != user.strip()
        or secret != secret.strip()
        or user.endswith(".")
        or secret.endswith("."),
    }
    return tuple(hint for hint, there in odd.items() if there)


def _of_the_way(checkup: Checkup, found: Finding) -> Verdict:
    cause = found.cause or Cause(key=UNJUDGED)
    key = cause.key
    where: dict[str, str | datetime] = {"address": str(checkup.config.address)}
    if key == errors.Unreachable.key:
        subnet = checkup.way[0].facts.get("subnet")
        if subnet == Subnet.OTHER:
            key = OTHER_SUBNET
            where["own"] = ", ".join(
                str(own) for own in checkup.own if not own.ip.is_loopback
            )
        elif subnet == Subnet.SAME:
            key = HAN_PORT_OFF
    return Verdict(
        key=key,
        step=found.step,
        placeholders={**cause.placeholders, **where},
        letter=key in LETTERS,
    )


def _of_a_login(checkup: Checkup, login: LoginCheckup, found: Finding) -> Verdict:
    cause = found.cause or Cause(key=UNJUDGED)
    refused = cause.key in _REFUSALS and isinstance(login.account, Credentials)
    odd = account_hints(login.account, checkup.config.gateway_id)
    return Verdict(
        key=cause.key,
        step=found.step,
        login=login.title if len(checkup.logins) > 1 else None,
        placeholders=cause.placeholders,
        hints=(odd or (OTHER_PAIR,)) if refused else (),
        # An account that looks odd is the owner's to correct first.
        letter=cause.key in LETTERS and not (refused and odd),
    )
