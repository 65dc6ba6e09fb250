"""What an entry holds at run time."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import CONF_HOST, CONF_PASSWORD, CONF_PORT, CONF_USERNAME

from .const import (
    CONF_CERTIFICATE,
    CONF_CLIENT_CERTIFICATE,
    CONF_CLIENT_KEY,
    CONF_VENDOR,
)
from .han.address import Address
from .han.certificate import GatewayCertificate, pem_to_der, read_certificate
from .han.evidence import Evidence
from .han.model import Account, ClientCertificate, Credentials
from .han.transport import SessionLog, Timeouts, Transport
from .readout import Readouts

if TYPE_CHECKING:
    from .bridge.room import ControlRoom
    from .coordinator import SmgwCoordinator
    from .history_setup import History
    from .quarters import Quarters

type SmgwConfigEntry = ConfigEntry[RuntimeData]


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayConfig:
    """The connection facts of an entry: a change of any of them needs a reload."""

    gateway_id: str
    host: str
    port: int
    vendor: str
    certificate: str
    """The pinned certificate, PEM; empty where the consumer interface is out of reach."""

    @classmethod
    def of(cls, entry: SmgwConfigEntry) -> Self:
        """Read them from an entry."""
        return cls(
            gateway_id=entry.unique_id or "",
            host=entry.data[CONF_HOST],
            port=entry.data[CONF_PORT],
            vendor=entry.data[CONF_VENDOR],
            certificate=entry.data[CONF_CERTIFICATE],
        )

    def as_data(self) -> dict[str, Any]:
        """Return them as entry data."""
        return {
            CONF_HOST: self.host,
            CONF_PORT: self.port,
            CONF_VENDOR: self.vendor,
            CONF_CERTIFICATE: self.certificate,
        }

    @property
    def is_read(self) -> bool:
        """Say whether the consumer interface is known; a gateway may be there for CLS only."""
        return bool(self.certificate)

    @property
    def address(self) -> Address:
        """Return where the gateway is."""
        return Address(self.host, self.port)

    def pinned(self) -> GatewayCertificate:
        """Return the pinned certificate."""
        return read_certificate(pem_to_der(self.certificate), self.gateway_id)

    def transport(
        self,
        sessions: SessionLog | None = None,
        evidence: Evidence | None = None,
        timeouts: Timeouts | None = None,
    ) -> Transport:
        """Return the way to the gateway.

        `sessions` counts the logins, `evidence` takes the pages that cannot be read.
        """
        return Transport(
            self.address,
            self.gateway_id,
            pem_to_der(self.certificate) if self.is_read else b"",
            timeouts,
            sessions=sessions,
            evidence=evidence,
        )


def account_of(data: Mapping[str, Any]) -> Account:
    """Return the account of a login, from its data."""
    if CONF_CLIENT_KEY in data:
        return ClientCertificate(
            certificate=data[CONF_CLIENT_CERTIFICATE], key=data[CONF_CLIENT_KEY]
        )
    return Credentials(user=data[CONF_USERNAME], password=data[CONF_PASSWORD])


def account_data(account: Account) -> dict[str, Any]:
    """Return an account as the data of a login."""
    if isinstance(account, ClientCertificate):
        return {
            CONF_CLIENT_CERTIFICATE: account.certificate,
            CONF_CLIENT_KEY: account.key,
        }
    return {CONF_USERNAME: account.user, CONF_PASSWORD: account.password}


@dataclass(slots=True, kw_only=True)
class RuntimeData:
    """Lives as long as the entry is loaded."""

    config: GatewayConfig
    coordinator: SmgwCoordinator
    history: History | None
    """None where there is no recorder."""
    quarters: Quarters
    """The last weeks' quarter hours."""
    control: ControlRoom | None = None
    """Participants, CLS switches and limits; None where nothing of it is set up."""
    readouts: Readouts = field(default_factory=Readouts)
