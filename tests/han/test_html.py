"""The tolerant reader of HTML."""

import pytest

from custom_components.smgw.han.html import Input, Option, Row, parse, unescape


def rows(markup: str) -> list[tuple[str, str, dict[str, str]]]:
    """Return table id, row id and cells of each row."""
    return [(row.table_id, row.id, dict(row.by_id)) for row in parse(markup).rows]


@pytest.mark.parametrize("quote", ["'", '"', ""])
def test_quotes(quote: str) -> None:
    """Either kind of quotes, or none."""
    page = parse(
        "<form name=Qinput_metervaluesQ><input type=QhiddenQ name=QmidQ value=Q11aaQ id=QxQ>"
        "</form><p id=Qdiv_fwversionQ>1-2</p>".replace("Q", quote)
    )
    assert page.inputs == [Input("mid", "11aa", "x", "input_metervalues")]
    assert page.text_of("div_fwversion") == "1-2"
    assert page.ids == {"x", "div_fwversion"}


@pytest.mark.parametrize(
    "text", ["Z&auml;hler", "Z&#228;hler", "Z&#xE4;hler", "Zähler", "Z&auml;hler "]
)
def test_entities(text: str) -> None:
    """Umlauts are the same however they are written."""
    assert parse(f"<p id=x>{text}</p>").text_of("x") == "Zähler"


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("Z&amp;auml;hler", "Zähler"),
        ("1 &lt; 2", "1 < 2"),
        ("&#0;&#x110000;&bogus;", "\ufffd\ufffd&bogus;"),
        ("&#" + "1" * 5000 + ";x", "\ufffdx"),
        ("&#000000065;", "\ufffd"),
    ],
)
def test_escaped_twice_and_hostile_references(text: str, read: str) -> None:
    """References are resolved as often as needed, and absurd ones do no harm."""
    assert unescape(parse(f"<p id=x>{text}</p>").text_of("x")) == read


def test_huge_reference_in_attribute() -> None:
    """A reference that Python cannot convert is a replacement character."""
    page = parse(f"<input name=a value='&#{'9' * 9000};'>")
    assert page.hidden("a") == "\ufffd"


def test_white_space_is_folded() -> None:
    """Line ends, tabs and protected blanks are one blank."""
    page = parse("<p id=x>\r\n a\t&nbsp;b\r\n</p>")
    assert page.text_of("x") == "a b"
    assert page.text == "a b"


@pytest.mark.parametrize("between", ["<br>", "<b></b>", "<!-- 0 -->", "<wbr>", "</x>"])
def test_markup_never_joins_digits(between: str) -> None:
    """Two pieces of a number are not one number."""
    page = parse(f"<table><tr><td id=a>12{between}34</td></tr></table>")
    assert page.rows[0].by_id == {"a": "12 34"}


def test_first_text_of_an_id_counts() -> None:
    """Ids repeat; the outer or earlier element is meant."""
    page = parse("<div id=a>1<div id=a>2</div>3</div><div id=a>4</div><p id=b>5")
    assert page.text_of("a") == "1 2 3"
    assert page.text_of("b") == ""
    assert page.text_of("c") == ""


@pytest.mark.parametrize(
    "markup",
    [
        "<div id=a>x</div></div><p id=b>y</p>",
        "<p id=a>x<p id=b>y</html>",
        "<div id=a>x<p id=b>y</div></p></html>",
        "</p></div><div id=a>x</div><p id=b>y</body></html>",
    ],
)
def test_unbalanced_texts(markup: str) -> None:
    """End tags may be missing or too many."""
    page = parse(markup)
    assert page.text_of("a").startswith("x")
    assert page.text_of("b") == "y"


@pytest.mark.parametrize("markup", ["<p id=a>34", "<p id=a>34</", "<p id=a>34</div>"])
def test_cut_text_is_lost(markup: str) -> None:
    """Half a version is a wrong version."""
    page = parse(markup)
    assert page.text_of("a") == ""
    assert page.ids == {"a"}
    assert not page.complete


