"""What a gateway tells: gateway, meters, registers, readings.

All values are immutable. Times are timezone-aware UTC, values are `Decimal` in the
unit that stands beside them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from hashlib import sha256
import ssl
from types import MappingProxyType

from . import ids
from .ids import Medium
from .obis import Obis
from .status import GatewayState, Quality
from .units import Unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """A consumer account on a gateway: user and password."""

    user: str
    password: str

    def __repr__(self) -> str:
        """Never print the secret."""
        return "Credentials(…)"

    @property
    def identity(self) -> str:
        """Return whose account it is."""
        return self.user

    @property
    def digest(self) -> str:
        """Return what tells the account, its password included, without holding it."""
        return sha256(
            f"{self.user}\0{self.password}".encode(errors="surrogatepass")
        ).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True, weakref_slot=True)
class ClientCertificate:
    """A consumer account on a gateway: a key, and the certificate it is known by."""

    certificate: str
    """PEM; behind the account's own certificate those that vouch for it, if any."""
    key: str
    """PEM, not encrypted."""

    def __repr__(self) -> str:
        """Never print the secret."""
        return "ClientCertificate(…)"

    @property
    def der(self) -> bytes:
        """Return the account's own certificate; of a damaged one, whatever is there."""
        own, footer, _ = self.certificate.partition(ssl.PEM_FOOTER)
        try:
            return ssl.PEM_cert_to_DER_cert(own + footer)
        except ValueError:
            return own.encode()

    @property
    def identity(self) -> str:
        """Return whose account it is; no user can be called so, for the colon."""
        return f"sha256:{self.digest}"

    @property
    def digest(self) -> str:
        """Return what tells the account: the certificate's fingerprint (SHA-256), hex."""
        return sha256(self.der).hexdigest()


type Account = Credentials | ClientCertificate
"""Who logs in, by either way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """A gateway as it describes itself."""

    gateway_id: str
    firmware: str | None
    clock: datetime | None
    """The gateway's own clock when it answered; None if it could not be decided."""
    last_sync: datetime | None
    """When that clock was last set from the operator's time server."""
    clock_offset: timedelta | None = None
    """By how much, at least, it is ahead of ours, in whole seconds; None if unknown."""
    state: GatewayState | None = None
    """None if it does not tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Register:
    """One quantity of one meter."""

    meter_id: str
    obis: Obis
    unit: Unit
    name: str
    """The operator's name for it, as the gateway shows it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One valid value of a register."""

    register: Register
    value: Decimal
    capture_time: datetime
    """When the gateway took the value, seconds after the target time."""
    target_time: datetime | None = None
    """The slot the value belongs to, where the gateway tells it."""
    signature: str | None = None
    """The gateway's signature over the value, hex, as delivered; not checked."""
    quality: Quality | None = None
    """What its status says of it; None if it has none that is understood."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meter:
    """A meter behind the gateway, with the newest reading of each register."""

    meter_id: str
    logical_name: str
    medium: Medium
    maker: str | None
    """FLAG letters of the maker."""
    address: str | None
    """The meter's number as the gateway addresses it (`Zähleradresse`)."""
    capture_interval: timedelta | None
    readings: Mapping[str, Reading]
    """By OBIS code as text."""
    quality: Quality | None = None
    """The worst that its newest values are marked with, those not used included."""

    @classmethod
    def of(
        cls,
        logical_name: str,
        meter_id: str,
        readings: Mapping[str, Reading],
        *,
        address: str | None = None,
        capture_interval: timedelta | None = None,
        quality: Quality | None = None,
    ) -> Meter:
        """Return a meter with what its number tells: medium and maker."""
        return cls(
            meter_id=meter_id,
            logical_name=logical_name,
            medium=ids.medium(meter_id),
            maker=ids.maker(meter_id),
            address=address,
            capture_interval=capture_interval,
            readings=readings,
            quality=quality,
        )

    @property
    def last_capture(self) -> datetime | None:
        """Return when the newest reading was taken."""
        return max((r.capture_time for r in self.readings.values()), default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A row or a meter that was not used, and why."""

    where: str
    """Meter id and, for a row, what it says it is."""
    reason: str
    """A fixed word, e.g. `invalid`, `ambiguous_time`, `unknown_unit`."""
    meter_id: str | None = None
    """Whose row it is, if `where` does not tell."""
    quality: Quality | None = None
    """What the row's status says of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What one session saw."""

    gateway: Gateway
    meters: Mapping[str, Meter]
    """By meter id."""
    skipped: tuple[Skipped, ...] = ()
    requests: int = 0
    """HTTP requests sent, the challenge included."""
    contracts_ended: bool = False
    """Whether every contract of the account is known to have ended."""

    @property
    def last_capture(self) -> datetime | None:
        """Return when the newest reading of all meters was taken."""
        taken = (meter.last_capture for meter in self.meters.values())
        return max((moment for moment in taken if moment), default=None)

    @classmethod
    def of(
        cls,
        gateway: Gateway,
        meters: list[Meter],
        skipped: list[Skipped],
        requests: int,
        *,
        contracts_ended: bool = False,
    ) -> Snapshot:
        """Collect meters by id."""
        return cls(
            gateway=gateway,
            meters=MappingProxyType({meter.meter_id: meter for meter in meters}),
            skipped=tuple(skipped),
            requests=requests,
            contracts_ended=contracts_ended,
        )
