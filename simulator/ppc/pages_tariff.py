"""Pages about contracts (Auswertungsprofile) and their derived registers."""

from datetime import datetime

from simulator.clock import local_text
from simulator.scenario import Contract

from . import forms, tariff
from .frame import form_open
from .markup import HOSTILE, cell, hidden, rows, text
from .pages_meter import PAGE_ROWS
from .refusals import NO_DATA, RefusedError
from .tariff import AT_ONCE, MONTHLY, Derived, Period
from .view import Html, View

_TAF_NAMES = {
    1: "TAF1 Datensparsame Tarife",
    2: "TAF2 Zeitvariable Tarife",
    6: "TAF6 Abruf von Messwerten im Bedarfsfall",
    7: "TAF7 Zählerstandsgangmessung",
    9: "TAF9 Abruf der Ist-Einspeisung",
    10: "TAF10 Abruf von Netzzustandsdaten",
    13: "TAF13 Bereitstellung von Messwertsätzen",
    14: "TAF14 Hochfrequente Messwertbereitstellung",
}
_COLS = (
    *("sollzeitpunkt", "zeitstempel", "qualitaet", "wert", "einheit"),
    *("obis", "kostenstufe", "sign"),
)


def contract_list(view: View, form: dict[str, str]) -> Html:
    """Answer ``tariffform``: the profiles by name, names may repeat."""
    options = "".join(
        f"<option value='{_listed(view, contract)}'>{text(contract.name)}</option>\r\n"
        for contract in view.contracts
    )
    content = (
        form_open(view, "input", "showTariffProfile", "form_tariffform")
        + f"<select name='tid' id='tarifform_select_profile' size='1'>\r\n{options}"
        + "</select>\r\n<input type='submit' value='Anzeigen'></form>\r\n"
    )
    return Html(content, "Auswertungsprofile")


def contract_profile(view: View, form: dict[str, str]) -> Html:
    """Answer ``showTariffProfile``: configuration without readings."""
    contract = view.contract(form)
    supply = "".join(
        f"<tr>{cell('table_supplyconfigs_col_domain2', 'emt1.sm')}"
        f"{cell('table_supplyconfigs_col_obis', text(obis))}</tr>\r\n"
        for obis in contract.obis
    )
    values = "".join(
        f"<tr>{cell('table_tafvalues_col_domain', text(contract.meter + '.sm'))}"
        f"{cell('table_tafvalues_col_obis', text(obis))}"
        f"{cell('table_tafvalues_col_messgroesse', 'Zählerstand')}</tr>\r\n"
        for obis in contract.obis
    )
    content = (
        f"<table>{rows(_profile_rows(view, contract))}</table>\r\n"
        f"<table id='supplyconfigs'>{supply}</table>\r\n"
        f"<table id='tafvalues'>{values}</table>\r\n"
        + form_open(view, "input", "showTarificationForm")
        + hidden("tid", _fresh(view, contract))
        + "<input type='submit' value='Abgeleitete Register'></form>\r\n"
    )
    return Html(content, "Auswertungsprofil")


def tarification_form(view: View, form: dict[str, str]) -> Html:
    """Answer ``showTarificationForm``: a date form with a new tid."""
    contract = view.contract(form)
    today = local_text(view.now)[:10]
    content = (
        f"<p>{text(contract.name)}</p>\r\n"
        + form_open(view, "input_tarification", "showTarification")
        + hidden("tid", _fresh(view, contract))
        + f"von (Datum) <input type='text' name='from' value='{today}'> "
        + f"bis (Datum) <input type='text' name='to' value='{today}'> "
        + "<input type='submit' value='Anzeigen'></form>\r\n"
    )
    return Html(content, "Abgeleitete Register")


def tarification(view: View, form: dict[str, str]) -> Html:
    """Answer ``showTarification``: billing periods, for TAF 7 values at once."""
    contract = view.contract(form)
    begin, end = forms.period(form)
    number = forms.page(form)
    if contract.taf in AT_ONCE:
        found = tariff.load_profile(view, contract, begin, end)
        period = (begin, end)
        ttid = view.session.issue("period", str(contract.number), period=period)
        extra = _period_fields(view, contract, ttid, ("", ""))
        lines = [_value_row(item, extra) for item in found]
    else:
        spans = tariff.periods(view, contract, begin, end)
        lines = [_period_row(view, contract, span) for span in spans]
    return _paged(view, contract, form, lines, number, "tarification")


def period_registers(view: View, form: dict[str, str]) -> Html:
    """Answer ``showTarificationRegister``: the values of one period."""
    contract = view.contract(form)
    begin, end = view.period(form)
    number = forms.page(form)
    if contract.taf in AT_ONCE:
        found = tariff.load_profile(view, contract, begin, end)
    else:
        period = Period(begin, end, running=end > view.now)
        found = tariff.registers_of(view, contract, period)
    lines = [_value_row(item, None) for item in found]
    return _paged(view, contract, form, lines, number, "tafregister")


