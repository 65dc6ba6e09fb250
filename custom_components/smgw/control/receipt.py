"""What a receipt says of a command that is over. The ledger adds its place in the chain, and signs."""

from collections.abc import Iterable

from .canonical import Json, moment, number
from .ports import MeterReading
from .record import Measured, Record


def content(record: Record, registers: list[Json]) -> dict[str, Json]:
    """Return the statement; `registers` are the meter readings at its end."""
    command = record.command
    said: dict[str, Json] = {
        "participant": command.participant_id,
        "transaction": record.key[1],
        "digest": record.digest,
        "created": moment(command.created),
        "received": moment(record.received),
        "verdict": record.verdict.reason,
        "state": record.state,
    }
    if record.verdict.where is not None:
        said["where"] = record.verdict.where
    if not record.verdict.accepted:
        return said
    said["start"] = moment(record.start)
    for name in ("until", "active", "ended"):
        if (at := getattr(record, name)) is not None:
            said[name] = moment(at)
    if record.end is not None:
        said["end"] = record.end
    if record.watts is not None:
        said["watts"] = number(record.watts)
    if (effect := record.effect) is not None:
        said["effect"] = {
            "state": effect.state,
            "reason": effect.reason,
            "at": moment(effect.at),
        }
    if power := _power(record.measured):
        said["power"] = power
    if record.registers or registers:
        said["registers"] = {"start": record.registers, "end": registers}
    return said


def readings(found: Iterable[MeterReading]) -> list[Json]:
    """Return meter readings as JSON."""
    return [
        {
            "meter": reading.meter_id,
            "register": reading.register,
            "value": number(reading.value),
            "unit": reading.unit,
            "at": moment(reading.at),
        }
        for reading in found
    ]


def _power(measured: Measured) -> dict[str, Json]:
    said = measured.written()
    if "total" in said:
        mean = measured.total / measured.samples
        del said["total"]
        said["mean"] = number(round(mean, 1))
    return said
