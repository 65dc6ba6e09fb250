"""Units of a register, in one spelling whatever the gateway writes."""

from enum import StrEnum


class Unit(StrEnum):
    """Units a gateway delivers (DLMS unit table)."""

    WATT_HOUR = "Wh"
    KILOWATT_HOUR = "kWh"
    VAR_HOUR = "varh"
    KILOVAR_HOUR = "kvarh"
    VOLT_AMPERE_HOUR = "VAh"
    KILOVOLT_AMPERE_HOUR = "kVAh"
    WATT = "W"
    KILOWATT = "kW"
    VAR = "var"
    KILOVAR = "kvar"
    VOLT_AMPERE = "VA"
    KILOVOLT_AMPERE = "kVA"
    VOLT = "V"
    AMPERE = "A"
    HERTZ = "Hz"
    DEGREE = "°"
    CUBIC_METRE = "m³"
    MEGAJOULE = "MJ"
    GIGAJOULE = "GJ"
    NONE = ""

    @property
    def is_quantity(self) -> bool:
        """Say whether it measures an amount, which a meter can count."""
        return self in _QUANTITIES


_QUANTITIES = frozenset(
    {
        Unit.WATT_HOUR,
        Unit.KILOWATT_HOUR,
        Unit.VAR_HOUR,
        Unit.KILOVAR_HOUR,
        Unit.VOLT_AMPERE_HOUR,
        Unit.KILOVOLT_AMPERE_HOUR,
        Unit.CUBIC_METRE,
        Unit.MEGAJOULE,
        Unit.GIGAJOULE,
    }
)
_SPELLINGS = {unit.value.casefold(): unit for unit in Unit}
_SPELLINGS |= {
    "m3": Unit.CUBIC_METRE,
    "m^3": Unit.CUBIC_METRE,
    "deg": Unit.DEGREE,
    "grad": Unit.DEGREE,
    "cos phi": Unit.NONE,
    "-": Unit.NONE,
}


def parse_unit(text: str) -> Unit | None:
    """Return the unit for a gateway's spelling, letter case ignored; None if unknown."""
    return _SPELLINGS.get(" ".join(text.split()).casefold())
