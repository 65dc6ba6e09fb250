"""A page without what it says: for a bug report about a page that nobody could read.

What stays: tags and attributes, names that a page's author gave (ids, classes, JSON keys
of letters only), known label words and units, OBIS codes, punctuation. Of all else
stays the shape: letters become `x`, digits `9`. So the person who mends the reader sees
how the page is built, and nobody sees whose page it was.

A name made of letters alone would survive as an id, a class or a key; in no known page
is such a thing personal.
"""

from collections.abc import Iterator
from html.parser import HTMLParser
import json
import re
from typing import Any, override

from .html import unescape

LIMIT = 20_000
"""Characters a dump has at most."""

# A dump is full long before; the rest of a large page repeats itself.
_READ = 64 * 1024
_LONGEST_TEXT = 400
_FIRST_ITEMS = 3
_MOST_KEYS = 60
_DEEPEST = 12

# Attributes whose values are names that the page's author gave.
_NAMED = frozenset({"class", "for", "id", "method", "name", "rel", "size", "type"})
_NAME = re.compile(r"[A-Za-z]{1,24}(?:[-_.: ]{1,2}[A-Za-z]{1,24}){0,7}", re.ASCII)
_NUMBERED = re.compile(
    r"([A-Za-z]{1,24}(?:[-_][A-Za-z]{1,24}){1,7})[0-9]{1,2}", re.ASCII
)
_HEADING = re.compile(r"h[1-6]", re.ASCII)
# Numbers that mean units and powers of ten; too short to be anybody's.
_CODES = frozenset({"scaler", "unit"})
_CODE = re.compile(r"-?[0-9]{1,3}", re.ASCII)
_LETTER = r"(?:[^\W\d_]|&(?:[aouAOU]uml|szlig);)"
_PIECE = re.compile(
    rf"""
      (?P<obis>(?<![\w.:-])[0-9]-[0-9]{{1,2}}:[0-9]{{1,2}}\.[0-9]{{1,2}}\.[0-9]{{1,3}}(?![\w.:-])
        | (?<![^\W_])0[01678]00[0-9a-fA-F]{{6}}ff(?![^\W_]))
    | (?P<long>[0-9A-Za-z+/=]{{24,}})
    | (?P<word>(?<![^\W_]){_LETTER}+(?![^\W_]))
    | (?P<letters>{_LETTER}+)
    | (?P<digits>\d+)
    | (?P<blanks>\s+)
    | (?P<rest>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_PUNCTUATION = frozenset(" .,:;/()<>=+-_%*\"'{}[]&!…")

_WORDS = frozenset(
    """
    Abfrageversuche Abgemeldet Abmelden Abrechnungsperiode Adresse Alias Anmeldung Anzeige
    Auslese Ausleseintervall Beginn Benutzer Beschreibung Bezug Bitte Customer DOCTYPE
    Daten Datensätze Datum Die Einheit Einspeisung Empfänger Ende Ergebnis Fehler Fenster
    Firmware Gateway Interface Invalide Kein Keine Kommunikationstyp Komponente Letzte
    Login Medium Menü Meter Minute Minuten Name Parameterfehler Passwort Portal Profil
    Profile Profilname Protokoll Prüfsumme Registerperiode Schritt Seite Sekunde Sekunden
    Session Sessioncookie Signatur Sitzung Smart Start Status Stunden Synchronisation
    TAF Tag Tage Tarif Tarifstufen Typ Uhr Uhrzeit Unerlaubter Validierungsperiode Version
    Verbrauch Vorhaltezeit Wert Werte Willkommen Wirkarbeit Wirkenergie Zeit Zeitstempel
    Zeitangabe Zugriff Zähler Zählerdaten Zählerprofil Zählerstand Zählpunktbezeichnung
    Zähleradresse abgelaufen abgemeldet archive bis current daily database derived erlaubt
    erneut erfolgreich error es expired falsch false fehlgeschlagen für gesperrt getdata
    gültig hanservice html http https info invalid ist json laufend level liefert login
    logout m2m message method nicht nonexistent nur origin outcome readings ready running
    schliessen sich sie sind smgw system taf true unbegrenzt und ungültig user valid vom
    von vorhanden warning zurück
    cgi bin css js png ico post get utf text charset content image javascript stylesheet
    commprofile control equiv exportLogData ID log meterform meterprofile no cache
    selftest showMeterProfile showMeterValues showMeterValuesForm showTarification
    showTariffProfile swversions tariffform
    A V W Hz VA VAh VAr VArh Wh kVA kVAh kW kWh kvar kvarh m³ var varh
    """.casefold().split()
)


def redact(body: bytes) -> str:
    """Return a redacted dump of an HTML page, of JSON, or of whatever else it is."""
    if body.lstrip()[:1] in (b"{", b"["):
        try:
            answer = json.loads(body, parse_int=_Number, parse_float=_Number)
            return _cut(_json(answer, 0, keep=False), len(body))
        except ValueError, RecursionError:
            pass  # broken off, or no JSON at all
    writer = _Writer()
    try:
        text = body[:_READ].decode()
    except UnicodeDecodeError:
        text = body[:_READ].decode("latin-1")
    writer.feed(text)
    writer.close()
    return _cut(iter(writer.pieces), len(body))


def _cut(pieces: Iterator[str], size: int) -> str:
    """Join pieces up to the limit; `size` is what the page had, in bytes."""
    end = f"\n… ({size} bytes in all)"
    kept: list[str] = []
    left = LIMIT - len(end)
    for piece in pieces:
        if len(piece) > left:
            return "".join([*kept, piece[:left], end])
        kept.append(piece)
        left -= len(piece)
    return "".join(kept)


def _shape(text: str) -> str:
    """Return the shape of a text, with the words that may stay."""
    more = len(text) - _LONGEST_TEXT
    shape = "".join(map(_shape_of, _PIECE.finditer(text[:_LONGEST_TEXT])))
    return f"{shape}…({more} more)" if more > 0 else shape


def _shape_of(match: re.Match[str]) -> str:
    piece = match[0]
    match match.lastgroup:
        case "obis":
            return piece
        case "long":
            kind = "hex" if re.fullmatch(r"[0-9a-fA-F]+", piece) else "word"
            return f"<{kind} {len(piece)}>"
        case "word" if unescape(piece).casefold() in _WORDS:
            return piece
        case "word" | "letters":
            return "x" * len(unescape(piece))
        case "digits":
            return "9" * len(piece)
        case "blanks":
            return " "
    return piece if piece in _PUNCTUATION else "?"


def _name(text: str) -> str:
    """Return a name that the page's author gave; its shape if it may be an id."""
    if _NAME.fullmatch(text) or _HEADING.fullmatch(text):
        return text
    if match := _NUMBERED.fullmatch(text):
        return f"{match[1]}9"
    return _shape(text)


class _Writer(HTMLParser):
    """Writes a page anew, a line for each tag that starts."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        written = "".join(
            f" {_name(name)}"
            + (
                ""
                if value is None
                else f'="{(_name if name in _NAMED else _shape)(value)}"'
            )
            for name, value in attrs
        )
        self.pieces.append(f"\n<{_name(tag)}{written}>")

    @override
    def handle_endtag(self, tag: str) -> None:
        self.pieces.append(f"</{_name(tag)}>")

    @override
    def handle_data(self, data: str) -> None:
        self.pieces.append(_shape(data))

    @override
    def handle_comment(self, data: str) -> None:
        self.pieces.append(f"\n<!--{_shape(data)}-->")

    @override
    def handle_decl(self, decl: str) -> None:
        self.pieces.append(f"<!{_shape(decl)}>")

    @override
    def handle_pi(self, data: str) -> None:
        self.pieces.append(f"<?{_shape(data)}>")

    @override
    def unknown_decl(self, data: str) -> None:
        self.pieces.append(f"<![{_shape(data)}]>")


class _Number(str):
    """A number as it was written, which need not fit any type."""

    __slots__ = ()


def _json(value: Any, depth: int, *, keep: bool) -> Iterator[str]:
    """Write a value without what it says; `keep` a short number."""
    match value:
        case _Number():
            yield value if keep and _CODE.fullmatch(value) else _shape(value)
        case str():
            kept = keep and _CODE.fullmatch(value)
            yield f'"{value if kept else _shape(value)}"'
        case dict() | list() if depth >= _DEEPEST:
            yield "…"
        case dict():
            yield "{"
            yield from _items(
                (
                    (f'"{_name(key)}": ', item, key in _CODES)
                    for key, item in value.items()
                ),
                len(value),
                _MOST_KEYS,
                depth,
            )
            yield "}"
        case list():
            yield "["
            yield from _items(
                (("", item, False) for item in value), len(value), _FIRST_ITEMS, depth
            )
            yield "]"
        case _:
            yield json.dumps(value) if value in (None, True, False) else "number"


def _items(
    items: Iterator[tuple[str, Any, bool]], count: int, most: int, depth: int
) -> Iterator[str]:
    indent = "\n" + " " * (depth + 1)
    for number, (label, item, keep) in enumerate(items):
        if number == most:
            yield f"{indent}… {count - most} more"
            return
        yield f"{indent}{label}"
        yield from _json(item, depth + 1, keep=keep)
        if number + 1 < count:
            yield ","
