"""Self-signed certificates and the TLS server context."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
import hashlib
from pathlib import Path
import ssl
import tempfile
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

from .clients import admit_any, expired

CURVES: dict[str, ec.EllipticCurve] = {
    "prime256v1": ec.SECP256R1(),
    "secp384r1": ec.SECP384R1(),
    "brainpoolP256r1": ec.BrainpoolP256R1(),
    "brainpoolP384r1": ec.BrainpoolP384R1(),
    "brainpoolP512r1": ec.BrainpoolP512R1(),
}


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate with its private key, both PEM."""

    pem: str
    key_pem: str
    der: bytes

    @classmethod
    def from_pem(cls, text: str) -> Certificate:
        """Read a certificate and, behind it, its key. Raises ``ValueError``."""
        pem, mark, rest = text.partition("-----END CERTIFICATE-----\n")
        pem += mark
        found = cls(pem=pem, key_pem=rest, der=ssl.PEM_cert_to_DER_cert(pem))
        found.load()
        return found

    @classmethod
    def pair(
        cls, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey
    ) -> Certificate:
        """Return both in the form we keep them in."""
        return cls(
            pem=certificate.public_bytes(serialization.Encoding.PEM).decode(),
            key_pem=key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            ).decode(),
            der=certificate.public_bytes(serialization.Encoding.DER),
        )

    @property
    def fingerprint(self) -> str:
        """Return the DER's SHA-256, upper-case hex pairs joined by colons."""
        return hashlib.sha256(self.der).digest().hex(":").upper()

    def load(self) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
        """Return the parsed pair, for signing."""
        key = serialization.load_pem_private_key(self.key_pem.encode(), None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise TypeError("a gateway has an elliptic curve key")
        return x509.load_der_x509_certificate(self.der), key

    @property
    def expired(self) -> bool:
        """Tell whether the validity has ended, by the machine's clock."""
        return expired(self.der)

    def pkcs12(self, password: bytes | None = None) -> bytes:
        """Return both as a PKCS#12 file, as operators hand out client keys."""
        certificate, key = self.load()
        lock: serialization.KeySerializationEncryption = serialization.NoEncryption()
        if password is not None:
            lock = serialization.BestAvailableEncryption(password)
        return pkcs12.serialize_key_and_certificates(
            b"consumer", key, certificate, None, lock
        )


@dataclass(frozen=True, slots=True)
class TlsOptions:
    """The curve of new keys, expired or not, no TLS 1.3, client certificates.

    Brainpool keys imply TLS 1.2 at most. With ``clients`` the server asks for a
    client certificate and takes any, or none: who it belongs to is decided
    later. With ``exchange`` the key exchange uses that curve and no other.
    ``name`` is the certificate's CN (empty: the gateway's id); ``san`` its DNS
    names; ``country`` its C.
    """

    curve: str = "prime256v1"
    expired: bool = False
    max_tls12: bool = False
    clients: tuple[Certificate, ...] = ()
    exchange: str = ""
    name: str = ""
    san: tuple[str, ...] = ()
    country: str = ""

    def certificate(self, gateway_id: str, *, expired: bool = False) -> Certificate:
        """Make a new key and certificate of a gateway."""
        return self_signed(
            self.name or gateway_id,
            curve=self.curve,
            expired=expired,
            san=self.san,
            country=self.country,
        )


def self_signed(
    common_name: str,
    *,
    curve: str = "prime256v1",
    expired: bool = False,
    valid_days: int = 7 * 365,
    san: tuple[str, ...] = (),
    country: str = "",
    issuer: Certificate | None = None,
) -> Certificate:
    """Make a new key and a self-signed certificate; CN only if not told more.

    With ``issuer`` that one signs instead.

    Observed on gateways: the CN is the device number (``CN=EPPC0211358875``).
    The validity began 30 days ago and lasts for ``valid_days`` from then, about
    seven years; with ``expired`` it has ended.
    """
    key = ec.generate_private_key(CURVES[curve])
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    if country:
        attributes.insert(0, x509.NameAttribute(NameOID.COUNTRY_NAME, country))
    name = x509.Name(attributes)
    # by the real time even where a test has frozen it: OpenSSL checks with that
    now = int(time.clock_gettime(time.CLOCK_REALTIME))
    begin = datetime.fromtimestamp(now, UTC) - timedelta(days=30)
    end = begin + timedelta(days=valid_days)
    if expired:
        begin, end = begin - timedelta(days=valid_days), begin
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer.load()[0].subject if issuer else name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
    )
    if san:
        names = x509.SubjectAlternativeName([x509.DNSName(n) for n in san])
        builder = builder.add_extension(names, critical=False)
    signer = issuer.load()[1] if issuer else key
    certificate = builder.sign(signer, hashes.SHA256())
    return Certificate.pair(certificate, key)


def server_context(certificate: Certificate, options: TlsOptions) -> ssl.SSLContext:
    """Return a server context: TLS 1.2, and 1.3 where the options allow it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    if options.clients:
        admit_any(context)
    if options.max_tls12 or options.curve.startswith("brainpool"):
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    brainpool = options.curve if options.curve.startswith("brainpool") else ""
    if exchange := options.exchange or brainpool:
        # OpenSSL's own groups hold no Brainpool curve; a key of one needs it.
        context.set_ecdh_curve(exchange)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "gateway.pem"
        path.write_text(certificate.pem + certificate.key_pem)
        context.load_cert_chain(path)
    return context
