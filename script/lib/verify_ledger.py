"""Check an exported ledger, without any code of the integration.

This file is a program of its own: it needs Python 3.11 or newer and the package
`cryptography`, nothing else. The format is described in docs/ledger.md.

    verify_ledger.py EXPORT... [--key ID] [--receipt FILE...]

Several files are one ledger: archive files in their order, then the newest export.
Exit code 0: nothing was changed. 1: something was. 2: the question could not be asked.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
import json
import os
from pathlib import Path
import re
import sys
from typing import Any, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

FORMAT = "smgw-ledger/1"
HASH = re.compile(rb"[0-9a-f]{64}")
POINT = re.compile(r"04[0-9a-f]{128}")
SIGNATURE = re.compile(r"[0-9a-f]{128}")
HEADER = {"format", "ledger", "first", "last", "before", "made", "key", "points"}
SEAL = {"sha256", "signature"}
ROW = {"seq", "at", "clock", "kind", "data", "salt"}
ROW_MAY = {"offset", "behind", "participant", "transaction"}
PART = 500
"""Signatures that go to another process together."""
MOST_PROCESSES = 4


class Tampered(Exception):
    """Something does not fit; the text says what and where."""


@dataclass
class Ledger:
    """What was seen of one ledger, file after file."""

    ledger: str = ""
    seq: int = 0
    hash: bytes = b""
    at: str = ""
    keys: dict[str, bytes] = field(default_factory=dict)
    """Points by key id."""
    rows: int = 0
    hidden: int = 0
    heads: int = 0
    sealed_by: set[str] = field(default_factory=set)
    receipts: dict[str, bytes] = field(default_factory=dict)
    """Signed receipts by signature, as the ledger has them."""
    spans: list[tuple[int, int]] = field(default_factory=list)


@dataclass(frozen=True)
class Signature:
    """One that is to be checked."""

    where: str
    point: bytes
    signature: str
    message: bytes


class Checks:
    """Checks many signatures, on other processors if there are any, while rows are read here."""

    def __init__(self) -> None:
        """Begin with none."""
        self._waiting: list[Signature] = []
        self._parts: list[Future[str | None]] = []
        self._pool: Executor | None = None

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(self, *_: object) -> None:
        """Leave nothing running."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def add(self, signature: Signature) -> None:
        """Take one. Raises Tampered, perhaps for one before."""
        self._waiting.append(signature)
        if len(self._waiting) == PART:
            part, self._waiting = self._waiting, []
            self._begin(part)

    def finish(self) -> None:
        """Wait for all. Raises Tampered for the first that is wrong."""
        wrong = [part.result() for part in self._parts]
        wrong.append(first_wrong(self._waiting))
        self._parts, self._waiting = [], []
        for where in filter(None, wrong):
            raise Tampered(f"{where}: the signature is wrong")

    def _begin(self, part: list[Signature]) -> None:
        if self._pool is None and (processors := os.cpu_count() or 1) > 1:
            self._pool = ProcessPoolExecutor(min(processors - 1, MOST_PROCESSES))
        if self._pool is not None:
            self._parts.append(self._pool.submit(first_wrong, part))
        elif where := first_wrong(part):
            raise Tampered(f"{where}: the signature is wrong")


def first_wrong(signatures: list[Signature]) -> str | None:
    """Return where the first wrong signature stands."""
    for each in signatures:
        pair = int(each.signature[:64], 16), int(each.signature[64:], 16)
        try:
            _public(each.point).verify(
                encode_dss_signature(*pair), each.message, _ALGORITHM
            )
        except InvalidSignature:
            return each.where
    return None


def verify(files: list[Path], key: str | None = None) -> Ledger:
    """Return what the files hold, signed with a known key. Raises Tampered, OSError."""
    ledger = Ledger()
    for file in files:
        try:
            with Checks() as checks:
                _verify_file(ledger, file.read_bytes(), checks)
                checks.finish()
        except Tampered as err:
            raise Tampered(f"{file.name}: {err}") from err
        except (KeyError, TypeError, AttributeError) as err:
            raise Tampered(f"{file.name}: another shape than described") from err
    if key is not None and ledger.sealed_by != {key.lower()}:
        raise Tampered("signed with another key than the one you know")
    return ledger


