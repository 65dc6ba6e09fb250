"""The consumer accounts of an entry: what each saw last, and what they see together.

An operator may give out one account per contract, direction or flat; each sees only
its own registers. One fails alone, and is read in its turn.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from .const import SUBENTRY_LOGIN
from .contract_notes import DerivedSeen
from .han.client_certificate import facts
from .han.errors import (
    ClientCertificateDropped,
    ClientKeyUnusable,
    ContractsEnded,
    NoMeterAssigned,
    NoTemporaryFile,
    SmgwError,
    SmgwLoginError,
)
from .han.history import Contract
from .han.live import Liveness
from .han.model import Account, ClientCertificate, Gateway, Meter, Snapshot
from .han.status import worst
from .models import SmgwConfigEntry, account_of
from .notes import LoginNotes, RegisterKey
from .schedule import is_due

# Failures of one account; any other is the gateway's.
OWN_FAILURES = (
    SmgwLoginError,
    NoMeterAssigned,
    ContractsEnded,
    ClientCertificateDropped,
    NoTemporaryFile,
)

# Two looks at a clock nearer to each other than this say nothing of how it runs.
_LOOK = timedelta(minutes=10)


class ContractSeen(NamedTuple):
    """A contract as accounts see it together."""

    contract: Contract
    derived: DerivedSeen | None
    works: bool
    """Whether an account that sees it works."""


class Orphans(NamedTuple):
    """What only accounts have seen that are removed."""

    registers: set[RegisterKey]
    contracts: set[str]
    """Logical names."""


@dataclass(slots=True, kw_only=True)
class Login:
    """One account and its last session."""

    subentry_id: str
    title: str
    credentials: Account
    notes: LoginNotes
    liveness: Liveness = field(default_factory=Liveness)
    snapshot: Snapshot | None = None
    error: SmgwError | None = None
    """What the last session failed with, if it was the account's own failure."""
    last_session: datetime | None = None
    wanted: bool = False
    """Whether the owner wants it to be read before its interval has passed."""
    valid_until: datetime | None = None
    """When its certificate ends; None if it has none."""

    @property
    def works(self) -> bool:
        """Say whether the last session was a good one."""
        return self.snapshot is not None and self.error is None

    @property
    def refused(self) -> bool:
        """Say whether it waits for a new secret."""
        return isinstance(self.error, SmgwLoginError)


