"""Pages about meters: list, profile with the newest values, history."""

from simulator.clock import local_text
from simulator.meters import Meter

from . import forms, readings
from .frame import form_open
from .markup import HOSTILE, cell, hidden, rows, text
from .readings import WORDS, History, Row
from .refusals import NO_VALUES, RefusedError, TooManyError
from .view import Html, View

PAGE_ROWS = 1000
_COL = "table_metervalues_col_"
_TITLES = ("Zeit", "Gültig", "Name", "Wert", "Einheit", "OBIS", "Status", "Signatur")
_STATUS = {"1": "gültig", "2": "ungültig", "3": "nicht vorhanden"}


def meter_list(view: View, form: dict[str, str]) -> Html:
    """Answer ``meterform`` and ``meterprofile`` (another meter selected)."""
    selected = view.meter(form).id if form.get("action") == "meterprofile" else None
    options = []
    for number, meter in enumerate(view.meters):
        mark = " selected" if meter.id == selected or not (selected or number) else ""
        mid = view.session.issue("meter", meter.id, listed=True)
        name = text(meter.logical_name)
        options.append(f"<option value='{mid}'{mark}>{name}</option>\r\n")
    content = (
        form_open(view, "input", "meterprofile", "form_meterform")
        + "<select name='mid' id='meterform_select_meter' size='1' "
        + f"onchange='this.form.submit()'>\r\n{''.join(options)}</select>\r\n"
        + _script_button("zaehlerprofil", "Zählerprofil", "showMeterProfile")
        + _script_button("zaehlerstand", "Zählerstand", "showMeterValuesForm")
        + "</form>\r\n"
    )
    return Html(content, "Zähler")


def meter_profile(view: View, form: dict[str, str]) -> Html:
    """Answer ``showMeterProfile``: metadata, then the newest reading."""
    meter = view.meter(form)
    content = (
        f"<table><tr><td>{text(meter.logical_name)}</td></tr></table>\r\n"
        f"<table>{rows(_metadata(view, meter))}</table>\r\n"
    )
    if "no_metervalue_table" not in view.faults:
        content += _table(view, readings.latest(view, meter))
    content += (
        form_open(view, "input", "showMeterValuesForm")
        + hidden("mid", view.session.issue("meter", meter.id))
        + "<input type='submit' value='Zählerstände'></form>\r\n"
    )
    return Html(content, "Zählerprofil")


def values_form(view: View, form: dict[str, str]) -> Html:
    """Answer ``showMeterValuesForm``: a date form with a new mid."""
    meter = view.meter(form)
    today = local_text(view.now)[:10]
    content = (
        f"<p>{text(meter.logical_name)}</p>\r\n"
        + form_open(view, "input_metervalues", "showMeterValues")
        + hidden("mid", view.session.issue("meter", meter.id))
        + _date_inputs(today, today)
        + "<input type='submit' value='Anzeigen'></form>\r\n"
    )
    return Html(content, "Zählerstände")


def meter_values(view: View, form: dict[str, str]) -> Html:
    """Answer ``showMeterValues``: one page of history, newest first."""
    meter = view.meter(form, values=True)
    begin, end = forms.period(form)
    number = forms.page(form)
    found = History(view, meter, begin, end)
    check_limit(view, found)
    small = view.faults.get("small_pages")
    size = int(small["rows"]) if small else PAGE_ROWS
    shown = found.rows((number - 1) * size, number * size)
    if not shown:
        raise RefusedError(NO_VALUES)
    values = (form.get("from", ""), form.get("to", ""))
    content = (
        f"<p>Von {text(values[0])} bis {text(values[1])}, Seite {number}</p>\r\n"
        + _table(view, shown)
        + form_open(view, "input_metervalues", "showMeterValues")
        + hidden("mid", view.session.issue("meter", meter.id))
        + _date_inputs(*values)
        + "<input type='submit' value='Anzeigen'></form>\r\n"
    )
    if len(found) > number * size:
        content += _next_page(view, meter, values, number + 1)
    return Html(content, "Zählerstände")


def check_limit(view: View, found: History) -> None:
    """Refuse more records than this firmware allows (records: time x OBIS)."""
    fault = view.faults.get("range_limit_1000")
    if fault and len(found) > int(fault["records"]):
        raise TooManyError(len(found), int(fault["records"]))


def _metadata(view: View, meter: Meter) -> list[tuple[str, str]]:
    hostile = "hostile_entities" in view.faults
    return [
        ("Zähler-ID", f"{meter.id}.sm"),
        ("Name", meter.id),
        ("Beschreibung", HOSTILE if hostile else meter.description),
        ("Kommunikationstyp", "HDLC" if meter.medium == "1" else "wM-Bus"),
        ("Protokoll-Typ", "SML"),
        ("Protokoll-Version", "1.04"),
        ("Ausleseintervall", str(meter.interval)),
        ("Abfrageversuche", "3"),
        ("Zähleradresse", meter.id.upper()),
        ("Medium", meter.medium),
    ]


def _table(view: View, shown: list[Row]) -> str:
    head = "".join(f"<th>{title}</th>" for title in _TITLES)
    lines = []
    for number, row in enumerate(shown, 1):
        cells = "".join(_cells(view, row))
        lines.append(f"<tr id='table_metervalues_line{number}'>{cells}</tr>\r\n")
    body = "".join(lines)
    return f"<table id='metervalue' border='1'><tr>{head}</tr>\r\n{body}</table>\r\n"


def _cells(view: View, row: Row) -> list[str]:
    valid = row.valid
    if "words_validity" in view.faults:
        valid = WORDS.get(valid, valid)
    stamp, validity = text(row.stamp), text(valid)
    cells = []
    follow = not row.first
    if follow and "cell_empty" in view.faults:
        stamp = validity = ""
    if not follow or "cell_missing" not in view.faults:
        cells = [cell(f"{_COL}timestamp", stamp), cell(f"{_COL}istvalide", validity)]
    return [
        *cells,
        cell(f"{_COL}name", text(row.name)),
        cell(f"{_COL}wert", text(row.value)),
        cell(f"{_COL}einheit", text(row.unit)),
        cell(f"{_COL}obis", text(row.obis)),
        cell(f"{_COL}status", _STATUS.get(row.valid, "")),
        cell(f"{_COL}sign", row.signature),
    ]


def _next_page(view: View, meter: Meter, values: tuple[str, str], number: int) -> str:
    return (
        form_open(view, "nextpage", "showMeterValues")
        + hidden("mid", view.session.issue("meter", meter.id))
        + hidden("from", values[0])
        + hidden("to", values[1])
        + hidden("page", str(number))
        + "<input id='table_metervalues_button_nextpage' type='submit' "
        + "value='Nächste Seite'></form>\r\n"
    )


def _date_inputs(begin: str, end: str) -> str:
    return (
        f"von (Datum) <input type='text' name='from' value='{text(begin)}'> "
        f"bis (Datum) <input type='text' name='to' value='{text(end)}'> "
    )


def _script_button(name: str, label: str, action: str) -> str:
    return (
        f"<input id='form_meterform_button_{name}' type='button' value='{label}' "
        f'onclick="this.form.action.value=&quot;{action}&quot;;this.form.submit()">\r\n'
    )
