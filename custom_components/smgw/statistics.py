"""From meter readings to rows of long-term statistics: pure functions.

A row covers an hour and holds the register at its end: what is read at 15:00 belongs
to the row that starts at 14:00. Rows are made from registers, not from differences:
`sum = register - base`, and the oldest row has the sum 0. So what is imported again
overwrites itself, and an hour without a reading is carried by the next row that has
one. Nothing is interpolated. Hours are UTC; German offsets are whole hours.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple, Self

from homeassistant.components.recorder.models import (
    StatisticData,
    StatisticMeanType,
    StatisticMetaData,
)
from homeassistant.util import slugify
from homeassistant.util.unit_conversion import (
    EnergyConverter,
    ReactiveEnergyConverter,
    VolumeConverter,
)

from .const import DOMAIN
from .han.history import ProfileRow
from .han.model import Meter, Reading, Register
from .han.slots import QUARTER, slot_of
from .han.units import Unit

HOUR = timedelta(hours=1)
_DIGITS = 8
NOTHING = Decimal(10) ** -_DIGITS / 2

type Readings = Mapping[datetime, Decimal]
"""A register, in the unit of its statistic, by target time (UTC, full hours)."""


class Measure(NamedTuple):
    """How a register's unit is recorded."""

    unit: str | None
    unit_class: str | None
    factor: Decimal = Decimal(1)


# One unit per quantity, so that a firmware that shows another one changes nothing.
_MEASURES = {
    Unit.WATT_HOUR: Measure("kWh", EnergyConverter.UNIT_CLASS, Decimal("0.001")),
    Unit.KILOWATT_HOUR: Measure("kWh", EnergyConverter.UNIT_CLASS),
    Unit.MEGAJOULE: Measure("MJ", EnergyConverter.UNIT_CLASS),
    Unit.GIGAJOULE: Measure("MJ", EnergyConverter.UNIT_CLASS, Decimal(1000)),
    Unit.VAR_HOUR: Measure(
        "kvarh", ReactiveEnergyConverter.UNIT_CLASS, Decimal("0.001")
    ),
    Unit.KILOVAR_HOUR: Measure("kvarh", ReactiveEnergyConverter.UNIT_CLASS),
    Unit.VOLT_AMPERE_HOUR: Measure("kVAh", None, Decimal("0.001")),
    Unit.KILOVOLT_AMPERE_HOUR: Measure("kVAh", None),
    Unit.CUBIC_METRE: Measure("m³", VolumeConverter.UNIT_CLASS),
    # Units of a heat cost allocator.
    Unit.NONE: Measure(None, None),
}


class Edge(NamedTuple):
    """A reading, of any time, at which a meter begins or ends to count."""

    moment: datetime
    """Its target time (UTC)."""
    value: Decimal
    """The register, in the unit of its statistic."""


class Row(NamedTuple):
    """An hour of a statistic."""

    start: datetime
    """UTC."""
    state: Decimal
    """The register at the hour's end."""
    sum: Decimal
    """What it has counted since the oldest row."""

    @classmethod
    def stored(cls, start: float, state: float, total: float) -> Self:
        """Take a row as the recorder returns it; its floats are short decimals."""
        return cls(
            datetime.fromtimestamp(start, UTC),
            Decimal(repr(state)),
            # The recorder lifts sums as floats; no register has so many digits.
            Decimal(repr(round(total, _DIGITS))),
        )

    @property
    def end(self) -> datetime:
        """Return the target time of its reading (UTC)."""
        return self.start + HOUR

    def base(self, offset: Decimal = Decimal(0)) -> Decimal:
        """Return the register at which the sum is 0; `offset` is that of its meter."""
        return self.state - offset - self.sum

    def beginning(self, offset: Decimal = Decimal(0)) -> Beginning:
        """Return where a statistic begins whose oldest row this is."""
        return Beginning(self.start, self.base(offset))


class Beginning(NamedTuple):
    """Where a statistic begins."""

    start: datetime
    """Of the oldest row."""
    base: Decimal
    """The register of its first meter at which the sum is 0."""


class Plan(NamedTuple):
    """What an import does to a statistic."""

    lift: Decimal
    """What is to be added, first, to the sums of all rows that are stored."""
    rows: tuple[Row, ...]
    """To be stored then, by time; they overwrite what is there."""


def measure(register: Register) -> Measure | None:
    """Return how a register is recorded; None if it does not count up."""
    return _MEASURES.get(register.unit) if register.obis.counts_up else None


def statistic_id(gateway_id: str, register: Register) -> str:
    """Return `smgw:<gateway id>_<meter id>_<obis>` as the recorder takes it."""
    return _slug(f"{gateway_id}_{register.meter_id}_{register.obis}")


