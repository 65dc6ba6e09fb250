"""What was found of a gateway's signatures; part of its memory."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

from .const import LOGGER
from .export.cms import Verdict
from .han.history import Span
from .stored import as_json, of_json


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """A signed export that was broken; nothing of it was used."""

    at: datetime
    """When it came (UTC)."""
    span: Span
    """What it was to hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherSigner:
    """Somebody has signed whose key is not the one first seen."""

    at: datetime
    """When that was seen first (UTC)."""
    key: str
    """SHA-256 of the public key, hex."""
    subject: str
    """Whom the certificate names."""


@dataclass(slots=True, kw_only=True)
class SealNotes:
    """Notes of one gateway's signatures; they outlive a restart."""

    verdict: Verdict | None = None
    """What was said of the last export; None where none was signed."""
    at: datetime | None = None
    """When (UTC)."""
    other: OtherSigner | None = None
    """Who signs now, unless that is known."""
    broken: dict[str, Broken] = field(default_factory=dict)
    """By meter id, empty for the consumer log; what came well since is not in it."""

    def judged(self, verdict: Verdict, at: datetime) -> None:
        """Note what was said of an export at a time (UTC)."""
        self.verdict, self.at = verdict, at

    def signed_by(self, key: str, subject: str, at: datetime) -> None:
        """Note a signer that is not known."""
        if self.other is None or self.other.key != key:
            self.other = OtherSigner(at=at, key=key, subject=subject)

    def was_broken(self, what: str, span: Span, at: datetime) -> None:
        """Note a broken export of a meter, or of the log (empty)."""
        self.broken[what] = Broken(at=at, span=span)
        self.judged(Verdict.BROKEN, at)

    def was_read(self, what: str, span: Span) -> None:
        """Note that a span came well: what was broken in it is so no more."""
        known = self.broken.get(what)
        if known and span.start < known.span.end <= span.end:
            del self.broken[what]

    def as_dict(self) -> dict[str, Any]:
        """Return what is stored."""
        return {
            "verdict": self.verdict,
            "at": self.at and self.at.isoformat(),
            "other": self.other and as_json(self.other),
            "broken": {what: as_json(one) for what, one in self.broken.items()},
        }

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Self:
        """Read what was stored; what another version wrote is found anew."""
        try:
            verdict, at, other = (stored.get(key) for key in ("verdict", "at", "other"))
            return cls(
                verdict=Verdict(verdict) if verdict else None,
                at=of_json(datetime, at) if at else None,
                other=of_json(OtherSigner, other) if other else None,
                broken={
                    what: of_json(Broken, one)
                    for what, one in (stored.get("broken") or {}).items()
                },
            )
        except (ValueError, TypeError, KeyError, AttributeError) as err:
            LOGGER.debug("What was noted of signatures cannot be used: %r", err)
            return cls()