def _paged(
    view: View,
    contract: Contract,
    form: dict[str, str],
    lines: list[str],
    number: int,
    table: str,
) -> Html:
    small = view.faults.get("small_pages")
    size = int(small["rows"]) if small else PAGE_ROWS
    shown = lines[(number - 1) * size : number * size]
    if not shown:
        raise RefusedError(NO_DATA)
    content = (
        f"<p>Von {text(form.get('from', ''))} bis {text(form.get('to', ''))}, "
        f"Seite {number}</p>\r\n"
        f"<table id='{table}' border='1'><tr><th>Zeit</th></tr>\r\n"
        f"{''.join(shown)}</table>\r\n"
    )
    if len(lines) > number * size:
        content += form_open(view, "nextpage", form.get("action", ""))
        content += hidden("page", str(number + 1))
        content += "".join(hidden(k, form[k]) for k in ("from", "to") if k in form)
        if table == "tafregister":
            period = view.session.handles[form["ttid"]].period
            key = str(contract.number)
            ttid = view.session.issue("period", key, period=period)
            content += hidden("ttid", ttid)
        content += hidden("tid", _fresh(view, contract))
        content += (
            f"<input id='table_{table}_button_nextpage' type='submit' "
            "value='Nächste Seite'></form>\r\n"
        )
    else:
        content += form_open(view, "input_tarification", "showTarification")
        content += hidden("tid", _fresh(view, contract)) + "</form>\r\n"
    return Html(content, "Abgeleitete Register")


def _value_row(item: Derived, extra: str | None) -> str:
    """Return a row; with ``extra`` the texts are labels of submit buttons."""
    values = (
        *(item.target, item.stamp, item.quality, item.value, item.unit),
        *(item.obis, item.step, item.sign),
    )
    cells = "".join(
        cell(f"table_tafregister_col_{name}", _content(value, extra))
        for name, value in zip(_COLS, values, strict=True)
    )
    return f"<tr id='table_tafregister_line'>{cells}</tr>\r\n"


def _content(value: str, extra: str | None) -> str:
    if extra is None:
        return text(value)
    return (
        f"{extra}<input type='submit' id='button_tarification_register' "
        f"value='{text(value)}'></form>"
    )


def _period_row(view: View, contract: Contract, span: Period) -> str:
    times = (local_text(span.begin), local_text(span.end))
    key = str(contract.number)
    ttid = view.session.issue("period", key, period=(span.begin, span.end))
    register = (
        _period_fields(view, contract, ttid, times)
        + "<input type='submit' id='button_tarification_register' value='Register'></form>"
    )
    prefix = "table_tarification_col_"
    status = "laufend" if span.running else "abgeschlossen"
    return (
        "<tr id='table_tarification_line'>"
        + cell(f"{prefix}periodbegin", times[0])
        + cell(f"{prefix}periodend", times[1])
        + cell(f"{prefix}status", status)
        + cell(f"{prefix}register", register)
        + "</tr>\r\n"
    )


def _period_fields(
    view: View, contract: Contract, ttid: str, times: tuple[str, str]
) -> str:
    fields = form_open(view, "register", "showTarificationRegister")
    fields += hidden("tid", _fresh(view, contract)) + hidden("ttid", ttid)
    if times[0]:
        fields += hidden("from", times[0]) + hidden("to", times[1])
    return fields


def _profile_rows(view: View, contract: Contract) -> list[tuple[str, str]]:
    monthly = contract.taf in MONTHLY
    steps = "1, 2" if contract.taf == 2 else "0"
    hostile = "hostile_entities" in view.faults
    return [
        ("Profil-ID", contract.logical_name),
        ("Profilname", contract.name),
        ("Profilname Empfänger", HOSTILE if hostile else contract.name),
        ("TAF-Typ", _TAF_NAMES.get(contract.taf, f"TAF{contract.taf} ")),
        ("Registerperiode (sek.)", "60" if contract.taf == 14 else "900"),
        ("Abrechnungsperiode (sek.)", "2678400" if monthly else "86400"),
        ("Vorhaltezeit (Tage)", "730"),
        ("Beginn Validierungsperiode", local_text(contract.begin)),
        ("Ende Validierungsperiode", _end(view.contract_end(contract))),
        ("Alias", contract.name),
        ("Zählpunktbezeichnung", f"DE00099{contract.number:026d}"),
        ("Tarifstufen", steps),
        ("Tag Beginn", "1"),
    ]


def _end(end: datetime | None) -> str:
    return "unbegrenzt" if end is None else local_text(end)


def _listed(view: View, contract: Contract) -> str:
    return view.session.issue("contract", str(contract.number), listed=True)


def _fresh(view: View, contract: Contract) -> str:
    return view.session.issue("contract", str(contract.number))
