"""The contracts of a Theben CONEXA: usage points with all that is told of them."""

from datetime import datetime, timedelta
import re

from . import ids, jsonpage
from .history import BillingPeriod, Contract, ContractState

_STATES = {
    "ready": ContractState.READY,
    "running": ContractState.RUNNING,
    "archive": ContractState.ENDED,
}
# The last byte of the prefix is 0x20 and the number of the use case (seen in the
# maker's document and in public data).
_PREFIX = re.compile(r"01005e3180([2-3][0-9a-f])\.", re.IGNORECASE)
# Spelled differently in the maker's table and in its examples.
_PERIODS = ("billing-Periods", "billingPeriods", "billing-periods")
_LONGEST_NAME = 100
NOT_KEPT = frozenset({9, 10, 14})
"""Use cases whose values are not kept: there is no history to read (handbook)."""


def contracts(answer: object, now: datetime) -> tuple[Contract, ...]:
    """Return the contracts of an answer to `user-info`."""
    info = jsonpage.part(answer, "user-info")
    return tuple(
        _contract(item, now)
        for item in jsonpage.records(info, "usage-points")
        if jsonpage.text(item, "usage-point-id")
    )


def _contract(item: jsonpage.Record, now: datetime) -> Contract:
    logical_name = jsonpage.text(item, "usage-point-id")
    meters = (
        ids.meter_id(jsonpage.text(entry, "meter-id"))
        for entry in jsonpage.records(item, "meter")
    )
    valid_until = jsonpage.moment(jsonpage.text(item, "end-time"))
    state = _STATES.get(jsonpage.text(item, "taf-state").strip().lower())
    if state is None:
        ended = valid_until is not None and valid_until <= now
        state = ContractState.ENDED if ended else ContractState.RUNNING
    periods = (_period(entry, now) for entry in jsonpage.records(item, *_PERIODS))
    return Contract(
        logical_name=logical_name,
        name=jsonpage.text(item, "usage-point-name")[:_LONGEST_NAME],
        taf=_taf(jsonpage.text(item, "taf-number"), logical_name),
        state=state,
        meters=tuple(meter for meter in meters if meter),
        metering_point=jsonpage.text(item, "metering-point-id") or None,
        supplier=jsonpage.text(item, "delivery-id") or None,
        valid_from=jsonpage.moment(jsonpage.text(item, "start-time")),
        valid_until=valid_until,
        capture_period=None,
        billing_periods=tuple(
            sorted(
                (period for period in periods if period),
                key=lambda period: period.start,
                reverse=True,
            )
        ),
        on_demand=jsonpage.text(item, "on-demand-profile-configured").lower() == "true",
    )


def _period(entry: jsonpage.Record, now: datetime) -> BillingPeriod | None:
    start = jsonpage.moment(jsonpage.text(entry, "start-time"))
    end = jsonpage.moment(jsonpage.text(entry, "end-time"))
    if start is None or (end is not None and end <= start):
        return None
    running = start <= now and (end is None or now < end)
    return BillingPeriod(start=start, end=end, running=running)


def _taf(number: str, logical_name: str) -> int | None:
    """Return the number of the use case, by itself or as the name says it."""
    if number.strip().isdecimal() and len(number) < 4:
        return int(number)
    match = _PREFIX.match(logical_name)
    return int(match[1], 16) - 0x20 if match else None


def overlaps(contract: Contract, start: datetime, end: datetime) -> bool:
    """Say whether a contract was valid at some time of a span.

    A day more on each side: the first and the last value may lie on the border.
    """
    day = timedelta(days=1)
    began = contract.valid_from is None or contract.valid_from - day < end
    lasts = contract.valid_until is None or contract.valid_until + day > start
    return began and lasts
