"""Raw integers with scaler and unit."""

from decimal import Decimal

import pytest

from custom_components.smgw.han.dlms import scaled
from custom_components.smgw.han.trust import Unusable
from custom_components.smgw.han.units import Unit


@pytest.mark.parametrize(
    ("raw", "scaler", "unit", "expected"),
    [
        ("41234567", "-1", "30", (Decimal("4123.4567"), Unit.KILOWATT_HOUR)),
        ("41234567", "0", "30", (Decimal("41234.567"), Unit.KILOWATT_HOUR)),
        ("0", "-3", "30", (Decimal(0), Unit.KILOWATT_HOUR)),
        ("-4180", "-1", "27", (Decimal("-418.0"), Unit.WATT)),
        ("2325", "-1", "35", (Decimal("232.5"), Unit.VOLT)),
        ("123", "-2", "13", (Decimal("1.23"), Unit.CUBIC_METRE)),
        ("123456", "5", "25", (Decimal("12345.6"), Unit.MEGAJOULE)),
        ("4711", "0", "255", (Decimal(4711), Unit.NONE)),
        (
            "999999999999999999",
            "9",
            "33",
            (Decimal("999999999999999999e9"), Unit.AMPERE),
        ),
    ],
)
def test_scaled(
    raw: str, scaler: str, unit: str, expected: tuple[Decimal, Unit]
) -> None:
    """Exactly, whatever the scaler."""
    assert scaled(raw, scaler, unit) == expected


@pytest.mark.parametrize(
    ("raw", "scaler", "unit", "reason"),
    [
        ("", "-1", "30", "no_value"),
        ("1e9999", "-1", "30", "no_value"),
        ("1.5", "-1", "30", "no_value"),
        ("NaN", "-1", "30", "no_value"),
        ("9" * 19, "-1", "30", "no_value"),
        ("1", "", "30", "no_value"),
        ("1", "99", "30", "no_value"),
        ("１", "-1", "30", "no_value"),
        ("1", "-1", "", "unknown_unit"),
        ("1", "-1", "26", "unknown_unit"),
        ("", "", "Furlong", "unknown_unit"),
    ],
)
def test_not_a_value(raw: str, scaler: str, unit: str, reason: str) -> None:
    """Anything else than integers and a known unit is no value."""
    with pytest.raises(Unusable, match=reason):
        scaled(raw, scaler, unit)
