"""What an entry of the consumer log is about, whoever made the gateway.

Few event ids are known (observed on gateways; a maker's handbook), so most is told by
the text, which is German and worded differently by each maker. What is not certain is
`OTHER`: a wrong alarm is worse than a plain entry.
"""

from enum import StrEnum
import re

from .history import LogEntry, LogLevel


class LogKind(StrEnum):
    """What happened."""

    LOGIN = "login"
    LOGIN_FAILED = "login_failed"
    SELF_TEST = "self_test"
    CLOCK = "clock"
    FIRMWARE = "firmware"
    CLS_CONNECTED = "cls_connected"
    CLS_LOST = "cls_lost"
    METER_FAULT = "meter_fault"
    OTHER = "other"


# PPC counts in numbers, Theben writes who defined the event before it.
_IDS = {
    # "war zu lange stromlos" (observed)
    "10041": LogKind.OTHER,
    # "Der Messbetrieb wird eingestellt." (observed)
    "10260": LogKind.METER_FAULT,
    # The start, with all special functions (handbook); among them may be any word.
    "THE.19013": LogKind.OTHER,
}

_FAILED = re.compile(
    r"fehlgeschlagen|gescheitert|abgewiesen|abgelehnt|abgebrochen|verweigert|gesperrt"
    r"|falsch|ungueltig|nicht erfolgreich|fail|denied|refused|rejected|invalid"
)
_CLS = re.compile(r"(?<![a-z])cls(?![a-z])|(?<![a-z])hks ?-?[345](?!\d)")
_ENDED = re.compile(
    r"getrennt|abgebaut|beendet|unterbrochen|verloren|geschlossen|nicht (?:verbunden|moeglich)"
    r"|disconnect|closed|lost|terminated|ended"
)
_BEGUN = re.compile(
    r"aufgebaut|hergestellt|verbunden|geoeffnet|gestartet|connect|established|opened"
)
_FIRMWARE = re.compile(r"firmware|software")
_SELF_TEST = re.compile(r"selbst-?test|self-?test")
_CLOCK = re.compile(
    r"systemzeit|systemuhr|zeitsynchron|uhrzeit|zeitabweichung|gateway-?zeit"
    # an hour of the day is not the clock
    r"|(?<!\d )(?<!\d)\buhr\b|\bntp\b|\bclock\b|time sync"
)
_LOGIN = re.compile(
    r"eingeloggt|angemeldet|\banmelde|\banmeldung|\blog-?in\b|logged in"
)
_AUTHENTICATION = re.compile(r"authenti[sfk]|authentication|zertifikatspruefung")
_PEOPLE = re.compile(
    r"letztverbraucher|endbenutzer|endnutzer|endverbraucher|benutzer|anwender"
    r"|techniker|\bhan\b|consumer|\buser\b"
)
# They log in as well, to somebody else.
_NOT_PEOPLE = re.compile(r"mobilfunk|\bsim\b|modem|\bserver|zaehler|\blmn\b|\bmeter\b")
_METER = re.compile(
    r"zaehler(?!st|prof|wert|dat)|messeinrichtung|\blmn\b|\bmeter\b|messbetrieb|messwerterfassung"
)
_SENDING = re.compile(r"versand|versende|uebermitt|uebertrag|gesendet|\bsent\b|sending")
_FAULT = re.compile(
    r"nicht erreichbar|keine (?:antwort|kommunikation|verbindung)|stoerung|gestoert"
    r"|fehler|verloren|ausgefallen|ausfall|eingestellt|manipul|magnet|lost|error|fault"
)
_GRAVE = (LogLevel.ERROR, LogLevel.FATAL)
_UMLAUTS = {
    ord(umlaut): f"{vowel}e" for umlaut, vowel in zip("äöü", "aou", strict=True)
}


def kind_of(entry: LogEntry) -> LogKind:
    """Return what an entry is about."""
    # Sub ids of Theben differ where the event is the same.
    for event_id in (entry.event_id, entry.event_id.rpartition(".")[0]):
        if known := _IDS.get(event_id):
            return known
    text = entry.text.casefold().translate(_UMLAUTS)
    failed = entry.success is False or _FAILED.search(text) is not None
    if _CLS.search(text):
        return _of_channel(text, failed=failed)
    for pattern, kind in (
        (_SELF_TEST, LogKind.SELF_TEST),
        (_FIRMWARE, LogKind.FIRMWARE),
        (_CLOCK, LogKind.CLOCK),
    ):
        if pattern.search(text):
            return kind
    if _is_login(text):
        return LogKind.LOGIN_FAILED if failed else LogKind.LOGIN
    if _METER.search(text) and not _SENDING.search(text):
        grave = failed or entry.level in _GRAVE or _FAULT.search(text)
        return LogKind.METER_FAULT if grave else LogKind.OTHER
    return LogKind.OTHER


def _of_channel(text: str, *, failed: bool) -> LogKind:
    if failed or _ENDED.search(text):
        return LogKind.CLS_LOST
    return LogKind.CLS_CONNECTED if _BEGUN.search(text) else LogKind.OTHER


def _is_login(text: str) -> bool:
    if _NOT_PEOPLE.search(text):
        return False
    if _LOGIN.search(text):
        return True
    return bool(_AUTHENTICATION.search(text) and _PEOPLE.search(text))
