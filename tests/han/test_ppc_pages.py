"""The pages of a PPC gateway, read."""

from datetime import timedelta
from decimal import Decimal

import pytest

from custom_components.smgw.han import errors, ppc_pages as pages
from custom_components.smgw.han.html import Page

from .markup import FOOTER, SIGNATURE, Line, framed, meter_list, profile, table

UNSIGNED = (
    "Die Abfrage liefert 1445 Datens{}tze zur{}ck. Es sind nur 1000 erlaubt. "
    "Schr{}nken Sie die Abfrageparameter ein."
)


def read(markup: str) -> Page:
    """Read a page that came in UTF-8."""
    return pages.read(markup.encode())


def explained(content: str) -> errors.SmgwError:
    """Return what a page with this content means."""
    return pages.explain(read(framed(content)))


@pytest.mark.parametrize("charset", ["utf-8", "latin-1", "cp1252"])
def test_character_sets(charset: str) -> None:
    """Raw umlauts are read in UTF-8 and in Latin-1."""
    markup = profile(Line(name="Zähler m³ °")).replace("&auml;", "ä")
    found = pages.meter_profile(pages.read(markup.encode(charset)))
    assert found.meter == "1esy0060178981.sm"
    assert found.address == "1ESY0060178981"
    assert found.rows[0].name == "Zähler m³ °"


def test_meter_list() -> None:
    """Logical names and ids are kept in order."""
    page = read(meter_list(("1111", "a.sm"), ("2222", "b.sm"), ("", "nothing")))
    assert pages.is_meter_list(page)
    assert list(pages.meter_options(page).items()) == [
        ("a.sm", "1111"),
        ("b.sm", "2222"),
    ]


@pytest.mark.parametrize(
    "select",
    [
        "<select id='meterform_select_meter'>",
        "<select name='mid'>",
        "<select id='another_id' name='mid'>",
    ],
)
def test_meter_list_in_another_form(select: str) -> None:
    """The list is found by its id, or else by its name."""
    page = read(framed(f"{select}<option value='1'>a.sm</option></select>"))
    assert pages.is_meter_list(page)
    assert pages.meter_options(page) == {"a.sm": "1"}


def test_other_lists_are_no_meters() -> None:
    """The list of evaluation profiles is not one of meters."""
    markup = (
        "<select name='tid' id='tarifform_select_profile'><option value='1'>a</select>"
    )
    page = read(framed(markup))
    assert not pages.is_meter_list(page)
    assert pages.meter_options(page) == {}


def test_profile() -> None:
    """Metadata and a row of the value table."""
    found = pages.meter_profile(read(profile(Line())))
    assert found == pages.MeterProfile(
        meter="1esy0060178981.sm",
        address="1ESY0060178981",
        capture_interval=timedelta(minutes=15),
        rows=(
            pages.ValueRow(
                timestamp="2026-11-20 10:00:02",
                validity="valid",
                name="Bezug Zählerstand",
                value=Decimal("1061.9932"),
                unit="kWh",
                obis="1-0:1.8.0",
                signature=SIGNATURE,
            ),
        ),
    )


def test_misspelt_column() -> None:
    """Older firmware misspells the id of the OBIS column."""
    markup = profile(Line(), Line(), obis_column="table_metervaleus_col_obis")
    assert [row.obis for row in pages.meter_profile(read(markup)).rows] == [
        "1-0:1.8.0"
    ] * 2


def test_umlauts_escaped_twice() -> None:
    """Labels and names are read even if their umlauts were escaped twice."""
    markup = profile(Line()).replace("&auml;", "&amp;auml;")
    found = pages.meter_profile(read(markup))
    assert (found.meter, found.address) == ("1esy0060178981.sm", "1ESY0060178981")
    assert found.rows[0].name == "Bezug Zählerstand"


