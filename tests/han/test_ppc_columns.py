"""Exports of meter values: what the fast reader makes of them is what a tree would say."""

from xml.etree import ElementTree as ET

from hypothesis import given, strategies as st
import pytest

from custom_components.smgw.export.errors import FileUnreadable
from custom_components.smgw.han import ppc_columns
from custom_components.smgw.han.trust import Unusable

P = "urn:k461-dke-de:profile_generic-1"
E = "urn:k461-dke-de:extension-1"
FIELDS = ("value", "status", "scaler", "unit", "capture_time", "smgw_signature")
ENTRY = (
    '<p:entry_gateway_signed id="{id}"><e:value><e:long64>{value}</e:long64></e:value>'
    "<e:scaler>-1</e:scaler><e:unit>30</e:unit><e:status><e:unsigned>{status}"
    "</e:unsigned></e:status><e:capture_time>2026-01-15T09:{minute:02}:00Z"
    "</e:capture_time><e:smgw_signature>{signature}</e:smgw_signature>"
    "</p:entry_gateway_signed>"
)
# What else may stand in a document, without or with a meaning.
ODD = (
    ("<e:unit>30</e:unit>", "<e:unit><!-- Wh -->30</e:unit>"),
    ("<e:unit>30</e:unit>", "<e:unit>&#51;0</e:unit>"),
    ("<e:unit>30</e:unit>", "<e:unit><![CDATA[30]]></e:unit>"),
    ("<e:unit>30</e:unit>", "<e:unit>\n 30 \n</e:unit>"),
    ("<e:unit>30</e:unit>", "<e:unit>31</e:unit>"),
    ("<e:unit>30</e:unit>", ""),
    ("<e:unit>30</e:unit>", "<e:unit/>"),
    ("<e:scaler>-1</e:scaler>", "<e:scaler>2</e:scaler>"),
    ("<e:value>", "<e:value><e:boolean>1</e:boolean>"),
    ("<e:value>", "<e:value>\n  "),
    ("<e:value>", "<e:extra><e:unit>7</e:unit></e:extra><e:value>"),
    ("<e:value>", "<e:extra>7</e:extra><e:value>"),
    ("<e:value>", "<e:value>5"),
    ("</e:value>", "</e:value><e:value><e:long64>6</e:long64></e:value>"),
    ("</e:status>", "</e:status><!-- </p:entry_gateway_signed> -->"),
    ("</e:status>", "</e:status><![CDATA[</p:entry_gateway_signed>]]>"),
    ("<e:status>", '<e:status kind="x">'),
    ("<e:status>", '<e:status id="5">'),
    ("</p:entry_gateway_signed>", "</p:entry_gateway_signed >"),
    ("e:value", "e:valve"),
    (r"3044ab</e:smgw_signature>", " </e:smgw_signature>"),
    ("<p:entry_gateway_signed", "<p:group><p:entry_gateway_signed"),
    ("p:entry_gateway_signed", "p:entry_signed"),
    ("Z</e:capture_time>", "</e:capture_time>"),
    ("<e:smgw_signature>", "<e:smgw_signature>ä"),
)


def document(columns: list[list[str]]) -> bytes:
    """Return an export of these entries."""
    objects = "".join(
        f'<p:capture_object id="{number}"><e:logical_name>01000{number}0800ff.x.sm'
        "</e:logical_name></p:capture_object>"
        for number in range(1, 1 + len(columns))
    )
    rows = "".join(
        f'<p:column id="{number}" count="{len(entries)}">{"".join(entries)}</p:column>'
        for number, entries in enumerate(columns, 1)
    )
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><p:object xmlns:p="{P}" xmlns:e="{E}"'
        f' id="a"><p:attributes><e:logical_name>a</e:logical_name>{objects}{rows}'
        "</p:attributes></p:object>"
    ).encode()


def entry(number: int, **more: str) -> str:
    """Return an entry as gateways write it."""
    return ENTRY.format(
        **(
            {
                "id": number,
                "value": 884315131 + number,
                "status": 0,
                "minute": number % 60,
                "signature": "3044" + "ab" * (number % 7 + 1),
            }
            | more
        )
    )


