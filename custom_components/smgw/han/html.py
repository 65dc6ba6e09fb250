"""A tolerant, one-pass reader of small HTML applications.

Keeps what gateway pages are read by: texts of elements with an id, hidden inputs,
options, and table rows with the ids of their cells. Ids may repeat, quotes may be
of either kind, tags may be left open; a cell or row that was cut off is dropped,
because half a number is a wrong number.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import override

_TEXT_ID_TAGS = frozenset({"div", "p", "h1", "h2", "span"})
_CELLS = frozenset({"td", "th"})


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
    texts: dict[str, str] = field(default_factory=dict)
    """Text of `div`, `p`, `h1`, `h2`, `span` with an id (the first of each id)."""
    inputs: list[Input] = field(default_factory=list)
    options: list[Option] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    text: str = ""
    """All text, white space folded."""
    complete: bool = False
    """The closing `</html>` was there."""

    def hidden(self, name: str, form: str | None = None) -> str | None:
        """Return the value of the last input of that name, in that form if given."""
        for item in reversed(self.inputs):
            if item.name == name and form in (None, item.form):
                return item.value
        return None


def parse(markup: str) -> Page:
    """Read a page. Never raises: what is not understood is not in the result."""
    reader = _Reader()
    reader.feed(markup)
    reader.close()
    return reader.finish()


class _Reader(HTMLParser):
    """Collects a `Page` from the parser's events."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._page = Page()
        self._all: list[str] = []
        self._form = ""
        self._select = ""
        self._option: tuple[str, list[str]] | None = None
        self._tables: list[str] = []
        self._row: tuple[str, list[tuple[str, str]]] | None = None
        self._cell: tuple[str, list[str]] | None = None
        # (tag, id, first piece of text, nesting depth of the same tag)
        self._open: list[tuple[str, str, int]] = []
        self._depth: dict[str, int] = {}

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
            self._select = element_id or values.get("name", "")
        elif tag == "option":
            self._end_option()
            self._option = (values.get("value", ""), [])
        elif tag == "table":
            self._end_row()
            self._tables.append(element_id)
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
            self._select = ""
        elif tag in _CELLS:
            self._end_cell()
        elif tag == "tr":
            self._end_row()
        elif tag == "table":
            self._end_row()
            if self._tables:
                self._tables.pop()
        elif tag == "html":
            self._page.complete = True

    @override
    def handle_data(self, data: str) -> None:
        self._all.append(data)
        if self._option is not None:
            self._option[1].append(data)
        if self._cell is not None:
            self._cell[1].append(data)

    def finish(self) -> Page:
        """Return the page; texts still open end here, cut cells and rows are lost."""
        for _, element_id, start in self._open:
            self._page.texts.setdefault(element_id, _fold(self._all[start:]))
        self._page.text = _fold(self._all)
        return self._page

    def _input(self, values: Mapping[str, str], element_id: str) -> None:
        self._page.inputs.append(
            Input(
                values.get("name", ""), values.get("value", ""), element_id, self._form
            )
        )

    def _start_text(self, tag: str, element_id: str) -> None:
        self._depth[tag] = self._depth.get(tag, 0) + 1
        if element_id and element_id not in self._page.texts:
            self._open.append((f"{tag} {self._depth[tag]}", element_id, len(self._all)))

    def _end_text(self, tag: str) -> None:
        depth = self._depth.get(tag, 0)
        if depth == 0:
            return
        self._depth[tag] = depth - 1
        mark = f"{tag} {depth}"
        for index in range(len(self._open) - 1, -1, -1):
            if self._open[index][0] == mark:
                _, element_id, start = self._open.pop(index)
                self._page.texts.setdefault(element_id, _fold(self._all[start:]))
                return

    def _end_option(self) -> None:
        if self._option is None:
            return
        value, pieces = self._option
        self._option = None
        self._page.options.append(Option(self._select, value, _fold(pieces)))

    def _end_cell(self) -> None:
        if self._cell is None:
            return
        element_id, pieces = self._cell
        self._cell = None
        if self._row is not None:
            self._row[1].append((element_id, _fold(pieces)))

    def _end_row(self) -> None:
        """End a row at its end tag, or where the next row, table or table end begins."""
        self._end_cell()
        if self._row is None:
            return
        row_id, cells = self._row
        self._row = None
        table = self._tables[-1] if self._tables else ""
        self._page.rows.append(Row(table, row_id, tuple(cells)))


def _fold(pieces: list[str]) -> str:
    return " ".join("".join(pieces).split())
