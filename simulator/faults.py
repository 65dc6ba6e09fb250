"""Named faults and firmware variants that can be switched at run time."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from threading import Lock
from typing import Any

from .clock import SimClock

type FaultRequest = str | tuple[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class FaultInfo:
    """One line of the fault table: what happens, parameters with defaults.

    A ``countable`` fault acts on single requests and takes two more
    parameters: ``times=N`` switches it off after N uses, ``action=NAME`` limits
    it to requests with that action ("" is one without; connections have none).
    """

    sentence: str
    params: Mapping[str, Any] = field(default_factory=dict)
    countable: bool = False


@dataclass(slots=True)
class ActiveFault:
    """A fault that is switched on, and since when (gateway's clock, UTC)."""

    name: str
    since: datetime
    params: dict[str, Any]

    def __getitem__(self, key: str) -> Any:
        """Return a parameter."""
        return self.params[key]


_WIRE: dict[str, FaultInfo] = {
    "hang_tcp": FaultInfo(
        "Accepts TCP and never starts the TLS handshake.", {"seconds": 3600}
    ),
    "tls_close": FaultInfo("Accepts TCP and closes before the TLS handshake."),
    "refuse_renegotiation_info": FaultInfo(
        "Ends the handshake (alert 47) of a client that offers renegotiation_info, "
        "as OpenSSL always does."
    ),
    "refuse_tls": FaultInfo(
        "Ends every handshake (alert 40), as without a curve or cipher suite in common."
    ),
    "refuse_server_name": FaultInfo(
        "Ends the handshake (alert 112) of a client that calls it by a name (SNI)."
    ),
    "drop_before_answer": FaultInfo("Reads the request and closes without an answer."),
    "drop_mid_answer": FaultInfo(
        "Closes in the middle of the body, short of Content-Length."
    ),
    "slow": FaultInfo("Waits before each answer.", {"seconds": 5.0}),
    "trickle": FaultInfo(
        "Sends endless single bytes, slowly, in place of the body.", {"seconds": 0.5}
    ),
    "big_page": FaultInfo("Pads the page with blanks to many megabytes.", {"mb": 10}),
    "gzip": FaultInfo("Compresses pages for clients that accept gzip."),
    "garbage": FaultInfo("Answers with random bytes that are not HTTP."),
    "garbage_body": FaultInfo("Answers HTTP 200 with random bytes as body."),
    "truncated": FaultInfo("Sends the first half of the page as if it were whole."),
    "empty_body": FaultInfo("Answers HTTP 200 with an empty body, headers kept."),
    "server_error": FaultInfo("Answers with an HTTP error status.", {"status": 500}),
    "busy": FaultInfo(
        "Answers that it has too much to do, and when to come back (Retry-After).",
        {"status": 503, "seconds": 120},
    ),
    "other_web_server": FaultInfo(
        "Another device sits at the address: a router's login page, no Digest."
    ),
    "redirect": FaultInfo(
        "Redirects every request (302) to another place.",
        {"to": "http://192.0.2.1/login.html"},
    ),
}
COMMON_FAULTS = {name: replace(info, countable=True) for name, info in _WIRE.items()}
# of gateways that talk JSON
BOX_FAULTS: Mapping[str, FaultInfo] = {
    **COMMON_FAULTS,
    # connection and certificate
    "certificate_swapped": FaultInfo("Shows another certificate, with another key."),
    "certificate_expired": FaultInfo("Shows a certificate whose validity has ended."),
    "idle_close": FaultInfo(
        "Closes a connection after few seconds without a request.", {"seconds": 2.0}
    ),
    "single_connection": FaultInfo(
        "Closes every further TCP connection while one is open."
    ),
    "overlap_drops": FaultInfo(
        "While two connections are open, requests on both get no answer."
    ),
    "nat_host": FaultInfo(
        "Sits behind a translated address: a Host header that is not the gateway's "
        "own address or name gets 400.",
        {"host": "192.168.1.200"},
    ),
    "close_each": FaultInfo("Closes the connection after each answer."),
    # login
    "digest_sha256": FaultInfo("Digest challenges with SHA-256, and checks that."),
    "digest_sha256_lie": FaultInfo(
        "Digest challenges with SHA-256, but checks MD5 (firmware bug)."
    ),
    "nonce_once": FaultInfo(
        "Each nonce serves one request; the next gets 401 with stale=true."
    ),
    "refuse_by_drop": FaultInfo(
        "A wrong password gets no answer: the connection is dropped."
    ),
    "refuse_by_hang": FaultInfo(
        "A wrong password gets no answer: the connection hangs."
    ),
    "refuse_by_empty_body": FaultInfo(
        "A wrong password gets HTTP 200 and an empty body."
    ),
    "refuse_403": FaultInfo("A wrong password gets HTTP 403."),
    "lockout": FaultInfo(
        "After wrong passwords in a row no connection is taken for a while.",
        {"after": 3, "seconds": 300.0},
    ),
    "overwhelmed": FaultInfo(
        "After too many requests in a minute no connection is taken for a while.",
        {"requests": 60, "seconds": 300.0},
    ),
    # time
    "clock_skew": FaultInfo("The gateway's clock is wrong.", {"seconds": 3600}),
    "clock_stands": FaultInfo("The gateway's clock, and all with it, stands still."),
    "dst_day": FaultInfo(
        "The gateway's yesterday was a day of 92 or 100 quarter hours.", {"slots": 92}
    ),
    # values
    "stale_values": FaultInfo(
        "Login and clock work, but values stand still since some hours.",
        {"age_hours": 0.0},
    ),
    "gap": FaultInfo(
        "The newest slots, as of switching on, are missing for good.", {"slots": 8}
    ),
    "not_valid": FaultInfo(
        "The newest reading and every n-th have the status 'value invalid'.",
        {"every": 10},
    ),
    "ptb_warning": FaultInfo("All readings have the status 'PTB warning'."),
    "clock_invalid": FaultInfo(
        "All readings have the status 'system time invalid' (secure state)."
    ),
    "fatal_status": FaultInfo("All readings have the status 'fatal error'."),
    "meter_status": FaultInfo(
        "The meter's half of the status lacks the identification bits.",
        {"word": "10229100"},
    ),
    "scaler": FaultInfo("Counting registers have another scaler.", {"value": -3}),
    "unit": FaultInfo("Counting registers have another unit code.", {"code": 26}),
    "signatures": FaultInfo("Readings carry a signature."),
    "meter_exchange": FaultInfo(
        "A meter is exchanged, once: new id, registers from zero, the old id is "
        "unknown (empty: the first electricity meter, the next number).",
        {"meter": "", "new": ""},
    ),
    "no_meters": FaultInfo("The login sees no meter."),
    "no_contracts": FaultInfo("The login sees no contract."),
    "no_values": FaultInfo("Lists of readings are empty: no value has come in yet."),
}


class FaultSet:
    """The faults that are on; set-like, changeable from any thread."""

    def __init__(
        self,
        known: Mapping[str, FaultInfo],
        clock: SimClock,
        faults: Iterable[FaultRequest] = (),
    ) -> None:
        """Start with ``faults``: names, ``name:key=value,...`` or (name, params)."""
        self.known = dict(known)
        self._clock = clock
        self._lock = Lock()
        self._active: dict[str, ActiveFault] = {}
        for fault in faults:
            if isinstance(fault, str):
                name, params = parse_fault(fault)
                self.add(name, **params)
            else:
                self.add(fault[0], **fault[1])

    def add(self, name: str, **params: Any) -> None:
        """Switch a fault on; parameters not given keep the table's values."""
        info = self.known.get(name)
        if info is None:
            raise ValueError(f"unknown fault {name!r}")
        allowed = {*info.params}
        if info.countable:
            allowed |= {"times", "action"}
        if unknown := sorted(set(params) - allowed):
            raise ValueError(f"fault {name!r} has no parameter {unknown[0]!r}")
        active = ActiveFault(name, self._clock.now(), {**info.params, **params})
        with self._lock:
            self._active[name] = active

    def discard(self, name: str) -> None:
        """Switch a fault off, on or not."""
        with self._lock:
            self._active.pop(name, None)

    def clear(self) -> None:
        """Switch all faults off."""
        with self._lock:
            self._active.clear()

    def get(self, name: str) -> ActiveFault | None:
        """Return the fault if it is on, without counting a use."""
        with self._lock:
            return self._active.get(name)

    def take(self, name: str, action: str | None = None) -> ActiveFault | None:
        """Return the fault if it is on for this action, and count the use."""
        with self._lock:
            fault = self._active.get(name)
            if fault is None:
                return None
            wanted = fault.params.get("action")
            if wanted is not None and wanted != (action or ""):
                return None
            if "times" in fault.params:
                fault.params["times"] -= 1
                if fault.params["times"] <= 0:
                    del self._active[name]
            return fault

    def __contains__(self, name: object) -> bool:
        """Tell whether a fault is on."""
        with self._lock:
            return name in self._active

    def __iter__(self) -> Iterator[str]:
        """Return the names that are on."""
        with self._lock:
            return iter(sorted(self._active))

    def __len__(self) -> int:
        """Return how many are on."""
        with self._lock:
            return len(self._active)


def parse_fault(text: str) -> tuple[str, dict[str, Any]]:
    """Split ``name`` or ``name:key=value,key=value``; numbers become numbers."""
    name, _, rest = text.partition(":")
    params: dict[str, Any] = {}
    for part in filter(None, rest.split(",")):
        key, separator, value = part.partition("=")
        if not separator:
            raise ValueError(f"fault {name!r}: expected key=value, got {part!r}")
        params[key.strip()] = _number(value.strip())
    return name.strip(), params


def _number(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
