"""A mock of the smart metering PKI: root, sub-CA, end entities of the WAN.

Shapes after TR-03116-3 (edition 2025): root key on brainpoolP512r1, sub-CA on
brainpoolP384r1, TLS end entities on brainpoolP256r1.
"""

from datetime import UTC, datetime, timedelta
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from simulator.tls import CURVES, Certificate

_ROOT_CURVE, _SUB_CURVE, LEAF_CURVE = (
    "brainpoolP512r1",
    "brainpoolP384r1",
    "brainpoolP256r1",
)


def fingerprint(der: bytes) -> str:
    """Return the SHA-256 of a certificate: 64 small hex digits."""
    digest = hashes.Hash(hashes.SHA256())
    digest.update(der)
    return digest.finalize().hex()


def plain(text: str) -> str:
    """Return a fingerprint in our form, or that of a PEM; ValueError if neither.

    Colons, blanks and capitals do not matter.
    """
    if "BEGIN CERTIFICATE" in text:
        found = x509.load_pem_x509_certificate(text.encode())
        return fingerprint(found.public_bytes(serialization.Encoding.DER))
    bare = text.replace(":", "").replace(" ", "").strip().lower()
    if len(bare) != 64 or set(bare) - set("0123456789abcdef"):
        raise ValueError("neither a SHA-256 fingerprint nor a certificate")
    return bare


class MockPki:
    """Root and sub-CA, made new with each start; nobody else trusts them."""

    def __init__(self) -> None:
        """Make both keys."""
        self.root = _issue("SM-Root.SIM", _ROOT_CURVE, None, ca=1)
        self.sub = _issue("SIM.CA", _SUB_CURVE, self.root, ca=0)

    def leaf(
        self, name: str, *, expired: bool = False, curve: str = LEAF_CURVE
    ) -> Certificate:
        """Return a new end entity: an EMT (``NAME.EMT``) or a gateway."""
        return _issue(name, curve, self.sub, ca=None, expired=expired)


def _issue(
    name: str,
    curve: str,
    issuer: Certificate | None,
    *,
    ca: int | None,
    expired: bool = False,
) -> Certificate:
    key = ec.generate_private_key(CURVES[curve])
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "DE"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "SM-Test-PKI-DE"),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )
    above, signer = (None, key) if issuer is None else issuer.load()
    # by the real time even where a test has frozen it: OpenSSL checks with that
    now = datetime.fromtimestamp(int(time.clock_gettime(time.CLOCK_REALTIME)), UTC)
    begin, end = now - timedelta(days=30), now + timedelta(days=700)
    if expired:
        begin, end = now - timedelta(days=730), now - timedelta(days=1)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(above.subject if above is not None else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca is not None, ca), critical=True)
        .add_extension(_usage(ca is not None), critical=True)
        .add_extension(
            x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
        )
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()),
            critical=False,
        )
    )
    if ca is None:
        purposes = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
    return Certificate.pair(builder.sign(signer, hashes.SHA256()), key)


def _usage(ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )
