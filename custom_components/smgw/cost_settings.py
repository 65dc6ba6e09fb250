"""What the owner has entered about money and gas, as rates of statistics.

Stored in the options by statistic id:

    {"meter": "1EMH0012345678", "obis": "1-0:1.8.0", "unit": "kWh",
     "prices": [{"begin": "2026-01-01", "price": "0.3214", "per_kwh": false,
                 "windows": [{"from": "22:00:00", "to": "06:00:00", "price": "0.2579",
                              "weekdays": ["sat"]}], "holidays": ["2026-12-25"]}],
     "factors": [{"begin": "2026-01-01", "state_number": "0.9512", "calorific": "11.2"}]}

Prices are in Home Assistant's currency, per unit of the statistic or per kWh.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, NamedTuple

from homeassistant.util.unit_conversion import EnergyConverter

from .const import CONF_PRICED
from .han.model import Register
from .han.obis import Obis
from .han.units import Unit
from .registers import describe
from .statistics import Measure
from .tariff.model import BERLIN
from .tariff.prices import Factor, Price, Rates
from .tariff.windows import ALL_DAYS, Window

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
COST, CREDIT, ENERGY = "cost", "credit", "energy"
PRICES, FACTORS = "prices", "factors"
_MEGAJOULES = Decimal("3.6")
"""In a kWh."""


class Derivation(NamedTuple):
    """A statistic that is made of another one."""

    statistic: str
    """Its id."""
    source: str
    """The id of the one that it is made of."""
    kind: str
    register: Register
    measure: Measure
    rates: Rates
    entries: tuple[Mapping[str, Any], ...]
    """What the rates were made of, each with its `begin`."""
    fine: bool
    """Say whether rates may change within an hour."""


def derivations(options: Mapping[str, Any], currency: str) -> Iterator[Derivation]:
    """Return the statistics that the options ask for."""
    for source, stored in options.get(CONF_PRICED, {}).items():
        register = register_of(stored)
        if register is None:
            continue
        prices, factors = stored.get(PRICES, ()), stored.get(FACTORS, ())
        if factors:
            yield Derivation(
                statistic=f"{source}_{ENERGY}",
                source=source,
                kind=ENERGY,
                register=register,
                measure=Measure("kWh", EnergyConverter.UNIT_CLASS),
                rates=Rates.of_factors(map(factor_of, factors)),
                entries=tuple(factors),
                fine=False,
            )
        if prices:
            yield Derivation(
                statistic=f"{source}_{COST}",
                source=source,
                kind=kind_of(register),
                register=register,
                measure=Measure(currency, None),
                rates=Rates.of_prices(
                    map(price_of, prices), to_energy(register.unit, factors)
                ),
                entries=(
                    *prices,
                    *(factors if any(one.get("per_kwh") for one in prices) else ()),
                ),
                fine=any(one.get("windows") for one in prices),
            )


def kind_of(register: Register) -> str:
    """Say whether a register's money is paid or received."""
    exported = (describe(register).translation_key or "").startswith("export")
    return CREDIT if exported else COST


def register_of(stored: Mapping[str, Any]) -> Register | None:
    """Return the register that settings are about, as far as they tell it."""
    obis = Obis.parse(stored["obis"])
    if obis is None:
        return None
    unit = Unit(stored["unit"])
    return Register(meter_id=stored["meter"], obis=obis, unit=unit, name="")


def to_energy(unit: Unit, factors: Iterable[Mapping[str, Any]]) -> list[Factor]:
    """Return the factors from a unit to kWh; none where they are to be entered."""
    if unit is Unit.KILOWATT_HOUR:
        return [Factor(begin=date.min, value=Decimal(1))]
    if unit is Unit.MEGAJOULE:
        return [Factor(begin=date.min, value=1 / _MEGAJOULES)]
    return [factor_of(one) for one in factors]


def factor_of(stored: Mapping[str, Any]) -> Factor:
    """Return a gas factor as it is stored."""
    return Factor(
        begin=date.fromisoformat(stored["begin"]),
        value=Decimal(stored["state_number"]) * Decimal(stored["calorific"]),
    )


def price_of(stored: Mapping[str, Any]) -> Price:
    """Return a price as it is stored. Raises `TariffInvalid`."""
    windows = stored.get("windows", ())
    return Price(
        begin=date.fromisoformat(stored["begin"]),
        standard=Decimal(stored["price"]),
        windows=tuple(
            Window(
                stage=number,
                start=time.fromisoformat(one["from"]),
                end=time.fromisoformat(one["to"]),
                weekdays=_weekdays(one.get("weekdays")),
            )
            for number, one in enumerate(windows, 1)
        ),
        prices=tuple(Decimal(one["price"]) for one in windows),
        holidays=frozenset(
            date.fromisoformat(one) for one in stored.get("holidays", ())
        ),
        per_energy=bool(stored.get("per_kwh")),
    )


def changed_from(
    before: Iterable[Mapping[str, Any]], after: Iterable[Mapping[str, Any]]
) -> datetime | None:
    """Return since when rates may be others (UTC); None if they are the same."""
    known, wanted = list(before), list(after)
    different = [one["begin"] for one in known if one not in wanted]
    different += [one["begin"] for one in wanted if one not in known]
    if not different:
        return None
    begin = date.fromisoformat(min(different))
    return datetime.combine(begin, time(), BERLIN)


def _weekdays(names: Iterable[str] | None) -> frozenset[int]:
    if not names:
        return ALL_DAYS
    return frozenset(WEEKDAYS.index(name) for name in names)
