"""What tests of logins by certificate share: keys, a gateway, an entry, the forms."""

from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.smgw.const import DOMAIN
from custom_components.smgw.models import account_data
from homeassistant.config_entries import ConfigSubentry, ConfigSubentryData
from simulator.ppc import PpcGateway
from simulator.ppc.view import Account
from simulator.tls import Certificate
from tests.client_keys import account, consumer

from .conftest import START, make_entry
from .test_config_flow import Flow
from .test_coordinator import SETTLED

PASSWORD = "Datei#Wort"
END = datetime(2027, 3, 1, 12, tzinfo=UTC)
# All three makers' usual gateways know P-384.
OWN = consumer("ecpr0099000001", ec.SECP384R1, end=END)
RENEWED = consumer("ecpr0099000001", ec.SECP384R1)
STRANGER = consumer("ecpr0099000002", ec.SECP384R1)
HOUSE = "sensor.electricity_meter_1emh0012345678"
IMPORT = f"{HOUSE}_grid_import"
SLOT = START.replace(minute=30) + SETTLED
# For the mark `gateway`: two consumers are known by certificate, and by password.
KNOWING = {
    "users": {"second": Account("two")},
    "client_certificates": {PpcGateway().user: OWN, "second": RENEWED},
}


def by_certificate(gateway: PpcGateway, own: Certificate = OWN) -> MockConfigEntry:
    """Return an entry whose login is a certificate."""
    made = make_entry(gateway)
    return MockConfigEntry(
        domain=DOMAIN,
        title=made.title,
        unique_id=made.unique_id,
        data=dict(made.data),
        subentries_data=[
            ConfigSubentryData(
                data=account_data(account(own)),
                subentry_type="login",
                title="Roof",
                unique_id=f"login_{account(own).identity}",
            )
        ],
    )


def subentry_of(own: Certificate, title: str) -> ConfigSubentry:
    """Return a login by certificate."""
    return ConfigSubentry(
        data=MappingProxyType(account_data(account(own))),
        subentry_type="login",
        title=title,
        unique_id=f"login_{account(own).identity}",
    )


def suggested(flow: Flow) -> dict[str, Any]:
    """Return what the fields of a form hold at first."""
    return {
        str(field): field.description["suggested_value"]
        for field in flow["data_schema"].schema
        if (field.description or {}).get("suggested_value")
    }


def assert_stored(entry: MockConfigEntry, own: Certificate, title: str) -> None:
    """Assert that the only login is this certificate, and nothing else is kept of it."""
    (login,) = entry.subentries.values()
    assert login.title == title
    assert login.unique_id == f"login_{account(own).identity}"
    assert login.data.keys() == {"client_certificate", "client_key"}
    assert login.data["client_certificate"] == own.pem
    assert "BEGIN PRIVATE KEY" in login.data["client_key"]
