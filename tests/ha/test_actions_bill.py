"""Bills recomputed, beside numbers that were computed another way."""

from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from simulator.ppc import PpcGateway

from .calling import GAS, HOUSE, IMPORT, QUARTER, act, device
from .conftest import FREE, Timeline

BERLIN = ZoneInfo("Europe/Berlin")
PPC = pytest.mark.parametrize("box", [PpcGateway], indirect=True)
OCTOBER = {"first_day": "2026-10-01", "last_day": "2026-10-31"}
NIGHT = {"stage": 2, "from": "22:00", "to": "06:00"}


@pytest.fixture
def gateway(box: Any) -> Any:
    """A simulated gateway of each maker."""
    return box


async def bill(
    hass: HomeAssistant, entry: MockConfigEntry, meter: str = HOUSE, **data: Any
) -> dict[str, Any]:
    """Check a bill."""
    return await act(hass, "check_bill", device_id=device(hass, entry, meter), **data)


def midnight(day: date) -> datetime:
    """Return the midnight that a German day begins with."""
    return datetime(day.year, day.month, day.day, tzinfo=BERLIN).astimezone(UTC)


def true(gateway: Any, when: datetime, code: str = IMPORT) -> Decimal:
    """Return what a register of the household really was."""
    return Decimal(gateway.true_register(HOUSE, code, when))


def stage_of_day(wall: datetime) -> int:
    """Return 2 at night, 22 to 6 h."""
    return 2 if wall.hour >= 22 or wall.hour < 6 else 1


def by_hand(
    gateway: Any, first: date, last: date, stage: Callable[[datetime], int]
) -> dict[int, Decimal]:
    """Return the energy by stage, reckoned slot by slot from what the meter really counted.

    What an invalid reading keeps from being assigned is in 63.
    """
    meter = gateway.scenario.meters.ever(HOUSE)
    sums: dict[int, Decimal] = defaultdict(Decimal)
    known = begin = midnight(first)
    while begin < midnight(last + timedelta(days=1)):
        end = begin + QUARTER
        if meter.validity(end) == "1":
            lost = known != begin
            number = 63 if lost else stage(begin.astimezone(BERLIN))
            sums[number] += true(gateway, end) - true(gateway, known)
            known = end
        begin = end
    return dict(sums)


def energies(answer: dict[str, Any]) -> dict[int, Decimal]:
    """Return the energy by stage of an answer, without empty ones."""
    return {
        one["stage"]: Decimal(repr(one["energy"]))
        for one in answer["stages"]
        if one["energy"]
    }


async def test_the_month_of_the_doubled_hour(
    hass: HomeAssistant, free: MockConfigEntry, gateway: Any
) -> None:
    """High tariff from 6 to 22 h, beside what the gateway counts itself."""
    answer = await bill(
        hass,
        free,
        **OCTOBER,
        windows=[NIGHT],
        stages={"1": "HT", "2": "NT"},
        prices={"1": 0.32, "2": 0.25, "63": 0.4},
    )
    first, last = date(2026, 10, 1), date(2026, 10, 31)
    start, end = midnight(first), midnight(last + timedelta(days=1))
    assert answer["slots"] == (31 * 24 + 1) * 4
    assert answer["unit"] == "kWh"
    assert answer["total"] == float(true(gateway, end) - true(gateway, start))
    expected = by_hand(gateway, first, last, stage_of_day)
    assert energies(answer) == expected
    # The simulated gateway has some invalid readings, as real ones have.
    assert (answer["unusable"] > 0) == (expected[63] > 0)
    high, low, rest = answer["stages"]
    assert (high["name"], low["name"], rest["stage"]) == ("HT", "NT", 63)
    for stage, code in ((high, "1-0:1.8.1"), (low, "1-0:1.8.2")):
        own = true(gateway, end, code) - true(gateway, start, code)
        assert stage["gateway"] == float(own)
        assert stage["difference"] == float(own - expected[stage["stage"]])
    assert rest["gateway"] == 0
    assert answer["gateway_total"] == answer["total"]
    cost = expected[1] * Decimal("0.32") + expected[2] * Decimal("0.25")
    assert answer["cost"] == float(cost + expected[63] * Decimal("0.4"))
    assert "TRuDI" in answer["note"]


def module_3(wall: datetime) -> int:
    """Return the stage of a grid fee: 3 at night, 2 in the evening of working days."""
    if wall.hour < 6:
        return 3
    holiday = wall.date() == date(2026, 10, 3)
    if 17 <= wall.hour < 21 and wall.weekday() < 5 and not holiday:
        return 2
    return 1


