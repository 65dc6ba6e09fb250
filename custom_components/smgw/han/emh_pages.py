"""The JSON answers of an EMH CASA, read. No network."""

from . import ids, jsonpage
from .dlms import scaled
from .errors import PageUnreadable
from .model import Reading, Register, Skipped
from .obis import Obis
from .status import quality
from .trust import Unusable


def meters(answer: object) -> list[str]:
    """Return the meter ids of the list, upper case, each once. Raises `PageUnreadable`."""
    if not isinstance(answer, list):
        raise PageUnreadable("no list of meters")
    found = (ids.meter_id(item) for item in answer if isinstance(item, str))
    return list(dict.fromkeys(meter_id for meter_id in found if meter_id))


def readings(answer: object, meter_id: str) -> tuple[list[Reading], list[Skipped]]:
    """Return the valid readings of a container of current values, and the rest.

    Raises `PageUnreadable` for what is no container. Times carry their offset; one
    status holds for all values.
    """
    container = jsonpage.record(answer)
    found: list[Reading] = []
    skipped: list[Skipped] = []
    for item in jsonpage.records(container, "values"):
        try:
            found.append(_reading(container, item, meter_id))
        except Unusable as err:
            name = jsonpage.text(item, "logical_name")[:12]
            skipped.append(
                Skipped(
                    where=f"{meter_id} {name}",
                    reason=str(err),
                    quality=err.quality,
                )
            )
    return found, skipped


def _reading(container: jsonpage.Record, item: object, meter_id: str) -> Reading:
    """Return the reading of one value. Raises `Unusable` with the reason."""
    code, _, owner = jsonpage.text(item, "logical_name").partition(".")
    if (obis := Obis.parse(code)) is None:
        raise Unusable("unknown_obis")
    if owner and ids.meter_id(owner) != meter_id:
        raise Unusable("other_meter")
    state = quality(jsonpage.text(container, "status"))
    if state is not None and not state.usable:
        raise Unusable("invalid", state)
    target_time = jsonpage.moment(jsonpage.text(container, "timestamp"))
    capture_time = jsonpage.moment(jsonpage.text(container, "capture_time"))
    if (taken := capture_time or target_time) is None:
        raise Unusable("no_time")
    value = scaled(
        jsonpage.text(item, "value"),
        jsonpage.text(item, "scaler"),
        jsonpage.text(item, "unit"),
    )
    signature = jsonpage.text(item, "signature")
    return Reading(
        register=Register(meter_id=meter_id, obis=obis, unit=value[1], name=""),
        value=value[0],
        capture_time=taken,
        target_time=target_time,
        signature=signature if signature not in ("", "-") else None,
        quality=state,
    )
