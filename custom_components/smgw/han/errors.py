"""What can go wrong between us and a gateway.

Each failure the owner can tell apart, or act upon differently, is a class of its
own. `key` names the translated text, `placeholders` are its variables; neither
ever holds a secret or a piece of a page.
"""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from .history import ProfileSlice


class SmgwError(Exception):
    """Base of everything that leaves the client."""

    key: ClassVar[str] = "unknown_failure"

    def __init__(self, detail: str = "") -> None:
        """Keep a technical detail for the log; it is never shown as the reason."""
        super().__init__(detail or self.key)
        self.detail = detail

    @property
    def placeholders(self) -> dict[str, str]:
        """Variables of the translated text."""
        return {}


# What the owner typed.


class InvalidAddress(SmgwError):
    """The address is neither a host, a host with port, nor a URL."""

    key = "invalid_address"


class InvalidUser(SmgwError):
    """The user name cannot be sent: HTTP Digest allows no colon in it (RFC 7616)."""

    key = "invalid_user"


# The file with a client certificate.


class ClientFileError(SmgwError):
    """A file that gives no login; its children say why."""


class NotPkcs12(ClientFileError):
    """Something else than a PKCS#12 file, or a piece of one."""

    key = "not_pkcs12"


class FilePasswordNeeded(ClientFileError):
    """The file is locked, and no password was given."""

    key = "file_password_needed"


class WrongFilePassword(ClientFileError):
    """The password does not open the file."""

    key = "wrong_file_password"


class PrivateKeyMissing(ClientFileError):
    """The file does not hold both, a private key and a certificate."""

    key = "private_key_missing"


class KeyMismatch(ClientFileError):
    """The key of the file belongs to none of its certificates."""

    key = "key_mismatch"


class WrongKeyType(ClientFileError):
    """A key that no gateway takes: RSA, or an elliptic curve of others."""

    key = "wrong_key_type"

    def __init__(self, found: str) -> None:
        """Name what it is instead."""
        super().__init__(found)
        self.found = found

    @property
    def placeholders(self) -> dict[str, str]:
        """Variables of the translated text."""
        return {"found": self.found}


class ClientCertificateExpired(ClientFileError):
    """The certificate of the file is no longer valid."""

    key = "client_certificate_expired"

    def __init__(self, moment: datetime) -> None:
        """Keep the end of its validity (UTC)."""
        super().__init__(moment.isoformat())
        self.moment = moment

    @property
    def placeholders(self) -> dict[str, str]:
        """Variables of the translated text."""
        return {"valid_until": self.moment.date().isoformat()}


class ClientCertificateNotYetValid(ClientFileError):
    """The certificate of the file is not valid yet, or our clock is wrong."""

    key = "client_certificate_not_yet_valid"

    def __init__(self, moment: datetime) -> None:
        """Keep the beginning of its validity (UTC)."""
        super().__init__(moment.isoformat())
        self.moment = moment

    @property
    def placeholders(self) -> dict[str, str]:
        """Variables of the translated text."""
        return {"valid_from": self.moment.date().isoformat()}


# TCP, TLS, certificate.


class SmgwConnectionError(SmgwError):
    """No usable connection to the gateway; its children say why."""


class HostNotFound(SmgwConnectionError):
    """The host name has no address."""

    key = "host_not_found"


class InterfaceMissing(HostNotFound):
    """A link-local IPv6 address without a network interface of ours behind it."""

    key = "interface_missing"


class ConnectionRefused(SmgwConnectionError):
    """Something lives at the address, but not on this port."""

    key = "connection_refused"


class Unreachable(SmgwConnectionError):
    """Nothing answers at the address."""

    key = "unreachable"


class TlsFailed(SmgwConnectionError):
    """The port answers, but no TLS connection comes about."""

    key = "tls_failed"


class HandshakeRefused(TlsFailed):
    """The gateway does not take the curve that was offered; another one may do."""