@pytest.mark.parametrize(
    ("text", "interval"),
    [
        ("900", timedelta(minutes=15)),
        ("3600", timedelta(hours=1)),
        ("0", None),
        ("-900", None),
        ("９００", None),
        ("900 s", None),
        ("99999999", None),
        ("1e9999", None),
        ("", None),
    ],
)
def test_interval(text: str, interval: timedelta | None) -> None:
    """The interval is a number of seconds or unknown."""
    found = pages.meter_profile(read(profile(interval=text)))
    assert found.capture_interval == interval


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1061.9932", Decimal("1061.9932")),
        ("0.0000", Decimal(0)),
        ("-12.5", Decimal("-12.5")),
        ("999999999999.999999", Decimal("999999999999.999999")),
        (" 5 ", Decimal(5)),
        *((text, None) for text in ("", "-", ".5", "5.", "+5", "1,5", "1.061,99")),
        *(
            (text, None)
            for text in ("1e9999", "1E3", "NaN", "Infinity", "-inf", "0x1F")
        ),
        *((text, None) for text in ("１２３", "१२३", "1_000", "1 000", "1&nbsp;000")),
        *((text, None) for text in ("9" * 13, "1.1234567", "9" * 5000, "1.2.3")),
        *((text, None) for text in ("12<br>34", "12<!-- -->34", "1\u200b2", "1−2")),
    ],
)
def test_value(text: str, value: Decimal | None) -> None:
    """A value is written in plain digits, or there is none."""
    (row,) = pages.meter_profile(read(profile(Line(text)))).rows
    assert row.value == value


@pytest.mark.parametrize(
    ("text", "validity"),
    [
        *((text, "valid") for text in ("1", "valid", "VALID", "gültig", "g&uuml;ltig")),
        *((text, "invalid") for text in ("2", "invalid", "Invalid", "ungültig")),
        *((text, "not_present") for text in ("3", "nonexistent", "nicht  vorhanden")),
        *((text, "unknown") for text in ("0", "4", "11", "１", "true", "1 2", "")),
    ],
)
def test_validity(text: str, validity: str) -> None:
    """Numbers and words of validity; anything else says nothing."""
    (row,) = pages.meter_profile(read(profile(Line(valid=text)))).rows
    assert row.validity == validity


@pytest.mark.parametrize("nothing", [None, "", " ", "&nbsp;"])
def test_follow_up_rows_inherit(nothing: str | None) -> None:
    """Time and validity hold for the following rows of a reading."""
    markup = profile(
        Line(valid="2"),
        Line("2", "1-0:2.8.0", nothing, nothing),
        Line("3", "1-0:1.8.1", "1", nothing),
        Line("4", "1-0:1.8.2", nothing, nothing),
    )
    found = pages.meter_profile(read(markup)).rows
    assert [row.validity for row in found] == ["invalid", "invalid", "valid", "valid"]
    assert {row.timestamp for row in found} == {"2026-11-20 10:00:02"}


def test_validity_ends_with_its_reading() -> None:
    """A row with a time of its own does not inherit the validity of another reading."""
    markup = profile(
        Line(),
        Line("2", "1-0:2.8.0", None),
        Line("3", "1-0:1.8.0", None, "2026-11-20 09:45:02"),
    )
    found = pages.meter_profile(read(markup)).rows
    assert [row.validity for row in found] == ["valid", "valid", "unknown"]


def test_first_row_has_nothing_to_inherit() -> None:
    """Without time and validity a row says nothing."""
    (row,) = pages.meter_profile(read(profile(Line(valid=None, time=None)))).rows
    assert (row.timestamp, row.validity) == ("", "unknown")


def test_rows_that_ran_into_each_other() -> None:
    """If the start of a row is lost, no value is given to the wrong register."""
    lines = [Line().html(1), Line("2", "1-0:2.8.0", None, None).html(2)]
    merged = "".join(lines).replace("</tr>\r\n<tr id='table_metervalues_line2'>", "")
    after = Line("3", "1-0:1.8.1", None, None).html(3)
    found = pages.meter_profile(read(framed(table([merged, after])))).rows
    assert [row.validity for row in found] == ["merged_rows", "unknown"]
    assert found[1].timestamp == ""


