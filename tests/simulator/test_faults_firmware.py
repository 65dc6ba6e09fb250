"""Variants of firmware: how pages are written and ids are treated."""

import re

from .client import HanClient, Reply, column
from .conftest import HOUSE, STAIRS, Connect, Start

TODAY = {"from_": "2026-05-12", "to": "2026-05-12"}


def logged_in(connect: Connect, start: Start, *faults: object) -> HanClient:
    """Return a client inside a session."""
    client: HanClient = connect(start(*faults))
    client.login()
    return client


def test_fault_v1_sessionid(start: Start, connect: Connect) -> None:
    """No cookie; the hidden sessionid opens the pages and is in each form."""
    gateway = start("v1_sessionid")
    client = connect(gateway)
    reply = client.login()
    assert "Set-Cookie" not in reply.headers
    (value,) = set(reply.page.named("sessionid"))
    assert client.post("swversions").content == "Invalide Session"
    page = client.post("meterform", sessionid=value).page
    assert set(page.named("sessionid")) == {value}
    assert len(page.options()) == 5
    assert "abgemeldet" in client.post("logout", sessionid=value).content
    assert gateway.open_sessions == 0


def test_fault_token_enforced(start: Start, connect: Connect) -> None:
    """Only the token of the last page opens the next."""
    client: HanClient = connect(start("token_enforced"))
    token = client.login().page.named("tkn")[0]
    reply = client.post("meterform", tkn=token)
    assert len(reply.page.options()) == 5
    assert client.post("swversions", tkn=token).content == "Parameterfehler"
    assert client.post("swversions").content == "Parameterfehler"
    again = reply.page.named("tkn")[0]
    assert client.post("swversions", tkn=again).page.texts("div_fwversion")


def test_fault_typo_obis_id(start: Start, connect: Connect) -> None:
    """The cell's id is misspelt."""
    page = logged_in(connect, start, "typo_obis_id").profile(STAIRS).page
    assert page.texts("table_metervaleus_col_obis") == ["1-0:1.8.0"]
    assert not page.texts("table_metervalues_col_obis")


def test_fault_double_quotes(start: Start, connect: Connect) -> None:
    """No attribute in single quotes."""
    reply = logged_in(connect, start, "double_quotes").profile(STAIRS)
    assert 'id="table_metervalues_col_wert"' in reply.text
    assert not re.search(r"=\'", reply.text)
    assert column(reply, "wert") == ["245.7540"]


def test_fault_unquoted_attributes(start: Start, connect: Connect) -> None:
    """Simple attributes without quotes."""
    reply = logged_in(connect, start, "unquoted_attributes").profile(STAIRS)
    assert "id=table_metervalues_col_wert" in reply.text
    assert column(reply, "wert") == ["245.7540"]


def test_fault_raw_umlauts(start: Start, connect: Connect) -> None:
    """UTF-8 in place of entities, in pages and phrases."""
    client = logged_in(connect, start, "raw_umlauts")
    assert "Zähler-ID" in client.profile(STAIRS).text
    assert "&auml;" not in client.post("meterform").text


def test_fault_double_entities(start: Start, connect: Connect) -> None:
    """Escaped twice."""
    reply = logged_in(connect, start, "double_entities").profile(STAIRS)
    assert "Z&amp;auml;hler-ID" in reply.text


def test_fault_cell_missing(start: Start, connect: Connect) -> None:
    """Four rows, one time."""
    reply = logged_in(connect, start, "cell_missing").profile(HOUSE)
    assert len(column(reply, "wert")) == 4
    assert len(column(reply, "timestamp")) == len(column(reply, "istvalide")) == 1


def test_fault_cell_empty(start: Start, connect: Connect) -> None:
    """Four time cells, three of them empty."""
    client = logged_in(connect, start, "cell_empty")
    reply = client.profile(HOUSE)
    assert column(reply, "timestamp")[1:] == ["", "", ""]
    assert column(reply, "istvalide") == ["1", "", "", ""]
    stamps = column(client.values(HOUSE, "2026-05-12", "2026-05-12"), "timestamp")
    assert len(stamps) == 41 * 4
    assert len(list(filter(None, stamps))) == 41


def test_fault_words_validity(start: Start, connect: Connect) -> None:
    """Words in place of numbers."""
    reply = logged_in(connect, start, "words_validity").profile(STAIRS)
    assert column(reply, "istvalide") == ["valid"]


def test_fault_mid_reuse(start: Start, connect: Connect) -> None:
    """The list's mid serves value queries."""
    client = logged_in(connect, start, "mid_reuse")
    mid = client.meters()[STAIRS]
    assert len(column(client.post("showMeterValues", mid=mid, **TODAY), "wert")) == 41


