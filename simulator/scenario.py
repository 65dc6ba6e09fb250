"""What stands behind a gateway: meters, contracts, consumer; ready sets.

A scenario file (``--meters FILE``) is JSON::

    {
      "consumer": "ecpr0099000001",            optional
      "meters": [
        {
          "id": "1emh0012345678",              DIN 43863-5 number
          "description": "Haus",               optional
          "interval": 900,                     seconds, optional
          "registers": [
            {"obis": "1-0:1.8.0", "start": "12345.6780",
             "curve": "net_import", "yearly": 3500,
             "unit": "kWh", "name": "..."}     all but obis optional
          ]
        }
      ],
      "contracts": [                           optional
        {"name": "TAF7_OCT_B+E", "taf": 7, "meter": "1emh0012345678",
         "obis": ["1-0:1.8.0", "1-0:2.8.0"],
         "begin_days": -300, "end_days": null} days from the start, null open
      ]
    }

``start`` is the register's value in its unit when the simulator starts;
``curve`` is one of those named at ``RegisterSpec``.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
import json
from pathlib import Path
from typing import Any

from .clock import BERLIN
from .meters import Meter, MeterPark, RegisterSpec, short_id

HISTORY = timedelta(days=731)


@dataclass(frozen=True, slots=True)
class MeterSpec:
    """A meter before it is bound to a start time."""

    id: str
    registers: tuple[RegisterSpec, ...]
    interval: int = 900
    description: str = ""


@dataclass(frozen=True, slots=True)
class ContractSpec:
    """An evaluation profile (Auswertungsprofil); days count from the start."""

    name: str
    taf: int
    meter: str
    obis: tuple[str, ...]
    begin_days: int = -800
    end_days: int | None = None


@dataclass(frozen=True, slots=True)
class Contract:
    """An evaluation profile with its validity, aware times; end None is open.

    ``named_after`` is the meter whose id the logical name keeps after that
    meter was exchanged; empty for the present one.
    """

    name: str
    taf: int
    meter: str
    obis: tuple[str, ...]
    begin: datetime
    end: datetime | None
    number: int
    named_after: str = ""

    @property
    def logical_name(self) -> str:
        """Return ``01005e31802N.<name>.sm``, N being the TAF (last byte 0x20+N)."""
        meter = self.named_after or self.meter
        return f"01005e3180{0x20 + self.taf:02x}.taf{self.number:02d}{meter}.sm"


@dataclass(slots=True)
class Scenario:
    """Everything behind one gateway.

    Before ``bind`` it is a plan; the gateway binds it to its seed and start,
    after which ``meters`` and ``contracts`` hold and may be changed by a test.
    """

    meter_specs: tuple[MeterSpec, ...] = ()
    contract_specs: tuple[ContractSpec, ...] = ()
    consumer: str = "ecpr0099000001"
    history: timedelta = HISTORY
    contracts: list[Contract] = field(default_factory=list)
    _park: MeterPark | None = None

    @property
    def meters(self) -> MeterPark:
        """Return the meters; only after ``bind``."""
        if self._park is None:
            raise RuntimeError("the scenario is not bound to a gateway yet")
        return self._park

    def bind(self, seed: int, start: datetime) -> None:
        """Build meters and contracts with ``start`` (aware) as the anchor."""
        self._park = MeterPark(seed, start, self.history)
        for spec in self.meter_specs:
            self._park.add_meter(
                spec.id,
                spec.registers,
                interval=spec.interval,
                description=spec.description,
            )
        self.contracts = [
            _contract(spec, start, number)
            for number, spec in enumerate(self.contract_specs, 1)
        ]

    def exchange_meter(self, old_id: str, new_id: str, at: datetime) -> Meter:
        """Exchange a meter, also in its contracts; see ``MeterPark``."""
        old_id = short_id(old_id)
        new = self.meters.exchange_meter(old_id, new_id, at)
        self.contracts = [
            replace(c, meter=new.id, named_after=c.named_after or old_id)
            if c.meter == old_id
            else c
            for c in self.contracts
        ]
        return new


def _contract(spec: ContractSpec, start: datetime, number: int) -> Contract:
    def day(days: int) -> datetime:
        local = start.astimezone(BERLIN) + timedelta(days=days)
        return local.replace(hour=0, minute=0, second=0, microsecond=0)

    end = None if spec.end_days is None else day(spec.end_days)
    return Contract(
        spec.name, spec.taf, spec.meter, spec.obis, day(spec.begin_days), end, number
    )


STAIRWELL = MeterSpec(
    "1esy0060178981",
    (RegisterSpec("1-0:1.8.0", Decimal("245.7540"), "stairwell", 100),),
    description="Treppenhaus",
)
HOUSE = MeterSpec(
    "1emh0012345678",
    (
        RegisterSpec("1-0:1.8.0", Decimal("14210.3372"), "net_import"),
        RegisterSpec("1-0:1.8.1", Decimal("9730.1204"), "tariff1"),
        RegisterSpec("1-0:1.8.2", Decimal("4480.2168"), "tariff2"),
        RegisterSpec("1-0:2.8.0", Decimal("21877.9051"), "net_export", 5000),
    ),
    description="Haus und Photovoltaik",
)
FEED_IN = MeterSpec(
    "1lgz0033445566",
    (RegisterSpec("1-0:2.8.0", Decimal("16502.4410"), "pv", 5000),),
    description="Einspeisung",
)
GAS = MeterSpec(
    "7els0045678901",
    (RegisterSpec("7-0:3.0.0", Decimal("4711.0815"), "gas", 1500),),
    interval=3600,
    description="Gas",
)
WATER = MeterSpec(
    "8hyd0056789012",
    (RegisterSpec("8-0:1.0.0", Decimal("513.2040"), "water", 120),),
    interval=3600,
    description="Kaltwasser",
)
HEAT = MeterSpec(
    "6kam0067890123",
    (RegisterSpec("6-0:1.0.0", Decimal("31250.5000"), "heat", 8000),),
    interval=3600,
    description="Wärme",
)
GRID_STATE = MeterSpec(
    "1itr0078901234",
    (
        RegisterSpec("1-0:1.8.0", Decimal("8012.4470"), "net_import"),
        RegisterSpec("1-0:2.8.0", Decimal("3310.0918"), "net_export", 5000),
        *(
            RegisterSpec(f"1-0:{code}")
            for code in (
                *("16.7.0", "36.7.0", "56.7.0", "76.7.0", "32.7.0", "52.7.0"),
                *("72.7.0", "31.7.0", "51.7.0", "71.7.0", "81.7.1", "81.7.2"),
                *("81.7.4", "14.7.0"),
            )
        ),
    ),
    description="Netzzustand",
)


def house() -> Scenario:
    """Return the default: five meters of several media, seven contracts."""
    both = ("1-0:1.8.0", "1-0:2.8.0")
    steps = ("1-0:1.8.1", "1-0:1.8.2")
    duplicate = "IM4G_TAF07_BEZUG_15MI_PROD_01"
    return Scenario(
        (STAIRWELL, HOUSE, GAS, WATER, HEAT),
        (
            ContractSpec(duplicate, 7, STAIRWELL.id, ("1-0:1.8.0",), -900, -200),
            ContractSpec(duplicate, 7, STAIRWELL.id, ("1-0:1.8.0",), -200, 900),
            ContractSpec("TAF7_OCT_B+E", 7, HOUSE.id, both),
            ContractSpec("Bezug Monat", 1, HOUSE.id, ("1-0:1.8.0",)),
            ContractSpec("TAF02_HT_NT", 2, HOUSE.id, steps),
            ContractSpec("TAF06_ABRUF", 6, HOUSE.id, both),
            ContractSpec("TAF14 Visualisierung", 14, HOUSE.id, ("1-0:1.8.0",)),
        ),
    )


def none() -> Scenario:
    """Return a gateway without meters and contracts."""
    return Scenario()


def one_meter() -> Scenario:
    """Return the one-register meter of a stairwell light."""
    contract = ContractSpec("Bezug 15-Minuten", 7, STAIRWELL.id, ("1-0:1.8.0",))
    return Scenario((STAIRWELL,), (contract,))


def two_meters() -> Scenario:
    """Return the stairwell meter and the two-way household meter."""
    whole = house()
    known = {STAIRWELL.id, HOUSE.id}
    contracts = tuple(c for c in whole.contract_specs if c.meter in known)
    return Scenario((STAIRWELL, HOUSE), contracts)


def feed_in_only() -> Scenario:
    """Return one meter that shows only 1-0:2.8.0."""
    contract = ContractSpec("Einspeisung 15-Minuten", 7, FEED_IN.id, ("1-0:2.8.0",))
    return Scenario((FEED_IN,), (contract,))


def grid_state() -> Scenario:
    """Return one meter with the sixteen values of a TAF 10 configuration."""
    obis = tuple(spec.obis for spec in GRID_STATE.registers)
    return Scenario(
        (GRID_STATE,), (ContractSpec("TAF10-16OBIS", 10, GRID_STATE.id, obis),)
    )


SCENARIOS: dict[str, Callable[[], Scenario]] = {
    "house": house,
    "none": none,
    "one": one_meter,
    "two": two_meters,
    "feed_in": feed_in_only,
    "taf10": grid_state,
}


def load(path: Path) -> Scenario:
    """Read a scenario file; ValueError with one sentence if it is not good."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        meters = tuple(_meter_spec(item) for item in data["meters"])
        contracts = tuple(_contract_spec(item) for item in data.get("contracts", ()))
        scenario = Scenario(meters, contracts)
        scenario.consumer = str(data.get("consumer", scenario.consumer))
    except OSError as err:
        raise ValueError(f"cannot read {path}: {err.strerror}") from err
    except KeyError as err:
        raise ValueError(f"{path}: {err.args[0]} is missing") from err
    except (ValueError, TypeError, AttributeError, InvalidOperation) as err:
        raise ValueError(f"{path} is not a scenario file: {err}") from err
    return scenario


def _meter_spec(item: dict[str, Any]) -> MeterSpec:
    registers = tuple(
        RegisterSpec(
            obis=str(register["obis"]),
            start=Decimal(str(register.get("start", "0"))),
            curve=str(register.get("curve", "household")),
            yearly=float(register.get("yearly", 3500)),
            unit=str(register.get("unit", "")),
            name=str(register.get("name", "")),
        )
        for register in item["registers"]
    )
    interval = int(item.get("interval", 900))
    if interval <= 0 or interval % 60:
        raise ValueError("interval must be whole minutes, in seconds")
    return MeterSpec(
        short_id(str(item["id"])), registers, interval, str(item.get("description", ""))
    )


def _contract_spec(item: dict[str, Any]) -> ContractSpec:
    end = item.get("end_days")
    return ContractSpec(
        str(item["name"]),
        int(item["taf"]),
        short_id(str(item["meter"])),
        tuple(map(str, item["obis"])),
        int(item.get("begin_days", -800)),
        None if end is None else int(end),
    )
