"""The EMT's own checker: whatever was changed is found, and the published checker agrees."""

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
import subprocess
from typing import Any

from hypothesis import given, settings, strategies as st
import pytest

from simulator.emt import Span
from simulator.emt.canonical import canonical
from simulator.emt.evidence import check_export, check_receipt, holds, key_id
from simulator.emt.home import Home

from .conftest import Come
from .house import House, Ledger, canonical as plain_canonical

ROOT = Path(__file__).parents[3]


def filled() -> Ledger:
    """Return a ledger with a head and two receipts; a row of somebody else is hidden."""
    ledger = Ledger()
    ledger.signed("head", None, day="2026-11-20")
    for name in ("a", "b"):
        about = ("netz", name)
        ledger.add(
            "received", about=about, command={"note": "Grüße\n\u0007 \U0001f600"}
        )
        ledger.signed("receipt", about, transaction=name, state="released")
        ledger.add("received", about=("other", name), command={})
        ledger.hidden.add(len(ledger.rows))
    return ledger


LEDGER = filled()
EXPORT = LEDGER.export()
RECEIPT = next(row["data"] for row in LEDGER.rows if row["kind"] == "receipt")
POINTS = {LEDGER.id: LEDGER.point}


def test_good() -> None:
    """An export that nobody touched; from the middle as well, and a mere head."""
    report = check_export(EXPORT, LEDGER.id)
    assert report.good, report.problems
    assert (report.rows, report.shown, report.receipts, report.heads) == (8, 6, 2, 1)
    assert check_export(LEDGER.export(4), LEDGER.id).good
    head = check_export(LEDGER.export(9), LEDGER.id)
    assert (head.good, head.rows) == (True, 0)


@settings(max_examples=400, deadline=None)
@given(st.integers(0, len(EXPORT.encode()) - 1), st.integers(1, 255))
def test_any_byte(place: int, change: int) -> None:
    """A changed byte anywhere is found."""
    data = bytearray(EXPORT.encode())
    data[place] ^= change
    assert not check_export(data.decode("utf-8", "replace"), LEDGER.id).good


def _lines(change: Callable[[list[str]], Any]) -> str:
    lines = EXPORT.splitlines()
    change(lines)
    return "\n".join(lines) + "\n"


def _swap(lines: list[str]) -> None:
    lines[3], lines[4] = lines[4], lines[3]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "{}\n{}\n",
        EXPORT[:-1],
        EXPORT + "\n",
        _lines(lambda lines: lines.pop(3)),
        _lines(lambda lines: lines.pop(-2)),
        _lines(lambda lines: lines.insert(3, lines[3])),
        _lines(_swap),
        _lines(lambda lines: lines.pop()),
        EXPORT.replace("\n", "\r\n"),
        EXPORT.replace(": ", ":", 1).replace('"seq":2', '"seq": 2'),
    ],
    # they are different in each run: whoever runs half of them has to know them by number
    ids=range(12),
)
def test_lines(text: str) -> None:
    """Lines taken away, doubled, moved, or written in another way."""
    assert not check_export(text, LEDGER.id).good


def test_another_key() -> None:
    """All is right, but signed with a key that nobody registered."""
    report = check_export(EXPORT, filled().id)
    assert report.problems == ["sealed with a key that was not registered"]


@pytest.mark.parametrize("wrong", ["hash", "seq", "ledger", "state"])
def test_rewritten_by_the_owner(wrong: str) -> None:
    """Rows made anew with the right key: head and receipt contradict their place."""
    ledger = deepcopy_of(LEDGER)
    content = ledger.rows[1]["data"]["head"] if wrong != "state" else None
    if content is None:
        ledger.rows[3]["data"]["receipt"]["state"] = "expired"
    else:
        content[wrong] = {"hash": "11" * 32, "seq": 7, "ledger": "x"}[wrong]
        ledger.rows[1]["data"]["signature"] = ledger.sign("head", content)
    rows, ledger.rows, ledger.hashes = ledger.rows, [], ["00" * 32]
    for row in rows:
        about = (
            (row["participant"], row["transaction"]) if "participant" in row else None
        )
        ledger.add(row["kind"], about=about, **row["data"])
    assert not check_export(ledger.export(), ledger.id).good


def deepcopy_of(ledger: Ledger) -> Ledger:
    """Return a ledger with the same key."""
    other = Ledger()
    other.key, other.point, other.id = ledger.key, ledger.point, ledger.id
    other.name, other.rows = ledger.name, deepcopy(ledger.rows)
    return other


