"""Status words of readings, and what they mean for using a value.

The combined word after FNN is 16 hex digits, eight of the gateway and eight of the
meter, each sent with its least significant bit first. Bits and the mapping to the
PTB classes follow the official transparency software.
"""

from collections.abc import Iterable
from enum import IntEnum, StrEnum
import re

_WORD = re.compile(r"[0-9a-fA-F]{8}")


class Quality(IntEnum):
    """How far a value may be used (PTB-A 50.8)."""

    GOOD = 0
    WARNING = 1
    SUBSTITUTE = 2
    """Temporary error: marked invalid, may stand in for a value."""
    UNUSABLE = 3
    FATAL = 4

    @property
    def usable(self) -> bool:
        """Say whether a value with it may be shown as a reading."""
        return self < Quality.SUBSTITUTE


class GatewayState(StrEnum):
    """How a gateway says it is, the worst first where several hold."""

    FATAL_ERROR = "fatal_error"
    CLOCK_INVALID = "clock_invalid"
    TEMPORARY_ERROR = "temporary_error"
    WARNING = "warning"
    OK = "ok"


# Gateway word, after the bits are put in order.
_IDENTIFIED = 0x5
_GATEWAY_FATAL = 0x100
_CLOCK_INVALID = 0x200
_WARNING = 0x1000
_SIGNED_INVALID = 0x2000
_VALUE_INVALID = 0x4000
# Meter word.
_METER_IDENTIFIED = 0x4
_MAGNET = 0x200
_MANIPULATED = 0x400
_METER_FATAL = 0x20000


_STATES = {
    _GATEWAY_FATAL: GatewayState.FATAL_ERROR,
    _CLOCK_INVALID: GatewayState.CLOCK_INVALID,
    _SIGNED_INVALID | _VALUE_INVALID: GatewayState.TEMPORARY_ERROR,
    _WARNING: GatewayState.WARNING,
}


def gateway_state(word: str) -> GatewayState | None:
    """Return what a gateway's own status word says; None if it is no such word."""
    bits, _ = _halves(word)
    if bits is None:
        return None
    return next(
        (state for mask, state in _STATES.items() if bits & mask), GatewayState.OK
    )


def worst(found: Iterable[Quality | None]) -> Quality | None:
    """Return the worst of several qualities; None if none is known."""
    return max((one for one in found if one is not None), default=None)


def quality(*words: str) -> Quality | None:
    """Return the worst quality that status words say; None if none is such a word.

    A half without its identification bits is the maker's own and says nothing here.
    """
    return worst(_quality(word) for word in words)


def _quality(word: str) -> Quality | None:
    gateway, meter = _halves(word)
    if gateway is None and meter is None:
        return None
    gateway, meter = gateway or 0, meter or 0
    if gateway & _GATEWAY_FATAL or meter & _METER_FATAL:
        return Quality.FATAL
    if gateway & (_CLOCK_INVALID | _VALUE_INVALID) or meter & (_MAGNET | _MANIPULATED):
        return Quality.UNUSABLE
    if gateway & _SIGNED_INVALID:
        return Quality.SUBSTITUTE
    if gateway & _WARNING:
        return Quality.WARNING
    return Quality.GOOD


def _halves(word: str) -> tuple[int | None, int | None]:
    """Return gateway and meter half with their bits in order, None if not identified.

    8 digits are a gateway's half alone; 14 lack the last two of it, which have no
    meaning (one observed word, so the place is a guess).
    """
    word = word.strip()
    if len(word) == 14:
        word = f"{word[:6]}00{word[6:]}"
    if len(word) not in (8, 16):
        return None, None
    gateway, meter = _ordered(word[:8]), _ordered(word[8:])
    if gateway is not None and gateway & _IDENTIFIED != _IDENTIFIED:
        gateway = None
    if meter is not None and not meter & _METER_IDENTIFIED:
        meter = None
    return gateway, meter


def _ordered(half: str) -> int | None:
    return int(f"{int(half, 16):032b}"[::-1], 2) if _WORD.fullmatch(half) else None
