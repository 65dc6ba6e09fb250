"""The pages of a PPC gateway, read. Knows HTML ids and German phrases, no network.

Ids and phrases come from the vendor's transparency-software adapter and from pages
observed on gateways; firmware differs in quotes, umlauts, a misspelt id and in
whether follow-up rows repeat time and validity.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
import re

from .errors import (
    LoginRefused,
    NoData,
    NotAGateway,
    PageUnreadable,
    PortalLocked,
    RangeTooLarge,
    SessionExpired,
    SmgwError,
)
from .html import Page, Row, parse, unescape

_COLUMN = "table_metervalues_col_"
# `metervaleus`: older firmware, OBIS column only.
_OBIS_COLUMNS = (f"{_COLUMN}obis", "table_metervaleus_col_obis")
_DECIDING = frozenset(
    (*_OBIS_COLUMNS, *(f"{_COLUMN}{name}" for name in ("wert", "einheit", "istvalide")))
)
_METADATA = {
    "Zähler-ID": "meter",
    "Zähleradresse": "address",
    "Ausleseintervall": "interval",
}
_VALIDITY = {
    "1": "valid",
    "valid": "valid",
    "gültig": "valid",
    "2": "invalid",
    "invalid": "invalid",
    "ungültig": "invalid",
    "3": "not_present",
    "nonexistent": "not_present",
    "nicht vorhanden": "not_present",
}
# Four decimals are usual; the bound keeps out what no meter can count to.
_VALUE = re.compile(r"-?\d{1,12}(?:\.\d{1,6})?", re.ASCII)
_INTERVAL = re.compile(r"[1-9]\d{0,6}", re.ASCII)
# Lengths are bounded, so that no page makes a search slow or a number absurd.
_LOCKED = re.compile(
    r"Portal ist(?: für)?(?: (\d{1,4}) Minuten?)?(?: und)?(?: (\d{1,4}) Sekunden?)? gesperrt",
    re.ASCII,
)
# The lock lasts about five minutes (observed), should the page not say.
_LOCK = timedelta(minutes=5)
_TOO_MANY = re.compile(
    r"liefert (\d{1,9}) Datensätze .{1,60}?nur (\d{1,9}) erlaubt", re.ASCII
)
_SYNC = re.compile(r"([^(]*)\( ?Letzte Synchronisation: ?([^)]*)\)")
_HEX = re.compile(r"[0-9a-fA-F]{1,1024}")

_PHRASES: Mapping[str, type[SmgwError]] = {
    "Anmeldung fehlgeschlagen": LoginRefused,
    "Login falsch": LoginRefused,
    "Sitzung abgelaufen": SessionExpired,
    "Invalide Session": SessionExpired,
    "Sessioncookie": SessionExpired,
    # A stale or foreign id; both go with the session that gave the id.
    "Unerlaubter Zugriff": SessionExpired,
    "Parameterfehler": SessionExpired,
    "Keine Zählerdaten vorhanden": NoData,
    "Keine Daten": NoData,
}


@dataclass(frozen=True, slots=True)
class Footer:
    """What stands below every page: firmware, and two Berlin wall times as text."""

    firmware: str | None
    clock: str | None
    last_sync: str | None


@dataclass(frozen=True, slots=True)
class ValueRow:
    """A row of the value table; time and validity filled in from the row above."""

    timestamp: str
    validity: str
    """`valid`, `invalid`, `not_present`, `merged_rows`, or `unknown`."""
    name: str
    value: Decimal | None
    unit: str
    obis: str
    signature: str | None


@dataclass(frozen=True, slots=True)
class MeterProfile:
    """One meter's page: what the gateway knows of it, and its newest values."""

    meter: str | None = None
    address: str | None = None
    capture_interval: timedelta | None = None
    rows: tuple[ValueRow, ...] = ()


def read(body: bytes) -> Page:
    """Read a page; UTF-8, or Latin-1 where it is not."""
    try:
        markup = body.decode()
    except UnicodeDecodeError:
        markup = body.decode("latin-1")
    return parse(markup)


def is_ours(page: Page) -> bool:
    """Say whether a page is one of a PPC gateway's."""
    return (
        bool(page.ids & {"div_fwversion", "div_timestamp", "headline_willkommen"})
        or any(item.name == "tkn" for item in page.inputs)
        or "Smart Meter Gateway Customer Interface" in page.text
    )


def is_whole(page: Page) -> bool:
    """Say whether a page came to its end: the footer is its last part."""
    return page.complete or bool(page.text_of("div_timestamp"))


def is_welcome(page: Page) -> bool:
    """Say whether it is the page after a good login."""
    return bool(page.ids & {"headline_willkommen", "button_menu_zaehler"})


