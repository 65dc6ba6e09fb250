"""What an EMT can ask of a home: requests of the CLS API ``cls/v1`` as plain data.

After docs/cls-api.md. Powers are W, times aware; a quantity may be a Decimal, an
int or a text.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote, urlencode
from uuid import uuid4

BASE = "/cls/v1"

type Quantity = Decimal | int | str
type Body = dict[str, Any]


def time_text(at: datetime) -> str:
    """Return a time as RFC 3339 in UTC, microseconds only if there are some."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class Call:
    """One request. A ``write`` has a transaction id, the same when it is repeated.

    ``created`` is set when it is first sent, unless it was given.
    """

    method: str
    path: str
    body: Body | None = None
    write: bool = False
    transaction: str = field(default_factory=lambda: str(uuid4()))
    initial: str = ""
    created: datetime | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """When a command holds: from now or ``start``; until a time, for so long, or open.

    Exactly one of ``until``, ``seconds`` and ``endless``.
    """

    until: datetime | None = None
    seconds: int | None = None
    endless: bool = False
    start: datetime | None = None

    def fields(self) -> Body:
        """Return the fields of a command."""
        if (self.until is None) + (self.seconds is None) + (not self.endless) != 2:
            raise ValueError("a command needs one end: until, seconds or endless")
        found: Body = {}
        if self.start is not None:
            found["from"] = time_text(self.start)
        if self.seconds is not None:
            found["duration_s"] = self.seconds
        else:
            found["until"] = None if self.until is None else time_text(self.until)
        return found


def get(path: str = "", **query: Any) -> Call:
    """Return a reading request below ``/cls/v1``; queries that are None are left out."""
    asked = urlencode({key: value for key, value in query.items() if value is not None})
    return Call("GET", f"{BASE}{path}{'?' if asked else ''}{asked}")


def item(name: str) -> Call:
    """Ask for one item."""
    return get(f"/items/{quote(name, safe='')}")


def thing(name: str) -> Call:
    """Ask for one device."""
    return get(f"/things/{quote(name, safe='')}")


def command(transaction: str) -> Call:
    """Ask what has become of a command."""
    return get(f"/commands/{quote(transaction, safe='')}")


def events(after: int | None, wait: int = 0) -> Call:
    """Ask for news behind a number, waiting for so many seconds at most."""
    return get("/events", after=after, wait=wait or None)


def audit(start: datetime | None = None, end: datetime | None = None) -> Call:
    """Ask for the evidence of a time."""
    first, last = (time_text(at) if at else None for at in (start, end))
    return get("/audit", **{"from": first, "to": last})


def heartbeat(now: datetime) -> Call:
    """Give a sign of life."""
    return Call("POST", f"{BASE}/heartbeat", {"time": time_text(now)})


def post(path: str, body: Body | None = None, method: str = "POST") -> Call:
    """Return a write below ``/cls/v1``."""
    return Call(method, f"{BASE}{path}", body, write=True)


def set_item(name: str, value: bool | Quantity, span: Span, unit: str = "") -> Call:
    """Set an item; a quantity with its unit."""
    body: Body = {
        "value": value if isinstance(value, bool) else str(value),
        **({"unit": unit} if unit else {}),
        **span.fields(),
    }
    return post(f"/items/{quote(name, safe='')}/commands", body)


def release_item(name: str) -> Call:
    """End the own commands of an item."""
    return post(f"/items/{quote(name, safe='')}/release")


def limit(
    direction: str,
    span: Span,
    *,
    watts: Quantity | None = None,
    percent: Quantity | None = None,
    kind: str = "contract",
) -> Call:
    """Limit ``consumption`` or ``production``, in W or in percent."""
    body: Body = {"direction": direction, "kind": kind, **span.fields()}
    if watts is not None:
        body["watts"] = str(watts)
    if percent is not None:
        body["percent"] = str(percent)
    return post("/limits", body)


def release_limit(direction: str) -> Call:
    """End the own limits and schedules of a direction."""
    return post("/limits/release", {"direction": direction})


def release_command(transaction: str) -> Call:
    """End one command."""
    return post(f"/commands/{quote(transaction, safe='')}/release")


def release_all() -> Call:
    """End all own commands."""
    return post("/release")


def _slots(
    slots: Iterable[tuple[datetime, datetime, Quantity]], name: str
) -> list[Mapping[str, str]]:
    return [
        {"from": time_text(start), "until": time_text(end), name: str(value)}
        for start, end, value in slots
    ]


def schedule(
    direction: str,
    slots: Iterable[tuple[datetime, datetime, Quantity]],
    kind: str = "contract",
) -> Call:
    """Put limits that change with time: begin, end (not included), W."""
    body: Body = {"direction": direction, "kind": kind}
    return post("/schedules", {**body, "slots": _slots(slots, "watts")}, "PUT")


def prices(
    slots: Iterable[tuple[datetime, datetime, Quantity]], unit: str = "EUR/kWh"
) -> Call:
    """Put a price table: begin, end (not included), price."""
    return post("/prices", {"unit": unit, "slots": _slots(slots, "price")}, "PUT")


def failsafe(
    direction: str, *, watts: Quantity | None = None, minimum: int | None = None
) -> Call:
    """Say what holds in silence: W, and for how many seconds at least."""
    body: Body = {"direction": direction}
    if watts is not None:
        body["watts"] = str(watts)
    if minimum is not None:
        body["minimum_s"] = minimum
    return post("/failsafe", body, "PUT")
