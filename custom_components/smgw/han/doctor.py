"""The connection doctor: the way to a gateway's values, one named step after the other.

The way (TCP, TLS, certificate, HTTP) is walked live and needs no account. What a
session found (login, meters, freshness) is judged from its outcome, whoever opened it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface
import time
from types import MappingProxyType
from typing import Any

from . import errors, probe
from .certificate import GatewayCertificate, read_certificate
from .driver import Driver
from .errors import CertificateChanged, NotAGateway, SmgwError
from .model import Snapshot
from .tls import fetch_certificate
from .transport import Transport

type Interface = IPv4Interface | IPv6Interface
"""An own address with its subnet."""


class Step(StrEnum):
    """The steps, in their order."""

    TCP = "tcp"
    TLS = "tls"
    CERTIFICATE = "certificate"
    HTTP = "http"
    LOGIN = "login"
    METERS = "meters"
    FRESHNESS = "freshness"


WAY = (Step.TCP, Step.TLS, Step.CERTIFICATE, Step.HTTP)
SESSION = (Step.LOGIN, Step.METERS, Step.FRESHNESS)


class Outcome(StrEnum):
    """How a step ended."""

    OK = "ok"
    FAILED = "failed"
    SKIPPED = "skipped"


class Subnet(StrEnum):
    """Whether we have an address in the gateway's subnet, as far as our own masks tell."""

    SAME = "same"
    OTHER = "other"
    UNKNOWN = "unknown"


# Causes beside the keys of `SmgwError`.
OTHER_GATEWAY = "other_gateway"
BUSY = "gateway_busy"
NO_READINGS = "no_readings"
STALE = "readings_stale"
CLOCK_WRONG = "clock_wrong"

# Before any of these the gateway has accepted a login.
_BEHIND_THE_LOGIN = frozenset(
    kind.key
    for kind in (
        errors.ContractsEnded,
        errors.NoData,
        errors.NoMeterAssigned,
        errors.OldInterface,
        errors.PageTooLarge,
        errors.PageUnreadable,
        errors.RangeTooLarge,
        errors.SessionExpired,
        errors.WrongGateway,
    )
)
# These say nothing about an account, and the way is walked anew each time.
_ON_THE_WAY = frozenset(
    kind.key
    for kind in (
        errors.CertificateChanged,
        errors.ConnectionRefused,
        errors.HostNotFound,
        errors.InterfaceMissing,
        errors.RenegotiationRefused,
        errors.TlsFailed,
        errors.Unreachable,
    )
)
CLOCK_OFF = timedelta(minutes=5)
"""A gateway's clock may be 3 % of a quarter hour off (PTB-A 50.8); ours a little as well."""

_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Why a step failed: the key of a text and its variables, never a secret.

    A variable may tell whose home it is; `detail` does not.
    """

    key: str
    placeholders: Mapping[str, str | datetime] = field(default_factory=dict)
    detail: str = ""
    """Technical, for a bug report."""

    @classmethod
    def of(cls, error: SmgwError) -> Cause:
        """Return the cause that an error is."""
        return cls(key=error.key, placeholders=error.placeholders, detail=error.detail)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What came of one step."""

    step: Step
    outcome: Outcome
    seconds: float | None = None
    """How long it took; None if it was not taken now, or as part of the one before."""
    cause: Cause | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What was learned, as JSON knows it; nothing that tells whose home it is."""


class _Stopped(Exception):
    """A step that ends in a cause of the doctor's own."""

    def __init__(self, cause: Cause) -> None:
        super().__init__(cause.key)
        self.cause = cause


