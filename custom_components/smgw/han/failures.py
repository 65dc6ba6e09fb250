"""Failures of socket, TLS and HTTP, each given its own name. The only place that does."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from email.utils import parsedate_to_datetime
import errno
import socket
import ssl

import aiohttp
from aiohttp import hdrs

from .errors import (
    AnswerTimeout,
    CertificateChanged,
    ClientCertificateDropped,
    ClientCertificateRefused,
    ConnectionCut,
    ConnectionRefused,
    GatewayBusy,
    GatewayFault,
    HandshakeRefused,
    HostNotFound,
    InterfaceMissing,
    NotAGateway,
    PageUnreadable,
    SmgwConnectionError,
    SmgwError,
    TlsFailed,
    Unreachable,
)

# OpenSSL's verification results that mean "this is not the pinned certificate":
# bad signature, self-signed, self-signed in chain, no issuer, no chain.
_NOT_THE_PIN = frozenset({7, 18, 19, 20, 21})


class OtherBytes(ssl.SSLError):
    """Another certificate than the pinned one, though its key passed OpenSSL's check."""


# What a gateway gets that does not say how long it is busy, and the longest it gets.
_REST = timedelta(minutes=15)
_LONGEST_REST = timedelta(hours=6)


@contextmanager
def typed_failures(zone: str | None = None) -> Iterator[None]:
    """Raise an `SmgwError` for whatever aiohttp, ssl or the system raise inside.

    `zone` is that of the address, if it has one.
    """
    try:
        yield
    except (aiohttp.ServerDisconnectedError, aiohttp.ClientPayloadError) as err:
        raise ConnectionCut("closed before the answer was complete") from err
    except OSError as err:
        raise _from_os_error(err, zone) from err
    except ExceptionGroup as group:
        # of a name's several addresses; one that lives says more than one that does not
        causes = [cause for cause in group.exceptions if isinstance(cause, OSError)]
        refused = [c for c in causes if c.errno == errno.ECONNREFUSED]
        raise _from_connecting((refused or causes)[0], zone) from group
    except (aiohttp.ClientError, ValueError) as err:
        # Not `from err`: aiohttp's error holds the request's headers. ValueError: a
        # challenge that is no text, or names no address, makes aiohttp itself stumble.
        raise NotAGateway(type(err).__name__) from None


def raise_if_busy(status: int, headers: Mapping[str, str]) -> None:
    """Raise `GatewayBusy` for an answer that asks to come back later (RFC 9110, 10.2.3)."""
    asked = _retry_after(headers)
    if status == 429 or (status == 503 and asked is not None):
        raise GatewayBusy(min(_REST if asked is None else asked, _LONGEST_REST))


def _retry_after(headers: Mapping[str, str]) -> timedelta | None:
    """Return how long to wait: seconds, or a time on the gateway's own clock."""
    value = headers.get(hdrs.RETRY_AFTER, "").strip()
    if value.isdecimal():
        return timedelta(seconds=min(int(value[:9]), 10**6))
    try:
        until = parsedate_to_datetime(value)
        pause = until - parsedate_to_datetime(headers.get(hdrs.DATE, ""))
    except ValueError, TypeError:
        return None
    return max(pause, timedelta(0))


def unexpected_status(status: int) -> SmgwError:
    """Return what an HTTP status means that no answer of a gateway should have."""
    if status >= 500:
        return GatewayFault(f"HTTP {status}")
    if status in (400, 403, 405):
        return PageUnreadable(f"HTTP {status}")
    return NotAGateway(f"HTTP {status}")


def _from_os_error(err: OSError, zone: str | None) -> SmgwConnectionError:
    """Name a failure of the system's, of TLS, or a time-out; most are `OSError`s."""
    if isinstance(err, aiohttp.ClientConnectorError) and err.os_error is not err:
        return _from_connecting(err.os_error, zone)
    if isinstance(err, aiohttp.ConnectionTimeoutError):
        return Unreachable("no connection in time")
    if isinstance(err, TimeoutError):
        return AnswerTimeout("no complete answer in time")
    if isinstance(err, aiohttp.ClientError):
        return ConnectionCut(type(err).__name__)
    return _from_connecting(err, zone)


def handshake_failure(cause: OSError) -> SmgwConnectionError:
    """Name a failure after the TCP connection, before the end of the TLS handshake."""
    if isinstance(cause, OtherBytes):
        return CertificateChanged("other certificate, same key")
    if isinstance(cause, ssl.SSLCertVerificationError):
        if cause.verify_code in _NOT_THE_PIN:
            return CertificateChanged("other certificate")
        return TlsFailed(cause.verify_message)
    if isinstance(cause, ssl.SSLError):
        return HandshakeRefused(cause.reason or "SSLError")
    # Some send an alert, some just close (observed with Brainpool certificates).
    return HandshakeRefused("closed during the handshake")


def upon_certificate(err: BaseException) -> SmgwError:
    """Name a failure that came in answer to our own certificate.

    An alert is a refusal. A connection that just closes may also mean something that
    passes, so it may be tried again.
    """
    cause: BaseException | None = err
    while cause is not None:
        # aiohttp's own SSLErrors have no reason, but a cause that has.
        reason = getattr(cause, "reason", None) or ""
        if isinstance(cause, ssl.SSLError) and "ALERT" in reason:
            return ClientCertificateRefused(reason)
        cause = cause.__cause__
    return ClientCertificateDropped("closed upon the certificate")


def _from_connecting(cause: OSError, zone: str | None) -> SmgwConnectionError:
    if isinstance(cause, socket.gaierror):
        if zone is not None:
            return InterfaceMissing("no such interface")
        return HostNotFound("no address for the name")
    if isinstance(cause, ssl.SSLError):
        return handshake_failure(cause)
    if cause.errno == errno.ECONNREFUSED:
        return ConnectionRefused("port closed")
    if isinstance(cause, ConnectionError):
        return handshake_failure(cause)
    return Unreachable(cause.strerror or type(cause).__name__)
