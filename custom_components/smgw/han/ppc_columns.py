"""The columns of a signed export of meter values, read as a stream. No network.

A month of two registers has sixty thousand elements. As a tree they would cost more
time for the interpreter's search for garbage than for all else, and most of the memory.
Here the parser hands out names and texts, and what belongs to an entry is a short list.
Entries that are written like the one before, but for digits and texts, are not even
parsed: where one complete entry ends, others like it may be left out of a document.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
import re
from typing import NamedTuple
from xml.parsers import expat

from ..export.safexml import STEP, no_xml, refuse_document_type
from . import jsonpage
from .dlms import scale_of, times
from .history import ProfileRow
from .status import Quality
from .trust import Unusable
from .units import Unit

# As the parser writes a name: namespace, separator, name. No XML text can hold the
# separator, so a token without it is a text.
_SEPARATOR = "\x01"
_PROFILE = f"urn:k461-dke-de:profile_generic-1{_SEPARATOR}"
_EXTENSION = f"urn:k461-dke-de:extension-1{_SEPARATOR}"
_BEGIN = _SEPARATOR
"""The token for the start of any element."""
ROOT = f"{_PROFILE}object"
_CAPTURE_OBJECT = f"{_PROFILE}capture_object"
_COLUMN = f"{_PROFILE}column"
_ENTRY = f"{_PROFILE}entry_gateway_signed"
_LOGICAL_NAME = f"{_EXTENSION}logical_name"
# Value and status stand in a child that is called by their type.
_VALUE, _STATUS, _SCALER, _UNIT, _TIME, _SIGNATURE = _FIELDS = tuple(
    f"{_EXTENSION}{name}"
    for name in ("value", "status", "scaler", "unit", "capture_time", "smgw_signature")
)
_TYPED = (_VALUE, _STATUS)
_QUALITIES = {"0": Quality.GOOD, "4": Quality.UNUSABLE, "3": Quality.UNUSABLE}
_NOT_PRESENT = "3"

# An entry's tag, its number, and a text that stands for itself in every encoding.
_PLAIN_TEXT = "[!-%'-;=?-~]"
_PIECE = re.compile(r"<[^<>]*>|[^<>]+")
_PLAIN = re.compile(
    rf'</?[A-Za-z_][A-Za-z0-9_.:-]*(?: id="[0-9]{{1,9}}")?>'
    rf"|[ \t\r\n]*{_PLAIN_TEXT}*[ \t\r\n]*"
)
_NUMBER = re.compile(r'="[0-9]+"')
_MOST_PATTERNS = 8

type _Fields = tuple[str, ...]
"""The texts of `_FIELDS`."""


class Column:
    """One register's rows, as far as they could be read."""

    def __init__(self, number: str) -> None:
        """Take the column's id, by which the export tells its register."""
        self.number = number
        self.rows: list[ProfileRow] = []
        self.reason: str | None = None
        """Why its rows cannot be used."""
        self._scales: dict[tuple[str, str], int] = {}
        self._units: set[Unit] = set()

    @property
    def unit(self) -> Unit | None:
        """Return the unit of its rows; None if it has none. Raises `Unusable`."""
        if self.reason is not None:
            raise Unusable(self.reason)
        if len(self._units) > 1:
            raise Unusable("unit_changed")
        return next(iter(self._units), None)

    def add(self, fields: _Fields) -> None:
        """Add a row, unless one before could not be read."""
        if self.reason is None:
            try:
                self.rows.append(self._row(*fields))
            except Unusable as err:
                self.reason = str(err)

    def _row(
        self, raw: str, status: str, scaler: str, unit: str, time: str, signature: str
    ) -> ProfileRow:
        scale = scaler, unit
        if (exponent := self._scales.get(scale)) is None:
            exponent, known = scale_of(scaler, unit)
            self._scales[scale] = exponent
            self._units.add(known)
        taken: datetime | None = jsonpage.moment(time)
        if taken is None:
            raise Unusable("no_time")
        return ProfileRow(
            taken,
            taken,
            None if status == _NOT_PRESENT else times(raw, exponent),
            _QUALITIES.get(status, Quality.UNUSABLE),
            status,
            signature or None,
        )


