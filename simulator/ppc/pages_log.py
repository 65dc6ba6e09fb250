"""The consumer log as a page, 100 entries each."""

from datetime import UTC, datetime

from simulator.clock import local_text

from . import forms
from .frame import form_open
from .logbook import LogEntry
from .markup import HOSTILE, cell, hidden, text
from .refusals import NO_DATA, RefusedError
from .view import Html, View

LOG_ROWS = 100


def log_page(view: View, form: dict[str, str]) -> Html:
    """Answer ``log``, newest first; without dates (the menu) the whole log."""
    number = forms.page(form)
    found = view.logbook.between(*log_period(form))
    shown = found[(number - 1) * LOG_ROWS : number * LOG_ROWS]
    if not shown:
        raise RefusedError(NO_DATA)
    lines = "".join(_line(view, entry) for entry in shown)
    head = (
        "<tr><th>Zeit</th><th>Level</th><th>ID</th><th>Text</th><th>Ergebnis</th></tr>"
    )
    content = f"<table id='logs' border='1'>{head}\r\n{lines}</table>\r\n"
    if len(found) > number * LOG_ROWS:
        content += form_open(view, "nextpage", "log")
        content += "".join(hidden(k, form[k]) for k in ("from", "to") if k in form)
        content += hidden("page", str(number + 1))
        content += (
            "<input id='table_logs_button_nextpage' type='submit' "
            "value='Nächste Seite'></form>\r\n"
        )
    return Html(content, "Logs")


def log_period(form: dict[str, str]) -> tuple[datetime, datetime]:
    """Return the range asked for, or all time if the form has no dates."""
    if "from" not in form and "to" not in form:
        return datetime(2000, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)
    return forms.period(form)


def _line(view: View, entry: LogEntry) -> str:
    outcome = "erfolgreich" if entry.good else "fehlgeschlagen"
    message = HOSTILE if "hostile_entities" in view.faults else text(entry.message)
    return (
        "<tr id='table_log_line'>"
        + cell("table_logs_col_zeit", local_text(entry.at))
        + cell("table_logs_col_loglevel", entry.level)
        + cell("table_logs_col_logid", str(entry.event))
        + cell("table_logs_col_msgtext", message)
        + cell("table_logs_col_outcome", outcome)
        + "</tr>\r\n"
    )