def by_tree(content: bytes) -> list[ppc_columns.Column]:
    """Return the columns as a tree of the whole document shows them."""

    def text(element: ET.Element | None) -> str:
        return (element.text or "").strip() if element is not None else ""

    def first(element: ET.Element | None) -> str:
        return text(element[0]) if element is not None and len(element) else ""

    columns = []
    for element in ET.fromstring(content).iter(f"{{{P}}}column"):  # noqa: S314
        column = ppc_columns.Column(element.get("id", ""))
        columns.append(column)
        for row in element.iter(f"{{{P}}}entry_gateway_signed"):
            parts = {child.tag: child for child in row}
            fields = [parts.get(f"{{{E}}}{name}") for name in FIELDS]
            column.add((*map(first, fields[:2]), *map(text, fields[2:])))
    return columns


def plain(columns: list[ppc_columns.Column]) -> list[object]:
    """Return what matters of columns."""
    found: list[object] = []
    for column in columns:
        try:
            unit = str(column.unit)
        except Unusable as err:
            unit = f"unusable: {err}"
        found.append((column.number, unit, column.rows))
    return found


@st.composite
def entries(draw: st.DrawFn) -> list[str]:
    """Return entries most of which are alike."""
    found = []
    for number in range(draw(st.integers(0, 12))):
        written = entry(number, status=draw(st.sampled_from(["0", "4", "3"])))
        if draw(st.integers(0, 3)) == 0:
            written = written.replace(*draw(st.sampled_from(ODD)))
            written += "</p:group>" * written.count("<p:group>")
        found.append(written + draw(st.sampled_from(["", "\n", "\n  ", "<!-- x -->"])))
    return found


@given(st.lists(entries(), max_size=3), st.sampled_from([1, 7, 100, 64 * 1024]))
def test_as_by_a_tree(columns: list[list[str]], step: int) -> None:
    """Whatever stands between the entries, and wherever a piece ends."""
    content = document(columns)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ppc_columns, "STEP", step)
        export = ppc_columns.read(content)
    assert plain(export.columns) == plain(by_tree(content))
    assert export.root == ppc_columns.ROOT
    assert export.owner == "a"
    assert export.names == {
        str(number): f"01000{number}0800ff.x.sm"
        for number in range(1, 1 + len(columns))
    }


@pytest.mark.parametrize("odd", ODD)
def test_all_written_alike(odd: tuple[str, str]) -> None:
    """In an odd way, after some in the usual one and before others."""
    some = [entry(7 * number) for number in range(12)]
    written = [text.replace(*odd) for text in some]
    ends = ["</p:group>" * text.count("<p:group>") for text in written]
    odd_ones = [text + end for text, end in zip(written, ends, strict=True)]
    content = document([odd_ones, [*some, *odd_ones, *some]])
    assert plain(ppc_columns.read(content).columns) == plain(by_tree(content))


def test_each_written_in_another_way() -> None:
    """No pattern is learned for each of very many ways."""
    written = [
        entry(number).replace("<e:value>", f"<e:x{number}>1</e:x{number}><e:value>")
        for number in range(500)
    ]
    content = document([written])
    assert plain(ppc_columns.read(content).columns) == plain(by_tree(content))


@pytest.mark.parametrize("cut", [0.3, 0.9, 0.999])
def test_cut_off(cut: float) -> None:
    """Half a document is none, wherever it ends."""
    content = document([[entry(number) for number in range(400)]])
    with pytest.raises(FileUnreadable):
        ppc_columns.read(content[: int(len(content) * cut)])


def test_two_prefixes_of_one_name() -> None:
    """A prefix means what the document says, not what it is called."""
    other = (
        entry(2)
        .replace("e:", "f:")
        .replace("<p:entry_gateway_signed", f'<p:entry_gateway_signed xmlns:f="{E}"')
    )
    strange = entry(3).replace(
        "<p:entry_gateway_signed", '<p:entry_gateway_signed xmlns:e="urn:other"'
    )
    content = document([[entry(0), entry(1), other, entry(4), strange, entry(5)]])
    assert plain(ppc_columns.read(content).columns) == plain(by_tree(content))
