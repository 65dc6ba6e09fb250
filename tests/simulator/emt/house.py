"""A home with the API of docs/cls-api.md and the ledger of docs/ledger.md, as small as can be.

It exists to try the EMT: what it signs is right, or wrong in a way the test says.
"""

from datetime import UTC, datetime
import hashlib
import json
import secrets
from threading import RLock
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


def canonical(value: Any) -> bytes:
    """Return canonical JSON of values without odd characters."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


def moment() -> str:
    """Return now as the ledger writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Ledger:
    """Rows, hashes, signatures."""

    def __init__(self) -> None:
        """Begin with the row ``opened``."""
        self.key = ec.generate_private_key(ec.SECP256R1())
        raw = self.key.public_key().public_bytes(
            Encoding.X962, PublicFormat.UncompressedPoint
        )
        self.point = raw.hex()
        self.id = hashlib.sha256(raw).hexdigest()
        self.name = str(uuid4())
        self.rows: list[dict[str, Any]] = []
        self.hashes = ["00" * 32]
        self.hidden: set[int] = set()
        self.add("opened", ledger=self.name, format="smgw-ledger/1", point=self.point)

    def add(
        self, kind: str, *, about: tuple[str, str] | None = None, **data: Any
    ) -> dict[str, Any]:
        """Write a row; ``about``: participant and transaction."""
        row = {"seq": len(self.rows) + 1, "at": moment(), "clock": "system"}
        row |= {"kind": kind, "data": data, "salt": secrets.token_hex(8)}
        if about:
            row |= {"participant": about[0], "transaction": about[1]}
        self.rows.append(row)
        digest = hashlib.sha256(canonical(row)).digest()
        before = bytes.fromhex(self.hashes[-1])
        self.hashes.append(hashlib.sha256(before + digest).hexdigest())
        return row

    def sign(self, purpose: str, content: Any) -> str:
        """Sign as docs/ledger.md says."""
        message = f"smgw-{purpose}/1\n".encode() + canonical(content)
        der = self.key.sign(message, ec.ECDSA(hashes.SHA256()))
        r, s = utils.decode_dss_signature(der)
        return (r.to_bytes(32) + s.to_bytes(32)).hex()

    @property
    def place(self) -> dict[str, Any]:
        """Return where the next row hangs."""
        return {
            "ledger": self.name,
            "key": self.id,
            "seq": len(self.rows),
            "hash": self.hashes[-1],
        }

    def signed(self, kind: str, about: tuple[str, str] | None, **content: Any) -> None:
        """Write a row with a signed object: ``head`` or ``receipt``."""
        whole = {**content, **self.place}
        self.add(
            kind, about=about, **{kind: whole, "signature": self.sign(kind, whole)}
        )

    def export(self, first: int = 1) -> str:
        """Return an export from a row on; rows of others as digests."""
        header = {
            "format": "smgw-ledger/1",
            "ledger": self.name,
            "key": self.id,
            "points": [self.point],
            "first": first,
            "last": len(self.rows),
            "before": self.hashes[first - 1],
            "made": moment(),
            "participant": "netz",
        }
        lines = [canonical(header).decode()]
        for number in range(first, len(self.rows) + 1):
            body = canonical(self.rows[number - 1]).decode()
            if number in self.hidden:
                body = "-" + hashlib.sha256(body.encode()).hexdigest()
            lines.append(f"{self.hashes[number]} {body}")
        text = "\n".join(lines) + "\n"
        digest = hashlib.sha256(text.encode()).hexdigest()
        seal = {"sha256": digest, "signature": self.sign("export", {"sha256": digest})}
        return text + canonical(seal).decode() + "\n"


