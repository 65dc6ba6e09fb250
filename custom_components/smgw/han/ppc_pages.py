"""The pages of a PPC gateway, read. Knows HTML ids and German phrases, no network.

Ids and phrases come from the vendor's transparency-software adapter and from pages
observed on gateways; firmware differs in quotes, umlauts, a misspelt id and in
whether follow-up rows repeat time and validity.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from html import unescape
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
from .html import Page, Row, parse

_COLUMN = "table_metervalues_col_"
# `metervaleus`: older firmware, OBIS column only.
_OBIS_COLUMNS = (f"{_COLUMN}obis", "table_metervaleus_col_obis")
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
_VALUE = re.compile(r"-?\d{1,12}(?:\.\d{1,6})?")
_LOCKED = re.compile(r"für (?:(\d+) Minuten?)?(?: und )?(?:(\d+) Sekunden?)? gesperrt")
# The lock lasts about five minutes where the page does not say (observed).
_LOCK = timedelta(minutes=5)
_TOO_MANY = re.compile(r"liefert (\d+) Datensätze .*?nur (\d+) erlaubt", re.DOTALL)
_SYNC = re.compile(r"(.*?)\(\s*Letzte Synchronisation:\s*(.*?)\s*\)")
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
    """`valid`, `invalid`, `not_present`, or `unknown`."""
    name: str
    value: Decimal | None
    unit: str
    obis: str
    signature: str | None


@dataclass(frozen=True, slots=True)
class MeterProfile:
    """One meter's page: what the gateway knows of it, and its newest values."""

    meter: str | None
    address: str | None
    capture_interval: timedelta | None
    rows: tuple[ValueRow, ...]


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
    return page.complete or "div_timestamp" in page.ids


def is_welcome(page: Page) -> bool:
    """Say whether it is the page after a good login."""
    return bool(page.ids & {"headline_willkommen", "button_menu_zaehler"})


def is_farewell(page: Page) -> bool:
    """Say whether it is the page after a logout."""
    return "abgemeldet" in page.text


def is_meter_list(page: Page) -> bool:
    """Say whether it is the page `meterform` answers with."""
    return bool(page.ids & {"form_meterform", "meterform_select_meter"})


def meter_options(page: Page) -> dict[str, str]:
    """Return the meters a page lets one choose: logical name to `mid`, in order."""
    return {
        option.text: option.value
        for option in page.options
        if option.select_id in ("meterform_select_meter", "mid") and option.value
    }


def footer(page: Page) -> Footer:
    """Return the footer of a page; parts that are missing are None."""
    stamp = page.texts.get("div_timestamp", "")
    clock, last_sync = stamp, None
    if match := _SYNC.match(stamp):
        clock, last_sync = match.groups()
    return Footer(
        page.texts.get("div_fwversion") or None, clock.strip() or None, last_sync
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
        if re.fullmatch(r"[1-9]\d{0,6}", interval)
        else None,
        rows=tuple(_value_rows(page)),
    )


def explain(page: Page) -> SmgwError:
    """Say what a page means that is not the one asked for."""
    # Phrases count only where the gateway puts them, not inside names and lists.
    # Some pages escape umlauts twice.
    text = unescape(page.texts.get("content") or page.text)
    if match := _LOCKED.search(text):
        minutes, seconds = (int(group or 0) for group in match.groups())
        return PortalLocked(timedelta(minutes=minutes, seconds=seconds) or _LOCK)
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
        if len(row.cells) == 2 and (name := _METADATA.get(row.cells[0][1].rstrip(":"))):
            found.setdefault(name, row.cells[1][1])
    return found


def _value_rows(page: Page) -> Iterator[ValueRow]:
    timestamp = validity = ""
    for row in page.rows:
        if row.table_id != "metervalue" or not _is_value_row(row):
            continue
        cells = row.by_id
        timestamp = cells.get(f"{_COLUMN}timestamp") or timestamp
        validity = cells.get(f"{_COLUMN}istvalide") or validity
        signature = cells.get(f"{_COLUMN}sign", "")
        yield ValueRow(
            timestamp=timestamp,
            validity=_VALIDITY.get(validity.casefold(), "unknown"),
            name=cells.get(f"{_COLUMN}name", ""),
            value=_value(cells.get(f"{_COLUMN}wert", "")),
            unit=cells.get(f"{_COLUMN}einheit", ""),
            obis=next((cells[c] for c in _OBIS_COLUMNS if c in cells), ""),
            signature=signature if _HEX.fullmatch(signature) else None,
        )


def _is_value_row(row: Row) -> bool:
    """Tell value rows from the header, whose cells have no ids."""
    return any(cell_id.startswith(_COLUMN) for cell_id, _ in row.cells)


def _value(text: str) -> Decimal | None:
    return Decimal(text) if _VALUE.fullmatch(text) else None
