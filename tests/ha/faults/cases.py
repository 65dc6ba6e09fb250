"""How a fault is written down: one line for what the owner sees of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

# What a register's sensor shows. A time is TRUE of so long ago.
TRUE = "true"  # what the meter held at the newest slot; if it is read live, holds now
SLOT = "slot"  # what it held at the newest slot, although it is usually read live
NOW = "now"  # what it holds now, although it is usually read by slots
LAST = "last"  # what was shown before
UNKNOWN = "unknown"
UNAVAILABLE = "unavailable"
NOTHING = "nothing"  # there is no such sensor
type Word = str | timedelta
type Shown = Word | Mapping[str, Word]
# In a mapping of registers: all that are not named.
ELSE = "else"

# Steps of the set-up.
ADDRESS, CERTIFICATE, LOGIN = "user", "certificate", "login"

STAIRS_IMPORT = "1ESY0060178981 1-0:1.8.0"
HOUSE_IMPORT = "1EMH0012345678 1-0:1.8.0"
HOUSE_EXPORT = "1EMH0012345678 1-0:2.8.0"
HOUSE_HIGH = "1EMH0012345678 1-0:1.8.1"
HOUSE_LOW = "1EMH0012345678 1-0:1.8.2"

# Failures that cost no session: nothing forbids to try again soon.
_FREE = frozenset(
    {
        "tls_failed",
        "renegotiation_refused",
        "unreachable",
        "certificate_changed",
        "portal_locked",
    }
)


@dataclass(frozen=True, kw_only=True)
class Case:
    """A fault switch, and what the owner sees while it is on.

    Three tests take each case: the gateway has the fault when it is added; a loaded
    one gets it between two readings; Home Assistant starts while it lasts.
    """

    fault: str
    params: Mapping[str, Any] = field(default_factory=dict)
    also: tuple[str, ...] = ()
    """Switches without parameters that are on as well."""
    changed_password: bool = False
    """Whether the operator changes the password with it; in the set-up, whether the
    owner mistypes it."""

    since: str = ADDRESS
    """The step of the set-up that is the first one with the fault."""
    stops: tuple[str, str] | None = None
    """Step and error of the set-up; None if the gateway can be added."""
    at_first: Shown = TRUE
    """What is shown right after the gateway was added with the fault."""

    error: str | None = None
    """Why readings fail; None if they do not."""
    told: Mapping[str, str] = field(default_factory=dict)
    """Variables of the error's text."""
    shows: Shown = TRUE
    """What is shown after the first reading with the fault, if it does not fail."""
    later: Shown | None = None
    """The same after the second one, if it is not the same."""
    lasting: bool = False
    """Whether what is shown stays after the fault."""
    afterwards: Shown = TRUE
    """What is shown after the fault, if it does not stay."""
    healing: timedelta = timedelta(0)
    """How long after the fault's end a good reading may still show less."""

    captured: timedelta = timedelta(0)
    """How long after its slot a value is taken."""

    first_issues: frozenset[str] = frozenset()
    """Repair issues right after the gateway was added with the fault."""
    issues: frozenset[str] = frozenset()
    """Those from the first reading with it on."""
    more_issues: frozenset[str] = frozenset()
    """Those that come with the second reading."""
    in_time: frozenset[str] = frozenset()
    """All of them after half a day, if it is told more than after two readings."""
    at_start: str | None = None
    """Why a start fails, if for another reason than the reading of a loaded gateway."""
    refused: bool = False
    """Whether the owner is asked for the login, and nothing is sent without."""
    gives_up: bool = False
    """Whether the second failure in a row is taken for a refusal."""
    wrong_logins: int = 0
    """How often the gateway sees a wrong password in all."""
    sessions: int = 2
    """How often a reading logs in at most: one that expires may be opened again."""
    silent: bool = False
    """Whether not a single request reaches the gateway."""

    def __str__(self) -> str:
        """Return the name of the test."""
        given = ",".join(f"{key}={value}" for key, value in self.params.items())
        name = f"{self.fault}:{given}" if given else self.fault
        password = ("changed_password",) if self.changed_password else ()
        return "+".join((name, *self.also, *password))

    @property
    def slow(self) -> bool:
        """Say whether somebody has to lose patience."""
        slow = {"hang_tcp", "slow", "trickle", "refuse_by_hang"}
        return not slow.isdisjoint({self.fault, *self.also})

    @property
    def costs_session(self) -> bool:
        """Say whether a failed start makes the next one wait."""
        return (self.at_start or self.error) not in _FREE

    @property
    def start_issues(self) -> frozenset[str]:
        """Return the repair issues at a start."""
        if self.at_start is None:
            return self.issues
        return frozenset({self.at_start} & {"contracts_ended", "no_meter"})


def fine(fault: str, **params: Any) -> Case:
    """Return a case that the owner does not notice."""
    return Case(fault=fault, params=params)


def fails(
    fault: str, error: str, *, at: str = LOGIN, issue: str = "", **params: Any
) -> Case:
    """Return a case with one error for all: set-up, readings, start."""
    return Case(
        fault=fault,
        params=params,
        stops=(at, error),
        error=error,
        issues=frozenset({issue} - {""}),
    )


def silent_login(fault: str, **params: Any) -> Case:
    """Return a case of no answer to the login: forgiven once where it has worked."""
    case = fails(fault, "login_unanswered", **params)
    return replace(case, stops=(LOGIN, "login_dropped"), gives_up=True)


def shows(
    fault: str,
    shown: Shown,
    *,
    at_first: Shown | None = None,
    later: Shown | None = None,
    issue: str = "",
    in_time: str = "",
    **params: Any,
) -> Case:
    """Return a case whose readings do not fail, but show less; a new entry: nothing."""
    return Case(
        fault=fault,
        params=params,
        shows=shown,
        later=later,
        at_first=NOTHING if at_first is None else at_first,
        first_issues=frozenset({issue or _first_issue(at_first)} - {""}),
        issues=frozenset({issue} - {""}),
        in_time=frozenset({in_time} - {""}),
    )


def _first_issue(at_first: Shown | None) -> str:
    return "no_register" if at_first is None else ""
