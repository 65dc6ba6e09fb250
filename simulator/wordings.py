"""OBIS codes, DLMS units and FNN status words as gateways with JSON write them.

Sources: the DLMS unit table; status words and their reversed bits as the
official transparency software reads them.
"""

from dataclasses import dataclass
import re

from .meters import Register

_OBIS = re.compile(r"(\d+)-(\d+):(\d+)\.(\d+)\.(\d+)(?:\*(\d+))?")

# of the gateway's half of the status word
IDENTIFICATION = 0x5
FATAL = 0x100
CLOCK_INVALID = 0x200
PTB_WARNING = 0x1000
VALUE_INVALID = 0x4000
# of the meter's half
METER_IDENTIFICATION = 0x4
THREE_VOLTAGES = 0x1C0000


@dataclass(frozen=True, slots=True)
class Scale:
    """How a register is counted on the wire: value = raw x 10^scaler in unit.

    ``unit`` is a DLMS code; ``lift`` the powers of ten from the register's unit
    (kWh) to that of the code (Wh).
    """

    unit: int
    scaler: int
    lift: int = 0

    def raw(self, units: int) -> int:
        """Return the whole number for a value in 0.0001 of the register's unit."""
        power = self.lift - 4 - self.scaler
        return units * 10**power if power >= 0 else _rounded(units, 10**-power)


_SCALES = {
    "kWh": Scale(30, -1, 3),
    "kVAh": Scale(31, -1, 3),
    "kvarh": Scale(32, -1, 3),
    "m3": Scale(13, -4),
    "W": Scale(27, -1),
    "VA": Scale(28, -1),
    "var": Scale(29, -1),
    "A": Scale(33, -2),
    "V": Scale(35, -1),
    "Hz": Scale(44, -2),
    "°": Scale(8, -1),
}
_NO_UNIT = Scale(255, -4)
_CORRECTED_VOLUME = Scale(14, -4)


def scale(register: Register) -> Scale:
    """Return how a register is counted: energy in 0.1 Wh, volume in 0.0001 m3."""
    if register.obis.startswith("7-0:3.1."):
        return _CORRECTED_VOLUME
    return _SCALES.get(register.unit, _NO_UNIT)


def obis_hex(code: str) -> str:
    """Return ``0100010800ff`` for ``1-0:1.8.0``; other texts as they are."""
    match = _OBIS.fullmatch(code)
    if match is None:
        return code
    parts = [int(part) for part in match.groups(default="255")]
    return bytes(part & 0xFF for part in parts).hex()


def metering_point(meter_id: str) -> str:
    """Return a made-up MeLo, 33 characters, for a meter."""
    digits = "".join(char for char in meter_id if char.isdigit())
    return f"DE00099999{digits:0>23}"


def word(bits: int) -> str:
    """Return 8 hex digits, least significant bit first: 5 is ``a0000000``."""
    return f"{int(f'{bits:032b}'[::-1], 2):08x}"


def meter_word(medium: str) -> str:
    """Return a healthy meter's word: electricity meters see three voltages."""
    voltages = THREE_VOLTAGES if medium == "1" else 0
    return word(METER_IDENTIFICATION | voltages)


def _rounded(number: int, divisor: int) -> int:
    """Divide, half away from zero."""
    whole = (abs(number) * 2 + divisor) // (2 * divisor)
    return whole if number >= 0 else -whole
