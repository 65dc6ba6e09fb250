"""Tunnels: how one is set up, and how it stands.

Addresses are literals and are never looked up except where this room itself dials: an EMT's name goes
to the gateway as it is (reference R1.4). Fingerprints are SHA-256 of the certificate's DER, 64 small hex
digits. Times are UTC.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Self

from .certificates import fingerprint
from .errors import BadConfig
from .identity import Identity
from .reasons import ChannelReason


class TunnelKind(StrEnum):
    """Who dials whom, and how the EMT is named (R2.1)."""

    OUT_SOCKS = "out_socks"
    """We dial the gateway and name the EMT by SOCKS5 inside (HKS3)."""
    OUT_SNI = "out_sni"
    """We dial the gateway and name the EMT as TLS server name (HKS3)."""
    INBOUND = "inbound"
    """The gateway dials us (HKS4, HKS5)."""
    DIRECT = "direct"
    """Laboratory only, no standard: the EMT dials us itself, without a gateway."""

    @property
    def dials(self) -> bool:
        """Say whether we open the connection."""
        return self in (TunnelKind.OUT_SOCKS, TunnelKind.OUT_SNI)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A host and a port, as configured; the host may be a name, an IPv4 or an IPv6 address."""

    host: str
    port: int

    def __post_init__(self) -> None:
        """Check what people typed. Raises BadConfig."""
        good = 0 < len(self.host) <= 255 and self.host.isascii()
        if not good or any(c.isspace() or not c.isprintable() for c in self.host):
            raise BadConfig("host")
        if not 0 < self.port < 65536:
            raise BadConfig("port")

    def __str__(self) -> str:
        """Return it as people write it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class InnerTls:
    """TLS inside the tunnel, between the EMT and us; we are its server, with our own certificate."""

    peers: tuple[str, ...]
    """Fingerprints of the EMT's certificate: the present one, and the next one during a roll-over."""

    def __post_init__(self) -> None:
        """Check and clean the fingerprints. Raises BadConfig."""
        object.__setattr__(self, "peers", _pins(self.peers, "inner"))


@dataclass(frozen=True, slots=True, kw_only=True)
class TunnelConfig:
    """One tunnel of one participant. Checked when it is made; raises BadConfig."""

    tunnel_id: str
    """Unique among all tunnels of the home; the subentry's id serves."""
    participant_id: str
    kind: TunnelKind
    peers: tuple[str, ...]
    """Fingerprints of the outer peer: the gateway's HAN certificate; of `direct`, the EMT's.
    One; two while a roll-over is under way."""
    own: Identity = field(repr=False)
    """Our CLS key and certificate; its curve is the peer's."""
    next_own: Identity | None = field(default=None, repr=False)
    """Its successor, while the operator may know either: tried when the peer refuses `own`."""
    gateway: Endpoint | None = None
    """Whom we dial: the gateway's CLS port. Of `out_socks` and `out_sni`."""
    destination: Endpoint | None = None
    """The EMT as the gateway's profile names it, passed unresolved. Of `out_socks`;
    of `out_sni` its host is the server name and its port means nothing."""
    listen: Endpoint | None = None
    """One of our own addresses, and a port nobody else uses. Of `inbound` and `direct`."""
    inner: InnerTls | None = None
    message_key: str | None = field(default=None, repr=False)
    """PEM of a certificate or public key: with it, every write needs a SIGNATURE that fits."""
    forward: Endpoint | None = None
    """Instead of our API the stream ends at this one local TCP address. Off by default."""

    def __post_init__(self) -> None:
        """Check that all is there that its kind needs. Raises BadConfig."""
        object.__setattr__(self, "peers", _pins(self.peers, "peers"))
        if self.kind.dials:
            if self.gateway is None:
                raise BadConfig("gateway")
            if self.destination is None:
                raise BadConfig("destination")
        elif self.listen is None:
            raise BadConfig("listen")
        elif self.listen.host in _ANYWHERE:
            # All interfaces at once: the guest network, too.
            raise BadConfig("listen")

    @property
    def place(self) -> object:
        """Return what no two tunnels may have in common, or nobody could tell their EMTs apart (R2.4)."""
        if not self.kind.dials:
            return self.listen
        assert self.destination is not None
        by_name = self.kind is TunnelKind.OUT_SNI
        named = self.destination.host if by_name else self.destination
        return self.kind, self.gateway, named


_ANYWHERE = ("0.0.0.0", "::", "*")


class ChannelPhase(StrEnum):
    """Where a tunnel stands."""

    CONNECTING = "connecting"
    UP = "up"
    """The way to the EMT is open. Of `inbound` and `direct`: somebody is connected."""
    WAITING = "waiting"
    """Of those that dial: it failed or ended, and is tried again at `next_try`."""
    LISTENING = "listening"
    """Of the others: nobody is connected."""
    STOPPED = "stopped"
    """Not started, or nothing can be done without the owner: `reason` says what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelState:
    """How one tunnel stands. A new object with each change."""

    tunnel_id: str
    participant_id: str
    phase: ChannelPhase = ChannelPhase.STOPPED
    since: datetime
    """In this phase since."""
    reason: ChannelReason | None = None
    """Why it is not up, or why the last connection ended or was refused."""
    detail: str = ""
    """For the log; may name addresses, never keys or content."""
    last_contact: datetime | None = None
    """When the EMT was last heard: a request that we answered, or bytes of a forward."""
    next_try: datetime | None = None
    renew_at: datetime | None = None
    """When we hang up and connect anew, before the gateway has to (48 h)."""
    peer_fingerprint: str | None = None
    """Of the outer peer, of the last good handshake."""
    peer_expires: datetime | None = None
    inner_expires: datetime | None = None
    """End of the EMT's certificate of the inner TLS."""
    own_fingerprint: str | None = None
    """Of ours, of the last good handshake: once it is `next_own`'s, the old one can go."""
    own_expires: datetime | None = None

    @property
    def connected(self) -> bool:
        """Say whether the EMT can reach us."""
        return self.phase is ChannelPhase.UP

    def but(self, **changes: object) -> Self:
        """Return it with some facts changed."""
        return replace(self, **changes)  # type: ignore[arg-type]


def _pins(pins: tuple[str, ...], where: str) -> tuple[str, ...]:
    if not 1 <= len(pins) <= 2:
        raise BadConfig(where)
    return tuple(fingerprint(pin) for pin in pins)
