"""What a page needs to know: who asks, when, in which state the box is."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from simulator.account import Account
from simulator.clock import local_text
from simulator.faults import FaultSet
from simulator.meters import Meter, Register
from simulator.scenario import Contract, Scenario
from simulator.signer import Signer

from .logbook import Logbook
from .refusals import FORBIDDEN, NO_DATA, NO_VALUES, PARAMETER, RefusedError
from .session import Handle, Kind, Session, SessionBook


@dataclass(frozen=True, slots=True)
class Html:
    """A page's content (inside ``<div id='content'>``) and its headline."""

    content: str
    headline: str = ""


@dataclass(frozen=True, slots=True)
class Download:
    """A body that is no page: a signed export, or a plain phrase."""

    body: bytes
    filename: str = ""
    status: int = 200


@dataclass(frozen=True, slots=True)
class Look:
    """What stands on each page, in a session or not: footer and firmware.

    ``now`` is aware UTC; ``sync`` the last synchronisation as local text.
    """

    faults: FaultSet
    now: datetime
    sync: str
    gateway_id: str
    firmware: str


@dataclass(slots=True)
class View:
    """One request's view of the gateway."""

    look: Look
    scenario: Scenario
    session: Session
    sessions: SessionBook
    account: Account
    logbook: Logbook
    signer: Signer
    token: str

    @property
    def faults(self) -> FaultSet:
        """Return the faults that are on."""
        return self.look.faults

    @property
    def now(self) -> datetime:
        """Return the gateway's time, aware UTC."""
        return self.look.now

    @property
    def values_now(self) -> datetime:
        """Return the time up to which readings came in."""
        frozen = frozen_since(self.faults)
        return self.now if frozen is None else min(frozen, self.now)

    @property
    def meters(self) -> list[Meter]:
        """Return the meters this consumer sees."""
        if "no_meters" in self.faults:
            return []
        wanted = self.account.meters
        return [m for m in self.scenario.meters if not wanted or m.id in wanted]

    @property
    def contracts(self) -> list[Contract]:
        """Return the contracts of these meters."""
        if "no_contracts" in self.faults:
            return []
        return self.account.contracts_among(self.scenario.contracts, self.meters)

    def registers(self, meter: Meter) -> list[Register]:
        """Return the registers of a meter this consumer sees."""
        return self.account.registers(meter)

    def contract_end(self, contract: Contract) -> datetime | None:
        """Return when a contract ends (or ended)."""
        fault = self.faults.get("contract_expired")
        if fault is None:
            return contract.end
        return fault.since - timedelta(days=float(fault["days"]))

    def meter(self, form: dict[str, str], *, values: bool = False) -> Meter:
        """Return the meter a form's mid stands for.

        ``values``: a value query, which current firmware answers with "no
        data" if the mid comes from a select's list (observed on gateways).
        """
        handle = self._handle(form.get("mid", ""), "meter")
        if "forbidden" in self.faults:
            raise RefusedError(FORBIDDEN)
        if values and handle.listed and "mid_reuse" not in self.faults:
            raise RefusedError(NO_VALUES)
        for meter in self.meters:
            if meter.id == handle.key:
                return meter
        raise RefusedError(PARAMETER)

    def contract(self, form: dict[str, str]) -> Contract:
        """Return the contract a form's tid stands for."""
        handle = self._handle(form.get("tid", ""), "contract")
        for contract in self.contracts:
            if str(contract.number) == handle.key:
                return contract
        raise RefusedError(PARAMETER)

    def period(self, form: dict[str, str]) -> tuple[datetime, datetime]:
        """Return the tariff period a form's ttid stands for."""
        handle = self._handle(form.get("ttid", ""), "period")
        if handle.period is None:
            raise RefusedError(NO_DATA)
        return handle.period

    def _handle(self, value: str, kind: Kind) -> Handle:
        handle = self.session.handles.get(value)
        if handle is None and self.sessions.holds(value):
            raise RefusedError(FORBIDDEN)
        if handle is None or handle.kind != kind:
            raise RefusedError(PARAMETER)
        if handle.uses and "mid_reuse_refused" in self.faults:
            raise RefusedError(PARAMETER)
        handle.uses += 1
        return handle


def frozen_since(faults: FaultSet) -> datetime | None:
    """Return since when the values stand still, aware UTC."""
    if fault := faults.get("han_hang"):
        return fault.since - timedelta(hours=float(fault["age_hours"]))
    if fault := faults.get("contract_expired"):
        return fault.since - timedelta(days=float(fault["days"]))
    return None


def last_sync(faults: FaultSet, now: datetime, booted: datetime) -> str:
    """Return the footer's time of the last synchronisation, local."""
    hang = faults.get("han_hang")
    if hang is not None:
        now = min(now, hang.since - timedelta(hours=float(hang["age_hours"])))
    regular = now - timedelta(seconds=now.timestamp() % 600 + 120)
    return local_text(max(regular, booted) if hang is None else regular)
