"""Writes values to devices: each item's one after the other, beside everything else.

A result stays here until it is in the ledger, so that nothing is written a second time because its
outcome could not be written down.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
import logging

from .errors import EffectFailed
from .model import Value
from .ports import Because, Home
from .reasons import EffectReason
from .record import Key

_LOGGER = logging.getLogger(__name__)

type Name = Key | str
"""A command, or an item that the home itself writes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What to write."""

    value: Value | None
    """None: the item does not take the value any more."""
    because: Because
    token: object = None
    """Comes back with the result."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of it."""

    reason: EffectReason
    """`commanded`, `already_there`, or why it failed."""
    token: object = None

    @property
    def good(self) -> bool:
        """Say whether the item took the value."""
        return self.reason in (EffectReason.COMMANDED, EffectReason.ALREADY_THERE)


class Carrier:
    """The tasks that write."""

    def __init__(
        self,
        home: Home,
        settle: Callable[[], Awaitable[None]],
        again: Callable[[], None],
    ) -> None:
        """`settle` is called with each new result, `again` when a task is through."""
        self._home = home
        self._settle = settle
        self._again = again
        self._tasks: dict[Name, asyncio.Task[None]] = {}
        self._queues: dict[str, asyncio.Lock] = {}
        self._closed = False
        self.results: dict[Name, Result] = {}

    def begin(
        self,
        name: Name,
        item_id: str,
        patience: float,
        job: Callable[[], Job | None],
    ) -> None:
        """Write, unless this is under way. `job` is asked when it is the item's turn; None: no longer needed."""
        if self._closed or name in self._tasks or name in self.results:
            return
        work = self._write(name, item_id, patience, job)
        task = asyncio.Task(work, eager_start=True)
        self._tasks[name] = task
        task.add_done_callback(lambda _: self._done(name))

    async def close(self) -> None:
        """Stop; what is under way is found out about at the next start."""
        self._closed = True
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _done(self, name: Name) -> None:
        self._tasks.pop(name, None)
        if not self._closed:
            self._again()

    async def _write(
        self,
        name: Name,
        item_id: str,
        patience: float,
        job: Callable[[], Job | None],
    ) -> None:
        async with self._queues.setdefault(item_id, asyncio.Lock()):
            todo = job()
            if todo is None:
                return
            reason = await self._attempt(item_id, todo, patience)
            self.results[name] = Result(reason, todo.token)
        await self._settle()

    async def _attempt(self, item_id: str, job: Job, patience: float) -> EffectReason:
        if job.value is None:
            return EffectReason.UNABLE
        shown = self._home.read(item_id)
        if shown is not None and shown.value == job.value:
            return EffectReason.ALREADY_THERE
        try:
            async with asyncio.timeout(patience):
                await self._home.write(item_id, job.value, job.because)
        except EffectFailed as err:
            return err.reason
        except TimeoutError:
            return EffectReason.COMMUNICATION_FAILURE
        except Exception:
            _LOGGER.exception("Writing %s failed in an unknown way", item_id)
            return EffectReason.UNABLE
        return EffectReason.COMMANDED