def is_farewell(page: Page) -> bool:
    """Say whether it is the page after a logout."""
    return "abgemeldet" in page.text


def is_meter_list(page: Page) -> bool:
    """Say whether it is the page `meterform` answers with."""
    return bool(
        page.ids & {"form_meterform", "meterform_select_meter"} or meter_options(page)
    )


def meter_options(page: Page) -> dict[str, str]:
    """Return the meters a page lets one choose: logical name to `mid`, in order."""
    return {
        option.text: option.value
        for option in page.options
        if option.value
        and (
            option.select_id == "meterform_select_meter" or option.select_name == "mid"
        )
    }


def footer(page: Page) -> Footer:
    """Return the footer of a page; parts that are missing are None."""
    clock, last_sync = page.text_of("div_timestamp"), None
    if match := _SYNC.match(clock):
        clock, last_sync = match.groups()
    return Footer(
        page.text_of("div_fwversion") or None,
        clock.strip() or None,
        last_sync.strip() if last_sync else None,
    )


def meter_profile(page: Page) -> MeterProfile:
    """Read the answer to `showMeterProfile`. Raises as `explain` does."""
    metadata = _metadata(page)
    if "metervalue" not in page.ids and not metadata:
        raise explain(page)
    if not is_whole(page):
        raise PageUnreadable("the page was cut off")
    interval = metadata.get("interval", "")
    return MeterProfile(
        meter=metadata.get("meter"),
        address=metadata.get("address"),
        capture_interval=timedelta(seconds=int(interval))
        if _INTERVAL.fullmatch(interval)
        else None,
        rows=tuple(_value_rows(page)),
    )


def explain(page: Page) -> SmgwError:
    """Say what a page means that is not the one asked for."""
    # Phrases count only where the gateway puts them, not inside names and lists.
    # Some pages escape umlauts twice.
    text = unescape(page.text_of("content") or page.text)
    if match := _LOCKED.search(text):
        minutes, seconds = match.groups("0")
        said = timedelta(minutes=int(minutes), seconds=int(seconds))
        return PortalLocked(said if any(match.groups()) else _LOCK)
    if match := _TOO_MANY.search(text):
        return RangeTooLarge(int(match[1]), int(match[2]))
    for phrase, error in _PHRASES.items():
        if phrase in text:
            return error(phrase)
    if is_ours(page):
        return PageUnreadable("a page we did not ask for")
    return NotAGateway("a page of something else")


def _metadata(page: Page) -> dict[str, str]:
    """Return the label/value rows we use, by our own names."""
    found: dict[str, str] = {}
    for row in page.rows:
        if len(row.cells) != 2:
            continue
        (_, label), (_, value) = row.cells
        if name := _METADATA.get(unescape(label).rstrip(":")):
            found.setdefault(name, value)
    return found


def _value_rows(page: Page) -> Iterator[ValueRow]:
    timestamp = validity = ""
    for row in page.rows:
        if row.table_id != "metervalue" or not _is_value_row(row):
            continue
        cells = row.by_id
        if stamp := cells.get(f"{_COLUMN}timestamp"):
            # another time is another reading: what was said of the last is no longer so
            validity = validity if stamp == timestamp else ""
            timestamp = stamp
        validity = cells.get(f"{_COLUMN}istvalide") or validity
        if merged := _is_merged(row):
            timestamp = validity = ""
        signature = cells.get(f"{_COLUMN}sign", "")
        yield ValueRow(
            timestamp=timestamp,
            validity="merged_rows"
            if merged
            else _VALIDITY.get(validity.casefold(), "unknown"),
            name=unescape(cells.get(f"{_COLUMN}name", "")),
            value=decimal(cells.get(f"{_COLUMN}wert", "")),
            unit=cells.get(f"{_COLUMN}einheit", ""),
            obis=next((cells[c] for c in _OBIS_COLUMNS if c in cells), ""),
            signature=signature if _HEX.fullmatch(signature) else None,
        )


def _is_value_row(row: Row) -> bool:
    """Tell value rows from the header, whose cells have no ids."""
    return any(cell_id.startswith(_COLUMN) for cell_id, _ in row.cells)


def _is_merged(row: Row) -> bool:
    """Tell a row that took in another one, whose start was lost.

    Which value would belong to which register nobody knows.
    """
    ids = [cell_id for cell_id, _ in row.cells if cell_id in _DECIDING]
    return len(ids) != len(set(ids))


def decimal(text: str) -> Decimal | None:
    """Return a number as the pages write it; None if it is none."""
    return Decimal(text) if _VALUE.fullmatch(text) else None
