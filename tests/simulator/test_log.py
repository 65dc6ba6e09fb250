"""The consumer log as pages and as export."""

from datetime import timedelta
from pathlib import Path
from xml.etree import ElementTree as ET

from simulator.ppc import PpcGateway

from .client import HanClient
from .cms import EXTENSION as E, GENERIC as G, parsed
from .conftest import Connect

LOGGED_IN = (
    "Der Endbenutzer mit der ID ecpr0099000001.sm hat sich auf dem SMGW eingeloggt"
)


def is_comment(element: ET.Element) -> bool:
    """Tell whether a node is a comment."""
    tag: object = element.tag
    return tag is ET.Comment


def test_each_login_is_noted(client: HanClient, gateway: PpcGateway) -> None:
    """Three logins are three entries."""
    for _ in range(2):
        client.post("logout")
        client.cookie = ""
        gateway.clock.advance(timedelta(minutes=1))
        client.login()
    page = client.post("log", from_="2026-05-12", to="2026-05-12").page
    assert page.texts("table_logs_col_msgtext").count(LOGGED_IN) == 3
    assert page.texts("table_logs_col_zeit")[0] == "2026-05-12 10:09:00"
    assert page.texts("table_logs_col_loglevel")[0] == "INFO"
    assert page.texts("table_logs_col_outcome")[0] == "erfolgreich"
    assert page.texts("table_logs_col_logid")[0].isdecimal()


def test_failed_login_is_noted(gateway: PpcGateway, connect: Connect) -> None:
    """A wrong password leaves a trace."""
    connect(gateway, password="x").login()
    client = connect(gateway)
    client.login()
    page = client.post("log", from_="2026-05-12", to="2026-05-12").page
    assert "fehlgeschlagen" in page.texts("table_logs_col_outcome")


def test_pages(client: HanClient) -> None:
    """100 entries each, a next-page button until the last."""
    dates = {"from_": "2026-04-01", "to": "2026-05-12"}
    page = client.post("log", **dates).page
    assert len(page.texts("table_log_line")) == 100
    number, lines = 1, 100
    while page.texts("table_logs_button_nextpage"):
        number += 1
        page = client.post("log", page=str(number), **dates).page
        lines += len(page.texts("table_log_line"))
    assert number == 2
    assert 150 < lines < 200
    assert len(client.post("log").page.texts("table_log_line")) == 100


def test_nothing_there(client: HanClient) -> None:
    """A page and an export without entries."""
    dates = {"from_": "2020-01-01", "to": "2020-01-02"}
    assert client.post("log", **dates).content == "Keine Daten vorhanden."
    assert client.post("exportLogData", **dates).body == b"Keine Daten\n"


def test_export(client: HanClient, gateway: PpcGateway, tmp_path: Path) -> None:
    """Running numbers without gaps; the message is a comment."""
    dates = {"from_": "2026-04-01", "to": "2026-05-12"}
    root = parsed(client.post("exportLogData", **dates).body, tmp_path)
    assert root.attrib["id"] == f"0000636203ff.{gateway.gateway_id.lower()}.sm"
    entries = list(root.iter(f"{G}entry"))
    numbers = [int(e.findtext(f"{E}record_number") or 0) for e in entries]
    assert numbers == list(range(numbers[0], numbers[0] - len(numbers), -1))
    event = entries[0].find(f"{E}event")
    assert event is not None
    assert event.findtext(f"{E}timestamp") == "2026-05-12T08:07:00Z"
    assert event.findtext(f"{E}outcome") == "SUCCESS"
    holder = event.find(f"{E}message_extensions")
    assert holder is not None
    assert is_comment(holder[0])
    assert "[BenutzerID]" in (holder[0].text or "")
    assert holder[1].text == "ecpr0099000001.sm"
    empty = [e for e in root.iter(f"{E}event") if is_comment(e[-1])]
    assert empty
    assert all(len(e[-2]) == 0 for e in empty)


def test_export_limit(client: HanClient, gateway: PpcGateway) -> None:
    """More than 1000 entries are refused, always."""
    for _ in range(1000):
        gateway.logbook.login(gateway.clock.now(), "x")
    reply = client.post("exportLogData", from_="2026-05-12", to="2026-05-12")
    assert reply.text.startswith("Die Abfrage liefert 100")
    assert "Datens&auml;tze zur&uuml;ck. Es sind nur 1000 erlaubt." in reply.text
