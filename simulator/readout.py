"""What one login reads at one moment, before a vendor puts it into words."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
import hashlib

from .account import Account
from .clock import utc_text
from .faults import FaultSet
from .meters import Change, Meter, Register, floor_time
from .scenario import Contract, Scenario
from .wordings import (
    CLOCK_INVALID,
    FATAL,
    IDENTIFICATION,
    PTB_WARNING,
    VALUE_INVALID,
    Scale,
    meter_word,
    obis_hex,
    scale,
    word,
)

_BITS = {
    "ptb_warning": PTB_WARNING,
    "clock_invalid": CLOCK_INVALID,
    "fatal_status": FATAL,
}
_LOOK_BACK = 1000


@dataclass(frozen=True, slots=True)
class Sample:
    """One register of one reading.

    ``target`` and ``captured`` are aware UTC; ``units`` the truth in 0.0001 of
    the register's unit; ``value`` the whole number on the wire, which 10^
    ``scaler`` brings to ``unit`` (a DLMS code); ``status`` 16 hex digits;
    ``stamp`` and ``unit_text`` stand for what a test put in place of the
    capture time and of the unit.
    """

    meter: Meter
    register: Register
    target: datetime
    captured: datetime
    units: int
    value: str
    scaler: int
    unit: int
    obis: str
    status: str
    stamp: str = ""
    unit_text: str = ""
    raw: bool = False

    @property
    def signature(self) -> str:
        """Return a made-up signature of 64 bytes, hex, fixed for the sample."""
        text = f"{self.meter.id}{self.obis}{utc_text(self.target)}{self.value}"
        return hashlib.sha512(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Readout:
    """A login's view of a gateway.

    ``now`` is the gateway's time, aware UTC; ``values_now`` up to when values
    came in; ``shift`` how far its clock is ahead of the simulator's.
    """

    scenario: Scenario
    faults: FaultSet
    account: Account
    now: datetime
    values_now: datetime
    shift: timedelta = timedelta(0)

    @property
    def meters(self) -> list[Meter]:
        """Return the meters this login sees."""
        if "no_meters" in self.faults:
            return []
        return [meter for meter in self.scenario.meters if self._sees(meter)]

    @property
    def contracts(self) -> list[Contract]:
        """Return the contracts this login sees."""
        if "no_contracts" in self.faults:
            return []
        return self.account.contracts_among(self.scenario.contracts, self.meters)

    def meter(self, meter_id: str) -> Meter | None:
        """Return a meter this login sees."""
        return next((m for m in self.meters if m.id == meter_id), None)

    def registers(self, meter: Meter, only: Sequence[str] = ()) -> list[Register]:
        """Return the registers of a meter this login sees, ``only`` these codes."""
        seen = self.account.registers(meter)
        return [register for register in seen if not only or register.obis in only]

    def newest(self, meter: Meter, last: datetime | None = None) -> datetime | None:
        """Return the target time of the newest reading there is, up to ``last``."""
        target = meter.latest_target(self.values_now)
        if last is not None:
            target = min(target, floor_time(last, meter.interval))
        for _ in range(_LOOK_BACK):
            if target < self.oldest(meter):
                return None
            if self.present(meter, target):
                return target
            target -= timedelta(seconds=meter.interval)
        return None

    def oldest(self, meter: Meter) -> datetime:
        """Return the oldest target time kept, that of an exchanged meter too."""
        old = self.scenario.meters.before(meter)
        return meter.since if old is None else old.since

    def targets(
        self, meter: Meter, after: datetime, last: datetime
    ) -> Iterator[datetime]:
        """Return target times with a reading, after < t <= last, oldest first."""
        step = timedelta(seconds=meter.interval)
        last = min(last, meter.latest_target(self.values_now))
        target = max(
            floor_time(after, meter.interval) + step,
            floor_time(self.oldest(meter), meter.interval),
        )
        while target <= last:
            if self.present(meter, target):
                yield target
            target += step

    def present(self, meter: Meter, target: datetime) -> bool:
        """Tell whether the gateway has a reading for a target time."""
        if "no_values" in self.faults:
            return False
        if fault := self.faults.get("gap"):
            end = floor_time(fault.since + self.shift, meter.interval)
            begin = end - timedelta(seconds=meter.interval * int(fault["slots"]))
            if begin < target <= end:
                return False
        return self._owner(meter, target).validity(target) != "3"

    def samples(
        self,
        meter: Meter,
        registers: Sequence[Register],
        target: datetime,
        captured: datetime | None = None,
    ) -> list[Sample]:
        """Return one reading; a test may have left out or doubled registers."""
        owner = self._owner(meter, target)
        at = captured or owner.captured(target)
        status = self._status(owner, target)
        found: list[Sample] = []
        for register in registers:
            if owner is not meter and any(register is own for own in meter.registers):
                register = owner.register(register.obis)
            found += self._samples(owner, register, target, at, status)
        return found

    def _samples(
        self,
        meter: Meter,
        register: Register,
        target: datetime,
        captured: datetime,
        status: str,
    ) -> list[Sample]:
        counted = self._scale(register)
        units = register.source.at(captured)
        sample = Sample(
            meter,
            register,
            target,
            captured,
            units,
            str(counted.raw(units)),
            counted.scaler,
            counted.unit,
            obis_hex(register.obis),
            status,
        )
        change = self.scenario.meters.change(meter.id, register.obis, target)
        if change is None:
            return [sample]
        if change.istvalide == "3":
            return []
        return [_changed(sample, change)] * change.copies

    def _scale(self, register: Register) -> Scale:
        counted = scale(register)
        if not register.is_energy:
            return counted
        if fault := self.faults.get("scaler"):
            counted = replace(counted, scaler=int(fault["value"]))
        if fault := self.faults.get("unit"):
            counted = replace(counted, unit=int(fault["code"]))
        return counted

    def scale(self, register: Register) -> Scale:
        """Return how a register is counted, with the faults that are on."""
        return self._scale(register)

    def _status(self, meter: Meter, target: datetime) -> str:
        bits = IDENTIFICATION
        for name, mask in _BITS.items():
            if name in self.faults:
                bits |= mask
        if meter.validity(target) == "2" or self._invalid(meter, target):
            bits |= VALUE_INVALID
        fault = self.faults.get("meter_status")
        half = str(fault["word"]) if fault else meter_word(meter.medium)
        return word(bits) + half.zfill(8)

    def _invalid(self, meter: Meter, target: datetime) -> bool:
        fault = self.faults.get("not_valid")
        if fault is None:
            return False
        number = int(target.timestamp()) // meter.interval
        newest = target == meter.latest_target(self.values_now)
        return newest or number % int(fault["every"]) == 0

    def _owner(self, meter: Meter, target: datetime) -> Meter:
        """Return the meter that hung there at a target time."""
        old = self.scenario.meters.before(meter)
        return meter if old is None or target >= meter.since else old

    def _sees(self, meter: Meter) -> bool:
        wanted = self.account.meters
        if not wanted or meter.id in wanted:
            return True
        old = self.scenario.meters.before(meter)
        return old is not None and self._sees(old)


def _changed(sample: Sample, change: Change) -> Sample:
    status = sample.status
    if change.istvalide == "2":
        status = word(IDENTIFICATION | VALUE_INVALID) + status[8:]
    return replace(
        sample,
        value=sample.value if change.wert is None else change.wert,
        raw=change.wert is not None,
        obis=sample.obis if change.obis_text is None else change.obis_text,
        status=status if change.status is None else change.status,
        stamp=change.zeitstempel or "",
        unit_text=change.einheit or "",
    )
