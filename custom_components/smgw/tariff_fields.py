"""A tariff as an action is told it: a supplier's file, windows of the day, or neither."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

import probatio

from homeassistant.helpers import config_validation as cv

from .billing import flat
from .tariff import supplier, windows
from .tariff.bill import Period
from .tariff.errors import PeriodInvalid
from .tariff.model import BERLIN, Tariff

ATTR_FILE = "tariff_file"
ATTR_TEXT = "tariff_text"
ATTR_WINDOWS = "windows"
ATTR_STAGES = "stages"
ATTR_DEFAULT = "default_stage"
ATTR_HOLIDAYS = "holidays"
ATTR_PRICES = "prices"
ATTR_FIRST = "first_day"
ATTR_LAST = "last_day"

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _price(value: Any) -> Decimal:
    try:
        price = Decimal(str(value))
    except InvalidOperation:
        raise probatio.Invalid("expected a number") from None
    if not price.is_finite():
        raise probatio.Invalid("expected a number")
    return price


_STAGE = probatio.All(probatio.Coerce(int), probatio.Range(min=1, max=62))
_WINDOW = probatio.Schema(
    {
        probatio.Required("stage"): _STAGE,
        probatio.Required("from"): cv.time,
        probatio.Required("to"): cv.time,
        probatio.Optional("weekdays"): probatio.All(
            cv.ensure_list, [probatio.In(_DAYS)]
        ),
        probatio.Optional("first_day"): cv.date,
        probatio.Optional("last_day"): cv.date,
    }
)
FIELDS = {
    probatio.Optional(ATTR_FIRST): cv.date,
    probatio.Optional(ATTR_LAST): cv.date,
    probatio.Exclusive(ATTR_FILE, "tariff"): str,
    probatio.Exclusive(ATTR_TEXT, "tariff"): str,
    probatio.Exclusive(ATTR_WINDOWS, "tariff"): probatio.All(cv.ensure_list, [_WINDOW]),
    probatio.Optional(ATTR_STAGES): probatio.Schema({_STAGE: cv.string}),
    probatio.Optional(ATTR_DEFAULT, default=1): _STAGE,
    probatio.Optional(ATTR_HOLIDAYS): probatio.All(cv.ensure_list, [cv.date]),
    probatio.Optional(ATTR_PRICES): probatio.Schema(
        {probatio.All(probatio.Coerce(int), probatio.Range(min=1, max=63)): _price}
    ),
}


class Asked(NamedTuple):
    """What is to be billed, and by which tariff."""

    period: Period
    tariff: Tariff
    supplier: supplier.SupplierTariff | None
    prices: Mapping[int, Decimal]

    @property
    def use_case(self) -> int | None:
        """Return the use case (TAF) that the supplier's file names."""
        return self.supplier.use_case if self.supplier else None


def asked(data: Mapping[str, Any], content: bytes | None, name: str) -> Asked:
    """Return what an action is to bill; takes its time with a large file.

    `content` is the supplier's file, `name` that of a tariff without one. Raises
    `TariffError`.
    """
    prices = data.get(ATTR_PRICES, {})
    if content is not None:
        found = supplier.read(content)
        return Asked(_period_of(found, data), found.tariff, found, prices)
    if ATTR_FIRST not in data or ATTR_LAST not in data:
        raise PeriodInvalid("no days")
    period = Period(first=data[ATTR_FIRST], last=data[ATTR_LAST])
    if ATTR_WINDOWS not in data:
        return Asked(period, flat(name), None, prices)
    return Asked(period, _by_windows(data, period, name), None, prices)


def _by_windows(data: Mapping[str, Any], period: Period, name: str) -> Tariff:
    found = [
        windows.Window(
            stage=window["stage"],
            start=window["from"],
            end=window["to"],
            weekdays=_weekdays(window.get("weekdays")),
            first=window.get("first_day"),
            last=window.get("last_day"),
        )
        for window in data[ATTR_WINDOWS]
    ]
    default = data[ATTR_DEFAULT]
    told = data.get(ATTR_STAGES, {})
    numbers = {default, *(window.stage for window in found), *told}
    return windows.tariff(
        name,
        {number: told.get(number, str(number)) for number in sorted(numbers)},
        default,
        found,
        first=period.first,
        last=period.last,
        holidays=data.get(ATTR_HOLIDAYS, ()),
    )


def _weekdays(names: Iterable[str] | None) -> frozenset[int]:
    if names is None:
        return windows.ALL_DAYS
    return frozenset(_DAYS.index(name) for name in names)


def _period_of(found: supplier.SupplierTariff, data: Mapping[str, Any]) -> Period:
    """Return the days to bill: those of the file, or those asked for within it."""
    first = _midnight(found.start)
    last = _midnight(found.end) - timedelta(days=1)
    period = Period(first=data.get(ATTR_FIRST, first), last=data.get(ATTR_LAST, last))
    if period.first < first or period.last > last:
        raise PeriodInvalid("not in the file's period")
    return period


def _midnight(moment: datetime) -> date:
    """Return the day that begins at a moment. Raises `PeriodInvalid`."""
    wall = moment.astimezone(BERLIN)
    if (wall.hour, wall.minute, wall.second) != (0, 0, 0):
        raise PeriodInvalid("not from midnight to midnight")
    return wall.date()