def verify_receipt(ledger: Ledger, text: bytes) -> str:
    """Check a receipt that somebody kept against a ledger; return what was found out."""
    kept = _object(text.strip(), SEAL - {"sha256"} | {"receipt"}, "receipt")
    receipt = kept["receipt"]
    if not isinstance(receipt, dict):
        raise Tampered("the receipt is no receipt")
    signed = _canonical(receipt)
    with Checks() as checks:
        stated = receipt.get("key"), kept["signature"]
        checks.add(_signature(ledger, *stated, "receipt", signed, "receipt"))
        checks.finish()
    if receipt.get("ledger") != ledger.ledger:
        raise Tampered("the receipt is of another ledger")
    seq = receipt.get("seq")
    if not isinstance(seq, int) or not any(a <= seq < b for a, b in ledger.spans):
        return "signature good; the files do not cover it"
    if ledger.receipts.get(kept["signature"]) != signed:
        raise Tampered(f"the ledger no longer has this receipt (row {seq + 1})")
    return "signature good, and the ledger has it"


def _verify_file(ledger: Ledger, content: bytes, checks: Checks) -> None:
    lines = content.split(b"\n")
    if len(lines) < 3 or lines[-1]:
        raise Tampered("cut off")
    header = _object(lines[0], HEADER, "header", may={"participant"})
    sealed = len(content) - len(lines[-2]) - 1
    _read_header(ledger, header)
    first, number = ledger.seq + 1, len(lines) - 3
    if number != header["last"] - ledger.seq:
        raise Tampered("rows are missing, or there are too many")
    for line in lines[1:-2]:
        _read_row(ledger, line, checks)
    ledger.spans.append((first, ledger.seq))
    seal = _object(lines[-2], SEAL, "seal")
    digest = sha256(memoryview(content)[:sealed]).hexdigest()
    if seal["sha256"] != digest:
        raise Tampered("the seal is of another content")
    signed = _canonical({"sha256": digest})
    stated = header["key"], seal["signature"]
    checks.add(_signature(ledger, *stated, "export", signed, "seal"))
    ledger.sealed_by.add(header["key"])


def _read_header(ledger: Ledger, header: dict[str, Any]) -> None:
    first, before, points = header["first"], header["before"], header["points"]
    if header["format"] != FORMAT:
        raise Tampered("another format")
    if type(first) is not int or type(header["last"]) is not int or first < 1:
        raise Tampered("header: row numbers")
    if not isinstance(before, str) or not HASH.fullmatch(before.encode()):
        raise Tampered("header: hash before")
    if ledger.ledger:
        if header["ledger"] != ledger.ledger:
            raise Tampered("another ledger")
        if first != ledger.seq + 1 or bytes.fromhex(before) != ledger.hash:
            raise Tampered("it does not follow the file before it")
    elif first == 1 and before != "00" * 32:
        raise Tampered("header: a first row hangs on nothing")
    ledger.ledger = header["ledger"]
    ledger.seq, ledger.hash = first - 1, bytes.fromhex(before)
    if not isinstance(points, list):
        raise Tampered("header: keys")
    for point in points:
        _learn(ledger, point)


def _read_row(ledger: Ledger, line: bytes, checks: Checks) -> None:
    seq = ledger.seq + 1
    stated, blank, body = line[:64], line[64:65], line[65:]
    hidden = body[:1] == b"-"
    if hidden and not HASH.fullmatch(body[1:]):
        raise Tampered(f"row {seq}: no digest")
    digest = bytes.fromhex(body[1:].decode()) if hidden else sha256(body).digest()
    found = sha256(ledger.hash + digest).digest()
    if found.hex().encode() != stated or blank != b" ":
        raise Tampered(f"row {seq}: changed, or not the one that was there")
    if hidden:
        ledger.hidden += 1
    else:
        _read_body(ledger, seq, body, checks)
    ledger.seq, ledger.hash = seq, found
    ledger.rows += 1


