"""Our CLS key and certificate: made on the gateway's curve, or imported; what the operator gets of it.

The exact profile of HAN certificates is not public (R8, 3); this one has what both TLS roles need: X.509 v3, self-signed,
key usage digitalSignature (critical), extended key usage for server and client, key identifiers.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Self

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID

from .certificates import CURVES, Facts, curve_of
from .errors import (
    BadIdentity,
    KeyMismatch,
    NotPkcs12,
    OutOfValidity,
    WrongCurve,
    WrongFilePassword,
)

VALIDITY = timedelta(days=2 * 365)
"""So long before the end a successor is to be made: operators need their time."""
LARGEST_FILE = 64 * 1024
_BACKDATED = timedelta(hours=1)
"""Two clocks in one house are never the same."""
_HASHES: dict[int, hashes.SHA256 | hashes.SHA384 | hashes.SHA512] = {
    256: hashes.SHA256(),
    384: hashes.SHA384(),
    512: hashes.SHA512(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A private key and its certificate, both PEM; further certificates may follow our own."""

    certificate: str
    key: str = field(repr=False)

    @classmethod
    def made(
        cls, curve: str, name: str, now: datetime, validity: timedelta = VALIDITY
    ) -> Self:
        """Return a new key and a self-signed certificate. Blocks a little. Raises WrongCurve.

        `curve` is that of the gateway's certificate (R2.5): with any other no handshake comes about.
        """
        if curve not in CURVES:
            raise WrongCurve(curve)
        key = ec.generate_private_key(CURVES[curve]())
        return cls._of(key, (_self_signed(key, name, now, validity),))

    @classmethod
    def of_pkcs12(cls, data: bytes, password: str, now: datetime) -> Self:
        """Return what a PKCS#12 file holds. Blocks: opening it is slow by design. Raises BadIdentity."""
        if len(data) > LARGEST_FILE:
            raise NotPkcs12("too large")
        found = _opened(data, password)
        if not isinstance(found.key, ec.EllipticCurvePrivateKey):
            raise KeyMismatch("no key") if found.key is None else WrongCurve("no EC")
        public = found.key.public_key()
        bags = ([found.cert] if found.cert else []) + found.additional_certs
        chain = [bag.certificate for bag in bags]
        own = [one for one in chain if one.public_key() == public]
        if not own:
            raise KeyMismatch("no certificate of this key")
        identity = cls._of(found.key, (own[0], *(c for c in chain if c not in own)))
        identity.check(now)
        return identity

    @classmethod
    def _of(
        cls,
        key: ec.EllipticCurvePrivateKey,
        chain: tuple[x509.Certificate, ...],
    ) -> Self:
        pem = serialization.Encoding.PEM
        return cls(
            certificate="".join(one.public_bytes(pem).decode() for one in chain),
            key=key.private_bytes(
                pem,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            ).decode(),
        )

    def check(self, now: datetime) -> Facts:
        """Return what the certificate says, after a look at whether it can be used. Raises BadIdentity."""
        try:
            key = serialization.load_pem_private_key(self.key.encode(), None)
            certificate = x509.load_pem_x509_certificate(self.certificate.encode())
        except (ValueError, TypeError, UnsupportedAlgorithm) as err:
            raise BadIdentity(type(err).__name__) from None
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise WrongCurve("no EC")
        if curve_of(key.public_key()) is None:
            raise WrongCurve(key.curve.name)
        if certificate.public_key() != key.public_key():
            raise KeyMismatch("certificate of another key")
        facts = self.facts
        if facts.invalid_at(now) is not None:
            raise OutOfValidity(facts.not_after.isoformat())
        return facts

    @property
    def der(self) -> bytes:
        """Return our own certificate. Raises ValueError if it is none."""
        certificate = x509.load_pem_x509_certificate(self.certificate.encode())
        return certificate.public_bytes(serialization.Encoding.DER)

    @property
    def facts(self) -> Facts:
        """Return what our certificate says. Raises ValueError if it is none."""
        return Facts.of(self.der)

    @property
    def for_operator(self) -> str:
        """Return what the metering operator gets: our own certificate as PEM, no key."""
        certificate = x509.load_pem_x509_certificate(self.certificate.encode())
        return certificate.public_bytes(serialization.Encoding.PEM).decode()

    def successor(self, now: datetime) -> Self:
        """Return a new key of the same name and curve; use it as `TunnelConfig.next_own`. Raises WrongCurve."""
        facts = self.facts
        return self.made(facts.curve or "", facts.name, now)


def _self_signed(
    key: ec.EllipticCurvePrivateKey, name: str, now: datetime, validity: timedelta
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    public = key.public_key()
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    both = [
        ExtendedKeyUsageOID.SERVER_AUTH,
        ExtendedKeyUsageOID.CLIENT_AUTH,
    ]
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + validity)
    )
    extensions: tuple[tuple[x509.ExtensionType, bool], ...] = (
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (usage, True),
        (x509.ExtendedKeyUsage(both), False),
        (x509.SubjectKeyIdentifier.from_public_key(public), False),
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(public), False),
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(key, _HASHES[key.curve.key_size])


def _opened(data: bytes, password: str) -> pkcs12.PKCS12KeyAndCertificates:
    # A password that was typed for a file without one does no harm.
    for attempt in (password, "") if password else ("",):
        try:
            return pkcs12.load_pkcs12(data, attempt.encode() or None)
        except UnsupportedAlgorithm:
            raise NotPkcs12("made in an unknown way") from None
        except ValueError as err:
            # The library says of both only that it did not work, in its own words.
            if "password" not in str(err).lower():
                raise NotPkcs12("unreadable") from None
    raise WrongFilePassword("cannot be opened")
