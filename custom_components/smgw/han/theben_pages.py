"""The JSON answers of a Theben CONEXA, read. No network.

Names of keys are the interface description's; spellings that differ were observed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from . import ids, jsonpage
from .dlms import scaled
from .localtime import BERLIN
from .model import Reading, Register, Skipped
from .obis import Obis
from .status import quality
from .trust import Unusable

ORIGIN = "origin"
"""The list of original readings of the meters."""

# The gateway's clock stands without zone; a running clock is no further off than this.
_CLOCK_TOLERANCE = timedelta(minutes=20)


@dataclass(frozen=True, slots=True, kw_only=True)
class UsagePoint:
    """A contract: what one account may read, of which meters."""

    id: str
    name: str
    taf: str
    state: str
    """`ready`, `running` or `archive`."""
    meters: tuple[str, ...]
    channels: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Of the original list: OBIS code to (scaler, unit code)."""

    @property
    def live(self) -> bool:
        """Say whether it still gets readings; some gateways call an active one ready."""
        return self.state in ("running", "ready")


def usage_points(answer: object) -> dict[str, UsagePoint]:
    """Return the usage points of an answer to `user-info`, by id."""
    info = jsonpage.part(answer, "user-info")
    found = {}
    for item in jsonpage.records(info, "usage-points"):
        point = UsagePoint(
            id=jsonpage.text(item, "usage-point-id"),
            name=jsonpage.text(item, "usage-point-name"),
            taf=jsonpage.text(item, "taf-number"),
            state=jsonpage.text(item, "taf-state"),
            meters=tuple(
                meter
                for entry in jsonpage.records(item, "meter")
                if (meter := ids.meter_id(jsonpage.text(entry, "meter-id")))
            ),
        )
        if point.id:
            found[point.id] = point
    return found


def channels(answer: object) -> dict[str, tuple[str, str]]:
    """Return scaler and unit of each original register, of `usage-point-info`."""
    info = jsonpage.part(answer, "usage-point-info")
    return {
        str(obis): (jsonpage.text(item, "scaler"), jsonpage.text(item, "unit"))
        for database in jsonpage.records(info, "databases")
        if jsonpage.text(database, "database") == ORIGIN
        for item in jsonpage.records(database, "channels")
        if (obis := _obis(item)) is not None
    }


def readings(answer: object, point: UsagePoint) -> tuple[list[Reading], list[Skipped]]:
    """Return the valid readings of an answer to `readings`, and what was left out."""
    found: list[Reading] = []
    skipped: list[Skipped] = []
    for channel in jsonpage.records(jsonpage.part(answer, "readings"), "channels"):
        for item in jsonpage.records(channel, "readings"):
            try:
                found.append(_reading(channel, item, point))
            except Unusable as err:
                where = f"{point.id[:40]} {jsonpage.text(channel, 'obis')[:12]}"
                skipped.append(Skipped(where=where, reason=str(err)))
    return found, skipped


def clock(answer: object, now: datetime) -> datetime | None:
    """Return the gateway's clock, of `smgw-info`; None if it cannot be decided.

    It is shown without zone, and the document does not say which: it is UTC or
    German wall time, whichever a running clock would show now.
    """
    shown = jsonpage.text(jsonpage.part(answer, "smgw-info"), "smgw-time")
    try:
        wall = datetime.fromisoformat(shown).replace(tzinfo=None)
        moments = [wall.replace(tzinfo=zone).astimezone(UTC) for zone in (UTC, BERLIN)]
    except ValueError, OverflowError:
        return None
    best = min(moments, key=lambda moment: abs(moment - now))
    return best if abs(best - now) <= _CLOCK_TOLERANCE else None


def _reading(channel: object, item: object, point: UsagePoint) -> Reading:
    """Return the reading of one entry. Raises `Unusable` with the reason."""
    obis = _obis(channel)
    if obis is None:
        raise Unusable("unknown_obis")
    state = quality(jsonpage.text(item, "cosem-status"))
    if state is not None and not state.usable:
        raise Unusable("invalid")
    capture_time = jsonpage.moment(jsonpage.text(item, "capture-time"))
    if capture_time is None:
        raise Unusable("no_time")
    meter_id = _owner(channel, item, point)
    if meter_id is None:
        raise Unusable("strange_meter_id")
    scaler, unit = point.channels.get(str(obis), ("", ""))
    value = scaled(jsonpage.text(item, "value"), scaler, unit)
    if value is None:
        raise Unusable("no_value" if scaler else "unknown_unit")
    return Reading(
        register=Register(meter_id=meter_id, obis=obis, unit=value[1], name=point.name),
        value=value[0],
        capture_time=capture_time,
        target_time=jsonpage.moment(jsonpage.text(item, "target-time")),
        signature=jsonpage.text(item, "signature") or None,
    )


def _owner(channel: object, item: object, point: UsagePoint) -> str | None:
    """Return whose reading it is: the entry's owner, the code's suffix, or the only meter."""
    if owner := jsonpage.text(item, "owner-number"):
        return ids.meter_id(owner)
    _, _, suffix = jsonpage.text(channel, "obis").partition(".")
    if suffix:
        return ids.meter_id(suffix)
    return point.meters[0] if len(point.meters) == 1 else None


def _obis(item: object) -> Obis | None:
    """Return a channel's code; older firmware appends the meter to it (document)."""
    return Obis.parse(jsonpage.text(item, "obis").partition(".")[0])
