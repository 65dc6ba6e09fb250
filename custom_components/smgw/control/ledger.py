"""The ledger, seen from the event loop: evidence that shows any change made to it later.

All work on the file is done by one thread of its own. An `append` that returns is on disk; one
that is cancelled may be carried out all the same, so callers shield it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from functools import partial
import json
from pathlib import Path
from typing import Any

from . import archive, chain, export
from .canonical import Json
from .chain import Kind, Row
from .clock import Stamp
from .errors import LedgerUnavailable
from .export import Extract
from .lookup import OWN, Kept, Lookup
from .news import News
from .store import Batch, Store, failures

SLICE = 500
"""Rows read in one go: other work gets its turn in between."""
FOLD_EVERY, FOLD_AFTER = 100, 0.5
"""After so many transactions the log is folded into the file, so many seconds later: a command makes two or three."""


class Ledger:
    """One ledger file and the thread that owns it."""

    def __init__(self, store: Store) -> None:
        """Take a file that is not open yet."""
        self._store = store
        self._thread = ThreadPoolExecutor(1, "smgw-ledger")
        self.news = News()
        self._unfolded = 0
        """Transactions since the log was folded into the file."""
        self._folding: asyncio.TimerHandle | None = None
        self._closed = False

    async def open(self, stamp: Stamp) -> None:
        """Open or make the file. Raises LedgerUnavailable, LedgerDamaged, LedgerTooNew."""
        await self._run(self._store.open, stamp)
        self.news.unclear(self.newest)

    async def close(self) -> None:
        """Finish what was begun and close the file."""
        if self._closed:
            return
        self._closed = True
        if self._folding is not None:
            self._folding.cancel()
        closing = asyncio.get_running_loop().run_in_executor(
            self._thread, self._store.close
        )
        await closing
        self._thread.shutdown()

    @property
    def ledger_id(self) -> str:
        """Return the ledger's id, a UUID."""
        return self._store.pen.ledger_id

    @property
    def point(self) -> str:
        """Return the public key that participants register: P-256 point, hex."""
        return self._store.pen.signer.point

    @property
    def newest(self) -> int:
        """Return the number of the newest row."""
        return self._store.tail.seq

    @property
    def seen(self) -> datetime:
        """Return what the clock said when the newest row was written (UTC)."""
        return self._store.tail.read

    async def append(
        self, batch: Batch, meanwhile: Callable[[], None] | None = None
    ) -> list[Row]:
        """Write one transaction; raises LedgerUnavailable or AlreadyKept, and then nothing was written.

        `meanwhile` is called here while the disk is busy, and before this returns.
        """
        rows = await self._run(self._store.append, batch, _soon(meanwhile))
        self.news.added(batch.entries, rows)
        self._unfolded += 1
        if self._unfolded == FOLD_EVERY:
            loop = asyncio.get_running_loop()
            self._folding = loop.call_later(FOLD_AFTER, self._fold)
        return rows

    async def seal(self, stamp: Stamp) -> bool:
        """Sign the head of a day that has passed; True if there was one to sign."""
        if self._store.sealed(stamp):
            return False
        if signed := await self._run(self._store.seal, stamp):
            self.news.unclear(self.newest)
        return signed

    async def find(self, participant: str, command: str) -> Kept | None:
        """Return the state of one command, also of one that is over."""
        return await self._ask(lambda lookup: lookup.find(participant, command))

    async def open_commands(self) -> list[Kept]:
        """Return the commands that are not over."""
        return await self._ask(lambda lookup: lookup.open_commands())

    async def memory(self) -> dict[str, Any]:
        """Return what was to be remembered, by name."""
        found = await self._ask(lambda lookup: lookup.memory())
        return {name: value for name, value in found.items() if name != OWN}

    async def rows(
        self, after: int, most: int = SLICE, participant: str | None = None
    ) -> list[Mapping[str, Any]]:
        """Return bodies of rows in order, from the one after a number on.

        With a participant, only those that it may see.
        """
        if participant is None:
            found = await self._ask(lambda lookup: lookup.rows(after, most))
        else:
            found = await self._ask(
                lambda lookup: lookup.rows_seen(participant, after, most)
            )
        return [json.loads(row.body) for row in found]

    async def rows_of(self, participant: str, command: str) -> list[Mapping[str, Any]]:
        """Return bodies of one command's rows in order."""
        found = await self._ask(lambda lookup: lookup.rows_of(participant, command))
        return [json.loads(row.body) for row in found]

    async def receipts(self, participant: str, command: str) -> list[Mapping[str, Any]]:
        """Return a command's receipts, each with its signature."""
        rows = await self.rows_of(participant, command)
        return [row["data"] for row in rows if row["kind"] == Kind.RECEIPT]

    async def sign(self, purpose: str, content: dict[str, Json]) -> str:
        """Return a signature over content that leaves the ledger without a row."""
        return await self._run(self._store.pen.sign, purpose, content)

    async def check(self) -> int | None:
        """Follow the whole chain; return the number of the first row that does not fit.

        This trusts the file's own key. The independent check is script/verify_ledger, on an export.
        """
        before = await self._ask(lambda lookup: lookup.anchor())
        while rows := await self._ask(
            partial(Lookup.rows, after=before.seq, most=SLICE)
        ):
            broken = await self._run(chain.broken_at, before.hash, before.seq, rows)
            if broken is not None:
                return broken
            before = rows[-1]
        return None

    async def export(
        self,
        stamp: Stamp,
        since: datetime | None = None,
        until: datetime | None = None,
        participant: str | None = None,
    ) -> AsyncIterator[bytes]:
        """Yield an export in pieces; docs/ledger.md describes it.

        The span is widened to whole rows; with a participant, rows of others are shown as
        digests. What is written meanwhile is not in it.
        """
        extract = await self._ask(
            lambda _: export.extract(self._store, stamp, since, until, participant)
        )
        async for piece in self._pieces(extract):
            yield piece

    async def archive(
        self, before: datetime, folder: Path, stamp: Stamp
    ) -> Path | None:
        """Move rows older than a time, and than two years, into a file; None if there are none.

        The file is an export. It is complete on disk before a row is removed.
        """
        upto = await self._run(self._store.archivable, before)
        if upto is None:
            return None
        extract = await self._ask(lambda _: export.upto(self._store, stamp, upto))
        file = archive.File(folder, extract)
        await self._run(file.begin)
        async for piece in self._pieces(extract):
            await self._run(file.write, piece)
        data = await self._run(file.finish)
        await self._run(self._store.drop, upto, stamp, data)
        self.news.unclear(self.newest)
        return file.path

    async def steady(self, *, on: bool) -> None:
        """Keep the main file unchanged while it is copied by others; new rows go into its log.

        Any copy of both files made meanwhile is a whole ledger.
        """
        await self._run(self._store.hold_back, on)

    async def _pieces(self, extract: Extract) -> AsyncIterator[bytes]:
        yield extract.head()
        while not extract.complete:
            yield await self._ask(partial(extract.lines, most=SLICE))
        yield await self._run(extract.seal)

    def _fold(self) -> None:
        """Fold the log in beside everything else: in a transaction, that one would have to wait for it."""
        self._unfolded, self._folding = 0, None
        self._thread.submit(self._store.fold)

    async def _ask[T](self, question: Callable[[Lookup], T]) -> T:
        def answer() -> T:
            with failures():
                return question(self._store.lookup)

        return await self._run(answer)

    async def _run[*Ts, T](self, work: Callable[[*Ts], T], *args: *Ts) -> T:
        if self._closed:
            raise LedgerUnavailable("closed")
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, work, *args)


def _soon(work: Callable[[], None] | None) -> Callable[[], None] | None:
    """Return what has this done by the loop, for another thread to call."""
    if work is None:
        return None
    loop = asyncio.get_running_loop()

    def ask() -> None:
        # A loop that is over has nobody left who waits for it.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(work)

    return ask
