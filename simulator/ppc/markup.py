"""Text to HTML, and the firmware's ways of writing it.

Pages are written with raw umlauts and attributes in single quotes; ``finish``
turns them into what the chosen firmware sends. Observed on gateways: newer
firmware uses single quotes and entities, older double quotes; some send raw
UTF-8; one generation misspells an id.
"""

from html import escape
from html.entities import codepoint2name
import re

from simulator.faults import FaultSet

HOSTILE = (
    "\x01&#0;&#x110000;&bogus;&amp;lt;&#38;#60; <script>alert(1)</script>"
    "<b onmouseover='x()'>&lt;/td&gt; {{ 7*7 }} %s ${x} \u202e\ufffe"
)
_QUOTED = re.compile(r"=\'([^\']*)\'")
_SIMPLE = re.compile(r"=\'([\w.-]+)\'")


def text(value: str) -> str:
    """Escape a text for an element or a single-quoted attribute."""
    return escape(value, quote=True)


def finish(page: str, faults: FaultSet) -> bytes:
    """Return the bytes of a page as the firmware variant writes it."""
    if "typo_obis_id" in faults:
        page = page.replace("table_metervalues_col_obis", "table_metervaleus_col_obis")
    if "unquoted_attributes" in faults:
        page = _SIMPLE.sub(r"=\1", page)
    if "double_quotes" in faults:
        page = _QUOTED.sub(r'="\1"', page)
    if "raw_umlauts" not in faults:
        page = entities(page, twice="double_entities" in faults)
    return page.encode("utf-8")


def entities(page: str, *, twice: bool = False) -> str:
    """Write everything outside ASCII as entities."""
    lead = "&amp;" if twice else "&"

    def entity(match: re.Match[str]) -> str:
        code = ord(match[0])
        return f"{lead}{codepoint2name.get(code, f'#{code}')};"

    return re.sub(r"[^\x00-\x7f]", entity, page)


def hidden(name: str, value: str) -> str:
    """Return a hidden input."""
    return f"<input type='hidden' name='{name}' value='{text(value)}'>"


def cell(name: str, content: str) -> str:
    """Return a table cell with an id (ids repeat in each row, as observed)."""
    return f"<td id='{name}'>{content}</td>"


def rows(pairs: list[tuple[str, str]]) -> str:
    """Return label and value rows; the label cells carry an attribute."""
    return "".join(
        f"<tr><td width=20%>{text(label)}</td><td>{text(value)}</td></tr>\r\n"
        for label, value in pairs
    )
