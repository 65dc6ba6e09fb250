"""What the owner has set up for the control side of one entry, in one piece."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from ..control.model import Direction, LimitGrant, Participant, PriceGrant, Role
from ..household import HouseConfig
from ..models import SmgwConfigEntry
from ..participants import ParticipantConfig, participants_of
from ..switches import SwitchConfig, switches_of

OWNER = "owner"
"""The id under which the owner's own hand stands in the ledger."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlSetup:
    """Participants, CLS switches, and the home."""

    participants: tuple[ParticipantConfig, ...]
    switches: tuple[SwitchConfig, ...]
    home: HouseConfig

    @classmethod
    def of(cls, entry: SmgwConfigEntry) -> Self:
        """Read it from an entry."""
        return cls(
            participants=tuple(participants_of(entry)),
            switches=tuple(switches_of(entry)),
            home=HouseConfig.of(entry.options),
        )

    @property
    def empty(self) -> bool:
        """Say whether there is nothing to control."""
        return not (self.participants or self.switches)

    def known(self, now: datetime) -> list[Participant]:
        """Return whom the authority has to know at a time (UTC): the owner as well."""
        owner = Participant(
            participant_id=OWNER,
            name="Owner",
            role=Role.OWNER,
            silence=None,
            most_open=1000,
        )
        return [p.participant(now, self.switches) for p in self.participants] + [owner]

    def next_change(self, now: datetime) -> datetime | None:
        """Return when somebody's validity begins or ends next (UTC)."""
        moments = (p.next_change(now) for p in self.participants)
        return min((moment for moment in moments if moment), default=None)

    def participant(self, participant_id: str) -> ParticipantConfig | None:
        """Return a participant."""
        found = (p for p in self.participants if p.participant_id == participant_id)
        return next(found, None)

    def switch(self, switch_id: str) -> SwitchConfig | None:
        """Return a CLS switch."""
        return next((s for s in self.switches if s.switch_id == switch_id), None)

    def granted(self, participant: ParticipantConfig) -> bool:
        """Say whether a participant may do anything at all."""
        named = (participant.participant_id in s.participants for s in self.switches)
        return bool(participant.grants) or any(named)

    def limits(self, direction: Direction) -> bool:
        """Say whether anybody may limit a direction."""
        return any(grant.direction is direction for grant in self._limits())

    def supervised(self, direction: Direction) -> bool:
        """Say whether somebody's silence limits a direction."""
        return any(
            grant.direction is direction and grant.failsafe is not None
            for grant in self._limits()
        )

    @property
    def prices(self) -> bool:
        """Say whether anybody may send prices."""
        return any(
            isinstance(grant, PriceGrant)
            for participant in self.participants
            for grant in participant.grants
        )

    def failsafe(self, participant_id: str) -> timedelta | None:
        """Return how long a participant may be silent until the home is free; None: it has no failsafe."""
        participant = self.participant(participant_id)
        spans = [
            grant.failsafe.minimum
            for grant in (participant.grants if participant else ())
            if isinstance(grant, LimitGrant) and grant.failsafe is not None
        ]
        return min(spans, default=None)

    def _limits(self) -> Iterator[LimitGrant]:
        for participant in self.participants:
            for grant in participant.grants:
                if isinstance(grant, LimitGrant):
                    yield grant
