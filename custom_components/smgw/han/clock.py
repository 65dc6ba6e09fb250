"""How far a gateway's clock is off ours, as far as an answer can tell."""

from dataclasses import dataclass
from datetime import datetime, timedelta

# Gateways show whole seconds.
_RESOLUTION = timedelta(seconds=1)
_ZERO = timedelta(0)


@dataclass(frozen=True, slots=True)
class Exchange:
    """Our clock (UTC) when a request was sent and when its answer was there."""

    sent: datetime
    received: datetime

    def offset(self, shown: datetime | None) -> timedelta | None:
        """Return by how much a clock in the answer is ahead of ours, in whole seconds.

        It is the least that explains what was shown: when within the exchange the
        gateway looked at its clock nobody knows, and fractions are not shown.
        Negative where it is behind; None without a time.
        """
        if shown is None:
            return None
        least, most = shown - self.received, shown + _RESOLUTION - self.sent
        if least > _ZERO:
            return timedelta(seconds=int(least.total_seconds()))
        if most < _ZERO:
            return timedelta(seconds=int(most.total_seconds()))
        return _ZERO
