"""A home as the EMT knows it: its open tunnel, what it said, what it signed.

Methods are for threads other than the simulation's own; in an event loop use
``await asyncio.to_thread(home.limits)`` or the like. They raise ``ProblemError``
(the home refused), ``LostError`` (no tunnel, or it broke), ``TimeoutError``.
"""

from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from threading import Condition
import time
from typing import Any, Protocol

from simulator.clock import real_seconds

from . import calls
from .calls import Call, Quantity, Span
from .evidence import Report, check_export, check_receipt, holds
from .pipe import LostError
from .session import Session

_ENDED = ("released", "expired", "superseded", "failed", "unknown", "rejected")


class Runner(Protocol):
    """Runs a coroutine in the simulation's loop and returns what it returns."""

    def __call__[T](self, work: Coroutine[Any, Any, T], /) -> T:
        """Run it."""
        ...


@dataclass(slots=True)
class Receipt:
    """A receipt as it came, and what is wrong with it (empty: it is good)."""

    found: dict[str, Any]
    problems: list[str]

    @property
    def good(self) -> bool:
        """Tell whether the signature is of the registered key."""
        return not self.problems


@dataclass(slots=True)
class Home:
    """What one home has said to this EMT.

    ``key`` is the id of the ledger's key that was registered; the first one that
    is told counts, unless it was set before. ``news`` is notified of everything.
    """

    id: str
    run: Runner
    root: dict[str, Any]
    gateway: str
    news: Condition
    key: str = ""
    session: Session | None = None
    tunnels: int = 0
    heartbeats: int = 0
    next_event: int | None = None
    last_contact: datetime | None = None
    clock: dict[str, Any] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    receipts: dict[str, Receipt] = field(default_factory=dict)
    points: dict[str, str] = field(default_factory=dict)

    @property
    def ledger(self) -> str:
        """Return the id of the home's ledger."""
        return str(self.root["ledger"]["id"])

    @property
    def connected(self) -> bool:
        """Tell whether a tunnel is open."""
        return self.session is not None and not self.session.pipe.closed

    # the whole API

    async def ask(self, call: Call, seconds: float = 30) -> Any:
        """Send a call from within the simulation's loop."""
        session = self.session
        if session is None or session.pipe.closed:
            raise LostError("no tunnel is open")
        told = await session.do(call, seconds)
        self.last_contact = session.now()
        return told

    def do(self, call: Call, seconds: float = 30) -> Any:
        """Send any call; return the answer's JSON, or text."""
        return self.run(self.ask(call, seconds))

    def surely(self, call: Call, seconds: float = 60) -> Any:
        """Send a call until it is answered, over broken tunnels, always the same one."""
        if call.write and call.created is None and self.session is not None:
            call = replace(call, created=self.session.now())
        end = real_seconds() + seconds
        while True:
            try:
                return self.do(call)
            except LostError, TimeoutError:
                if real_seconds() > end:
                    raise
                time.sleep(0.1)

    def info(self) -> Any:
        """Ask who the home is and what this EMT may."""
        return self.do(calls.get())

    def openapi(self) -> Any:
        """Ask for the document for machines."""
        return self.do(calls.get("/openapi.json"))

    def things(self) -> Any:
        """Ask for the granted devices: a list."""
        return self.do(calls.get("/things"))["things"]

    def thing(self, name: str) -> Any:
        """Ask for one device."""
        return self.do(calls.thing(name))

    def items(self) -> Any:
        """Ask for the granted channels: a list."""
        return self.do(calls.get("/items"))["items"]

    def item(self, name: str) -> Any:
        """Ask for one channel."""
        return self.do(calls.item(name))

    def set(self, name: str, value: bool | Quantity, span: Span, unit: str = "") -> Any:
        """Set an item; return the acknowledgement (with ``transaction_id``)."""
        return self.do(calls.set_item(name, value, span, unit))

    def release_item(self, name: str) -> Any:
        """End our commands of an item."""
        return self.do(calls.release_item(name))

    def limits(self) -> Any:
        """Ask where the limits stand: a list."""
        return self.do(calls.get("/limits"))["limits"]

    def limit(
        self,
        watts: Quantity,
        span: Span,
        *,
        direction: str = "consumption",
        kind: str = "contract",
    ) -> Any:
        """Limit consumption or production; return the acknowledgement."""
        return self.do(calls.limit(direction, span, watts=watts, kind=kind))

    def release_limit(self, direction: str = "consumption") -> Any:
        """End our limits and schedules of a direction."""
        return self.do(calls.release_limit(direction))

    def commands(self) -> Any:
        """Ask for our open commands: a list."""
        return self.do(calls.get("/commands"))["commands"]

    def command(self, transaction: str) -> Any:
        """Ask what has become of a command."""
        return self.do(calls.command(transaction))

    def release(self, transaction: str = "") -> Any:
        """End one command, or all of ours."""
        call = calls.release_command(transaction) if transaction else None
        return self.do(call or calls.release_all())

    def schedule(
        self,
        slots: Iterable[tuple[datetime, datetime, Quantity]],
        *,
        direction: str = "consumption",
        kind: str = "contract",
    ) -> Any:
        """Put limits that change with time: begin, end, W."""
        return self.do(calls.schedule(direction, slots, kind))

    def schedules(self) -> Any:
        """Ask for our schedules: a list."""
        return self.do(calls.get("/schedules"))["schedules"]

    def put_prices(
        self,
        slots: Iterable[tuple[datetime, datetime, Quantity]],
        unit: str = "EUR/kWh",
    ) -> Any:
        """Put a price table: begin, end, price."""
        return self.do(calls.prices(slots, unit))

    def prices(self) -> Any:
        """Ask for our price tables: a list."""
        return self.do(calls.get("/prices"))["prices"]

    def failsafe(
        self,
        *,
        direction: str = "consumption",
        watts: Quantity | None = None,
        minimum: int | None = None,
    ) -> Any:
        """Say what holds in silence: W, and for how many seconds at least."""
        return self.do(calls.failsafe(direction, watts=watts, minimum=minimum))

    def heartbeat(self) -> Any:
        """Give a sign of life now."""
        return self.run(self.beat())

    async def beat(self) -> Any:
        """Give a sign of life from within the simulation's loop."""
        if self.session is None:
            raise LostError("no tunnel is open")
        told = await self.ask(calls.heartbeat(self.session.now()))
        self.clock = told["clock"]
        self.heartbeats += 1
        return told

    # evidence

    def audit(self, start: datetime | None = None, end: datetime | None = None) -> str:
        """Ask for the evidence of a time: an export."""
        return str(self.do(calls.audit(start, end)))

    def head(self) -> str:
        """Ask for the signed head: an export without rows."""
        return str(self.do(calls.get("/audit/head")))

    def verify(self, export: str | None = None) -> Report:
        """Check the evidence (asked for now, if none is given) and our receipts in it."""
        text = self.audit() if export is None else export
        report = check_export(text, self.key)
        if report.ledger and report.ledger != self.ledger:
            report.wrong("of another ledger")
        for transaction, receipt in self.receipts.items():
            report.problems += [
                f"receipt {transaction}: {problem}" for problem in receipt.problems
            ]
            if report.good and holds(text, receipt.found) == "other":
                report.wrong(f"receipt {transaction}: the ledger holds another one")
        return report

    def note(self, event: dict[str, Any]) -> None:
        """Keep an event; a receipt in it is checked."""
        with self.news:
            self.events.append(event)
            if event["kind"] == "receipt":
                self.keep(event["data"])
            self.news.notify_all()

    def keep(self, found: dict[str, Any]) -> Receipt:
        """Check and keep a receipt."""
        problems = check_receipt(found, self.points, self.key, ledger=self.ledger)
        receipt = Receipt(found, problems)
        told = found.get("receipt") or {}
        self.receipts[str(told.get("transaction"))] = receipt
        return receipt

    # waiting

    def wait_event(
        self,
        kind: str,
        *,
        transaction: str = "",
        having: Callable[[dict[str, Any]], bool] = lambda _: True,
        seconds: float = 30,
    ) -> dict[str, Any]:
        """Return the first such event, now or when it comes."""

        def meets(event: dict[str, Any]) -> bool:
            if event["kind"] != kind or not having(event):
                return False
            return transaction in ("", event.get("transaction"))

        with self.news:
            self._wait(lambda: any(map(meets, self.events)), seconds, kind)
            return next(filter(meets, self.events))

    def wait_receipt(self, transaction: str, seconds: float = 30) -> Receipt:
        """Return the receipt of a command when it has come as an event."""
        with self.news:
            self._wait(lambda: transaction in self.receipts, seconds, "receipt")
            return self.receipts[transaction]

    def wait_state(self, transaction: str, *states: str, seconds: float = 30) -> Any:
        """Return the command once it is in one of the states (none: once it is over)."""
        wanted = states or _ENDED
        end = real_seconds() + seconds
        while True:
            told = self.command(transaction)
            if told["state"] in wanted:
                return told
            if real_seconds() > end:
                raise TimeoutError(f"{transaction} is {told['state']}, not {wanted}")
            time.sleep(0.15)

    def _wait(self, there: Callable[[], bool], seconds: float, what: str) -> None:
        if not self.news.wait_for(there, seconds):
            raise TimeoutError(f"no {what} of {self.id} in {seconds} s")
