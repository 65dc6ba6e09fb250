"""What the gateway keeps of two years, in a real Home Assistant that is killed on the way."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from time import sleep, time
from typing import Any
from zoneinfo import ZoneInfo

from ha_client import HAClient
from home import Home
import pytest

from simulator.emh import EmhGateway
from simulator.scenario import two_meters

METER = "1emh0012345678"
REGISTERS = ("1-0:1.8.0", "1-0:2.8.0")
BERLIN = ZoneInfo("Europe/Berlin")
YEARS = timedelta(days=730)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
# Seconds. Half a minute, and what a login may take.
QUARTER, MARGIN = 900.0, 45.0
# Decimals in, floats out: a billionth of a kWh.
NOTHING = 1e-9

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def keeper() -> Iterator[EmhGateway]:
    """Return a gateway that keeps two years, and may be read each minute."""
    with EmhGateway(
        seed=2024, scenario=two_meters(), faults=["live_values"]
    ) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def mortal(tmp_path_factory: pytest.TempPathFactory, artifacts: Path) -> Iterator[Home]:
    """Return a Home Assistant of its own, to be killed."""
    home = Home(tmp_path_factory.mktemp("mortal"))
    try:
        home.start()
        yield home
    finally:
        home.stop()


def wait_between_slots() -> None:
    """Wait until whoever reads now sees that values are live: right at a slot all look alike."""
    behind = time() % QUARTER
    if behind > QUARTER - MARGIN:
        sleep(QUARTER - behind + MARGIN)
    elif behind < MARGIN:
        sleep(MARGIN - behind)


async def each_minute(ha: HAClient) -> None:
    """Have the gateway read as often as it may be: nobody waits for a quarter hour here."""
    (entry,) = await ha.entries("smgw")
    path = "/api/config/config_entries/options/flow"
    flow = await ha.rest("POST", path, {"handler": entry["entry_id"]})
    await ha.rest("POST", f"{path}/{flow['flow_id']}", {"next_step_id": "reading"})
    done = await ha.rest("POST", f"{path}/{flow['flow_id']}", {"interval": 1})
    assert done["type"] == "create_entry"


def statistic(gateway: EmhGateway, obis: str) -> str:
    """Return the id of a register's statistic."""
    slug = f"{gateway.gateway_id}_{METER}_{obis}".lower()
    return "smgw:" + "".join(c if c.isalnum() else "_" for c in slug)


def rows(
    home: Home, gateway: EmhGateway, obis: str, period: str
) -> dict[datetime, Any]:
    """Return a register's rows by their beginning."""
    wanted = statistic(gateway, obis)
    start = (datetime.now(UTC) - YEARS - 30 * DAY).isoformat()

    async def ask(ha: HAClient) -> Any:
        return await ha.ws(
            "recorder/statistics_during_period",
            start_time=start,
            statistic_ids=[wanted],
            period=period,
            types=["change", "state", "sum"],
        )

    found = home.call(ask).get(wanted, [])
    return {datetime.fromtimestamp(row["start"] / 1000, UTC): row for row in found}


def midnights(first: datetime, last: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Return beginning and end of each day of the calendar between two moments, UTC."""
    day = first.astimezone(BERLIN).replace(hour=0, minute=0, second=0, microsecond=0)
    day += DAY
    while (end := day + DAY).astimezone(UTC) <= last:
        yield day.astimezone(UTC), end.astimezone(UTC)
        day = end


@pytest.fixture(scope="module")
def imported(mortal: Home, keeper: EmhGateway) -> datetime:
    """Have the history imported by a process that is killed on the way; return when it began."""
    begun = datetime.now(UTC)
    forms: tuple[dict[str, str], ...] = (
        {"host": keeper.url},
        {},
        {"next_step_id": "login"},
        {"username": keeper.user, "password": keeper.password},
    )
    wait_between_slots()
    mortal.call(lambda ha: ha.add_integration("smgw", *forms))
    mortal.call(each_minute)

    def days() -> int:
        return min(len(rows(mortal, keeper, obis, "day")) for obis in REGISTERS)

    mortal.wait_for(lambda: days() > 60, seconds=300)
    assert days() < 700, "there is nothing left to kill"
    mortal.kill_and_start()
    mortal.wait_for(
        lambda: all(
            min(rows(mortal, keeper, obis, "day"), default=begun) <= begun - YEARS + DAY
            for obis in REGISTERS
        ),
        seconds=600,
    )
    return begun


@pytest.mark.parametrize("obis", REGISTERS)
def test_each_day_of_two_years(
    mortal: Home, keeper: EmhGateway, imported: datetime, obis: str
) -> None:
    """Each day's bar is what the register counted, to the last digit."""
    meter = keeper.scenario.meters.ever(METER)
    truth = partial(keeper.true_register, METER, obis)
    # Now and then a reading is missing, or invalid; the next one makes up for it.
    counted = {
        begin: float(truth(end) - truth(begin))
        for begin, end in midnights(imported - YEARS, imported)
        if meter.validity(begin) == meter.validity(end) == "1"
    }
    assert len(counted) > 650
    daily = rows(mortal, keeper, obis, "day")
    wrong = {
        begin: (daily[begin]["change"], amount)
        for begin, amount in counted.items()
        if abs(daily[begin]["change"] - amount) > NOTHING
    }
    assert wrong == {}


@pytest.mark.parametrize("obis", REGISTERS)
def test_each_hour_the_gateway_has(
    mortal: Home, keeper: EmhGateway, imported: datetime, obis: str
) -> None:
    """No hole, up to the last full hour, and no row that the gateway knows nothing of."""
    meter = keeper.scenario.meters.ever(METER)
    truth = partial(keeper.true_register, METER, obis)
    hourly = rows(mortal, keeper, obis, "hour")
    first, last = min(hourly), max(hourly)
    assert hourly[first]["sum"] == 0
    assert imported - last < 2 * HOUR
    hours = [first + n * HOUR for n in range((last - first) // HOUR + 1)]
    there = [hour for hour in hours if meter.validity(hour + HOUR) == "1"]
    assert sorted(hourly) == there
    assert all(
        hourly[hour]["state"] == pytest.approx(float(truth(hour + HOUR)), abs=NOTHING)
        for hour in there
    )
