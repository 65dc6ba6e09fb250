"""Which readings are believed: those that do not contradict what was read before.

Whatever the vendor, a reading must be of a plausible time, a meter reading never goes
down, never gets older and never changes its unit, and two answers for one register
must not disagree. What fails is skipped with a reason.
"""

from collections.abc import Container, Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from .model import Meter, Reading, Register, Skipped
from .status import Quality
from .units import Unit

# Certified gateways exist since 2018; they keep readings for at most 24 months.
_EARLIEST = datetime.fromisoformat("2017-01-01T00:00:00+00:00")
_AHEAD = timedelta(hours=1)
# No home draws or feeds in 1 MW, or 1000 m³ in an hour; the slack is for old clocks.
_FASTEST = Decimal(1000)
_SLACK = timedelta(minutes=30)
# An odd meter reading is believed after so many refusals: an hour of quarter hours.
_BELIEVED_AFTER = 4
# The medium in its OBIS code.
_HEAT_COST = 4


class Unusable(Exception):
    """Something that cannot become a reading; its text is the reason, a fixed word."""

    def __init__(self, reason: str, quality: Quality | None = None) -> None:
        """Take the reason, and what the row's status says if that is the reason."""
        super().__init__(reason)
        self.quality = quality


class Trust:
    """Remembers the newest reading of each register of each meter."""

    def __init__(self) -> None:
        """Start knowing nothing."""
        self._known: dict[str, dict[str, Reading]] = {}
        # Values in a row that were refused, by meter and OBIS code.
        self._odd: dict[tuple[str, str], int] = {}

    def known(self, meter_id: str) -> Mapping[str, Reading]:
        """Return the newest reading of each register of a meter, by OBIS code."""
        return self._known.get(meter_id, {})

    def recall(self, meters: Iterable[Meter]) -> None:
        """Take readings of an earlier run as those before, unless newer ones are known."""
        for meter in meters:
            known = self._known.setdefault(meter.meter_id, {})
            for code, reading in meter.readings.items():
                if code not in known or known[code].capture_time < reading.capture_time:
                    known[code] = reading

    def keep_only(self, meter_ids: Container[str]) -> None:
        """Forget meters that are gone."""
        self._known = {m: known for m, known in self._known.items() if m in meter_ids}

    def choose(
        self,
        meter_id: str,
        found: Iterable[Reading],
        now: datetime,
        skipped: list[Skipped],
    ) -> dict[str, Reading]:
        """Return the readings to believe, by OBIS code; add the others to `skipped`."""
        known = self._known.setdefault(meter_id, {})
        by_code: dict[str, list[Reading]] = {}
        chosen: dict[str, Reading] = {}

        def skip(code: str, err: Unusable) -> None:
            skipped.append(Skipped(where=f"{meter_id} {code}", reason=str(err)))

        for reading in found:
            code = str(reading.register.obis)
            try:
                _check_time(reading.capture_time, now)
                _check_unit(reading.register)
            except Unusable as err:
                skip(code, err)
            else:
                by_code.setdefault(code, []).append(reading)
        for code, readings in by_code.items():
            try:
                reading = _newest(readings)
                _check_against(known.get(code), reading)
                self._check_growth(known.get(code), reading)
            except Unusable as err:
                skip(code, err)
            else:
                chosen[code] = reading
        known.update(chosen)
        return chosen

    def _check_growth(self, before: Reading | None, reading: Reading) -> None:
        """Refuse a meter reading that fell, or rose too fast, unless it stays.

        Home Assistant would take a fall for a new meter, and count a leap as consumed;
        but if it was the reading before that was wrong, the register must come back.
        Raises `Unusable`.
        """
        register = (reading.register.meter_id, str(reading.register.obis))
        reason = _odd_growth(before, reading) if before else None
        if reason is None:
            self._odd.pop(register, None)
            return
        refused = self._odd[register] = self._odd.get(register, 0) + 1
        if refused <= _BELIEVED_AFTER:
            raise Unusable(reason)
        del self._odd[register]


def _check_unit(register: Register) -> None:
    counts = register.unit.is_quantity or (
        # A heat cost allocator counts units of its own.
        register.obis.a == _HEAT_COST and register.unit is Unit.NONE
    )
    if register.obis.counts_up and not counts:
        # A meter counts an amount; the number would mean something else.
        raise Unusable("unknown_unit")


def _check_time(moment: datetime, now: datetime) -> None:
    if moment > now + _AHEAD:
        raise Unusable("in_the_future")
    if moment < _EARLIEST:
        raise Unusable("too_old")


def _odd_growth(before: Reading, reading: Reading) -> str | None:
    """Return what is odd about how a meter reading grew, in its unit per hour."""
    if not reading.register.obis.counts_up:
        return None
    if reading.value < before.value:
        return "went_backwards"
    passed = reading.capture_time - before.capture_time + _SLACK
    hours = Decimal(int(passed.total_seconds())) / 3600
    # Where the unit is a thousandth of the usual one, numbers may be as much larger.
    scale = 1000 if reading.register.unit in (Unit.WATT_HOUR, Unit.VAR_HOUR) else 1
    if reading.value - before.value > _FASTEST * scale * hours:
        return "grew_too_fast"
    return None


def _check_against(before: Reading | None, reading: Reading) -> None:
    """Refuse what contradicts the reading seen last. Raises `Unusable`."""
    if before is None:
        return
    if reading.capture_time < before.capture_time:
        raise Unusable("older_than_before")
    if not reading.register.obis.counts_up:
        return
    if reading.register.unit is not before.register.unit:
        raise Unusable("unit_changed")


def _newest(readings: list[Reading]) -> Reading:
    """Return the newest of the readings of one register, in whatever order they stand.

    Raises `Unusable` if the newest ones do not say the same.
    """
    newest = max(reading.capture_time for reading in readings)
    first, *others = (r for r in readings if r.capture_time == newest)
    said = (first.value, first.register.unit)
    if any((other.value, other.register.unit) != said for other in others):
        raise Unusable("contradiction")
    return first
