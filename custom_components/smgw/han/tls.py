"""TLS towards a gateway: look at its certificate once, then accept no other.

Gateways use NIST or Brainpool curves (TR-03116-3). OpenSSL offers the former by itself;
of the latter Python can name one, for TLS 1.2. So a handshake that is refused is
tried again with each Brainpool curve, and the one that worked is kept.
"""

import asyncio
from collections.abc import AsyncIterator
import ssl
from typing import override
from weakref import WeakKeyDictionary

from . import hello, keyfile
from .address import Address
from .errors import HandshakeRefused, RenegotiationRefused, TlsFailed, Unreachable
from .failures import OtherBytes, handshake_failure, typed_failures
from .model import ClientCertificate

NIST = "NIST"
"""OpenSSL's own offer, P-256 and P-384 among it."""
CURVES = (NIST, "brainpoolP256r1", "brainpoolP384r1", "brainpoolP512r1")

# OpenSSL's X509_V_FLAG_NO_CHECK_TIME, which Python does not name.
_NO_CHECK_TIME = 0x200000
# After so many seconds of silence the next address of a name is tried as well.
_NEXT_ADDRESS = 0.25


class _PinnedHandshake(ssl.SSLObject):
    """A handshake that ends where the server's certificate is not the pinned one.

    OpenSSL checks the key. The bytes are compared here: after each step, while what
    OpenSSL wants to answer, our certificate among it, is still in memory.
    """

    context: PinnedContext

    @override
    def do_handshake(self) -> None:
        """Take the next step."""
        try:
            super().do_handshake()
        except ssl.SSLWantReadError:
            if chain := self.get_unverified_chain():
                self._compare(chain)
            raise
        self._compare(self.get_unverified_chain())

    def _compare(self, chain: list[bytes]) -> None:
        if chain[:1] != [self.context.pin]:
            raise OtherBytes("not the pinned certificate")
        self.context.trusted = True


class PinnedContext(ssl.SSLContext):
    """A TLS context that speaks to one certificate only; made by `PinnedTls`."""

    sslobject_class = _PinnedHandshake
    pin: bytes
    curve: str
    """One of `CURVES`: what it offers."""
    trusted = False
    """Whether the latest handshake got as far as the right certificate.

    What fails after that fails for our own one.
    """
    proven = False
    """Whether a request was ever answered."""


class PinnedTls:
    """Contexts that trust one certificate (DER) and nothing else.

    The name and the validity do not matter: the owner confirmed these very bytes,
    and an expired certificate that is still the same is no reason to stop reading.
    """

    def __init__(self, pin: bytes) -> None:
        """Take the certificate; contexts are made when they are needed."""
        self._pin = pin
        self._contexts: dict[str, PinnedContext] = {}
        # Gone with the login they are for, keys and all.
        self._own: WeakKeyDictionary[ClientCertificate, dict[str, PinnedContext]] = (
            WeakKeyDictionary()
        )
        self._worked: str | None = None

    async def attempts(
        self, account: ClientCertificate | None = None
    ) -> AsyncIterator[PinnedContext]:
        """Yield contexts to try, one for each curve: of the one that worked, or all.

        They log in as `account`, if there is one. Raises `TlsFailed` if the pin is no
        certificate, `ClientKeyUnusable` and `NoTemporaryFile`.
        """
        contexts = (
            self._contexts if account is None else self._own.setdefault(account, {})
        )
        for curve in (self._worked,) if self._worked else CURVES:
            if curve not in contexts:
                contexts[curve] = await asyncio.get_running_loop().run_in_executor(
                    None, _pinned_context, self._pin, curve, account
                )
            contexts[curve].trusted = False
            yield contexts[curve]

    def worked(self, context: PinnedContext) -> None:
        """Keep the curve of a handshake that came about."""
        context.proven = True
        self._worked = context.curve


async def fetch_certificate(address: Address, within: float) -> bytes:
    """Return the certificate (DER) a server shows, and hang up without a word.

    TCP and TLS are separate steps of `within` seconds each, so that each failure has
    its own name. Raises the children of `SmgwConnectionError`.
    """
    refused: HandshakeRefused | None = None
    for curve in CURVES:
        try:
            return await _look(address, curve, within)
        except HandshakeRefused as err:
            refused = refused or err
    raise await refusal(address, refused, within) from refused


async def refusal(
    address: Address, first: HandshakeRefused | None, within: float | None
) -> TlsFailed:
    """Return why all handshakes were refused; `first` is what the first met.

    Asks the gateway once more where that may tell: at most two connections of
    `within` seconds each.
    """
    if await hello.refuses_announcement(address, within):
        return RenegotiationRefused("RFC 5746")
    return TlsFailed(first.detail if first else "")


async def open_tcp(address: Address, within: float) -> asyncio.StreamWriter:
    """Open a TCP connection within so many seconds.

    Raises `HostNotFound`, `ConnectionRefused`, `Unreachable`.
    """
    with typed_failures(address.zone):
        try:
            async with asyncio.timeout(within):
                _, writer = await asyncio.open_connection(
                    address.host,
                    address.port,
                    # as aiohttp does with a name of several addresses
                    happy_eyeballs_delay=_NEXT_ADDRESS,
                    all_errors=True,
                )
        except TimeoutError as err:
            raise Unreachable("no TCP connection in time") from err
    return writer


async def listens(address: Address, within: float) -> bool:
    """Say whether a port takes TCP connections; nothing is sent."""
    try:
        async with asyncio.timeout(within):
            _, writer = await asyncio.open_connection(address.host, address.port)
    except OSError:
        return False
    writer.transport.abort()
    return True


async def _look(address: Address, curve: str, within: float) -> bytes:
    writer = await open_tcp(address, within)
    try:
        async with asyncio.timeout(within):
            await writer.start_tls(_trusting_nobody(curve))
        # never None: no cipher without a certificate is offered
        der: bytes = writer.get_extra_info("ssl_object").getpeercert(True)
    except TimeoutError as err:
        raise TlsFailed("no handshake in time") from err
    except OSError as err:
        raise handshake_failure(err) from err
    finally:
        writer.transport.abort()
    return der


def _pinned_context(
    der: bytes, curve: str, account: ClientCertificate | None
) -> PinnedContext:
    """Return a context that accepts one certificate. Blocks a little."""
    context = _context(PinnedContext, curve)
    context.pin, context.curve = der, curve
    context.verify_flags = ssl.VerifyFlags(
        ssl.VERIFY_X509_PARTIAL_CHAIN | ssl.VERIFY_X509_TRUSTED_FIRST | _NO_CHECK_TIME
    )
    try:
        context.load_verify_locations(cadata=der)
    except (ssl.SSLError, ValueError) as err:
        raise TlsFailed("the pin is no certificate") from err
    if account is not None:
        keyfile.load(context, account)
    return context


def _trusting_nobody(curve: str) -> ssl.SSLContext:
    """Nothing may be sent over this: the owner is yet to look at the certificate."""
    context = _context(ssl.SSLContext, curve)
    context.verify_mode = ssl.CERT_NONE
    return context


def _context[T: ssl.SSLContext](kind: type[T], curve: str) -> T:
    context = kind(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    # Forbidden (TR-03116-3); and the bytes are compared in the first handshake only.
    context.options |= ssl.OP_NO_RENEGOTIATION
    if curve != NIST:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ecdh_curve(curve)
    return context
