"""Who is at the other end of a stream."""

from collections.abc import Callable
from dataclasses import dataclass, field

from ..control.command import Door, Origin
from .model import TunnelKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """One participant on one connection. Who it is, the tunnel says: nothing in a request can change it."""

    participant_id: str
    tunnel: TunnelKind
    outer: str | None = None
    """Fingerprint of the outer peer's certificate."""
    inner: str | None = None
    """The same of the inner TLS."""
    message_key: str | None = field(default=None, repr=False)
    heard: Callable[[], None] = lambda: None
    """Called with each request that is answered."""

    def origin(self, digest: str | None = None, signature: str | None = None) -> Origin:
        """Return what goes into the ledger."""
        return Origin(
            door=Door.CLS,
            outer=self.outer,
            inner=self.inner,
            digest=digest,
            signature=signature,
        )
