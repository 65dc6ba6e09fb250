"""For whom there is something new in the ledger, without a question to its file. Lives in the event loop."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from .chain import PUBLIC, Entry, Row


class News:
    """Knows the newest row that each participant may see, or a later one: never an earlier one."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self.newest = 0
        """Up to this row all is known."""
        self._for_all = 0
        self._own: dict[str, int] = {}
        self._waiting: set[tuple[str, asyncio.Event]] = set()

    def upto(self, participant: str) -> int:
        """Return the number of the newest row that a participant may see."""
        return max(self._for_all, self._own.get(participant, 0))

    def added(self, entries: Sequence[Entry], rows: Sequence[Row]) -> None:
        """Take rows that were written, with what they were made of."""
        if not rows:
            return
        first = min(self.newest + 1, rows[0].seq)
        if rows[0].seq > first:
            # A head before them, or what nobody has waited for.
            self._for_all = max(self._for_all, rows[0].seq - 1)
        for entry, row in zip(entries, rows, strict=True):
            if entry.kind in PUBLIC:
                self._for_all = max(self._for_all, row.seq)
            elif (whose := entry.participant) is not None:
                self._own[whose] = max(self._own.get(whose, 0), row.seq)
        self.newest = max(self.newest, rows[-1].seq)
        self._tell(first)

    def unclear(self, newest: int) -> None:
        """Note that rows up to a number may be for anybody."""
        if newest > self.newest:
            first, self.newest = self.newest + 1, newest
            self._for_all = newest
            self._tell(first)

    @contextmanager
    def following(self, participant: str) -> Iterator[asyncio.Event]:
        """Yield an event that is set with each new row that a participant may see."""
        waiting = participant, asyncio.Event()
        self._waiting.add(waiting)
        try:
            yield waiting[1]
        finally:
            self._waiting.discard(waiting)

    def _tell(self, first: int) -> None:
        for participant, event in self._waiting:
            if self.upto(participant) >= first:
                event.set()
