"""What certificates say: fingerprints, curve, validity. Theirs and ours.

TR-03116-3 (ch. 5) knows five curves in the HAN; self-signed and PKI-based certificates are both allowed,
so nothing but the bytes of the certificate itself is compared.
"""

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
import hmac
import re
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from .errors import BadFingerprint
from .reasons import ChannelReason

CURVES: dict[str, type[ec.EllipticCurve]] = {
    "secp256r1": ec.SECP256R1,
    "secp384r1": ec.SECP384R1,
    "brainpoolP256r1": ec.BrainpoolP256R1,
    "brainpoolP384r1": ec.BrainpoolP384R1,
    "brainpoolP512r1": ec.BrainpoolP512R1,
}
"""The curves of the HAN, by the names that `cryptography` gives them."""

_HEX = re.compile(r"[0-9a-f]{64}", re.ASCII)
_BETWEEN = re.compile(r"[\s:\-]+", re.ASCII)


def fingerprint(typed: str) -> str:
    """Return a fingerprint as 64 small hex digits; colons and blanks are left out. Raises BadFingerprint."""
    plain = _BETWEEN.sub("", typed).lower() if typed.isascii() else ""
    if not _HEX.fullmatch(plain):
        raise BadFingerprint("fingerprint")
    return plain


def fingerprint_of(der: bytes) -> str:
    """Return the fingerprint of a certificate."""
    return sha256(der).hexdigest()


def is_one_of(der: bytes, pins: tuple[str, ...]) -> bool:
    """Say whether a certificate is one of those confirmed. Takes the same time whatever differs."""
    shown = fingerprint_of(der)
    found = [hmac.compare_digest(shown, pin) for pin in pins]
    return any(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a certificate says of itself. Times are UTC."""

    fingerprint: str
    name: str
    """The subject's common name; empty if it has none."""
    curve: str | None
    """One of `CURVES`; None: its key is none of a gateway."""
    not_before: datetime
    not_after: datetime

    @classmethod
    def of(cls, der: bytes) -> Self:
        """Return the facts of a certificate. Raises ValueError if it is none."""
        certificate = x509.load_der_x509_certificate(der)
        names = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
        return cls(
            fingerprint=fingerprint_of(der),
            name=next((str(name.value) for name in names), ""),
            curve=curve_of(certificate.public_key()),
            not_before=certificate.not_valid_before_utc,
            not_after=certificate.not_valid_after_utc,
        )

    def invalid_at(self, now: datetime) -> ChannelReason | None:
        """Return why the peer cannot use it at a time; None: it can."""
        if now < self.not_before:
            return ChannelReason.PEER_NOT_YET_VALID
        return ChannelReason.PEER_EXPIRED if now >= self.not_after else None


def curve_of(key: object) -> str | None:
    """Return the curve of a public key, if a gateway may use it."""
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in CURVES:
        return key.curve.name
    return None
