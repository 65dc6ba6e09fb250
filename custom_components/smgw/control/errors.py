"""What can go wrong in this room, as classes; `key` is stable and names the text the owner sees."""

from typing import ClassVar

from .reasons import EffectReason, Reason


class ControlError(Exception):
    """Base of everything that leaves this room."""

    key: ClassVar[str] = "control_failure"

    def __init__(self, detail: str = "") -> None:
        """Keep a technical detail for the log."""
        super().__init__(detail or self.key)
        self.detail = detail


class InvalidInput(ControlError):
    """What was sent is not what is described; nothing of it was done."""

    key = "invalid_input"

    def __init__(self, reason: Reason, where: str) -> None:
        """Name the code and the field, never the value: it may be anything."""
        super().__init__(f"{reason} at {where}")
        self.reason = reason
        self.where = where


class LedgerError(ControlError):
    """Something about the ledger; its children say what."""

    key = "ledger_unavailable"


class LedgerUnavailable(LedgerError):
    """Nothing can be written at present: disk full, read-only, or opened by somebody else."""


class LedgerDamaged(LedgerError):
    """The file is not a ledger of ours, or its chain is broken."""

    key = "ledger_damaged"


class LedgerTooNew(LedgerError):
    """A newer version of the integration has written this file."""

    key = "ledger_too_new"


class AlreadyKept(ControlError):
    """A command that was taken for a new one is in the ledger; nothing was written."""


class InvalidKey(ControlError):
    """The stored signing key cannot be used."""

    key = "ledger_key_invalid"


class EffectFailed(ControlError):
    """An executor could not do what it was told; raised by who implements the ports."""

    key = "effect_failed"

    def __init__(self, reason: EffectReason, detail: str = "") -> None:
        """Keep the code that goes into ledger and receipt."""
        super().__init__(detail or reason)
        self.reason = reason
