"""What can go wrong in this room, as classes; `key` or `reason` is stable and names the text the owner sees."""

from typing import ClassVar

from .reasons import ChannelReason


class ClsError(Exception):
    """Base of everything that leaves this room."""

    key: ClassVar[str] = "cls_failure"

    def __init__(self, detail: str = "") -> None:
        """Keep a technical detail for the log."""
        super().__init__(detail or self.key)
        self.detail = detail


class BadConfig(ClsError):
    """A tunnel cannot be set up like this; `where` is the field of `TunnelConfig`."""

    key = "cls_bad_config"

    def __init__(self, where: str) -> None:
        """Name the field, never its value."""
        super().__init__(where)
        self.where = where


class BadFingerprint(BadConfig):
    """What was typed is no SHA-256 fingerprint."""

    key = "cls_bad_fingerprint"


class BadIdentity(ClsError):
    """A key, certificate or PKCS#12 file that cannot be ours; its children say why."""

    key = "cls_bad_identity"


class NotPkcs12(BadIdentity):
    """The file is no PKCS#12 file, or is damaged."""

    key = "cls_not_pkcs12"


class WrongFilePassword(BadIdentity):
    """The file's password is missing or wrong."""

    key = "cls_wrong_file_password"


class WrongCurve(BadIdentity):
    """The key is on no curve that a gateway may use (TR-03116-3), or is no ECDSA key."""

    key = "cls_wrong_curve"


class KeyMismatch(BadIdentity):
    """Key and certificate do not belong together, or one of the two is missing."""

    key = "cls_key_mismatch"


class OutOfValidity(BadIdentity):
    """The certificate is expired or not valid yet."""

    key = "cls_out_of_validity"


class ChannelError(ClsError):
    """A connection failed or ended; `reason` says why."""

    key = "cls_channel"

    def __init__(self, reason: ChannelReason, detail: str = "") -> None:
        """Take the code."""
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail
