"""Device numbers after DIN 43863-5, and the logical names built from them.

A device number is one letter or digit for the medium, three letters for the maker
(FLAG), two digits for the block and eight for the device: `1ESY0060178981` is an
electricity meter, `EPPC0210123456` a gateway (`E`: communication device).
"""

from enum import StrEnum
import re

_DEVICE = r"[0-9A-F][A-Z]{3}[0-9]{10}"
_GATEWAY = re.compile(r"E[A-Z]{3}[0-9]{10}(?![0-9A-Z])")
_DIN = re.compile(_DEVICE)
# Prefix of 12 hex digits (an OBIS code), device number, ".sm": the form seen in
# every vendor's interface. The middle is kept lenient, its alphabet is not.
_LOGICAL = re.compile(r"([0-9a-fA-F]{12})\.([0-9A-Za-z_-]{1,40})\.sm")
_METER = re.compile(r"[0-9A-Za-z_-]{1,40}")


class Medium(StrEnum):
    """What a meter measures, from the first character of its number."""

    ELECTRICITY = "electricity"
    HEAT_COST = "heat_cost"
    COOLING = "cooling"
    HEAT = "heat"
    GAS = "gas"
    COLD_WATER = "cold_water"
    HOT_WATER = "hot_water"
    OTHER = "other"


_MEDIA = {
    "1": Medium.ELECTRICITY,
    "4": Medium.HEAT_COST,
    "5": Medium.COOLING,
    "6": Medium.HEAT,
    "7": Medium.GAS,
    "8": Medium.COLD_WATER,
    "9": Medium.HOT_WATER,
}


def gateway_id(text: str) -> str | None:
    """Return the gateway id a text starts with, upper case; None without one.

    Takes the forms seen: `EPPC0210123456`, lower case, `E PPC 02 10123456` as
    printed on the case, `ETHE0300123456.SMGW` as certificate subject.
    """
    match = _GATEWAY.match(text.upper().replace(" ", ""))
    return match[0] if match else None


def flag(device_number: str) -> str:
    """Return the maker's three FLAG letters of a device number."""
    return device_number[1:4].upper()


def meter_id(logical_name: str) -> str | None:
    """Return the device number of a meter, upper case; None if it is none.

    Takes `01005e318002.1esy0060178981.sm`, `1esy0060178981.sm` and the bare number.
    """
    text = logical_name.strip()
    if match := _LOGICAL.fullmatch(text):
        return match[2].upper()
    text = text.removesuffix(".sm")
    return text.upper() if _METER.fullmatch(text) else None


def medium(meter: str) -> Medium:
    """Return the medium of a meter id; `OTHER` unless it follows the standard."""
    if not _DIN.fullmatch(meter):
        return Medium.OTHER
    return _MEDIA.get(meter[0], Medium.OTHER)


def maker(meter: str) -> str | None:
    """Return the maker's FLAG letters of a meter id; None unless it follows the standard."""
    return flag(meter) if _DIN.fullmatch(meter) else None
