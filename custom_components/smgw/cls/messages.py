"""From an HTTP request to a command: headers, body, digest and signature. Strict, and says where."""

import base64
import binascii
from collections.abc import Mapping
from decimal import Decimal
from hashlib import sha256
import json
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from ..control import values
from ..control.errors import InvalidInput
from ..control.reasons import Reason
from .problems import Code, Problem

TRANSACTION, CREATED, INITIAL = (
    "transactionId",
    "creationDateTime",
    "initialTransactionId",
)
DIGEST, SIGNATURE = "DIGEST", "SIGNATURE"
_BAD = {DIGEST: Code.BAD_DIGEST, SIGNATURE: Code.BAD_SIGNATURE}
FRAME = ("from", "until", "duration_s")
"""Fields of a body that belong to the command's frame."""
_LONGEST_NUMBER = 40
_LARGEST_SIGNATURE = 600


def parse(body: bytes) -> dict[str, Any]:
    """Return the object that a body is; nothing is an empty one. Raises InvalidInput."""
    if not body:
        return {}
    try:
        found = json.loads(
            body.decode(),
            parse_float=_fraction,
            parse_int=_whole,
            parse_constant=_no_number,
            object_pairs_hook=_once,
        )
    except (ValueError, RecursionError) as err:
        raise InvalidInput(Reason.MALFORMED, "body") from err
    if not isinstance(found, dict):
        raise InvalidInput(Reason.MALFORMED, "body")
    return found


def frame(
    headers: Mapping[str, str], name: str, body: dict[str, Any], given: dict[str, Any]
) -> dict[str, Any]:
    """Return the command as control reads it: `name` says what it is, `given` is what the path says. Raises InvalidInput."""
    if INITIAL in headers:
        initial = {"initial_id": headers[INITIAL]}
    else:
        initial = {}
    for header in (TRANSACTION, CREATED):
        if header not in headers:
            raise InvalidInput(Reason.MISSING_FIELD, header)
    span = {field: body[field] for field in FRAME if field in body}
    fields = {field: value for field, value in body.items() if field not in FRAME}
    if any(field in fields for field in given):
        # What the path says stands in the path only.
        raise InvalidInput(Reason.UNKNOWN_FIELD, name)
    return {
        "transaction_id": headers[TRANSACTION],
        "created": headers[CREATED],
        **initial,
        **span,
        name: fields | given,
    }


def transaction(headers: Mapping[str, str]) -> str | None:
    """Return the id of the first try, if it is one: what the ledger and the answer call the command."""
    try:
        return values.transaction(
            headers.get(INITIAL, headers.get(TRANSACTION)), TRANSACTION
        )
    except InvalidInput:
        return None


def prove(
    headers: Mapping[str, str], uri: str, body: dict[str, Any] | None, key: str | None
) -> tuple[str | None, str | None]:
    """Check digest and signature; return both as received, for the ledger. Raises Problem.

    Without a key a signature is only noted.
    """
    digest, signature = headers.get(DIGEST), headers.get(SIGNATURE)
    for header, text in ((DIGEST, digest), (SIGNATURE, signature)):
        if text is None:
            continue
        if not 0 < len(text) <= _LARGEST_SIGNATURE:
            raise Problem(Reason.TOO_LARGE, header)
        if not text.isascii():
            # No Base64; and what came in no alphabet could not be written down.
            raise Problem(_BAD[header], header)
    if digest is None and key is None:
        return digest, signature
    expected = digest_of(
        uri, body, headers.get(CREATED, ""), headers.get(TRANSACTION, "")
    )
    if digest is not None and _bytes(digest) != expected:
        raise Problem(Code.BAD_DIGEST, DIGEST)
    if key is not None and not signed(key, signature or "", expected):
        raise Problem(Code.BAD_SIGNATURE, SIGNATURE)
    return digest, signature


def digest_of(
    uri: str, body: dict[str, Any] | None, created: str, transaction_id: str
) -> bytes:
    """Return the digest of a message, as the market signs it (R3.1)."""
    content = "" if body is None else jcs(body)
    parts = (uri, content, created, transaction_id)
    return sha256(
        b"".join(sha256(part.encode("utf-8", "replace")).digest() for part in parts)
    ).digest()


def signed(key: str, signature: str, message: bytes) -> bool:
    """Say whether a signature (Base64; r || s or DER) fits a key (PEM). False as well for what is none."""
    raw, public = _bytes(signature), public_key(key)
    if raw is None or public is None:
        return False
    half = (public.curve.key_size + 7) // 8
    ders = [raw]
    if len(raw) == 2 * half:
        r, s = int.from_bytes(raw[:half]), int.from_bytes(raw[half:])
        ders.append(encode_dss_signature(r, s))
    for der in ders:
        try:
            public.verify(der, message, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature, ValueError:
            continue
        return True
    return False


def public_key(pem: str) -> ec.EllipticCurvePublicKey | None:
    """Return the key of a certificate or of a public key (PEM); None if there is none."""
    try:
        if "BEGIN CERTIFICATE" in pem:
            found: object = x509.load_pem_x509_certificate(pem.encode()).public_key()
        else:
            found = serialization.load_pem_public_key(pem.encode())
    except ValueError:
        return None
    return found if isinstance(found, ec.EllipticCurvePublicKey) else None


def jcs(value: Any) -> str:
    """Return the canonical form of RFC 8785, of what `parse` returns."""
    match value:
        case dict():
            keys = sorted(value, key=lambda key: key.encode("utf-16-be", "replace"))
            inside = (f"{_text(key)}:{jcs(value[key])}" for key in keys)
            return "{" + ",".join(inside) + "}"
        case list():
            return "[" + ",".join(jcs(part) for part in value) + "]"
        case bool() | None:
            return json.dumps(value)
        case str():
            return _text(value)
    # As ECMAScript writes it, in the range that commands can have.
    plain = format(Decimal(repr(float(value))).normalize(), "f")
    return "0" if plain == "-0" else plain


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _bytes(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error, ValueError:
        return None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise InvalidInput(Reason.MALFORMED, "body")
    return found


def _whole(text: str) -> int:
    if len(text) > _LONGEST_NUMBER:
        raise InvalidInput(Reason.NUMBER_OUT_OF_RANGE, "body")
    return int(text)


def _fraction(text: str) -> Decimal:
    try:
        found = Decimal(text)
    except ArithmeticError:
        raise InvalidInput(Reason.NUMBER_OUT_OF_RANGE, "body") from None
    # The exponent as well: what is calculated with it must not become long.
    if len(text) > _LONGEST_NUMBER or not -100 < found.adjusted() < 100:
        raise InvalidInput(Reason.NUMBER_OUT_OF_RANGE, "body")
    return found


def _no_number(_: str) -> None:
    raise InvalidInput(Reason.NOT_A_NUMBER, "body")
