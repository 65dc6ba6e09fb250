"""What contracts derive from meters: days, months, tariff registers."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from .clock import BERLIN
from .curves import Counter
from .meters import Meter, Register, RegisterSpec
from .readout import Readout

ERROR_REGISTER = "1-0:1.8.63"
TARIFF_HOURS = (6, 22)


class _Nothing:
    """The curve of a register that never counts."""

    def day(self, number: int) -> list[int]:
        """Return a day without use."""
        return [0] * 96


def derived_registers(
    view: Readout, meter: Meter, taf: int, obis: tuple[str, ...]
) -> list[Register]:
    """Return a contract's registers; TAF 2 has one for errors, which rests at 0."""
    own = view.registers(meter, obis)
    if taf != 2 or not own:
        return own
    never = Counter(_Nothing(), meter.anchor, 0)
    spec = RegisterSpec(ERROR_REGISTER)
    return [*own, Register(ERROR_REGISTER, "kWh", "", never, spec)]


def active_tariff(taf: int, at: datetime) -> int:
    """Return 1 (06-22 h local) or 2 for TAF 2, else 0."""
    if taf != 2:
        return 0
    first, second = TARIFF_HOURS
    return 1 if first <= at.astimezone(BERLIN).hour < second else 2


def days(begin: datetime, end: datetime, hour: int = 0) -> Iterator[datetime]:
    """Return the local times ``hour`` o'clock after ``begin``, up to ``end``, UTC."""
    local = begin.astimezone(BERLIN) - timedelta(days=1)
    local = local.replace(hour=hour, minute=0, second=0, microsecond=0, fold=0)
    while (at := local.astimezone(UTC)) <= end:
        if at > begin:
            yield at
        local += timedelta(days=1)


def months(begin: datetime, end: datetime) -> Iterator[datetime]:
    """Return the local begins of months after ``begin``, up to ``end``, UTC."""
    at, following = month_back(begin, 0)
    while at <= end:
        if at > begin:
            yield at
        at, following = month_back(following, 0)


def month_back(now: datetime, number: int) -> tuple[datetime, datetime]:
    """Return begin and end of a local month, 0 the present one, UTC."""
    local = now.astimezone(BERLIN)
    index = local.year * 12 + local.month - 1 - number
    begin, end = (
        local.replace(
            year=i // 12,
            month=i % 12 + 1,
            day=1,
            hour=0,
            minute=0,
            second=0,
            microsecond=0,
            fold=0,
        )
        for i in (index, index + 1)
    )
    return begin.astimezone(UTC), end.astimezone(UTC)
