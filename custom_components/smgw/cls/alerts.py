"""Failures of sockets and TLS as `ChannelError`: the only place that names them."""

import errno
import re
import socket
import ssl

from .errors import ChannelError
from .reasons import ChannelReason as Reason

# What OpenSSL calls an alert that the peer has sent.
_ALERT = re.compile(r"(?:SSLV3|TLSV1|TLSV13)_(?:ALERT_)?([A-Z_]+)")
# One that it has no name for: their codes begin at 1000, below that of the library.
_UNNAMED = re.compile(r"unknown error \(0x([0-9a-f]+)\)")
_ALERTS = range(1000, 1256)
_SPELLED = {
    "user_canceled": Reason.ALERT_USER_CANCELLED,
    "bad_certificate_status_response": Reason.ALERT_BAD_CERTIFICATE_STATUS,
    "bad_certificate_hash_value": Reason.ALERT_BAD_CERTIFICATE_HASH,
}
_OURS = {
    "NO_PROTOCOLS_AVAILABLE": Reason.TLS_VERSION,
    "NO_SHARED_CIPHER": Reason.TLS_NO_COMMON,
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": Reason.PEER_NO_CERTIFICATE,
    "UNEXPECTED_EOF_WHILE_READING": Reason.TLS_CUT,
    "UNSUPPORTED_PROTOCOL": Reason.TLS_VERSION,
    "VERSION_TOO_LOW": Reason.TLS_VERSION,
    "WRONG_CIPHER_RETURNED": Reason.TLS_NO_COMMON,
    "WRONG_CURVE": Reason.TLS_NO_COMMON,
}

OWN_REFUSED = frozenset(
    {
        Reason.ALERT_ACCESS_DENIED,
        Reason.ALERT_BAD_CERTIFICATE,
        Reason.ALERT_CERTIFICATE_EXPIRED,
        Reason.ALERT_CERTIFICATE_REQUIRED,
        Reason.ALERT_CERTIFICATE_REVOKED,
        Reason.ALERT_CERTIFICATE_UNKNOWN,
        Reason.ALERT_DECRYPT_ERROR,
        Reason.ALERT_HANDSHAKE_FAILURE,
        Reason.ALERT_NO_CERTIFICATE,
        Reason.ALERT_UNKNOWN_CA,
        Reason.ALERT_UNRECOGNIZED_NAME,
        Reason.ALERT_UNSUPPORTED_CERTIFICATE,
        Reason.INNER_FAILED,
        Reason.OWN_EXPIRED,
        Reason.OWN_UNUSABLE,
        Reason.SOCKS_CUT,
        Reason.SOCKS_NOT_ALLOWED,
        Reason.TLS_CUT,
    }
)
"""The peer may know another certificate of ours, or this one cannot be shown any more.

A gateway's profile is one of a certificate and a destination (reference R1.2): it may know both of ours,
and lead to the EMT with only one of them. Inside, it is the EMT that knows one or the other.
"""
INNER = {
    Reason.PEER_UNKNOWN: Reason.INNER_PEER_UNKNOWN,
    Reason.PEER_EXPIRED: Reason.INNER_PEER_EXPIRED,
    Reason.PEER_NOT_YET_VALID: Reason.INNER_PEER_NOT_YET_VALID,
    Reason.TLS_TIMEOUT: Reason.INNER_TIMEOUT,
}


class PeerRefused(ssl.SSLError):
    """The peer's certificate is not the one, or cannot be used now; asyncio knows how to end such a handshake."""

    def __init__(self, refusal: Reason) -> None:
        """Take the code."""
        super().__init__(refusal.value)
        self.refusal = refusal


def of_handshake(err: Exception) -> ChannelError:
    """Return what a failed handshake means."""
    return ChannelError(_handshake(err), _told(err))


def of_inner(err: Exception) -> ChannelError:
    """Return what a failed handshake of the inner TLS means."""
    reason = INNER.get(_handshake(err), Reason.INNER_FAILED)
    return ChannelError(reason, _told(err))


def of_connection(err: OSError) -> ChannelError:
    """Return what a TCP connection that did not come about means."""
    if isinstance(err, TimeoutError):
        reason = Reason.TCP_TIMEOUT
    elif isinstance(err, socket.gaierror):
        reason = Reason.NAME_UNKNOWN
    elif isinstance(err, ConnectionRefusedError):
        reason = Reason.TCP_REFUSED
    else:
        reason = Reason.UNREACHABLE
    return ChannelError(reason, _told(err))


def of_listening(err: OSError) -> ChannelError:
    """Return why our own port cannot be opened."""
    reason = {
        errno.EADDRINUSE: Reason.PORT_IN_USE,
        errno.EACCES: Reason.PORT_NOT_ALLOWED,
        errno.EPERM: Reason.PORT_NOT_ALLOWED,
    }.get(err.errno or 0, Reason.ADDRESS_NOT_OURS)
    return ChannelError(reason, _told(err))


def of_end(err: BaseException | None) -> ChannelError:
    """Return why a connection that was up is over."""
    if err is None or isinstance(err, ssl.SSLEOFError):
        return ChannelError(Reason.CLOSED_BY_PEER)
    if isinstance(err, ChannelError):
        return err
    return ChannelError(Reason.RESET_BY_PEER, _told(err))


def _handshake(err: Exception) -> Reason:
    match err:
        case ChannelError():
            return err.reason
        case PeerRefused():
            return err.refusal
        case TimeoutError():
            return Reason.TLS_TIMEOUT
        case ssl.SSLCertVerificationError():
            return Reason.PEER_UNKNOWN
        case ssl.SSLZeroReturnError():
            # It took its leave politely, before anything was agreed on.
            return Reason.TLS_CUT
        case ssl.SSLError():
            return _reason(err.reason) if err.reason else _unnamed(str(err))
        case ConnectionError():
            # asyncio says of a handshake that takes too long, that it was aborted.
            late = "longer than" in str(err)
            return Reason.TLS_TIMEOUT if late else Reason.TLS_CUT
    return Reason.TLS_FAILED


def _reason(said: str) -> Reason:
    if match := _ALERT.fullmatch(said):
        name = match[1].lower()
        if name in _SPELLED:
            return _SPELLED[name]
        try:
            return Reason(f"alert_{name}")
        except ValueError:
            return Reason.ALERT_UNKNOWN
    return _OURS.get(said, Reason.TLS_FAILED)


def _unnamed(said: str) -> Reason:
    match = _UNNAMED.search(said)
    code = int(match[1], 16) & 0x7FFFFF if match else 0
    return Reason.ALERT_UNKNOWN if code in _ALERTS else Reason.TLS_FAILED


def _told(err: BaseException) -> str:
    return getattr(err, "reason", None) or str(err) or type(err).__name__