class Logins:
    """All accounts of an entry, in the order they were added."""

    def __init__(self, entry: SmgwConfigEntry, notes: dict[str, LoginNotes]) -> None:
        """Take the accounts of an entry, and the notes of each, kept by its id."""
        self._by_id: dict[str, Login] = {}
        self._notes = notes
        # Our clock and the gateway's (UTC) when they were last compared.
        self._compared: tuple[datetime, datetime] | None = None
        self.clock_stands = False
        """Whether the gateway's clock showed the same time twice."""
        self.sync(entry)

    def __iter__(self) -> Iterator[Login]:
        """Iterate over the accounts."""
        return iter(self._by_id.values())

    def __len__(self) -> int:
        """Count the accounts."""
        return len(self._by_id)

    def sync(self, entry: SmgwConfigEntry) -> None:
        """Take over what changed in the entry.

        A new secret makes an account new; a new title does not.
        """
        old, self._by_id = self._by_id, {}
        for subentry in entry.get_subentries_of_type(SUBENTRY_LOGIN):
            credentials = account_of(subentry.data)
            login = old.get(subentry.subentry_id)
            if login is None or login.credentials != credentials:
                notes = self._notes.setdefault(subentry.subentry_id, LoginNotes())
                if login is not None:
                    notes.forget_rhythm()
                login = Login(
                    subentry_id=subentry.subentry_id,
                    title=subentry.title,
                    credentials=credentials,
                    valid_until=_valid_until(credentials),
                    notes=notes,
                )
            login.title = subentry.title
            self._by_id[login.subentry_id] = login

    def get(self, login_id: str) -> Login | None:
        """Return the account of a subentry."""
        return self._by_id.get(login_id)

    @property
    def some_work(self) -> bool:
        """Say whether an account works."""
        return any(login.works for login in self)

    @property
    def live(self) -> bool:
        """Say whether an account sees values of this moment."""
        return any(login.works and login.liveness.live for login in self)

    @property
    def registers(self) -> set[RegisterKey]:
        """Return all that was ever delivered, in an earlier run as well."""
        return set().union(*(login.notes.registers for login in self))

    @property
    def gateway(self) -> Gateway | None:
        """Return what the gateway said of itself in the last good session."""
        last = max(self._working(), key=_last_session, default=None)
        return last.snapshot.gateway if last and last.snapshot else None

    def renew(self, login_id: str) -> None:
        """Make an account that failed a new one."""
        login = self._by_id.get(login_id)
        if login is not None and login.error is not None:
            login.snapshot = login.error = login.last_session = None

    @property
    def error(self) -> SmgwError | None:
        """Return why nothing can be read: a refusal first, it needs the owner.

        None while an account works or has yet to be read.
        """
        errors = [login.error for login in self if login.error]
        if len(errors) < len(self):
            return None
        refusals = [error for error in errors if isinstance(error, SmgwLoginError)]
        return next(reversed(refusals or errors), None)

    @property
    def nothing_known(self) -> bool:
        """Say whether there are accounts, and none has been read yet."""
        return bool(self._by_id) and all(
            login.last_session is None and login.error is None for login in self
        )

    def orphans(self) -> Orphans:
        """Return, once, what only removed accounts have delivered."""
        gone = [
            self._notes.pop(login_id)
            for login_id in self._notes.keys() - self._by_id.keys()
        ]
        registers = set().union(*(notes.registers for notes in gone))
        contracts = set().union(*(notes.contracts.contracts for notes in gone))
        return Orphans(
            registers=registers - self.registers,
            contracts=contracts - self.contracts.keys(),
        )

    @property
    def contracts(self) -> dict[str, ContractSeen]:
        """Return the contracts of all accounts, by logical name, as last read."""
        found: dict[str, ContractSeen] = {}
        for login in sorted(self, key=_contracts_read):
            notes = login.notes.contracts
            for name, contract in notes.contracts.items():
                known = found.get(name)
                derived = notes.derived.get(name)
                if known and known.derived:
                    derived = max(
                        (known.derived, derived or known.derived),
                        key=lambda seen: seen.at,
                    )
                works = login.works or (known is not None and known.works)
                found[name] = ContractSeen(contract, derived, works)
        return found

    def forget_meter(self, meter_id: str) -> None:
        """Forget that a meter was ever seen; should it return, it is a new one."""
        for login in self:
            registers = login.notes.registers
            registers -= {key for key in registers if key[0] == meter_id}

    @property
    def readable(self) -> int:
        """Return how many accounts share the slots."""
        return sum(not login.refused for login in self)

    @property
    def unread(self) -> Login | None:
        """Return an account of which nothing is known yet."""
        return next((login for login in self._waiting if not login.last_session), None)

    def due(self, now: datetime, interval: timedelta) -> Login | None:
        """Return whose turn it is: the one that has waited longest, and long enough.

        The slots of an only account are its own.
        """
        waiting = self._waiting
        if len(self) == 1 and waiting:
            return waiting[0]
        return next(
            (
                login
                for login in waiting
                if login.wanted or is_due(now, login.last_session, interval)
            ),
            None,
        )

    def want_all(self) -> None:
        """Have each account read in the next slots."""
        for login in self:
            login.wanted = True

    @property
    def _waiting(self) -> list[Login]:
        """Return the accounts that can be read, the longest unread first."""
        return sorted((login for login in self if not login.refused), key=_last_session)

    def saw(self, login: Login, snapshot: Snapshot, at: datetime) -> None:
        """Note a good session, opened at a time (UTC)."""
        login.last_session = at
        login.snapshot = snapshot
        login.error = None
        login.notes.saw(snapshot, at)
        login.liveness.saw(snapshot, at)
        self._compare(snapshot.gateway.clock, at)

    def _compare(self, shown: datetime | None, now: datetime) -> None:
        """Find out whether the gateway's clock runs."""
        if shown is None:
            self._compared, self.clock_stands = None, False
            return
        if self._compared:
            then, showed = self._compared
            if now - then < _LOOK:
                return
            self.clock_stands = abs(shown - showed) < (now - then) / 10
        self._compared = (now, shown)

    @property
    def delivered(self) -> set[RegisterKey]:
        """Return what accounts that work have delivered."""
        return set().union(*(login.notes.registers for login in self._working()))

    def _working(self) -> list[Login]:
        return [login for login in self if login.works]

    def merged(self, gateway_id: str) -> Snapshot:
        """Return what the accounts that work see together, newest reading first."""
        working = sorted(self._working(), key=_last_session)
        snapshots = [login.snapshot for login in working if login.snapshot]
        gateway = (
            snapshots[-1].gateway
            if snapshots
            else Gateway(
                gateway_id=gateway_id, firmware=None, clock=None, last_sync=None
            )
        )
        meters: dict[str, Meter] = {}
        for snapshot in snapshots:
            for meter in snapshot.meters.values():
                known = meters.get(meter.meter_id)
                meters[meter.meter_id] = _merge(known, meter) if known else meter
        return Snapshot.of(
            gateway,
            list(meters.values()),
            [skipped for snapshot in snapshots for skipped in snapshot.skipped],
            sum(snapshot.requests for snapshot in snapshots),
        )


def _last_session(login: Login) -> tuple[bool, datetime | None]:
    return login.last_session is not None, login.last_session


def _contracts_read(login: Login) -> float:
    read_at = login.notes.contracts.read_at
    return read_at.timestamp() if read_at else 0.0


def _valid_until(account: Account) -> datetime | None:
    if isinstance(account, ClientCertificate):
        with suppress(ClientKeyUnusable):
            return facts(account).not_after
    return None


def _merge(one: Meter, other: Meter) -> Meter:
    """Return a meter with the newest reading of each register of both."""
    readings = dict(one.readings)
    for obis, reading in other.readings.items():
        known = readings.get(obis)
        if known is None or reading.capture_time >= known.capture_time:
            readings[obis] = reading
    quality = worst((one.quality, other.quality))
    return replace(other, readings=readings, quality=quality)
