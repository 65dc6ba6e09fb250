"""Contracts and their derived registers."""

from decimal import Decimal

from simulator.clock import BERLIN
from simulator.ppc import SCENARIOS, PpcGateway

from .client import Element, HanClient, Reply
from .conftest import HOUSE, STAIRS, Connect, Start
from .test_history import local


def tids(client: HanClient) -> list[tuple[str, str]]:
    """Return names and tids in order."""
    page = client.post("tariffform").page
    assert any(e.attrs.get("id") == "tarifform_select_profile" for e in page.elements)
    return [(e.text, e.attrs["value"]) for e in page.elements if e.tag == "option"]


def tid_of(client: HanClient, name: str) -> str:
    """Return the last tid with a name."""
    return dict(tids(client))[name]


def buttons(reply: Reply) -> list[Element]:
    """Return the submit buttons that carry the values."""
    return [
        e
        for e in reply.page.elements
        if e.attrs.get("id") == "button_tarification_register"
    ]


def test_official_order(client: HanClient, gateway: PpcGateway) -> None:
    """The order of the transparency software, ids always from the last page."""
    client.post("swversions")
    client.post("tariffform")
    client.post("exportCommProfile")
    dates = {"from_": "2026-05-10", "to": "2026-05-10"}
    for number, (name, tid) in enumerate(tids(client)):
        assert name in client.post("showTariffProfile", tid=tid).text
        tid = tids(client)[number][1]
        assert client.post("exportTariffProfile", tid=tid).body[:1] == b"\x30"
        tid = tids(client)[number][1]
        page = client.post("showTarification", tid=tid, **dates).page
        if ttids := page.named("ttid"):
            fields = {"tid": page.named("tid")[0], "ttid": ttids[0]}
            reply = client.post("showTarificationRegister", **fields)
            assert reply.page.texts("table_tafregister_line")
    client.post("log", **dates)
    reply = client.profile(HOUSE)
    mid = reply.page.named("mid")[-1]
    reply = client.post("showMeterValues", mid=mid, **dates)
    assert len(reply.page.texts("table_metervalues_col_wert")) == 96 * 4
    client.post("logout")
    assert {r.status for r in gateway.requests[1:]} == {200}
    assert gateway.open_sessions == 0


def test_list(client: HanClient) -> None:
    """Seven contracts, two of the same name; ids rotate."""
    names = [name for name, _ in tids(client)]
    assert len(names) == 7
    assert names.count("IM4G_TAF07_BEZUG_15MI_PROD_01") == 2
    assert not {t for _, t in tids(client)} & {t for _, t in tids(client)}


def test_profile(client: HanClient) -> None:
    """Label and value rows; one of the two namesakes has expired."""
    replies = [client.post("showTariffProfile", tid=t) for _, t in tids(client)]
    assert all("TAF-Typ" in reply.text for reply in replies)
    assert "TAF7 Z&auml;hlerstandsgangmessung" in replies[0].text
    assert "2025-10-24 00:00:00" in replies[0].text
    assert "unbegrenzt" in replies[2].text
    assert "DE00099" in replies[2].text
    page = replies[2].page
    assert page.texts("table_tafvalues_col_domain") == [f"{HOUSE}.sm"] * 2
    assert page.texts("table_tafvalues_col_obis") == ["1-0:1.8.0", "1-0:2.8.0"]


def test_load_profile(client: HanClient, gateway: PpcGateway) -> None:
    """TAF 7 lists values at once, as labels of buttons."""
    tid = tid_of(client, "TAF7_OCT_B+E")
    page = client.post("showTarificationForm", tid=tid).page
    fresh = page.named("tid")[-1]
    assert fresh != tid
    dates = {"from_": "2026-05-11", "to": "2026-05-11"}
    reply = client.post("showTarification", tid=fresh, **dates)
    assert len(reply.page.texts("table_tafregister_line")) == 96 * 2
    values = [e.attrs["value"] for e in buttons(reply)]
    rows = [values[i : i + 8] for i in range(0, len(values), 8)]
    assert rows[0][0] == "2026-05-11 23:45:00"
    assert rows[-1][0] == "2026-05-11 00:00:00"
    assert reply.page.texts("table_tafregister_col_wert")[0] == ""
    for nominal, stamp, quality, value, unit, obis, step, _ in rows:
        assert (quality, unit, step) == ("valid", "kWh", "0")
        assert 1 <= (local(stamp) - local(nominal)).total_seconds() <= 5
        assert gateway.true_register(HOUSE, obis, local(nominal)) == Decimal(value)


def test_load_profile_register(client: HanClient) -> None:
    """Its ttid leads to the same values as plain cells, in pages."""
    client_tid = tid_of(client, "TAF7_OCT_B+E")
    dates = {"from_": "2026-05-11", "to": "2026-05-11"}
    reply = client.post("showTarification", tid=client_tid, **dates)
    page = reply.page
    reply = client.post(
        "showTarificationRegister", tid=page.named("tid")[0], ttid=page.named("ttid")[0]
    )
    assert len(reply.page.texts("table_tafregister_line")) == 192
    assert (
        reply.page.texts("table_tafregister_col_sollzeitpunkt")[0]
        == "2026-05-11 23:45:00"
    )


