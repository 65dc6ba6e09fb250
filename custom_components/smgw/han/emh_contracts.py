"""The contracts of an EMH CASA, read. No network."""

from datetime import UTC, datetime, timedelta
import re

from . import ids, jsonpage
from .history import BillingPeriod, Contract, ContractState
from .slots import QUARTER

_TAF = re.compile(r"TAF-?0?(\d{1,2})", re.IGNORECASE)
_LONGEST_NAME = 100
# The transparency software allows a period to begin a minute late.
_LATE = timedelta(seconds=90)


def contract(
    answer: object, logical_name: str, told: object, now: datetime
) -> Contract:
    """Return a contract of its object and its list of billing periods (`told`).

    Raises `PageUnreadable` for what is no object.
    """
    item = jsonpage.record(answer)
    valid_from = _epoch(item, "validity_start")
    valid_until = _epoch(item, "validity_end")
    state = ContractState.RUNNING
    if valid_until is not None and valid_until <= now:
        state = ContractState.ENDED
    elif valid_from is not None and valid_from > now:
        state = ContractState.READY
    taf = _TAF.search(jsonpage.text(item, "taf_type"))
    seconds = jsonpage.text(item, "capture_period")
    domains = item.get("sensor_domains")
    meters = domains if isinstance(domains, list) else []
    return Contract(
        logical_name=logical_name,
        name=jsonpage.text(item, "taf_name")[:_LONGEST_NAME],
        taf=int(taf[1]) if taf else None,
        state=state,
        meters=tuple(
            meter
            for domain in meters
            if isinstance(domain, str) and (meter := ids.meter_id(domain))
        ),
        metering_point=jsonpage.text(item, "metering_point_id") or None,
        supplier=jsonpage.text(item, "emt_channel_name") or None,
        valid_from=valid_from,
        valid_until=valid_until,
        capture_period=timedelta(seconds=int(seconds))
        if seconds.isdecimal() and 0 < int(seconds) < 10_000_000
        else None,
        billing_periods=periods(told, now),
        active_tariff=_small(jsonpage.text(item, "active_tariff")),
    )


def periods(answer: object, now: datetime) -> tuple[BillingPeriod, ...]:
    """Return billing periods, newest first, whatever the order of the list."""
    found = []
    for item in jsonpage.records({"": answer}, ""):
        start = jsonpage.moment(jsonpage.text(item, "start"))
        end = jsonpage.moment(jsonpage.text(item, "end"))
        if start is None or (end is not None and end <= start):
            continue
        found.append(
            BillingPeriod(
                start=_on_the_quarter(start),
                end=end,
                # The end of the running one may be told as the newest reading's.
                running=start <= now and (end is None or now < end + QUARTER),
            )
        )
    return tuple(sorted(found, key=lambda period: period.start, reverse=True))


def _on_the_quarter(moment: datetime) -> datetime:
    seconds = moment.timestamp() % QUARTER.total_seconds()
    return (
        moment - timedelta(seconds=seconds)
        if seconds <= _LATE.total_seconds()
        else moment
    )


def _epoch(item: jsonpage.Record, key: str) -> datetime | None:
    """Return a time of epoch seconds; 0 and what is missing are open ends."""
    text = jsonpage.text(item, key)
    if not text.isdecimal() or len(text) > 11 or int(text) == 0:
        return None
    return datetime.fromtimestamp(int(text), UTC)


def _small(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) < 4 else None
