"""Quarter hours: the highest of the month, the last one, yesterday; unknown if not certain."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.smgw.const import DOMAIN
from custom_components.smgw.han.history import Profile, ProfileRow, ProfileSlice, Span
from custom_components.smgw.han.model import Register
from custom_components.smgw.han.obis import Obis
from custom_components.smgw.han.status import Quality
from custom_components.smgw.han.units import Unit
from custom_components.smgw.quarters import Quarters
from homeassistant.const import STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.core import HomeAssistant, State
from homeassistant.helpers import entity_registry as er
from simulator.ppc import PpcGateway

from .conftest import START, Timeline, make_entry, restart, set_up
from .test_coordinator import SETTLED

HOUSE = "1EMH0012345678"
# Of the house, Theben delivers values of the minute.
STAIRS = "1ESY0060178981"
IMPORT = "1-0:1.8.0"
QUARTER = timedelta(minutes=15)
SLOT = START.replace(minute=0)
"""The newest slot at the start."""
MONTH = datetime.fromisoformat("2026-11-01T00:00+01:00")
TODAY = datetime.fromisoformat("2026-11-20T00:00+01:00")


@pytest.fixture
async def read(hass: HomeAssistant, box: Any) -> MockConfigEntry:
    """An entry of each maker's."""
    entry = make_entry(box)
    assert await set_up(hass, entry)
    return entry


def shown(hass: HomeAssistant, box: Any, key: str, meter: str = HOUSE) -> State:
    """Return what a sensor of a meter shows."""
    unique_id = f"{box.gateway_id}_{meter}_{IMPORT}_{key}"
    found = er.async_get(hass).async_get_entity_id("sensor", DOMAIN, unique_id)
    state = hass.states.get(found or "")
    assert state is not None, key
    return state


def true(box: Any, moment: datetime, meter: str = HOUSE) -> Decimal:
    """Return what a meter has counted up to a moment."""
    value: Decimal = box.true_register(meter.lower(), IMPORT, moment.astimezone(UTC))
    return value


