"""The consumer accounts of an entry: what each saw last, and what they see together.

An operator may give out one account per contract, direction or flat; each sees only
its own registers. One fails alone, and is read in its turn.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from homeassistant.const import CONF_PASSWORD, CONF_USERNAME

from .const import SUBENTRY_LOGIN
from .han.errors import (
    ClientCertificateDropped,
    NoMeterAssigned,
    NoTemporaryFile,
    SmgwError,
    SmgwLoginError,
)
from .han.model import Credentials, Gateway, Meter, Snapshot
from .models import SmgwConfigEntry
from .schedule import TOLERANCE

# Failures of one account; any other is the gateway's.
OWN_FAILURES = (
    SmgwLoginError,
    NoMeterAssigned,
    ClientCertificateDropped,
    NoTemporaryFile,
)


@dataclass(slots=True, kw_only=True)
class Login:
    """One account and its last session."""

    subentry_id: str
    title: str
    credentials: Credentials
    snapshot: Snapshot | None = None
    error: SmgwError | None = None
    """What the last session failed with, if it was the account's own failure."""
    last_session: datetime | None = None

    @property
    def works(self) -> bool:
        """Say whether the last session was a good one."""
        return self.snapshot is not None and self.error is None

    @property
    def refused(self) -> bool:
        """Say whether it waits for a new password."""
        return isinstance(self.error, SmgwLoginError)


class Logins:
    """All accounts of an entry, in the order they were added."""

    def __init__(self, entry: SmgwConfigEntry) -> None:
        """Take the accounts of an entry."""
        self._by_id: dict[str, Login] = {}
        # (meter id, OBIS code) to the accounts that have delivered it.
        self._seen_by: dict[tuple[str, str], set[str]] = {}
        self.sync(entry)

    def __iter__(self) -> Iterator[Login]:
        """Iterate over the accounts."""
        return iter(self._by_id.values())

    def __len__(self) -> int:
        """Count the accounts."""
        return len(self._by_id)

    def sync(self, entry: SmgwConfigEntry) -> bool:
        """Take over what changed in the entry; say whether an account is to be read now.

        A new password makes an account new; a new title does not.
        """
        old, self._by_id = self._by_id, {}
        fresh = False
        for subentry in entry.get_subentries_of_type(SUBENTRY_LOGIN):
            credentials = Credentials(
                user=subentry.data[CONF_USERNAME], password=subentry.data[CONF_PASSWORD]
            )
            login = old.get(subentry.subentry_id)
            if login is None or login.credentials != credentials:
                fresh = True
                login = Login(
                    subentry_id=subentry.subentry_id,
                    title=subentry.title,
                    credentials=credentials,
                )
            login.title = subentry.title
            self._by_id[login.subentry_id] = login
        return fresh

    @property
    def registers(self) -> set[tuple[str, str]]:
        """Return (meter id, OBIS code) of all that was ever delivered."""
        return set(self._seen_by)

    def renew(self, login_id: str) -> bool:
        """Make an account that failed a new one; say whether it had failed."""
        login = self._by_id.get(login_id)
        if login is None or login.error is None:
            return False
        login.snapshot = login.error = login.last_session = None
        return True

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

    def orphans(self) -> set[tuple[str, str]]:
        """Return, once, the registers that only removed accounts have delivered."""
        for seen_by in self._seen_by.values():
            seen_by.intersection_update(self._by_id)
        orphans = {key for key, seen_by in self._seen_by.items() if not seen_by}
        for key in orphans:
            del self._seen_by[key]
        return orphans

    def turn(self, now: datetime, interval: timedelta, most: int) -> list[Login]:
        """Return whom to read now.

        Accounts never read come first, `most` of them. Then one has its turn: the only
        one, whose slots are its own, or the one that has waited longest, if its
        interval has passed.
        """
        waiting = [login for login in self if not login.refused]
        if fresh := [login for login in waiting if login.last_session is None]:
            return fresh[:most]
        if len(self) == 1:
            return waiting
        due = [
            (login.last_session, index, login)
            for index, login in enumerate(waiting)
            if login.last_session and now - login.last_session >= interval - TOLERANCE
        ]
        return [min(due)[2]] if due else []

    def saw(self, login: Login, snapshot: Snapshot) -> None:
        """Note a good session."""
        login.snapshot = snapshot
        login.error = None
        for meter in snapshot.meters.values():
            for obis in meter.readings:
                seen_by = self._seen_by.setdefault((meter.meter_id, obis), set())
                seen_by.add(login.subentry_id)

    def deliver(self, meter_id: str, obis: str) -> bool:
        """Say whether an account that works is one that has delivered a register."""
        seen_by = self._seen_by.get((meter_id, obis), set())
        return any(self._by_id[i].works for i in seen_by & self._by_id.keys())

    def merged(self, gateway_id: str) -> Snapshot:
        """Return what the accounts that work see together, newest reading first."""
        working = sorted(
            (login for login in self if login.works),
            key=lambda login: (login.last_session is not None, login.last_session),
        )
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


def _merge(one: Meter, other: Meter) -> Meter:
    """Return a meter with the newest reading of each register of both."""
    readings = dict(one.readings)
    for obis, reading in other.readings.items():
        known = readings.get(obis)
        if known is None or reading.capture_time >= known.capture_time:
            readings[obis] = reading
    return replace(other, readings=readings)
