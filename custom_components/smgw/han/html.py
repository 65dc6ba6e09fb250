"""A tolerant, one-pass reader of small HTML applications.

Keeps what gateway pages are read by: texts of elements with an id, hidden inputs,
options, and table rows with the ids of their cells. Ids may repeat, quotes may be
of either kind, tags may be left open; a text, cell or row that was cut off is
dropped, because half a number is a wrong number. So is a number made of pieces that
markup keeps apart: pieces of text are joined by blanks.

Whatever the page, reading it takes time in proportion to its length.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
import html as stdlib_html
from html.parser import HTMLParser
import re
from typing import override

_TEXT_ID_TAGS = frozenset({"div", "p", "h1", "h2", "span"})
_CELLS = frozenset({"td", "th"})
# Far beyond the last character there is (1114111); Python refuses to convert
# numbers of more than some thousand digits.
_HUGE_REFERENCE = re.compile(r"&#[0-9]{9,};?")


@dataclass(frozen=True, slots=True)
class Input:
    """An `<input>`, with the name of the form it stands in."""

    name: str
    value: str
    id: str
    form: str


@dataclass(frozen=True, slots=True)
class Option:
    """An `<option>` of a `<select>`."""

    select_id: str
    select_name: str
    value: str
    text: str


@dataclass(frozen=True, slots=True)
class Row:
    """A complete table row: its cells in order, as (id, text)."""

    table_id: str
    id: str
    cells: tuple[tuple[str, str], ...]

    @property
    def by_id(self) -> Mapping[str, str]:
        """Return the texts of the cells that have an id."""
        return {cell_id: text for cell_id, text in self.cells if cell_id}


@dataclass(slots=True)
class Page:
    """What a page holds."""

    ids: set[str] = field(default_factory=set)
    inputs: list[Input] = field(default_factory=list)
    options: list[Option] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    text: str = ""
    """All text, white space folded."""
    complete: bool = False
    """The closing `</html>` was there."""
    pieces: list[str] = field(default_factory=list)
    spans: dict[str, slice | None] = field(default_factory=dict)
    """Where among the pieces the texts are that have an id; None: cut off."""

    def text_of(self, element_id: str) -> str:
        """Return the text of the first `div`, `p`, `h1`, `h2`, `span` with that id."""
        span = self.spans.get(element_id)
        return "" if span is None else _fold(self.pieces[span])

    def hidden(self, name: str, form: str | None = None) -> str | None:
        """Return the value of the last input of that name, in that form if given."""
        for item in reversed(self.inputs):
            if item.name == name and form in (None, item.form):
                return item.value
        return None


def parse(markup: str) -> Page:
    """Read a page. Never raises: what is not understood is not in the result."""
    reader = _Reader()
    reader.feed(_without_huge_references(markup))
    reader.close()
    return reader.finish()


def unescape(text: str) -> str:
    """Resolve the references that are left in a text escaped twice. Never raises."""
    return stdlib_html.unescape(_without_huge_references(text))


def _without_huge_references(text: str) -> str:
    return _HUGE_REFERENCE.sub("\N{REPLACEMENT CHARACTER}", text)


type _OpenRow = tuple[str, list[tuple[str, str]]]
type _OpenCell = tuple[str, list[str]]


class _Reader(HTMLParser):
    """Collects a `Page` from the parser's events."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._page = Page()
        self._form = ""
        self._select = ("", "")
        self._option: tuple[str, list[str]] | None = None
        # id of each open table, and the row and cell around it
        self._tables: list[tuple[str, _OpenRow | None, _OpenCell | None]] = []
        self._row: _OpenRow | None = None
        self._cell: _OpenCell | None = None
        # by tag, the open elements: id (empty: not wanted) and first piece of text
        self._open: dict[str, list[tuple[str, int]]] = {
            tag: [] for tag in _TEXT_ID_TAGS
        }

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        element_id = values.get("id", "")
        if element_id:
            self._page.ids.add(element_id)
        if tag in _TEXT_ID_TAGS:
            self._start_text(tag, element_id)
        elif tag == "form":
            self._form = values.get("name", element_id)
        elif tag == "input":
            self._input(values, element_id)
        elif tag == "select":
            self._select = (element_id, values.get("name", ""))
        elif tag == "option":
            self._end_option()
            self._option = (values.get("value", ""), [])
        elif tag == "table":
            self._tables.append((element_id, self._row, self._cell))
            self._row = self._cell = None
        elif tag == "tr":
            self._end_row()
            self._row = (element_id, [])
        elif tag in _CELLS:
            self._end_cell()
            self._cell = (element_id, [])

    @override
    def handle_endtag(self, tag: str) -> None:
        if tag in _TEXT_ID_TAGS:
            self._end_text(tag)
        elif tag == "form":
            self._form = ""
        elif tag == "option":
            self._end_option()
        elif tag == "select":
            self._end_option()
            self._select = ("", "")
        elif tag in _CELLS:
            self._end_cell()
        elif tag == "tr":
            self._end_row()
        elif tag == "table":
            self._end_row()
            if self._tables:
                _, self._row, self._cell = self._tables.pop()
        elif tag == "html":
            self._page.complete = True
            for text_tag, elements in self._open.items():
                for _ in range(len(elements)):
                    self._end_text(text_tag)

    @override
    def handle_data(self, data: str) -> None:
        self._page.pieces.append(data)
        if self._option is not None:
            self._option[1].append(data)
        if self._cell is not None:
            self._cell[1].append(data)

    def finish(self) -> Page:
        """Return the page; what is still open was cut off and is lost."""
        self._page.text = _fold(self._page.pieces)
        return self._page

    def _input(self, values: Mapping[str, str], element_id: str) -> None:
        self._page.inputs.append(
            Input(
                values.get("name", ""), values.get("value", ""), element_id, self._form
            )
        )

    def _start_text(self, tag: str, element_id: str) -> None:
        if tag == "p":
            # a paragraph has no paragraphs inside: its end tag may be left out
            self._end_text(tag)
        if element_id in self._page.spans:
            element_id = ""
        elif element_id:
            self._page.spans[element_id] = None
        self._open[tag].append((element_id, len(self._page.pieces)))

    def _end_text(self, tag: str) -> None:
        if not self._open[tag]:
            return
        element_id, start = self._open[tag].pop()
        if element_id:
            self._page.spans[element_id] = slice(start, len(self._page.pieces))

    def _end_option(self) -> None:
        if self._option is None:
            return
        value, pieces = self._option
        self._option = None
        self._page.options.append(Option(*self._select, value, _fold(pieces)))

    def _end_cell(self) -> None:
        if self._cell is None:
            return
        element_id, pieces = self._cell
        self._cell = None
        if self._row is not None:
            self._row[1].append((element_id, _fold(pieces)))

    def _end_row(self) -> None:
        """End a row at its end tag, or where the next row or the table's end is."""
        self._end_cell()
        if self._row is None:
            return
        row_id, cells = self._row
        self._row = None
        table = self._tables[-1][0] if self._tables else ""
        self._page.rows.append(Row(table, row_id, tuple(cells)))


def _fold(pieces: list[str]) -> str:
    return " ".join(" ".join(pieces).split())
