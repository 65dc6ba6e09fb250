"""Repair issues of the control side, backups, and the calendar."""

from datetime import timedelta
from decimal import Decimal
from http import HTTPStatus
from pathlib import Path
import shutil
from typing import Any
from uuid import uuid4

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.smgw import backup
from custom_components.smgw.cls.model import ChannelPhase, ChannelState
from custom_components.smgw.cls.reasons import ChannelReason
from custom_components.smgw.control.command import Command, SetSchedule, Slot
from custom_components.smgw.control.model import Direction, LimitKind
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
from homeassistant.util import dt as dt_util

from .conftest import Timeline, fresh_token, restart, set_up
from .control_home import (
    GRID,
    ORIGIN,
    SUPPLIER,
    cls_switch,
    entity,
    grid,
    hours,
    item,
    limit,
    order,
    room_of,
    settle,
    shown,
    supplier,
    with_subentries,
)


@pytest.fixture
async def home(hass: HomeAssistant, entry: MockConfigEntry) -> MockConfigEntry:
    """A home with a grid operator and a supplier."""
    made = with_subentries(
        entry, grid(), supplier(), cls_switch("SIGNAL", "Signal", participants=[GRID])
    )
    assert await set_up(hass, made)
    return made


def issues(hass: HomeAssistant) -> dict[str, str]:
    """Return the issues that are there: whose each is."""
    return {
        issue.translation_key or "": (issue.translation_placeholders or {}).get(
            "participant", ""
        )
        for issue in ir.async_get(hass).issues.values()
        if issue.active
    }


async def test_silence(
    hass: HomeAssistant, home: MockConfigEntry, timeline: Timeline
) -> None:
    """A participant that is silent for longer than its failsafe time is an issue, until it is heard."""
    room = room_of(home)
    await room.authority.contact(GRID)
    await room.authority.contact(SUPPLIER)
    await settle(hass, home)
    for _ in range(15):
        await timeline.pass_by(minutes=9)
        await room.authority.contact(SUPPLIER)
        await settle(hass, home)
    assert issues(hass) == {"participant_silent": "Stadtwerke"}
    await room.authority.contact(GRID)
    await settle(hass, home)
    assert issues(hass) == {}


async def test_a_tunnel_that_is_down(
    hass: HomeAssistant, home: MockConfigEntry, timeline: Timeline
) -> None:
    """Where there is a tunnel, it says since when; its sensor says why."""
    room = room_of(home)
    state = ChannelState(
        tunnel_id=SUPPLIER,
        participant_id=SUPPLIER,
        phase=ChannelPhase.WAITING,
        since=dt_util.utcnow(),
        reason=ChannelReason.TCP_REFUSED,
    )
    room.channel_changed(state)
    await timeline.pass_by(hours=1, minutes=50)
    state = state.but(since=dt_util.utcnow(), phase=ChannelPhase.CONNECTING)
    room.channel_changed(state)
    assert "participant_silent" not in issues(hass)
    await timeline.pass_by(minutes=15)
    room.channel_changed(state.but(phase=ChannelPhase.WAITING))
    await settle(hass, home)
    assert issues(hass)["participant_silent"] in ("Ökostrom", "Stadtwerke")
    attributes = shown(hass, home, "binary_sensor", f"{SUPPLIER}_connection")[1]
    assert (attributes["tunnel"], attributes["reason"]) == ("waiting", "tcp_refused")
    soon = dt_util.utcnow() + timedelta(days=10)
    room.channel_changed(state.but(phase=ChannelPhase.UP, peer_expires=soon))
    await settle(hass, home)
    assert issues(hass)["participant_certificate"] == "Ökostrom"
    # With a new one it is gone.
    late = dt_util.utcnow() + timedelta(days=31)
    room.channel_changed(state.but(phase=ChannelPhase.UP, peer_expires=late))
    await settle(hass, home)
    assert "participant_certificate" not in issues(hass)


async def test_last_contact(
    hass: HomeAssistant, home: MockConfigEntry, timeline: Timeline
) -> None:
    """It is told now and then while the participant is there, and exactly once it is not."""
    room = room_of(home)

    async def told(**changes: Any) -> str:
        nonlocal state
        state = state.but(**changes)
        room.channel_changed(state)
        await settle(hass, home)
        return shown(hass, home, "sensor", f"{SUPPLIER}_last_contact")[0]

    begun = dt_util.utcnow()
    state = ChannelState(
        tunnel_id=SUPPLIER, participant_id=SUPPLIER, since=begun, last_contact=begun
    )
    first = await told(phase=ChannelPhase.UP)
    assert first == begun.isoformat()
    soon = begun + timedelta(seconds=10)
    assert await told(last_contact=soon) == first
    assert await told(phase=ChannelPhase.WAITING) == soon.isoformat()
    later = begun + timedelta(minutes=4)
    assert await told(phase=ChannelPhase.UP, last_contact=later) == soon.isoformat()
    later = begun + timedelta(minutes=6)
    assert await told(last_contact=later) == later.isoformat()


async def test_clocks(hass: HomeAssistant, home: MockConfigEntry) -> None:
    """A command that is refused for its time is an issue, until one comes in time."""
    room = room_of(home)
    await room.authority.contact(GRID)
    late = Command(
        participant_id=GRID,
        transaction_id=str(uuid4()),
        created=hours(-1),
        until=hours(1),
        body=limit(3000),
        origin=ORIGIN,
    )
    answer = await room.authority.submit(late)
    await settle(hass, home)
    assert answer.verdict.reason == "stale"
    assert issues(hass) == {"participant_clock": "Stadtwerke"}
    await order(hass, home, GRID, limit(3000))
    assert issues(hass) == {}


