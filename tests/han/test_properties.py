"""What holds for every page, however broken: hypothesis tries."""

from collections.abc import Callable
from datetime import timedelta
from html import unescape
import re
from time import process_time

from hypothesis import given, settings, strategies as st
import pytest

from custom_components.smgw.han import ppc_pages as pages
from custom_components.smgw.han.errors import SmgwError
from custom_components.smgw.han.html import parse
from custom_components.smgw.han.model import Meter, Skipped
from custom_components.smgw.han.ppc_readings import Readings, berlin_clock

from .helpers import STAIRWELL, START
from .markup import Line, framed, meter_list, profile, table

LINES = (
    Line(),
    Line("12.5000", "1-0:2.8.0", "", ""),
    Line("77.1234", "1-0:1.8.1", None, None),
    Line("88.0001", "1-0:1.8.2", "2"),
    Line("230.1", "1-0:32.7.0", unit="V"),
    Line("5555.5555", "1-0:1.8.0", "3", "2026-11-20 09:45:02"),
)
PROFILE = profile(*LINES)
PAGES = (
    PROFILE,
    meter_list(("1111", "01005e318002.1esy0060178981.sm"), ("2222", "x.sm")),
    framed("<div>Das Portal ist f&uuml;r 4 Minuten und 37 Sekunden gesperrt.</div>"),
)
# Pieces that trouble a reader of HTML more than letters do.
PIECES = st.sampled_from(
    (
        *(
            "<",
            ">",
            "</",
            "<!",
            "<!--",
            "-->",
            "<![CDATA[",
            "]]>",
            "<![if",
            "<?",
            "&",
            "&#",
        ),
        *("&#x", "&#38;", "&amp;amp;", "&#99999999999999;", "'", '"', "=", "/", "\x00"),
        *("<table id='metervalue'>", "</table>", "<tr>", "</tr>", "<td>", "</td>"),
        *(
            "<td id='table_metervalues_col_wert'>",
            "<td id='table_metervalues_col_obis'>",
        ),
        *("<td id='table_metervalues_col_istvalide'>1", "<div id='content'>", "</div>"),
        *(
            "<p id='div_timestamp'>",
            "<select name='mid'>",
            "<option value='1'>",
            "</html>",
        ),
        *("<script>", "</script>", "<textarea>", "<title>", "<plaintext>", "<svg>"),
        *("für ", " gesperrt", "Portal ist", "liefert 1 Datensätze ", "nur 2 erlaubt"),
        *("(Letzte Synchronisation:", "2026-11-20 10:00:02", "1-0:1.8.0", "kWh", "1"),
    )
)
SOUP = st.lists(PIECES | st.text(max_size=5), max_size=60).map("".join)


@st.composite
def mutilated(draw: st.DrawFn) -> bytes:
    """Return a page that was cut, flipped, shuffled or patched."""
    page = draw(st.sampled_from(PAGES))
    rows = re.findall(r"<tr.*?</tr>\r\n", page, re.DOTALL)
    if draw(st.booleans()) and rows:
        chosen = draw(st.lists(st.sampled_from(rows), max_size=12))
        page = framed(table(chosen))
    data = bytearray(page.encode())
    for _ in range(draw(st.integers(0, 6))):
        position = draw(st.integers(0, len(data) - 1))
        data[position : position + draw(st.integers(0, 40))] = (
            draw(st.binary(max_size=3) | PIECES.map(str.encode)) or b" "
        )
    return bytes(data[: draw(st.integers(0, len(data)) | st.just(len(data)))])


def read_everything(body: bytes) -> Meter | None:
    """Read a body in every way the driver does; return the meter if it is one."""
    page = pages.read(body)
    pages.meter_options(page)
    footer = pages.footer(page)
    berlin_clock(footer.clock, footer.last_sync, START)
    assert isinstance(pages.explain(page), SmgwError)
    skipped: list[Skipped] = []
    try:
        found = pages.meter_profile(page)
    except SmgwError:
        return None
    return Readings().meter(STAIRWELL, "x", found, START, skipped)


