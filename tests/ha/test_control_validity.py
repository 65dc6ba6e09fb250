"""Participants whose time is over, also while nothing can be written down."""

from datetime import timedelta

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
from tests.control.test_disk import fill_disk, make_room

from .cls_world import free_port
from .conftest import START, Timeline, set_up
from .control_home import (
    GRID,
    grid,
    limit,
    order,
    room_of,
    settle,
    supplier,
    with_subentries,
)

END = START + timedelta(hours=1)


async def test_it_ends(
    hass: HomeAssistant, entry: MockConfigEntry, timeline: Timeline
) -> None:
    """From its last day on it may do nothing, and nobody has to ask."""
    home = with_subentries(entry, grid(valid_until=END.isoformat()))
    assert await set_up(hass, home)
    assert (await order(hass, home, GRID, limit(3000))).verdict.accepted
    await timeline.go_to(END)
    await settle(hass, home)
    assert room_of(home).picture.commands == ()
    late = await order(hass, home, GRID, limit(2000))
    assert late.verdict.reason == "not_granted"


async def test_it_ends_without_a_ledger(
    hass: HomeAssistant, entry: MockConfigEntry, timeline: Timeline
) -> None:
    """Also if that cannot be written down when it comes, but only later."""
    home = with_subentries(entry, grid(valid_until=END.isoformat()))
    assert await set_up(hass, home)
    room = room_of(home)
    await fill_disk(room.ledger)
    await timeline.go_to(END)
    await timeline.pass_by(minutes=10)
    await make_room(room.ledger)
    await timeline.pass_by(minutes=2)
    await settle(hass, home)
    assert room_of(home) is room
    late = await order(hass, home, GRID, limit(2000))
    assert late.verdict.reason == "not_granted"


def issues(hass: HomeAssistant) -> set[tuple[str, str]]:
    """Return the issues that are there, and whose they are."""
    return {
        (
            issue.translation_key or "",
            (issue.translation_placeholders or {})["participant"],
        )
        for issue in ir.async_get(hass).issues.values()
        if issue.active
    }


async def test_nothing_is_missed_of_whom_nothing_is_expected(
    hass: HomeAssistant, entry: MockConfigEntry, timeline: Timeline
) -> None:
    """Before its first day and from its last day on nobody is missed; nor are grants of whom is gone."""
    later = START + timedelta(days=1)
    home = with_subentries(
        entry,
        grid(valid_until=END.isoformat(), limits={}),
        supplier(valid_from=later.isoformat()),
    )
    assert await set_up(hass, home)
    assert issues(hass) == {("participant_no_grants", "Stadtwerke")}
    await timeline.go_to(END)
    await timeline.pass_by(hours=3)
    await settle(hass, home)
    assert issues(hass) == set()
    await hass.config_entries.async_reload(home.entry_id)
    await timeline.go_to(later)
    await timeline.pass_by(hours=1)
    await settle(hass, home)
    assert issues(hass) == set()
    # From its first day on the other one is missed.
    await timeline.pass_by(hours=2)
    await settle(hass, home)
    assert issues(hass) == {("participant_silent", "Ökostrom")}


@pytest.mark.parametrize("lab", [True, False])
async def test_nobody_is_missed_at_a_door_that_the_owner_has_shut(
    hass: HomeAssistant, entry: MockConfigEntry, timeline: Timeline, lab: bool
) -> None:
    """Without the laboratory a participant of it cannot come, and its cable is no matter."""
    channel = {"tunnel": "direct", "bind_host": "127.0.0.1", "bind_port": free_port()}
    home = with_subentries(entry, supplier(**channel), lab=lab)
    assert await set_up(hass, home)
    await timeline.pass_by(hours=3)
    await settle(hass, home)
    assert issues(hass) == ({("participant_silent", "Ökostrom")} if lab else set())
