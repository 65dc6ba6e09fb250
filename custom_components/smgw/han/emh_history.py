"""What an EMH CASA keeps: load profiles, contracts, derived registers, the log.

Protocol facts: the vendor's adapter for the official transparency software. History is
kept by months, which are asked for by how long ago they were. Which zone a month has is
not known, nor to which month the value of midnight belongs; German months are assumed,
and what comes is judged by its time alone.
"""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from urllib.parse import quote

from . import emh_contracts, emh_log, emh_rows as rows
from .emh_rows import Found
from .errors import PageUnreadable
from .history import (
    BillingPeriod,
    Contract,
    DerivedRegister,
    LogEntry,
    LogSlice,
    ProfileSlice,
    Span,
)
from .jsonlarge import aside
from .jsonsession import BadRequest, JsonSession, NotThere
from .localtime import BERLIN
from .model import Skipped
from .profiles import ProfileBuilder, slice_of

_ORIGIN = "/json/metering/origin/"
_DERIVED = "/json/metering/derived"
_LOG = "/json/conlogbook/"
_INSTANT = timedelta(microseconds=1)
_DAY_VALUES = 6

type _Month = tuple[int, int]
"""Year and month."""


class EmhHistory:
    """An open session; see `history.HistorySession`."""

    def __init__(self, session: JsonSession, now: Callable[[], datetime]) -> None:
        """Take the open session and our clock (UTC)."""
        self._session = session
        self._now = now
        # The last months read, so that the value of midnight is found in either.
        self._read: dict[tuple[str, _Month], Found] = {}

    @property
    def requests(self) -> int:
        """Return how many requests were sent so far."""
        return self._session.requests

    async def contracts(self) -> tuple[Contract, ...]:
        """Return all contracts; those that cannot be read are left out."""
        try:
            listed = await self._session.load("GET", _DERIVED)
        except NotThere, BadRequest:
            return ()
        if not isinstance(listed, list):
            raise PageUnreadable("no list of contracts")
        found = []
        for name in listed:
            if not isinstance(name, str) or not name:
                continue
            path = _path(name)
            try:
                told = await self._session.load("GET", path)
            except NotThere, BadRequest:
                continue
            periods: object = None
            with suppress(NotThere, BadRequest):
                periods = await self._session.load("GET", f"{path}/billingperiods")
            found.append(emh_contracts.contract(told, name, periods, self._now()))
        return tuple(found)

    async def profile(self, meter_id: str, span: Span) -> ProfileSlice:
        """Return the part of a span that lies in the month of its end."""
        month, start = _month_of(span.end - _INSTANT)
        span = Span(max(span.start, start), span.end)
        skipped: list[Skipped] = []
        months = [month]
        if _month_of(span.end)[0] != month:
            # The value of midnight: the next month may have it.
            months.append(_month_of(span.end)[0])
        sources = [await self._month(meter_id, which, skipped) for which in months]
        self._read = {key: self._read[key] for key in self._read if key[1] in months}
        builders: dict[str, ProfileBuilder] = {}
        for source in sources:
            for code, (register, found) in source.items():
                builder = builders.setdefault(code, ProfileBuilder(register))
                builder.add(found)
        return await slice_of(meter_id, span, builders, skipped)

    async def derived(
        self, contract: Contract, period: BillingPeriod | None
    ) -> tuple[DerivedRegister, ...]:
        """Return a contract's registers: now, or those a billing period ended with."""
        path = _path(contract.logical_name)
        owner = contract.meters[0] if len(contract.meters) == 1 else ""
        try:
            if period is not None and not period.running:
                index = await self._index_of(path, period)
                if index is None:
                    return ()
                answer = await self._session.load(
                    "GET", f"{path}/billingperiods/{index}/extended", most=rows.MAX_BODY
                )
                return rows.derived(answer, owner)
            if contract.taf == _DAY_VALUES:
                return rows.daily(
                    await self._session.load("GET", f"{path}/daily"), owner
                )
            answer = await self._session.load("GET", f"{path}/current/extended")
            return rows.derived(answer, owner)
        except NotThere, BadRequest:
            return ()

    def billing_periods(self, contract: Contract) -> tuple[BillingPeriod, ...]:
        """Return those that are listed with the contract."""
        return contract.billing_periods

    async def tariff_step(self, contract: Contract) -> int | None:
        """Return the tariff step of now."""
        name = contract.logical_name
        try:
            told = await self._session.load("GET", _path(name))
        except NotThere, BadRequest:
            return None
        return emh_contracts.contract(told, name, None, self._now()).active_tariff

    async def log(self, span: Span) -> LogSlice:
        """Return the part of a span that lies in the month of its end."""
        month, start = _month_of(span.end - _INSTANT)
        span = Span(max(span.start, start), span.end)
        found: list[LogEntry] = []
        try:
            answer = await self._session.load(
                "GET", f"{_LOG}{self._ago(month)}", most=rows.MAX_BODY, depth=rows.DEPTH
            )
            found = emh_log.entries(answer)
        except NotThere, BadRequest:
            pass
        entries = sorted(
            (entry for entry in found if entry.time in span),
            key=lambda entry: (entry.time, entry.number or 0),
        )
        return LogSlice(span=span, entries=tuple(entries))

    async def _month(
        self, meter_id: str, month: _Month, skipped: list[Skipped]
    ) -> Found:
        """Return the rows of a month, read once."""
        key = (meter_id, month)
        ago = self._ago(month)
        if key not in self._read and ago >= 0:
            found, bad = await self._rows(meter_id, ago)
            self._read[key] = found
            skipped += bad
        return self._read.get(key, {})

    async def _rows(self, meter_id: str, ago: int) -> tuple[Found, list[Skipped]]:
        path = f"{_ORIGIN}{meter_id.lower()}/{ago}/extended"
        try:
            answer = await self._session.load(
                "GET", path, most=rows.MAX_BODY, depth=rows.DEPTH
            )
        except NotThere, BadRequest:
            # A month without values, or a meter that is no longer there (observed).
            return {}, []
        return await aside(partial(rows.profiles, answer, meter_id))

    async def _index_of(self, path: str, period: BillingPeriod) -> int | None:
        """Return where a billing period stands in the gateway's list."""
        listed = await self._session.load("GET", f"{path}/billingperiods")
        for index, item in enumerate(listed if isinstance(listed, list) else []):
            found = emh_contracts.periods([item], self._now())
            if found and found[0].start == period.start:
                return index
        return None

    def _ago(self, month: _Month) -> int:
        """Return how many months ago a month was, for the gateway's count."""
        now = self._now().astimezone(BERLIN)
        return (now.year - month[0]) * 12 + now.month - month[1]


def _month_of(moment: datetime) -> tuple[_Month, datetime]:
    """Return the German month of a moment, and when it began (UTC)."""
    wall = moment.astimezone(BERLIN)
    start = wall.replace(day=1, hour=0, minute=0, second=0, microsecond=0, fold=0)
    return (wall.year, wall.month), start.astimezone(moment.tzinfo)


def _path(logical_name: str) -> str:
    return f"{_DERIVED}/{quote(logical_name, safe='')}"