@pytest.mark.parametrize("sign", ["", None, "zz", "30 44", "a" * 1025])
def test_signature_is_hex_or_none(sign: str | None) -> None:
    """A signature that is none is left out; the value stays."""
    (row,) = pages.meter_profile(read(profile(Line(sign=sign)))).rows
    assert row.signature is None
    assert row.value is not None


def test_rows_of_other_tables_do_not_count() -> None:
    """Only the table of values holds values."""
    other = table([Line().html(1)]).replace("id='metervalue'", "id='other'")
    found = pages.meter_profile(
        read(
            profile().replace(
                "<table id='metervalue'", other + "<table id='metervalue'"
            )
        )
    )
    assert found.rows == ()


def test_table_without_rows() -> None:
    """A meter without a reading yet."""
    assert pages.meter_profile(read(profile())).rows == ()


def test_profile_without_table() -> None:
    """Metadata alone make a profile."""
    markup = framed("<table><tr><td>Ausleseintervall:</td><td>900</td></tr></table>")
    assert pages.meter_profile(read(markup)) == pages.MeterProfile(
        capture_interval=timedelta(minutes=15)
    )


def test_cut_profile() -> None:
    """A page that did not come to its end is not read, wherever it was cut."""
    markup = profile(Line(), Line("2", "1-0:2.8.0", None, None))
    start = markup.index("<table id='metervalue'") + 25
    for cut in range(start, markup.index("</p>\r\n</body>"), 7):
        with pytest.raises(errors.PageUnreadable):
            pages.meter_profile(read(markup[:cut]))


@pytest.mark.parametrize(
    ("markup", "footer"),
    [
        (FOOTER, ("00999-34999", "2026-11-20 10:07:12", "2026-11-20 09:58:00")),
        (
            "<div id=div_fwversion>1-2</div><div id=div_timestamp>2026-11-20 10:07:12</div>",
            ("1-2", "2026-11-20 10:07:12", None),
        ),
        (
            "<p id=div_timestamp>( Letzte Synchronisation:\r\n2026-11-20 09:58:00 )</p>",
            (None, None, "2026-11-20 09:58:00"),
        ),
        ("<p id=div_fwversion></p><p id=div_timestamp>()</p>", (None, "()", None)),
        ("", (None, None, None)),
    ],
)
def test_footer(markup: str, footer: tuple[str | None, ...]) -> None:
    """Firmware, clock and synchronisation, as far as they are there."""
    found = pages.footer(read(framed("", footer=markup)))
    assert (found.firmware, found.clock, found.last_sync) == footer


@pytest.mark.parametrize(
    ("text", "remaining"),
    [
        ("Das Portal ist f&uuml;r 4 Minuten und 37 Sekunden gesperrt.", 277),
        ("Das Portal ist f&amp;uuml;r 4 Minuten und 37 Sekunden gesperrt.", 277),
        ("Das Portal ist für 1 Minute und 1 Sekunde gesperrt.", 61),
        ("Das Portal ist für 5 Minuten gesperrt.", 300),
        ("Das Portal ist für 12 Sekunden gesperrt.", 12),
        ("Das Portal ist für 0 Minuten und 0 Sekunden gesperrt.", 0),
        ("Das Portal ist gesperrt.", 300),
    ],
)
def test_locked(text: str, remaining: int) -> None:
    """The countdown of a locked portal."""
    error = explained(f"<div><h1><center>Fehler</center></h1>{text}</div>")
    assert isinstance(error, errors.PortalLocked)
    assert error.remaining == timedelta(seconds=remaining)
    assert error.placeholders == {"remaining": f"{remaining // 60}:{remaining % 60:02}"}


