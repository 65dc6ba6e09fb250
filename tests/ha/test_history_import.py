"""The gateway's history becomes statistics by itself, exact to its registers."""

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
)

from custom_components.smgw import importer
from custom_components.smgw.const import DOMAIN
from custom_components.smgw.han.history import ProfileSlice
from homeassistant.core import HomeAssistant, State
from homeassistant.helpers.recorder import get_instance
from homeassistant.util import dt as dt_util
from simulator.emh import EmhGateway
from simulator.ppc import PpcGateway
from simulator.theben import ThebenGateway

from .conftest import START, Timeline, restart, set_up, shut_down
from .recorder_rows import HOUSE, counting, id_of, metadata, recorded
from .test_budget import press
from .test_config_flow import submit, to_login
from .test_coordinator import SETTLED, session_starts

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
WEEK = 7 * DAY
BOTH = ("1-0:1.8.0", "1-0:2.8.0")
NINE = START.replace(minute=0)
pytestmark = [
    pytest.mark.usefixtures("recorder_mock"),
    pytest.mark.meters(HOUSE[0]),
    pytest.mark.past(days=7),
]
over_the_change_of_time = pytest.mark.past(days=40)


def state(hass: HomeAssistant) -> State:
    """Return what the sensor shows."""
    (entity_id,) = [
        entity_id
        for entity_id in hass.states.async_entity_ids("sensor")
        if entity_id.endswith("_history_import")
    ]
    found = hass.states.get(entity_id)
    assert found is not None
    return found


def exports(gateway: Any) -> int:
    """Return how many slices were asked for (of a PPC)."""
    return [record.action for record in gateway.requests].count("exportMeterValues")


async def check(
    hass: HomeAssistant, gateway: Any, last: datetime = NINE
) -> dict[str, list[datetime]]:
    """Have every bar be what the register counted, without a hole up to `last`.

    Return the rows' ends by statistic.
    """
    found = await recorded(hass)
    registers = counting(gateway)
    assert {id_of(gateway, HOUSE[0], code) for code in BOTH} <= found.keys()
    result = {}
    for statistic, rows in found.items():
        ends = [dt_util.utc_from_timestamp(row["end"]) for row in rows]
        assert ends[-1] == last
        steps = [b - a for a, b in pairwise(ends)]
        # The gateway marks a value now and then; the next hour carries it.
        assert all(step <= 2 * HOUR for step in steps)
        assert steps.count(2 * HOUR) <= len(steps) / 100
        truth = [gateway.true_register(*registers[statistic], end) for end in ends]
        assert [row["state"] for row in rows] == [float(one) for one in truth]
        assert rows[0]["change"] == rows[0]["sum"] == pytest.approx(0, abs=1e-9)
        for row, one in zip(rows, truth, strict=True):
            assert row["sum"] == pytest.approx(float(one - truth[0]), abs=1e-6)
        result[statistic] = ends
    return result


@pytest.mark.parametrize(
    "gateway",
    [PpcGateway, ThebenGateway, EmhGateway],
    indirect=True,
    ids=lambda kind: kind.__name__,
)
@over_the_change_of_time
async def test_at_once(
    hass: HomeAssistant,
    gateway: Any,
    loaded: MockConfigEntry,
) -> None:
    """After the first session all is there."""
    for ends in (await check(hass, gateway)).values():
        assert ends[0] == NINE - 40 * DAY + HOUR
    progress = state(hass)
    assert progress.state == "done"
    assert progress.attributes["registers_done"] == progress.attributes["registers"]
    assert progress.attributes["oldest"] == NINE - 40 * DAY + HOUR


async def test_the_first_session_is_enough(
    hass: HomeAssistant, gateway: Any, loaded: MockConfigEntry
) -> None:
    """Set-up opens one session, and the history rides in it."""
    assert len(session_starts(gateway)) == 1
    assert gateway.open_sessions == 0
    await check(hass, gateway)


