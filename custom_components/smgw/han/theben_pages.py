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
from .status import GatewayState, gateway_state, quality
from .trust import Unusable

ORIGIN = "origin"
"""The list of original readings of the meters."""

_LONGEST_NAME = 100
# The gateway's clock stands without zone; a running clock is no further off than this.
_CLOCK_TOLERANCE = timedelta(minutes=20)
_SECONDS_APART = timedelta(minutes=1)


type RegisterKey = tuple[str | None, str]
"""Meter id and OBIS code; without a meter where the gateway does not tell it."""
type Scale = tuple[str, str]
"""Scaler and unit code, as text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UsagePoint:
    """A contract: what one account may read, of which meters."""

    id: str
    name: str
    taf: str
    state: str
    """`ready`, `running` or `archive`."""
    meters: tuple[str, ...]
    channels: Mapping[RegisterKey, Scale] = field(default_factory=dict)
    """What its original list holds."""

    @property
    def live(self) -> bool:
        """Say whether it may get readings; some gateways call an active one ready."""
        return self.state != "archive"

    @property
    def only_meter(self) -> str | None:
        """Return the meter if there is just one."""
        return self.meters[0] if len(self.meters) == 1 else None

    def scale(self, meter_id: str, code: str) -> Scale | None:
        """Return scaler and unit of a register; None if the gateway told none."""
        found = self.channels.get((meter_id, code))
        # Without a meter beside the code it is the same for all meters.
        return found or self.channels.get((None, code))


def usage_points(answer: object) -> dict[str, UsagePoint]:
    """Return the usage points of an answer to `user-info`, by id."""
    info = jsonpage.part(answer, "user-info")
    found = {}
    for item in jsonpage.records(info, "usage-points"):
        point = UsagePoint(
            id=jsonpage.text(item, "usage-point-id"),
            name=jsonpage.text(item, "usage-point-name")[:_LONGEST_NAME],
            taf=jsonpage.text(item, "taf-number").strip(),
            state=jsonpage.text(item, "taf-state").strip().lower(),
            meters=tuple(
                meter
                for entry in jsonpage.records(item, "meter")
                if (meter := ids.meter_id(jsonpage.text(entry, "meter-id")))
            ),
        )
        if point.id:
            found[point.id] = point
    return found


def channels(answer: object, name: str = ORIGIN) -> dict[RegisterKey, Scale]:
    """Return scaler and unit of each register of a database, of `usage-point-info`."""
    info = jsonpage.part(answer, "usage-point-info")
    return {
        (_suffix(item), str(obis)): (
            jsonpage.text(item, "scaler"),
            jsonpage.text(item, "unit"),
        )
        for database in jsonpage.records(info, "databases")
        if jsonpage.text(database, "database") == name
        for item in jsonpage.records(database, "channels")
        if (obis := obis_of(item)) is not None
    }


def readings(answer: object, point: UsagePoint) -> tuple[list[Reading], list[Skipped]]:
    """Return the valid readings of an answer to `readings`, and what was left out."""
    found: list[Reading] = []
    skipped: list[Skipped] = []
    told = jsonpage.part(answer, "readings")
    if jsonpage.text(told, "incomplete").lower() == "true":
        # What came is right; what did not come is missed by the register's age.
        skipped.append(Skipped(where=point.id[:40], reason="incomplete"))
    for channel in jsonpage.records(told, "channels"):
        for item in jsonpage.records(channel, "readings"):
            try:
                found.append(_reading(channel, item, point))
            except Unusable as err:
                where = f"{point.id[:40]} {jsonpage.text(channel, 'obis')[:12]}"
                skipped.append(
                    Skipped(
                        where=where,
                        reason=str(err),
                        meter_id=owner_of(channel, item, point),
                        quality=err.quality,
                    )
                )
    return found, skipped


def state_of(answer: object) -> GatewayState | None:
    """Return how the gateway is, of `smgw-info`."""
    told = jsonpage.part(answer, "smgw-info")
    return gateway_state(jsonpage.text(told, "smgw-state"))


def clock(answer: object, now: datetime, newest: datetime | None) -> datetime | None:
    """Return the gateway's clock, of `smgw-info`; None if it cannot be decided.

    It is shown without zone, and the document does not say which: it is UTC or German
    wall time. A running clock is a little ahead of the newest capture time (which has
    its zone), never behind it, and shows about `now`.
    """
    shown = jsonpage.text(jsonpage.part(answer, "smgw-info"), "smgw-time")
    try:
        wall = datetime.fromisoformat(shown).replace(tzinfo=None)
        moments = {
            wall.replace(tzinfo=zone, fold=fold).astimezone(UTC)
            for zone in (UTC, BERLIN)
            for fold in (0, 1)
        }
    except ValueError, OverflowError:
        return None
    if newest is not None:
        moments = {moment for moment in moments if moment >= newest - _SECONDS_APART}
    near = {moment for moment in moments if abs(moment - now) <= _CLOCK_TOLERANCE}
    fresh = {
        moment
        for moment in moments
        if newest is not None and moment - newest <= _CLOCK_TOLERANCE
    }
    # Two hours that look right each in one way decide nothing.
    best = near & fresh if near and fresh else near | fresh
    return min(best, key=lambda moment: abs(moment - now)) if best else None


def _reading(channel: object, item: object, point: UsagePoint) -> Reading:
    """Return the reading of one entry. Raises `Unusable` with the reason."""
    obis = obis_of(channel)
    if obis is None:
        raise Unusable("unknown_obis")
    halves = (jsonpage.text(item, f"{half}-status") for half in ("smgw", "meter"))
    state = quality(jsonpage.text(item, "cosem-status"), "".join(halves))
    if state is not None and not state.usable:
        raise Unusable("invalid", state)
    capture_time = jsonpage.moment(jsonpage.text(item, "capture-time"))
    if capture_time is None:
        raise Unusable("no_time")
    meter_id = owner_of(channel, item, point)
    if meter_id is None:
        raise Unusable("strange_meter_id")
    if (scale := point.scale(meter_id, str(obis))) is None:
        raise Unusable("unknown_unit")
    value = scaled(jsonpage.text(item, "value"), *scale)
    return Reading(
        register=Register(meter_id=meter_id, obis=obis, unit=value[1], name=point.name),
        value=value[0],
        capture_time=capture_time,
        target_time=jsonpage.moment(jsonpage.text(item, "target-time")),
        signature=jsonpage.text(item, "signature") or None,
        quality=state,
    )


def owner_of(channel: object, item: object, point: UsagePoint) -> str | None:
    """Return whose reading it is: the entry's owner, the code's suffix, or the only meter."""
    if owner := jsonpage.text(item, "owner-number"):
        return ids.meter_id(owner)
    return _suffix(channel) or point.only_meter


def _suffix(channel: object) -> str | None:
    """Return the meter that older firmware appends to a channel's code (document)."""
    _, _, suffix = jsonpage.text(channel, "obis").partition(".")
    return ids.meter_id(suffix) if suffix else None


def obis_of(channel: object) -> Obis | None:
    """Return a channel's code, without what older firmware appends."""
    return Obis.parse(jsonpage.text(channel, "obis").partition(".")[0])
