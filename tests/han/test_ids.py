"""Device numbers and logical names."""

from hypothesis import given, strategies as st
import pytest

from custom_components.smgw.han import ids
from custom_components.smgw.han.ids import Medium


@pytest.mark.parametrize(
    ("text", "gateway_id"),
    [
        ("EPPC0210123456", "EPPC0210123456"),
        ("eppc0210123456", "EPPC0210123456"),
        ("E PPC 02 10123456", "EPPC0210123456"),
        ("ETHE0300123456.SMGW", "ETHE0300123456"),
        ("EPPC0210123456.sm", "EPPC0210123456"),
        ("EPPC02101234567", None),
        ("EPPC021012345", None),
        ("EPPC0210123456A", None),
        ("1ESY0060178981", None),
        ("EPPC０２10123456", None),
        ("CN=EPPC0210123456", None),
        ("", None),
    ],
)
def test_gateway_id(text: str, gateway_id: str | None) -> None:
    """Every form seen leads to the same id."""
    assert ids.gateway_id(text) == gateway_id


@pytest.mark.parametrize(
    ("logical_name", "meter_id"),
    [
        ("01005e318002.1esy0060178981.sm", "1ESY0060178981"),
        ("  01005E318002.1esy0060178981.sm ", "1ESY0060178981"),
        ("1esy0060178981.sm", "1ESY0060178981"),
        ("1ESY0060178981", "1ESY0060178981"),
        ("meter-1_a", "METER-1_A"),
        ("1esy0060178981.SM", None),
        ("0100.1esy0060178981.sm", None),
        ("1esy 0060178981", None),
        ("1esy<script>", None),
        ("../../etc/passwd", None),
        ("zähler", None),
        ("a" * 41, None),
        (".sm", None),
        ("", None),
    ],
)
def test_meter_id(logical_name: str, meter_id: str | None) -> None:
    """The device number is taken from every form; strange characters are refused."""
    assert ids.meter_id(logical_name) == meter_id


@pytest.mark.parametrize(
    ("meter_id", "medium", "maker"),
    [
        ("1EMH0012345678", Medium.ELECTRICITY, "EMH"),
        ("4ABC0012345678", Medium.HEAT_COST, "ABC"),
        ("5ABC0012345678", Medium.COOLING, "ABC"),
        ("6KAM0067890123", Medium.HEAT, "KAM"),
        ("7ELS0045678901", Medium.GAS, "ELS"),
        ("8HYD0056789012", Medium.COLD_WATER, "HYD"),
        ("9HYD0056789012", Medium.HOT_WATER, "HYD"),
        ("EPPC0210123456", Medium.OTHER, "PPC"),
        ("2ABC0012345678", Medium.OTHER, "ABC"),
        ("1ESY006017898", Medium.OTHER, None),
        ("METER-1", Medium.OTHER, None),
    ],
)
def test_medium_and_maker(meter_id: str, medium: Medium, maker: str | None) -> None:
    """Medium and maker are read from numbers that follow the standard only."""
    assert ids.medium(meter_id) is medium
    assert ids.maker(meter_id) == maker


@given(st.text())
def test_anything(text: str) -> None:
    """A meter id is plain ASCII or none at all."""
    meter_id = ids.meter_id(text)
    assert meter_id is None or (meter_id.isascii() and 0 < len(meter_id) <= 40)
    ids.gateway_id(text)
