"""What a PPC gateway keeps: load profiles, contracts, derived registers, the log.

Profiles and log are read from the signed exports: their times are UTC, so the doubled
hour of October is told apart, and the original can be kept and checked. Ids rotate: each
export is asked for with those of a form fetched just before, as the transparency
software does.
"""

from collections.abc import Callable, MutableMapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from ..export import cms
from ..export.errors import FileUnreadable
from . import ids, ppc_cms, ppc_contracts, ppc_pages as pages
from .errors import NoData, PageUnreadable, RangeTooLarge, SignatureBroken, SmgwError
from .failures import unexpected_status
from .history import (
    BillingPeriod,
    Contract,
    DerivedRegister,
    LogSlice,
    ProfileSlice,
    SignedFile,
    Span,
)
from .html import Page
from .jsonlarge import aside
from .localtime import BERLIN
from .model import Skipped
from .ppc_cms import Found
from .ppc_session import Session
from .profiles import ProfileBuilder, newest, slice_of
from .transport import Answer

# 85 days of two registers came in one export on newer firmware (observed); older
# refuses more than 1000 records.
_LONGEST = timedelta(days=31)
_SHORTEST = timedelta(hours=6)
# Values are stamped some seconds after their slot (observed); the transparency
# software widens its windows by about as much.
_MARGIN = timedelta(minutes=7)
_HOUR = timedelta(hours=1)
_MOST = 64 * 1024 * 1024
# In the gateway's memory: the longest span that was not refused, in hours.
_HOURS = "history_hours"
_TRIES = 6
# Use cases with derived registers, and how far back the newest value may lie.
_LOOK_BACK = {
    1: timedelta(days=400),
    2: timedelta(days=400),
    6: timedelta(days=3),
}


