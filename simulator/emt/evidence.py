"""Checks receipts, heads and exports: written from docs/ledger.md, sharing no code.

Nothing here trusts the home: all is measured by the key id that the EMT registered.
"""

from dataclasses import dataclass, field
import hashlib
import json
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

from .canonical import canonical, sha256

_ZERO = "00" * 32


def key_id(point: str) -> str:
    """Return the id of a public key: SHA-256 of its 65 bytes; ValueError."""
    raw = bytes.fromhex(point)
    if len(raw) != 65 or raw[0] != 4:
        raise ValueError("no uncompressed point of P-256")
    return sha256(raw).hex()


def signed(purpose: str, content: Any, signature: str, point: str) -> bool:
    """Tell whether a signature over a content is of this key."""
    try:
        raw = bytes.fromhex(signature)
        if len(raw) != 64 or raw.hex() != signature:
            return False
        public = ec.EllipticCurvePublicKey.from_encoded_point(
            ec.SECP256R1(), bytes.fromhex(point)
        )
        der = utils.encode_dss_signature(
            int.from_bytes(raw[:32]), int.from_bytes(raw[32:])
        )
        message = f"smgw-{purpose}/1\n".encode() + canonical(content)
        public.verify(der, message, ec.ECDSA(hashes.SHA256()))
    except ValueError, InvalidSignature:
        return False
    return True


@dataclass(slots=True)
class Report:
    """What was checked and what is wrong; ``good`` if nothing is."""

    problems: list[str] = field(default_factory=list)
    rows: int = 0
    shown: int = 0
    receipts: int = 0
    heads: int = 0
    ledger: str = ""
    last: int = 0
    end: str = ""

    @property
    def good(self) -> bool:
        """Tell whether nothing is wrong."""
        return not self.problems

    def wrong(self, text: str) -> None:
        """Note a problem."""
        self.problems.append(text)

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return {
            "good": self.good,
            "problems": self.problems,
            "rows": self.rows,
            "shown": self.shown,
            "receipts": self.receipts,
            "heads": self.heads,
        }


def check_receipt(
    found: Any, points: dict[str, str], registered: str, *, ledger: str = ""
) -> list[str]:
    """Return what is wrong with ``{"receipt": …, "signature": …}``.

    ``points``: id to public key; ``registered``: the only key id that is believed;
    ``ledger``: the ledger it has to be of, if that is known.
    """
    try:
        receipt, signature = found["receipt"], found["signature"]
        key = receipt["key"]
    except KeyError, TypeError:
        return ["no receipt"]
    if key != registered:
        return ["signed with a key that was not registered"]
    if ledger and receipt.get("ledger") != ledger:
        return ["of another ledger"]
    point = points.get(key, "")
    try:
        known = point != "" and key_id(point) == key
    except ValueError:
        known = False
    if not known:
        return ["its key is not known"]
    if not signed("receipt", receipt, signature, point):
        return ["the signature is wrong"]
    return []


def check_export(text: str, registered: str) -> Report:
    """Check one export: chain, form, signatures in it, seal by the registered key."""
    report = Report()
    try:
        lines = _lines(text)
        header = _canonical(lines[0])
        seal = _canonical(lines[-1])
        points = {key_id(point): point for point in header["points"]}
        report.ledger = header["ledger"]
        _Chain(header, points, report).follow(lines[1:-1])
        _check_seal(text, lines[-1], header, seal, points, registered, report)
    except (KeyError, TypeError, ValueError, IndexError) as err:
        report.wrong(f"no export: {err}")
    return report


def holds(text: str, found: Any) -> str:
    """Return what an export says about a kept receipt: ``held``, ``absent``, ``other``."""
    lines = text.splitlines()
    header = json.loads(lines[0])
    place = found["receipt"]["seq"] + 1 - header["first"]
    if header["ledger"] != found["receipt"]["ledger"] or not (
        0 <= place <= header["last"] - header["first"]
    ):
        return "absent"
    body = lines[1 + place].partition(" ")[2]
    if body.startswith("-"):
        return "other"
    row = json.loads(body)
    same = row.get("kind") == "receipt" and row.get("data") == {
        "receipt": found["receipt"],
        "signature": found["signature"],
    }
    return "held" if same else "other"


class _Chain:
    """Follows the rows of an export."""

    def __init__(
        self, header: dict[str, Any], points: dict[str, str], report: Report
    ) -> None:
        self._points = points
        self._report = report
        self._first, self._last = int(header["first"]), int(header["last"])
        self._before = str(header["before"])
        self._at = ""
        if header["format"] != "smgw-ledger/1":
            report.wrong("another format")
        if self._first == 1 and self._before != _ZERO:
            report.wrong("the first row hangs on something")
        self._header = header

    def follow(self, lines: list[str]) -> None:
        """Check all rows."""
        if len(lines) != self._last - self._first + 1:
            self._report.wrong("another number of rows than the header says")
        for number, line in enumerate(lines, self._first):
            self._row(number, line)
        self._report.last, self._report.end = self._last, self._before

    def _row(self, number: int, line: str) -> None:
        told, _, body = line.partition(" ")
        hidden = body.startswith("-")
        digest = bytes.fromhex(body[1:]) if hidden else sha256(body.encode())
        value = sha256(bytes.fromhex(self._before) + digest).hex()
        if value != told:
            self._report.wrong(f"row {number}: the hash is wrong")
        self._report.rows += 1
        if not hidden:
            self._report.shown += 1
            self._body(number, body)
        self._before = value

    def _body(self, number: int, text: str) -> None:
        wrong = self._report.wrong
        row = _canonical(text)
        if row["seq"] != number:
            wrong(f"row {number}: says it is {row['seq']}")
        if row["at"] < self._at:
            wrong(f"row {number}: earlier than the row before")
        self._at = row["at"]
        kind = row["kind"]
        if kind not in ("head", "receipt"):
            return
        content, signature = row["data"][kind], row["data"]["signature"]
        if content["seq"] != number - 1 or content["hash"] != self._before:
            wrong(f"row {number}: the {kind} names another place")
        if content["ledger"] != self._header["ledger"]:
            wrong(f"row {number}: the {kind} is of another ledger")
        if not signed(kind, content, signature, self._points.get(content["key"], "")):
            wrong(f"row {number}: the signature of the {kind} is wrong")
        if kind == "head":
            self._report.heads += 1
        else:
            self._report.receipts += 1


def _check_seal(
    text: str,
    last: str,
    header: dict[str, Any],
    seal: dict[str, Any],
    points: dict[str, str],
    registered: str,
    report: Report,
) -> None:
    content = text[: len(text) - len(last) - 1].encode()
    if hashlib.sha256(content).hexdigest() != seal["sha256"]:
        report.wrong("the seal is of another content")
    point = points.get(header["key"], "")
    if not signed("export", {"sha256": seal["sha256"]}, seal["signature"], point):
        report.wrong("the signature of the seal is wrong")
    if header["key"] != registered:
        report.wrong("sealed with a key that was not registered")


def _lines(text: str) -> list[str]:
    if not text.endswith("\n"):
        raise ValueError("it does not end with a line")
    lines = text[:-1].split("\n")
    if len(lines) < 2:
        raise ValueError("header and seal are missing")
    return lines


def _canonical(text: str) -> dict[str, Any]:
    value = json.loads(text)
    if not isinstance(value, dict):
        raise TypeError("a line is no object")
    if canonical(value) != text.encode():
        raise ValueError("a line is not in canonical form")
    return value