def part(box: Any, begin: datetime, end: datetime, but: set[datetime]) -> ProfileSlice:
    """Return the true load profile of a span as a slice, without some slots."""
    register = Register(
        meter_id=HOUSE,
        obis=Obis.parse(IMPORT) or pytest.fail("no code"),
        unit=Unit.KILOWATT_HOUR,
        name="",
    )
    begin, end = begin.astimezone(UTC), end.astimezone(UTC)
    moments = [
        begin + number * QUARTER for number in range(1, (end - begin) // QUARTER + 1)
    ]
    rows = tuple(
        ProfileRow(m, m, true(box, m), Quality.GOOD, "", None)
        for m in moments
        if m not in but
    )
    profile = Profile(register=register, period=QUARTER, rows=rows)
    return ProfileSlice(
        meter_id=HOUSE, span=Span(begin, end), profiles={IMPORT: profile}
    )


def quarters_of(entry: MockConfigEntry) -> Quarters:
    """Return what is kept."""
    quarters: Quarters = entry.runtime_data.quarters
    return quarters


def highest(box: Any, begin: datetime, end: datetime) -> tuple[Decimal, datetime]:
    """Return the highest mean power (kW) of a quarter hour, and its end, by the meter."""
    found = (Decimal(-1), begin)
    moment = begin.astimezone(UTC) + QUARTER
    while moment <= end:
        power = 4 * (true(box, moment) - true(box, moment - QUARTER))
        if power > found[0]:
            found = (power, moment)
        moment += QUARTER
    return found


async def test_last_quarter_hour(
    hass: HomeAssistant, box: Any, read: MockConfigEntry, timeline: Timeline
) -> None:
    """Two polls in a row tell the quarter hour between them; before it is unknown."""
    state = shown(hass, box, "last_quarter_power", STAIRS)
    assert state.state == STATE_UNKNOWN
    assert state.attributes["missing"]
    await timeline.go_to(SLOT + 2 * QUARTER + SETTLED)
    assert shown(hass, box, "last_quarter_power", STAIRS).state == STATE_UNKNOWN
    for number in (3, 4):
        slot = SLOT + number * QUARTER
        await timeline.go_to(slot + SETTLED)
        power = 4 * (true(box, slot, STAIRS) - true(box, slot - QUARTER, STAIRS))
        state = shown(hass, box, "last_quarter_power", STAIRS)
        assert Decimal(state.state) == power
        assert state.attributes["end"] == slot
        assert state.attributes["unit_of_measurement"] == "kW"
    box.faults.add("tls_close")
    await timeline.go_to(SLOT + 5 * QUARTER + SETTLED)
    assert shown(hass, box, "last_quarter_power", STAIRS).state == STATE_UNAVAILABLE


async def test_a_poll_is_missing(
    hass: HomeAssistant,
    gateway: PpcGateway,
    loaded: MockConfigEntry,
    timeline: Timeline,
) -> None:
    """Over a gap nothing is divided up: the attributes say what is missing."""
    await timeline.go_to(SLOT + 4 * QUARTER + SETTLED)
    state = shown(hass, gateway, "last_quarter_power")
    assert state.state == STATE_UNKNOWN
    assert state.attributes["missing"] == [
        {"from": SLOT + 3 * QUARTER, "to": SLOT + 4 * QUARTER}
    ]


async def test_month_and_yesterday(
    hass: HomeAssistant, box: Any, read: MockConfigEntry, timeline: Timeline
) -> None:
    """The history makes the month whole; it is as the meter counted."""
    assert shown(hass, box, "month_peak").state == STATE_UNKNOWN
    missing = shown(hass, box, "month_peak").attributes["missing"]
    assert missing[0]["from"] == MONTH
    assert shown(hass, box, "yesterday").state == STATE_UNKNOWN
    quarters_of(read).async_take_slice(part(box, MONTH - QUARTER, SLOT, but=set()))
    power, end = highest(box, MONTH, SLOT)
    state = shown(hass, box, "month_peak")
    assert Decimal(state.state) == power
    assert state.attributes["end"] == end
    assert "missing" not in state.attributes
    yesterday = shown(hass, box, "yesterday")
    day = timedelta(days=1)
    assert Decimal(yesterday.state) == true(box, TODAY) - true(box, TODAY - day)
    assert yesterday.attributes["device_class"] == "energy"
    await restart(hass, read, timeline)
    assert shown(hass, box, "month_peak").state == state.state
    assert shown(hass, box, "yesterday").state == yesterday.state


async def test_a_gap_that_hides_nothing(
    hass: HomeAssistant, gateway: PpcGateway, loaded: MockConfigEntry
) -> None:
    """A gap in which less was counted than in the highest quarter hour is no doubt."""
    power, end = highest(gateway, MONTH, SLOT)
    slot = MONTH.astimezone(UTC)
    quiet = next(
        moment
        for number in range(1, 1500)
        if (moment := slot + number * QUARTER)
        and abs(moment - end) > QUARTER
        and 4 * (true(gateway, moment + QUARTER) - true(gateway, moment - QUARTER))
        <= power
    )
    take = quarters_of(loaded).async_take_slice
    take(part(gateway, MONTH - QUARTER, SLOT, but={quiet}))
    assert Decimal(shown(hass, gateway, "month_peak").state) == power


async def test_a_gap_that_may_hide_more(
    hass: HomeAssistant, gateway: PpcGateway, loaded: MockConfigEntry
) -> None:
    """Without the highest quarter hour the month's is unknown, until it comes."""
    power, end = highest(gateway, MONTH, SLOT)
    take = quarters_of(loaded).async_take_slice
    take(part(gateway, MONTH - QUARTER, SLOT, but={end, end - QUARTER}))
    state = shown(hass, gateway, "month_peak")
    assert state.state == STATE_UNKNOWN
    assert state.attributes["missing"] == [
        {"from": end - 2 * QUARTER, "to": end + QUARTER}
    ]
    take(part(gateway, end - 2 * QUARTER, end, but=set()))
    assert Decimal(shown(hass, gateway, "month_peak").state) == power


async def test_a_new_day_and_a_new_month(
    hass: HomeAssistant,
    gateway: PpcGateway,
    loaded: MockConfigEntry,
    timeline: Timeline,
) -> None:
    """At midnight yesterday is another day; with the month its highest begins anew."""
    begin = datetime.fromisoformat("2026-11-30T00:00+01:00")
    end = begin + timedelta(days=1)
    await timeline.go_to(end.astimezone(UTC) + timedelta(seconds=10))
    take = quarters_of(loaded).async_take_slice
    take(part(gateway, begin - QUARTER, end, but=set()))
    yesterday = shown(hass, gateway, "yesterday")
    assert Decimal(yesterday.state) == true(gateway, end) - true(gateway, begin)
    assert shown(hass, gateway, "month_peak").state == STATE_UNKNOWN
    for number in range(3):
        await timeline.go_to(end.astimezone(UTC) + number * QUARTER + SETTLED)
    power, _ = highest(gateway, end, end + 2 * QUARTER)
    assert Decimal(shown(hass, gateway, "month_peak").state) == power