@PPC
async def test_three_levels(
    hass: HomeAssistant, free: MockConfigEntry, gateway: Any
) -> None:
    """§ 14a EnWG, module 3: in the quarter in which it holds, day by day."""
    answer = await bill(
        hass,
        free,
        first_day="2026-09-28",
        last_day="2026-10-05",
        default_stage=1,
        stages={1: "ST", 2: "HT", 3: "NT"},
        windows=[
            {
                "stage": 2,
                "from": "17:00",
                "to": "21:00",
                "weekdays": ["mon", "tue", "wed", "thu", "fri"],
                "first_day": "2026-10-01",
                "last_day": "2026-12-31",
            },
            {"stage": 3, "from": "00:00", "to": "06:00", "first_day": "2026-10-01"},
        ],
        holidays=["2026-10-03"],
        daily=True,
    )

    def stage(wall: datetime) -> int:
        return module_3(wall) if wall.date() >= date(2026, 10, 1) else 1

    first, last = date(2026, 9, 28), date(2026, 10, 5)
    assert energies(answer) == by_hand(gateway, first, last, stage)
    assert len(answer["days"]) == 8
    for day in answer["days"]:
        own = date.fromisoformat(day["day"])
        found = {int(n): Decimal(repr(amount)) for n, amount in day["energy"].items()}
        assert {n: amount for n, amount in found.items() if amount} == {
            n: amount
            for n, amount in by_hand(gateway, own, own, stage).items()
            if amount
        }
    assert answer["cost"] is None


@PPC
async def test_numbers_on_paper(
    hass: HomeAssistant, free: MockConfigEntry, gateway: PpcGateway
) -> None:
    """A day whose readings are set by hand; one of them is invalid.

    100 kWh at midnight and 0.1 kWh each quarter hour. Night is 22 to 6 h: 32 of 96
    quarter hours. The reading of 12:00 is invalid: the quarter hours that end and
    begin there, 0.2 kWh, belong to no stage. So 62 x 0.1 by day, 32 x 0.1 by night.
    """
    begin = midnight(date(2026, 11, 18))
    for slot in range(97):
        gateway.override(
            HOUSE,
            IMPORT,
            begin + slot * QUARTER,
            wert=f"{100 + slot / 10:.4f}",
            istvalide="2" if slot == 48 else "1",
        )
    answer = await bill(
        hass,
        free,
        first_day="2026-11-18",
        last_day="2026-11-18",
        windows=[NIGHT],
        prices={"1": "0.30", "2": "0.20", "63": "0.30"},
    )
    assert (answer["start_value"], answer["end_value"]) == (100, 109.6)
    assert (answer["total"], answer["unusable"], answer["slots"]) == (9.6, 2, 96)
    assert energies(answer) == {
        1: Decimal("6.2"),
        2: Decimal("3.2"),
        63: Decimal("0.2"),
    }
    assert answer["cost"] == 2.56


async def test_one_price_for_gas(
    hass: HomeAssistant, free: MockConfigEntry, gateway: Any
) -> None:
    """Without a tariff there is one stage; slots of an hour are no hindrance."""
    answer = await bill(
        hass,
        free,
        GAS,
        first_day="2026-11-02",
        last_day="2026-11-15",
        register="7-0:3.0.0",
        prices={"1": 0.9},
    )
    values = [
        Decimal(gateway.true_register(GAS, "7-0:3.0.0", midnight(day)))
        for day in (date(2026, 11, 2), date(2026, 11, 16))
    ]
    assert answer["total"] == float(values[1] - values[0])
    assert answer["unit"] == "m³"
    assert sum(energies(answer).values()) == values[1] - values[0]
    with pytest.raises(ServiceValidationError) as error:
        await bill(
            hass,
            free,
            GAS,
            first_day="2026-11-02",
            last_day="2026-11-15",
            register="7-0:3.0.0",
            windows=[NIGHT],
        )
    assert error.value.translation_key == "tariff_period"


def supplier_file(
    gateway_id: str,
    contract: dict[str, Any],
    use_case: int = 2,
    first: str = "2026-10-01",
) -> str:
    """Return a supplier's tariff file of October: high tariff from 6 to 22 h."""
    switches = "".join(
        f"<DayTimeProfile><startTime><hour>{hour}</hour><minute>0</minute></startTime>"
        f"<tariffNumber>{stage}</tariffNumber></DayTimeProfile>"
        for hour, stage in ((0, 2), (6, 1), (22, 2))
    )
    days = "".join(
        "<SpecialDayProfile><specialDayDate><year>2026</year><month>10</month>"
        f"<dayOfMonth>{day}</dayOfMonth></specialDayDate><dayId>1</dayId>"
        "</SpecialDayProfile>"
        for day in range(1, 32)
    )
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<UsagePoints xmlns="http://vde.de/AR_2418-6.xsd" xmlns:espi="http://naesb.org/espi">
 <UsagePoint>
  <espi:ServiceCategory><espi:kind>0</espi:kind></espi:ServiceCategory>
  <usagePointId>{contract["metering_point"]}</usagePointId>
  <InvoicingParty><invoicingPartyId>Demo EVU</invoicingPartyId></InvoicingParty>
  <SMGW><smgwId>{gateway_id}</smgwId></SMGW>
  <tariffName>{contract["name"]}</tariffName>
  <AnalysisProfile>
   <tariffUseCase>{use_case}</tariffUseCase><tariffId>october</tariffId>
   <billingPeriod><duration>2682000</duration><start>{first}T00:00:00+02:00</start></billingPeriod>
   <TariffStage><tariffNumber>1</tariffNumber><description>HT</description></TariffStage>
   <TariffStage><tariffNumber>2</tariffNumber><description>NT</description></TariffStage>
   <defaultTariffNumber>1</defaultTariffNumber>
   <TariffChangeTrigger><TimeTrigger>
    <DayProfile><dayId>1</dayId>{switches}</DayProfile>{days}
   </TimeTrigger></TariffChangeTrigger>
  </AnalysisProfile>
 </UsagePoint>
