"""What a Theben CONEXA keeps: load profiles, contracts, derived registers, the log.

Protocol facts: the maker's interface description (IF_GW_CON 1.4) and observations of
independent clients. A usage point is a contract; of one meter there are often several,
and import and export may each have their own.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from . import jsonpage, theben_log, theben_pages as pages, theben_rows as rows
from .history import (
    BillingPeriod,
    Contract,
    DerivedRegister,
    LogEntry,
    LogSlice,
    ProfileSlice,
    Span,
)
from .jsonsession import BadRequest, JsonSession
from .model import Skipped
from .profiles import ProfileBuilder, newest, slice_of
from .theben_contracts import NOT_KEPT, contracts, overlaps
from .theben_pages import UsagePoint

# 31 days at once, more is refused (document). The capture time, which some firmware
# compares instead of the target time, lies up to a minute off it (observed).
_LONGEST = timedelta(days=30)
_MARGIN = timedelta(minutes=2)
_SHORTEST = timedelta(days=1)
# Rows of the log that one answer holds at most (document), and pages of one span.
_LOG_ROWS = 1500
_LOG_PAGES = 20
# So many pages are enough for a login each five minutes.
_LONGEST_LOG = timedelta(days=90)
_DERIVED = ("derived", "calculated", "daily")


class Caller(Protocol):
    """Calls a method of the interface in an open session."""

    async def __call__(
        self,
        method: str,
        usage_point: str | None = None,
        more: Mapping[str, Any] | None = None,
        *,
        most: int | None = None,
        depth: int = 0,
    ) -> object:
        """Return the answer. Raises `BadRequest` and other `SmgwError`s."""


class ThebenHistory:
    """An open session; see `history.HistorySession`."""

    def __init__(
        self, session: JsonSession, call: Caller, now: Callable[[], datetime]
    ) -> None:
        """Take the open session, a way to call methods in it, and our clock (UTC)."""
        self._session = session
        self._call = call
        self._now = now
        self._contracts: tuple[Contract, ...] | None = None
        self._points: dict[str, UsagePoint] = {}
        self._details: dict[str, object] = {}
        self._longest = _LONGEST

    @property
    def requests(self) -> int:
        """Return how many requests were sent so far."""
        return self._session.requests

    async def contracts(self) -> tuple[Contract, ...]:
        """Return all usage points, archived ones as well."""
        if self._contracts is None:
            answer = await self._call("user-info")
            self._points = pages.usage_points(answer)
            self._contracts = contracts(answer, self._now())
        return self._contracts

    async def profile(self, meter_id: str, span: Span) -> ProfileSlice:
        """Return the newest part of a span, at most 30 days, of all usage points.

        A usage point is left out if those before it have all that it could have.
        """
        skipped: list[Skipped] = []
        span = newest(span, self._longest)
        builders: dict[str, ProfileBuilder] = {}
        covered: dict[str, list[Span]] = {}
        for contract in await self._sources(meter_id, span):
            window = _validity(contract, span)
            point = await self._point(contract, pages.ORIGIN)
            if point is None or not _is_needed(point, meter_id, covered, window):
                continue
            found = await self._rows(point, pages.ORIGIN, meter_id, span, skipped)
            if found is None:
                # Too much for one answer: the caller asks for the rest.
                self._longest = max(_SHORTEST, (span.end - span.start) / 2)
                return await self.profile(meter_id, span)
            for register, source in found:
                code = str(register.obis)
                builder = builders.setdefault(code, ProfileBuilder(register))
                if builder.register.unit is not register.unit:
                    where = f"{meter_id} {code}"
                    skipped.append(Skipped(where=where, reason="unit_changed"))
                    continue
                builder.add(source)
                covered.setdefault(code, []).append(window)
        return await slice_of(meter_id, span, builders, skipped)

    async def derived(
        self, contract: Contract, period: BillingPeriod | None
    ) -> tuple[DerivedRegister, ...]:
        """Return the newest derived values of a usage point, or those a period ended with."""
        skipped: list[Skipped] = []
        for database in _DERIVED:
            point = await self._point(contract, database)
            if point is None or not point.channels:
                continue
            if period is None or period.running or period.end is None:
                more: dict[str, Any] = {"last-reading": True}
            else:
                span = Span(period.end - _SHORTEST, period.end)
                more = _window(span)
            try:
                answer = await self._call(
                    "readings", point.id, {"database": database, **more}
                )
            except BadRequest:
                continue
            if found := rows.derived(answer, point, period, skipped):
                return found
        return ()

    def billing_periods(self, contract: Contract) -> tuple[BillingPeriod, ...]:
        """Return those that are listed with the contract."""
        return contract.billing_periods

    async def tariff_step(self, contract: Contract) -> int | None:
        """Return None: it is not told."""
        return None

    async def log(self, span: Span) -> LogSlice:
        """Return the newest part of the consumer log in a span, page by page.

        The gateway begins with the oldest: of a longer span the newest might not come.
        The gateway counts the start in and the end out; a span does it the other way.
        """
        span = newest(span, _LONGEST_LOG)
        found: dict[object, LogEntry] = {}
        asked: dict[str, Any] = {"fromtime": _text(span.start), "count": _LOG_ROWS}
        for _ in range(_LOG_PAGES):
            page = theben_log.entries(await self._call("log", None, asked, depth=3))
            fresh = [e for e in page if e.number is None or e.number not in found]
            for number, entry in enumerate(fresh, len(found)):
                found[(number,) if entry.number is None else entry.number] = entry
            last = max((e.number for e in page if e.number is not None), default=None)
            over = any(entry.time > span.end for entry in page)
            if len(page) < _LOG_ROWS or last is None or not fresh or over:
                break
            asked = {"fromindex": last + 1, "count": _LOG_ROWS}
        entries = sorted(
            (entry for entry in found.values() if entry.time in span),
            key=lambda entry: (entry.time, entry.number or 0),
        )
        return LogSlice(span=span, entries=tuple(entries))

    async def _sources(self, meter_id: str, span: Span) -> Iterable[Contract]:
        """Return the usage points that may have values of a meter, best ones first."""
        usable = [
            contract
            for contract in await self.contracts()
            if contract.taf not in NOT_KEPT
            and (not contract.meters or meter_id in contract.meters)
            and overlaps(contract, span.start, span.end)
        ]
        return sorted(usable, key=lambda contract: contract.taf != 7)

    async def _point(self, contract: Contract, database: str) -> UsagePoint | None:
        """Return a usage point with the registers of one of its databases."""
        if contract.logical_name not in self._details:
            try:
                answer = await self._call("usage-point-info", contract.logical_name)
            except BadRequest:
                answer = None
            self._details[contract.logical_name] = answer
        answer = self._details[contract.logical_name]
        point = self._points.get(contract.logical_name)
        if answer is None or point is None:
            return None
        return replace(point, channels=pages.channels(answer, database))

    async def _rows(
        self,
        point: UsagePoint,
        database: str,
        meter_id: str,
        span: Span,
        skipped: list[Skipped],
    ) -> rows.Found | None:
        """Return the rows of a usage point; None if not all of them came."""
        asked = {"database": database, **_window(span)}
        try:
            answer = await self._call(
                "readings", point.id, asked, most=rows.MAX_BODY, depth=rows.DEPTH
            )
        except BadRequest:
            skipped.append(Skipped(where=point.id[:40], reason="not_readable"))
            return []
        told = jsonpage.part(answer, "readings")
        if jsonpage.text(told, "incomplete").lower() == "true":
            if span.end - span.start > _SHORTEST:
                return None
            skipped.append(Skipped(where=point.id[:40], reason="incomplete"))
        return await rows.profile_aside(answer, point, meter_id, skipped)


def _is_needed(
    point: UsagePoint,
    meter_id: str,
    covered: Mapping[str, list[Span]],
    window: Span,
) -> bool:
    """Say whether a usage point may have rows that those before it have not.

    All draw on the meter's one list, for the time that they are valid.
    """
    for owner, code in point.channels:
        if (owner or point.only_meter) not in (meter_id, None):
            continue
        if not any(
            other.start <= window.start and window.end <= other.end
            for other in covered.get(code, ())
        ):
            return True
    return not point.channels


def _validity(contract: Contract, span: Span) -> Span:
    """Return the part of a span in which a contract is valid."""
    start, end = contract.valid_from, contract.valid_until
    return Span(
        max(span.start, start) if start else span.start,
        min(span.end, end) if end else span.end,
    )


def _window(span: Span) -> dict[str, str]:
    return {
        "fromtime": _text(span.start - _MARGIN),
        "totime": _text(span.end + _MARGIN),
    }


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
