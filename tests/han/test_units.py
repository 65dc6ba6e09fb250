"""Units as gateways write them."""

from hypothesis import given, strategies as st
import pytest

from custom_components.smgw.han.units import Unit, parse_unit


@pytest.mark.parametrize("unit", Unit)
def test_own_spelling(unit: Unit) -> None:
    """Every unit is read in its own spelling and in any letter case."""
    assert parse_unit(unit.value) is unit
    assert parse_unit(f" {unit.value.upper()} ") is unit
    assert parse_unit(unit.value.lower()) is unit


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("m3", Unit.CUBIC_METRE),
        ("m^3", Unit.CUBIC_METRE),
        ("VAr", Unit.VAR),
        ("VArh", Unit.VAR_HOUR),
        ("deg", Unit.DEGREE),
        ("Grad", Unit.DEGREE),
        ("cos  phi", Unit.NONE),
        ("-", Unit.NONE),
    ],
)
def test_other_spellings(text: str, unit: Unit) -> None:
    """The spellings seen on gateways lead to the same unit."""
    assert parse_unit(text) is unit


@pytest.mark.parametrize("text", ["MWh", "kW h", "EUR", "kWh/d", "?", "k&nbsp;Wh"])
def test_unknown(text: str) -> None:
    """An unknown unit is never guessed."""
    assert parse_unit(text) is None


@given(st.text())
def test_anything(text: str) -> None:
    """Any text is a unit or not."""
    assert parse_unit(text) in (None, *Unit)