async def test_no_grants(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """A participant that may do nothing is an issue; naming it at a switch is enough."""
    switch = cls_switch("SIGNAL", "Signal", participants=[])
    home = with_subentries(entry, supplier(prices=False), switch)
    assert await set_up(hass, home)
    assert issues(hass) == {"participant_no_grants": "Ökostrom"}
    subentry = home.subentries["SIGNAL"]
    hass.config_entries.async_update_subentry(
        home, subentry, data={"participants": [SUPPLIER]}
    )
    await settle(hass, home)
    assert issues(hass) == {}


async def test_a_damaged_ledger(
    hass: HomeAssistant,
    home: MockConfigEntry,
    timeline: Timeline,
    hass_config_dir: str,
) -> None:
    """It is set aside and kept, a new one begins with the failsafe limit, and the owner is told."""
    await order(hass, home, GRID, limit(3000))
    await hass.config_entries.async_unload(home.entry_id)
    name = f"{(home.unique_id or '').lower()}.ledger"
    file = Path(hass_config_dir, ".storage", "smgw", name)
    await hass.async_add_executor_job(file.write_bytes, b"no database" * 1000)
    await hass.config_entries.async_setup(home.entry_id)
    await settle(hass, home)
    assert "ledger_replaced" in issues(hass)
    assert shown(hass, home, "sensor", "consumption_limit")[0] == "4200"
    kept = await hass.async_add_executor_job(
        lambda: list(file.parent.glob("*.damaged-*"))
    )
    assert len(kept) == 1
    await restart(hass, home, timeline)
    assert "ledger_replaced" not in issues(hass)


async def test_no_place_for_a_ledger(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    timeline: Timeline,
    hass_config_dir: str,
) -> None:
    """Readings go on, nothing is controlled, and it is tried again."""
    folder = Path(hass_config_dir, ".storage", "smgw")
    await hass.async_add_executor_job(lambda: folder.parent.mkdir(exist_ok=True))
    await hass.async_add_executor_job(folder.write_text, "a file in the way")
    home = with_subentries(entry, grid())
    assert await set_up(hass, home)
    assert home.state is ConfigEntryState.LOADED
    assert home.runtime_data.control is None
    assert "ledger_closed" in issues(hass)
    await hass.async_add_executor_job(folder.unlink)
    await timeline.pass_by(minutes=6)
    await settle(hass, home)
    assert issues(hass) == {}


async def test_a_backup_holds_a_whole_ledger(
    hass: HomeAssistant, home: MockConfigEntry, timeline: Timeline, hass_config_dir: str
) -> None:
    """What is copied while commands go on is a ledger that opens, up to some row."""
    folder = Path(hass_config_dir, ".storage", "smgw")
    copy = Path(hass_config_dir, "copy")
    await backup.async_pre_backup(hass)
    await order(hass, home, GRID, limit(3000))
    await hass.async_add_executor_job(shutil.copytree, folder, copy)
    await order(hass, home, GRID, limit(2000))
    await backup.async_post_backup(hass)
    await hass.config_entries.async_unload(home.entry_id)
    await hass.async_add_executor_job(shutil.rmtree, folder)
    await hass.async_add_executor_job(shutil.copytree, copy, folder)
    await hass.config_entries.async_setup(home.entry_id)
    await settle(hass, home)
    assert shown(hass, home, "sensor", "consumption_limit")[0] == "3000"
    assert await room_of(home).ledger.check() is None


async def test_calendar(
    hass: HomeAssistant,
    home: MockConfigEntry,
    hass_client: ClientSessionGenerator,
    hass_admin_user: MockUser,
) -> None:
    """What was ordered for now and later is in the calendar."""
    start = dt_util.utcnow().replace(minute=0) + timedelta(hours=2)
    slots = tuple(
        Slot(start=begin, end=begin + timedelta(hours=1), value=Decimal(watts))
        for begin, watts in ((start, 5000), (start + timedelta(hours=1), 4200))
    )
    body = SetSchedule(
        direction=Direction.CONSUMPTION, kind=LimitKind.CONTRACT, slots=slots
    )
    await order(hass, home, GRID, body, until=None)
    await order(hass, home, GRID, item("SIGNAL", True), start=hours(5), until=hours(6))
    calendar = entity(hass, "calendar", "orders", home.unique_id or "")
    client = await hass_client(await fresh_token(hass, hass_admin_user))
    response = await client.get(
        f"/api/calendars/{calendar}",
        params={"start": hours(0).isoformat(), "end": hours(24).isoformat()},
    )
    assert response.status == HTTPStatus.OK
    told = [
        (event["start"]["dateTime"][11:16], event["summary"])
        for event in await response.json()
    ]
    assert told == [
        ("12:00", "Stadtwerke: consumption at most 5000 W"),
        ("13:00", "Stadtwerke: consumption at most 4200 W"),
        ("15:07", "Stadtwerke: Signal to on"),
    ]
    state = hass.states.get(calendar)
    assert state is not None
    assert state.attributes["message"] == "Stadtwerke: consumption at most 5000 W"
