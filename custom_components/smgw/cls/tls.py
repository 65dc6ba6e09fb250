"""TLS as gateways speak it: TR-03116-3 (edition 2025), chapters 4.2 and 5; R1.3, R2.5.

TLS 1.2 only (Python cannot name the suites of 1.3), four suites, signatures with SHA-256 or more, one curve, which is that of our
key and of the peer's. The peer's certificate is compared with its fingerprint in constant time, whoever signed it, and has to be valid now.
No tickets, no renegotiation, no compression.
"""

import asyncio
from collections.abc import Callable
from contextvars import ContextVar
from datetime import datetime
import ssl
from typing import Any, override

from . import keyfile
from .alerts import PeerRefused
from .certificates import Facts, is_one_of
from .errors import ChannelError
from .identity import Identity
from .peek import Peek
from .reasons import ChannelReason

SUITES = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-AES128-SHA256",
    "ECDHE-ECDSA-AES256-SHA384",
)
# OpenSSL's X509_V_FLAG_NO_CHECK_TIME, which Python does not name: our own clock decides, which may be the gateway's.
_NO_CHECK_TIME = 0x200000
WIRE: ContextVar[asyncio.WriteTransport | None] = ContextVar("WIRE", default=None)
"""What a handshake that is being made writes to."""
_OPENSSL_NAMES = {"secp256r1": "prime256v1"}


class _Handshake(ssl.SSLObject):
    """A handshake that looks at the peer's certificate before OpenSSL does."""

    context: PinnedContext
    incoming: ssl.MemoryBIO
    outgoing: ssl.MemoryBIO
    wire: asyncio.WriteTransport | None
    peek: Peek
    facts: Facts | None = None
    refusal: ChannelReason | None = None

    @override
    def do_handshake(self) -> None:
        """Take the next step."""
        if self.facts is None and (data := self.incoming.read()):
            self.peek.feed(data)
            self.incoming.write(data)
            if self.peek.leaf is not None:
                self._look(self.peek.leaf)
        try:
            super().do_handshake()
        except ssl.SSLError as err:
            if not isinstance(err, ssl.SSLWantReadError):
                self._last_word()
            # Also where OpenSSL would go on: what it wants to answer, our certificate among it, is still in memory.
            if self.refusal is not None:
                raise PeerRefused(self.refusal) from err
            raise
        # Not only for what was seen above: an abbreviated handshake shows no certificate.
        self._look(self.getpeercert(True) or b"")
        if self.refusal is not None:
            raise PeerRefused(self.refusal)

    def _last_word(self) -> None:
        """Let the peer know why: asyncio hangs up without sending the alert that OpenSSL has ready."""
        if self.wire is not None and (alert := self.outgoing.read()):
            self.wire.write(alert)

    def _look(self, leaf: bytes) -> None:
        """Let OpenSSL trust the certificate if it is the right one; else it will refuse it."""
        if not is_one_of(leaf, self.context.peers):
            self.refusal = ChannelReason.PEER_UNKNOWN
            return
        try:
            self.facts = Facts.of(leaf)
            self.context.load_verify_locations(cadata=leaf)
        except ValueError, ssl.SSLError:
            self.refusal = ChannelReason.PEER_UNKNOWN
            return
        self.refusal = self.facts.invalid_at(self.context.now())
        if self.refusal is None and self.facts.curve != self.context.curve:
            self.refusal = ChannelReason.PEER_WRONG_CURVE


class PinnedContext(ssl.SSLContext):
    """A TLS context for one kind of peer; made by `context`."""

    sslobject_class = _Handshake
    peers: tuple[str, ...]
    curve: str
    now: Callable[[], datetime]

    @override
    def wrap_bio(
        self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, *args: Any, **kw: Any
    ) -> ssl.SSLObject:
        """Make a handshake that can see what comes in."""
        made = super().wrap_bio(incoming, outgoing, *args, **kw)
        assert isinstance(made, _Handshake)
        made.incoming, made.outgoing, made.peek = incoming, outgoing, Peek()
        made.wire = WIRE.get()
        return made


def context(
    own: Identity,
    peers: tuple[str, ...],
    now: Callable[[], datetime],
    *,
    server: bool,
) -> PinnedContext:
    """Return a context that shows our certificate and accepts those of some fingerprints.

    Blocks. Raises ChannelError if our own key and certificate cannot be used.
    """
    try:
        facts = own.facts
    except ValueError:
        raise ChannelError(ChannelReason.OWN_UNUSABLE) from None
    if facts.curve is None:
        raise ChannelError(ChannelReason.OWN_UNUSABLE, "curve")
    if facts.invalid_at(now()) is not None:
        raise ChannelError(ChannelReason.OWN_EXPIRED)
    made = PinnedContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
    made.peers, made.curve, made.now = peers, facts.curve, now
    restrict(made, facts.curve)
    made.verify_mode = ssl.CERT_REQUIRED
    # The one certificate is its own anchor, whoever signed it; no strict flags: gateways' certificates are old.
    made.verify_flags = ssl.VerifyFlags(
        ssl.VERIFY_X509_PARTIAL_CHAIN | ssl.VERIFY_X509_TRUSTED_FIRST | _NO_CHECK_TIME
    )
    keyfile.load(made, own)
    return made


def restrict(made: ssl.SSLContext, curve: str) -> None:
    """Leave a context nothing but what gateways may speak, on one curve."""
    made.check_hostname = False
    made.minimum_version = made.maximum_version = ssl.TLSVersion.TLSv1_2
    # The level leaves out what signs with less than SHA-256, which Python cannot name.
    made.set_ciphers(":".join((*SUITES, "@SECLEVEL=3")))
    made.set_ecdh_curve(_OPENSSL_NAMES.get(curve, curve))
    made.options |= (
        ssl.OP_NO_RENEGOTIATION
        | ssl.OP_NO_TICKET
        | ssl.OP_NO_COMPRESSION
        | ssl.OP_CIPHER_SERVER_PREFERENCE
        | ssl.OP_SINGLE_ECDH_USE
    )


def facts_of(transport: Any) -> Facts:
    """Return what the peer's certificate says, of a TLS transport that is up."""
    ssl_object: ssl.SSLObject = transport.get_extra_info("ssl_object")
    return Facts.of(ssl_object.getpeercert(True) or b"")
