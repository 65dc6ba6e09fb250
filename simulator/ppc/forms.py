"""What a POST carries: dates and page numbers.

Observed on gateways: ``YYYY-MM-DD`` or ``YYYY-MM-DD HH:MM:SS`` in Europe/Berlin
wall time, both ends inclusive; a date alone as ``to`` covers that whole day;
dates before 2000 are refused.
"""

from datetime import UTC, datetime, timedelta
import re

from simulator.clock import BERLIN

from .refusals import PARAMETER, RefusedError, bad_date

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_TIME = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}")


def period(form: dict[str, str]) -> tuple[datetime, datetime]:
    """Return the range asked for, aware UTC, both ends inclusive.

    In the hour that comes twice ``from`` is its first pass and ``to`` its
    second (our choice: the widest reading).
    """
    begin = _moment(form.get("from", ""), "von").replace(fold=0)
    text = form.get("to", "")
    end = _moment(text, "bis").replace(fold=1)
    if _DATE.fullmatch(text):
        end += timedelta(hours=23, minutes=59, seconds=59)
    begin, end = (at.replace(tzinfo=BERLIN).astimezone(UTC) for at in (begin, end))
    return begin, end


def page(form: dict[str, str]) -> int:
    """Return the page number, 1 without one."""
    text = form.get("page", "1")
    if not text.isdecimal() or int(text) < 1:
        raise RefusedError(PARAMETER)
    return int(text)


def _moment(text: str, field: str) -> datetime:
    for pattern, layout in ((_DATE, "%Y-%m-%d"), (_TIME, "%Y-%m-%d %H:%M:%S")):
        if pattern.fullmatch(text):
            try:
                moment = datetime.strptime(text, layout)
            except ValueError as err:
                raise bad_date(field) from err
            if moment.year < 2000:
                raise bad_date(field)
            return moment
    raise bad_date(field)