class Export(NamedTuple):
    """What an export of meter values holds."""

    root: str
    owner: str
    """The id of the root element: the meter's logical name."""
    names: Mapping[str, str]
    """Logical names of registers, by id of the column."""
    columns: list[Column]


def read(content: bytes) -> Export:
    """Return an export of meter values.

    Takes its time: for a worker thread. Raises `FileUnreadable` for what is no XML.
    """
    refuse_document_type(content)
    return _Reader(content).read()


class _Reader:
    """Follows the parser through a document.

    Between two marks it collects tokens: that an element begins, texts, and the names
    of elements that end.
    """

    def __init__(self, content: bytes) -> None:
        self._content = content
        # Each byte one character: places are the same in both.
        self._text = content.decode("latin-1")
        self._root: tuple[str, Mapping[str, str]] = ("", {})
        self._object = ""
        self._names: dict[str, str] = {}
        self._columns: list[Column] = []
        self._open: Column | None = None
        self._tokens: list[str] = []
        # How the end of an entry is written, once one has ended; and where that was.
        self._end_tag = b""
        self._ended_at = -1
        self._tricks = True
        self._left_out = 0
        """How many bytes the parser has not seen."""
        self._entry: tuple[list[str], tuple[_Text, ...]] = ([], ())
        self._twins = _Twins()
        self._parser = expat.ParserCreate(namespace_separator=_SEPARATOR)
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._first
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._tokens.append

    def read(self) -> Export:
        """Read it. Raises `FileUnreadable`."""
        with no_xml():
            self._follow()
            self._parser.Parse(b"", True)
        name, attributes = self._root
        return Export(name, attributes.get("id", ""), self._names, self._columns)

    def _follow(self) -> None:
        at, behind = 0, -1
        while at < len(self._content):
            if behind == at and self._open is not None:
                after = self._twins.read(self._text, at, self._open)
                self._left_out += after - at
                at = behind = after
            stop = at + STEP
            cut = self._content.find(self._end_tag, at, stop) if self._end_tag else -1
            if cut >= 0:
                stop = cut + len(self._end_tag)
            self._ended_at = -1
            self._parser.Parse(self._content[at:stop], False)
            if cut < 0:
                behind = -1
            elif self._ended_at + self._left_out == cut:
                if behind == at:
                    self._twins.learn(self._text[at:stop], *self._entry)
                behind = stop
            else:
                # It stands in a comment or the like: no more tricks.
                self._end_tag, behind = b"", -1
                self._tricks = False
            at = stop

    def _first(self, name: str, attributes: Mapping[str, str]) -> None:
        self._root = name, attributes
        self._parser.StartElementHandler = self._start

    def _start(self, name: str, attributes: Mapping[str, str]) -> None:
        if name == _CAPTURE_OBJECT:
            self._object = attributes.get("id", "")
            self._tokens.clear()
        elif name == _COLUMN:
            self._open = Column(attributes.get("id", ""))
            self._columns.append(self._open)
            self._tokens.clear()
            return
        self._tokens.append(_BEGIN)

    def _end(self, name: str) -> None:
        tokens = self._tokens
        if name == _ENTRY:
            found = _children(tokens)
            fields = tuple(found.get(field, _Text()) for field in _FIELDS)
            if self._open is not None:
                self._open.add(tuple(field.text for field in fields))
            self._entry = list(tokens), fields
            self._ended(self._parser.CurrentByteIndex)
        elif name == _CAPTURE_OBJECT:
            told = _children(tokens).get(_LOGICAL_NAME, _Text())
            self._names[self._object] = told.text
        elif name == _COLUMN:
            self._open = None
        else:
            tokens.append(name)
            return
        tokens.clear()

    def _ended(self, at: int) -> None:
        self._ended_at = at
        if self._tricks and not self._end_tag:
            place = at + self._left_out
            end = self._content.find(b">", place)
            self._end_tag = self._content[place : end + 1]


