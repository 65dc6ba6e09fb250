"""Client certificates: asked for in the handshake, judged afterwards.

A gateway whose consumer profile knows the certificate's fingerprint takes it as
login; with any other it falls back to Digest (Theben's document). So the
handshake itself must let every certificate pass.
"""

from datetime import UTC, datetime
import ssl
import time
from typing import Any

from cryptography import x509

_NO_CHECK_TIME = 0x200000  # X509_V_FLAG_NO_CHECK_TIME, which ssl does not name
_NO_COMPRESSED_CERTIFICATE = 1 << 33  # SSL_OP_NO_RX_CERTIFICATE_COMPRESSION
_HANDSHAKE = 22
_CERTIFICATE = 11


def admit_any(context: ssl.SSLContext) -> None:
    """Ask for a client certificate and take whichever comes, or none.

    OpenSSL knows this as a verify callback, which Python does not offer; but it
    shows each handshake message before it acts on it, and a certificate that is
    in the store is trusted.
    """
    context.verify_mode = ssl.CERT_OPTIONAL
    context.options |= _NO_COMPRESSED_CERTIFICATE
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.verify_flags |= ssl.VerifyFlags(_NO_CHECK_TIME)

    def look(
        connection: Any,
        direction: str,
        version: ssl.TLSVersion,
        content: int,
        message: int,
        data: bytes,
    ) -> None:
        if (direction, content, message) == ("read", _HANDSHAKE, _CERTIFICATE):
            if der := first_certificate(data):
                context.load_verify_locations(cadata=der)

    context._msg_callback = look  # type: ignore[attr-defined]  # noqa: SLF001


def first_certificate(message: bytes) -> bytes:
    """Return the leaf's DER of a Certificate message, empty without one.

    RFC 5246 7.4.2 and RFC 8446 4.4.2: four bytes of header, in TLS 1.3 an empty
    request context (one byte), the length of the list that fills the rest, then
    length and certificate.
    """
    tls12 = int.from_bytes(message[4:7]) == len(message) - 7
    start = 7 if tls12 else 8
    size = int.from_bytes(message[start : start + 3])
    return message[start + 3 : start + 3 + size]


def expired(der: bytes) -> bool:
    """Tell whether a certificate's validity has ended, by the machine's clock."""
    # not datetime.now(): a test may have frozen that
    now = datetime.fromtimestamp(int(time.clock_gettime(time.CLOCK_REALTIME)), UTC)
    return x509.load_der_x509_certificate(der).not_valid_after_utc < now