def test_fault_mid_reuse_refused(start: Start, connect: Connect) -> None:
    """The second use of an id is refused, of contracts too."""
    client = logged_in(connect, start, "mid_reuse_refused")
    mid = client.meters()[STAIRS]
    assert column(client.post("showMeterProfile", mid=mid), "wert")
    assert client.post("showMeterProfile", mid=mid).content == "Parameterfehler"
    reply = client.values(STAIRS, "2026-05-12", "2026-05-12")
    assert len(column(reply, "wert")) == 41
    tid = next(iter(client.post("tariffform").page.options().values()))
    assert client.post("showTariffProfile", tid=tid).page.texts("div_fwversion")
    assert client.post("showTariffProfile", tid=tid).content == "Parameterfehler"


def test_fault_cookie_every_page(start: Start, connect: Connect) -> None:
    """The same cookie with every page."""
    client = logged_in(connect, start, "cookie_every_page")
    cookie = f"session={client.cookie};secure;HttpOnly"
    assert client.post("meterform").headers["Set-Cookie"] == cookie


def test_fault_small_pages(start: Start, connect: Connect) -> None:
    """A next-page button after 50 rows."""
    client = logged_in(connect, start, "small_pages")
    reply = client.values(HOUSE, "2026-05-12", "2026-05-12")
    assert len(column(reply, "wert")) == 50
    assert reply.page.texts("table_metervalues_button_nextpage")


def second_text(reply: Reply) -> str:
    """Return the text after the break in the content's inner division."""
    inner = reply.text.split("class='content'>")[1]
    assert inner.startswith("<div><div>")
    return inner.split("<br>")[1].split("</div>")[0]


def test_fault_range_limit_1000(start: Start, connect: Connect) -> None:
    """Time x OBIS above 1000 is refused, page and export."""
    client = logged_in(connect, start, "range_limit_1000")
    phrase = (
        "Die Abfrage liefert 1152 Datens&auml;tze zur&uuml;ck. Es sind nur 1000 "
        "erlaubt. Schr&auml;nken Sie die Abfrageparameter ein."
    )
    assert second_text(client.values(HOUSE, "2026-05-01", "2026-05-03")) == phrase
    mid = client.value_mid(HOUSE)
    dates = {"from_": "2026-05-01", "to": "2026-05-03"}
    assert client.post("exportMeterValues", mid=mid, **dates).text == phrase
    assert column(client.values(HOUSE, "2026-05-01", "2026-05-02"), "wert")


def test_fault_export_error_status(start: Start, connect: Connect) -> None:
    """An export without data is an HTTP error."""
    client = logged_in(connect, start, ("export_error_status", {"status": 404}))
    mid = client.meters()[STAIRS]
    dates = {"from_": "2020-05-01", "to": "2020-05-03"}
    assert client.post("exportMeterValues", mid=mid, **dates).status == 404


def test_fault_cms_other_prefix(start: Start, connect: Connect) -> None:
    """Other XML prefixes."""
    client = logged_in(connect, start, "cms_other_prefix")
    mid = client.meters()[STAIRS]
    body = client.post("exportMeterValues", mid=mid, **TODAY).body
    assert b"<pg:object" in body
    assert b"ns1:" not in body


def test_fault_cms_broken(start: Start, connect: Connect) -> None:
    """Some bytes are others than those that were signed."""
    client = logged_in(connect, start, "cms_broken")
    mid = client.meters()[STAIRS]
    body = client.post("exportMeterValues", mid=mid, **TODAY).body
    assert body.count(b"< ") == 1


def test_fault_no_logout_page(start: Start, connect: Connect) -> None:
    """The session is over, the answer empty."""
    gateway = start("no_logout_page")
    client = connect(gateway)
    client.login()
    assert client.post("logout").body == b""
    assert gateway.open_sessions == 0


def test_fault_gzip(start: Start, connect: Connect) -> None:
    """Compressed only for those who accept it."""
    import gzip

    client = logged_in(connect, start, "gzip")
    assert "Content-Encoding" not in client.post("meterform").headers
    client.connection.request(
        "GET",
        client.uri,
        headers={
            "Authorization": client.authorization("GET"),
            "Cookie": f"session={client.cookie}",
            "Accept-Encoding": "gzip, deflate",
        },
    )
    response = client.connection.getresponse()
    assert response.headers["Content-Encoding"] == "gzip"
    assert b"headline_willkommen" in gzip.decompress(response.read())
