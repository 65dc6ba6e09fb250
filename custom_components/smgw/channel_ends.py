"""When the certificates of a participant's channel end: what its tunnel has seen, else what was set up."""

from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache

from .cls.identity import Identity
from .cls.model import ChannelState
from .participants import ParticipantConfig


def channel_ends(
    participant: ParticipantConfig, state: ChannelState | None
) -> Iterator[datetime]:
    """Return the ends that are known (UTC): of ours, of the gateway's, of the inner TLS.

    Of several that are trusted, the last one counts. A tunnel that has not been up yet
    tells nothing; what the owner made, pasted, or was shown is known before.
    """
    channel = participant.channel
    own = channel.identities[0].certificate if channel.identities else None
    for seen, known in (
        (state and state.own_expires, own and _own_end(own)),
        (state and state.peer_expires, _last(participant, channel.peers)),
        (state and state.inner_expires, _last(participant, channel.inner)),
    ):
        if end := seen or known:
            yield end


def _last(participant: ParticipantConfig, pins: tuple[str, ...]) -> datetime | None:
    """Return when the last of these certificates ends; None: of one that is not known."""
    ends = [participant.ends.get(pin) for pin in pins]
    known = [end for end in ends if end is not None]
    return max(known) if known and len(known) == len(ends) else None


@lru_cache(maxsize=64)
def _own_end(certificate: str) -> datetime | None:
    try:
        return Identity(certificate=certificate, key="").facts.not_after
    except ValueError:
        return None