class RenegotiationRefused(TlsFailed):
    """The gateway refuses whoever announces secure renegotiation, as OpenSSL does."""

    key = "renegotiation_refused"


class CertificateChanged(SmgwConnectionError):
    """The certificate shown is not the one the owner confirmed; nothing was sent."""

    key = "certificate_changed"


class ConnectionCut(SmgwConnectionError):
    """The gateway closed the connection in the middle of an exchange."""

    key = "connection_cut"


class ClientCertificateDropped(ConnectionCut):
    """The gateway closed the connection upon our certificate, and did not say why."""

    key = "client_certificate_dropped"


class LoginUnanswered(ConnectionCut):
    """The answer to a login got lost, at a gateway where logins have worked.

    Once it may be chance; twice in a row it is `LoginDropped`.
    """

    key = "login_unanswered"


class AnswerTimeout(SmgwConnectionError):
    """The gateway took a request and did not finish its answer in time."""

    key = "answer_timeout"


# Who it is.


class NotAGateway(SmgwError):
    """Something else than a gateway's consumer interface answers."""

    key = "not_a_gateway"


class UnnamedGateway(NotAGateway):
    """A gateway's interface seems to answer, but nothing tells the gateway's number."""

    def __init__(self, der: bytes) -> None:
        """Take the certificate it showed (DER)."""
        super().__init__("certificate names no gateway")
        self.der = der


class InvalidGatewayId(SmgwError):
    """What was entered is no gateway's number."""

    key = "invalid_gateway_id"


class UnsupportedVendor(SmgwError):
    """A gateway, but of a maker there is no driver for."""

    key = "unsupported_vendor"

    def __init__(self, gateway_id: str) -> None:
        """Name the gateway."""
        super().__init__(gateway_id)
        self.gateway_id = gateway_id

    @property
    def placeholders(self) -> dict[str, str]:
        """Variables of the translated text."""
        return {"gateway_id": self.gateway_id}


class WrongGateway(SmgwError):
    """A gateway answers that has another id than its certificate."""

    key = "wrong_gateway"


class HostRefused(SmgwError):
    """A gateway refuses every request under the address we use for it."""

    key = "host_refused"


class OldInterface(SmgwError):
    """A gateway whose firmware has only an interface from before the present one."""

    key = "old_interface"


# Login.


class SmgwLoginError(SmgwError):
    """The gateway refused the login: trying the same again may lock it."""

    key = "login_refused"
    announced: str | None = None
    """The Digest algorithm of the challenge that was answered in vain."""


class WrongPassword(SmgwLoginError):
    """User or password are wrong (HTTP 401 to an answered challenge)."""

    key = "wrong_password"


class LoginRefused(SmgwLoginError):
    """The refusal page instead of a session.

    Seen for wrong credentials on some firmware, and for right ones where the
    operator's consumer account is broken (observed with several operators).
    """

    key = "login_refused"


class LoginDropped(SmgwLoginError):
    """The gateway answered the login with silence, as some do for wrong credentials."""

    key = "login_dropped"


class ClientCertificateUnknown(SmgwLoginError):
    """The gateway asks for a password although a certificate was shown.

    So it does with one that is assigned to no user, and with one that has expired
    (handbook of Theben).
    """

    key = "client_certificate_unknown"


class ClientCertificateRefused(SmgwLoginError):
    """The gateway refused our certificate in the TLS handshake."""

    key = "client_certificate_refused"

    @property
    def untrusted(self) -> bool:
        """Say whether its alert was about whom it trusts, not about the handshake."""
        words = ("UNKNOWN_CA", "BAD_CERTIFICATE", "ALERT_CERTIFICATE", "ACCESS_DENIED")
        return any(word in self.detail for word in words)


