"""How EMH writes readings: value containers and simple objects."""

from collections.abc import Iterable
from datetime import datetime
from itertools import groupby
from typing import Any

from simulator.clock import BERLIN
from simulator.faults import FaultSet
from simulator.readout import Sample

# units of the simple form
_UNITS = {"m3": "m^3"}


def containers(
    samples: Iterable[Sample], faults: FaultSet, owner: str = ""
) -> list[dict[str, Any]]:
    """Return one container for each reading.

    ``timestamp`` is the target time and ``capture_time`` when the value was
    taken (that way round: decided here). ``owner`` is the contract's name of
    derived values; original ones carry their meter's id.
    """
    found = []
    for _, group in groupby(samples, key=lambda sample: sample.target):
        reading = list(group)
        found.append(_container(reading, faults, owner))
    return found


def simple(samples: Iterable[Sample], faults: FaultSet) -> list[dict[str, str]]:
    """Return one object for each reading: OBIS code to ``<number> <unit>``."""
    found = []
    for _, group in groupby(samples, key=lambda sample: sample.target):
        reading = list(group)
        content = {sample.obis: _text(sample) for sample in reading}
        content |= {
            "timestamp_act": reading[0].stamp or local_iso(reading[0].captured),
            "timestamp_nom": local_iso(reading[0].target),
            "status": status(reading[0], faults),
        }
        found.append(content)
    return found


def local_iso(at: datetime) -> str:
    """Return Berlin wall time with its offset, ``2026-03-04T11:15:29+01:00``."""
    return at.astimezone(BERLIN).isoformat(timespec="seconds")


def status(sample: Sample, faults: FaultSet) -> str:
    """Return the status word; 14 digits lack the last two of the gateway's half."""
    word = sample.status
    return word[:6] + word[8:] if "status_14" in faults else word


def _container(reading: list[Sample], faults: FaultSet, owner: str) -> dict[str, Any]:
    first = reading[0]
    return {
        "capture_time": first.stamp or local_iso(first.captured),
        "timestamp": local_iso(first.target),
        "status": status(first, faults),
        "values": [
            {
                "logical_name": f"{sample.obis}.{owner or sample.meter.id}.sm",
                "scaler": sample.scaler,
                "unit": sample.unit_text or sample.unit,
                "value": sample.value,
                "signature": sample.signature if "signatures" in faults else "-",
            }
            for sample in reading
        ],
    }


def _text(sample: Sample) -> str:
    unit = sample.register.unit
    sign = "-" if sample.units < 0 else ""
    whole, rest = divmod(abs(sample.units), 10_000)
    number = sample.value if sample.raw else f"{sign}{whole}.{rest:04d}"
    return f"{number} {sample.unit_text or _UNITS.get(unit, unit)}"
