"""A dump shows how a page is built, and nothing of whose page it is."""

from collections.abc import Callable
import json
import re
from time import process_time
from typing import Any

from hypothesis import assume, given, strategies as st
import pytest

from custom_components.smgw.han.redact import LIMIT, redact
from simulator.tls import self_signed

from .markup import Line, framed, meter_list, profile
from .test_properties import SOUP

DIGIT = "0123456789"
PEM = self_signed("EPPC0210123456").pem


def in_either_case(*patterns: str) -> st.SearchStrategy[str]:
    """Return texts after these patterns, upper or lower case."""
    made = st.one_of(st.from_regex(p, fullmatch=True) for p in patterns)
    return st.tuples(made, st.booleans()).map(lambda t: t[0].lower() if t[1] else t[0])


# What may stand anywhere, in ids and keys as well.
IDS = st.one_of(
    in_either_case(
        r"[1-9][A-Z]{3}[0-9]{10}",
        r"E[A-Z]{3}[0-9]{10}",
        r"E PPC 02 1[0-9]{7}",
        r"DE[0-9]{11}[0-9A-Z]{20}",
        r"01005E318002\.[1-9][A-Z]{3}[0-9]{10}\.SM",
        r"ECPR[0-9]{10}\.SM",
        r"[0-9]{8,12}",
        r"[0-9A-F]{40,64}",
    ),
    st.ip_addresses().map(str),
    st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), min_size=6).filter(
        lambda text: any(c in DIGIT for c in text) and len(text.split()) == 1
    ),
)
# What people are called, and how they write: in texts and values.
WORDS = st.sampled_from(
    (
        "Erika Mustermann",
        "Jürgen Groß-Ümläut",
        "J&uuml;rgen",
        "Šárka Nováková",
        "Ahornweg 7b",
        "geheimesPasswort",
        "erika@example.org",
        "Gitter#Tor?7",
        PEM,
        *PEM.split("\n")[1:3],
    )
)
SECRETS = IDS | WORDS

HTML_ANYWHERE = (
    "<div id='{}'>x</div>",
    "<td class='a {} b'>1</td>",
    "<input name='{}' type='hidden'>",
    "<p {}='1'>",
    "<p x{}>",
)
HTML_TEXTS = (
    "<p id='div_fwversion'>{}</p>",
    "<td id='table_metervalues_col_wert'>{}</td>",
    "<option value='{}'>x</option>",
    "<option>Name: {} (Zähler)</option>",
    "<a href='/cgi-bin/hanservice.cgi?user={}'>Abmelden</a>",
    "<img alt=\"{}\" src='data:{}'>",
    "<form action='https://{}/'>",
    '<script>var user = "{}";</script>',
    "<!-- {} -->",
    "<!DOCTYPE {}>",
    "<?php {}?>",
    "<![CDATA[{}]]>",
    "<textarea>{}",
    "Zähler-ID{}",
    "{}{}",
)


def shows(dump: str, secret: str) -> bool:
    """Say whether a dump holds a secret, or a word of it that says something."""
    words = (word for word in re.split(r"[^\w]+", secret) if len(word) > 5)
    low = dump.casefold()
    return any(
        part.casefold() in low for part in (secret.strip(), *filter(telling, words))
    )


def telling(secret: str) -> bool:
    """Say whether a secret is not its own shape, so that it could be given away."""
    return re.search(r"[0-8a-wyzA-Z]{2}", secret) is not None


@given(
    st.lists(st.tuples(st.sampled_from(HTML_ANYWHERE), IDS), max_size=4),
    st.lists(st.tuples(st.sampled_from(HTML_TEXTS), SECRETS), min_size=1, max_size=6),
    SOUP,
    st.booleans(),
)
def test_no_secret_in_a_page(
    anywhere: list[tuple[str, str]],
    texts: list[tuple[str, str]],
    soup: str,
    broken: bool,
) -> None:
    """Planted in texts, values, ids, comments, scripts, around broken markup."""
    planted = [(p, s) for p, s in (*anywhere, *texts) if telling(s)]
    assume(planted)
    content = "".join(place.replace("{}", secret) for place, secret in planted)
    page = framed(content + soup if broken else content)
    assume(not any(shows(soup, secret) for _, secret in planted))
    dump = redact(page.encode(errors="replace"))
    for _, secret in planted:
        assert not shows(dump, secret)


