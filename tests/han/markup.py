"""Pages as PPC gateways write them, made from rows; after descriptions and screenshots."""

from collections.abc import Iterable
from dataclasses import dataclass

FOOTER = (
    "<p id='div_fwversion'>00999-34999</p>\r\n"
    "<p id='div_timestamp'>2026-11-20 10:07:12 "
    "(Letzte Synchronisation: 2026-11-20 09:58:00)</p>\r\n"
)
SIGNATURE = "3044022030aabbcc"


def framed(content: str, footer: str = FOOTER, end: str = "</body></html>\r\n") -> str:
    """Return a page with this content."""
    return (
        "\r\n<html><head><title>Smart Meter Gateway Customer Interface</title>\r\n"
        "<meta http-equiv='Cache-control' content='no-cache'></head><body>\r\n"
        "<div><div>Kopf</div><div><form name='menu' method='post'>"
        "<input type='hidden' name='tkn' value='00aa'>"
        "<input type='hidden' name='action' value='meterform'>"
        "<input id='button_menu_zaehler' type='submit' value='Z&auml;hler'></form></div>"
        f"<div></div>\r\n<div id='content' class='content'>{content}</div></div>\r\n"
        f"{footer}{end}"
    )


def meter_list(*meters: tuple[str, str]) -> str:
    """Return the answer to `meterform`: (mid, logical name) for each meter."""
    options = "".join(
        f"<option value='{mid}'>{name}</option>\r\n" for mid, name in meters
    )
    return framed(
        "<form id='form_meterform' name='input' method='post'>"
        "<input type='hidden' name='tkn' value='11bb'>"
        "<input type='hidden' name='action' value='meterprofile'>"
        "<select name='mid' id='meterform_select_meter' size='1'>"
        f"{options}</select></form>"
    )


@dataclass(frozen=True)
class Line:
    """One row of the value table; None: the cell is missing."""

    value: str | None = "1061.9932"
    obis: str | None = "1-0:1.8.0"
    valid: str | None = "1"
    time: str | None = "2026-11-20 10:00:02"
    unit: str | None = "kWh"
    name: str | None = "Bezug Z&auml;hlerstand"
    sign: str | None = SIGNATURE

    def html(self, number: int, obis_column: str = "table_metervalues_col_obis") -> str:
        """Return the row as the gateway writes it."""
        cells = {
            "table_metervalues_col_timestamp": self.time,
            "table_metervalues_col_istvalide": self.valid,
            "table_metervalues_col_name": self.name,
            "table_metervalues_col_wert": self.value,
            "table_metervalues_col_einheit": self.unit,
            obis_column: self.obis,
            "table_metervalues_col_sign": self.sign,
        }
        inner = "".join(
            f"<td id='{cell_id}'>{text}</td>"
            for cell_id, text in cells.items()
            if text is not None
        )
        return f"<tr id='table_metervalues_line{number}'>{inner}</tr>\r\n"


def table(lines: Iterable[str]) -> str:
    """Return the value table around its rows."""
    return (
        "<table id='metervalue' border='1'><tr><th>Zeit</th><th>Wert</th></tr>\r\n"
        f"{''.join(lines)}</table>\r\n"
    )


def profile(
    *lines: Line,
    meter: str = "1esy0060178981.sm",
    interval: str = "900",
    obis_column: str = "table_metervalues_col_obis",
) -> str:
    """Return the answer to `showMeterProfile`."""
    return framed(
        "<table><tr><td>Kopf</td></tr></table>\r\n<table>"
        f"<tr><td width=20%>Z&auml;hler-ID</td><td>{meter}</td></tr>\r\n"
        "<tr><td width=20%>Name</td><td>Treppe</td></tr>\r\n"
        f"<tr><td width=20%>Ausleseintervall</td><td>{interval}</td></tr>\r\n"
        "<tr><td width=20%>Z&auml;hleradresse</td><td>1ESY0060178981</td></tr></table>"
        + table(line.html(n, obis_column) for n, line in enumerate(lines, 1))
    )
