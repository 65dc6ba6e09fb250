"""The gateway's ways of saying no; wording observed on gateways.

Two kinds: inside a page's content element, or (for exports) as the plain body.
"""

NOT_LOGGED_IN = (
    "Anmeldung fehlgeschlagen."
    "Bitte schliessen Sie das Fenster und melden Sie sich erneut an."
)
LOGIN_WRONG = "Login falsch"
EXPIRED = "Sitzung abgelaufen"
INVALID_SESSION = "Invalide Session"
FORBIDDEN = "Unerlaubter Zugriff"
PARAMETER = "Parameterfehler"
NO_VALUES = "Keine Zählerdaten vorhanden"
NO_DATA = "Keine Daten vorhanden."
NO_LOG = "Keine Daten"


class RefusedError(Exception):
    """A request that is answered with a phrase."""

    def __init__(self, phrase: str, *, plain: bool = True) -> None:
        """Keep the phrase; ``plain``: an export answers it as bare body."""
        super().__init__(phrase)
        self.phrase = phrase
        self.plain = plain


class TooManyError(RefusedError):
    """A range with more records than allowed."""

    def __init__(self, found: int, allowed: int) -> None:
        """Word it as the gateway does."""
        super().__init__(
            f"Die Abfrage liefert {found} Datensätze zurück. Es sind nur {allowed} "
            "erlaubt. Schränken Sie die Abfrageparameter ein."
        )


def bad_date(field: str) -> RefusedError:
    """Refuse a date; ``field`` is ``von`` or ``bis``."""
    return RefusedError(f"Ungültige Zeitangabe '{field} (Datum)'")


def locked(seconds: float) -> str:
    """Return the lockout phrase, counting down."""
    minutes, rest = divmod(max(1, int(seconds)), 60)
    return f"Das Portal ist für {minutes} Minuten und {rest} Sekunden gesperrt."