</UsagePoints>"""


@pytest.fixture
async def contract(
    hass: HomeAssistant, free: MockConfigEntry, timeline: Timeline
) -> dict[str, Any]:
    """The household's contract, as an export names it; a session is free again."""
    answer = await act(
        hass,
        "export",
        device_id=device(hass, free, HOUSE),
        start="2026-11-19 00:00:00",
        format="xml",
    )
    await timeline.go_to(FREE + timedelta(minutes=14))
    found: dict[str, Any] = answer["contract"]
    return found


async def test_the_suppliers_file(
    hass: HomeAssistant,
    free: MockConfigEntry,
    gateway: Any,
    contract: dict[str, Any],
    upload: Any,
) -> None:
    """Uploaded or as text: the file names period and stages."""
    file = supplier_file(gateway.gateway_id, contract)
    answer = await bill(hass, free, tariff_file=await upload(file.encode(), "t.xml"))
    first, last = date(2026, 10, 1), date(2026, 10, 31)
    assert (answer["first_day"], answer["last_day"]) == ("2026-10-01", "2026-10-31")
    assert answer["taf"] == 2
    assert answer["tariff"] == contract["name"]
    assert [one["name"] for one in answer["stages"][:2]] == ["HT", "NT"]
    assert energies(answer) == by_hand(gateway, first, last, stage_of_day)
    assert await bill(hass, free, tariff_text=file) == answer
    # For TAF 1 whole months only.
    month = supplier_file(gateway.gateway_id, contract, use_case=1)
    assert (await bill(hass, free, tariff_text=month))["taf"] == 1
    with pytest.raises(ServiceValidationError) as error:
        await bill(hass, free, tariff_text=month, last_day="2026-10-30")
    assert error.value.translation_key == "tariff_period"


@PPC
@pytest.mark.parametrize(
    ("change", "key"),
    [
        (("<smgwId>E", "<smgwId>F"), "tariff_other_contract"),
        (("<tariffName>", "<tariffName>x"), "tariff_other_contract"),
        (("<hour>6</hour>", "<hour>5</hour><second>1</second>"), "tariff_invalid"),
        (("<UsagePoint>", "<Usage>"), "tariff_unreadable"),
        (("2026-10-01T", "2026-11-01T"), "tariff_invalid"),
    ],
    ids=str,
)
async def test_another_file(
    hass: HomeAssistant,
    free: MockConfigEntry,
    gateway: Any,
    contract: dict[str, Any],
    change: tuple[str, str],
    key: str,
) -> None:
    """What is not for this contract, or breaks a rule, is refused with its reason."""
    file = supplier_file(gateway.gateway_id, contract)
    assert change[0] in file
    with pytest.raises(ServiceValidationError) as error:
        await bill(hass, free, tariff_text=file.replace(*change))
    assert error.value.translation_key == key
    assert str(error.value)


@PPC
@pytest.mark.parametrize(
    ("data", "key"),
    [
        ({}, "tariff_period"),
        ({"first_day": "2026-11-10", "last_day": "2026-11-09"}, "tariff_period"),
        ({"first_day": "2026-11-10", "last_day": "2026-11-20"}, "tariff_period"),
        ({"first_day": "2019-11-10", "last_day": "2026-11-19"}, "tariff_period"),
        ({"first_day": "2019-11-10", "last_day": "2019-11-19"}, "nothing_kept"),
        (
            {**OCTOBER, "windows": [{"stage": 1, "from": "06:05", "to": "22:00"}]},
            "tariff_invalid",
        ),
        ({"tariff_file": "4a5b7c3e-0000-4000-8000-000000000000"}, "upload_gone"),
        ({**OCTOBER, "register": "1-0:3.8.0"}, "no_such_register"),
    ],
    ids=str,
)
async def test_what_cannot_be_billed(
    hass: HomeAssistant, free: MockConfigEntry, data: dict[str, Any], key: str
) -> None:
    """Each mistake has its own words."""
    with pytest.raises(ServiceValidationError) as error:
        await bill(hass, free, **data)
    assert error.value.translation_key == key
    assert str(error.value)


@PPC
async def test_no_reading_at_midnight(
    hass: HomeAssistant, free: MockConfigEntry, gateway: PpcGateway
) -> None:
    """Without one at the beginning nothing can be billed."""
    begin = midnight(date(2026, 11, 18))
    gateway.override(HOUSE, IMPORT, begin, istvalide="2")
    with pytest.raises(ServiceValidationError) as error:
        await bill(hass, free, first_day="2026-11-18", last_day="2026-11-18")
    assert error.value.translation_key == "tariff_profile_incomplete"