class PpcHistory:
    """An open session; see `history.HistorySession`."""

    def __init__(
        self,
        session: Session,
        memory: MutableMapping[str, Any],
        now: Callable[[], datetime],
    ) -> None:
        """Take the open session, the gateway's memory, and our clock (UTC)."""
        self._session = session
        self._memory = memory
        self._now = now
        self._exported = False
        self._numbers: dict[str, int] = {}
        """Where contracts stand in the gateway's list, by their logical names."""
        self._periods: dict[str, tuple[BillingPeriod, ...]] = {}
        """Billing periods of contracts, by their logical names."""

    @property
    def requests(self) -> int:
        """Return how many requests were sent so far."""
        return self._session.requests

    async def profile(self, meter_id: str, span: Span) -> ProfileSlice:
        """Return the newest part of a span: at most 31 days, less on older firmware."""
        hours = self._memory.get(_HOURS)
        longest = timedelta(hours=hours) if isinstance(hours, float) else _LONGEST
        for _ in range(_TRIES):
            part = newest(span, longest)
            answer = await self._export_values(meter_id, part)
            try:
                opened = await _opened(answer) if answer else None
            except NoData:
                opened = None
            except RangeTooLarge as err:
                share = err.allowed / max(err.found, err.allowed + 1)
                longest = max(_SHORTEST, (part.end - part.start) * share * 0.95)
                self._memory[_HOURS] = longest / _HOUR
                continue
            if answer is None or opened is None:
                return await _slice(meter_id, part, None, None)
            signed = _signed(f"{meter_id.lower()}.sm_data.xml.cms", answer, opened)
            if opened.intact:
                return await _slice(meter_id, part, opened.content, signed)
            raise _broken(await _slice(meter_id, part, None, signed))
        raise PageUnreadable("no span is short enough")

    async def contracts(self) -> tuple[Contract, ...]:
        """Return all evaluation profiles; the list is fetched anew for each."""
        found: list[Contract] = []
        number, known = 0, 1
        while number < known:
            options = await self._contract_options()
            known = len(options)
            if number >= known:
                break
            name, tid = options[number]
            page = await self._session.post("showTariffProfile", tid=tid)
            contract = ppc_contracts.contract(page, number, name, self._now())
            self._numbers[contract.logical_name] = number
            found.append(contract)
            number += 1
        return tuple(found)

    async def derived(
        self, contract: Contract, period: BillingPeriod | None
    ) -> tuple[DerivedRegister, ...]:
        """Return a contract's registers of the running period, or of one that has ended."""
        if contract.taf not in _LOOK_BACK:
            return ()
        end = self._now() if period is None or period.end is None else period.end
        start = period.start if period else end - _LOOK_BACK[contract.taf]
        span = Span(start, end)
        try:
            page = await self._tarification(contract, span)
            listed = ppc_contracts.billing_periods(page)
            if period is None:
                self._periods[contract.logical_name] = tuple(one for one, _ in listed)
            for found, ttid in listed:
                if ttid and (period is None or found.start == period.start):
                    page = await self._registers(ttid, span)
                    break
        except NoData:
            return ()
        owner = contract.meters[0] if len(contract.meters) == 1 else ""
        return tuple(ppc_contracts.derived(page, owner))

    def billing_periods(self, contract: Contract) -> tuple[BillingPeriod, ...]:
        """Return those that stood beside the newest registers."""
        return self._periods.get(contract.logical_name, ())

    async def tariff_step(self, contract: Contract) -> int | None:
        """Return None: it is not told."""
        return None

    async def log(self, span: Span) -> LogSlice:
        """Return the newest part of the consumer log in a span: at most 1000 entries."""
        longest = span.end - span.start
        for _ in range(_TRIES):
            part = newest(span, longest)
            answer = await self._export("exportLogData", **_window(part))
            try:
                opened = await _opened(answer)
            except NoData:
                return LogSlice(span=part, entries=())
            except RangeTooLarge as err:
                share = err.allowed / max(err.found, err.allowed + 1)
                longest = max(_HOUR, (part.end - part.start) * share * 0.9)
                continue
            if not opened.intact:
                raise _broken(None)
            entries = await aside(partial(ppc_cms.log, opened.content))
            return LogSlice(
                span=part,
                entries=tuple(
                    sorted(
                        (entry for entry in entries if entry.time in part),
                        key=lambda entry: (entry.time, entry.number or 0),
                    )
                ),
                signed=_signed("log.xml.cms", answer, opened),
            )
        raise PageUnreadable("no span is short enough")

    async def _export_values(self, meter_id: str, span: Span) -> Answer | None:
        """Return the answer to an export of a meter's values; None if there are none."""
        listing = await self._listing("meterform", pages.is_meter_list)
        options = pages.meter_options(listing)
        name = next((name for name in options if ids.meter_id(name) == meter_id), None)
        if name is None:
            return None
        form = await self._session.post("showMeterValuesForm", mid=options[name])
        mid = form.hidden("mid", "input_metervalues") or form.hidden("mid")
        answer = await self._export(
            "exportMeterValues",
            mid=mid or options[name],
            **_window(span, _MARGIN),
        )
        if answer.status >= 400:
            # So some firmware says that there is nothing (observed).
            return None
        return answer

    async def _contract_options(self) -> list[tuple[str, str]]:
        """Return name and `tid` of each contract, fresh ones."""
        page = await self._listing("tariffform", ppc_contracts.is_list)
        return ppc_contracts.options(page)

    async def _listing(self, action: str, is_list: Callable[[Page], bool]) -> Page:
        """Return a list with fresh ids. Raises what another page means."""
        page = await self._session.post(action)
        if not is_list(page) and self._exported:
            # A file has no token for the next request; a page has.
            await self._session.welcome()
            page = await self._session.post(action)
        self._exported = False
        if not is_list(page):
            raise pages.explain(page)
        if not pages.is_whole(page):
            raise PageUnreadable("the list was cut off")
        return page

    async def _export(self, action: str, **fields: str) -> Answer:
        answer = await self._session.fetch(action, _MOST, **fields)
        self._exported = True
        return answer

    async def _tarification(self, contract: Contract, span: Span) -> Page:
        """Return the page of a contract's billing periods. Raises `NoData`."""
        options = await self._contract_options()
        named = [i for i, (name, _) in enumerate(options) if name == contract.name]
        if len(named) == 1:
            number: int | None = named[0]
        else:
            # An ended one and its successor share a name; each has an id of its own.
            if contract.logical_name not in self._numbers:
                await self.contracts()
                options = await self._contract_options()
            number = self._numbers.get(contract.logical_name)
        if number is None or number >= len(options):
            raise NoData("no such contract")
        form = await self._session.post("showTarificationForm", tid=options[number][1])
        tid = form.hidden("tid") or options[number][1]
        page = await self._session.post(
            "showTarification", None, **_window(span), tid=tid
        )
        if not page.ids & {"tarification", "tafregister"}:
            raise pages.explain(page)
        return page

    async def _registers(self, ttid: str, span: Span) -> Page:
        """Return the page of one billing period's registers. Raises `NoData`."""
        tid = self._session.latest.hidden("tid")
        page = await self._session.post(
            "showTarificationRegister",
            None,
            **_window(span),
            **({"tid": tid} if tid else {}),
            ttid=ttid,
        )
        if "tafregister" not in page.ids:
            raise pages.explain(page)
        return page


