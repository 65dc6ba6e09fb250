"""What entries of the consumer log are about: texts and ids of all makers."""

from datetime import UTC, datetime

from hypothesis import given, strategies as st
import pytest

from custom_components.smgw.han.history import LogEntry, LogLevel
from custom_components.smgw.han.log_kinds import LogKind, kind_of

type Row = tuple[str, str, LogLevel, bool | None, str]

INFO, WARNING, ERROR = LogLevel.INFO, LogLevel.WARNING, LogLevel.ERROR

# Event id, text, level, outcome, kind.
PPC: tuple[Row, ...] = (
    (
        *(
            "10201",
            "Der Endbenutzer mit der ID ecpr1.sm hat sich auf dem SMGW eingeloggt",
        ),
        *(INFO, True, "login"),
    ),
    (
        *("10202", "Anmeldung des Endbenutzers fehlgeschlagen: falsches Passwort"),
        *(WARNING, False, "login_failed"),
    ),
    ("", "Der Endbenutzer ecpr1.sm wurde abgemeldet", INFO, True, "other"),
    ("10021", "Die Systemzeit wurde synchronisiert.", INFO, True, "clock"),
    ("10041", "Das SMGW war zu lange stromlos.", WARNING, True, "other"),
    ("10260", "Der Messbetrieb wird eingestellt.", ERROR, True, "meter_fault"),
    (
        *(
            "10105",
            "Die Daten des Auswertungsprofils TAF7 wurden an emt1.sm versendet.",
        ),
        *(INFO, True, "other"),
    ),
    ("10106", "Der Versand an emt1.sm ist fehlgeschlagen.", ERROR, False, "other"),
    ("", "Der Selbsttest wurde durchgeführt", INFO, True, "self_test"),
    ("", "Die Firmware wurde aktiviert (34410-33814)", INFO, True, "firmware"),
    (
        "",
        "Der Zähler 1emh0012345678 ist nicht erreichbar",
        WARNING,
        None,
        "meter_fault",
    ),
    ("", "Der Zaehler 1emh0012345678 meldet eine Stoerung", INFO, None, "meter_fault"),
    ("", "Der Zähler 1emh0012345678 wurde angemeldet", INFO, True, "other"),
    ("", "Der Versand der Zählerstände ist fehlgeschlagen", ERROR, False, "other"),
    ("", "Übermittlung der Werte des Zählers fehlgeschlagen", ERROR, False, "other"),
)
THEBEN: tuple[Row, ...] = (
    ("BSI.16010.0", "Der Letztverbraucher ist angemeldet.", INFO, True, "login"),
    (
        *("BSI.16011.0", "Authentisierung des Letztverbrauchers"),
        *(ERROR, False, "login_failed"),
    ),
    (
        *(
            "THE.19013.0",
            "Das SMGW wurde gestartet. Aktive Sonderfunktionen: CLS verbunden.",
        ),
        *(INFO, True, "other"),
    ),
    ("THE.19013.4", "Firmware gestartet", INFO, True, "other"),
    (
        "THE.19020.0",
        "Der Selbsttest wurde ohne Befund beendet.",
        INFO,
        True,
        "self_test",
    ),
    (
        *("BSI.16031.0", "Die Abweichung der Systemzeit war größer als üblich."),
        *(WARNING, True, "clock"),
    ),
    ("", "Der Messbetrieb beginnt um 10:15 Uhr", INFO, True, "other"),
    ("", "Die Uhr wurde gestellt", INFO, True, "clock"),
    ("", "Anmeldung am Mobilfunknetz fehlgeschlagen", ERROR, False, "other"),
    ("", "Authentisierung des Zeitservers fehlgeschlagen", ERROR, False, "other"),
)
CLS: tuple[Row, ...] = (
    ("", "CLS-Kanal zu emt1.sm wurde aufgebaut", INFO, True, "cls_connected"),
    ("", "CLS-Verbindung hergestellt (HKS3)", INFO, None, "cls_connected"),
    ("", "Verbindung nach HKS 4 gestartet", INFO, True, "cls_connected"),
    ("", "CLS connection successful", INFO, True, "cls_connected"),
    ("", "CLS-Kanal zu emt1.sm wurde abgebaut", INFO, True, "cls_lost"),
    ("", "CLS-Kanal aufgebaut", ERROR, False, "cls_lost"),
    ("", "CLS disconnected", INFO, True, "cls_lost"),
    ("", "CLS connection failed", ERROR, None, "cls_lost"),
    ("", "Das CLS-Profil wurde geändert", INFO, True, "other"),
    ("", "TLS-Verbindung zum GWA getrennt", INFO, True, "other"),
)
# Event names of another maker, in English: a good vocabulary.
ENGLISH: tuple[Row, ...] = (
    ("", "HAN authentication failure", WARNING, None, "login_failed"),
    ("", "Clock adjusted", INFO, None, "clock"),
    ("", "Clock invalid", ERROR, None, "clock"),
    ("", "Self-test passed", INFO, None, "self_test"),
    ("", "Firmware activated", INFO, None, "firmware"),
    ("", "LMN meter lost", WARNING, None, "meter_fault"),
    ("", "LMN communication error", WARNING, None, "meter_fault"),
    ("", "LMN communication ok", INFO, None, "other"),
    ("", "Power resumed", INFO, None, "other"),
    ("", "", INFO, None, "other"),
)


def entry(event_id: str, text: str, level: LogLevel, success: bool | None) -> LogEntry:
    """Return an entry of the log."""
    return LogEntry(
        number=1,
        time=datetime(2026, 11, 20, tzinfo=UTC),
        level=level,
        success=success,
        event_id=event_id,
        text=text,
    )


@pytest.mark.parametrize("row", PPC + THEBEN + CLS + ENGLISH, ids=lambda row: row[1])
def test_kinds(row: Row) -> None:
    """Each text is what it says."""
    *told, kind = row
    assert kind_of(entry(*told)) == kind


@given(
    st.text(),
    st.text(),
    st.sampled_from(LogLevel),
    st.sampled_from((None, True, False)),
)
def test_any_text(
    event_id: str, text: str, level: LogLevel, success: bool | None
) -> None:
    """Whatever a gateway writes is of some kind; a login that failed is no login."""
    kind = kind_of(entry(event_id, text, level, success))
    assert kind in LogKind
    if success is False:
        assert kind not in (LogKind.LOGIN, LogKind.CLS_CONNECTED)
