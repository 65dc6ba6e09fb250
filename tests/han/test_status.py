"""Status words: examples from the reference of the official transparency software."""

import pytest

from custom_components.smgw.han.status import (
    GatewayState,
    Quality,
    gateway_state,
    quality,
    worst,
)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("a0000000", Quality.GOOD),
        # with transparency bit
        ("e0000000", Quality.GOOD),
        ("a000000020003800", Quality.GOOD),
        # start-up, no load
        ("a000000020803800", Quality.GOOD),
        ("a0080000", Quality.WARNING),
        ("A0080000", Quality.WARNING),
        ("a0040000", Quality.SUBSTITUTE),
        ("e0020000", Quality.UNUSABLE),
        ("a0400000", Quality.UNUSABLE),
        # magnet, terminal cover
        ("a000000020400000", Quality.UNUSABLE),
        ("a000000020200000", Quality.UNUSABLE),
        ("a0800000", Quality.FATAL),
        ("a000000020004000", Quality.FATAL),
        # the meter's half is the maker's own
        ("a000000000000000", Quality.GOOD),
        ("a0000000ffbfffff", Quality.FATAL),
        # the gateway's half is the maker's own, the meter's is not
        ("0000000020003800", Quality.GOOD),
        ("0000000020004000", Quality.FATAL),
        # fourteen digits: the gateway's half lacks its last two
        ("a0000020003800", Quality.GOOD),
        ("a0400020003800", Quality.UNUSABLE),
        ("a0000020004000", Quality.FATAL),
        # whatever the rest is
        ("a0000000zzzzzzzz", Quality.GOOD),
    ],
)
def test_quality(word: str, expected: Quality) -> None:
    """First match wins, from fatal to good."""
    assert quality(word) is expected


@pytest.mark.parametrize(
    "word", ["", "0", "zzzzzzzz", "00000000", "00000010229100", "a00000002000380000"]
)
def test_no_status_word(word: str) -> None:
    """Without the identification bits a word says nothing."""
    assert quality(word) is None


def test_the_worst_counts() -> None:
    """Of several words that say something; the others are silent."""
    assert quality("a0000000", "", "a0080000") is Quality.WARNING
    assert quality("a0800000", "a0000000") is Quality.FATAL
    assert quality("", "x") is None
    assert quality() is None


def test_usable() -> None:
    """Only good values, and those with a warning, become readings."""
    assert [q for q in Quality if q.usable] == [Quality.GOOD, Quality.WARNING]


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("a0000000", GatewayState.OK),
        ("e0000000", GatewayState.OK),
        ("a0080000", GatewayState.WARNING),
        ("a0040000", GatewayState.TEMPORARY_ERROR),
        ("e0020000", GatewayState.TEMPORARY_ERROR),
        ("a0400000", GatewayState.CLOCK_INVALID),
        # several at once: the worst
        ("a0ca0000", GatewayState.FATAL_ERROR),
        ("a04a0000", GatewayState.CLOCK_INVALID),
        # a meter's half says nothing of the gateway
        ("a000000020004000", GatewayState.OK),
        ("", None),
        ("00000000", None),
        ("on fire!", None),
    ],
)
def test_gateway_state(word: str, expected: GatewayState | None) -> None:
    """What a gateway's own word says."""
    assert gateway_state(word) is expected


def test_worst() -> None:
    """Of several, with those that nothing is known of."""
    assert worst([Quality.GOOD, None, Quality.FATAL, Quality.WARNING]) is Quality.FATAL
    assert worst([None]) is None
    assert worst([]) is None
