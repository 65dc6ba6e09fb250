"""The table of all paths: what is served is what is described, because both come from here."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

ROOT = "/cls/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One method of one path."""

    name: str
    """Names who serves it; also the operation's id in the document."""
    method: str
    path: str
    """Below `ROOT`; `{id}` stands for one segment."""
    summary: str
    request: str | None = None
    """Schema of the body."""
    answer: str | None = None
    """Schema of the answer; None: it is described otherwise."""
    command: str | None = None
    """It is a write, and this is what the command is called in the ledger."""
    fields: frozenset[str] | None = None
    """Fields its body may have at the most; None: the command's own."""
    given: str | None = None
    """Where the `{id}` of a write goes in the command."""
    query: tuple[str, ...] = ()
    note: str | None = None
    """What the summary leaves open."""

    @property
    def is_write(self) -> bool:
        """Say whether it is a command."""
        return self.command is not None


def _get(name: str, path: str, summary: str, answer: str | None, *query: str) -> Route:
    return Route(
        name=name, method="GET", path=path, summary=summary, answer=answer, query=query
    )


def _write(
    method: str,
    name: str,
    path: str,
    summary: str,
    request: str,
    command: str,
    *,
    given: str | None = None,
    fields: frozenset[str] | None = None,
    note: str | None = None,
) -> Route:
    return Route(
        name=name,
        method=method,
        path=path,
        summary=summary,
        request=request,
        answer="Accepted",
        command=command,
        given=given,
        fields=fields,
        note=note,
    )


_NONE: frozenset[str] = frozenset()
_RELEASE = (
    "A command of its own, taken (202) also where there is nothing to end: over already, never there, "
    "or another participant's, which stays as it is. What it has ended stands in its history: `released`."
)
ROUTES: tuple[Route, ...] = (
    _get("root", "", "Who we are, who you are, what you may, what time it is", "Root"),
    _get("openapi", "/openapi.json", "This document", None),
    _get("things", "/things", "Devices granted as a whole", "Things"),
    _get("thing", "/things/{id}", "One device", "Thing"),
    _get("items", "/items", "Granted channels and their values", "Items"),
    _get("item", "/items/{id}", "One channel", "Item"),
    _write(
        "POST",
        "set_item",
        "/items/{id}/commands",
        "Set one item",
        "SetItem",
        "item",
        given="id",
    ),
    _write(
        "POST",
        "release_item",
        "/items/{id}/release",
        "End own commands of one item",
        "Nothing",
        "release",
        given="item",
        fields=_NONE,
        note=_RELEASE,
    ),
    _get("limits", "/limits", "Where the limits stand", "Limits"),
    _write(
        "POST",
        "set_limit",
        "/limits",
        "Limit consumption or production",
        "SetLimit",
        "limit",
    ),
    _write(
        "POST",
        "release_limits",
        "/limits/release",
        "End own limits and schedules of one direction",
        "ReleaseLimits",
        "release",
        fields=frozenset({"direction"}),
        note=_RELEASE,
    ),
    _get("commands", "/commands", "Own commands that are open", "Commands"),
    _get(
        "command",
        "/commands/{id}",
        "One command with its history and receipts",
        "Command",
    ),
    _write(
        "POST",
        "release_command",
        "/commands/{id}/release",
        "End one command",
        "Nothing",
        "release",
        given="transaction_id",
        fields=_NONE,
        note=_RELEASE,
    ),
    _write(
        "POST",
        "release_all",
        "/release",
        "End all own commands: back to normal",
        "Nothing",
        "release",
        fields=_NONE,
        note=_RELEASE,
    ),
    _get("schedules", "/schedules", "Own schedules", "Schedules"),
    _write(
        "PUT",
        "set_schedule",
        "/schedules",
        "Limits that change with time; takes the place of the own schedule of that direction",
        "Schedule",
        "schedule",
    ),
    _get("prices", "/prices", "The own price table", "PriceTables"),
    _write(
        "PUT",
        "set_prices",
        "/prices",
        "A price table; takes the place of the own one",
        "Prices",
        "prices",
    ),
    _write(
        "PUT",
        "set_failsafe",
        "/failsafe",
        "What applies when you fall silent",
        "SetFailsafe",
        "failsafe",
    ),
    Route(
        name="heartbeat",
        method="POST",
        path="/heartbeat",
        summary="A sign of life, and both clocks",
        request="Heartbeat",
        answer="HeartbeatAnswer",
    ),
    _get("events", "/events", "What happened, in order", "Events", "after", "wait"),
    _get("audit", "/audit", "Signed evidence", None, "from", "to"),
    _get("audit_head", "/audit/head", "Signed head of the evidence", None),
)


@dataclass(frozen=True, slots=True)
class Found:
    """What a path leads to."""

    routes: Mapping[str, Route]
    """By method; none: there is no such path."""
    given: str | None = None
    """The `{id}`."""


def find(raw_path: str) -> Found:
    """Return what serves a path, as it stands in the request line without its query."""
    segments = raw_path.split("/")
    for pattern, routes in _BY_PATH.items():
        given = _match(pattern, segments)
        if given is not None:
            return Found(routes, given[0] if given else None)
    return Found({})


def _match(pattern: tuple[str, ...], segments: list[str]) -> list[str] | None:
    if len(pattern) != len(segments):
        return None
    given = []
    for wanted, segment in zip(pattern, segments, strict=True):
        if wanted == "{id}" and segment:
            try:
                given.append(unquote(segment, errors="strict"))
            except UnicodeDecodeError:
                return None
        elif wanted != segment:
            return None
    return given


def _table() -> dict[tuple[str, ...], dict[str, Route]]:
    found: dict[tuple[str, ...], dict[str, Route]] = {}
    for route in ROUTES:
        pattern = tuple((ROOT + route.path).split("/"))
        found.setdefault(pattern, {})[route.method] = route
    # Fixed paths before those with an id.
    return dict(sorted(found.items(), key=lambda entry: "{id}" in entry[0]))


_BY_PATH = _table()
