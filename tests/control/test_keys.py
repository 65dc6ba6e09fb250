"""The ledger's key."""

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
import pytest

from custom_components.smgw.control.errors import InvalidKey
from custom_components.smgw.control.keys import LedgerKey, check, key_id


def pem(private: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> str:
    """Return some private key as PEM."""
    return private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def test_sign_and_check(key: LedgerKey) -> None:
    """A signature fits its message and its key only."""
    signature = key.sign(b"message")
    assert len(signature) == 128
    assert check(key.point, signature, b"message")
    assert not check(key.point, signature, b"massage")
    assert not check(LedgerKey.made().point, signature, b"message")
    for broken in ("", "00" * 64, signature[:-2], signature + "00", "zz" * 64):
        assert not check(key.point, broken, b"message")
    assert not check("04" + "11" * 64, signature, b"message")
    assert len(key_id(key.point)) == 64


def test_stored(key: LedgerKey) -> None:
    """A stored key is the same key, and never printed."""
    again = LedgerKey.of_pem(key.pem())
    assert again.point == key.point
    assert check(key.point, again.sign(b"x"), b"x")
    assert "PRIVATE" not in repr(key)
    assert len(repr(key)) < 40


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-----BEGIN PRIVATE KEY-----\nnonsense\n-----END PRIVATE KEY-----\n",
        pem(ec.generate_private_key(ec.SECP384R1())),
        pem(rsa.generate_private_key(65537, 2048)),
    ],
    ids=["empty", "no PEM", "P-384", "RSA"],
)
def test_not_ours(text: str) -> None:
    """Another kind of key is refused."""
    with pytest.raises(InvalidKey):
        LedgerKey.of_pem(text)