def test_hidden_takes_the_last() -> None:
    """The last input of a name counts, in a form if one is named."""
    page = parse(
        "<form name=a><input name=mid value=1></form>"
        "<form id=b><input name=mid value=2><input name=mid value=3></form>"
        "<input name=mid value=4><input><input name=empty>"
    )
    assert page.hidden("mid") == "4"
    assert page.hidden("mid", "a") == "1"
    assert page.hidden("mid", "b") == "3"
    assert page.hidden("mid", "c") is None
    assert page.hidden("tkn") is None
    assert page.hidden("empty") == ""


def test_nested_forms() -> None:
    """A form inside a table cell has its own inputs."""
    page = parse(
        "<form name=a><table><tr><td><form name=b><input name=ttid value=1></form>"
        "</td></tr></table></form>"
    )
    assert page.hidden("ttid", "b") == "1"


def test_options() -> None:
    """Options end at their end tag, at the next one, or with the list."""
    page = parse(
        "<select name=mid id=list><option value=1 selected>a</option>"
        "<option value=2> b <option>c</select><option value=3>d</option>"
        "<select name=other><option value=4>e"
    )
    assert page.options == [
        Option("list", "mid", "1", "a"),
        Option("list", "mid", "2", "b"),
        Option("list", "mid", "", "c"),
        Option("", "", "3", "d"),
    ]


def test_repeated_ids_in_rows() -> None:
    """Each row has the same cell ids; header cells have none."""
    markup = (
        "<table id=t><tr><th>Zeit</th><th id=h>Wert</th></tr>"
        "<tr id=l1><td id=a>1</td><td>2</td></tr><tr id=l2><td id=a>3</td></tr></table>"
    )
    assert rows(markup) == [
        ("t", "", {"h": "Wert"}),
        ("t", "l1", {"a": "1"}),
        ("t", "l2", {"a": "3"}),
    ]
    assert parse(markup).rows[1] == Row("t", "l1", (("a", "1"), ("", "2")))


def test_missing_end_tags() -> None:
    """Cells and rows end where the next one, or the table's end, is."""
    markup = "<table id=t><tr id=l1><td id=a>1<td id=b>2<tr id=l2><td id=a>3</table>"
    assert rows(markup) == [("t", "l1", {"a": "1", "b": "2"}), ("t", "l2", {"a": "3"})]


@pytest.mark.parametrize(
    "markup",
    [
        "<table id=t><tr id=l1><td id=a>1061.9",
        "<table id=t><tr id=l1><td id=a>1061.9932</td><td id=b",
        "<table id=t><tr id=l1><td id=a>1061.9932</td>",
        "<table id=t><tr id=l1><td id=a>1061.9932</td></t",
    ],
)
def test_cut_rows_are_lost(markup: str) -> None:
    """Half a number is a wrong number."""
    assert rows(markup) == []


def test_nested_tables() -> None:
    """A table inside a cell keeps its rows to itself, and the row around it goes on."""
    markup = (
        "<table id=t><tr id=l1><td id=a>1<table id=u><tr id=m1><td id=a>2</td></tr>"
        "<tr id=m2><td id=a>3</table>4</td><td id=b>5</td></tr></table>"
        "<tr id=l2><td id=a>6</td></tr></table>"
    )
    assert rows(markup) == [
        ("u", "m1", {"a": "2"}),
        ("u", "m2", {"a": "3"}),
        ("t", "l1", {"a": "1 4", "b": "5"}),
        ("", "l2", {"a": "6"}),
    ]


def test_stray_cells() -> None:
    """A cell outside of any row is nothing."""
    assert rows("<td id=a>1</td></tr></table></td><table></table>") == []


def test_scripts_and_comments_hold_no_elements() -> None:
    """What a browser would not show as an element is none."""
    page = parse(
        '<script>document.write("<input name=tkn value=1>")</script>'
        "<!-- <input name=tkn value=2> --><![CDATA[<input name=tkn value=3>]]>"
        "<!DOCTYPE x><?php <input ?>"
    )
    assert page.hidden("tkn") is None


def test_complete() -> None:
    """Only a page that came to its end is complete."""
    assert parse("<html></html>").complete
    assert parse("<HTML></HTML >").complete
    assert not parse("<html></htm").complete
    assert not parse("").complete
