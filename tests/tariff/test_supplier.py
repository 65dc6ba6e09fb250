"""The supplier's tariff file: read, and each rule it may break."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
import re
from zoneinfo import ZoneInfo

from hypothesis import given, strategies as st
import pytest

from custom_components.smgw.tariff.errors import (
    OtherContract,
    TariffError,
    TariffInvalid,
    TariffUnreadable,
)
from custom_components.smgw.tariff.supplier import read

BERLIN = ZoneInfo("Europe/Berlin")


def switch(hour: int, minute: int, stage: int) -> str:
    """Return a switching time of a day profile."""
    return (
        f"<DayTimeProfile><startTime><hour>{hour}</hour><minute>{minute}</minute>"
        f"</startTime><tariffNumber>{stage}</tariffNumber></DayTimeProfile>"
    )


def day(number: int, profile: int) -> str:
    """Return a day of May."""
    return (
        f"<SpecialDayProfile><specialDayDate><year>2026</year><month>5</month>"
        f"<dayOfMonth>{number}</dayOfMonth></specialDayDate><dayId>{profile}</dayId>"
        f"</SpecialDayProfile>"
    )


FILE = f"""<?xml version="1.0" encoding="utf-8"?>
<UsagePoints xmlns="http://vde.de/AR_2418-6.xsd" xmlns:espi="http://naesb.org/espi">
 <UsagePoint>
  <espi:ServiceCategory><espi:kind>0</espi:kind></espi:ServiceCategory>
  <usagePointId>DE0009999900000000000000000012345</usagePointId>
  <InvoicingParty><invoicingPartyId>Demo EVU</invoicingPartyId></InvoicingParty>
  <SMGW><smgwId>ETHE0399000001</smgwId></SMGW>
  <tariffName>DEMO_TAF02</tariffName>
  <AnalysisProfile>
   <tariffUseCase>2</tariffUseCase><tariffId>T1</tariffId>
   <billingPeriod><duration>2678400</duration><start>2026-05-01T00:00:00+02:00</start></billingPeriod>
   <TariffStage><tariffNumber>1</tariffNumber><description>HT</description><obisCode>0100010801ff</obisCode></TariffStage>
   <TariffStage><tariffNumber>2</tariffNumber><description>NT</description><obisCode>0100010802ff</obisCode></TariffStage>
   <defaultTariffNumber>1</defaultTariffNumber>
   <TariffChangeTrigger><TimeTrigger>
    <DayProfile><dayId>1</dayId>{switch(0, 0, 2)}{switch(6, 0, 1)}{switch(22, 0, 2)}</DayProfile>
    <DayProfile><dayId>2</dayId>{"".join(switch(n // 4, n % 4 * 15, 2) for n in range(96))}</DayProfile>
    {"".join(day(n, 2 if n in (2, 3) else 1) for n in range(1, 32))}
   </TimeTrigger></TariffChangeTrigger>
  </AnalysisProfile>
 </UsagePoint>
</UsagePoints>"""


def test_reading() -> None:
    """All of it."""
    found = read(FILE.encode())

    assert found.use_case == 2
    assert found.start == datetime(2026, 5, 1, tzinfo=BERLIN)
    assert found.end == datetime(2026, 6, 1, tzinfo=BERLIN)
    assert found.start.tzinfo is UTC
    assert found.usage_point == "DE0009999900000000000000000012345"
    assert found.invoicing_party == "Demo EVU"
    assert [stage.name for stage in found.tariff.stages] == ["HT", "NT"]
    stage_at = found.tariff.stage_at
    assert stage_at(datetime(2026, 5, 4, 5, 59, tzinfo=BERLIN)) == 2
    assert stage_at(datetime(2026, 5, 4, 6, tzinfo=BERLIN)) == 1
    assert stage_at(datetime(2026, 5, 3, 12, tzinfo=BERLIN)) == 2


def test_whose_contract() -> None:
    """It is for one contract on one gateway."""
    found = read(FILE.encode())
    ours = {
        "usage_point": "DE0009999900000000000000000012345",
        "tariff_name": "DEMO_TAF02",
        "gateway_id": "ethe0399000001",
    }
    found.check_contract(**ours)
    for key in ours:
        with pytest.raises(OtherContract):
            found.check_contract(**ours | {key: "another"})


def swap(old: str, new: str) -> Callable[[str], str]:
    """Return a change of the file."""
    assert old in FILE
    return lambda text: text.replace(old, new, 1)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (swap(day(7, 1), ""), "day_not_covered"),
        (swap(day(7, 1), day(6, 1)), "day_twice"),
        (swap(day(7, 1), day(7, 9)), "unknown_day_profile"),
        (swap(day(7, 1), day(32, 1)), "date"),
        (swap(switch(0, 0, 2), ""), "slots_not_covered"),
        (swap(switch(6, 0, 1), switch(6, 5, 1)), "not_on_quarter_hour"),
        (swap(switch(6, 0, 1), switch(24, 0, 1)), "not_on_quarter_hour"),
        (swap(switch(6, 0, 1), switch(22, 0, 1)), "slot_twice"),
        (swap(switch(6, 0, 1), switch(6, 0, 5)), "unknown_stage"),
        (swap("<dayId>2</dayId>", "<dayId>1</dayId>"), "day_profile_twice"),
        (
            swap("<tariffUseCase>2<", "<tariffUseCase>7<"),
            "use_case",
        ),
        (
            swap(
                "<tariffNumber>2</tariffNumber><desc",
                "<tariffNumber>1</tariffNumber><desc",
            ),
            "stage_twice",
        ),
        (
            swap(
                "<tariffNumber>2</tariffNumber><desc",
                "<tariffNumber>-2</tariffNumber><desc",
            ),
            "number",
        ),
        (swap("2026-05-01T00:00:00+02:00", "2026-05-01T00:00:00"), "period_start"),
        (swap("2026-05-01T00:00:00+02:00", "May"), "period_start"),
        (swap("2678400", "3600"), "period_length"),
        (swap("2678400", "99999999"), "period_length"),
    ],
)
def test_rules(change: Callable[[str], str], rule: str) -> None:
    """Each broken rule has its name."""
    with pytest.raises(TariffInvalid) as caught:
        read(change(FILE).encode())
    assert caught.value.rule == rule
    assert caught.value.placeholders == {"rule": rule}


BOMB = """<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>"""


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"<a/>",
        FILE.encode()[:-20],
        FILE.replace("?>", "?>" + BOMB, 1).encode(),
        FILE.replace("utf-8", "klingon", 1).encode(),
        FILE.replace("<AnalysisProfile>", "<Other>")
        .replace("</AnalysisProfile>", "</Other>")
        .encode(),
        b"<a>" + b" " * 5_000_000 + b"</a>",
    ],
)
def test_other_files(content: bytes) -> None:
    """Nothing but the room's own error, and no entity is expanded."""
    with pytest.raises(TariffUnreadable):
        read(content)


@given(st.data())
def test_mutated(data: st.DataObject) -> None:
    """A file that was cut or changed anywhere: a tariff or a named error."""
    tokens = re.split(r"(<[^>]*>)", FILE)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(tokens) - 1))
        tokens[place] = data.draw(
            st.sampled_from(["", "<a/>", "0", "-1", "99999999", "\u0661", "&amp;"])
        )
    with suppress(TariffError):
        read("".join(tokens).encode())