def _read_body(ledger: Ledger, seq: int, text: bytes, checks: Checks) -> None:
    body = _object(text, ROW, f"row {seq}", may=ROW_MAY)
    if body["seq"] != seq:
        raise Tampered(f"row {seq}: says it is another row")
    if not isinstance(body["at"], str) or body["at"] < ledger.at:
        raise Tampered(f"row {seq}: time goes back")
    ledger.at = body["at"]
    kind, data = body["kind"], body["data"]
    if kind in ("opened", "key"):
        _learn(ledger, data["point"])
    elif kind in ("head", "receipt"):
        stated = data[kind]
        place = stated["seq"]
        if place != seq - 1 or stated["hash"] != ledger.hash.hex():
            raise Tampered(f"row {seq}: a {kind} that stands elsewhere")
        if stated["ledger"] != ledger.ledger:
            raise Tampered(f"row {seq}: of another ledger")
        signed = _canonical(stated)
        key, signature = stated["key"], data["signature"]
        checks.add(_signature(ledger, key, signature, kind, signed, f"row {seq}"))
        if kind == "head":
            ledger.heads += 1
        else:
            ledger.receipts[data["signature"]] = signed


def _learn(ledger: Ledger, point: object) -> None:
    if not isinstance(point, str) or not POINT.fullmatch(point):
        raise Tampered("a key is no key")
    raw = bytes.fromhex(point)
    name = sha256(raw).hexdigest()
    if name not in ledger.keys:
        try:
            _public(raw)
        except ValueError as err:
            raise Tampered("a key is no key") from err
        ledger.keys[name] = raw


_ALGORITHM = ECDSA(SHA256())


@cache
def _public(point: bytes) -> EllipticCurvePublicKey:
    return EllipticCurvePublicKey.from_encoded_point(SECP256R1(), point)


def _signature(
    ledger: Ledger,
    key: object,
    signature: object,
    purpose: str,
    signed: bytes,
    where: str,
) -> Signature:
    """Return what is to be checked, once it has the right form. Raises Tampered."""
    if not isinstance(signature, str) or not SIGNATURE.fullmatch(signature):
        raise Tampered(f"{where}: no signature")
    point = ledger.keys.get(key) if isinstance(key, str) else None
    if point is None:
        raise Tampered(f"{where}: an unknown key")
    message = f"smgw-{purpose}/1\n".encode() + signed
    return Signature(where, point, signature, message)


def _object(
    text: bytes, must: set[str], where: str, may: set[str] | None = None
) -> dict[str, Any]:
    """Return an object that is written as the format asks, with the fields it should have."""
    try:
        written = text.decode()
        value, _ = _decode(written)
        canonical = _encode(value)
    except (ValueError, RecursionError) as err:
        raise Tampered(f"{where}: unreadable") from err
    if canonical != written or not isinstance(value, dict):
        raise Tampered(f"{where}: not in canonical form")
    if not must <= value.keys() <= must | (may or set()):
        raise Tampered(f"{where}: other fields than it should have")
    return value


_decode = json.JSONDecoder().raw_decode
_encode = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")
).encode


def _canonical(value: object) -> bytes:
    return _encode(value).encode()


def _report(ledger: Ledger, pinned: str | None) -> Iterator[str]:
    yield f"ledger      {ledger.ledger}"
    yield f"rows        {ledger.rows} ({ledger.hidden} shown as digests only), up to {ledger.seq}"
    yield f"heads       {ledger.heads}, receipts {len(ledger.receipts)}, all signatures good"
    for key in sorted(ledger.sealed_by):
        yield f"signed by   {key}"
    if pinned is None:
        yield "The key was not compared with one you know: state it with --key."


def main() -> int:
    """Check and report."""
    parser = argparse.ArgumentParser(
        prog="verify_ledger", description="Find any changed, missing or moved row."
    )
    parser.add_argument("export", nargs="+", type=Path)
    parser.add_argument("--key", help="id of the key you registered (64 hex digits)")
    parser.add_argument("--receipt", action="append", default=[], type=Path)
    arguments = parser.parse_args()
    try:
        ledger = verify(arguments.export, arguments.key)
        for line in _report(ledger, arguments.key):
            print(line)
        for file in arguments.receipt:
            print(f"{file.name}: {verify_receipt(ledger, file.read_bytes())}")
    except Tampered as err:
        print(f"CHANGED: {err}", file=sys.stderr)
        return 1
    except OSError as err:
        print(f"FAILED: {err}", file=sys.stderr)
        return 2
    print("Nothing was changed.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
