"""OBIS codes."""

from hypothesis import given, strategies as st
import pytest

from custom_components.smgw.han.obis import Obis


@pytest.mark.parametrize(
    ("text", "obis", "shown"),
    [
        ("1-0:1.8.0", Obis(1, 0, 1, 8, 0), "1-0:1.8.0"),
        (" 1-0:1.8.0*255 ", Obis(1, 0, 1, 8, 0), "1-0:1.8.0"),
        ("0100010800ff", Obis(1, 0, 1, 8, 0), "1-0:1.8.0"),
        ("0100010800FF", Obis(1, 0, 1, 8, 0), "1-0:1.8.0"),
        ("1-0:1.8.0*1", Obis(1, 0, 1, 8, 0, 1), "1-0:1.8.0*1"),
        ("1-0:1.8.0&1", Obis(1, 0, 1, 8, 0, 1), "1-0:1.8.0*1"),
        ("1-1:1.7.0", Obis(1, 1, 1, 7, 0), "1-1:1.7.0"),
        ("255-255:255.255.255", Obis(255, 255, 255, 255, 255), "255-255:255.255.255"),
    ],
)
def test_read(text: str, obis: Obis, shown: str) -> None:
    """Text and hexadecimal form are one code."""
    assert Obis.parse(text) == obis
    assert str(obis) == shown


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1.8.0",
        "1-0:1.8",
        "1-0:1.8.0.0",
        "256-0:1.8.0",
        "1-0:1.8.999",
        "1-0:1.8.0*256",
        "１-0:1.8.0",
        "1-0:1.8.٠",
        "0100010800f",
        "0100010800fg",
        "-1-0:1.8.0",
        "1-0:1.8.0 kWh",
    ],
)
def test_not_read(text: str) -> None:
    """What is no code is none, and no code is guessed."""
    assert Obis.parse(text) is None


@pytest.mark.parametrize(
    ("text", "register", "counts_up"),
    [
        ("1-0:1.8.0", "1.8.0", True),
        ("1-0:2.8.2", "2.8.2", True),
        ("1-1:15.8.0", "15.8.0", True),
        ("1-0:1.7.0", "1.7.0", False),
        ("1-0:32.7.0", "32.7.0", False),
        # import minus export, all phases and one by one: goes down on a sunny day
        ("1-0:16.8.0", "16.8.0", False),
        ("1-0:36.8.0", "36.8.0", False),
        ("1-0:56.8.0", "56.8.0", False),
        ("1-0:76.8.0", "76.8.0", False),
        ("7-0:3.0.0", "3.0.0", True),
        ("8-0:1.0.0", "1.0.0", True),
        ("6-0:1.0.0", "1.0.0", True),
        ("6-0:10.0.0", "10.0.0", False),
        ("0-0:1.0.0", "1.0.0", False),
    ],
)
def test_what_counts_up(text: str, register: str, counts_up: bool) -> None:
    """Meter readings never go down, balances and momentary values may."""
    obis = Obis.parse(text)
    assert obis is not None
    assert obis.register == register
    assert obis.counts_up is counts_up


@given(st.text() | st.from_regex(r"\A\d{1,4}-\d{1,4}:\d{1,4}\.\d{1,4}\.\d{1,4}\Z"))
def test_anything(text: str) -> None:
    """Whatever is a code reads the same again."""
    obis = Obis.parse(text)
    assert obis is None or Obis.parse(str(obis)) == obis
