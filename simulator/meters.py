"""Meters behind a gateway: registers, their truth, and rows changed by a test."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from threading import RLock
import zlib

from .curves import (
    SHAPES,
    UNITS,
    Counter,
    Curve,
    Gauge,
    LoadCurve,
    NetCurve,
    SunCurve,
    TariffCurve,
)

_UNIT_BY_MEDIUM = {"1": "kWh", "5": "kWh", "6": "kWh"}
_GAUGE_UNITS = {
    "1.7.0": "W", "2.7.0": "W", "16.7.0": "W", "36.7.0": "W", "56.7.0": "W",
    "76.7.0": "W", "32.7.0": "V", "52.7.0": "V", "72.7.0": "V", "31.7.0": "A",
    "51.7.0": "A", "71.7.0": "A", "14.7.0": "Hz", "81.7.1": "°", "81.7.2": "°",
    "81.7.4": "°", "81.7.15": "°", "81.7.26": "°",
}  # fmt: skip
_GAUGES = {"W": (1000.0, 0.05), "V": (230.0, 4.0), "A": (1.4, 0.1), "Hz": (50.0, 0.04)}
_ANGLES = {"81.7.1": 120.0, "81.7.2": 240.0}


@dataclass(frozen=True, slots=True)
class RegisterSpec:
    """What a register is to be.

    ``obis`` like ``1-0:1.8.0``; ``start`` in kWh or m3 at the anchor; ``curve``
    one of ``SHAPES``, ``pv``, ``net_import``, ``net_export``, ``tariff1``,
    ``tariff2`` (parts of net_import), ``gauge`` or ``signed`` (a power that is
    negative while the house exports); ``yearly`` in kWh or m3.
    ``unit`` and ``name`` follow from the OBIS code when empty. A momentary value
    is a new one each ``step`` seconds.
    """

    obis: str
    start: Decimal = Decimal(0)
    curve: str = "household"
    yearly: float = 3500.0
    unit: str = ""
    name: str = ""
    step: int = 900


@dataclass(slots=True)
class Register:
    """One register of a meter; its truth comes in units of 0.0001."""

    obis: str
    unit: str
    name: str
    source: Counter | Gauge
    spec: RegisterSpec

    @property
    def is_energy(self) -> bool:
        """Tell whether the register counts (as opposed to a momentary value)."""
        return isinstance(self.source, Counter)

    def truth(self, at: datetime) -> Decimal:
        """Return the exact value at an aware time, four decimals."""
        return Decimal(self.source.at(at)).scaleb(-4)


@dataclass(slots=True)
class Change:
    """What a test wants a row to show in place of the truth (None: no change)."""

    wert: str | None = None
    zeitstempel: str | None = None
    istvalide: str | None = None
    obis_text: str | None = None
    einheit: str | None = None
    name: str | None = None
    status: str | None = None
    copies: int = 1


@dataclass(slots=True)
class Meter:
    """One meter; ``id`` is the DIN 43863-5 number, e.g. ``1esy0060178981``.

    ``interval`` in seconds; ``since`` is the oldest target time kept (aware
    UTC); ``anchor`` the target time of the reading shown at the start;
    ``live`` what only a configuration with live values shows.
    """

    id: str
    interval: int
    seed: int
    anchor: datetime
    since: datetime
    description: str = ""
    registers: list[Register] = field(default_factory=list)
    live: list[Register] = field(default_factory=list)

    @property
    def logical_name(self) -> str:
        """Return the name on the meter list, ``01005e318002.<id>.sm``."""
        return f"01005e318002.{self.id}.sm"

    @property
    def medium(self) -> str:
        """Return the first character of the id (1 electricity, 7 gas ...)."""
        return self.id[:1]

    def register(self, obis: str) -> Register:
        """Return a register; KeyError without one."""
        for register in (*self.registers, *self.live):
            if register.obis == obis:
                return register
        raise KeyError(f"meter {self.id} has no register {obis}")

    def captured(self, target: datetime) -> datetime:
        """Return when the gateway read the meter: 1-5 s after the target time."""
        stamp = f"{self.seed}:{self.id}:{int(target.timestamp())}"
        return target + timedelta(seconds=1 + zlib.crc32(stamp.encode()) % 5)

    def latest_target(self, now: datetime) -> datetime:
        """Return the target time of the newest reading that is in at ``now``."""
        target = floor_time(now, self.interval)
        if self.captured(target) > now:
            target -= timedelta(seconds=self.interval)
        return target

    def validity(self, target: datetime) -> str:
        """Return 1 valid, 2 invalid, 3 not present, as kept by the gateway.

        Gaps (about one day in 30) and single invalid values (about one day in
        20) lie at seeded places more than a day before the anchor.
        """
        if target > self.anchor - timedelta(days=1):
            return "1"
        day, seconds = divmod(int(target.timestamp()), 86_400)
        mark = zlib.crc32(f"{self.seed}:{self.id}:day:{day}".encode())
        slot = seconds // 900
        if mark % 30 == 0 and 0 <= slot - (mark >> 8) % 90 < 6:
            return "3"
        if mark % 20 == 1 and slot == (mark >> 8) % 24 * 4:
            return "2"
        return "1"


class MeterPark:
    """The meters of a gateway; changeable while it runs, from any thread."""

    def __init__(self, seed: int, anchor: datetime, history: timedelta) -> None:
        """Create an empty park; ``anchor`` is when ``start`` values hold."""
        self._seed = seed
        self._anchor = anchor
        self._history = history
        self._lock = RLock()
        self._meters: dict[str, Meter] = {}
        self._changes: dict[tuple[str, str, datetime | None], Change] = {}
        self._retired: dict[str, Meter] = {}
        self._before: dict[str, Meter] = {}

    def __iter__(self) -> Iterator[Meter]:
        """Return the meters in the order of the list."""
        with self._lock:
            return iter(list(self._meters.values()))

    def __len__(self) -> int:
        """Return how many meters there are."""
        return len(self._meters)

    def __contains__(self, meter_id: object) -> bool:
        """Tell whether a meter is there."""
        return isinstance(meter_id, str) and short_id(meter_id) in self._meters

    def __getitem__(self, meter_id: str) -> Meter:
        """Return a meter by id or logical name."""
        with self._lock:
            return self._meters[short_id(meter_id)]

    def add_meter(
        self,
        meter_id: str,
        registers: Iterable[RegisterSpec | str] = ("1-0:1.8.0",),
        *,
        interval: int = 900,
        description: str = "",
        anchor: datetime | None = None,
        new: bool = False,
    ) -> Meter:
        """Add a meter; ``new`` means that its history begins at the anchor."""
        meter_id = short_id(meter_id)
        begin = floor_time(anchor or self._anchor, interval)
        meter = Meter(meter_id, interval, self._seed, begin, begin)
        meter.anchor = meter.latest_target((anchor or self._anchor).astimezone(UTC))
        meter.since = meter.anchor if new else meter.anchor - self._history
        meter.description = description
        with self._lock:
            self._meters[meter_id] = meter
            for spec in registers:
                self.add_register(meter_id, spec)
        return meter

    def remove_meter(self, meter_id: str) -> None:
        """Take a meter away."""
        with self._lock:
            del self._meters[short_id(meter_id)]

    def exchange_meter(self, old_id: str, new_id: str, at: datetime) -> Meter:
        """Put a new meter in an old one's place.

        Its history begins with the slot of ``at`` (aware), its counting
        registers at zero.
        """
        with self._lock:
            old = self[old_id]
            order = [short_id(new_id) if i == old.id else i for i in self._meters]
            new = self.add_meter(
                new_id,
                [replace(r.spec, start=Decimal(0)) for r in old.registers],
                interval=old.interval,
                description=old.description,
                anchor=at,
                new=True,
            )
            self.remove_meter(old.id)
            self._meters = {name: self._meters[name] for name in order}
            self._retired[old.id] = old
            self._before[new.id] = old
        return new

    def before(self, meter: Meter) -> Meter | None:
        """Return the meter that this one has replaced, if any."""
        return self._before.get(meter.id)

    def ever(self, meter_id: str) -> Meter:
        """Return a meter, exchanged or not; KeyError without one."""
        with self._lock:
            return self._retired.get(short_id(meter_id)) or self[meter_id]

    def add_register(self, meter_id: str, spec: RegisterSpec | str) -> Register:
        """Add a register to a meter."""
        if isinstance(spec, str):
            spec = RegisterSpec(spec)
        with self._lock:
            meter = self[meter_id]
            register = _build(spec, meter)
            meter.registers.append(register)
        return register

    def add_live(self, meter_id: str, specs: Iterable[RegisterSpec]) -> None:
        """Give a meter momentary values that it lacks, beside its registers.

        They are what a meter shows that is configured for live values.
        """
        with self._lock:
            meter = self[meter_id]
            known = {register.obis for register in (*meter.registers, *meter.live)}
            meter.live += [
                _build(spec, meter) for spec in specs if spec.obis not in known
            ]

    def override(
        self, meter_id: str, obis: str, at: datetime | None = None, **change: str | None
    ) -> None:
        """Change what rows of a register show, in every list and value export.

        An export keeps the register's own OBIS code and unit.
        ``at`` is a row's target time; None means each row. Keywords: ``wert``,
        ``zeitstempel``, ``istvalide``, ``obis_text``, ``einheit``, ``name``,
        ``status``; what they mean on the wire is the vendor's business.
        """
        with self._lock:
            current = self._change(meter_id, obis, at)
            for key, value in change.items():
                if key == "copies" or key not in Change.__slots__:
                    raise TypeError(f"a row has no {key!r}")
                setattr(current, key, value)

    def duplicate_rows(
        self, meter_id: str, obis: str, at: datetime | None = None, *, copies: int = 2
    ) -> None:
        """Show the rows of a register several times."""
        with self._lock:
            self._change(meter_id, obis, at).copies = copies

    def clear_overrides(self) -> None:
        """Show the truth again."""
        with self._lock:
            self._changes.clear()

    @property
    def changed(self) -> bool:
        """Tell whether any row is changed."""
        return bool(self._changes)

    def change(self, meter_id: str, obis: str, target: datetime) -> Change | None:
        """Return the change for one row: its own first, else the register's."""
        if not self._changes:
            return None
        with self._lock:
            own = self._changes.get((meter_id, obis, target))
            return own or self._changes.get((meter_id, obis, None))

    def _change(self, meter_id: str, obis: str, at: datetime | None) -> Change:
        key = (short_id(meter_id), obis, at.astimezone(UTC) if at else None)
        return self._changes.setdefault(key, Change())