class Doctor:
    """Walks the way to one gateway. Takes its turns in the gateway's queue."""

    def __init__(
        self,
        transport: Transport,
        pinned: GatewayCertificate,
        driver: Driver,
        own: Collection[Interface] = (),
        *,
        patience: float | None = None,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the way to the gateway and what is expected at its end.

        `driver` reads over this transport. `own`: the addresses of this host.
        `patience`: seconds a step may take, waiting for the queue included; None waits
        for as long as it takes. `timer`: a clock in seconds.
        """
        self._transport = transport
        self._pinned = pinned
        self._driver = driver
        self._own = own
        self._patience = patience
        self._timer = timer
        self._targets: Collection[IPv4Address | IPv6Address] = ()
        self._shown = b""

    async def walk(self) -> list[Finding]:
        """Return the findings of `WAY`; what follows the first failure is skipped."""
        steps: dict[Step, Callable[[], Awaitable[None]]] = {
            Step.TCP: self._tcp,
            Step.TLS: self._tls,
            Step.CERTIFICATE: self._certificate,
            Step.HTTP: self._driver.check,
        }
        findings: list[Finding] = []
        for step, examine in steps.items():
            if failure(findings):
                findings.append(Finding(step=step, outcome=Outcome.SKIPPED))
            else:
                findings.append(await self._take(step, examine))
        where = {"subnet": subnet(self._targets, self._own)}
        return [replace(findings[0], facts=where), *findings[1:]]

    async def _take(
        self, step: Step, examine: Callable[[], Awaitable[None]]
    ) -> Finding:
        started = self._timer()
        cause = None
        try:
            async with asyncio.timeout(self._patience):
                await examine()
        except SmgwError as err:
            cause = Cause.of(err)
        except _Stopped as err:
            cause = err.cause
        except TimeoutError:
            # The limits of a connection are shorter: it was the queue.
            cause = Cause(key=BUSY)
        return Finding(
            step=step,
            outcome=Outcome.FAILED if cause else Outcome.OK,
            seconds=round(self._timer() - started, 3),
            cause=cause,
        )

    async def _tcp(self) -> None:
        limit = self._transport.timeouts.connect
        self._targets = await probe.resolve(self._transport.address, limit)
        # In the queue, all of it: to some gateways a second connection is one too many.
        async with self._transport.queue:
            await probe.reach(self._transport.address, limit)

    async def _tls(self) -> None:
        async with self._transport.queue:
            self._shown = await fetch_certificate(
                self._transport.address, self._transport.timeouts.connect
            )

    async def _certificate(self) -> None:
        """Compare the certificate; nothing has been said to its owner yet."""
        if self._shown == self._pinned.der:
            return
        try:
            shown = read_certificate(self._shown)
        except NotAGateway:
            if _is_anonymous(self._pinned):
                # Neither names its owner: it may well be the gateway's new one.
                raise CertificateChanged("other certificate") from None
            raise
        if shown.gateway_id != self._pinned.gateway_id:
            raise _Stopped(
                Cause(key=OTHER_GATEWAY, placeholders={"found": shown.gateway_id})
            )
        raise CertificateChanged("other certificate")


def failure(findings: Iterable[Finding]) -> Finding | None:
    """Return the first finding that is a failure."""
    return next((f for f in findings if f.outcome is Outcome.FAILED), None)


def subnet(
    targets: Collection[IPv4Address | IPv6Address], own: Collection[Interface]
) -> Subnet:
    """Say whether one of our own addresses is in the subnet of one of these."""
    if not targets or not own:
        return Subnet.UNKNOWN
    same = any(target in interface.network for target in targets for interface in own)
    return Subnet.SAME if same else Subnet.OTHER


def judge(
    at: datetime | None,
    snapshot: Snapshot | None,
    cause: Cause | None,
    patience: timedelta,
) -> list[Finding]:
    """Return the findings of `SESSION` for a session that ended in one of the two.

    `at`: when it was opened (UTC), if there was one. `patience`: how old the newest
    reading may be. A failure before the login says nothing: all is skipped.
    """
    if cause is None and snapshot is not None and at is not None:
        return _seen(snapshot, at, patience)
    if cause is None or cause.key in _ON_THE_WAY:
        return [Finding(step=step, outcome=Outcome.SKIPPED) for step in SESSION]
    if cause.key not in _BEHIND_THE_LOGIN:
        return _session(login=cause)
    return _session(meters=cause)


def _session(
    login: Cause | None = None,
    meters: Cause | None = None,
    freshness: Cause | None = None,
    facts: Mapping[Step, Mapping[str, Any]] = MappingProxyType({}),
) -> list[Finding]:
    """Return the findings of a session; what follows the first failure is skipped."""
    findings: list[Finding] = []
    for step, cause in zip(SESSION, (login, meters, freshness), strict=True):
        skipped = failure(findings) is not None
        findings.append(
            Finding(
                step=step,
                outcome=Outcome.SKIPPED
                if skipped
                else Outcome.FAILED
                if cause
                else Outcome.OK,
                cause=None if skipped else cause,
                facts={} if skipped else facts.get(step, {}),
            )
        )
    return findings


def _seen(snapshot: Snapshot, at: datetime, patience: timedelta) -> list[Finding]:
    """Return what a good session says about meters and freshness."""
    registers = sum(len(meter.readings) for meter in snapshot.meters.values())
    counted = {
        "meters": len(snapshot.meters),
        "registers": registers,
        "skipped": len(snapshot.skipped),
    }
    meters = None
    if snapshot.contracts_ended:
        meters = Cause(key=errors.ContractsEnded.key)
    elif not registers:
        meters = Cause(key=NO_READINGS)
    newest = snapshot.last_capture
    if newest is None:
        return _session(meters=meters, facts={Step.METERS: counted})
    offset = snapshot.gateway.clock_offset
    freshness = None
    if offset is not None and abs(offset) > CLOCK_OFF:
        minutes = str(abs(offset) // _MINUTE)
        freshness = Cause(key=CLOCK_WRONG, placeholders={"minutes": minutes})
    elif at - newest > patience:
        freshness = Cause(key=STALE, placeholders={"newest": newest})
    age = {
        "newest": newest.isoformat(),
        "age_minutes": (at - newest) // _MINUTE,
        "clock_offset_seconds": None
        if offset is None
        else round(offset.total_seconds()),
    }
    return _session(
        meters=meters,
        freshness=freshness,
        facts={Step.METERS: counted, Step.FRESHNESS: age},
    )


def _is_anonymous(certificate: GatewayCertificate) -> bool:
    """Say whether a certificate does not name the gateway it belongs to."""
    try:
        read_certificate(certificate.der)
    except NotAGateway:
        return True
    return False
