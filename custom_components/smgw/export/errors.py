"""What can be wrong with an export, or with a file that is read again."""

from typing import ClassVar


class ExportError(Exception):
    """Base of everything that leaves this room; `key` names the translated text."""

    key: ClassVar[str] = "export_failed"


class ExportRule(ExportError):
    """The data break a rule of the format; `rule` says which, a fixed word."""

    key = "export_rule"

    def __init__(self, rule: str, detail: str = "") -> None:
        """Name the rule."""
        super().__init__(f"{rule} {detail}".strip())
        self.rule = rule


class FileUnreadable(ExportError):
    """The file is none of this format."""

    key = "export_unreadable"
