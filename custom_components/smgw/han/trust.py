"""Which readings are believed: those that do not contradict what was read before.

Whatever the vendor, a reading must be of a plausible time, a meter reading never goes
down, never gets older and never changes its unit, and two answers for one register
must not disagree. What fails is skipped with a reason.
"""

from collections.abc import Container, Iterable, Mapping
from datetime import datetime, timedelta

from .model import Reading, Skipped

# Certified gateways exist since 2018; they keep readings for at most 24 months.
_EARLIEST = datetime.fromisoformat("2017-01-01T00:00:00+00:00")
_AHEAD = timedelta(hours=1)
# A lower meter reading is believed after so many refusals: an hour of quarter hours.
_BELIEVED_AFTER = 4


class Unusable(Exception):
    """Something that cannot become a reading; its text is the reason, a fixed word."""


class Trust:
    """Remembers the newest reading of each register of each meter."""

    def __init__(self) -> None:
        """Start knowing nothing."""
        self._known: dict[str, dict[str, Reading]] = {}
        # Lower values in a row that were refused, by meter and OBIS code.
        self._lower: dict[tuple[str, str], int] = {}

    def known(self, meter_id: str) -> Mapping[str, Reading]:
        """Return the newest reading of each register of a meter, by OBIS code."""
        return self._known.get(meter_id, {})

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
        """Refuse a lower meter reading, unless it stays. Raises `Unusable`.

        Home Assistant would take it for a new meter and count it anew; but if it was
        the reading before that was wrong, the register must come back.
        """
        register = (reading.register.meter_id, str(reading.register.obis))
        if (
            before is None
            or not reading.register.obis.counts_up
            or reading.value >= before.value
        ):
            self._lower.pop(register, None)
            return
        refused = self._lower[register] = self._lower.get(register, 0) + 1
        if refused <= _BELIEVED_AFTER:
            raise Unusable("went_backwards")
        del self._lower[register]


def _check_time(moment: datetime, now: datetime) -> None:
    if moment > now + _AHEAD:
        raise Unusable("in_the_future")
    if moment < _EARLIEST:
        raise Unusable("too_old")


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
