"""Client certificates: read from the file an operator hands out, and what they say.

Operators deliver key and certificate as PKCS#12 (handbooks of the makers). Gateways
know P-256, P-384 and three Brainpool curves, no RSA (TR-03116-3, chapter 5).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from cryptography.x509.oid import NameOID

from .errors import (
    ClientCertificateExpired,
    ClientCertificateNotYetValid,
    ClientKeyUnusable,
    FilePasswordNeeded,
    KeyMismatch,
    NotPkcs12,
    PrivateKeyMissing,
    WrongFilePassword,
    WrongKeyType,
)
from .model import ClientCertificate

CURVES = {
    "secp256r1": "P-256",
    "secp384r1": "P-384",
    "brainpoolP256r1": "brainpoolP256r1",
    "brainpoolP384r1": "brainpoolP384r1",
    "brainpoolP512r1": "brainpoolP512r1",
}
"""The curves of gateways, as people call them."""

# Some 2 kB with a chain; nobody's key is as large as this.
LARGEST = 256 * 1024

_SEQUENCE = 0x30
_VERSION_3 = b"\x02\x01\x03"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a client certificate says of itself. Times are UTC."""

    name: str
    """The subject's common name; empty if it has none."""
    not_before: datetime
    not_after: datetime
    curve: str
    """Of its key, one of `CURVES`' values; or the key's type if it is on none."""
    fingerprint: str
    """SHA-256 as people compare it, `AB:CD:…`."""


def facts(account: ClientCertificate) -> Facts:
    """Return what a certificate says. Raises `ClientKeyUnusable` if it is none."""
    try:
        certificate = x509.load_der_x509_certificate(account.der)
    except ValueError:
        raise ClientKeyUnusable("no certificate") from None
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return Facts(
        name=next((str(name.value).strip() for name in names), ""),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        curve=_kind(certificate.public_key()),
        fingerprint=bytes.fromhex(account.digest).hex(":").upper(),
    )


def curve_of(der: bytes) -> str:
    """Return the curve of a certificate's key, or what it is instead."""
    return _kind(x509.load_der_x509_certificate(der).public_key())


def read_pkcs12(data: bytes, password: str, now: datetime) -> ClientCertificate:
    """Return key and certificate of a PKCS#12 file; `now` is UTC.

    An empty password is none. Blocks: opening it is slow by design. Raises the
    children of `ClientFileError`, each of which names its own remedy.
    """
    if len(data) > LARGEST or not _looks_like_pkcs12(data):
        raise NotPkcs12("no PKCS#12")
    found = _open(data, password)
    if found.key is None:
        raise PrivateKeyMissing("no key")
    key = found.key
    kind = _kind(key.public_key())
    if kind not in CURVES.values():
        raise WrongKeyType(kind)
    bags = ([found.cert] if found.cert else []) + found.additional_certs
    own, others = _own_first([bag.certificate for bag in bags], key)
    if now < own.not_valid_before_utc:
        raise ClientCertificateNotYetValid(own.not_valid_before_utc)
    if now >= own.not_valid_after_utc:
        raise ClientCertificateExpired(own.not_valid_after_utc)
    chain = (one.public_bytes(Encoding.PEM).decode() for one in (own, *others))
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return ClientCertificate(certificate="".join(chain), key=pem.decode())


def _open(data: bytes, password: str) -> pkcs12.PKCS12KeyAndCertificates:
    # A password that was typed for a file without one does no harm.
    for attempt in (password, "") if password else ("",):
        try:
            return pkcs12.load_pkcs12(data, attempt.encode() or None)
        except UnsupportedAlgorithm:
            raise NotPkcs12("encrypted or made in an unknown way") from None
        except ValueError:
            # A password that is no text (UnicodeEncodeError) is among them. Not
            # `from err`: it may hold the password.
            continue
    if password:
        raise WrongFilePassword("cannot be opened")
    raise FilePasswordNeeded("cannot be opened")


def _own_first(
    certificates: Iterable[x509.Certificate], key: PrivateKeyTypes
) -> tuple[x509.Certificate, list[x509.Certificate]]:
    """Return the certificate of the key, and the others.

    Raises `PrivateKeyMissing` if there is no certificate, `KeyMismatch` if none fits.
    """
    own, others = None, []
    for certificate in certificates:
        if own is None and certificate.public_key() == key.public_key():
            own = certificate
        else:
            others.append(certificate)
    if own is not None:
        return own, others
    if others:
        raise KeyMismatch("no certificate of this key")
    raise PrivateKeyMissing("no certificate")


def _looks_like_pkcs12(data: bytes) -> bool:
    """Tell it from PEM, a bare certificate, a key, and a file that was cut off.

    The library says the same of a wrong password and of what is no PKCS#12; so its
    outer shape is looked at here: a sequence that begins with the version, 3 (RFC 7292).
    """
    if len(data) < 2 or data[0] != _SEQUENCE:
        return False
    size, start = data[1], 2
    if size > 0x80:
        start += size - 0x80
        size = int.from_bytes(data[2:start])
    elif size == 0x80:
        # of indefinite length, as some tools write it
        size = 0
    return data[start : start + 3] == _VERSION_3 and len(data) >= start + size


def _kind(key: object) -> str:
    """Return the curve of a key, or what else it is."""
    if isinstance(key, ec.EllipticCurvePublicKey):
        return CURVES.get(key.curve.name, key.curve.name)
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA {key.key_size}"
    return type(key).__name__.strip("_").removesuffix("PublicKey")