@lru_cache(4096)
def _slug(name: str) -> str:
    """Return a name as an id; each poll asks for those of all registers."""
    return f"{DOMAIN}:{slugify(name)}"


def metadata(statistic: str, name: str, recorded: Measure) -> StatisticMetaData:
    """Return what the recorder keeps of a statistic besides its rows."""
    return StatisticMetaData(
        mean_type=StatisticMeanType.NONE,
        has_sum=True,
        name=name,
        source=DOMAIN,
        statistic_id=statistic,
        unit_class=recorded.unit_class,
        unit_of_measurement=recorded.unit,
    )


def of_profile(rows: Iterable[ProfileRow], recorded: Measure) -> Readings:
    """Return the readings of a load profile that statistics are made of."""
    return {
        row.target_time: row.value * recorded.factor
        for row in rows
        if row.value is not None and row.usable and _is_full_hour(row.target_time)
    }


def edges_of(rows: Sequence[ProfileRow], recorded: Measure) -> tuple[Edge, ...]:
    """Return the oldest and the newest reading of a load profile; none if it has none."""
    ends = (
        next(
            (
                Edge(row.target_time, row.value * recorded.factor)
                for row in ordered
                if row.value is not None and row.usable
            ),
            None,
        )
        for ordered in (rows, reversed(rows))
    )
    return tuple(edge for edge in ends if edge)


def slot_of_reading(reading: Reading, interval: timedelta | None) -> datetime:
    """Return the slot a reading belongs to, as the official software decides it."""
    # Of longer intervals the stamps are no less exact.
    period = min(max(interval or QUARTER, QUARTER), HOUR)
    return slot_of(reading.target_time or reading.capture_time, period)


def of_meter(meter: Meter) -> Iterator[tuple[Register, Measure, Readings]]:
    """Return what a poll has of a meter: the registers read on the full hour."""
    for reading in meter.readings.values():
        if (found := edge_of(meter, reading)) and _is_full_hour(found[1].moment):
            recorded, edge = found
            yield reading.register, recorded, {edge.moment: edge.value}


def edge_of(meter: Meter, reading: Reading) -> tuple[Measure, Edge] | None:
    """Return what a poll has of a register; None if it is not recorded or not usable."""
    recorded = measure(reading.register)
    if recorded is None or not (reading.quality is None or reading.quality.usable):
        return None
    slot = slot_of_reading(reading, meter.capture_interval)
    return recorded, Edge(slot, reading.value * recorded.factor)


def rows_of(
    readings: Readings, base: Decimal, offset: Decimal = Decimal(0)
) -> list[Row]:
    """Return the rows of readings, by time.

    `base` is the register at which the sum is 0, `offset` what a meter put in
    another's place is ahead of it (see `offset_of`).
    """
    return [
        Row(moment - HOUR, readings[moment], readings[moment] - offset - base)
        for moment in sorted(readings)
    ]


def offset_of(last: Decimal, first: Decimal, before: Decimal = Decimal(0)) -> Decimal:
    """Return what a new meter is ahead of the one that it continues, mostly below 0.

    `last` and `first` are the registers of the old and the new one at the exchange,
    `before` is the old one's own offset. It is a constant of the exchange: it stays
    right whatever is imported before or after.
    """
    return first - last + before


def plan(
    readings: Readings, beginning: Beginning | None, offset: Decimal = Decimal(0)
) -> Plan:
    """Return how to import readings into a statistic; None if it has no rows yet.

    `offset` is that of the meter the readings are of. In whatever order and pieces
    readings come, the statistic is the same in the end: its oldest row has the sum 0.
    """
    if not readings:
        return Plan(Decimal(0), ())
    first = min(readings)
    if beginning is not None and beginning.start < first - HOUR:
        return Plan(Decimal(0), tuple(rows_of(readings, beginning.base, offset)))
    base = readings[first] - offset
    lift = Decimal(0) if beginning is None else beginning.base - base
    return Plan(lift, tuple(rows_of(readings, base, offset)))


def changes(planned: Plan, stored: Iterable[Row]) -> list[Row]:
    """Return the rows of a plan that are not there yet as they should be.

    `stored` is what there is around them, before the lift.
    """
    known = {row.start: row for row in stored}
    return [
        row
        for row in planned.rows
        if (old := known.get(row.start)) is None
        or abs(old.state - row.state) > NOTHING
        or abs(old.sum + planned.lift - row.sum) > NOTHING
    ]


def as_data(rows: Iterable[Row]) -> list[StatisticData]:
    """Return rows as the recorder takes them."""
    return [
        StatisticData(start=row.start, state=float(row.state), sum=float(row.sum))
        for row in rows
    ]


def _is_full_hour(moment: datetime) -> bool:
    return not (moment.minute or moment.second or moment.microsecond)
