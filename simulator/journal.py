"""The consumer log of gateways that talk JSON: numbered, oldest first."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from threading import Lock

FIRST = 100_000
KEPT = 20_000


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry; ``at`` aware UTC, whole seconds; texts are invented.

    ``level`` 1 informational, 2 warning, 3 error; ``maker`` wrote it, or the
    BSI's list of events has it.
    """

    index: int
    at: datetime
    level: int
    event: int
    good: bool
    maker: bool
    message: str


_USUAL = (
    (1, 16001, True, False, "Messwerte wurden an den Empfänger versendet."),
    (1, 16020, True, False, "Die Systemzeit wurde synchronisiert."),
    (2, 16031, True, False, "Die Abweichung der Systemzeit war größer als üblich."),
    (3, 16040, False, False, "Der Versand von Messwerten ist fehlgeschlagen."),
    (1, 19020, True, True, "Der Selbsttest wurde ohne Befund beendet."),
)


class Journal:
    """The entries of a gateway, changeable from any thread."""

    def __init__(self, seed: int, start: datetime, *, days: int = 60) -> None:
        """Fill in a past before ``start`` (aware UTC)."""
        self._lock = Lock()
        self._rng = Random(f"{seed}:journal")
        self._entries: list[Entry] = []
        self._next = FIRST
        at = start - timedelta(days=days)
        while at < start - timedelta(minutes=5):
            self.append(at, *self._usual())
            at += timedelta(seconds=self._rng.randint(10_000, 30_000))

    def append(
        self,
        at: datetime,
        level: int,
        event: int,
        good: bool,
        maker: bool,
        message: str,
    ) -> None:
        """Add an entry with the next number."""
        with self._lock:
            at = at.replace(microsecond=0)
            entry = Entry(self._next, at, level, event, good, maker, message)
            self._next += 1
            self._entries.append(entry)
            if len(self._entries) > KEPT:
                del self._entries[: KEPT // 10]

    def login(self, at: datetime) -> None:
        """Note a consumer's login."""
        self.append(at, 1, 16010, True, False, "Der Letztverbraucher ist angemeldet.")

    def failed_login(self, at: datetime) -> None:
        """Note a wrong password."""
        text = "Die Anmeldung eines Letztverbrauchers ist fehlgeschlagen."
        self.append(at, 2, 16011, False, False, text)

    def self_test(self, at: datetime) -> None:
        """Note the result of a self-test."""
        self.append(at, *_USUAL[-1])

    def boot(self, at: datetime) -> None:
        """Note a start (Theben's handbook: event THE.19013.0 at each start)."""
        text = "Das SMGW wurde gestartet. Aktive Sonderfunktionen: keine."
        self.append(at, 1, 19013, True, True, text)

    def lengthen(self, count: int) -> None:
        """Add older entries until there are so many."""
        with self._lock:
            oldest = self._entries[0] if self._entries else None
            while oldest is not None and len(self._entries) < count:
                at = oldest.at - timedelta(seconds=self._rng.randint(60, 900))
                oldest = Entry(oldest.index - 1, at, *self._usual())
                self._entries.insert(0, oldest)

    def entries(self) -> list[Entry]:
        """Return all entries, oldest first."""
        with self._lock:
            return list(self._entries)

    def _usual(self) -> tuple[int, int, bool, bool, str]:
        return self._rng.choices(_USUAL, (70, 20, 2, 3, 5))[0]
