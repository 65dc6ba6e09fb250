"""A new meter in an old one's place: asked, answered, and the statistic goes on."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.smgw.const import DOMAIN
from custom_components.smgw.dashboard import async_names
from homeassistant.components.recorder.statistics import StatisticsRow
from homeassistant.components.repairs import DOMAIN as REPAIRS
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from simulator.emh import EmhGateway
from simulator.ppc import PpcGateway
from simulator.theben import ThebenGateway

from .conftest import START, Timeline, fresh_token, restart, set_up
from .recorder_rows import HOUSE, id_of, metadata, recorded, rows_of
from .test_coordinator import SETTLED
from .test_repairs import issues, start

pytestmark = [
    pytest.mark.usefixtures("recorder_mock"),
    pytest.mark.meters(HOUSE[0]),
    pytest.mark.past(days=3),
]

HOUR = timedelta(hours=1)
QUARTER = timedelta(minutes=15)
DAY = timedelta(days=1)
NINE = START.replace(minute=0)
HALF = NINE + 2 * QUARTER
OLD, NEW, NEXT = "1emh0012345678", "1emh0087654321", "1emh0087654399"
BOTH = ("1-0:1.8.0", "1-0:2.8.0")


class Exchange(NamedTuple):
    """An exchange, as the readings tell it."""

    meter: str
    """The new one."""
    last: datetime
    """The quarter hour of the old one's last reading."""
    first: datetime
    """That of the new one's first reading."""


type Answer = Callable[[str, str], Awaitable[dict[str, Any]]]


@pytest.fixture
def answer(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    hass_admin_user: MockUser,
    entry: MockConfigEntry,
) -> Answer:
    """Open the repair issue of a new meter and choose; return what the flow says."""

    async def choose(new: str, old: str) -> dict[str, Any]:
        assert await async_setup_component(hass, REPAIRS, {})
        client = await hass_client(await fresh_token(hass, hass_admin_user))
        flow = await start(client, f"successor_{entry.entry_id}_{new.upper()}")
        assert flow["step_id"] == "choose", flow
        answered = await client.post(
            f"/api/repairs/issues/fix/{flow['flow_id']}", json={"vanished": old}
        )
        result: dict[str, Any] = await answered.json()
        await hass.async_block_till_done(wait_background_tasks=True)
        return {"form": flow, **result}

    return choose


async def quarters(timeline: Timeline, since: datetime, count: int) -> None:
    """Let slots pass, one by one."""
    for number in range(count):
        await timeline.go_to(since + number * QUARTER + SETTLED)


def exchange(gateway: Any, at: datetime, old: str = OLD, new: str = NEW) -> Exchange:
    """Exchange a meter a little behind a slot, before it is polled."""
    gateway.scenario.exchange_meter(old, new, at + timedelta(seconds=20))
    return Exchange(new, at - QUARTER, at)


async def polled_over_exchange(
    gateway: Any, timeline: Timeline, polls: int
) -> Exchange:
    """Exchange the meter behind one poll of the old one; poll the new one so often."""
    await quarters(timeline, HALF, 1)
    exchanged = exchange(gateway, HALF + QUARTER)
    await quarters(timeline, HALF + QUARTER, polls)
    return exchanged


async def days(hass: HomeAssistant, statistic: str) -> dict[str, float]:
    """Return the bars of days, as the dashboard draws them."""
    return {
        dt_util.as_local(dt_util.utc_from_timestamp(row["start"])).date().isoformat(): (
            row["change"] or 0
        )
        for row in await rows_of(hass, statistic, "day")
    }


def golden(
    gateway: Any, code: str, ends: list[datetime], exchanges: list[Exchange]
) -> list[tuple[float, float]]:
    """Return state and sum of rows, by the true registers of meters in turn.

    What a row holds is what all of them have counted since the oldest one.
    """
    spans = []
    begun, meter = ends[0], OLD
    for one in exchanges:
        spans.append((meter, begun, one.last))
        begun, meter = one.first, one.meter
    spans.append((meter, begun, ends[-1]))
    rows = []
    for end in ends:
        total, state = Decimal(0), None
        for meter, since, until in spans:
            if since <= end and (since < end or state is None):
                state = gateway.true_register(meter, code, min(end, until))
                total += state - gateway.true_register(meter, code, since)
        assert state is not None
        rows.append((float(state), float(total)))
    return rows


def codes(found: dict[str, list[StatisticsRow]]) -> set[str]:
    """Return the OBIS codes of statistics."""
    parts = [statistic.split("_")[-5:] for statistic in found]
    return {f"{a}-{b}:{c}.{d}.{e}" for a, b, c, d, e in parts}