class _Twins:
    """Entries that are written like one that was parsed."""

    def __init__(self) -> None:
        self._learned = 0
        self._match: Callable[[str, int], re.Match[str] | None] | None = None
        self._groups: tuple[int, ...] = ()

    def learn(self, entry: str, tokens: list[str], fields: tuple[_Text, ...]) -> None:
        """Remember how an entry is written.

        `entry` is all that the parser read for `tokens`. Only plain elements and plain
        texts are taken: no other attribute than a number, no reference, no comment.
        """
        pieces = _PIECE.findall(entry)
        if (
            # Whoever writes each one in another way is read by the parser.
            self._learned == _MOST_PATTERNS
            or "".join(pieces) != entry
            or not all(map(_PLAIN.fullmatch, pieces))
            or not _is_one(pieces)
        ):
            return
        # The texts, other than blanks, are the groups of the pattern.
        places = [
            place
            for place, token in enumerate(tokens)
            if token.strip() and _SEPARATOR not in token
        ]
        written = [piece for piece in pieces if piece.strip() and piece[0] != "<"]
        if written != [tokens[place] for place in places] or not all(
            field.place in places for field in fields
        ):
            return
        self._learned += 1
        self._groups = tuple(1 + places.index(field.place or 0) for field in fields)
        self._match = re.compile("".join(map(_pattern, pieces)), re.ASCII).match

    def read(self, text: str, at: int, column: Column) -> int:
        """Add the twins that follow each other from a place on; return the place behind."""
        if self._match is None:
            return at
        while (match := self._match(text, at)) is not None:
            column.add(match.group(*self._groups))
            at = match.end()
        return at


def _is_one(pieces: list[str]) -> bool:
    """Say whether the pieces are one element, with nothing but blanks before it."""
    tags = [piece for piece in pieces if piece.strip()]
    name = tags[-1].removeprefix("</").removesuffix(">")
    begins = [tag for tag in tags if re.match(rf"<{re.escape(name)}[ >]", tag)]
    return begins == tags[:1]


def _pattern(piece: str) -> str:
    """Return what matches a piece of an entry and its like."""
    if not piece.strip():
        return "[ \\t\\r\\n]*+"
    if piece[0] != "<":
        return f"({_PLAIN_TEXT}++)"
    return _NUMBER.sub(r'="\\d{1,9}"', re.escape(piece))


class _Text(NamedTuple):
    """A text and where in the tokens it stands; nowhere if it is not one token."""

    text: str = ""
    place: int | None = None


class _Open:
    """An element that has begun."""

    def __init__(self) -> None:
        self.pieces: list[int] = []
        """Where its text before its first child stands."""
        self.first: _Text | None = None
        """The text of its first child."""
        self.children: dict[str, _Text] = {}
        """Texts by name of the child; of typed ones that of their first child."""


def _children(tokens: list[str]) -> dict[str, _Text]:
    """Return what the element holds that ends behind the tokens.

    Texts that follow each other are one, cut where a piece of the document ended.
    """
    opened: list[_Open] = []
    for place, token in enumerate(tokens):
        if token == _BEGIN:
            opened.append(_Open())
        elif not opened:
            # What ends here began before the tokens.
            continue
        elif _SEPARATOR not in token:
            if opened[-1].first is None:
                opened[-1].pieces.append(place)
        else:
            ended = opened.pop()
            if opened:
                own = _joined(tokens, ended.pieces)
                text = (ended.first or _Text()) if token in _TYPED else own
                opened[-1].children[token] = text
                opened[-1].first = opened[-1].first or own
    return opened[-1].children if opened else {}


def _joined(tokens: list[str], places: list[int]) -> _Text:
    text = "".join(tokens[place] for place in places).strip()
    return _Text(text, places[0] if len(places) == 1 else None)