def test_receipt() -> None:
    """A receipt is good only as it was, by the registered key, of this ledger."""
    assert check_receipt(RECEIPT, POINTS, LEDGER.id, ledger=LEDGER.name) == []
    assert holds(EXPORT, RECEIPT) == "held"
    changed = deepcopy(RECEIPT)
    changed["receipt"]["state"] = "expired"
    assert check_receipt(changed, POINTS, LEDGER.id) == ["the signature is wrong"]
    assert holds(EXPORT, changed) == "other"
    later = deepcopy(RECEIPT)
    later["receipt"]["seq"] = 99
    assert holds(EXPORT, later) == "absent"
    hidden = deepcopy(RECEIPT)
    hidden["receipt"]["seq"] = 4
    assert holds(EXPORT, hidden) == "other"
    other = filled()
    assert check_receipt(RECEIPT, POINTS, other.id) == [
        "signed with a key that was not registered"
    ]
    assert check_receipt(RECEIPT, POINTS, LEDGER.id, ledger="x") == [
        "of another ledger"
    ]
    assert check_receipt(RECEIPT, {}, LEDGER.id) == ["its key is not known"]
    assert check_receipt(RECEIPT, {LEDGER.id: other.point}, LEDGER.id) == [
        "its key is not known"
    ]
    assert check_receipt(RECEIPT, {LEDGER.id: "04"}, LEDGER.id) == [
        "its key is not known"
    ]
    for nothing in (
        None,
        {},
        {"receipt": {}, "signature": ""},
        {"receipt": 1, "signature": 2},
    ):
        assert check_receipt(nothing, POINTS, LEDGER.id) == ["no receipt"]


@pytest.mark.parametrize(
    "signature",
    ["", "zz", "00" * 64, "ff" * 64, RECEIPT["signature"].upper()],
    ids=range(5),
)
def test_signatures_in_wrong_forms(signature: str) -> None:
    """What is no signature is none, and no error."""
    found = {**RECEIPT, "signature": signature}
    assert check_receipt(found, POINTS, LEDGER.id) == ["the signature is wrong"]


def test_the_published_checker_agrees(tmp_path: Path) -> None:
    """``script/verify_ledger`` says the same of good and changed exports."""
    for text, good in ((EXPORT, True), (EXPORT.replace("released", "expired_"), False)):
        file = tmp_path / "export"
        file.write_bytes(text.encode())
        done = subprocess.run(
            ["script/verify_ledger", file, "--key", LEDGER.id],
            cwd=ROOT,
            check=False,
            capture_output=True,
        )
        assert (done.returncode == 0) == good == check_export(text, LEDGER.id).good


def test_home_reports_what_is_wrong(home: Home, house: House) -> None:
    """A forged receipt, another ledger and another key are told."""
    name = home.limit(4200, Span(seconds=60))["transaction_id"]
    home.release_limit()
    assert home.wait_receipt(name).good
    forged = deepcopy(home.receipts[name].found)
    forged["receipt"]["state"] = "expired"
    assert not home.keep(forged).good
    report = home.verify()
    assert report.problems == [f"receipt {name}: the signature is wrong"]
    assert "of another ledger" in home.verify(EXPORT).problems
    house.ledger = filled()
    assert home.verify().problems


def test_home_whose_ledger_forgot(come: Come, house: House) -> None:
    """A receipt that the ledger does not hold any more."""
    home = come()
    name = home.limit(4200, Span(seconds=60))["transaction_id"]
    home.release_limit()
    assert home.wait_receipt(name).good
    place = home.receipts[name].found["receipt"]["seq"]
    house.ledger.hidden.add(place + 1)
    assert home.verify().problems == [f"receipt {name}: the ledger holds another one"]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(),
        lambda inner: (
            st.lists(inner) | st.dictionaries(st.text("abcdefghij_09"), inner)
        ),
    )
)
def test_canonical(value: Any) -> None:
    """One form, the same that Python's json makes of plain names."""
    try:
        expected = plain_canonical(value)
    except UnicodeEncodeError:
        with pytest.raises(UnicodeEncodeError):
            canonical(value)
        return
    assert canonical(value) == expected


@pytest.mark.parametrize("value", [1.5, 2**53, {1, 2}, b"x", float("nan")])
def test_no_canonical_form(value: Any) -> None:
    """Fractions and huge numbers have none here."""
    with pytest.raises(ValueError, match="canonical"):
        canonical(value)


def test_key_id() -> None:
    """A key is named by its point; anything else is none."""
    assert key_id(LEDGER.point) == LEDGER.id
    for wrong in ("", "04", "02" + "00" * 64, "zz"):
        with pytest.raises(ValueError):
            key_id(wrong)
