"""The consumer log: a running number, a time, a message with blanks to fill.

Each login appends an entry (observed on gateways). The gateway keeps a number
of entries, not a span of time.
"""

from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from threading import Lock

KEEP = 5000


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One entry; ``at`` aware UTC; ``level`` INFO, WARNING, ERROR or FATAL.

    ``template`` holds ``[Placeholder]`` marks that ``values`` fill in order.
    """

    number: int
    at: datetime
    level: str
    event: int
    good: bool
    template: str
    values: tuple[str, ...] = ()

    @property
    def message(self) -> str:
        """Return the text with its blanks filled."""
        text = self.template
        for value in self.values:
            head, _, rest = text.partition("[")
            text = head + value + rest.partition("]")[2]
        return text


_OLD: tuple[tuple[str, int, bool, str, tuple[str, ...]], ...] = (
    ("INFO", 10021, True, "Die Systemzeit wurde synchronisiert.", ()),
    (
        "INFO",
        10105,
        True,
        "Die Daten des Auswertungsprofils [Profil] wurden an [Empfaenger] versendet.",
        ("TAF7", "emt1.sm"),
    ),
    ("INFO", 10021, True, "Die Systemzeit wurde synchronisiert.", ()),
    ("WARNING", 10041, True, "Das SMGW war zu lange stromlos.", ()),
    (
        "ERROR",
        10106,
        False,
        "Der Versand an [Empfaenger] ist fehlgeschlagen.",
        ("emt1.sm",),
    ),
)


class Logbook:
    """The entries, oldest first."""

    def __init__(self, seed: int, start: datetime) -> None:
        """Fill in a past of about a month before ``start``."""
        self._entries: deque[LogEntry] = deque(maxlen=KEEP)
        self._number = 1000
        self._lock = Lock()
        rng = Random(f"{seed}:log")
        at = start - timedelta(days=30)
        while at < start - timedelta(minutes=5):
            kind = rng.choices(_OLD, (60, 30, 20, 1, 3))[0]
            self.append(at, *kind)
            at += timedelta(seconds=rng.randint(7_000, 20_000))

    def append(
        self,
        at: datetime,
        level: str,
        event: int,
        good: bool,
        template: str,
        values: tuple[str, ...] = (),
    ) -> None:
        """Add an entry with the next number."""
        with self._lock:
            self._number += 1
            self._entries.append(
                LogEntry(
                    self._number,
                    at.replace(microsecond=0),
                    level,
                    event,
                    good,
                    template,
                    values,
                )
            )

    def login(self, at: datetime, consumer: str) -> None:
        """Note a consumer's login."""
        self.append(
            at,
            "INFO",
            10201,
            True,
            "Der Endbenutzer mit der ID [BenutzerID] hat sich auf dem SMGW eingeloggt",
            (f"{consumer}.sm",),
        )

    def failed_login(self, at: datetime) -> None:
        """Note a wrong password."""
        self.append(at, "WARNING", 10202, False, "Fehlgeschlagene Anmeldung", ())

    def restart(self, at: datetime) -> None:
        """Note a restart."""
        self.append(at, "INFO", 10001, True, "Das SMGW wurde gestartet.", ())

    def between(self, begin: datetime, end: datetime) -> list[LogEntry]:
        """Return the entries of a range (aware, inclusive), newest first."""
        with self._lock:
            found = [entry for entry in self._entries if begin <= entry.at <= end]
        return found[::-1]