class WrongCurve(SmgwLoginError):
    """The gateway refused our certificate, whose key is on another curve than its own.

    In TLS 1.2 both must be among those offered (RFC 8422). Python can offer either the
    NIST curves or one of Brainpool's, and Theben's gateways know P-384 only.
    """

    key = "wrong_curve"

    def __init__(self, gateway: str, key: str) -> None:
        """Name both curves."""
        super().__init__(f"{gateway}, not {key}")
        self.curves = {"gateway_curve": gateway, "key_curve": key}

    @property
    def placeholders(self) -> dict[str, str]:
        """Variables of the translated text."""
        return self.curves


class ClientKeyUnusable(SmgwLoginError):
    """The stored key or certificate is damaged."""

    key = "client_key_unusable"


class NoTemporaryFile(SmgwError):
    """A key could not be handed to the TLS library: the system's disk refused a file."""

    key = "no_temporary_file"


class PortalLocked(SmgwError):
    """The gateway counts down after too many wrong logins."""

    key = "portal_locked"

    def __init__(self, remaining: timedelta) -> None:
        """Keep how long the lock lasts."""
        super().__init__(f"locked for {remaining}")
        self.remaining = remaining

    @property
    def placeholders(self) -> dict[str, str]:
        """Variables of the translated text."""
        minutes, seconds = divmod(int(self.remaining.total_seconds()), 60)
        return {"remaining": f"{minutes}:{seconds:02}"}


class SessionInUse(SmgwError):
    """Somebody else is logged in; a gateway serves one session at a time."""

    key = "session_in_use"


class SessionExpired(SmgwError):
    """The gateway dropped our session, or no longer knows an id it gave us."""

    key = "session_expired"


# Answers.


class GatewayFault(SmgwError):
    """The gateway reports an inner fault (HTTP 5xx)."""

    key = "gateway_fault"


class GatewayBusy(SmgwError):
    """The gateway asks to be left alone for a while (HTTP 429, or 503 with a time)."""

    key = "gateway_busy"

    def __init__(self, pause: timedelta) -> None:
        """Keep how long."""
        super().__init__(f"busy for {pause}")
        self.pause = pause

    @property
    def placeholders(self) -> dict[str, str]:
        """Variables of the translated text."""
        return {"minutes": str(-(-self.pause // timedelta(minutes=1)))}


class SelfTestLocked(SmgwError):
    """The gateway refuses a self-test: one is running, or was a short while ago."""

    key = "self_test_locked"

    def __init__(self, pause: timedelta) -> None:
        """Keep how long that may last at most."""
        super().__init__(f"locked for {pause} at most")
        self.pause = pause

    @property
    def placeholders(self) -> dict[str, str]:
        """Variables of the translated text."""
        return {"minutes": str(-(-self.pause // timedelta(minutes=1)))}


class PageTooLarge(SmgwError):
    """An answer larger than any page of a gateway."""

    key = "page_too_large"


class PageUnreadable(SmgwError):
    """A page of the gateway that we cannot read, or that answers something else."""

    key = "page_unreadable"


class SignatureBroken(PageUnreadable):
    """A signed export whose content, signature and certificate do not fit together.

    Nothing of it is used; `original` is there for who wants to show it to somebody.
    """

    key = "signature_broken"

    original: ProfileSlice | None = None
    """What came, without any row; set by the driver for values of a meter."""


class NoMeterAssigned(SmgwError):
    """Login works, but the operator assigned no meter to this account."""

    key = "no_meter"


class ContractsEnded(SmgwError):
    """Login works, but every contract of this account has ended."""

    key = "contracts_ended"


class NoData(SmgwError):
    """The gateway holds nothing for the span asked for."""

    key = "no_data"


class RangeTooLarge(SmgwError):
    """The span asked for holds more records than the gateway hands out at once."""

    key = "range_too_large"

    def __init__(self, found: int, allowed: int) -> None:
        """Keep the gateway's own numbers, in records."""
        super().__init__(f"{found} records, {allowed} allowed")
        self.found = found
        self.allowed = allowed

    @property
    def placeholders(self) -> dict[str, str]:
        """Variables of the translated text."""
        return {"found": str(self.found), "allowed": str(self.allowed)}
