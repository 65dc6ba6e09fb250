"""The evaluation profiles (contracts) of a PPC gateway, and their derived registers.

Labels and element ids are those the vendor's transparency-software adapter looks for
and those of observed pages. Times on the pages are German wall time.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
import re

from . import ids
from .history import BillingPeriod, Contract, ContractState, DerivedRegister, ProfileRow
from .html import Page, Row, unescape
from .localtime import UndecidableTime, candidates
from .model import Register
from .obis import Obis
from .ppc_pages import decimal
from .status import Quality
from .units import parse_unit

_TAF = re.compile(r"TAF[-_ ]?0?(\d{1,2})", re.IGNORECASE)
_LABELS = {
    "Profil-ID": "id",
    "Profilname": "name",
    "TAF-Typ": "taf",
    "Registerperiode (sek.)": "capture",
    "Beginn Validierungsperiode": "start",
    "Ende Validierungsperiode": "end",
    "Zählpunktbezeichnung": "point",
}
_LONGEST_NAME = 100
_SELECT = "tarifform_select_profile"
_PERIOD = "table_tarification_col_"
_VALUE = "table_tafregister_col_"
_SECONDS = re.compile(r"[1-9]\d{0,6}", re.ASCII)
_QUALITIES = {"1": Quality.GOOD, "valid": Quality.GOOD, "gültig": Quality.GOOD}


def is_list(page: Page) -> bool:
    """Say whether it is the page `tariffform` answers with."""
    return bool(_SELECT in page.ids or options(page))


def options(page: Page) -> list[tuple[str, str]]:
    """Return name and `tid` of each contract a page lets one choose; names repeat."""
    return [
        (unescape(option.text), option.value)
        for option in page.options
        if option.value and (option.select_id == _SELECT or option.select_name == "tid")
    ]


def has_ended(page: Page, now: datetime) -> bool | None:
    """Say whether a contract's page tells that it has ended; None if it does not tell."""
    told = dict(_labelled(page))
    return _state(told, now) is ContractState.ENDED if told.get("end") else None


def contract(page: Page, number: int, name: str, now: datetime) -> Contract:
    """Return the contract of the answer to `showTariffProfile`.

    `name` is what the list calls it. Without an id of its own its `number` in the list
    tells it from others of the same name.
    """
    told = dict(_labelled(page))
    taf = _TAF.search(told.get("taf", "")) or _TAF.search(name)
    capture = told.get("capture", "")
    meters = (ids.meter_id(text) for text in _cells(page, "table_tafvalues_col_domain"))
    suppliers = list(_cells(page, "table_supplyconfigs_col_domain2"))
    return Contract(
        logical_name=told.get("id", "")[:_LONGEST_NAME] or f"{number} {name}",
        name=(told.get("name") or name)[:_LONGEST_NAME],
        taf=int(taf[1]) if taf else None,
        state=_state(told, now),
        meters=tuple(dict.fromkeys(meter for meter in meters if meter)),
        metering_point=told.get("point", "")[:_LONGEST_NAME] or None,
        supplier=suppliers[0].removesuffix(".sm")[:_LONGEST_NAME]
        if suppliers
        else None,
        valid_from=_moment(told.get("start", "")),
        valid_until=_end(told),
        capture_period=timedelta(seconds=int(capture))
        if _SECONDS.fullmatch(capture)
        else None,
    )


def billing_periods(page: Page) -> list[tuple[BillingPeriod, str]]:
    """Return the billing periods of the answer to `showTarification`, with their `ttid`.

    Newest first.
    """
    found = []
    ttids = iter([item.value for item in page.inputs if item.name == "ttid"])
    for row in page.rows:
        cells = row.by_id
        if f"{_PERIOD}periodbegin" not in cells:
            continue
        ttid = next(ttids, "")
        start = _moment(cells[f"{_PERIOD}periodbegin"])
        end = _moment(cells.get(f"{_PERIOD}periodend", ""))
        running = "laufend" in cells.get(f"{_PERIOD}status", "").casefold()
        if start is not None and (end is None or end > start):
            period = BillingPeriod(start=start, end=end, running=running)
            found.append((period, ttid))
    return sorted(found, key=lambda item: item[0].start, reverse=True)


def derived(page: Page, meter_id: str) -> list[DerivedRegister]:
    """Return the newest value of each register of the answer to `showTarificationRegister`."""
    newest: dict[str, DerivedRegister] = {}
    for row in page.rows:
        if (found := _derived(row, meter_id)) is None:
            continue
        code = str(found.register.obis)
        known = newest.get(code)
        if known is None or found.row.target_time > known.row.target_time:
            newest[code] = found
    return list(newest.values())


def _derived(row: Row, meter_id: str) -> DerivedRegister | None:
    cells = row.by_id
    obis = Obis.parse(cells.get(f"{_VALUE}obis", ""))
    unit = parse_unit(cells.get(f"{_VALUE}einheit", ""))
    target = _moment(cells.get(f"{_VALUE}sollzeitpunkt", ""))
    if obis is None or unit is None or target is None:
        return None
    status = cells.get(f"{_VALUE}qualitaet", "")
    step = cells.get(f"{_VALUE}kostenstufe", "")
    tariff = int(step) if step.isdecimal() and len(step) < 3 else obis.e
    return DerivedRegister(
        register=Register(meter_id=meter_id, obis=obis, unit=unit, name=""),
        tariff=tariff,
        row=ProfileRow(
            target_time=target,
            capture_time=_moment(cells.get(f"{_VALUE}zeitstempel", "")) or target,
            value=decimal(cells.get(f"{_VALUE}wert", "")),
            quality=_QUALITIES.get(status.casefold(), Quality.UNUSABLE)
            if status
            else None,
            status=status,
            signature=cells.get(f"{_VALUE}sign") or None,
        ),
    )


def _labelled(page: Page) -> Iterator[tuple[str, str]]:
    """Yield the label/value rows we use, by our own names; the first of each counts."""
    seen = set()
    for row in page.rows:
        if len(row.cells) != 2:
            continue
        (_, label), (_, value) = row.cells
        name = _LABELS.get(unescape(label).rstrip(":"))
        if name and name not in seen:
            seen.add(name)
            yield name, unescape(value)


def _state(told: Mapping[str, str], now: datetime) -> ContractState:
    start, end = _moment(told.get("start", "")), _end(told)
    if end is not None and end <= now:
        return ContractState.ENDED
    if start is not None and start > now:
        return ContractState.READY
    return ContractState.RUNNING


def _end(told: Mapping[str, str]) -> datetime | None:
    """Return when a contract ends (UTC), of two moments the later; None for no end."""
    try:
        return max(candidates(told.get("end", "")), default=None)
    except UndecidableTime:
        return None


def _cells(page: Page, cell_id: str) -> Iterator[str]:
    for row in page.rows:
        for found, text in row.cells:
            if found == cell_id and text:
                yield text


def _moment(text: str) -> datetime | None:
    """Return a wall time in UTC; None for `unbegrenzt`, nothing, or one of two moments."""
    try:
        found = candidates(text)
    except UndecidableTime:
        return None
    return found[0] if len(found) == 1 else None
