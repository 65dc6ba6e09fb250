"""Private keys of tunnels: where they lie, and that they go with what they were for."""

import asyncio
from collections.abc import Generator
import json
from pathlib import Path
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers.storage import Store
from tests.client_keys import consumer

from .cls_world import free_port
from .conftest import Timeline, restart, set_up
from .control_home import SUPPLIER, supplier, with_subentries
from .participants import add, answer, change, choose, keys, only, save, to_grants

OWN = consumer("HA-1")
IDENTITY = {"certificate": OWN.pem, "key": OWN.key_pem}


# Other tests keep what is stored in memory; the fixture of Home Assistant replaces these.
REAL = {
    name: getattr(Store, name)
    for name in ("_async_load", "_async_write_data", "async_remove")
}


@pytest.fixture
def file(
    hass: HomeAssistant, hass_config_dir: str, entry: MockConfigEntry
) -> Generator[Path]:
    """Where the keys lie; files are real."""
    with pytest.MonkeyPatch.context() as patch:
        for name, real in REAL.items():
            patch.setattr(Store, name, real)
        name = f"smgw.{(entry.unique_id or '').lower()}.keys"
        yield Path(hass_config_dir, ".storage", name)


def on_disk(file: Path) -> list[str] | None:
    """Return the keys in the file; None: there is none."""
    if not file.exists():
        return None
    assert file.stat().st_mode & 0o777 == 0o600
    return list(json.loads(file.read_text(encoding="utf-8"))["data"].values())


def block(file: Path) -> None:
    """Have something else where the file should be."""
    (file / "in the way").mkdir(parents=True)


def lose(file: Path) -> None:
    """Remove the file, or what is in its place."""
    if file.is_dir():
        (file / "in the way").rmdir()
        file.rmdir()
    else:
        file.unlink()


async def test_private(
    hass: HomeAssistant, loaded: MockConfigEntry, file: Path, timeline: Timeline
) -> None:
    """Nobody else may read it, and it is nowhere else; it is there after a restart."""
    assert on_disk(file) is None
    await add(hass, loaded)
    (key,) = await keys(hass, loaded)
    assert "PRIVATE KEY" in key
    assert on_disk(file) == [key]
    assert "PRIVATE KEY" not in json.dumps(loaded.as_dict(), default=str)
    await restart(hass, loaded, timeline)
    assert await keys(hass, loaded) == [key]


async def test_renewed(
    hass: HomeAssistant, loaded: MockConfigEntry, file: Path, timeline: Timeline
) -> None:
    """A key whose certificate is not used any more goes; one that was not saved is never written."""
    participant = (await add(hass, loaded)).subentry_id
    flow = await choose(hass, await change(hass, loaded, participant), "certificate")
    flow = await choose(hass, flow, "identity_new")
    flow = await answer(hass, await answer(hass, flow, common_name="HA-1"))
    assert len(on_disk(file) or ()) == 1
    await save(hass, flow)
    old, new = await keys(hass, loaded)
    assert sorted(on_disk(file) or ()) == sorted([old, new])
    flow = await choose(hass, await change(hass, loaded, participant), "certificate")
    await save(hass, await answer(hass, await choose(hass, flow, "identity_use")))
    await timeline.pass_by(minutes=1)
    assert on_disk(file) == [new]


async def test_removed(
    hass: HomeAssistant, loaded: MockConfigEntry, file: Path, timeline: Timeline
) -> None:
    """A participant takes its key with it, an entry all of them."""
    first = await add(hass, loaded)
    (gone,) = await keys(hass, loaded)
    hass.config_entries.async_remove_subentry(loaded, first.subentry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    await add(hass, loaded)
    await timeline.pass_by(minutes=1)
    (kept,) = on_disk(file) or ()
    assert kept != gone
    await hass.config_entries.async_remove(loaded.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert on_disk(file) is None


async def test_not_written(
    hass: HomeAssistant, loaded: MockConfigEntry, file: Path
) -> None:
    """A participant whose key is not on disk is not saved; later it is."""
    flow = await choose(hass, await to_grants(hass, loaded), "review")
    block(file)
    flow = await answer(hass, flow)
    assert flow["errors"] == {"base": "cls_key_not_kept"}
    assert not list(loaded.get_subentries_of_type("participant"))
    lose(file)
    flow = await answer(hass, flow)
    assert flow["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done(wait_background_tasks=True)
    assert on_disk(file) == await keys(hass, loaded)


async def test_of_an_earlier_version(
    hass: HomeAssistant, entry: MockConfigEntry, file: Path, timeline: Timeline
) -> None:
    """Keys that were stored with the participant move."""
    old = with_subentries(entry, supplier(identities=[IDENTITY]))
    assert (old.version, old.minor_version) == (1, 1)
    assert await set_up(hass, old)
    assert (old.version, old.minor_version) == (1, 2)
    assert on_disk(file) == await keys(hass, old) == [OWN.key_pem]
    assert only(old).data["identities"] == [{"certificate": OWN.pem}]
    assert only(old).data["prices"] is True
    await restart(hass, old, timeline)
    assert await keys(hass, old) == [OWN.key_pem]


async def test_earlier_version_and_no_room(
    hass: HomeAssistant, entry: MockConfigEntry, file: Path
) -> None:
    """Nothing is taken out of the entry before it is on disk elsewhere."""
    old = with_subentries(entry, supplier(identities=[IDENTITY]))
    block(file)
    assert not await set_up(hass, old)
    assert old.state is ConfigEntryState.MIGRATION_ERROR
    assert old.minor_version == 1
    assert only(old).data["identities"] == [IDENTITY]


async def test_of_a_later_version(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Nobody knows what a later version has stored."""
    entry.add_to_hass(hass)
    hass.config_entries.async_update_entry(entry, version=2)
    assert not await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.MIGRATION_ERROR


async def test_lost(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    file: Path,
    timeline: Timeline,
    socket_enabled: None,
) -> None:
    """Without its key there is no tunnel, and its state says why; all else goes on, and a new key can be made."""
    old = with_subentries(
        entry, supplier(identities=[IDENTITY], host="127.0.0.1", port=free_port())
    )
    await set_up(hass, old)
    await hass.config_entries.async_unload(old.entry_id)
    forget: dict[Any, Any] = hass.data
    forget.pop("smgw_keys")
    lose(file)
    assert await hass.config_entries.async_setup(old.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    channels = old.runtime_data.control.channels
    while SUPPLIER not in channels or channels[SUPPLIER].reason != "own_unusable":
        await asyncio.sleep(0)
    flow = await choose(hass, await change(hass, old, SUPPLIER), "certificate")
    flow = await choose(hass, flow, "identity_new")
    flow = await answer(hass, await answer(hass, flow, common_name="HA-1"))
    await save(hass, flow)
    assert len(await keys(hass, old)) == 1