@pytest.mark.parametrize("number", ["9" * 40, "9" * 5000, "４"])
def test_absurd_countdown(number: str) -> None:
    """A number of minutes that is none does no harm."""
    text = f"Das Portal ist für {number} Minuten und 1 Sekunden gesperrt."
    assert isinstance(explained(text), errors.PageUnreadable)


@pytest.mark.parametrize(
    "umlauts",
    [("&auml;", "&uuml;", "&auml;"), "äüä", ("&amp;auml;", "&amp;uuml;", "&amp;auml;")],
)
def test_range_too_large(umlauts: tuple[str, ...] | str) -> None:
    """The gateway's own numbers, however umlauts are written."""
    error = explained(f"<div><div>Fehler<br>{UNSIGNED.format(*umlauts)}</div></div>")
    assert isinstance(error, errors.RangeTooLarge)
    assert error.placeholders == {"found": "1445", "allowed": "1000"}


def test_absurd_range() -> None:
    """A number of records that is none does no harm."""
    text = UNSIGNED.format(*"äüä").replace("1445", "9" * 5000)
    assert isinstance(explained(text), errors.PageUnreadable)


@pytest.mark.parametrize(
    ("phrase", "error"),
    [
        (
            "Anmeldung fehlgeschlagen.Bitte schliessen Sie das Fenster",
            errors.LoginRefused,
        ),
        ("Login falsch", errors.LoginRefused),
        ("Sitzung abgelaufen", errors.SessionExpired),
        ("Sitzung<br>abgelaufen", errors.SessionExpired),
        ("Invalide Session", errors.SessionExpired),
        ("Kein g&uuml;ltiges Sessioncookie", errors.SessionExpired),
        ("Unerlaubter Zugriff.", errors.SessionExpired),
        ("Parameterfehler", errors.SessionExpired),
        ("Keine Z&auml;hlerdaten vorhanden", errors.NoData),
        ("Keine Z&amp;auml;hlerdaten vorhanden", errors.NoData),
        ("Keine Daten vorhanden.", errors.NoData),
        ("Willkommen", errors.PageUnreadable),
    ],
)
def test_phrases(phrase: str, error: type[errors.SmgwError]) -> None:
    """Every phrase has its error, in the frame, alone, and instead of a profile."""
    assert type(explained(phrase)) is error
    with pytest.raises(error):
        pages.meter_profile(read(framed(phrase)))
    if error is not errors.PageUnreadable:
        assert type(pages.explain(read(phrase + "\n"))) is error


def test_phrases_count_in_the_content_only() -> None:
    """A phrase in the menu or a name is not the page's meaning."""
    markup = framed("Willkommen").replace("Kopf", "Login falsch")
    assert isinstance(pages.explain(read(markup)), errors.PageUnreadable)


@pytest.mark.parametrize(
    "markup",
    [
        "",
        "<html><body><h1>Router</h1></body></html>",
        "{}",
        "\x00\x01",
        "<select name=x>",
    ],
)
def test_foreign_pages(markup: str) -> None:
    """Pages of something else are told apart."""
    page = read(markup)
    assert isinstance(pages.explain(page), errors.NotAGateway)
    assert not pages.is_ours(page)
    assert not pages.is_welcome(page)


@pytest.mark.parametrize(
    "markup",
    [
        "<h1 id='headline_willkommen'>Willkommen</h1>",
        "<p id='div_fwversion'>1-2</p>",
        "<form><input type=hidden name=tkn value=1></form>",
        "<title>Smart Meter Gateway Customer Interface</title>",
    ],
)
def test_own_pages(markup: str) -> None:
    """One sign is enough for a page of ours."""
    assert pages.is_ours(read(markup))


def test_welcome_and_farewell() -> None:
    """Begin and end of a session."""
    assert pages.is_welcome(read(framed("")))
    assert pages.is_farewell(read("Sie haben sich erfolgreich abgemeldet."))
    assert not pages.is_farewell(read(framed("")))