def trees(leaf: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return JSON with secrets as values, keys, items and parts of texts."""
    key = st.sampled_from(("meter-id", "smgw-info", "value", "unit", "scaler")) | IDS
    return st.recursive(
        leaf,
        lambda inner: (
            st.lists(inner, max_size=5) | st.dictionaries(key, inner, max_size=5)
        ),
        max_leaves=12,
    )


def secrets_of(tree: Any) -> list[str]:
    """Return what was planted in a tree."""
    if isinstance(tree, dict):
        keys = [k for k in tree if not re.fullmatch(r"[a-z-]+", k)]
        return keys + [s for item in tree.values() for s in secrets_of(item)]
    if isinstance(tree, list):
        return [s for item in tree for s in secrets_of(item)]
    return [str(tree)]


@given(
    trees(SECRETS | st.integers(10**7, 10**20)),
    st.sampled_from((json.dumps, lambda tree: json.dumps(tree, ensure_ascii=False))),
    st.integers(0, 40),
)
def test_no_secret_in_an_answer(
    tree: Any, write: Callable[[Any], str], cut: int
) -> None:
    """Planted in values, keys and lists; whole, or broken off."""
    text = write({"user-info": tree})
    dump = redact(text[: len(text) - cut].encode(errors="replace"))
    for secret in filter(telling, secrets_of(tree)):
        assert not shows(dump, secret)


@given(SOUP | st.text(), st.binary())
def test_anything_at_all(soup: str, raw: bytes) -> None:
    """Never an error, never more than the limit."""
    for body in (soup.encode(errors="replace"), raw, b"{" + raw, b"[" + raw):
        assert len(redact(body)) <= LIMIT


def test_a_page() -> None:
    """Structure, ids, labels, units and codes stay; values keep their shape."""
    dump = redact(profile(Line(), Line(unit="MWh"), Line("2.5", None, None)).encode())
    for kept in (
        '<table id="metervalue" border="9">',
        '<tr id="table_metervalues_line9">',
        '<td id="table_metervalues_col_obis">1-0:1.8.0</td>',
        '<td id="table_metervalues_col_wert">9999.9999</td>',
        '<td id="table_metervalues_col_einheit">kWh</td>',
        '<td id="table_metervalues_col_einheit">xxx</td>',
        '<td id="table_metervalues_col_timestamp">9999-99-99 99:99:99</td>',
        '<td id="table_metervalues_col_name">Bezug Zählerstand</td>',
        "(Letzte Synchronisation: 9999-99-99 99:99:99)",
        "Smart Meter Gateway Customer Interface",
    ):
        assert kept in dump


def test_umlauts_escaped_twice() -> None:
    """The very thing that makes a page hard to read is still to be seen."""
    assert "Z&auml;hler-xx" in redact(b"<td>Z&amp;auml;hler-ab</td>")
    assert "<td>xxxxxx</td>" in redact(b"<td>J&amp;uuml;rgen</td>")


def test_a_list_of_meters() -> None:
    """Ids that change with each session keep their length."""
    dump = redact(meter_list(("4711", "01005e318002.1esy0060178981.sm")).encode())
    assert '<option value="9999">99999x999999.9xxx9999999999.xx</option>' in dump


def test_an_answer() -> None:
    """Keys, types, codes and words stay."""
    answer = {
        "method": "readings",
        "obis": "0100010800ff",
        "unit": "30",
        "scaler": -1,
        "value": "41234567",
        "factor": 1.25,
        "time": "2026-03-04T10:00:03Z",
        "signature": "3044" * 16,
        "state": "running",
        "flag": True,
        "nothing": None,
        "meter": [{"meter-id": f"1xyz009900001{n}"} for n in range(5)],
        "0100020800ff": "8.1 kWh",
        "1xyz0099000010": {},
    }
    assert redact(json.dumps(answer).encode()).splitlines() == [
        "{",
        ' "method": "readings",',
        ' "obis": "0100010800ff",',
        ' "unit": "30",',
        ' "scaler": -1,',
        ' "value": "99999999",',
        ' "factor": 9.99,',
        ' "time": "9999-99-99x99:99:99x",',
        ' "signature": "<hex 64>",',
        ' "state": "running",',
        ' "flag": true,',
        ' "nothing": null,',
        ' "meter": [',
        "  {",
        '   "meter-id": "9xxx9999999999"},',
        "  {",
        '   "meter-id": "9xxx9999999999"},',
        "  {",
        '   "meter-id": "9xxx9999999999"},',
        "  … 2 more],",
        ' "0100020800ff": "9.9 kWh",',
        ' "9xxx9999999999": {}}',
    ]


def test_unit_and_scaler_are_no_hiding_place() -> None:
    """Only numbers that can be one stay."""
    assert '"unit": "9999"' in redact(b'{"unit": "4711"}')
    assert '"scaler": "xxxx"' in redact(b'{"scaler": "abcd"}')


def test_size() -> None:
    """A large page is cut, and says so; a deep one is no trouble."""
    page = profile(*([Line()] * 5000)).encode()
    dump = redact(page)
    assert len(dump) <= LIMIT
    assert dump.endswith(f"({len(page)} bytes in all)")
    for deep in (b"[" * 100_000, b"[" * 50 + b"]" * 50, b"<div>" * 100_000):
        assert len(redact(deep)) <= LIMIT


@pytest.mark.parametrize(
    "piece", ["<", "<!--", "<a ", "&#", "&auml;", "a", "1", '{"a":', "<![CDATA[", "'"]
)
def test_time_does_not_grow_with_the_length(piece: str) -> None:
    """Only so much of a page is looked at."""
    costs = []
    for size in (128 * 1024, 2 * 1024 * 1024):
        body = (piece * (size // len(piece))).encode()
        started = process_time()
        redact(body)
        costs.append(process_time() - started)
    # what is too short to be measured cannot be slow
    assert costs[1] < 0.1 or costs[1] < 12 * costs[0]
