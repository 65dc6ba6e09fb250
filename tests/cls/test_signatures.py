"""Digest and signature of a message, calculated here a second time."""

import base64
from decimal import Decimal
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from hypothesis import given, strategies as st
import pytest

from custom_components.smgw.cls import messages

from .conftest import Desk

LIMIT = {
    "kind": "contract",
    "direction": "consumption",
    "watts": 4200.5,
    "duration_s": 60,
}
# Sorted, no blanks, the number as ECMAScript writes it: by hand.
CANONICAL = (
    '{"direction":"consumption","duration_s":60,"kind":"contract","watts":4200.5}'
)
URI = "/cls/v1/limits"


def _digest(headers: dict[str, str], body: str = CANONICAL) -> bytes:
    parts = (URI, body, headers["creationDateTime"], headers["transactionId"])
    return sha256(b"".join(sha256(p.encode()).digest() for p in parts)).digest()


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _pem(key: ec.EllipticCurvePrivateKey) -> str:
    return (
        key.public_key()
        .public_bytes(
            serialization.Encoding.PEM,
            serialization.PublicFormat.SubjectPublicKeyInfo,
        )
        .decode()
    )


async def test_a_digest_that_fits_is_noted(desk: Desk) -> None:
    """And the signature, which nobody can check here, with it."""
    emt = await desk.emt()
    headers = desk.lab.headers()
    headers |= {"DIGEST": _b64(_digest(headers)), "SIGNATURE": _b64(b"anything")}
    assert (await emt.ask("POST", "limits", LIMIT, headers)).status == 202
    (row,) = [r for r in await desk.lab.bench.rows() if r["kind"] == "received"]
    assert row["data"]["origin"]["digest"] == headers["DIGEST"]
    assert row["data"]["origin"]["signature"] == headers["SIGNATURE"]


@pytest.mark.parametrize("change", ["body", "creationDateTime", "transactionId"])
async def test_a_digest_of_something_else(desk: Desk, change: str) -> None:
    """Whatever was changed on the way."""
    emt = await desk.emt()
    headers, other = desk.lab.headers(), desk.lab.headers(age=1)
    if change == "body":
        digest = _digest(headers, CANONICAL.replace("4200.5", "9999"))
    else:
        digest = _digest(headers | {change: other[change]})
    headers["DIGEST"] = _b64(digest)
    answer = await emt.ask("POST", "limits", LIMIT, headers)
    assert (answer.status, answer.code) == (401, "bad_digest")
    assert len(await desk.lab.refusals()) == 1


@pytest.mark.parametrize("raw", [True, False])
@pytest.mark.parametrize("curve", [ec.SECP256R1, ec.BrainpoolP256R1])
async def test_where_a_key_is_stored_every_write_is_signed(
    desk: Desk, curve: type[ec.EllipticCurve], raw: bool
) -> None:
    """By that key, as r || s or as DER; reading needs none."""
    key = ec.generate_private_key(curve())
    emt = await desk.emt(message_key=_pem(key))
    headers = desk.lab.headers()
    assert (await emt.ask("POST", "limits", LIMIT, headers)).code == "bad_signature"
    signature = key.sign(_digest(headers), ec.ECDSA(hashes.SHA256()))
    if raw:
        r, s = decode_dss_signature(signature)
        signature = r.to_bytes(32) + s.to_bytes(32)
    signed = headers | {"SIGNATURE": _b64(signature)}
    other = ec.generate_private_key(curve()).sign(
        _digest(headers), ec.ECDSA(hashes.SHA256())
    )
    wrong = headers | {"SIGNATURE": _b64(other)}
    assert (await emt.ask("POST", "limits", LIMIT, wrong)).code == "bad_signature"
    assert (await emt.ask("GET", "limits")).status == 200
    assert (await emt.ask("POST", "limits", LIMIT, signed)).status == 202
    # Replayed for another order it fits no more.
    changed = LIMIT | {"watts": 9000}
    assert (await emt.ask("POST", "limits", changed, signed)).code == "bad_signature"


_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**12), 10**12)
    | st.text(max_size=8)
    | st.decimals(-(10**12), 10**12, places=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(_values)
def test_canonical_form(value: Any) -> None:
    """It reads back as the same, whatever order things came in."""
    text = messages.jcs({"v": value})
    again = messages.parse(text.encode())
    assert messages.jcs(again) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("1.0"), "1"),
        (Decimal("-0.0"), "0"),
        (Decimal("0.000001"), "0.000001"),
        (Decimal("4200.50"), "4200.5"),
        (10**12, "1000000000000"),
        ({"ö": 1, "z": 2, "\U0001f600": 3, "ﬀ": 4}, '{"z":2,"ö":1,"😀":3,"ﬀ":4}'),
        ('"\\\n\u2028é', '"\\"\\\\\\n\u2028é"'),
    ],
)
def test_canonical_cases(value: Any, text: str) -> None:
    """The cases that go wrong: numbers, names sorted by UTF-16, what is escaped."""
    assert messages.jcs(value) == text
