"""The ledger's own signing key: ECDSA on NIST P-256, signatures as 64 bytes r || s.

It is made for the ledger and used for nothing else. NIST P-256 and not Brainpool: a check
takes a quarter of the time, and no other curve is in every tool that a participant may have.
"""

from hashlib import sha256
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)

from .errors import InvalidKey

_CURVE = ec.SECP256R1()
_ALGORITHM = ec.ECDSA(hashes.SHA256())
_SIZE = 32


class Signer(Protocol):
    """Signs what leaves the ledger; a port, so that the key can live elsewhere."""

    @property
    def point(self) -> str:
        """Return the public key: the uncompressed point, 65 bytes as hex."""

    def sign(self, message: bytes) -> str:
        """Return the signature over a message: r || s, 64 bytes as hex."""


def key_id(point: str) -> str:
    """Return the short name of a public key: SHA-256 of its point's bytes, hex."""
    return sha256(bytes.fromhex(point)).hexdigest()


class LedgerKey:
    """A private key in memory."""

    def __init__(self, private: ec.EllipticCurvePrivateKey) -> None:
        """Take a key on P-256."""
        self._private = private
        self.point = (
            private.public_key()
            .public_bytes(
                serialization.Encoding.X962,
                serialization.PublicFormat.UncompressedPoint,
            )
            .hex()
        )

    @classmethod
    def made(cls) -> LedgerKey:
        """Return a new key."""
        return cls(ec.generate_private_key(_CURVE))

    @classmethod
    def of_pem(cls, pem: str) -> LedgerKey:
        """Return a stored key. Raises InvalidKey."""
        try:
            private = serialization.load_pem_private_key(pem.encode(), None)
        except (ValueError, TypeError) as err:
            raise InvalidKey("unreadable") from err
        if not (
            isinstance(private, ec.EllipticCurvePrivateKey)
            and isinstance(private.curve, ec.SECP256R1)
        ):
            raise InvalidKey("not on P-256")
        return cls(private)

    def pem(self) -> str:
        """Return the key as PKCS#8 PEM, for a place that only the owner reads."""
        return self._private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode()

    def sign(self, message: bytes) -> str:
        """Return the signature over a message: r || s, 64 bytes as hex."""
        r, s = decode_dss_signature(self._private.sign(message, _ALGORITHM))
        return (r.to_bytes(_SIZE) + s.to_bytes(_SIZE)).hex()

    def __repr__(self) -> str:
        """Never print the secret."""
        return f"LedgerKey({key_id(self.point)[:16]}…)"


def check(point: str, signature: str, message: bytes) -> bool:
    """Say whether a signature fits. False as well for what is no point or no signature."""
    try:
        raw = bytes.fromhex(signature)
        public = ec.EllipticCurvePublicKey.from_encoded_point(
            _CURVE, bytes.fromhex(point)
        )
        der = encode_dss_signature(
            int.from_bytes(raw[:_SIZE]), int.from_bytes(raw[_SIZE:])
        )
        public.verify(der, message, _ALGORITHM)
    except InvalidSignature, ValueError:
        return False
    return len(raw) == 2 * _SIZE
