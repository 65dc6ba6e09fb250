"""Welcome, communication profile, versions, self-test, good-bye."""

import hashlib

from .markup import rows, text
from .view import Html, View


def welcome(view: View, form: dict[str, str]) -> Html:
    """Answer the login by GET."""
    return Html(
        "<h1 id='headline_willkommen'>Willkommen</h1>\r\n"
        "<p>Willkommen auf der Kundenschnittstelle Ihres Smart Meter Gateways.</p>\r\n"
    )


def comm_profile(view: View, form: dict[str, str]) -> Html:
    """Answer ``commprofile``."""
    pairs = [
        ("Endbenutzer-ID", f"{view.scenario.consumer}.sm"),
        ("Benutzername", view.session.user),
        ("Anmeldeart", "Benutzername und Passwort"),
        ("IP-Adresse", "192.168.1.200"),
        ("Netzmaske", "255.255.255.0"),
    ]
    return Html(f"<table>{rows(pairs)}</table>\r\n", "Kommunikationsprofil")


def software_versions(view: View, form: dict[str, str]) -> Html:
    """Answer ``swversions``: component, version, checksum."""
    firmware = view.look.firmware
    names = ("smgw-bootstream", "smgw-services")
    lines = "".join(
        f"<tr><td>{name}</td><td>{text(version)}</td><td>{_checksum(version)}</td></tr>\r\n"
        for name, version in zip(names, firmware.partition("-")[::2], strict=True)
    )
    head = "<tr><th>Komponente</th><th>Version</th><th>Prüfsumme</th></tr>\r\n"
    return Html(f"<table border='1'>{head}{lines}</table>\r\n", "Softwareversionen")


def self_test(view: View, form: dict[str, str]) -> Html:
    """Answer ``selftest``; the gateway restarts after it."""
    return Html(
        "<p>Der Selbsttest wurde gestartet. Das SMGW wird neu gestartet.</p>\r\n",
        "Selbsttest",
    )


GOOD_BYE = "<p>Sie haben sich erfolgreich abgemeldet.</p>\r\n"


def _checksum(version: str) -> str:
    return "3044" + hashlib.sha512(version.encode()).hexdigest()[:136]
