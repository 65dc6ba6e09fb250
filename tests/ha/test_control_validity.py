"""Participants whose time is over, also while nothing can be written down."""

from datetime import timedelta

from pytest_homeassistant_custom_component.common import MockConfigEntry

from homeassistant.core import HomeAssistant
from tests.control.test_disk import fill_disk, make_room

from .conftest import START, Timeline, set_up
from .control_home import GRID, grid, limit, order, room_of, settle, with_subentries

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