def check(
    gateway: Any,
    found: dict[str, list[StatisticsRow]],
    exchanges: list[Exchange],
    last: datetime,
) -> None:
    """Have each row be right, without a hole, in the statistics of the first meter alone."""
    assert found.keys() == {id_of(gateway, OLD, code) for code in codes(found)}
    for code in codes(found):
        rows = found[id_of(gateway, OLD, code)]
        ends = [dt_util.utc_from_timestamp(row["end"]) for row in rows]
        assert ends[-1] == last
        assert all(row["change"] >= 0 for row in rows if row["change"] is not None)
        for row, (value, total) in zip(
            rows, golden(gateway, code, ends, exchanges), strict=True
        ):
            assert row["state"] == value
            assert row["sum"] == pytest.approx(total, abs=1e-7)


@pytest.mark.parametrize(
    "gateway",
    [PpcGateway, ThebenGateway, EmhGateway],
    indirect=True,
    ids=lambda kind: kind.__name__,
)
async def test_yes(
    hass: HomeAssistant,
    gateway: Any,
    loaded: MockConfigEntry,
    timeline: Timeline,
    answer: Answer,
) -> None:
    """What was recorded of the new meter goes over, and what comes follows."""
    await quarters(timeline, HALF, 1)
    assert issues(hass) == set()
    exchanged = exchange(gateway, HALF + QUARTER)
    await quarters(timeline, HALF + QUARTER, 11)
    before = await recorded(hass)
    assert len(before) == 2 * len(codes(before))
    assert set(BOTH) <= codes(before)
    assert issues(hass) == {"successor"}
    result = await answer(NEW, OLD.upper())
    assert result["type"] == "create_entry"
    assert result["form"]["description_placeholders"]["vanished"].startswith(
        f"- {OLD.upper()} ("
    )
    assert issues(hass) == set()
    await quarters(timeline, NINE + 14 * QUARTER, 1)
    check(gateway, await recorded(hass), [exchanged], NINE + 3 * HOUR)
    await quarters(timeline, NINE + 15 * QUARTER, 11)
    check(gateway, await recorded(hass), [exchanged], NINE + 6 * HOUR)
    await restart(hass, loaded, timeline)
    await quarters(timeline, NINE + 26 * QUARTER, 3)
    assert issues(hass) == set()
    check(gateway, await recorded(hass), [exchanged], NINE + 7 * HOUR)


async def test_no(
    hass: HomeAssistant,
    gateway: Any,
    loaded: MockConfigEntry,
    timeline: Timeline,
    answer: Answer,
) -> None:
    """Both keep their statistics, and nobody is asked again."""
    await polled_over_exchange(gateway, timeline, 6)
    assert (await answer(NEW, "none"))["type"] == "create_entry"
    assert issues(hass) == set()
    await quarters(timeline, HALF + 7 * QUARTER, 4)
    await restart(hass, loaded, timeline)
    await quarters(timeline, HALF + 11 * QUARTER, 2)
    assert issues(hass) == set()
    found = await recorded(hass)
    for code in BOTH:
        assert id_of(gateway, OLD, code) in found
        rows = found[id_of(gateway, NEW, code)]
        assert rows[0]["sum"] == 0
        assert rows[-1]["end"] == (NINE + 3 * HOUR).timestamp()


async def test_names(
    hass: HomeAssistant,
    gateway: Any,
    loaded: MockConfigEntry,
    timeline: Timeline,
    answer: Answer,
) -> None:
    """What a form tells to choose on the dashboard is the old meter's from then on."""
    await polled_over_exchange(gateway, timeline, 4)
    coordinator = loaded.runtime_data.coordinator
    (login,) = coordinator.logins
    told = [
        f"{name}, meter {{}} (hourly values)" for name in ("Grid import", "Grid export")
    ]

    async def names() -> set[str]:
        return set(await async_names(hass, gateway.gateway_id, login.credentials))

    assert await names() >= {name.format(NEW.upper()) for name in told}
    await answer(NEW, OLD.upper())
    after = await names()
    assert after >= {name.format(OLD.upper()) for name in told}
    assert after <= {one["name"] for one in await metadata(hass)}