async def test_set_up_by_the_flow(
    hass: HomeAssistant, gateway: Any, timeline: Timeline
) -> None:
    """The form says what to choose; the history begins without waiting for a poll."""
    flow = await to_login(hass, gateway)
    result = await submit(hass, flow, username=gateway.user, password=gateway.password)
    assert result["description"] == "with_statistics"
    assert result["description_placeholders"]["statistics"] == "\n".join(
        f"- {name}, meter {HOUSE[0].upper()} (hourly values)"
        for name in ("Grid import", "Grid export")
    )
    await hass.async_block_till_done(wait_background_tasks=True)
    await check(hass, gateway)
    names = {one["name"] for one in await metadata(hass)}
    for line in result["description_placeholders"]["statistics"].splitlines():
        assert line.removeprefix("- ") in names


@pytest.mark.parametrize(
    "gateway", [PpcGateway, ThebenGateway], indirect=True, ids=lambda k: k.__name__
)
async def test_outage_of_the_gateway(
    hass: HomeAssistant, gateway: Any, loaded: MockConfigEntry, timeline: Timeline
) -> None:
    """However long it was away, the first session after it fills the hours."""
    gateway.faults.add("server_error")
    for quarter in range(1, 40):
        await timeline.go_to(NINE + quarter * HOUR / 4 + SETTLED)
    gateway.faults.clear()
    for quarter in range(40, 46):
        await timeline.go_to(NINE + quarter * HOUR / 4 + SETTLED)
    await check(hass, gateway, NINE + 11 * HOUR)
    assert state(hass).state == "done"


