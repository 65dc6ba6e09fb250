"""How often a gateway and its logins are read: what the owner's options mean for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

from .budget import Allowance
from .const import CONF_INTERVAL, CONF_SESSIONS, DEFAULT_INTERVAL
from .han.driver import Vendor
from .schedule import HOUR, QUARTER, delay, is_whole, next_reading, next_slot, tolerance


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """The pace of one gateway."""

    floor: timedelta
    """How often reading an account brings something new."""
    interval: timedelta
    """Between two readings of an account, as far as its turn comes."""
    allowance: Allowance
    """What the gateway bears."""

    @classmethod
    def of(cls, vendor: Vendor, options: Mapping[str, Any], *, live: bool) -> Self:
        """Take the maker's rules, the owner's wishes, and whether values are live now."""
        floor = (vendor.live_floor if live else None) or vendor.floor
        minutes = options.get(CONF_INTERVAL)
        wish = timedelta(minutes=minutes) if minutes else DEFAULT_INTERVAL
        spacing, most = floor, vendor.per_hour
        if most is not None:
            most = int(options.get(CONF_SESSIONS) or most)
            # Rounded up: so many of them are no less than an hour.
            spacing = -(-HOUR // most)
        return cls(
            floor=floor,
            interval=max(wish, floor),
            allowance=Allowance(floor=spacing, per_hour=most),
        )

    def next_slot(
        self, now: datetime, gateway_id: str, accounts: int | None = None
    ) -> datetime:
        """Return when to read next (UTC); `now` is local time.

        An only account has slots after its interval; several share the gateway's, as
        does whoever has to wait (None).
        """
        spacing = self.allowance.floor
        if accounts is None or accounts > 1 or self.interval < spacing:
            return next_slot(now, spacing, delay(gateway_id, spacing))
        return next_reading(now, self.interval, delay(gateway_id, self.interval))

    def each(self, accounts: int) -> timedelta:
        """Return how often each of so many accounts is read."""
        spacing = self.allowance.floor
        if accounts > 1:
            due = self.interval - tolerance(self.interval)
            return max(accounts, -(-due // spacing)) * spacing
        if self.interval < spacing:
            return spacing
        step = self.interval if is_whole(self.interval) else QUARTER
        return -(-self.interval // step) * step
