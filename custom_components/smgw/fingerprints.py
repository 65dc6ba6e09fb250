"""What people paste to say which certificate is the right one: fingerprints, or certificates."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
import re
import ssl
from typing import ClassVar

from .cls.certificates import Facts
from .cls.reasons import ChannelReason

_PEM = re.compile(
    r"-----BEGIN CERTIFICATE-----[\sA-Za-z0-9+/=]*-----END CERTIFICATE-----"
)
_LABEL = re.compile(r"sha-?\s?256|fingerprint|fingerabdruck", re.IGNORECASE)
_BETWEEN = re.compile(r"[\s:=.,;()-]+")
_HEX = re.compile(r"[0-9a-f]+")
_DIGITS = 64
_SHA1_DIGITS = 40
_MOST = 2


class BadPeers(ValueError):
    """What was pasted names no certificate; its children say why."""

    key: ClassVar[str]


class NotAFingerprint(BadPeers):
    """Neither SHA-256 fingerprints nor certificates."""

    key = "not_a_fingerprint"


class OldFingerprint(BadPeers):
    """A fingerprint of SHA-1, which proves nothing any more."""

    key = "old_fingerprint"


class TooManyPeers(BadPeers):
    """More than one that is in use and one to come."""

    key = "too_many_peers"


class PeerNotValid(BadPeers):
    """A certificate that has expired, or is not valid yet."""

    key = "peer_not_valid"


class WrongPeerCurve(BadPeers):
    """A certificate whose key is on no curve of the HAN, or two on different ones."""

    key = "wrong_peer_curve"


@dataclass(frozen=True, slots=True, kw_only=True)
class Peers:
    """The certificates that are trusted."""

    pins: tuple[str, ...]
    """Fingerprints: 64 small hex digits each."""
    curve: str | None = None
    """Of their keys, where a certificate was pasted."""
    ends: Mapping[str, datetime] = field(default_factory=dict)
    """When those end of which a certificate was pasted, by fingerprint (UTC)."""


def read_peers(text: str, now: datetime) -> Peers:
    """Understand one or two fingerprints (SHA-256, hex, with or without what is between) or PEM.

    `now` is UTC. Raises BadPeers.
    """
    told = [_facts(pem, now) for pem in _PEM.findall(text)]
    curves = {facts.curve for facts in told}
    if None in curves or len(curves) > 1:
        raise WrongPeerCurve
    pins = [facts.fingerprint for facts in told] + _typed(_PEM.sub(" ", text))
    pins = list(dict.fromkeys(pins))
    if not pins:
        raise NotAFingerprint
    if len(pins) > _MOST:
        raise TooManyPeers
    return Peers(
        pins=tuple(pins),
        curve=next(iter(curves), None),
        ends={facts.fingerprint: facts.not_after for facts in told},
    )


def shown(pin: str) -> str:
    """Return a fingerprint as people compare it, `AB:CD:…`."""
    return bytes.fromhex(pin).hex(":").upper()


def _typed(text: str) -> list[str]:
    plain = _BETWEEN.sub("", _LABEL.sub(" ", text)).lower()
    if not plain:
        return []
    if len(plain) == _SHA1_DIGITS and _HEX.fullmatch(plain):
        raise OldFingerprint
    if not _HEX.fullmatch(plain) or len(plain) % _DIGITS:
        raise NotAFingerprint
    return [plain[at : at + _DIGITS] for at in range(0, len(plain), _DIGITS)]


def _facts(pem: str, now: datetime) -> Facts:
    try:
        facts = Facts.of(ssl.PEM_cert_to_DER_cert(pem))
    except ValueError:
        raise NotAFingerprint from None
    if facts.invalid_at(now) in (
        ChannelReason.PEER_EXPIRED,
        ChannelReason.PEER_NOT_YET_VALID,
    ):
        raise PeerNotValid
    return facts