def short_id(name: str) -> str:
    """Return the device number of ``01005e318002.<id>.sm``, or the id itself."""
    parts = name.split(".")
    return parts[1] if len(parts) == 3 else parts[0]


def floor_time(at: datetime, seconds: int) -> datetime:
    """Round an aware time down to whole intervals since the epoch, UTC."""
    stamp = int(at.timestamp())
    return datetime.fromtimestamp(stamp - stamp % seconds, UTC)


def _build(spec: RegisterSpec, meter: Meter) -> Register:
    tail = spec.obis.partition(":")[2].partition("*")[0]
    unit = spec.unit or _GAUGE_UNITS.get(tail)
    if unit is None:
        unit = _UNIT_BY_MEDIUM.get(meter.medium, "m3")
    name = spec.name or _name(tail)
    source = _gauge(spec, meter, tail, unit) or _counter(spec, meter)
    return Register(spec.obis, unit, name, source, spec)


def _counter(spec: RegisterSpec, meter: Meter) -> Counter:
    return Counter(_curve(spec, meter), meter.anchor, int(spec.start * UNITS))


def _gauge(spec: RegisterSpec, meter: Meter, tail: str, unit: str) -> Gauge | None:
    signed = spec.curve == "signed"
    if spec.curve != "gauge" and not signed and tail not in _GAUGE_UNITS:
        return None
    middle, spread = _GAUGES.get(unit, (_ANGLES.get(tail, 8.0), 0.8))
    key = f"{meter.seed}:{meter.id}:{spec.obis}"
    if unit != "W":
        return Gauge(key, middle, spread, step=spec.step)
    curve = "net_export" if tail == "2.7.0" else "net_import"
    follows = _counter(RegisterSpec(spec.obis, curve=curve), meter)
    if tail in {"36.7.0", "56.7.0", "76.7.0"}:
        middle /= 3
    gauge = Gauge(key, middle, spread, follows, spec.step)
    if signed:
        export = RegisterSpec(spec.obis, curve="net_export", yearly=5000)
        gauge.minus = _counter(export, meter)
    return gauge


