"""Which new meter may have taken the place of one that has vanished.

A meter has vanished where no login that has delivered it does so any more. Another one
may be its successor if it counts the same (medium, direction, unit), and has begun when
the other one had ended: two meters that counted at the same time are two meters.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

from .han.errors import ContractsEnded, NoMeterAssigned
from .han.obis import Obis
from .logins import Login, Logins
from .memory import GatewayMemory
from .notes import MeterNotes
from .schedule import HOUR
from .succession import Handover, Old

# Import and export; what belongs to no tariff is no direction of its own.
_DIRECTIONS = (1, 2)
_ERROR_REGISTER = 63


class Vanished(NamedTuple):
    """A meter that is no longer delivered."""

    meter_id: str
    newest: datetime
    """When its newest reading was taken (UTC)."""
    registers: Mapping[str, Handover]
    """Those that the new meter may continue, by OBIS code."""

    @property
    def old(self) -> Old:
        """Return it as what a new meter continues."""
        return Old(self.meter_id, self.registers)


class Question(NamedTuple):
    """A new meter, and those whose successor it may be."""

    meter_id: str
    first: datetime
    """When its first reading was taken (UTC)."""
    vanished: tuple[Vanished, ...]
    """The one that vanished last comes first."""


def questions(logins: Logins, memory: GatewayMemory) -> Iterator[Question]:
    """Return what the owner is to be asked; what was answered is not asked again."""
    meters: dict[str, MeterNotes] = {}
    for login in logins:
        for meter_id, notes in login.notes.meters.items():
            known = meters.get(meter_id)
            meters[meter_id] = known.joined(notes) if known else notes
    gone = {meter_id for meter_id in meters if _has_vanished(meter_id, logins)}
    if not gone:
        return
    there = {one for one in meters if any(_delivers(login, one) for login in logins)}
    # Also those that went again, if they are continued themselves.
    there |= set().union(*(memory.successions.ancestors(one) for one in there))
    for meter_id, new in meters.items():
        if meter_id not in there:
            continue
        found = [
            Vanished(other, meters[other].newest, registers)
            for other in gone - {meter_id}
            if (
                registers := _continued((meter_id, new), (other, meters[other]), memory)
            )
        ]
        if found:
            found.sort(key=lambda one: (one.newest, one.meter_id), reverse=True)
            yield Question(meter_id, new.first, tuple(found))


def _continued(
    new: tuple[str, MeterNotes], old: tuple[str, MeterNotes], memory: GatewayMemory
) -> dict[str, Handover]:
    """Return the registers of an old meter that a new one may continue; {} for none."""
    (meter_id, notes), (other, before) = new, old
    known, history = memory.successions, memory.history
    if other in known.refused.get(meter_id, ()) or meter_id in known.ancestors(other):
        return {}
    # What the gateway keeps of the new one may be older than what polls have shown.
    begun = [
        moment
        for obis in notes.registers
        if (moment := history.oldest.get((meter_id, obis)))
    ]
    if min([notes.first, *begun]) + HOUR < before.newest:
        return {}
    free: dict[str, Handover] = {}
    for obis, was in before.registers.items():
        now = notes.registers.get(obis)
        if (
            (now is None or now.unit == was.unit)
            and not known.is_continued((other, obis))
            and known.before((meter_id, obis)) is None
        ):
            free[obis] = Handover(was.newest, now and now.first)
    matching = any(
        obis in notes.registers and _is_main(obis) and (other, obis) in history.oldest
        for obis in free
    )
    return free if matching else {}


def _is_main(code: str) -> bool:
    """Say whether a register stands for a meter's medium and direction."""
    obis = Obis.parse(code)
    if obis is None or not obis.counts_up:
        return False
    return obis.a != 1 or (obis.c in _DIRECTIONS and obis.e != _ERROR_REGISTER)


def _has_vanished(meter_id: str, logins: Logins) -> bool:
    return all(
        _lacks(login, meter_id) for login in logins if meter_id in login.notes.meters
    )


def _lacks(login: Login, meter_id: str) -> bool:
    """Say whether a login is known not to see a meter; one that fails knows nothing."""
    if isinstance(login.error, (NoMeterAssigned, ContractsEnded)):
        return True
    return login.works and not _delivers(login, meter_id)


def _delivers(login: Login, meter_id: str) -> bool:
    snapshot = login.snapshot if login.works else None
    return snapshot is not None and meter_id in snapshot.meters
