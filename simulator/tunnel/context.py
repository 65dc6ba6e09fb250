"""TLS of the gateway's two legs, after TR-03116-3 (edition 2025), chapters 4 and 5."""

from collections.abc import Callable
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL, crypto
from OpenSSL._util import lib as _LIBRARY

from simulator.tls import Certificate

SUITES = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-AES128-SHA256",
    "ECDHE-ECDSA-AES256-SHA384",
)
HAN_CURVES = (
    "brainpoolP256r1",
    "brainpoolP384r1",
    "brainpoolP512r1",
    "prime256v1",
    "secp384r1",
)
WAN_CURVES = ("brainpoolP256r1", "brainpoolP384r1", "prime256v1")
_SIGNATURES = b"ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512"

type Judge = Callable[[SSL.Connection, bytes, int, int], bool]
"""Connection, DER, OpenSSL's complaint (0: none), depth: whether it passes."""


@dataclass(frozen=True, slots=True)
class TlsProfile:
    """What a side offers; the defaults are the strict profile of the HAN."""

    suites: tuple[str, ...] = SUITES
    curves: tuple[str, ...] = HAN_CURVES
    version: int = SSL.TLS1_2_VERSION
    renegotiates: bool = False


def tls_context(
    own: Certificate, judge: Judge, profile: TlsProfile, chain: tuple[Certificate, ...]
) -> SSL.Context:
    """Return a context for server or client that asks for a certificate.

    ``chain`` are the certificates above our own that are sent along.
    """
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_min_proto_version(profile.version)
    context.set_max_proto_version(profile.version)
    context.set_options(
        SSL.OP_NO_TICKET | SSL.OP_NO_COMPRESSION | SSL.OP_CIPHER_SERVER_PREFERENCE
    )
    if not profile.renegotiates:
        context.set_options(SSL.OP_NO_RENEGOTIATION)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    if profile.version == SSL.TLS1_2_VERSION:
        context.set_cipher_list(":".join(profile.suites).encode())
    _lists(context, profile)
    certificate, key = own.load()
    context.use_certificate(certificate)
    context.use_privatekey(key)
    for above in chain:
        context.add_extra_chain_cert(x509.load_der_x509_certificate(above.der))

    def verify(
        connection: SSL.Connection, found: crypto.X509, error: int, depth: int, ok: int
    ) -> bool:
        der = found.to_cryptography().public_bytes(Encoding.DER)
        return judge(connection, der, error, depth)

    context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, verify)
    return context


def trust(context: SSL.Context, *roots: Certificate) -> None:
    """Let chains end at these."""
    store = context.get_cert_store()
    assert store is not None
    for root in roots:
        store.add_cert(
            crypto.X509.from_cryptography(x509.load_der_x509_certificate(root.der))
        )


def _lists(context: SSL.Context, profile: TlsProfile) -> None:
    """Set curves and signatures, for which pyOpenSSL has no method of its own."""
    library, raw = _LIBRARY, context._context  # noqa: SLF001
    curves = ":".join(profile.curves).encode()
    if library.SSL_CTX_set1_curves_list(raw, curves) != 1:
        raise ValueError(f"OpenSSL does not know one of {profile.curves}")
    if profile.version == SSL.TLS1_2_VERSION:
        if library.SSL_CTX_set1_sigalgs_list(raw, _SIGNATURES) != 1:
            raise ValueError("OpenSSL does not know the signatures")
