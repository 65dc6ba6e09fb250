"""Bills recomputed, beside numbers that were computed another way."""

from collections import defaultdict
from collections.abc import Callable, Generator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.smgw.const import CONF_INTERVAL
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from simulator.clock import SimClock
from simulator.emh import EmhGateway
from simulator.ppc import PpcGateway
from simulator.theben import ThebenGateway

from .calling import FREE, GAS, HOUSE, IMPORT, QUARTER, act, device
from .conftest import Timeline, make_entry

BERLIN = ZoneInfo("Europe/Berlin")
MAKERS = [PpcGateway, ThebenGateway, EmhGateway]
PPC = pytest.mark.parametrize("gateway", [PpcGateway], indirect=True)
OCTOBER = {"first_day": "2026-10-01", "last_day": "2026-10-31"}
NIGHT = {"stage": 2, "from": "22:00", "to": "06:00"}


@pytest.fixture(params=MAKERS, ids=lambda kind: kind.__name__)
def gateway(
    request: pytest.FixtureRequest, socket_enabled: None, clock: SimClock
) -> Generator[Any]:
    """A simulated gateway of each maker."""
    with request.param(clock=clock) as running:
        yield running


@pytest.fixture
def entry(gateway: Any) -> MockConfigEntry:
    """An entry that is read each hour, so that there is room for a session."""
    return make_entry(gateway, **{CONF_INTERVAL: 60})


@pytest.fixture
async def free(
    hass: HomeAssistant, loaded: MockConfigEntry, timeline: Timeline
) -> MockConfigEntry:
    """The entry, loaded, when its gateway bears a session."""
    await timeline.go_to(FREE)
    return loaded


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
    # The simulated EMH closes a period with the reading before: nothing to compare.
    compared = not isinstance(gateway, EmhGateway)
    for stage, code in ((high, "1-0:1.8.1"), (low, "1-0:1.8.2")):
        own = true(gateway, end, code) - true(gateway, start, code)
        assert stage["gateway"] == (float(own) if compared else None)
        difference = float(own - expected[stage["stage"]])
        assert stage["difference"] == (difference if compared else None)
    assert answer["gateway_total"] == (answer["total"] if compared else None)
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