def _curve(spec: RegisterSpec, meter: Meter) -> Curve:
    key = f"{meter.seed}:{meter.id}"
    if spec.curve == "pv":
        return SunCurve(f"{key}:pv", spec.yearly)
    if spec.curve in SHAPES:
        return LoadCurve(f"{key}:{spec.obis}", SHAPES[spec.curve], spec.yearly)
    # gross use 5800 and PV 7700 kWh leave about 3500 import and 5000 feed-in
    part = spec.yearly / (5000 if spec.curve == "net_export" else 3500)
    use = LoadCurve(f"{key}:use", SHAPES["household"], 5800 * part)
    net = NetCurve(use, SunCurve(f"{key}:pv", 7700 * part), spec.curve == "net_export")
    if spec.curve in {"tariff1", "tariff2"}:
        return TariffCurve(net, int(spec.curve[-1]))
    if spec.curve in {"net_import", "net_export"}:
        return net
    raise ValueError(f"unknown curve {spec.curve!r}")


def _name(tail: str) -> str:
    names = {"1.8": "Bezug Zählerstand", "2.8": "Lieferung Zählerstand"}
    group, _, step = tail.rpartition(".")
    name = names.get(group, "Zählerstand" if tail not in _GAUGE_UNITS else "Messwert")
    return f"{name} T{step}" if group in names and step != "0" else name