def test_pages(client: HanClient, gateway: PpcGateway) -> None:
    """Next-page buttons of both tables."""
    gateway.faults.add("small_pages", rows=50)
    dates = {"from_": "2026-05-11", "to": "2026-05-11"}
    tid = tid_of(client, "TAF7_OCT_B+E")
    reply = client.post("showTarification", tid=tid, **dates)
    lines = 0
    for number in (2, 3, 4):
        assert reply.page.texts("table_tarification_button_nextpage") == [""]
        lines += len(reply.page.texts("table_tafregister_line"))
        reply = client.post(
            "showTarification",
            tid=reply.page.named("tid")[-1],
            page=str(number),
            **dates,
        )
    assert lines + len(reply.page.texts("table_tafregister_line")) == 192
    assert not reply.page.texts("table_tarification_button_nextpage")
    ttid, tid = reply.page.named("ttid")[0], reply.page.named("tid")[0]
    reply = client.post("showTarificationRegister", tid=tid, ttid=ttid)
    assert reply.page.texts("table_tafregister_button_nextpage") == [""]


def test_monthly(client: HanClient, gateway: PpcGateway) -> None:
    """TAF 1: billing periods; the newest is running; its registers."""
    tid = tid_of(client, "Bezug Monat")
    dates = {"from_": "2026-03-01", "to": "2026-05-12"}
    page = client.post("showTarification", tid=tid, **dates).page
    assert page.texts("table_tarification_col_periodbegin") == [
        "2026-05-01 00:00:00",
        "2026-04-01 00:00:00",
        "2026-03-01 00:00:00",
    ]
    assert page.texts("table_tarification_col_status") == [
        "laufend",
        "abgeschlossen",
        "abgeschlossen",
    ]
    reply = client.post(
        "showTarificationRegister",
        tid=page.named("tid")[1],
        ttid=page.named("ttid")[1],
        from_="2026-04-01 00:00:00",
        to="2026-05-01 00:00:00",
    )
    times = reply.page.texts("table_tafregister_col_sollzeitpunkt")
    assert times == ["2026-05-01 00:00:00", "2026-04-01 00:00:00"]
    value = reply.page.texts("table_tafregister_col_wert")[0]
    at = local(times[0])
    assert gateway.true_register(HOUSE, "1-0:1.8.0", at) == Decimal(value)


def test_two_tariffs(client: HanClient) -> None:
    """TAF 2: a register for each step, and the error register."""
    tid = tid_of(client, "TAF02_HT_NT")
    dates = {"from_": "2026-04-01", "to": "2026-04-30"}
    page = client.post("showTarification", tid=tid, **dates).page
    reply = client.post(
        "showTarificationRegister", tid=page.named("tid")[0], ttid=page.named("ttid")[0]
    )
    steps = reply.page.texts("table_tafregister_col_kostenstufe")
    assert steps == ["1", "2", "63"] * 2
    obis = reply.page.texts("table_tafregister_col_obis")
    assert obis[:3] == ["1-0:1.8.1", "1-0:1.8.2", "1-0:1.8.63"]


def test_expired_contract_ends(client: HanClient) -> None:
    """The expired namesake has no values after its end."""
    listed = tids(client)
    dates = {"from_": "2026-05-11", "to": "2026-05-11"}
    old = client.post("showTarification", tid=listed[0][1], **dates)
    new = client.post("showTarification", tid=listed[1][1], **dates)
    assert old.content == "Keine Daten vorhanden."
    assert len(new.page.texts("table_tafregister_line")) == 96


def test_foreign_ids(client: HanClient) -> None:
    """Made-up ids and the mid of a meter."""
    mid = client.meters()[STAIRS]
    for tid in ("", "a" * 32, mid):
        reply = client.post("showTariffProfile", tid=tid)
        assert reply.content == "Parameterfehler"
    tid = tid_of(client, "Bezug Monat")
    reply = client.post("showTarificationRegister", tid=tid, ttid="b" * 32)
    assert reply.content == "Parameterfehler"


def test_no_contracts(start: Start, connect: Connect) -> None:
    """A gateway without contracts has an empty list."""
    client = connect(start(scenario=SCENARIOS["none"]()))
    client.login()
    assert tids(client) == []


def test_contract_names(gateway: PpcGateway) -> None:
    """The logical name's prefix ends with 0x20 plus the TAF."""
    contracts = {c.taf: c for c in gateway.scenario.contracts}
    assert sorted(contracts) == [1, 2, 6, 7, 14]
    assert contracts[7].logical_name.startswith("01005e318027.")
    assert contracts[14].logical_name.startswith("01005e31802e.")
    assert contracts[7].begin.astimezone(BERLIN).hour == 0
