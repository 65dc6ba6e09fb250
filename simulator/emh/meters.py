"""The resources below ``metering/origin``."""

from datetime import timedelta
from typing import Any

from simulator.derived import month_back
from simulator.meters import Meter, Register, RegisterSpec, floor_time
from simulator.readout import Readout, Sample

from .containers import containers, simple

_TOTALS = ("1.8.0", "2.8.0")
_SIGNED = ("16.7.0", "36.7.0", "56.7.0", "76.7.0")
_MOMENTARY = (
    *("14.7.0", "31.7.0", "51.7.0", "71.7.0", "32.7.0", "52.7.0", "72.7.0"),
    *("81.7.1", "81.7.2", "81.7.4", "81.7.15", "81.7.26"),
)
LIVE = (
    *(RegisterSpec(f"1-0:{tail}", curve="signed", step=1) for tail in _SIGNED),
    *(RegisterSpec(f"1-0:{tail}", curve="gauge", step=1) for tail in _MOMENTARY),
)


def current(view: Readout, meter: Meter) -> dict[str, Any]:
    """Return the container of current values (observed: ``/extended``)."""
    found = containers(_current(view, meter), view.faults)
    return found[0] if found else {"values": []}


def plain(view: Readout, meter: Meter) -> dict[str, str]:
    """Return the current values in the simple form."""
    found = simple(_current(view, meter), view.faults)
    return found[0] if found else {}


def month(view: Readout, meter: Meter, number: int) -> list[dict[str, Any]] | None:
    """Return the original value list of a month, 0 the present one.

    Local calendar months, target times from the first instant to before the
    next month's (decided here). None for a month that the gateway refuses.
    """
    begin, end = month_back(view.now, number)
    second = timedelta(seconds=1)
    kept = view.faults.get("months_kept")
    samples: list[Sample] = []
    if kept is None or number < int(kept["months"]):
        shown = registers(view, meter)
        # what an exchanged meter counted is not in the new one's list
        begin = max(begin, meter.since)
        for target in view.targets(meter, begin - second, end - second):
            samples += view.samples(meter, shown, target)
    if not samples and "month_404" in view.faults:
        return None
    return containers(samples, view.faults)


def registers(view: Readout, meter: Meter) -> list[Register]:
    """Return the registers that a meter's list shows."""
    shown = view.registers(meter)
    if "only_totals" in view.faults and meter.medium == "1":
        return [r for r in shown if r.obis.partition(":")[2] in _TOTALS]
    return shown


def _current(view: Readout, meter: Meter) -> list[Sample]:
    shown = registers(view, meter)
    if "live_values" in view.faults and meter.medium == "1":
        at = floor_time(view.values_now, 1)
        wanted = view.account.obis
        live = [r for r in meter.live if not wanted or r.obis in wanted]
        return view.samples(meter, [*shown, *live], at, at)
    newest = view.newest(meter)
    return [] if newest is None else view.samples(meter, shown, newest)
