"""Canonical JSON (the subset of RFC 8785 in docs/ledger.md) and the message digest."""

import base64
import hashlib
import re
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

_LARGEST = 2**53 - 1
_SHORT = {8: "\\b", 9: "\\t", 10: "\\n", 12: "\\f", 13: "\\r", 34: '\\"', 92: "\\\\"}
_ESCAPED = re.compile(r'["\\\x00-\x1f]')


def canonical(value: Any) -> bytes:
    """Return the one form of a JSON value; ValueError for what cannot have one."""
    return _text(value).encode()


def _text(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() if abs(value) <= _LARGEST:
            return str(value)
        case str():
            return f'"{_ESCAPED.sub(_escape, value)}"'
        case list():
            return f"[{','.join(map(_text, value))}]"
        case dict():
            # RFC 8785 sorts by UTF-16 units
            names = sorted(value, key=lambda name: name.encode("utf-16-be"))
            return f"{{{','.join(f'{_text(n)}:{_text(value[n])}' for n in names)}}}"
    raise ValueError(f"{type(value).__name__} has no canonical form here")


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    return _SHORT.get(code, f"\\u{code:04x}")


def message_digest(uri: str, body: Any, created: str, transaction: str) -> bytes:
    """Return the 32 bytes of the market API's scheme; ``body`` None: empty."""
    content = b"" if body is None else canonical(body)
    parts = (uri.encode(), content, created.encode(), transaction.encode())
    return hashlib.sha256(b"".join(map(sha256, parts))).digest()


def signed_headers(
    key: ec.EllipticCurvePrivateKey | None, digest: bytes
) -> dict[str, str]:
    """Return DIGEST and, with a key, SIGNATURE as ``r || s``."""
    headers = {"DIGEST": base64.b64encode(digest).decode()}
    if key is not None:
        r, s = utils.decode_dss_signature(key.sign(digest, ec.ECDSA(hashes.SHA256())))
        size = (key.curve.key_size + 7) // 8
        raw = r.to_bytes(size) + s.to_bytes(size)
        headers["SIGNATURE"] = base64.b64encode(raw).decode()
    return headers


def sha256(data: bytes) -> bytes:
    """Return the 32 bytes."""
    return hashlib.sha256(data).digest()
