"""Keys and certificates that consumers log in with, good ones and bad ones.

The simulator's own are valid by the machine's clock; these by any a test may have set.
"""

from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import (
    CertificateIssuerPrivateKeyTypes,
)
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

from custom_components.smgw.han.model import ClientCertificate
from simulator.tls import Certificate

BEGIN = datetime(2020, 1, 1, tzinfo=UTC)
END = datetime(2060, 1, 1, tzinfo=UTC)


def consumer(
    name: str = "consumer",
    curve: type[ec.EllipticCurve] = ec.SECP256R1,
    begin: datetime = BEGIN,
    end: datetime = END,
) -> Certificate:
    """Return a new key and its certificate, as the simulated gateways know consumers."""
    key = ec.generate_private_key(curve())
    made = certificate_of(key, name, begin, end)
    return Certificate(
        pem=made.public_bytes(serialization.Encoding.PEM).decode(),
        key_pem=key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode(),
        der=made.public_bytes(serialization.Encoding.DER),
    )


def certificate_of(
    key: CertificateIssuerPrivateKeyTypes,
    name: str = "consumer",
    begin: datetime = BEGIN,
    end: datetime = END,
) -> x509.Certificate:
    """Return a self-signed certificate of a key; without a subject if it has no name."""
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, name)] if name else []
    subject = x509.Name(attributes)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .sign(key, hashes.SHA256())
    )


def bundle(
    key: pkcs12.PKCS12PrivateKeyTypes | None,
    certificate: x509.Certificate | None,
    others: tuple[x509.Certificate, ...] = (),
    password: bytes | None = None,
) -> bytes:
    """Return a PKCS#12 file of parts that need not belong together."""
    return pkcs12.serialize_key_and_certificates(
        b"consumer",
        key,
        certificate,
        others or None,
        serialization.BestAvailableEncryption(password)
        if password
        else serialization.NoEncryption(),
    )


def account(own: Certificate) -> ClientCertificate:
    """Return what logs in with a key."""
    return ClientCertificate(certificate=own.pem, key=own.key_pem)
