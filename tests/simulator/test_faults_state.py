"""Faults of the box and its data."""

from datetime import timedelta
from pathlib import Path

import pytest

from .client import HanClient, column
from .cms import EXTENSION as E, parsed
from .conftest import HOUSE, STAIRS, Connect, Start


def logged_in(connect: Connect, start: Start, *faults: object) -> HanClient:
    """Return a client inside a session."""
    client: HanClient = connect(start(*faults))
    client.login()
    return client


def sync(client: HanClient) -> str:
    """Return the footer's last synchronisation."""
    (text,) = client.post("swversions").page.texts("div_timestamp")
    return text.partition("Synchronisation: ")[2].rstrip(")")


def test_fault_selftest_outage(start: Start, connect: Connect) -> None:
    """After the self-test no answer, then a restart without sessions."""
    gateway = start(("selftest_outage", {"seconds": 120}))
    client = connect(gateway)
    client.login()
    before = sync(client)
    assert client.post("selftest").status == 200
    assert gateway.open_sessions == 0
    with pytest.raises(OSError):
        connect(gateway).raw("GET")
    gateway.clock.advance(timedelta(seconds=121))
    again = connect(gateway)
    again.login()
    assert again.meters()
    assert sync(again) > before
    page = again.post("log", from_="2026-05-12", to="2026-05-12").page
    assert "Das SMGW wurde gestartet." in page.texts("table_logs_col_msgtext")
    again.cookie = client.cookie
    assert again.post("meterform").content in {"Sitzung abgelaufen", "Invalide Session"}


def test_fault_worn_out(start: Start, connect: Connect) -> None:
    """Dead after two logins."""
    gateway = start("worn_out:logins=2")
    for _ in range(2):
        client = connect(gateway)
        client.login()
        gateway.sessions.close_all()
    with pytest.raises(OSError):
        connect(gateway).raw("GET")
    gateway.faults.discard("worn_out")
    assert connect(gateway).raw("GET").status == 401


def test_fault_han_hang(start: Start, connect: Connect) -> None:
    """Synchronisation and values stand still; a self-test cures it."""
    gateway = start(("han_hang", {"age_hours": 5}), ("selftest_outage", {"seconds": 1}))
    client = connect(gateway)
    client.login()
    first = sync(client)
    assert first == "2026-05-12 04:58:00"
    stamp = column(client.profile(STAIRS), "timestamp")[0]
    assert stamp.startswith("2026-05-12 05:00:0")
    gateway.clock.advance(timedelta(minutes=9))
    assert sync(client) == first
    assert column(client.profile(STAIRS), "timestamp") == [stamp]
    assert "10:16:00" in client.post("swversions").page.texts("div_timestamp")[0]
    client.post("selftest")
    gateway.clock.advance(timedelta(minutes=2))
    again = connect(gateway)
    again.login()
    assert column(again.profile(STAIRS), "timestamp")[0].startswith("2026-05-12 10:15")
    assert "han_hang" not in gateway.faults


def test_fault_contract_expired(start: Start, connect: Connect) -> None:
    """The values stand at the end of the contract; the profile tells it."""
    client = logged_in(connect, start, ("contract_expired", {"days": 2}))
    stamp = column(client.profile(STAIRS), "timestamp")[0]
    assert stamp.startswith("2026-05-10 10:00:0")
    tid = next(iter(client.post("tariffform").page.options().values()))
    text = client.post("showTariffProfile", tid=tid).text
    assert "2026-05-10 10:07:00" in text
    assert sync(client) == "2026-05-12 09:58:00"


def test_fault_no_meters(start: Start, connect: Connect) -> None:
    """An empty select."""
    client = logged_in(connect, start, "no_meters")
    page = client.post("meterform").page
    assert any(e.attrs.get("id") == "meterform_select_meter" for e in page.elements)
    assert page.options() == {}


def test_fault_no_contracts(start: Start, connect: Connect) -> None:
    """An empty select."""
    client = logged_in(connect, start, "no_contracts")
    assert client.post("tariffform").page.options() == {}


def test_fault_no_values(start: Start, connect: Connect) -> None:
    """A table with its header alone."""
    reply = logged_in(connect, start, "no_values").profile(STAIRS)
    assert reply.page.texts("metervalue")
    assert column(reply, "wert") == []


def test_fault_no_metervalue_table(start: Start, connect: Connect) -> None:
    """No table at all."""
    reply = logged_in(connect, start, "no_metervalue_table").profile(STAIRS)
    assert not reply.page.texts("metervalue")
    assert "Ausleseintervall" in reply.text


def test_fault_not_valid(start: Start, connect: Connect) -> None:
    """The newest and every tenth reading are invalid."""
    client = logged_in(connect, start, "not_valid")
    assert column(client.profile(HOUSE), "istvalide") == ["2"] * 4
    valid = column(client.values(STAIRS, "2026-05-11", "2026-05-11"), "istvalide")
    assert 9 <= valid.count("2") <= 10


def test_fault_gaps(start: Start, connect: Connect, tmp_path: Path) -> None:
    """The newest and every seventh reading are missing, without a value."""
    client = logged_in(connect, start, "gaps")
    reply = client.profile(HOUSE)
    assert column(reply, "istvalide") == ["3"] * 4
    assert column(reply, "wert") == [""] * 4
    mid = client.meters()[STAIRS]
    dates = {"from_": "2026-05-11", "to": "2026-05-11"}
    root = parsed(client.post("exportMeterValues", mid=mid, **dates).body, tmp_path)
    words = [u.text for u in root.iter(f"{E}unsigned")]
    assert 13 <= words.count("3") <= 14


def test_fault_gap_rows_left_out(start: Start, connect: Connect) -> None:
    """Rows that are not present are not there."""
    client = logged_in(connect, start, "gaps", "gap_rows_left_out")
    reply = client.values(STAIRS, "2026-05-11", "2026-05-11")
    assert set(column(reply, "istvalide")) == {"1"}
    assert 82 <= len(column(reply, "wert")) <= 83
    assert column(client.profile(STAIRS), "wert") == []


def test_fault_gap_rows_zero(start: Start, connect: Connect) -> None:
    """Rows that are not present show zero."""
    client = logged_in(connect, start, "gaps", "gap_rows_zero")
    assert column(client.profile(STAIRS), "wert") == ["0.0000"]


def test_fault_no_recent_history(start: Start, connect: Connect) -> None:
    """The newest hours are missing in the history alone."""
    client = logged_in(connect, start, "no_recent_history")
    stamps = column(client.values(STAIRS, "2026-05-12", "2026-05-12"), "timestamp")
    assert stamps[0].startswith("2026-05-12 04:00:0")
    assert column(client.profile(STAIRS), "wert") == ["245.7540"]
    reply = client.values(STAIRS, "2026-05-12 05:00:00", "2026-05-12")
    assert reply.content == "Keine Zählerdaten vorhanden"


def test_fault_hostile_entities(start: Start, connect: Connect) -> None:
    """Control characters, broken entities and script tags in names."""
    client = logged_in(connect, start, "hostile_entities")
    reply = client.profile(STAIRS)
    assert "&bogus;" in reply.text
    assert "&#x110000;" in reply.text
    assert "<script>" not in column(reply, "name")[0].replace("&lt;", "<")[:10]
    assert "script" in reply.text
    assert column(reply, "wert") == ["245.7540"]
    assert client.post("log").page.texts("table_log_line")