@given(st.text() | SOUP)
def test_any_text(text: str) -> None:
    """Whatever comes, it is a page, and reading it leads to a meter or a named error."""
    parse(text)
    read_everything(text.encode("utf-8", "replace"))


@given(st.binary())
def test_any_bytes(body: bytes) -> None:
    """Neither do bytes that are no text do any harm."""
    read_everything(body)


@given(SOUP)
def test_any_soup_in_a_frame(text: str) -> None:
    """Broken markup inside a page of ours."""
    read_everything(framed(table([text])).encode("utf-8", "replace"))


@settings(max_examples=400)
@given(mutilated())
def test_no_value_is_made_up(body: bytes) -> None:
    """A reading's value stands in a value cell, and its row or reading says it is valid."""
    meter = read_everything(body)
    if meter is None:
        return
    text = unescape(body.decode("utf-8", "replace"))
    for reading in meter.readings.values():
        assert re.search(rf"_wert\W*>[\s\0]*{re.escape(str(reading.value))}\s*<", text)
        assert START - timedelta(days=366 * 10) < reading.capture_time
        assert reading.capture_time <= START + timedelta(hours=1)


@given(st.lists(st.sampled_from(LINES), max_size=12))
def test_only_valid_rows(lines: list[Line]) -> None:
    """Rows in any order, any number of times: no invalid value is ever read."""
    meter = read_everything(profile(*lines).encode())
    assert meter is not None
    values = {str(reading.value) for reading in meter.readings.values()}
    # the values of rows that say 2 or 3; what inherits from them may be left out too
    assert values <= {line.value for line in LINES} - {"88.0001", "5555.5555"}


@given(st.integers(0, len(PROFILE)))
def test_cut_anywhere(length: int) -> None:
    """A page cut anywhere is refused, or says exactly what the whole page says."""
    whole = read_everything(PROFILE.encode())
    cut = read_everything(PROFILE[:length].encode())
    assert cut is None or cut == whole


GROWING: dict[str, Callable[[int], str]] = {
    "rows": lambda n: profile(*LINES * (n // 4)),
    "open divs": lambda n: "".join(f"<div id=a{i}>x" for i in range(n * 8)),
    "crossed": lambda n: (
        "".join(f"<div id=a{i}>" for i in range(n * 4))
        + "".join(f"<p id=b{i}>" for i in range(n * 4))
        + "</div>" * (n * 4)
    ),
    "nested": lambda n: (
        "".join(f"<div id=a{i}>x" for i in range(n * 4)) + "</div>" * (n * 4)
    ),
    "same id": lambda n: "<div id=content>x" * (n * 8) + "</div>" * (n * 8),
    "tables": lambda n: "<table><tr><td>" * (n * 8),
    "locked": lambda n: "Portal ist für 1 Minuten und " * (n * 40),
    "too many": lambda n: "liefert 1 Datensätze " * (n * 40),
    "sync": lambda n: (
        "<p id=div_timestamp>" + "(Letzte Synchronisation: " * (n * 40) + "</p>"
    ),
    "comments": lambda n: "<!--" * (n * 40),
    "tags": lambda n: "<a " * (n * 40),
    "attributes": lambda n: "<a " + "b='c' " * (n * 40) + ">",
    "quotes": lambda n: "<a b='" * (n * 40),
    "references": lambda n: "&#" + "1" * (n * 40) + "&amp" * (n * 40),
    "scripts": lambda n: "<script></script" * (n * 20),
    "declarations": lambda n: "<!x " * (n * 40),
    "sections": lambda n: "<![CDATA[" * (n * 40),
}


def cost(body: bytes) -> float:
    """Return the processor time of reading a body, the best of three."""
    times = []
    for _ in range(2):
        start = process_time()
        read_everything(body)
        times.append(process_time() - start)
    return min(times)


@pytest.mark.parametrize("make", GROWING.values(), ids=GROWING.keys())
def test_time_grows_with_the_length(make: Callable[[int], str]) -> None:
    """Sixteen times the page takes about sixteen times as long, not 256 times."""
    small, large = (cost(make(n).encode()) for n in (100, 1600))
    # what is too short to be measured cannot be slow
    assert large < 0.02 or large / max(small, 0.002) < 48
