"""A gateway's TLS certificate: whose it is, and whether it is still the same."""

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
import ssl

from cryptography import x509
from cryptography.x509.oid import NameOID

from . import ids
from .errors import NotAGateway


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayCertificate:
    """What a gateway's certificate says of it."""

    der: bytes
    gateway_id: str
    not_after: datetime
    """End of validity (UTC)."""

    @property
    def fingerprint(self) -> str:
        """Return the SHA-256 of the certificate as people compare it, `AB:CD:…`."""
        return sha256(self.der).digest().hex(":").upper()

    @property
    def pem(self) -> str:
        """Return the certificate as it is stored."""
        return ssl.DER_cert_to_PEM_cert(self.der)


def read_certificate(der: bytes, known_as: str | None = None) -> GatewayCertificate:
    """Read the certificate a gateway showed.

    The subject's common name is the gateway id (observed with PPC; Theben appends
    `.SMGW`), or an alternative name begins with it (`ETHE0300123456.sm`), unless the
    gateway is `known_as` one already. Raises `NotAGateway` for any other certificate.
    """
    try:
        certificate = x509.load_der_x509_certificate(der)
        names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        not_after = certificate.not_valid_after_utc
    except (ValueError, x509.InvalidVersion) as err:
        raise NotAGateway("unreadable certificate") from err
    if known_as:
        return GatewayCertificate(der=der, gateway_id=known_as, not_after=not_after)
    for name in (*(str(name.value) for name in names), *_alternatives(certificate)):
        if gateway_id := ids.gateway_id(name):
            return GatewayCertificate(
                der=der, gateway_id=gateway_id, not_after=not_after
            )
    raise NotAGateway("certificate names no gateway")


def _alternatives(certificate: x509.Certificate) -> list[str]:
    """Return the subject's alternative names, as far as they can be read."""
    try:
        names = certificate.extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        )
    except ValueError, x509.ExtensionNotFound, x509.DuplicateExtension:
        return []
    return names.value.get_values_for_type(x509.DNSName)


def pem_to_der(pem: str) -> bytes:
    """Return the bytes of a stored certificate. Raises `ValueError` if it is none."""
    return ssl.PEM_cert_to_DER_cert(pem)
