"""An apartment house behind one gateway: an account for each flat, five meters each."""

from collections.abc import Iterator
from decimal import Decimal

from .account import Account
from .meters import RegisterSpec
from .scenario import ContractSpec, MeterSpec, Scenario

FLATS = 40
# Of each flat: what the meter is for, and what it counts in a year, kWh.
_METERS = (
    ("Wohnung", 2500),
    ("Wärmepumpe", 3500),
    ("Wallbox", 2000),
    ("Balkon", 800),
    ("Keller", 150),
)
_REGISTERS = (
    ("1-0:1.8.0", "net_import"),
    ("1-0:1.8.1", "tariff1"),
    ("1-0:1.8.2", "tariff2"),
    ("1-0:2.8.0", "net_export"),
)


def apartments(flats: int = FLATS) -> Scenario:
    """Return meters of four registers each, and a load profile (TAF 7) for each."""
    meters = tuple(meter for flat in range(flats) for meter in _meters(flat))
    return Scenario(
        meters,
        tuple(
            ContractSpec(
                f"TAF7 {meter.description}",
                7,
                meter.id,
                tuple(register.obis for register in meter.registers),
            )
            for meter in meters
        ),
    )


def accounts(flats: int = FLATS) -> dict[str, Account]:
    """Return each flat's account by its user: `flat01` sees its own meters only."""
    return {
        f"flat{flat + 1:02d}": Account(
            f"Schlüssel#{flat + 1:02d}",
            frozenset(meter.id for meter in _meters(flat)),
            user_id=f"flat{flat + 1:02d}",
        )
        for flat in range(flats)
    }


def _meters(flat: int) -> Iterator[MeterSpec]:
    for number, (purpose, yearly) in enumerate(_METERS):
        yield MeterSpec(
            f"1esy00{flat + 1:03d}{number + 1:05d}",
            tuple(
                RegisterSpec(obis, Decimal(100 * (flat + 1) + number), curve, yearly)
                for obis, curve in _REGISTERS
            ),
            description=f"{purpose} {flat + 1:02d}",
        )
