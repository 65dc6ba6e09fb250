"""What can be wrong with a tariff, or with what it is applied to."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar


class TariffError(Exception):
    """Base of everything that leaves this room.

    `key` names the translated text, `placeholders` are its variables.
    """

    key: ClassVar[str] = "tariff_invalid"

    def __init__(self, detail: str = "", **placeholders: str) -> None:
        """Keep a technical detail and the variables of the text."""
        super().__init__(detail or self.key)
        self.detail = detail
        self.placeholders: Mapping[str, str] = MappingProxyType(placeholders)


class TariffUnreadable(TariffError):
    """The file is no AR 2418-6 supplier file."""

    key = "tariff_unreadable"


class TariffInvalid(TariffError):
    """The tariff breaks a rule of its format; `rule` says which."""

    key = "tariff_invalid"

    def __init__(self, rule: str, detail: str = "") -> None:
        """Name the rule, a fixed word."""
        super().__init__(f"{rule} {detail}".strip(), rule=rule)
        self.rule = rule


class OtherContract(TariffError):
    """The tariff was written for another contract, meter or gateway."""

    key = "tariff_other_contract"


class PeriodInvalid(TariffError):
    """The billing period is none that the use case allows."""

    key = "tariff_period"


class ProfileIncomplete(TariffError):
    """The load profile has no usable reading at the start or end of the period."""

    key = "tariff_profile_incomplete"
