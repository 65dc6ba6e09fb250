"""Raw integers with scaler and unit code, as JSON interfaces deliver them.

Value = raw x 10^scaler in the unit; codes are those of the DLMS/COSEM unit table.
Energies are turned into kWh (kvarh, kVAh), exactly, so that every maker's meter
counts in the same unit; joules, which only heat is counted in, into MJ.
"""

from decimal import Decimal
import re

from .trust import Unusable
from .units import Unit

_INTEGER = re.compile(r"-?\d{1,18}", re.ASCII)
_CODES: dict[int, tuple[Unit, int]] = {
    8: (Unit.DEGREE, 0),
    13: (Unit.CUBIC_METRE, 0),
    14: (Unit.CUBIC_METRE, 0),
    # J: heat, where it is not counted in Wh.
    25: (Unit.MEGAJOULE, -6),
    27: (Unit.WATT, 0),
    28: (Unit.VOLT_AMPERE, 0),
    29: (Unit.VAR, 0),
    30: (Unit.KILOWATT_HOUR, -3),
    31: (Unit.KILOVOLT_AMPERE_HOUR, -3),
    32: (Unit.KILOVAR_HOUR, -3),
    33: (Unit.AMPERE, 0),
    35: (Unit.VOLT, 0),
    44: (Unit.HERTZ, 0),
    255: (Unit.NONE, 0),
}


def scaled(raw: str, scaler: str, unit: str) -> tuple[Decimal, Unit]:
    """Return value and unit. Raises `Unusable` with the reason."""
    exponent, name = scale_of(scaler, unit)
    if (value := times(raw, exponent)) is None:
        raise Unusable("no_value")
    return value, name


def scale_of(scaler: str, unit: str) -> tuple[int, Unit]:
    """Return the power of ten to multiply with, and the unit that results.

    Raises `Unusable` with the reason.
    """
    if not _INTEGER.fullmatch(unit) or (known := _CODES.get(int(unit))) is None:
        raise Unusable("unknown_unit")
    if not _INTEGER.fullmatch(scaler) or abs(int(scaler)) > 9:
        raise Unusable("no_value")
    name, shift = known
    return int(scaler) + shift, name


def times(raw: str, exponent: int) -> Decimal | None:
    """Return raw x 10^exponent; None if `raw` is no integer."""
    if _INTEGER.fullmatch(raw) is None:
        return None
    return Decimal(raw).scaleb(exponent)