async def test_chain(
    hass: HomeAssistant,
    gateway: Any,
    loaded: MockConfigEntry,
    timeline: Timeline,
    answer: Answer,
) -> None:
    """Exchanged twice: one statistic; each day is what all three have counted."""
    first = await polled_over_exchange(gateway, timeline, 2)
    # Long before an hour of its own is recorded, and in the middle of a day.
    await answer(NEW, OLD.upper())
    at = NINE + DAY + 2 * HOUR + QUARTER
    for hour in range(11, 35):
        await timeline.go_to(START.replace(hour=0, minute=0) + hour * HOUR + SETTLED)
    await quarters(timeline, at - 2 * QUARTER, 2)
    second = exchange(gateway, at, NEW, NEXT)
    await quarters(timeline, at, 8)
    assert issues(hass) == {"successor"}
    result = await answer(NEXT, NEW.upper())
    listed = result["form"]["description_placeholders"]["vanished"]
    assert listed.startswith(f"- {NEW.upper()} (")
    assert OLD.upper() not in listed
    await quarters(timeline, at + 8 * QUARTER, 4)
    exchanges = [first, second]
    check(gateway, await recorded(hass), exchanges, NINE + DAY + 5 * HOUR)

    for code in BOTH:
        bars = await days(hass, id_of(gateway, OLD, code))
        midnights = [
            dt_util.start_of_local_day(START) + number * DAY for number in range(2)
        ]
        true = gateway.true_register
        today = (
            true(OLD, code, first.last)
            - true(OLD, code, midnights[0])
            + true(NEW, code, midnights[1])
            - true(NEW, code, first.first)
        )
        assert bars["2026-11-20"] == pytest.approx(float(today), abs=1e-7)
        tomorrow = (
            true(NEW, code, second.last)
            - true(NEW, code, midnights[1])
            + true(NEXT, code, NINE + DAY + 5 * HOUR)
            - true(NEXT, code, second.first)
        )
        assert bars["2026-11-21"] == pytest.approx(float(tomorrow), abs=1e-7)


async def test_killed_before_it_was_joined(
    hass: HomeAssistant,
    gateway: Any,
    loaded: MockConfigEntry,
    timeline: Timeline,
    answer: Answer,
) -> None:
    """The answer is on disk before anything is moved; the next start goes on."""
    exchanged = await polled_over_exchange(gateway, timeline, 8)
    before = await recorded(hass)
    writer = loaded.runtime_data.history.writer
    async with writer._lock:
        # Nothing is moved as long as somebody else writes.
        client = answer(NEW, OLD.upper())
        task = hass.async_create_task(client)
        while "successor" in issues(hass):
            await timeline.breathe()
        await hass.config_entries.async_unload(loaded.entry_id)
    await task
    assert await recorded(hass) == before
    hass.data.pop(DOMAIN)
    await timeline.pass_by(minutes=14)
    await hass.config_entries.async_setup(loaded.entry_id)
    await quarters(timeline, HALF + 10 * QUARTER, 5)
    assert issues(hass) == set()
    check(gateway, await recorded(hass), [exchanged], NINE + 4 * HOUR)


async def test_several_have_gone(
    hass: HomeAssistant,
    gateway: Any,
    entry: MockConfigEntry,
    timeline: Timeline,
    answer: Answer,
) -> None:
    """The owner chooses; what counts something else is not offered."""
    meters = gateway.scenario.meters
    meters.add_meter("1esy0060178981", ("1-0:1.8.0",))
    meters.add_meter("7els0045678901", ("7-0:3.0.0",), interval=3600)
    await set_up(hass, entry)
    await quarters(timeline, HALF, 1)
    meters.remove_meter("1esy0060178981")
    meters.remove_meter("7els0045678901")
    await quarters(timeline, HALF + QUARTER, 2)
    assert issues(hass) == set()
    exchange(gateway, HALF + 3 * QUARTER)
    await quarters(timeline, HALF + 3 * QUARTER, 4)
    assert issues(hass) == {"successor"}
    result = await answer(NEW, "1ESY0060178981")
    options = result["form"]["data_schema"][0]["selector"]["select"]["options"]
    assert [option["value"] for option in options] == [
        OLD.upper(),
        "1ESY0060178981",
        "none",
    ]
    await quarters(timeline, HALF + 7 * QUARTER, 2)
    found = await recorded(hass)
    assert id_of(gateway, NEW, "1-0:1.8.0") not in found
    rows = found[id_of(gateway, "1esy0060178981", "1-0:1.8.0")]
    assert rows[-1]["state"] == float(
        gateway.true_register(NEW, "1-0:1.8.0", NINE + 2 * HOUR)
    )
    # Its other direction may be that of the other one.
    assert issues(hass) == {"successor"}
    await answer(NEW, OLD.upper())
    found = await recorded(hass)
    assert id_of(gateway, NEW, "1-0:2.8.0") not in found
    assert len(found[id_of(gateway, OLD, "1-0:2.8.0")]) > len(
        found[id_of(gateway, OLD, "1-0:1.8.0")]
    )


async def test_not_asked(
    hass: HomeAssistant, gateway: Any, entry: MockConfigEntry, timeline: Timeline
) -> None:
    """Not at the first set-up, nor while both are there, nor if both counted before."""
    meters = gateway.scenario.meters
    await set_up(hass, entry)
    assert issues(hass) == set()
    await quarters(timeline, HALF, 1)
    meters.add_meter(NEW, BOTH, anchor=HALF, new=True)
    await quarters(timeline, HALF + QUARTER, 8)
    assert issues(hass) == set()
    await restart(hass, entry, timeline)
    meters.remove_meter(OLD)
    await quarters(timeline, HALF + 10 * QUARTER, 4)
    assert issues(hass) == set()