async def test_outage_of_home_assistant(
    hass: HomeAssistant, gateway: Any, loaded: MockConfigEntry, timeline: Timeline
) -> None:
    """After a start what was missed is filled; the rest is not asked for again."""
    await shut_down(hass, loaded, timeline)
    await timeline.go_to(NINE + 50 * HOUR + timedelta(minutes=20))
    gateway.clear_requests()
    await hass.config_entries.async_setup(loaded.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    await check(hass, gateway, NINE + 50 * HOUR)
    assert exports(gateway) == 1


async def test_nothing_is_asked_twice(
    hass: HomeAssistant, gateway: Any, loaded: MockConfigEntry, timeline: Timeline
) -> None:
    """Polls bring each hour; until the night no history is asked for."""
    gateway.clear_requests()
    for quarter in range(1, 17):
        await timeline.go_to(NINE + quarter * HOUR / 4 + SETTLED)
    assert exports(gateway) == 0
    await check(hass, gateway, NINE + 4 * HOUR)


@pytest.mark.parametrize("gateway", [ThebenGateway], indirect=True)
async def test_polls_without_the_full_hour(
    hass: HomeAssistant, gateway: Any, loaded: MockConfigEntry, timeline: Timeline
) -> None:
    """Where a gateway shows values of the minute, the profile has those of the hour."""
    assert any(contract.taf == 14 for contract in gateway.scenario.contracts)
    for quarter in range(1, 10):
        await timeline.go_to(NINE + quarter * HOUR / 4 + SETTLED)
    await check(hass, gateway, NINE + 2 * HOUR)


async def test_corrected_at_night(
    hass: HomeAssistant, gateway: Any, loaded: MockConfigEntry, timeline: Timeline
) -> None:
    """A value that the gateway did not have, or had wrong, is replaced at night."""
    hour, statistic = NINE - 20 * HOUR, id_of(gateway, *HOUSE)
    before = await check(hass, gateway)
    assert hour in before[statistic]
    rows = {row["end"]: row for row in (await recorded(hass))[statistic]}
    was = rows[hour.timestamp()]["state"]
    gateway.override(*HOUSE, hour, wert=f"{was + 0.001:.4f}")
    night = (NINE + DAY).replace(hour=1, minute=15)
    gateway.clear_requests()
    await timeline.go_to(night - HOUR + SETTLED)
    assert exports(gateway) <= 1
    gateway.clear_requests()
    await timeline.go_to(night + SETTLED)
    assert exports(gateway) == 1
    after = {row["end"]: row for row in (await recorded(hass))[statistic]}
    changed = [end for end in rows if after[end]["state"] != rows[end]["state"]]
    assert changed == [hour.timestamp()]
    assert after[hour.timestamp()]["state"] == pytest.approx(was + 0.001)
    assert after[hour.timestamp()]["sum"] == pytest.approx(
        rows[hour.timestamp()]["sum"] + 0.001
    )
    await timeline.go_to(night + HOUR / 4 + SETTLED)
    assert exports(gateway) == 1


async def importing(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    gateway: Any,
    timeline: Timeline,
    slices: int,
) -> None:
    """Set up a gateway of small slices; return when so many were asked for."""
    gateway.faults.add("range_limit_1000")
    entry.add_to_hass(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    while exports(gateway) < slices:
        await timeline.breathe()


@over_the_change_of_time
async def test_stopped_in_the_middle(
    hass: HomeAssistant,
    gateway: Any,
    entry: MockConfigEntry,
    timeline: Timeline,
) -> None:
    """What is recorded stays, the rest comes after the start, and nothing twice."""
    await importing(hass, entry, gateway, timeline, slices=4)
    assert state(hass).state == "running"
    await hass.config_entries.async_unload(entry.entry_id)
    assert gateway.open_sessions == 0
    await timeline.pass_by(seconds=5)
    hass.data.pop(DOMAIN)
    begun = await recorded(hass)
    rows, before = begun[id_of(gateway, *HOUSE)], exports(gateway)
    assert rows[0]["sum"] == 0
    assert 24 < len(rows) < 39 * 24

    gateway.clear_requests()
    await timeline.pass_by(minutes=14)
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    ends = await check(hass, gateway)
    assert {len(ends) for ends in ends.values()} <= {959, 960, 958, 957}
    assert state(hass).state == "done"
    each = len(rows) / before
    assert exports(gateway) * each <= 960 - len(rows) + 3 * each


@pytest.mark.parametrize("gone", [False, True])
async def test_killed_between_lift_and_rows(
    hass: HomeAssistant,
    gateway: Any,
    loaded: MockConfigEntry,
    timeline: Timeline,
    monkeypatch: pytest.MonkeyPatch,
    gone: bool,
) -> None:
    """The sums were lifted for rows that never came; the next ride sets it right.

    `gone`: the gateway has forgotten the older readings meanwhile.
    """
    statistic = id_of(gateway, *HOUSE)
    older = NINE - WEEK - DAY
    lift = gateway.true_register(*HOUSE, NINE - WEEK + HOUR) - gateway.true_register(
        *HOUSE, older
    )
    get_instance(hass).async_adjust_statistics(
        statistic, NINE - WEEK, float(lift), "kWh"
    )
    assert (await recorded(hass))[statistic][0]["sum"] > 0
    if not gone:
        monkeypatch.setattr(importer, "KEPT", WEEK + 2 * DAY)
    await shut_down(hass, loaded, timeline)
    await timeline.pass_by(minutes=14)
    await hass.config_entries.async_setup(loaded.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    await timeline.pass_by(minutes=15)
    await check(hass, gateway)


@over_the_change_of_time
async def test_cancelled_and_begun_again(
    hass: HomeAssistant,
    gateway: Any,
    entry: MockConfigEntry,
    timeline: Timeline,
) -> None:
    """The owner ends it; new hours still come; the action goes on where it was."""
    await importing(hass, entry, gateway, timeline, slices=2)
    button = f"button.smgw_{gateway.gateway_id.lower()}_cancel_history_import"
    await press(hass, button)
    assert state(hass).state == "cancelled"
    asked = exports(gateway)
    assert asked <= 4
    oldest = (await check(hass, gateway))[id_of(gateway, *HOUSE)][0]
    assert oldest > NINE - 30 * DAY
    await timeline.go_to(NINE + HOUR + SETTLED)
    await timeline.go_to(NINE + 2 * HOUR + SETTLED)
    assert exports(gateway) == asked
    await check(hass, gateway, NINE + 2 * HOUR)
    await restart(hass, entry, timeline)
    assert state(hass).state == "cancelled"

    await hass.services.async_call(
        DOMAIN, "import_history", {"config_entry_id": entry.entry_id}, blocking=True
    )
    assert state(hass).state == "waiting"
    await timeline.go_to(NINE + 3 * HOUR + SETTLED)
    ends = (await check(hass, gateway, NINE + 3 * HOUR))[id_of(gateway, *HOUSE)]
    assert ends[0] < NINE - 39 * DAY
    assert state(hass).state == "done"


async def test_a_span_again(
    hass: HomeAssistant, gateway: Any, loaded: MockConfigEntry, timeline: Timeline
) -> None:
    """The action reads what is there already, and overwrites what has changed."""
    hour, statistic = NINE - 5 * DAY, id_of(gateway, *HOUSE)
    gateway.clear_requests()
    rows = {row["end"]: row for row in (await recorded(hass))[statistic]}
    was = rows[hour.timestamp()]["state"]
    gateway.override(*HOUSE, hour, wert=f"{was + 0.001:.4f}")
    await hass.services.async_call(
        DOMAIN,
        "import_history",
        {
            "config_entry_id": loaded.entry_id,
            "start": (hour - DAY).isoformat(),
            "end": (hour + DAY).isoformat(),
        },
        blocking=True,
    )
    await timeline.go_to(START.replace(minute=30) + SETTLED)
    assert exports(gateway) == 1
    after = {row["end"]: row for row in (await recorded(hass))[statistic]}
    assert after.keys() == rows.keys()
    assert after[hour.timestamp()]["state"] == pytest.approx(was + 0.001)


async def test_cleared_statistics_come_back(
    hass: HomeAssistant, gateway: Any, loaded: MockConfigEntry, timeline: Timeline
) -> None:
    """What the owner, or a new database, has lost is imported after the next start."""
    await check(hass, gateway)
    get_instance(hass).async_clear_statistics(list(counting(gateway)))
    await async_wait_recording_done(hass)
    await shut_down(hass, loaded, timeline)
    await timeline.pass_by(minutes=14)
    await hass.config_entries.async_setup(loaded.entry_id)
    await timeline.go_to(START.replace(minute=45) + SETTLED)
    # That they are gone shows in the first session, and is made up for in the next one.
    await timeline.go_to(START.replace(hour=START.hour + 1, minute=0) + SETTLED)
    await check(hass, gateway, NINE + HOUR)


async def test_late_values(
    hass: HomeAssistant, gateway: Any, entry: MockConfigEntry, timeline: Timeline
) -> None:
    """What the gateway's history lacks yet is asked for again, gently."""
    gateway.faults.add("no_recent_history", hours=6)
    await set_up(hass, entry)
    found = (await recorded(hass))[id_of(gateway, *HOUSE)]
    assert len(found) > 150
    gateway.clear_requests()
    for quarter in range(1, 13):
        await timeline.go_to(NINE + quarter * HOUR / 4 + SETTLED)
    assert 2 <= exports(gateway) <= 3
    gateway.faults.clear()
    for quarter in range(13, 21):
        await timeline.go_to(NINE + quarter * HOUR / 4 + SETTLED)
    await check(hass, gateway, NINE + 5 * HOUR)


async def test_slices_are_handed_on(
    hass: HomeAssistant, gateway: Any, loaded: MockConfigEntry, timeline: Timeline
) -> None:
    """Who wants the quarter hours gets them with each slice."""
    heard: list[ProfileSlice] = []
    history = loaded.runtime_data.history
    unlisten = history.importer.async_listen_slices(
        lambda login, part: heard.append(part)
    )
    night = (NINE + DAY).replace(hour=1, minute=15) + SETTLED
    await timeline.go_to(night)
    (part,) = heard
    assert part.meter_id == HOUSE[0].upper()
    assert len(part.profiles[HOUSE[1]].rows) > 280
    unlisten()


@over_the_change_of_time
async def test_what_cannot_be_read(
    hass: HomeAssistant,
    gateway: Any,
    entry: MockConfigEntry,
    timeline: Timeline,
) -> None:
    """A month that is broken does not keep the one before it waiting."""
    gateway.faults.add("garbage_body", action="exportMeterValues")
    await set_up(hass, entry)
    assert state(hass).state == "failed"
    assert state(hass).attributes["error"] == "not_a_gateway"
    assert len((await recorded(hass))[id_of(gateway, *HOUSE)]) == 1

    gateway.faults.clear()
    await timeline.go_to(START.replace(minute=30) + SETTLED)
    rows = (await recorded(hass))[id_of(gateway, *HOUSE)]
    assert rows[0]["start"] == (NINE - 40 * DAY).timestamp()
    assert len(rows) < 10 * 24
    assert state(hass).state == "waiting"
    await timeline.go_to(START.replace(minute=45) + SETTLED)
    await check(hass, gateway)
    assert state(hass).state == "done"