def _signed(name: str, answer: Answer, opened: cms.Signed) -> SignedFile:
    return SignedFile(
        name=name, content=answer.body, opened=replace(opened, content=b"")
    )


def _broken(original: ProfileSlice | None) -> SignatureBroken:
    """Return what to raise: what was changed on the way is not used."""
    err = SignatureBroken("broken signature")
    err.original = original
    return err


async def _slice(
    meter_id: str, span: Span, content: bytes | None, signed: SignedFile | None
) -> ProfileSlice:
    found: Found = {}
    skipped: list[Skipped] = []
    if content is not None:
        found, skipped = await aside(partial(ppc_cms.values, content, meter_id))
    builders = {}
    for code, (register, rows) in found.items():
        builders[code] = ProfileBuilder(register)
        builders[code].add(rows)
    return await slice_of(meter_id, span, builders, skipped, signed)


async def _opened(answer: Answer) -> cms.Signed:
    """Return a signed export, opened; it may be broken.

    Raises what a refusal in its place means: `NoData`, `RangeTooLarge` and others.
    """
    if answer.status != 200:
        raise unexpected_status(answer.status)
    if not answer.body.strip():
        raise NoData("empty export")
    if not answer.body.startswith(b"\x30"):
        raise await aside(partial(_refusal, answer.body))
    try:
        return await aside(partial(cms.open_signed, answer.body))
    except FileUnreadable:
        # It begins like one: cut off, or changed where it cannot even be decoded.
        return cms.Signed(content=b"", intact=False, signer=None)


def _refusal(body: bytes) -> SmgwError:
    return pages.explain(pages.read(body))


def _window(span: Span, margin: timedelta = _HOUR) -> dict[str, str]:
    """Return the fields of a form for a span, a little wider."""
    return {"from": _wall(span.start, -margin), "to": _wall(span.end, margin)}


def _wall(moment: datetime, margin: timedelta) -> str:
    """Return a moment as German wall time, moved outwards.

    A time that is there twice, or not at all, is moved further: how the gateway would
    read it is unknown.
    """
    moment += margin
    step = _HOUR if margin > timedelta(0) else -_HOUR
    for _ in range(3):
        wall = moment.astimezone(BERLIN)
        if wall.replace(fold=0).utcoffset() == wall.replace(fold=1).utcoffset():
            break
        moment += step
    return moment.astimezone(BERLIN).strftime("%Y-%m-%d %H:%M:%S")