class House:
    """Answers requests; ``seen`` keeps them. Give ``handler`` to a device.

    So many questions for items as ``busy`` says come too soon.
    """

    def __init__(self, huid: str | None = "1EMH0012345678") -> None:
        """Open a ledger."""
        self.huid = huid
        self.ledger = Ledger()
        self.seen: list[tuple[str, str, dict[str, str], Any]] = []
        self.commands: dict[str, dict[str, Any]] = {}
        self.prices: list[Any] = []
        self.busy = 0
        self.refusal: tuple[int, str] | None = None
        self._lock = RLock()

    def handler(
        self, method: str, path: str, headers: dict[str, str], body: Any
    ) -> tuple[int, Any]:
        """Answer one request."""
        with self._lock:
            self.seen.append((method, path, headers, body))
            if self.busy and path == "/cls/v1/items":
                self.busy -= 1
                return 429, {"code": "too_many_requests"}
            parts = urlsplit(path)
            if method == "GET":
                return self._get(
                    parts.path.removeprefix("/cls/v1"), parse_qs(parts.query)
                )
            if path == "/cls/v1/heartbeat":
                return 200, {"clock": self._clock(), "ahead_ms": 0, "revision": 1}
            if self.refusal is not None:
                status, code = self.refusal
                return status, {"code": code, "where": "item.value", "status": status}
            return self._write(method, path.removeprefix("/cls/v1"), headers, body)

    def _get(self, path: str, query: dict[str, list[str]]) -> tuple[int, Any]:
        match path.split("/"):
            case [""]:
                return 200, self._root()
            case ["", "events"]:
                return 200, self._events(query.get("after", [""])[0])
            case ["", "items"]:
                return 200, {"items": [ITEM]}
            case ["", "items", "switch.boiler%2F1"]:
                return 200, ITEM
            case ["", ("things" | "schedules") as name]:
                return 200, {name: []}
            case ["", "prices"]:
                return 200, {"prices": self.prices}
            case ["", "limits"]:
                return 200, {
                    "limits": [{"direction": "consumption", "state": "limited"}]
                }
            case ["", "commands"]:
                return 200, {"commands": list(self.commands.values())}
            case ["", "commands", name] if name in self.commands:
                return 200, self.commands[name]
            case ["", "audit"]:
                return 200, self.ledger.export()
            case ["", "audit", "head"]:
                return 200, self.ledger.export(len(self.ledger.rows) + 1)
            case ["", "openapi.json"]:
                return 200, {"openapi": "3.1.0"}
        return 404, {"code": "not_found", "status": 404}

    def _root(self) -> dict[str, Any]:
        ledger = self.ledger
        return {
            "api": "cls/v1",
            "huid": self.huid,
            "participant": {
                "id": "netz",
                "name": "Netz",
                "role": "grid_operator",
                "tunnel": "out_socks",
            },
            "grants": [],
            "clock": self._clock(),
            "ledger": {
                "id": ledger.name,
                "key": ledger.id,
                "point": ledger.point,
                "newest": len(ledger.rows),
            },
        }

    @staticmethod
    def _clock() -> dict[str, Any]:
        return {"now": moment(), "source": "system", "offset_ms": 0}

    def _events(self, after: str) -> dict[str, Any]:
        rows = self.ledger.rows
        return {"events": rows[int(after) :] if after else [], "next": len(rows)}

    def _write(
        self, method: str, path: str, headers: dict[str, str], body: Any
    ) -> tuple[int, Any]:
        name = headers["transactionid"]
        if name in self.commands:
            return 202, self.commands[name]
        self.commands[name] = {
            "transaction_id": name,
            "state": "active",
            "verdict": "possible",
            "command": body,
        }
        self.ledger.add("received", about=("netz", name), command={"watts": "4200"})
        if path == "/prices":
            self.prices = [body]
        if path.endswith("/release"):
            for other in list(self.commands):
                self.end(other)
        return 202, self.commands[name]

    def end(self, name: str) -> None:
        """End a command and write its receipt."""
        with self._lock:
            if self.commands[name]["state"] != "active":
                return
            self.commands[name]["state"] = "released"
            about = ("netz", name)
            self.ledger.add("ended", about=about, reason="released", state="released")
            self.ledger.signed(
                "receipt", about, transaction=name, state="released", participant="netz"
            )


ITEM = {
    "id": "switch.boiler/1",
    "thing": None,
    "name": "<b>Boiler</b>",
    "kind": "switch",
    "access": "write",
    "unit": None,
    "low": None,
    "high": None,
    "options": None,
    "quality": "good",
    "value": True,
    "at": "2026-11-20T09:59:30.000000Z",
    "held": None,
}
